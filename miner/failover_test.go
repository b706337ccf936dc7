package miner_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gominer/miner"
	"gominer/miner/minertest"
)

// outage is a source that is down between from and to, after the start of time.
type outage struct {
	label    string
	start    time.Time
	from, to time.Duration

	mu     sync.Mutex
	shares []time.Duration // when each came
	job    uint32
}

func (o *outage) Name() string { return o.label }

func (o *outage) Run(ctx context.Context, s *miner.Session) error {
	if since := time.Since(o.start); since >= o.from && since < o.to {
		return errors.New("connection refused")
	}
	if o.from > time.Since(o.start) {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, o.start.Add(o.from))
		defer cancel()
	}
	s.Status(miner.SourceStatus{State: miner.Up, URL: "stratum+tcp://" + o.label})
	j := minertest.Job(o.job)
	j.ID = o.label
	s.Publish(j)
	for {
		select {
		case sh := <-s.Shares():
			if sh.Job.ID != o.label {
				return fmt.Errorf("share of %s came to %s", sh.Job.ID, o.label)
			}
			o.mu.Lock()
			o.shares = append(o.shares, time.Since(o.start))
			o.mu.Unlock()
			s.Report(sh, nil)
		case <-ctx.Done():
			return errors.New("connection lost")
		}
	}
}

func TestFailover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		a := &outage{label: "primary", start: now, from: time.Hour, to: 2 * time.Hour, job: 1}
		b := &outage{label: "backup", start: now, from: 90 * time.Minute, to: 91 * time.Minute, job: 2}
		c := &outage{label: "third", start: now, from: 1000 * time.Hour, to: 1000 * time.Hour, job: 3}
		s := run(t, 3*time.Hour, miner.Config{
			Source:  miner.Failover(a, b, c),
			Devices: []miner.Device{&minertest.Device{Label: "dev", Rate: 100}},
		})
		if s.Shares.Rejected != 0 || s.Shares.Accepted < 10_000 {
			t.Errorf("%+v", s.Shares)
		}
		for _, src := range s.Sources { // the end of the run is nobody's failure
			if src.Status.State == miner.Down && src.Name == "primary" {
				t.Errorf("%s is down at the end: %v", src.Name, src.Status.Err)
			}
		}
		type stretch struct {
			label    string
			from, to time.Duration
		}
		var got []stretch
		for _, o := range []*outage{a, b, c} {
			for i, at := range o.shares {
				if i == 0 || at-o.shares[i-1] > 30*time.Second {
					got = append(got, stretch{label: o.label, from: at})
				}
				got[len(got)-1].to = at
			}
		}
		slices.SortFunc(got, func(x, y stretch) int { return int(x.from - y.from) })
		// The next source is run at once. A better one is tried every 30 s and
		// must stay up for a minute before it is returned to.
		const back = time.Minute
		for i, want := range []stretch{ // from and to: when the stretch may begin
			{"primary", 0, 2 * time.Second},
			{"backup", time.Hour, time.Hour + 2*time.Second},
			{"third", 90 * time.Minute, 90*time.Minute + 2*time.Second},
			{"backup", 91*time.Minute + back, 91*time.Minute + back + 32*time.Second},
			{"primary", 2*time.Hour + back, 2*time.Hour + back + 32*time.Second},
		} {
			if i >= len(got) || got[i].label != want.label || got[i].from < want.from || got[i].from > want.to {
				t.Fatalf("mined on %v; stretch %d should be on %s from %v to %v", got, i, want.label, want.from, want.to)
			}
		}
		if len(got) != 5 {
			t.Errorf("mined on %v, want 5 stretches", got)
		}
	})
}

// TestFailoverOfAll has every source down: the miner backs off and comes back.
func TestFailoverOfAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		a := &outage{label: "a", start: now, from: 0, to: time.Hour}
		b := &outage{label: "b", start: now, from: 0, to: 2 * time.Hour}
		s := run(t, 90*time.Minute, miner.Config{
			Source:  miner.Failover(a, b),
			Devices: []miner.Device{&minertest.Device{Label: "dev", Rate: 100}},
		})
		if len(a.shares) == 0 || a.shares[0] < time.Hour || a.shares[0] > time.Hour+80*time.Second {
			t.Errorf("first share of a after %v, want an hour and at most a backoff", a.shares[:1])
		}
		names := map[string]miner.SourceState{}
		for _, src := range s.Sources {
			names[src.Name] = src.Status.State
		}
		if names["b"] != miner.Down {
			t.Errorf("sources %v", names)
		}
	})
}

// TestFailoverSaysWhatIsWrong: a source that ends without an error is down for a
// reason all the same, and a Failover is no source that could be down itself.
func TestFailoverSaysWhatIsWrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		quiet := func(label string) miner.Source {
			return &minertest.Source{Label: label, Script: func(context.Context, *miner.Session) error { return nil }}
		}
		s := run(t, time.Hour, miner.Config{
			Source:  miner.Failover(quiet("a"), miner.Failover(quiet("b"), quiet("c"))),
			Devices: []miner.Device{&minertest.Device{Label: "dev", Rate: 100}},
		})
		if len(s.Sources) != 3 {
			t.Errorf("%d sources, want a, b and c: %+v", len(s.Sources), s.Sources)
		}
		for _, src := range s.Sources {
			if src.Status.State != miner.Down || src.Status.Err == nil {
				t.Errorf("%s is %v: %v", src.Name, src.Status.State, src.Status.Err)
			}
		}
	})
}

// TestNoProbeAfterTheEnd ends the run while the first of two better sources is
// being tried: the second isn't begun with.
func TestNoProbeAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var late []string
		source := func(label string, ends bool) miner.Source {
			return &minertest.Source{Label: label, Script: func(ctx context.Context, s *miner.Session) error {
				if ctx.Err() != nil {
					late = append(late, label)
				}
				if ends && time.Since(start) < time.Second {
					return errors.New("connection refused")
				}
				if !ends {
					s.Publish(minertest.Job(1))
				}
				minertest.AcceptAll(ctx, s)
				return ctx.Err()
			}}
		}
		run(t, 45*time.Second, miner.Config{
			Source:  miner.Failover(source("a", true), source("b", true), source("c", false)),
			Devices: []miner.Device{&minertest.Device{Label: "dev", Rate: 100}},
		})
		if len(late) != 0 {
			t.Errorf("%v tried after the end", late)
		}
	})
}

func TestFailoverOfNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run(t, time.Minute, miner.Config{
			Source:  miner.Failover(),
			Devices: []miner.Device{&minertest.Device{Label: "dev", Rate: 100}},
		})
	})
}

// TestNestedFailover has a Failover as the preferred source of another: while it
// is tried nothing is mined on its jobs.
func TestNestedFailover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		never := 1000 * time.Hour
		a := &outage{label: "a", start: now, from: 0, to: never, job: 1}
		b := &outage{label: "b", start: now, from: 0, to: 10 * time.Minute, job: 2}
		c := &outage{label: "c", start: now, from: never, to: never, job: 3}
		s := run(t, 20*time.Minute, miner.Config{
			Source:  miner.Failover(miner.Failover(a, b), c),
			Devices: []miner.Device{&minertest.Device{Label: "dev", Rate: 100}},
		})
		if len(a.shares) != 0 || len(b.shares) == 0 || len(c.shares) == 0 {
			t.Fatalf("%d, %d and %d shares of a, b and c", len(a.shares), len(b.shares), len(c.shares))
		}
		back := b.shares[0]
		if back < 11*time.Minute || back > 11*time.Minute+32*time.Second || c.shares[len(c.shares)-1] > back {
			t.Errorf("b from %v, c to %v: want b from a minute after it is up, and c until then", back, c.shares[len(c.shares)-1])
		}
		if s.Shares.Lost != 0 || s.Shares.Rejected != 0 {
			t.Errorf("%+v", s.Shares)
		}
	})
}

// TestProbeEndsBeforeTheRun has a source that takes its time to end, whether it
// is returned to or the run ends while it is tried.
func TestProbeEndsBeforeTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs, running := 0, 0
		slow := &minertest.Source{Label: "slow", Script: func(ctx context.Context, s *miner.Session) error {
			if runs++; runs == 1 {
				return errors.New("connection refused")
			}
			if running != 0 {
				t.Error("two runs of one source at once")
			}
			running++
			s.Publish(minertest.Job(2))
			<-ctx.Done()
			time.Sleep(3 * time.Second)
			running--
			return ctx.Err()
		}}
		good := &minertest.Source{Label: "good", Script: func(ctx context.Context, s *miner.Session) error {
			s.Publish(minertest.Job(1))
			minertest.AcceptAll(ctx, s)
			return ctx.Err()
		}}
		for _, span := range []time.Duration{45 * time.Second, 5 * time.Minute} {
			runs = 0
			run(t, span, miner.Config{
				Source:  miner.Failover(slow, good),
				Devices: []miner.Device{&minertest.Device{Label: "dev", Rate: 100}},
			})
			if runs != 2 || running != 0 { // the second goes on when it is returned to
				t.Errorf("%v: %d runs, %d of them go on after the end; want 2 and none", span, runs, running)
			}
		}
	})
}
