package miner_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gominer/miner"
	"gominer/miner/minertest"
)

// failures is a slog.Handler that keeps when sources went down, and when they are
// said to be tried again.
type failures struct {
	start time.Time
	mu    sync.Mutex
	list  []failure
}

type failure struct {
	at    time.Duration
	retry time.Duration // 0: nothing was said
}

func (f *failures) Enabled(context.Context, slog.Level) bool { return true }
func (f *failures) WithAttrs([]slog.Attr) slog.Handler       { return f }
func (f *failures) WithGroup(string) slog.Handler            { return f }

func (f *failures) Handle(_ context.Context, r slog.Record) error {
	if r.Message != "source down" {
		return nil
	}
	at := failure{at: time.Since(f.start)}
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "retry_s" {
			at.retry = time.Duration(a.Value.Float64() * 1e9)
		}
		return true
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append(f.list, at)
	return nil
}

// knock is a source that is tried in vain, but for the first time if it lasts.
type knock struct {
	label string
	lasts time.Duration
	start time.Time
	mu    sync.Mutex
	runs  []time.Duration
}

func (k *knock) Name() string { return k.label }

func (k *knock) Run(ctx context.Context, s *miner.Session) error {
	k.mu.Lock()
	k.runs = append(k.runs, time.Since(k.start))
	first := len(k.runs) == 1
	k.mu.Unlock()
	s.Status(miner.SourceStatus{State: miner.Connecting})
	if first && k.lasts > 0 {
		s.Publish(minertest.Job(1))
		select {
		case <-time.After(k.lasts):
		case <-ctx.Done():
		}
	}
	return errors.New("connection refused")
}

// TestRetryIsSaid: with the failure it is said when the next try comes, if that
// takes a while, and then it comes.
func TestRetryIsSaid(t *testing.T) {
	for _, c := range []struct {
		name string
		of   func(a, b *knock) miner.Source
		last time.Duration // that a lasts
		told int           // at least
	}{
		{"no strategy", func(a, _ *knock) miner.Source { return a }, 0, 8},
		{"one", func(a, _ *knock) miner.Source { return miner.Failover(a) }, 0, 8},
		{"one, lost", func(a, _ *knock) miner.Source { return miner.Failover(a) }, 10 * time.Second, 8},
		{"two", func(a, b *knock) miner.Source { return miner.Failover(a, b) }, 0, 8},
		{"a round", func(a, b *knock) miner.Source { return miner.RoundRobin(time.Minute, a, b) }, 0, 8},
		{"a quota", func(a, _ *knock) miner.Source { return miner.Quota(miner.Weighted{Source: a, Weight: 1}) }, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				now := time.Now()
				a, b, said := &knock{label: "a", start: now, lasts: c.last}, &knock{label: "b", start: now}, &failures{start: now}
				s := run(t, 10*time.Minute, miner.Config{
					Source: c.of(a, b), Log: slog.New(said),
					Devices: []miner.Device{&minertest.Device{Label: "dev", Rate: 100}},
				})
				told := 0
				for _, f := range said.list {
					again := false
					for _, at := range a.runs {
						wait := at - f.at
						again = again || wait >= 0 && wait > f.retry-100*time.Millisecond && wait < f.retry+100*time.Millisecond
					}
					if f.retry > 0 {
						told++
					}
					if f.retry > 0 && !again && f.at+f.retry < 10*time.Minute {
						t.Errorf("down after %v, to be tried again in %v; it was tried after %v", f.at, f.retry, a.runs)
					}
				}
				if told < c.told {
					t.Errorf("told %d times of %d: %v", told, len(said.list), said.list)
				}
				if r := s.Sources[0]; r.Status.State == miner.Down && r.Status.Retry > 0 &&
					(r.RetryIn(r.Since.Add(r.Status.Retry/4)) != r.Status.Retry-r.Status.Retry/4 || r.RetryIn(r.Since.Add(time.Hour)) != 0) {
					t.Errorf("%+v is tried again in %v", r.Status, r.RetryIn(r.Since))
				}
				if s.Sources[0].Failure == nil {
					t.Error("the snapshot has no failure")
				}
			})
		})
	}
}

// TestSettleBeside: a source that is no longer part may take its time to settle,
// and what is mined on is looked after all the same.
func TestSettleBeside(t *testing.T) {
	for name, of := range map[string]func(list ...miner.Source) miner.Source{
		"failover": miner.Failover,
		"quota": func(list ...miner.Source) miner.Source {
			var parts []miner.Weighted
			for _, s := range list {
				parts = append(parts, miner.Weighted{Source: s, Weight: 1})
			}
			return miner.Quota(parts...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				gone := &lingering{site: &site{label: "gone"}}
				b := &site{label: "b", phases: []phase{{0, up}, {31 * time.Second, refuse}}}
				c := &site{label: "c", delay: 50 * time.Millisecond}
				sites(gone.site, b, c)
				m, stop := inBackground(t, miner.Config{Source: of(gone, b, c), Devices: quick()})
				time.Sleep(30 * time.Second)
				m.SetSource(of(b, c))
				time.Sleep(30 * time.Second)
				stop()
				if gone.settled != 1 {
					t.Errorf("settled %d times", gone.settled)
				}
				if g := gap(30*time.Second, time.Minute, b, c); g > 400*time.Millisecond {
					t.Errorf("nothing accepted for %v", g)
				}
			})
		})
	}
}

// lingering is a site that takes its time to settle.
type lingering struct {
	*site
	settled int
}

func (l *lingering) Settle(*miner.Session) {
	<-time.After(5 * time.Second)
	l.settled++
}
