package cpu

import (
	"context"
	"runtime"
	"time"

	"gominer/hasher"
	"gominer/miner"
)

const (
	// batchTime bounds three delays at once: until a new job is mined, until the
	// program ends, and until the garbage collector may stop a thread, since
	// assembly can't be preempted.
	batchTime = time.Millisecond
	// drawTime is how much work is drawn at once: enough that drawing costs
	// nothing, little enough that a job without clean is picked up soon.
	drawTime = 500 * time.Millisecond

	candidates = 64 // room for those of one batch before it must grow
)

// worker is one thread. Its fields are its own; nothing in its loop allocates.
type worker struct {
	d     *Device
	f     *miner.Feed
	index int
	tried *counter

	work     miner.Work
	prep     hasher.Prep
	versions []uint32
	found    []hasher.Candidate
	speed    speedometer
	pacer    pacer
}

func newWorker(d *Device, f *miner.Feed, index int) *worker {
	return &worker{d: d, f: f, index: index, tried: d.counter(index), found: make([]hasher.Candidate, 0, candidates)}
}

func (w *worker) run(ctx context.Context) {
	if w.d.cfg.Pin {
		runtime.LockOSThread() // and never unlocked: the thread ends with its affinity
		if err := pin(w.index); err != nil {
			w.d.log.Warn("the thread could not be pinned to a processor", "device", w.d.cfg.Name, "thread", w.index, "error", err)
		}
	}
	for {
		if err := w.f.Next(ctx, w.draw(), &w.work); err != nil {
			return
		}
		k := w.choose(w.work.Job)
		if w.index == 0 { // one thread speaks for all
			w.d.uses(k)
		}
		w.prep.Prepare(&w.work.Header, w.work.Limit, w.versions...)
		w.scan(ctx, k)
	}
}

// draw returns how many nonces to ask for: what takes drawTime, throttled, with
// as many versions as there may be. The next job may allow them where the last
// didn't, and a draw can't be given back.
func (w *worker) draw() uint64 {
	headers := w.d.throttle.Load().limit(w.speed.headers(drawTime), w.d.Threads())
	return max(1, uint64(headers)/uint64(max(1, w.d.cfg.VersionKernel.Versions)))
}

// choose returns the kernel for j and fills versions with those that it tries.
func (w *worker) choose(j *miner.Job) *hasher.Kernel {
	k := &w.d.cfg.Kernel
	w.versions = w.versions[:0]
	if v := &w.d.cfg.VersionKernel; v.Find != nil && j.Versions() >= uint64(v.Versions) {
		k = v
		for i := range v.Versions {
			w.versions = append(w.versions, j.RolledVersion(uint64(i)))
		}
	}
	return k
}

// scan tries the work in batches until it is done, stale, or ctx ends.
func (w *worker) scan(ctx context.Context, k *hasher.Kernel) {
	width := uint64(max(1, len(w.versions))) // headers to a nonce
	next, left := w.work.First, w.work.Count
	for left > 0 && !w.work.Stale() && ctx.Err() == nil {
		t := w.d.throttle.Load()
		threads := w.d.Threads()
		n := min(left, w.batch(k, width, t.most(threads)))
		start := time.Now()
		w.found = k.Find(&w.prep, next, uint32(n), w.found[:0])
		took := time.Since(start)
		w.tried.tried.Add(n * width)
		w.f.Tried(&w.work, n*width)
		for _, c := range w.found {
			w.f.Found(&w.work, w.prep.Versions[c.Index], c.Nonce)
		}
		w.speed.add(n*width, took)
		next += uint32(n)
		left -= n
		if rest := w.pacer.after(t, threads, n*width, took); rest > 0 {
			w.rest(ctx, rest)
		}
	}
}

// batch returns the nonces of the next batch: what takes batchTime, in whole
// lanes, and at most most headers, or else what the kernel does at once.
func (w *worker) batch(k *hasher.Kernel, width uint64, most float64) uint64 {
	n := uint64(min(w.speed.headers(batchTime), most)) / width
	lanes := max(1, uint64(max(1, k.Lanes))/width) // of nonces
	return min(max(n-n%lanes, lanes), 1<<31)
}

// rest sleeps for a throttle, or until the throttle changes. A clean job is no
// reason to wake: the next header is due when the rest is over, and is drawn then.
func (w *worker) rest(ctx context.Context, d time.Duration) {
	_, changed := w.d.state()
	t := time.NewTimer(d)
	defer t.Stop()
	start := time.Now()
	select {
	case <-t.C:
	case <-changed:
	case <-ctx.Done():
	}
	w.pacer.rested(time.Since(start))
}

// speedometer learns how fast the thread is.
type speedometer struct {
	perSecond float64 // headers
}

// firstGuess is slow enough for any kernel's first batch to be short.
const firstGuess = 1e6

// headers returns how many headers take d.
func (s *speedometer) headers(d time.Duration) float64 {
	if s.perSecond == 0 {
		return firstGuess * d.Seconds()
	}
	return s.perSecond * d.Seconds()
}

// add learns from one batch. No single batch moves the speed by more than 2, so
// that one which the system held up does little harm.
func (s *speedometer) add(headers uint64, took time.Duration) {
	now := float64(headers) / max(took.Seconds(), 1e-9)
	if s.perSecond == 0 {
		s.perSecond = firstGuess
	}
	now = min(max(now, s.perSecond/2), s.perSecond*2)
	s.perSecond += (now - s.perSecond) / 4
}
