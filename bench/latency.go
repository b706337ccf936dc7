package bench

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"runtime/metrics"
	"slices"
	"sync"
	"time"

	"gominer/hasher"
	"gominer/miner"
)

// Latency is how soon threads that are hashing at full load take up a clean job:
// from Session.Publish to the start of the first batch that has the new job's
// header, in each thread. Beside it stands what bounds it, the length of one
// call of the kernel, and what else waits for that: the garbage collector.
type Latency struct {
	Kernel   string  `json:"kernel"`
	Threads  int     `json:"threads"`
	Switches int     `json:"switches"` // clean jobs, each taken up by every thread
	P50      float64 `json:"p50_ms"`
	P99      float64 `json:"p99_ms"`
	Max      float64 `json:"max_ms"`
	FindMean float64 `json:"find_mean_ms"` // one call of Kernel.Find
	FindMax  float64 `json:"find_max_ms"`
	GCs      int     `json:"gc_cycles"`      // garbage collections forced under the same load
	GCStop   float64 `json:"gc_stop_max_ms"` // the longest time until all threads had stopped for one
}

const (
	// Clean jobs come at random, so that they find the batches at any point. The
	// least distance is several batches: every thread is at full load again.
	switchLeast = 4 * time.Millisecond
	switchMost  = 20 * time.Millisecond

	// switchPatience is how long a thread may take to be found at fault rather
	// than held up by the system.
	switchPatience = 10 * time.Second

	gcEvery = 10 * time.Millisecond
	gcMost  = 100
)

// gcCycles is how many garbage collections are forced after so many switches.
func gcCycles(switches int) int { return min(switches, gcMost) }

// latencyTime is about how long measureLatency takes.
func latencyTime(switches int) time.Duration {
	return time.Duration(switches)*(switchLeast+switchMost)/2 + time.Duration(gcCycles(switches))*gcEvery
}

// measureLatency runs a whole miner with c's kernel and threads and gives it so
// many clean jobs.
func measureLatency(ctx context.Context, c Case, switches int) (*Latency, error) {
	b := &switchboard{kernel: c.Kernel, threads: c.Threads, seen: make(map[*hasher.Prep]uint64), all: make(chan struct{}, 1)}
	c.Kernel.Find = b.find
	d, err := c.device()
	if err != nil {
		return nil, err
	}
	target, err := hasher.TargetFromDifficulty(1 << 32) // no share comes in between
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan struct{})
	l := &Latency{Kernel: c.Kernel.Name, Threads: c.Threads}
	_, stop := mine(ctx, d, func(_ context.Context, s *miner.Session) {
		defer close(done)
		if err := b.script(ctx, s, target, switches); err != nil {
			cancel(err)
			return
		}
		l.GCs, l.GCStop = collections(ctx, gcCycles(switches))
	})
	<-done
	stop()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	b.report(l)
	return l, nil
}

// switchboard stands in for a kernel and sees every thread take up every job.
type switchboard struct {
	kernel  hasher.Kernel
	threads int
	all     chan struct{} // the last thread has taken up the job

	mu      sync.Mutex
	job     uint64    // the newest
	at      time.Time // when it was published
	left    int       // threads that have not taken it up
	seen    map[*hasher.Prep]uint64
	delays  []float64 // ms
	calls   int
	total   time.Duration // of all calls
	longest time.Duration // of one call
}

func (b *switchboard) find(p *hasher.Prep, first, count uint32, found []hasher.Candidate) []hasher.Candidate {
	start := time.Now()
	b.begin(p, start)
	found = b.kernel.Find(p, first, count, found)
	b.end(time.Since(start))
	return found
}

// begin notes that a thread, which its Prep tells from the others, begins a
// batch.
func (b *switchboard) begin(p *hasher.Prep, now time.Time) {
	n := jobNumber(&p.Header)
	b.mu.Lock()
	defer b.mu.Unlock()
	if n != b.job || b.seen[p] == n {
		return
	}
	b.seen[p] = n
	b.delays = append(b.delays, milliseconds(now.Sub(b.at)))
	if b.left--; b.left == 0 {
		b.all <- struct{}{}
	}
}

func (b *switchboard) end(took time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls++
	b.total += took
	b.longest = max(b.longest, took)
}

// script publishes one job for all threads to begin with, and then the clean
// jobs that count.
func (b *switchboard) script(ctx context.Context, s *miner.Session, t hasher.Target, switches int) error {
	patience := time.NewTimer(switchPatience)
	defer patience.Stop()
	for n := range uint64(switches) + 1 {
		j := job(n+1, t)
		b.mu.Lock()
		if n == 1 {
			b.delays, b.calls, b.total, b.longest = b.delays[:0], 0, 0, 0 // the threads have just started
		}
		b.job, b.left, b.at = n+1, b.threads, time.Now()
		b.mu.Unlock()
		s.Publish(j)
		patience.Reset(switchPatience)
		select {
		case <-b.all:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-patience.C:
			return fmt.Errorf("latency: a thread with kernel %s has not begun a new job after %v", b.kernel.Name, switchPatience)
		}
		wait(ctx, switchLeast+rand.N(switchMost-switchLeast))
	}
	return nil
}

func (b *switchboard) report(l *Latency) {
	b.mu.Lock()
	defer b.mu.Unlock()
	slices.Sort(b.delays)
	l.Switches = len(b.delays) / b.threads
	l.P50, l.P99, l.Max = quantile(b.delays, 0.50), quantile(b.delays, 0.99), quantile(b.delays, 1)
	l.FindMean = milliseconds(b.total) / float64(max(b.calls, 1))
	l.FindMax = milliseconds(b.longest)
}

// stopping is the time from the decision to stop the world for a collection to
// when all threads have stopped.
const stopping = "/sched/pauses/stopping/gc:seconds"

// collections forces at most n garbage collections and returns how many there
// were, with the longest time in ms that threads took to stop for one, to the
// histogram's next bound.
func collections(ctx context.Context, n int) (cycles int, longest float64) {
	before := histogram(stopping)
	for range n {
		if ctx.Err() != nil {
			break
		}
		runtime.GC()
		cycles++
		wait(ctx, gcEvery)
	}
	after := histogram(stopping)
	if after == nil || before == nil {
		return cycles, 0
	}
	for i, n := range after.Counts {
		if n > before.Counts[i] {
			bound := after.Buckets[i+1]
			if math.IsInf(bound, 1) {
				bound = after.Buckets[i]
			}
			longest = bound * 1000
		}
	}
	return cycles, longest
}

// histogram reads one metric of the runtime, nil if there is none of that name.
func histogram(name string) *metrics.Float64Histogram {
	s := []metrics.Sample{{Name: name}}
	metrics.Read(s)
	if s[0].Value.Kind() != metrics.KindFloat64Histogram {
		return nil
	}
	return s[0].Value.Float64Histogram()
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
