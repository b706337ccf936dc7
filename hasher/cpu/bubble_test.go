package cpu_test

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gominer/hasher"
	"gominer/hasher/cpu"
	"gominer/miner"
	"gominer/miner/minertest"
)

// sleepers are kernels that take their time and find nothing, for bubbles.
type sleepers struct {
	speed float64 // of a thread, H/s
	start time.Time
	mu    sync.Mutex
	calls []call
}

type call struct {
	at       time.Duration // since the start
	kernel   string
	job      byte // the first byte of the previous hash
	versions []uint32
	headers  uint64
}

func (s *sleepers) kernel(name string, lanes, versions int) hasher.Kernel {
	return hasher.Kernel{Name: name, Lanes: lanes, Versions: versions, Find: func(p *hasher.Prep, _, count uint32, found []hasher.Candidate) []hasher.Candidate {
		c := call{time.Since(s.start), name, p.Header[4], slices.Clone(p.Versions), uint64(count) * uint64(len(p.Mid))}
		s.mu.Lock()
		s.calls = append(s.calls, c)
		s.mu.Unlock()
		time.Sleep(time.Duration(float64(c.headers) / s.speed * float64(time.Second)))
		return found
	}}
}

// between returns the calls of a span.
func (s *sleepers) between(from, to time.Duration) (calls []call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.calls {
		if c.at >= from && c.at < to {
			calls = append(calls, c)
		}
	}
	return calls
}

func headers(calls []call) (n uint64) {
	for _, c := range calls {
		n += c.headers
	}
	return n
}

// inBubble mines with a thread's speed of 16 MH/s, on a kernel "one" and on one
// of 16 versions, "many", while play says what happens. The bubble fails the test
// if a goroutine is left.
func inBubble(t *testing.T, cfg cpu.Config, play func(s *sleepers, d *cpu.Device, sess *miner.Session)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &sleepers{speed: 16e6, start: time.Now()}
		cfg.Kernel, cfg.VersionKernel = s.kernel("one", 16, 1), s.kernel("many", 16, 16)
		d, err := cpu.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		m := miner.New(miner.Config{
			Devices: []miner.Device{d},
			Source: &minertest.Source{Label: "script", Script: func(_ context.Context, sess *miner.Session) error {
				defer cancel() // also when play fails the test
				play(s, d, sess)
				return nil
			}},
		})
		if err := m.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if got := m.Snapshot().Hashes; got != headers(s.calls) {
			t.Errorf("%d headers were tried and %d counted", headers(s.calls), got)
		}
	})
}

func job(n byte, mask uint32, clean bool) *miner.Job {
	j := minertest.Job(uint32(n))
	j.VersionMask, j.Clean = mask, clean
	return j
}

// TestKernelFollowsTheMask changes the mask live, without clean jobs.
func TestKernelFollowsTheMask(t *testing.T) {
	var log bytes.Buffer
	cfg := cpu.Config{Threads: 4, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelInfo}))}
	inBubble(t, cfg, func(s *sleepers, d *cpu.Device, sess *miner.Session) {
		for i, tt := range []struct {
			mask   uint32
			kernel string
		}{
			{0, "one"}, {0x1fffe000, "many"}, {0x1fffe000, "many"}, {0x0000e000, "one"}, {0x0001e000, "many"}, {0, "one"},
		} {
			sess.Publish(job(byte(i), tt.mask, i == 0))
			from := time.Duration(2*i+1) * time.Second // a draw ends within half a second
			time.Sleep(from + time.Second - time.Since(s.start))
			calls := s.between(from, from+time.Second)
			if len(calls) < 1000 {
				t.Fatalf("mask %08x: %d batches in a second", tt.mask, len(calls))
			}
			for _, c := range calls {
				if c.kernel != tt.kernel || c.job != byte(i) {
					t.Fatalf("mask %08x: kernel %q on job %d at %v, want %q on job %d", tt.mask, c.kernel, c.job, c.at, tt.kernel, i)
				}
				distinct := map[uint32]bool{}
				for _, v := range c.versions {
					if distinct[v] = true; v&^tt.mask != 0x20000000&^tt.mask {
						t.Fatalf("mask %08x: version %08x", tt.mask, v)
					}
				}
				if want := map[string]int{"one": 1, "many": 16}[tt.kernel]; len(distinct) != want {
					t.Fatalf("mask %08x: versions %08x, want %d", tt.mask, c.versions, want)
				}
			}
			if got := d.Info().Kernel; got != tt.kernel {
				t.Errorf("mask %08x: Info says %q, want %q", tt.mask, got, tt.kernel)
			}
			time.Sleep(time.Duration(2*i+2)*time.Second - time.Since(s.start))
		}
	})
	want := []string{"kernel=many before=one", "kernel=one before=many", "kernel=many before=one", "kernel=one before=many"}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	ok := len(lines) == len(want)
	for i := range want {
		ok = ok && strings.Contains(lines[i], want[i])
	}
	if !ok {
		t.Errorf("logged\n%s\nwant a line each with %q", log.String(), want)
	}
}

// TestThreadsChangeLive counts what 0 to 3 threads get done, in turn.
func TestThreadsChangeLive(t *testing.T) {
	inBubble(t, cpu.Config{Threads: 2}, func(s *sleepers, d *cpu.Device, sess *miner.Session) {
		sess.Publish(job(1, 0, true))
		for i, n := range []int{2, 0, 3, 1, 0, 2} {
			if err := d.SetThreads(n); err != nil {
				t.Fatal(err)
			}
			from := time.Since(s.start)
			time.Sleep(time.Second)
			got := float64(headers(s.between(from+100*time.Millisecond, from+time.Second))) / 0.9
			if want := float64(n) * s.speed; got < want*0.98 || got > want*1.02 {
				t.Errorf("step %d: %.0f H/s of %d threads, want %.0f", i, got, n, want)
			}
			if got := d.Info().Threads; got != n {
				t.Errorf("step %d: Info says %d threads, want %d", i, got, n)
			}
		}
	})
}

// TestThreadsAreToldApart reads what each thread has tried, while threads come
// and go: what one has tried stays its own.
func TestThreadsAreToldApart(t *testing.T) {
	inBubble(t, cpu.Config{Threads: 2}, func(s *sleepers, d *cpu.Device, sess *miner.Session) {
		sess.Publish(job(1, 0, true))
		var last []uint64
		for i, n := range []int{2, 3, 1, 3} {
			if err := d.SetThreads(n); err != nil {
				t.Fatal(err)
			}
			before := d.AppendTried(nil)
			time.Sleep(time.Second)
			now := d.AppendTried(nil)
			if len(now) != n {
				t.Fatalf("step %d: %d threads, want %d", i, len(now), n)
			}
			for thread := range now {
				if thread < len(last) && before[thread] < last[thread] {
					t.Errorf("step %d: thread %d goes on from %d after %d", i, thread, before[thread], last[thread])
				}
				if got := float64(now[thread] - before[thread]); got < 0.98*s.speed || got > 1.02*s.speed {
					t.Errorf("step %d: thread %d tried %.0f in a second, want %.0f", i, thread, got, s.speed)
				}
			}
			last = now
		}
		if err := d.SetThreads(0); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		all, sum := headers(s.between(0, time.Hour)), uint64(0)
		if err := d.SetThreads(3); err != nil {
			t.Fatal(err)
		}
		for _, n := range d.AppendTried(nil) {
			sum += n
		}
		if sum != all {
			t.Errorf("the threads tried %d headers of %d", sum, all)
		}
	})
}

// TestThrottleHolds limits 2 threads, and watches the rate, the size of batches,
// and how soon a job without clean is mined.
func TestThrottleHolds(t *testing.T) {
	for _, tt := range []struct {
		name  string
		t     cpu.Throttle
		mask  uint32
		clean bool
		want  float64 // H/s
		most  uint64  // headers to a batch
	}{
		{"a tenth of the time", cpu.Throttle{Percent: 10}, 0, false, 3.2e6, 16_000},
		{"a rate", cpu.Throttle{Rate: 200e3}, 0, false, 200e3, 10_000},
		{"a low rate", cpu.Throttle{Rate: 2000}, 0, false, 2000, 100},
		{"a low rate of 16 versions", cpu.Throttle{Rate: 2000}, 0x1fffe000, false, 2000, 100},
		{"a lower rate of 16 versions", cpu.Throttle{Rate: 40}, 0x1fffe000, false, 40, 16},
		{"a low rate on clean jobs", cpu.Throttle{Rate: 40}, 0x1fffe000, true, 40, 16},
		{"a percent of a low rate", cpu.Throttle{Rate: 2000, Percent: 1e-4}, 0, false, 32, 100},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, cpu.Config{Threads: 2, Throttle: tt.t}, func(s *sleepers, _ *cpu.Device, sess *miner.Session) {
				jobs, each := 40, 1500*time.Millisecond
				if tt.clean { // faster than rests are over
					jobs, each = 250, 100*time.Millisecond
				}
				for i := range jobs {
					sess.Publish(job(byte(i), tt.mask, i == 0 || tt.clean))
					time.Sleep(each)
				}
				// The first draws may be made by a thread that doesn't know its speed.
				calls := s.between(10*each, time.Duration(jobs)*each)
				got := float64(headers(calls)) / (time.Duration(jobs-10) * each).Seconds()
				if got < tt.want*0.93 || got > tt.want*1.03 {
					t.Errorf("%.1f H/s, want %.1f", got, tt.want)
				}
				for _, c := range calls {
					if c.headers > tt.most+tt.most/50 {
						t.Fatalf("a batch of %d headers, want at most %d", c.headers, tt.most)
					}
					if late := c.at - time.Duration(c.job)*each; late > each+1100*time.Millisecond {
						t.Fatalf("job %d is mined %v after it came", c.job, late)
					}
				}
			})
		})
	}
}

// TestThrottleIsForgotten sets limits under which the next batch would be years
// away, and lifts them.
func TestThrottleIsForgotten(t *testing.T) {
	inBubble(t, cpu.Config{Threads: 1}, func(s *sleepers, d *cpu.Device, sess *miner.Session) {
		sess.Publish(job(1, 0, true))
		for _, limit := range []cpu.Throttle{{Rate: 1e-3}, {Rate: 1e-300}, {Percent: 1e-300}} {
			for _, after := range []cpu.Throttle{{Percent: 50}, {Rate: 8e6}} {
				d.SetThrottle(limit)
				time.Sleep(10 * time.Second)
				from := time.Since(s.start)
				time.Sleep(time.Minute)
				if got := headers(s.between(from, from+time.Minute)); got != 0 {
					t.Errorf("%+v: %d headers in a minute", limit, got)
				}
				d.SetThrottle(after)
				from = time.Since(s.start)
				time.Sleep(time.Second)
				if got := headers(s.between(from, from+time.Second)); got < 7_500_000 || got > 8_500_000 {
					t.Errorf("%+v after %+v: %d headers in a second, want 8000000", after, limit, got)
				}
			}
		}
	})
}

// TestCleanJobEndsWork wants every thread off an old job within a batch.
func TestCleanJobEndsWork(t *testing.T) {
	for _, mask := range []uint32{0, 0x1fffe000} {
		inBubble(t, cpu.Config{Threads: 3}, func(s *sleepers, _ *cpu.Device, sess *miner.Session) {
			sess.Publish(job(0, mask, true))
			for i := byte(1); i < 20; i++ {
				time.Sleep(107 * time.Millisecond)
				sess.Publish(job(i, mask, true))
				came := time.Since(s.start)
				time.Sleep(2 * time.Millisecond)
				calls := s.between(came, came+2*time.Millisecond)
				if len(calls) < 3 {
					t.Errorf("job %d: %d batches in two milliseconds", i, len(calls))
				}
				for _, c := range calls {
					if c.job != i && c.at > came {
						t.Errorf("a batch of job %d, %v after job %d came", c.job, c.at-came, i)
					}
				}
			}
		})
	}
}
