package cpu

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"gominer/hasher"
	"gominer/miner"
	"gominer/miner/minertest"
)

// TestPacer works out rests of a thread whose batches take a millisecond.
func TestPacer(t *testing.T) {
	for _, tt := range []struct {
		name    string
		t       Throttle
		threads int
		headers uint64  // a millisecond
		want    float64 // share of the time at work
	}{
		{"none", Throttle{}, 1, 1000, 1},
		{"half", Throttle{Percent: 50}, 1, 1000, 0.5},
		{"a tenth", Throttle{Percent: 10}, 4, 1000, 0.1},
		{"all", Throttle{Percent: 100}, 4, 1000, 1},
		{"a rate", Throttle{Rate: 500_000}, 2, 1000, 0.25},
		{"a rate not reached", Throttle{Rate: 5e6}, 2, 1000, 1},
		{"the stricter", Throttle{Rate: 500_000, Percent: 10}, 1, 1000, 0.1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var p pacer
			var worked, rested time.Duration
			for range 10_000 {
				worked += time.Millisecond
				if rest := p.after(&tt.t, tt.threads, tt.headers, time.Millisecond); rest > 0 {
					rest += 300 * time.Microsecond // timers are late
					rested += rest
					p.rested(rest)
				}
			}
			got := worked.Seconds() / (worked + rested).Seconds()
			if got < tt.want*0.99 || got > tt.want*1.01 {
				t.Errorf("worked %.3f of the time, want %.3f", got, tt.want)
			}
		})
	}
}

// TestPacerOwesNothingBack oversleeps a rest by an hour, as a machine that was
// suspended does: the thread may not make up for it.
func TestPacerOwesNothingBack(t *testing.T) {
	var p pacer
	limit := Throttle{Rate: 1e6}
	p.after(&limit, 1, 100_000, time.Millisecond)
	p.rested(time.Hour)
	worked := time.Duration(0)
	for p.after(&limit, 1, 2000, time.Millisecond) == 0 {
		if worked += time.Millisecond; worked > 10*time.Millisecond {
			t.Fatalf("no rest in %v at twice the rate", worked)
		}
	}
}

func TestBatchIsSizedByTime(t *testing.T) {
	k := hasher.Kernel{Lanes: 16}
	w := worker{}
	for range 200 {
		n := w.batch(&k, 1, 1e18)
		if n%16 != 0 {
			t.Fatalf("batch of %d is not in whole lanes", n)
		}
		w.speed.add(n, time.Duration(float64(n)/40e6*1e9)) // 40 MH/s
	}
	if n := w.batch(&k, 1, 1e18); n < 38_000 || n > 41_000 {
		t.Errorf("batch of %d at 40 MH/s, want about 40000: a millisecond", n)
	}
	if n := w.batch(&k, 16, 1e18); n < 2400 || n > 2600 {
		t.Errorf("batch of %d at 16 versions, want about 2500", n)
	}
	if n := w.batch(&k, 1, 100); n != 96 {
		t.Errorf("batch of %d under a limit of 100, want 96", n)
	}
	if n := w.batch(&k, 1, 1); n != 16 {
		t.Errorf("batch of %d under a limit of 1, want one of lanes", n)
	}
	w.speed.add(40_000, time.Hour) // the machine slept
	if n := w.batch(&k, 1, 1e18); n < 30_000 {
		t.Errorf("batch of %d after one slow batch", n)
	}
}

// TestNothingIsAllocated draws, prepares and scans as the loop does.
func TestNothingIsAllocated(t *testing.T) {
	for _, k := range hasher.Kernels() {
		t.Run(k.Name, func(t *testing.T) {
			cfg := Config{Threads: 0, Kernel: k}
			mask := uint32(0)
			if k.Versions > 1 {
				cfg.Kernel, cfg.VersionKernel, mask = hasher.Kernel{}, k, 0x1fffe000
			}
			d, err := New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			ready := make(chan *miner.Feed)
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan struct{})
			source := &minertest.Source{Label: "script", Script: func(ctx context.Context, s *miner.Session) error {
				j := minertest.Job(1)
				j.VersionMask = mask
				j.Target, _ = hasher.TargetFromDifficulty(1e9) // nothing is found
				s.Publish(j)
				<-ctx.Done()
				return nil
			}}
			m := miner.New(miner.Config{Source: source, Devices: []miner.Device{feedThief{ready}}})
			go func() { defer close(ended); m.Run(ctx) }()
			defer func() { cancel(); <-ended }()
			w := newWorker(d, <-ready, 0)
			step := func() {
				if err := w.f.Next(ctx, 64, &w.work); err != nil {
					t.Fatal(err)
				}
				k := w.choose(w.work.Job)
				w.prep.Prepare(&w.work.Header, w.work.Limit, w.versions...)
				w.scan(ctx, k)
			}
			step()
			if n := testing.AllocsPerRun(100, step); n != 0 {
				t.Errorf("%v allocations from Next to Found, want 0", n)
			}
		})
	}
}

// feedThief hands its feed out and waits.
type feedThief struct{ to chan<- *miner.Feed }

func (feedThief) Info() miner.Info { return miner.Info{Name: "thief"} }

func (t feedThief) Run(ctx context.Context, f *miner.Feed) error {
	select {
	case t.to <- f:
	case <-ctx.Done():
	}
	<-ctx.Done()
	return ctx.Err()
}

// TestRestEndsWhenThingsChange checks that a throttled thread doesn't sleep
// through a change of throttle or the end.
func TestRestEndsWhenThingsChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, err := New(Config{Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		source := &minertest.Source{Label: "script", Script: func(ctx context.Context, s *miner.Session) error {
			s.Publish(minertest.Job(1))
			<-ctx.Done()
			return nil
		}}
		ready := make(chan *miner.Feed)
		m := miner.New(miner.Config{Source: source, Devices: []miner.Device{feedThief{ready}}})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); m.Run(ctx) }()
		w := newWorker(d, <-ready, 0)
		if err := w.f.Next(ctx, 1, &w.work); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		go func() {
			time.Sleep(10 * time.Second)
			d.SetThrottle(Throttle{Percent: 7})
		}()
		w.rest(ctx, time.Hour)
		if got := time.Since(start); got != 10*time.Second {
			t.Errorf("rested %v until the throttle changed, want 10s", got)
		}
		go func() { time.Sleep(10 * time.Second); cancel() }()
		w.rest(ctx, time.Hour)
		if got := time.Since(start); got != 20*time.Second {
			t.Errorf("rested until %v, want 20s: the end", got)
		}
		<-ended
	})
}
