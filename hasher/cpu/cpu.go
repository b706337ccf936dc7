// Package cpu mines with the machine's processors: a miner.Device of n threads
// that run one hasher.Kernel in batches of about a millisecond. Which kernel is
// the fastest here is the caller's to find out; the package only obeys.
package cpu

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"gominer/hasher"
	"gominer/internal/cgroup"
	"gominer/miner"
)

// Config says how to mine. The zero value mines with every processor that the
// process may use and the kernel that is best known.
type Config struct {
	Name    string // "" is "cpu"
	Model   string // the processor's name, for people
	Threads int    // 0 is DefaultThreads

	// Kernel tries one version; the zero value is the first of hasher.Kernels
	// that does. VersionKernel is used instead on jobs that allow as many
	// versions as it takes at once; the zero value is never.
	Kernel        hasher.Kernel
	VersionKernel hasher.Kernel

	Pin      bool     // each thread stays on a processor of its own, where the system can do that
	Throttle Throttle // the zero value is full speed
	Log      *slog.Logger
}

// DefaultThreads returns the number of processors that the process may use at
// once, as it was at the start: the smaller of its affinity and, on Linux, its
// cgroup's CPU quota, unless the variable GOMAXPROCS of the environment says it.
func DefaultThreads() int { return defaultThreads }

// defaultThreads is worked out before main, which may want more of GOMAXPROCS for
// what runs beside the threads.
var defaultThreads = usable(runtime.GOMAXPROCS(0), os.Getenv("GOMAXPROCS") != "", cgroup.Quota(os.DirFS("/")))

// usable returns how many threads suit procs, of Go's choice or set by the user,
// and a quota, 0 for none. Go looks at the quota of the innermost group alone, and
// never goes below 2.
func usable(procs int, set bool, quota float64) int {
	if set || quota <= 0 {
		return procs
	}
	return int(min(max(1, math.Ceil(quota)), float64(procs)))
}

// MaxThreads is the largest number of threads that a Device takes.
const MaxThreads = 4096

// Device is a miner.Device. Its setters may be called while it runs.
type Device struct {
	cfg      Config
	log      *slog.Logger
	throttle atomic.Pointer[Throttle]
	kernel   atomic.Pointer[hasher.Kernel] // in use
	mined    atomic.Bool                   // it has been used, and is more than a plan

	mu      sync.Mutex
	threads int           // wanted
	changed chan struct{} // closed when threads or throttle change
	tried   []*counter    // by thread, of all that there ever were
}

// counter is one thread's, on a cache line of its own.
type counter struct {
	_     [64]byte
	tried atomic.Uint64 // headers
	_     [56]byte
}

// New returns a Device that waits for Run.
func New(cfg Config) (*Device, error) {
	d := &Device{cfg: cfg, log: cfg.Log, changed: make(chan struct{})}
	if d.cfg.Name == "" {
		d.cfg.Name = "cpu"
	}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	if d.cfg.Kernel.Find == nil {
		for _, k := range hasher.Kernels() {
			if k.Versions == 1 {
				d.cfg.Kernel = k
				break
			}
		}
	}
	if k := d.cfg.Kernel; k.Versions != 1 {
		return nil, fmt.Errorf("cpu: kernel %s tries %d versions at once and can't stand alone: set it as VersionKernel", k.Name, k.Versions)
	}
	d.kernel.Store(&d.cfg.Kernel)
	if cfg.Threads == 0 {
		cfg.Threads = DefaultThreads()
	}
	if err := d.SetThreads(cfg.Threads); err != nil {
		return nil, err
	}
	if err := d.SetThrottle(cfg.Throttle); err != nil {
		return nil, err
	}
	return d, nil
}

// Info describes the device as it is now.
func (d *Device) Info() miner.Info {
	k := d.kernel.Load()
	return miner.Info{
		Name: d.cfg.Name, Kind: "cpu", Model: d.cfg.Model, Threads: d.Threads(),
		Kernel: k.Name, Lanes: k.Lanes, Versions: k.Versions,
	}
}

// uses notes that k is the kernel in use, and says so if it is another one.
func (d *Device) uses(k *hasher.Kernel) {
	before := d.kernel.Swap(k)
	if d.mined.Swap(true) && before.Name != k.Name {
		d.log.Info("kernel changed with the versions that the job allows", "device", d.cfg.Name, "kernel", k.Name, "before", before.Name)
	}
}

// Threads returns the number of threads that mine, or will.
func (d *Device) Threads() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.threads
}

// SetThreads changes the number of threads, 0 to MaxThreads, at once; 0 rests.
func (d *Device) SetThreads(n int) error {
	if n < 0 || n > MaxThreads {
		return fmt.Errorf("cpu: %d threads: want 0 to %d", n, MaxThreads)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.threads = n
	for len(d.tried) < n {
		d.tried = append(d.tried, new(counter))
	}
	d.changedLocked()
	return nil
}

// AppendTried appends to list how many headers each thread has tried so far. It
// makes a Device a miner.Threaded.
func (d *Device) AppendTried(list []uint64) []uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.tried[:d.threads] {
		list = append(list, c.tried.Load())
	}
	return list
}

// counter returns that of a thread.
func (d *Device) counter(thread int) *counter {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.tried[thread]
}

// Throttle returns the limit in force.
func (d *Device) Throttle() Throttle { return *d.throttle.Load() }

// SetThrottle changes the limit at once; the zero value is none.
func (d *Device) SetThrottle(t Throttle) error {
	if err := t.validate(); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.throttle.Store(&t)
	d.changedLocked()
	return nil
}

// changedLocked wakes Run and sleeping workers. The caller holds mu.
func (d *Device) changedLocked() {
	close(d.changed)
	d.changed = make(chan struct{})
}

// state returns the wanted number of threads and the channel that tells of the
// next change.
func (d *Device) state() (threads int, changed <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.threads, d.changed
}

// Run mines until ctx ends, with as many threads as are wanted at the time.
func (d *Device) Run(ctx context.Context, f *miner.Feed) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var stops []context.CancelFunc
	for {
		threads, changed := d.state()
		for len(stops) > threads {
			last := len(stops) - 1
			stops[last]()
			stops = stops[:last]
		}
		for len(stops) < threads {
			w := newWorker(d, f, len(stops))
			wctx, stop := context.WithCancel(ctx)
			stops = append(stops, stop)
			wg.Go(func() { w.run(wctx) })
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}
