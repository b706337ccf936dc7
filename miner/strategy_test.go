package miner_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gominer/miner"
	"gominer/miner/minertest"
)

// mode is how a site behaves.
type mode int

const (
	up      mode = iota
	refuse       // it is not there: a run ends at once
	hang         // it takes the connection and says nothing
	silent       // it takes shares and answers none
	reject       // it refuses every share
	jobless      // it takes its job away
)

// phase is a mode and when it begins, after the start of time.
type phase struct {
	from time.Duration
	mode mode
}

// site is a pool whose behaviour is a list of phases. A change to refuse ends its
// session.
type site struct {
	label  string
	delay  time.Duration // until the first job; see move
	phases []phase       // the first from 0; none: up
	start  time.Time

	mu       sync.Mutex
	running  int
	runs     int
	accepted []time.Duration
}

func (p *site) Name() string { return p.label }

// move changes the delay of a site that is in use.
func (p *site) move(delay time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = delay
}

// now returns the mode and when the next begins.
func (p *site) now() (m mode, change <-chan time.Time) {
	at := time.Since(p.start)
	for i, ph := range p.phases {
		if at >= ph.from {
			m = ph.mode
		} else {
			return m, time.After(p.phases[i].from - at)
		}
	}
	return m, nil
}

func (p *site) Run(ctx context.Context, s *miner.Session) error {
	p.mu.Lock()
	p.runs++
	p.running++
	if p.running > 1 {
		panic(p.label + " is run twice at once")
	}
	delay := p.delay
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		p.running--
		p.mu.Unlock()
	}()
	s.Status(miner.SourceStatus{State: miner.Connecting})
	var ready <-chan time.Time
	if m, _ := p.now(); m != refuse {
		ready = time.After(delay)
	}
	published := false
	job := func() {
		j := minertest.Job(1)
		j.ID = p.label
		j.Coinbase.Extranonce1 = []byte(p.label)
		s.Publish(j)
	}
	for {
		m, change := p.now()
		switch {
		case m == refuse:
			return errors.New("connection refused")
		case m == jobless && published:
			s.Publish(nil)
		case m == up && published:
			job()
		}
	session:
		for {
			select {
			case <-ready:
				if ready = nil; m != hang {
					published = true
					s.Status(miner.SourceStatus{State: miner.Up, URL: "stratum+tcp://" + p.label})
					job()
				}
			case <-change:
				break session
			case sh := <-s.Shares():
				switch {
				case sh.Job.ID != p.label:
					return fmt.Errorf("share of %s came to %s", sh.Job.ID, p.label)
				case m == silent:
				case m == reject:
					s.Report(sh, &miner.Reject{Code: 25, Reason: "not subscribed"})
				default:
					p.mu.Lock()
					p.accepted = append(p.accepted, time.Since(p.start))
					p.mu.Unlock()
					s.Report(sh, nil)
				}
			case <-ctx.Done():
				for {
					select {
					case sh := <-s.Shares():
						s.Report(sh, nil)
						continue
					default:
					}
					return ctx.Err()
				}
			}
		}
	}
}

// sites starts the clocks of pools.
func sites(list ...*site) []miner.Source {
	sources := make([]miner.Source, len(list))
	for i, p := range list {
		if p.start.IsZero() {
			p.start = time.Now()
		}
		sources[i] = p
	}
	return sources
}

// quick is a device that finds a share every 101 ms.
func quick() []miner.Device {
	return []miner.Device{&minertest.Device{Label: "dev", Rate: 1000, Draw: 101 * time.Millisecond}}
}

// gap returns the longest time without an accepted share between two times.
func gap(from, to time.Duration, list ...*site) time.Duration {
	all := []time.Duration{from, to}
	for _, p := range list {
		for _, at := range p.accepted {
			if at > from && at < to {
				all = append(all, at)
			}
		}
	}
	slices.Sort(all)
	most := time.Duration(0)
	for i := 1; i < len(all); i++ {
		most = max(most, all[i]-all[i-1])
	}
	return most
}

// during counts the shares that a site accepted between two times.
func during(p *site, from, to time.Duration) (n int) {
	for _, at := range p.accepted {
		if at >= from && at < to {
			n++
		}
	}
	return n
}

// TestPoolIsLeft loses the preferred pool in every way there is, with a second
// that may be no good either, and looks at how long nothing is accepted.
func TestPoolIsLeft(t *testing.T) {
	const lost = 20 * time.Second
	for _, tt := range []struct {
		name   string
		mode   mode
		second mode
		most   time.Duration
	}{
		{"reset", refuse, up, 300 * time.Millisecond},
		{"reset, the next refuses", refuse, refuse, 300 * time.Millisecond},
		{"reset, the next hangs", refuse, hang, 1300 * time.Millisecond},
		{"silence", silent, up, 4300 * time.Millisecond},
		{"silence, the next refuses", silent, refuse, 4300 * time.Millisecond},
		{"silence, the next hangs", silent, hang, 4300 * time.Millisecond},
		{"rejects", reject, up, 2500 * time.Millisecond},
		{"no job", jobless, up, 4300 * time.Millisecond},
		{"no job, the next hangs", jobless, hang, 4300 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &site{label: "a", delay: 50 * time.Millisecond, phases: []phase{{0, up}, {lost, tt.mode}}}
				b := &site{label: "b", delay: 50 * time.Millisecond, phases: []phase{{0, tt.second}}}
				c := &site{label: "c", delay: 50 * time.Millisecond}
				var log bytes.Buffer
				run(t, time.Minute, miner.Config{
					Source: miner.Failover(sites(a, b, c)...), Devices: quick(), Log: slog.New(slog.NewTextHandler(&log, nil)),
				})
				if n := during(a, 0, lost); n < 190 {
					t.Errorf("%d shares of the preferred pool before it is lost", n)
				}
				if g := gap(lost-time.Second, 50*time.Second, a, b, c); g > tt.most {
					t.Errorf("nothing accepted for %v, want at most %v", g, tt.most)
				}
				next := b
				if tt.second != up {
					next = c
				}
				if n := during(next, lost+5*time.Second, time.Minute); n < 340 {
					t.Errorf("%d shares of the next pool", n)
				}
				if n := strings.Count(log.String(), "source=a state=down error="); n != 1 {
					t.Errorf("the loss is told %d times", n)
				}
			})
		})
	}
}

// TestReturnLosesNothing: a pool comes back and is returned to. No share is lost
// or stale, and no time.
func TestReturnLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &site{label: "a", delay: 700 * time.Millisecond, phases: []phase{{0, refuse}, {5 * time.Minute, up}}}
		b := &site{label: "b", delay: 50 * time.Millisecond}
		s := run(t, 10*time.Minute, miner.Config{Source: miner.Failover(sites(a, b)...), Devices: quick()})
		if s.Shares.Lost+s.Shares.Stale+s.Shares.Rejected != 0 {
			t.Errorf("%+v", s.Shares)
		}
		if g := gap(time.Second, 9*time.Minute, a, b); g > 210*time.Millisecond {
			t.Errorf("nothing accepted for %v", g)
		}
		if len(a.accepted) == 0 || a.accepted[0] < 6*time.Minute || a.accepted[0] > 6*time.Minute+32*time.Second {
			t.Errorf("first share of the preferred at %v", a.accepted[:min(1, len(a.accepted))])
		}
		if n := during(b, a.accepted[0]+time.Second, 10*time.Minute); n != 0 {
			t.Errorf("%d shares of the other after that", n)
		}
		if s.Sources[0].Status.State != miner.Idle || s.Sources[0].FirstJob < 700*time.Millisecond {
			t.Errorf("%+v", s.Sources[0])
		}
	})
}

// TestSlowStartIsNoFailure: the preferred pool takes two seconds for its first
// job. The next is mined meanwhile, and left at once.
func TestSlowStartIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := &site{label: "a", delay: 2 * time.Second}, &site{label: "b", delay: 50 * time.Millisecond}
		s := run(t, time.Minute, miner.Config{Source: miner.Failover(sites(a, b)...), Devices: quick()})
		if n := during(b, 0, time.Minute); n < 8 || n > 12 || b.runs != 1 {
			t.Errorf("%d shares of the second in %d runs, want some 10 of the second second", n, b.runs)
		}
		if n := during(a, 2200*time.Millisecond, time.Minute); n < 550 || s.Shares.Lost+s.Shares.Stale != 0 {
			t.Errorf("%d shares of the first, %+v", n, s.Shares)
		}
	})
}

// TestFlappingPool: a pool that fails every three minutes is returned to less and
// less often.
func TestFlappingPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &site{label: "a", delay: 50 * time.Millisecond}
		for at := time.Duration(0); at < 12*time.Hour; at += 3 * time.Minute {
			a.phases = append(a.phases, phase{at, up}, phase{at + 170*time.Second, refuse})
		}
		b := &site{label: "b", delay: 50 * time.Millisecond}
		s := run(t, 12*time.Hour, miner.Config{
			Source: miner.Failover(sites(a, b)...), Devices: []miner.Device{&minertest.Device{Label: "dev", Rate: 100}},
		})
		stretches := 0
		for i, at := range a.accepted {
			if i == 0 || at-a.accepted[i-1] > 5*time.Second {
				stretches++
			}
		}
		if stretches > 4 {
			t.Errorf("mined in %d stretches on a pool that failed %d times", stretches, len(a.phases)/2)
		}
		if s.Shares.Lost+s.Shares.Stale > 4 {
			t.Errorf("%+v", s.Shares)
		}
	})
}

// TestPrefer switches by hand: to a pool that works, to one that doesn't, back.
func TestPrefer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := &site{label: "a", delay: 50 * time.Millisecond}, &site{label: "b", delay: 300 * time.Millisecond}
		c := &site{label: "c", phases: []phase{{0, refuse}}}
		m, stop := inBackground(t, miner.Config{Source: miner.Failover(append(sites(a), miner.Failover(sites(b, c)...))...), Devices: quick()})
		prefer := func(name string) {
			t.Helper()
			if err := m.Prefer(name); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(10 * time.Second)
		prefer("b")
		time.Sleep(20 * time.Second)
		prefer("c")
		time.Sleep(20 * time.Second)
		first := func() (names []string) {
			list := m.Snapshot().Sources
			slices.SortFunc(list, func(x, y miner.SourceReport) int { return x.Preference - y.Preference })
			for _, r := range list {
				names = append(names, r.Name)
			}
			return names
		}
		if got, want := first(), []string{"c", "b", "a"}; !slices.Equal(got, want) {
			t.Errorf("the order is %v, want %v", got, want)
		}
		prefer("a")
		time.Sleep(10 * time.Second)
		if err := m.Prefer("nobody"); err == nil {
			t.Error("a source that there is not is preferred")
		}
		s := stop()
		for _, tt := range []struct {
			p        *site
			from, to time.Duration
		}{{a, 0, 10}, {b, 11, 50}, {a, 51, 60}} {
			if n := during(tt.p, tt.from*time.Second, tt.to*time.Second); n < int(tt.to-tt.from)*9 {
				t.Errorf("%d shares of %s from %d to %d s", n, tt.p.label, tt.from, tt.to)
			}
		}
		if s.Shares.Lost+s.Shares.Stale != 0 || gap(time.Second, time.Minute, a, b) > 210*time.Millisecond {
			t.Errorf("%+v, nothing accepted for %v", s.Shares, gap(time.Second, time.Minute, a, b))
		}
		if s.Strategy != "failover" {
			t.Errorf("the strategy is %q", s.Strategy)
		}
	})
	if miner.New(miner.Config{Source: &site{label: "a"}}).Prefer("a") == nil {
		t.Error("the only source is preferred")
	}
}

// TestRoundRobin takes turns, on failure and by the clock.
func TestRoundRobin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &site{label: "a", delay: 50 * time.Millisecond, phases: []phase{{0, up}, {30 * time.Second, refuse}, {40 * time.Second, up}}}
		b := &site{label: "b", delay: 50 * time.Millisecond, phases: []phase{{0, up}, {10 * time.Minute, refuse}}}
		c := &site{label: "c", delay: 50 * time.Millisecond}
		s := run(t, 20*time.Minute, miner.Config{Source: miner.RoundRobin(0, sites(a, b, c)...), Devices: quick()})
		for _, tt := range []struct {
			p        *site
			from, to time.Duration
		}{{a, 0, 30}, {b, 30, 600}, {c, 600, 1200}} {
			if n := during(tt.p, tt.from*time.Second, tt.to*time.Second); n < int(tt.to-tt.from)*9 {
				t.Errorf("%d shares of %s from %d to %d s", n, tt.p.label, tt.from, tt.to)
			}
		}
		if s.Strategy != "round-robin" {
			t.Errorf("the strategy is %q", s.Strategy)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		a, b := &site{label: "a", delay: 50 * time.Millisecond}, &site{label: "b", phases: []phase{{0, refuse}}}
		c := &site{label: "c", delay: 50 * time.Millisecond}
		s := run(t, 5*time.Minute, miner.Config{Source: miner.RoundRobin(time.Minute, sites(a, b, c)...), Devices: quick()})
		for minute, p := range []*site{a, c, a, c, a} {
			from := time.Duration(minute)*time.Minute + 2*time.Second
			if n := during(p, from, from+57*time.Second); n < 550 {
				t.Errorf("%d shares of %s in minute %d", n, p.label, minute)
			}
		}
		if s.Shares.Lost+s.Shares.Stale != 0 || gap(time.Second, 290*time.Second, a, c) > 210*time.Millisecond {
			t.Errorf("%+v, nothing accepted for %v", s.Shares, gap(time.Second, 290*time.Second, a, c))
		}
	})
}

// TestNearest mines on the pool that answers first, until another is nearer by
// far.
func TestNearest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := &site{label: "a", delay: 200 * time.Millisecond}, &site{label: "b", delay: 60 * time.Millisecond}
		c := &site{label: "c", delay: 90 * time.Millisecond}
		m, stop := inBackground(t, miner.Config{Source: miner.Nearest(sites(a, b, c)...), Devices: quick()})
		time.Sleep(5 * time.Minute)
		for i, want := range []time.Duration{200, 60, 90} {
			if got := m.Snapshot().Sources[i].FirstJob.Round(10 * time.Millisecond); got != want*time.Millisecond {
				t.Errorf("first job of source %d after %v, want %v ms", i, got, want)
			}
		}
		c.move(50 * time.Millisecond) // nearer, and not worth it
		time.Sleep(10 * time.Minute)
		a.move(20 * time.Millisecond)
		time.Sleep(10 * time.Minute)
		s := stop()
		if n := during(b, time.Second, 20*time.Minute); n < 11000 || len(c.accepted) != 0 {
			t.Errorf("%d shares of the nearest, %d of another", n, len(c.accepted))
		}
		if n := during(a, 21*time.Minute, 25*time.Minute); n < 2300 {
			t.Errorf("%d shares of the one that came nearer", n)
		}
		if s.Shares.Lost+s.Shares.Stale != 0 || a.runs > 4 || s.Strategy != "latency" {
			t.Errorf("%+v, %d runs, strategy %q", s.Shares, a.runs, s.Strategy)
		}
	})
}

// TestQuota divides the hash rate, while pools come and go, and clean jobs come
// at different rates.
func TestQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := []*site{
			{label: "one", delay: 50 * time.Millisecond},
			{label: "two", delay: 50 * time.Millisecond, phases: []phase{{0, up}}},
			{label: "seven", delay: 50 * time.Millisecond, phases: []phase{{0, up}, {20 * time.Minute, refuse}, {30 * time.Minute, up}}},
		}
		for at := time.Duration(0); at < 20*time.Minute; at += 3 * time.Second { // a clean job each
			list[1].phases = append(list[1].phases, phase{at, up})
		}
		src := sites(list...)
		quota := miner.Quota(miner.Weighted{Source: src[0], Weight: 1}, miner.Weighted{Source: src[1], Weight: 2}, miner.Weighted{Source: src[2], Weight: 7})
		m, stop := inBackground(t, miner.Config{Source: quota, Devices: []miner.Device{
			&minertest.Device{Label: "fast", Rate: 1e6, Draw: 500 * time.Millisecond},
			&minertest.Device{Label: "slow", Rate: 1e5, Draw: 1300 * time.Millisecond},
			&minertest.Device{Label: "third", Rate: 3e5, Draw: 70 * time.Millisecond},
		}})
		hashes := func() (list []float64) {
			for _, r := range m.Snapshot().Sources {
				list = append(list, float64(r.Hashes))
			}
			return list
		}
		span := func(to time.Duration, want ...float64) {
			t.Helper()
			before := hashes()
			time.Sleep(to - m.Snapshot().Elapsed)
			after, sum, weights := hashes(), 0.0, 0.0
			for i := range after {
				sum += after[i] - before[i]
				weights += want[i]
			}
			for i := range after {
				got, want := (after[i]-before[i])/sum, want[i]/weights
				t.Logf("until %v: %s has %.2f %% of the hash rate, of %.2f %%", to, list[i].label, 100*got, 100*want)
				if math.Abs(got-want) > 0.01 {
					t.Errorf("until %v: %s has %.2f %% of the hash rate, want %.2f %%", to, list[i].label, 100*got, 100*want)
				}
			}
		}
		time.Sleep(time.Second)
		span(5*time.Minute, 1, 2, 7)
		span(20*time.Minute, 1, 2, 7)
		span(30*time.Minute, 1, 2, 0)
		time.Sleep(2 * time.Minute)
		span(50*time.Minute, 1, 2, 7) // nothing is owed to who was away
		s := stop()
		for i, want := range []float64{0.1, 0.2, 0.7} {
			if got := s.Sources[i].Weight; math.Abs(got-want) > 1e-9 || s.Sources[i].Preference != i+1 {
				t.Errorf("%s has weight %v and preference %d", s.Sources[i].Name, got, s.Sources[i].Preference)
			}
		}
		if s.Shares.Lost > 1 || s.Strategy != "quota" { // one may wait when its pool goes
			t.Errorf("%+v, strategy %q", s.Shares, s.Strategy)
		}
		if err := m.Prefer("one"); err == nil {
			t.Error("a source with a quota is preferred")
		}
	})
}

// TestQuotaOfNone: a quota is over when all are down, and a weight that is none is
// an error.
func TestQuotaOfNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := &site{label: "a", phases: []phase{{0, refuse}}}, &site{label: "b", phases: []phase{{0, up}, {time.Minute, refuse}}}
		c := &site{label: "c", delay: 50 * time.Millisecond}
		src := sites(a, b, c)
		q := func(weight float64) miner.Source {
			return miner.Quota(miner.Weighted{Source: src[0], Weight: weight}, miner.Weighted{Source: src[1], Weight: 1})
		}
		run(t, 2*time.Minute, miner.Config{Source: miner.Failover(q(1), src[2]), Devices: quick()})
		if g := gap(time.Second, 119*time.Second, b, c); g > 300*time.Millisecond {
			t.Errorf("nothing accepted for %v", g)
		}
		if n := during(b, 0, time.Minute); n < 570 {
			t.Errorf("%d shares of what is left of the quota", n)
		}
		s := run(t, time.Minute, miner.Config{Source: miner.Failover(q(math.NaN()), src[2]), Devices: quick()})
		if s.Sources[0].Shares.Accepted+s.Sources[1].Shares.Accepted != 0 || s.Sources[2].Shares.Accepted < 500 {
			t.Errorf("%+v", s.Sources)
		}
	})
}

// TestOnePoolTwice: a pool may stand in a strategy twice, with two users.
func TestOnePoolTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := &site{label: "pool"}, &site{label: "pool"}
		src := sites(a, b)
		s := run(t, time.Minute, miner.Config{
			Source: miner.Quota(miner.Weighted{Source: src[0], Weight: 1}, miner.Weighted{Source: src[1], Weight: 1}), Devices: quick(),
		})
		if len(s.Sources) != 2 || s.Sources[1].Name != "pool (2)" || s.Sources[0].Shares.Accepted == 0 || s.Sources[1].Shares.Accepted == 0 {
			t.Errorf("%+v", s.Sources)
		}
	})
}
