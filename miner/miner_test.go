package miner_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gominer/hasher"
	"gominer/miner"
	"gominer/miner/minertest"
)

// run runs a miner in a bubble for d and returns its last snapshot.
func run(t *testing.T, d time.Duration, cfg miner.Config) miner.Snapshot {
	t.Helper()
	cfg.Rand = rand.New(rand.NewPCG(1, 2))
	m := miner.New(cfg)
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := m.Run(ctx); err != nil {
		t.Fatal(err)
	}
	return m.Snapshot()
}

// counts returns t without what is no count.
func counts(t miner.Tally) miner.Tally {
	t.Difficulty = 0
	return t
}

// flaky publishes a job a minute for two hours, then loses its connection. Its
// times are odd so that nothing happens at the very moment of something else,
// where the order would be the scheduler's choice.
func flaky(label string, jobs *uint32) *minertest.Source {
	return &minertest.Source{Label: label, Script: func(ctx context.Context, s *miner.Session) error {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Hour+30_123*time.Millisecond)
		defer cancel()
		var wg sync.WaitGroup
		defer wg.Wait()
		wg.Go(func() { minertest.AcceptAll(ctx, s) })
		s.Status(miner.SourceStatus{State: miner.Up, URL: "stratum+tcp://" + label})
		for {
			*jobs++
			j := minertest.Job(*jobs)
			j.Clean = *jobs%10 == 0
			s.Publish(j)
			select {
			case <-ctx.Done():
				return errors.New("connection lost")
			case <-time.After(60_137 * time.Millisecond):
			}
		}
	}}
}

// TestADay mines 24 simulated hours on two devices, with a pool that hangs up,
// and wants the same totals every time.
func TestADay(t *testing.T) {
	day := func() (s miner.Snapshot) {
		synctest.Test(t, func(t *testing.T) {
			var jobs uint32
			s = run(t, 24*time.Hour, miner.Config{
				Source: flaky("pool:3333", &jobs),
				Devices: []miner.Device{
					&minertest.Device{Label: "fast", Rate: 1 << 28, Draw: 7 * time.Second},
					&minertest.Device{Label: "slow", Rate: 1 << 24, Draw: 10_000_003 * time.Microsecond},
				},
			})
		})
		return s
	}
	first := day()
	if e := first.Elapsed; e != 24*time.Hour {
		t.Errorf("elapsed %v, want 24h", e)
	}
	if first.Shares.Accepted < 15_000 || first.Shares.HardwareErrors != 0 || first.Shares.Rejected != 0 {
		t.Errorf("%+v", first.Shares)
	}
	if r := first.Devices[0].Rate; r.S60 < 0.99*(1<<28) || r.S60 > 1.01*(1<<28) {
		t.Errorf("rate of the fast device over a minute %.0f, want about %d", r.S60, 1<<28)
	}
	for range 2 {
		again := day()
		if !reflect.DeepEqual(first.Shares, again.Shares) || first.Hashes != again.Hashes {
			t.Errorf("a day gave %d hashes, %+v; then %d, %+v", first.Hashes, first.Shares, again.Hashes, again.Shares)
		}
	}
}

// reporting is a device that does what it is told.
type reporting struct {
	report func(ctx context.Context, f *miner.Feed) error
}

func (reporting) Info() miner.Info { return miner.Info{Name: "dev", Kind: "test"} }

func (r reporting) Run(ctx context.Context, f *miner.Feed) error { return r.report(ctx, f) }

// find returns the nonces of w's range, from the first, that meet the target and
// those that don't.
func find(w *miner.Work, target hasher.Target) (good, bad uint32) {
	h := w.Header
	haveGood, haveBad := false, false
	for n := w.First; !haveGood || !haveBad; n++ {
		h.SetNonce(n)
		hash := h.Hash()
		if target.Meets(&hash) {
			good, haveGood = n, true
		} else if hash.Top() > target.Limit() {
			bad, haveBad = n, true
		}
	}
	return good, bad
}

func TestVerdicts(t *testing.T) {
	target, err := hasher.TargetFromDifficulty(1e-8)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		stale  bool // SubmitStale
		mask   uint32
		report func(f *miner.Feed, w *miner.Work, good, bad uint32, clean func())
		want   miner.Tally
	}{
		{"a share", false, 0, func(f *miner.Feed, w *miner.Work, good, _ uint32, _ func()) {
			f.Found(w, w.Job.Version, good)
		}, miner.Tally{Accepted: 1}},
		{"a wrong nonce", false, 0, func(f *miner.Feed, w *miner.Work, _, bad uint32, _ func()) {
			f.Found(w, w.Job.Version, bad)
		}, miner.Tally{HardwareErrors: 1}},
		{"a nonce outside the range", false, 0, func(f *miner.Feed, w *miner.Work, good, _ uint32, _ func()) {
			narrow := *w
			narrow.First, narrow.Count = good+1, 5
			f.Found(&narrow, w.Job.Version, good)
		}, miner.Tally{HardwareErrors: 1}},
		{"a version outside the mask", false, 0x1fffe000, func(f *miner.Feed, w *miner.Work, good, _ uint32, _ func()) {
			f.Found(w, w.Job.Version^1, good)
		}, miner.Tally{HardwareErrors: 1}},
		{"twice", false, 0, func(f *miner.Feed, w *miner.Work, good, _ uint32, _ func()) {
			f.Found(w, w.Job.Version, good)
			f.Found(w, w.Job.Version, good)
		}, miner.Tally{Accepted: 1, Duplicates: 1}},
		{"after a clean job", false, 0, func(f *miner.Feed, w *miner.Work, good, _ uint32, clean func()) {
			clean()
			f.Found(w, w.Job.Version, good)
		}, miner.Tally{Stale: 1}},
		{"after a clean job, wanted", true, 0, func(f *miner.Feed, w *miner.Work, good, _ uint32, clean func()) {
			clean()
			f.Found(w, w.Job.Version, good)
		}, miner.Tally{Accepted: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				clean := make(chan struct{})
				source := &minertest.Source{Label: "pool", Script: func(ctx context.Context, s *miner.Session) error {
					j := minertest.Job(1)
					j.Target, j.VersionMask = target, tt.mask
					s.Publish(j)
					go func() {
						select {
						case <-clean:
							s.Publish(minertest.Job(2))
							clean <- struct{}{}
						case <-ctx.Done():
						}
					}()
					minertest.AcceptAll(ctx, s)
					return nil
				}}
				device := reporting{func(ctx context.Context, f *miner.Feed) error {
					var w miner.Work
					if err := f.Next(ctx, 1<<32, &w); err != nil {
						return err
					}
					good, bad := find(&w, target)
					tt.report(f, &w, good, bad, func() { clean <- struct{}{}; <-clean })
					<-ctx.Done()
					return nil
				}}
				s := run(t, time.Second, miner.Config{Source: source, Devices: []miner.Device{device}, SubmitStale: tt.stale})
				if counts(s.Shares) != tt.want {
					t.Errorf("%+v, want %+v", s.Shares, tt.want)
				}
				if tt.want == (miner.Tally{HardwareErrors: 1}) && s.Best != 0 {
					t.Errorf("best difficulty %v of a hardware error", s.Best)
				}
				// What became of shares is counted with their source too.
				want := miner.Tally{Accepted: tt.want.Accepted, Stale: tt.want.Stale}
				if counts(s.Sources[0].Shares) != want {
					t.Errorf("sources %+v, want one with %+v", s.Sources, want)
				}
			})
		})
	}
}

// TestOutcomes checks that every share is counted once, whatever the pool says.
func TestOutcomes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		source := &minertest.Source{Label: "pool", Script: func(ctx context.Context, s *miner.Session) error {
			s.Publish(minertest.Job(1))
			for {
				select {
				case sh := <-s.Shares():
					switch n++; n % 5 {
					case 0:
						s.Report(sh, nil)
					case 1:
						s.Report(sh, &miner.Reject{Code: 23, Reason: "low difficulty"})
					case 2:
						s.Report(sh, &miner.Reject{Reason: "reason number " + time.Now().String()})
					case 3:
						s.Report(sh, errors.New("no answer in 30s"))
					case 4:
						s.Report(sh, fmt.Errorf("%w: too late", miner.ErrStale))
					}
				case <-ctx.Done():
					return nil
				}
			}
		}}
		s := run(t, 1000*time.Second+time.Millisecond, miner.Config{
			Source: source, Devices: []miner.Device{&minertest.Device{Label: "dev", Rate: 100}},
		})
		if want := (miner.Tally{Accepted: 200, Rejected: 400, Lost: 200, Stale: 200}); counts(s.Shares) != want {
			t.Errorf("%+v, want %+v", s.Shares, want)
		}
		if got := s.Sources[0].Shares; got != s.Shares {
			t.Errorf("the source has %+v, of %+v in all", got, s.Shares)
		}
		if got := s.Reasons["low difficulty (code 23)"]; got != 200 {
			t.Errorf("low difficulty counted %d times, want 200", got)
		}
		if len(s.Reasons) != 65 || s.Reasons["other"] != 200-63 {
			t.Errorf("%d reasons, %d other: want 64 and other, 137", len(s.Reasons), s.Reasons["other"])
		}
		if len(s.Recent) != 64 || s.Recent[63].Share.Found.Before(s.Recent[0].Share.Found) {
			t.Errorf("%d recent outcomes, want 64, oldest first", len(s.Recent))
		}
	})
}

// TestSlowPoolLosesNothing fills the queue of a pool that stopped reading: the
// devices wait, nothing is thrown away, and the end of the run counts the rest.
func TestSlowPoolLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &minertest.Source{Label: "pool", Script: func(ctx context.Context, s *miner.Session) error {
			s.Publish(minertest.Job(1))
			select {
			case <-time.After(time.Hour):
			case <-ctx.Done():
				return nil
			}
			minertest.AcceptAll(ctx, s)
			return nil
		}}
		dev := &minertest.Device{Label: "dev", Rate: 100}
		s := run(t, 2*time.Hour+time.Millisecond, miner.Config{Source: source, Devices: []miner.Device{dev}})
		if s.Shares.Lost != 0 || s.Shares.Accepted < 3600 {
			t.Errorf("a pool that wakes up: %+v", s.Shares)
		}
		s = run(t, time.Hour/2, miner.Config{Source: source, Devices: []miner.Device{dev}})
		if s.Shares.Accepted != 0 || s.Shares.Lost < 256 || s.Shares.Lost*100 > s.Hashes {
			t.Errorf("a pool that never wakes up: %+v of %d draws", s.Shares, s.Hashes/100)
		}
	})
}

func TestUntil(t *testing.T) {
	block := func(ctx context.Context, s *miner.Session) error {
		j := minertest.Job(1)
		j.Bits = 0x207fffff // every other share is a block
		s.Publish(j)
		minertest.AcceptAll(ctx, s)
		return nil
	}
	for _, tt := range []struct {
		until miner.Until
		check func(s miner.Snapshot) bool
	}{
		{miner.Until{Shares: 20}, func(s miner.Snapshot) bool { return s.Shares.Accepted == 20 && s.Elapsed == 20*time.Second }},
		{miner.Until{Blocks: 3}, func(s miner.Snapshot) bool { return s.Shares.Blocks == 3 && s.Shares.Accepted >= 3 }},
		{miner.Until{Time: 90 * time.Second}, func(s miner.Snapshot) bool { return s.Elapsed == 90*time.Second }},
		{miner.Until{Shares: 20, Time: 5 * time.Second}, func(s miner.Snapshot) bool { return s.Elapsed == 5*time.Second }},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := run(t, time.Hour, miner.Config{
				Source:  &minertest.Source{Label: "pool", Script: block},
				Devices: []miner.Device{&minertest.Device{Label: "dev", Rate: 100}},
				Until:   tt.until,
			})
			if !tt.check(s) {
				t.Errorf("until %+v: %v, %+v", tt.until, s.Elapsed, s.Shares)
			}
		})
	}
}

// TestLastSharesAreSent ends a run while a share is on its way.
func TestLastSharesAreSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &minertest.Source{Label: "pool", Script: func(ctx context.Context, s *miner.Session) error {
			s.Publish(minertest.Job(1))
			<-ctx.Done()
			for {
				select {
				case sh := <-s.Shares():
					s.Report(sh, nil)
				default:
					return nil
				}
			}
		}}
		device := reporting{func(ctx context.Context, f *miner.Feed) error {
			var w miner.Work
			if err := f.Next(ctx, 10, &w); err != nil {
				return err
			}
			<-ctx.Done()
			for n := range uint32(10) {
				f.Found(&w, w.Job.Version, w.First+n)
			}
			return ctx.Err()
		}}
		s := run(t, time.Minute, miner.Config{Source: source, Devices: []miner.Device{device}})
		if want := (miner.Tally{Accepted: 10}); counts(s.Shares) != want {
			t.Errorf("%+v, want %+v", s.Shares, want)
		}
	})
}

// TestBackoff counts how often a source that always fails is tried.
func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		start := time.Now()
		source := &minertest.Source{Label: "pool", Script: func(context.Context, *miner.Session) error {
			at = append(at, time.Since(start))
			return errors.New("connection refused")
		}}
		s := run(t, 10*time.Minute, miner.Config{Source: source, Devices: []miner.Device{&minertest.Device{Label: "dev", Rate: 1}}})
		want := time.Second
		for i := 1; i < len(at); i++ {
			if gap := at[i] - at[i-1]; gap < want || gap > want*5/4 {
				t.Errorf("try %d came after %v, want %v and up to a quarter more", i, gap, want)
			}
			want = min(2*want, time.Minute)
		}
		if len(at) < 12 {
			t.Errorf("%d tries in ten minutes", len(at))
		}
		src := s.Sources[0]
		if src.Status.State != miner.Down || src.Status.Err == nil || src.Status.Err.Error() != "connection refused" {
			t.Errorf("the source is said to be %v: %v", src.Status.State, src.Status.Err)
		}
	})
}

// TestFailedDeviceIsTriedAgain has one device fail while another goes on.
func TestFailedDeviceIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		good := &minertest.Device{Label: "good", Rate: 100}
		sick := reporting{func(ctx context.Context, f *miner.Feed) error {
			if runs++; runs < 4 {
				return errors.New("no answer from the chip")
			}
			return good.Run(ctx, f)
		}}
		source := &minertest.Source{Label: "pool", Script: func(ctx context.Context, s *miner.Session) error {
			s.Publish(minertest.Job(1))
			minertest.AcceptAll(ctx, s)
			return nil
		}}
		m := miner.New(miner.Config{Source: source, Devices: []miner.Device{sick, good}})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- m.Run(ctx) }()
		time.Sleep(500 * time.Millisecond)
		if s := m.Snapshot(); s.Devices[0].Err == nil || s.Devices[1].Err != nil {
			t.Errorf("errors after the failure: %v, %v", s.Devices[0].Err, s.Devices[1].Err)
		}
		time.Sleep(time.Minute)
		s := m.Snapshot()
		if s.Devices[0].Err != nil || s.Devices[0].Hashes == 0 || s.Devices[1].Shares.Accepted < 50 {
			t.Errorf("a minute later: %+v", s.Devices)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestConfigIsChecked(t *testing.T) {
	if err := miner.New(miner.Config{}).Run(t.Context()); err == nil {
		t.Error("no source: no error")
	}
}

// TestSnapshotWithoutASession has a pool that hangs up after ten seconds.
func TestSnapshotWithoutASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &minertest.Source{Label: "pool", Script: func(ctx context.Context, s *miner.Session) error {
			ctx, cancel := context.WithTimeout(ctx, 10*time.Second+time.Millisecond)
			defer cancel()
			s.Status(miner.SourceStatus{State: miner.Up, URL: "stratum+tcp://pool"})
			s.Publish(minertest.Job(1))
			minertest.AcceptAll(ctx, s)
			return errors.New("connection lost")
		}}
		m := miner.New(miner.Config{Source: source, Devices: []miner.Device{&minertest.Device{Label: "dev", Rate: 100}}})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- m.Run(ctx) }()
		for _, tt := range []struct {
			at  time.Duration
			job bool
		}{{5 * time.Second, true}, {10500 * time.Millisecond, false}, {15 * time.Second, true}} {
			time.Sleep(tt.at - m.Snapshot().Elapsed)
			s := m.Snapshot()
			if got := s.Job != nil; got != tt.job {
				t.Errorf("after %v: a job: %v, want %v", s.Elapsed, got, tt.job)
			}
			if st := s.Sources[0].Status; !tt.job && (st.State != miner.Down || st.URL != "stratum+tcp://pool") {
				t.Errorf("after %v the pool is %+v", s.Elapsed, st)
			}
			if s.Shares.Lost != 0 { // a draw goes no further than its session
				t.Errorf("after %v: %+v", s.Elapsed, s.Shares)
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if s := m.Snapshot(); s.Job != nil {
			t.Errorf("a job after the end: %+v", s.Job)
		}
	})
}

func TestResult(t *testing.T) {
	reject := &miner.Reject{Code: 21, Reason: "job not found"}
	for _, tt := range []struct {
		err  error
		want string
	}{
		{nil, "accepted"}, {reject, "rejected"}, {fmt.Errorf("pool: %w", reject), "rejected"}, {errors.New("no answer"), "lost"},
	} {
		if got := (&miner.Outcome{Err: tt.err}).Result(); got != tt.want {
			t.Errorf("%v is %s, want %s", tt.err, got, tt.want)
		}
	}
}

// TestBackoffStartsAgain loses a pool that gave jobs, again and again: each time
// it is tried a second later, alone and within a Failover.
func TestBackoffStartsAgain(t *testing.T) {
	for _, wrap := range []func(miner.Source) miner.Source{
		func(s miner.Source) miner.Source { return s },
		func(s miner.Source) miner.Source {
			return miner.Failover(s, &minertest.Source{Label: "down", Script: func(context.Context, *miner.Session) error {
				return errors.New("connection refused")
			}})
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			runs := 0
			var lost time.Time
			run(t, 20*time.Minute, miner.Config{
				Devices: []miner.Device{&minertest.Device{Label: "dev", Rate: 100}},
				Source: wrap(&minertest.Source{Label: "pool", Script: func(ctx context.Context, s *miner.Session) error {
					runs++
					if gap := time.Since(lost); !lost.IsZero() && gap > 1250*time.Millisecond {
						t.Errorf("run %d came after %v, want a second and up to a quarter", runs, gap)
					}
					s.Publish(minertest.Job(1))
					ctx, cancel := context.WithTimeout(ctx, time.Minute)
					defer cancel()
					minertest.AcceptAll(ctx, s)
					lost = time.Now()
					return errors.New("connection lost")
				}}),
			})
			if runs < 15 {
				t.Errorf("%d runs in 20 minutes", runs)
			}
		})
	}
}
