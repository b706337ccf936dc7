package miner_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"gominer/miner"
)

// listed returns the names of a snapshot's sources.
func listed(s miner.Snapshot) (names []string) {
	for _, r := range s.Sources {
		names = append(names, r.Name)
	}
	return names
}

// TestSetSource changes what is mined on, while it is mined on.
func TestSetSource(t *testing.T) {
	const ms = time.Millisecond
	failover := func(list ...*site) miner.Source { return miner.Failover(sites(list...)...) }
	quota := func(weights []float64, list ...*site) miner.Source {
		parts := make([]miner.Weighted, len(list))
		for i, s := range sites(list...) {
			parts[i] = miner.Weighted{Source: s, Weight: weights[i]}
		}
		return miner.Quota(parts...)
	}
	for _, c := range []struct {
		name   string
		b      *site // what it is like
		before func(a, b, c *site) miner.Source
		after  func(a, b, c *site) miner.Source
		list   []string      // of sources, afterwards
		mined  string        // all that is accepted after 35 s
		gap    time.Duration // at most, between shares from 1 s on
		runs   [3]int        // of a, b, c
	}{
		{"a stays", &site{},
			func(a, b, _ *site) miner.Source { return failover(a, b) },
			func(a, _, c *site) miner.Source { return failover(a, c) },
			[]string{"a", "c"}, "a", 101 * ms, [3]int{1, 0, 0}},
		{"a gets a spare", &site{},
			func(a, _, _ *site) miner.Source { return failover(a) },
			func(a, b, _ *site) miner.Source { return failover(a, b) },
			[]string{"a", "b"}, "a", 101 * ms, [3]int{1, 0, 0}},
		{"a goes", &site{},
			func(a, b, _ *site) miner.Source { return failover(a, b) },
			func(_, b, _ *site) miner.Source { return failover(b) },
			[]string{"b"}, "b", 201 * ms, [3]int{1, 1, 0}},
		{"a goes, b is slow", &site{delay: 3 * time.Second},
			func(a, _, _ *site) miner.Source { return failover(a) },
			func(_, b, _ *site) miner.Source { return failover(b) },
			[]string{"b"}, "b", 201 * ms, [3]int{1, 1, 0}},
		{"a goes, b is not there, c is", &site{phases: []phase{{0, refuse}}},
			func(a, _, _ *site) miner.Source { return failover(a) },
			func(_, b, c *site) miner.Source { return failover(b, c) },
			[]string{"b", "c"}, "c", 201 * ms, [3]int{1, 2, 1}},
		{"b is better", &site{},
			func(a, _, _ *site) miner.Source { return failover(a) },
			func(a, b, _ *site) miner.Source { return failover(b, a) },
			[]string{"b", "a"}, "b", 201 * ms, [3]int{1, 1, 0}},
		{"another strategy", &site{},
			func(a, b, _ *site) miner.Source { return failover(a, b) },
			func(a, b, _ *site) miner.Source { return miner.RoundRobin(0, sites(b, a)...) },
			[]string{"b", "a"}, "b", 201 * ms, [3]int{1, 1, 0}},
		{"from no strategy", &site{},
			func(a, _, _ *site) miner.Source { return sites(a)[0] },
			func(_, b, _ *site) miner.Source { return sites(b)[0] },
			[]string{"b"}, "b", 301 * ms, [3]int{1, 1, 0}},
		{"a quota of another", &site{},
			func(a, b, _ *site) miner.Source { return quota([]float64{1, 1}, a, b) },
			func(a, _, c *site) miner.Source { return quota([]float64{2, 3}, a, c) },
			[]string{"a", "c"}, "", 301 * ms, [3]int{1, 1, 1}},
		{"to a quota", &site{},
			func(a, b, _ *site) miner.Source { return failover(a, b) },
			func(a, b, c *site) miner.Source { return quota([]float64{1, 1, 1}, a, b, c) },
			[]string{"a", "b", "c"}, "", 301 * ms, [3]int{2, 1, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b, third := &site{label: "a", delay: 50 * ms}, c.b, &site{label: "c", delay: 50 * ms}
				b.label, b.delay = "b", max(b.delay, 50*ms)
				sites(a, b, third)
				m, stop := inBackground(t, miner.Config{Source: c.before(a, b, third), Devices: quick()})
				time.Sleep(30 * time.Second)
				m.SetSource(c.after(a, b, third))
				if got := listed(m.Snapshot()); len(got) < len(c.list) {
					t.Errorf("sources %v at once, want %v", got, c.list)
				}
				time.Sleep(30 * time.Second)
				if got := listed(m.Snapshot()); !slices.Equal(got, c.list) {
					t.Errorf("sources %v, want %v", got, c.list)
				}
				if got := m.Snapshot(); got.Job == nil {
					t.Error("there is no job")
				}
				s := stop()
				if n := [3]int{a.runs, b.runs, third.runs}; n != c.runs {
					t.Errorf("runs %v, want %v", n, c.runs)
				}
				for _, p := range []*site{a, b, third} {
					if n := during(p, 35*time.Second, time.Minute); c.mined != "" && (n > 0) != (p.label == c.mined) {
						t.Errorf("%d shares of %s in the end", n, p.label)
					}
				}
				if g := gap(time.Second, time.Minute, a, b, third); g > c.gap {
					t.Errorf("nothing accepted for %v, want %v at most", g, c.gap)
				}
				if s.Shares.Lost+s.Shares.Stale != 0 {
					t.Errorf("%+v", s.Shares)
				}
			})
		})
	}
}

// TestSetSourceInAHurry goes to and fro: no source is run twice at once, which a
// site would notice, and in the end the last word counts.
func TestSetSourceInAHurry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, c := &site{label: "a", delay: 50 * time.Millisecond}, &site{label: "b", delay: 70 * time.Millisecond}, &site{label: "c", delay: 90 * time.Millisecond}
		src := sites(a, b, c)
		lists := []miner.Source{
			miner.Failover(src...), miner.Failover(src[1]), miner.RoundRobin(time.Second, src[2], src[0]),
			miner.Quota(miner.Weighted{Source: src[1], Weight: 1}, miner.Weighted{Source: src[2], Weight: 2}),
			miner.Quota(miner.Weighted{Source: src[0], Weight: 1}), miner.Nearest(src[0], src[1]),
		}
		m, stop := inBackground(t, miner.Config{Source: lists[0], Devices: quick()})
		for i := range 300 {
			m.SetSource(lists[(i*7+i/5)%len(lists)])
			time.Sleep(time.Duration(i%37) * 13 * time.Millisecond)
		}
		m.SetSource(miner.Failover(src[2], src[1]))
		time.Sleep(10 * time.Second)
		if got := listed(m.Snapshot()); !slices.Equal(got, []string{"c", "b"}) {
			t.Errorf("sources %v", got)
		}
		at := time.Since(c.start)
		time.Sleep(10 * time.Second)
		s := stop()
		if n := during(c, at, at+10*time.Second); n < 90 {
			t.Errorf("%d shares of the last", n)
		}
		if s.Shares.Lost != 0 {
			t.Errorf("%+v", s.Shares)
		}
	})
}

// TestSetSourceWhileNoneIsThere: who waits to try again does so at once when there
// is something else to try.
func TestSetSourceWhileNoneIsThere(t *testing.T) {
	for name, made := range map[string]func(...miner.Source) miner.Source{
		"failover": miner.Failover,
		"quota": func(list ...miner.Source) miner.Source {
			var parts []miner.Weighted
			for _, s := range list {
				parts = append(parts, miner.Weighted{Source: s, Weight: 1})
			}
			return miner.Quota(parts...)
		},
		"one": func(list ...miner.Source) miner.Source { return list[0] },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				gone := []phase{{0, refuse}}
				a, b, c := &site{label: "a", phases: gone}, &site{label: "b", phases: gone}, &site{label: "c", delay: 50 * time.Millisecond}
				src := sites(a, b, c)
				m, stop := inBackground(t, miner.Config{Source: made(src[0], src[1]), Devices: quick()})
				for range 5 { // at whatever place in the wait
					time.Sleep(10*time.Minute + 13*time.Second)
					synctest.Wait()
					runs := c.runs
					m.SetSource(made(src[2]))
					time.Sleep(time.Second)
					synctest.Wait()
					if c.runs != runs+1 || m.Snapshot().Job == nil {
						t.Errorf("%d runs of what is there, want %d", c.runs, runs+1)
					}
					m.SetSource(made(src[0], src[1]))
				}
				stop()
			})
		})
	}
}
