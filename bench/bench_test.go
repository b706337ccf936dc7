package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"gominer/hasher"
)

// quick is a configuration that takes no time.
func quick(cases ...Case) Config {
	return Config{Machine: ThisMachine(), Cases: cases, Time: MinTime, Runs: 2, Switches: 3}
}

func TestRun(t *testing.T) {
	k, minio := generic(t), minioKernel(t)
	cfg := quick(Case{Kernel: k, Threads: 1, Versions: 1}, Case{Kernel: minio, Threads: 1, Versions: 1}, Case{Kernel: k, Threads: 2, Versions: 4})
	cfg.Time = 20 * time.Millisecond // a stack that the system holds up for longer than that counts nothing
	cfg.Latency, cfg.Stack = &Case{Kernel: k, Threads: 2, Versions: 1}, &Case{Kernel: k, Threads: 1, Versions: 1}
	var steps []Step
	cfg.Progress = func(s Step) { steps = append(steps, s) }
	r, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Wrong(); err != nil {
		t.Error(err)
	}
	if len(r.Results) != 3 || r.Interrupted {
		t.Fatalf("%+v", r)
	}
	for i, res := range r.Results {
		c := cfg.Cases[i]
		if res.Kernel != c.Kernel.Name || res.Threads != c.Threads || res.Versions != c.Versions || res.Device != "cpu" {
			t.Errorf("result %d is %+v, want one of %s", i, res, c.Kernel.Name)
		}
		if res.Runs != 2 || len(res.Samples) != 2 || len(res.SamplesPerCPU) != 2 || !res.Verified || res.Headers == 0 {
			t.Errorf("%+v", res)
		}
		if res.HS <= 0 || res.PerCPU <= 0 || res.Min > res.HS || res.HS > res.Max {
			t.Errorf("%+v", res)
		}
	}
	l := r.Latency
	if l == nil || l.Switches != 3 || l.P50 > l.P99 || l.P99 > l.Max || l.Max <= 0 || l.FindMax < l.FindMean || l.FindMean <= 0 || l.GCs == 0 {
		t.Errorf("latency %+v", l)
	}
	s := r.Stack
	if s == nil || s.Runs != 2 || s.Low > s.Ratio || s.Ratio > s.High || s.High <= 0 || s.RatioCPU <= 0 || s.Bare <= 0 || s.Whole <= 0 {
		t.Errorf("stack %+v", s)
	}
	checkSteps(t, steps)
}

func minioKernel(t testing.TB) hasher.Kernel {
	t.Helper()
	k, ok := hasher.KernelByName("minio")
	if !ok {
		t.Fatal("no kernel minio")
	}
	return k
}

// checkSteps: every step begins where the one before was to end, the last one
// ends with everything, and the cases come in turn.
func checkSteps(t *testing.T, steps []Step) {
	t.Helper()
	var done time.Duration
	var order []string
	for _, s := range steps {
		if s.Done != done || s.Total != steps[0].Total {
			t.Errorf("step %+v, want it to begin at %v", s, done)
		}
		done += s.Takes
		if what, run, ok := strings.Cut(s.What, ", run "); ok && strings.Contains(what, " thread") {
			order = append(order, what+" "+run[:1])
		}
	}
	if done != steps[0].Total {
		t.Errorf("all steps take %v, want %v", done, steps[0].Total)
	}
	want := []string{
		"generic, 1 thread 1", "minio, 1 thread 1", "generic, 2 threads 1",
		"generic, 1 thread 2", "minio, 1 thread 2", "generic, 2 threads 2",
	}
	if !slices.Equal(order, want) {
		t.Errorf("measured in the order %q, want %q", order, want)
	}
}

// TestRunStops: what was measured when the context ended is reported.
func TestRunStops(t *testing.T) {
	reason := errors.New("enough")
	for _, tt := range []struct {
		at      string // the step during which it ends
		results int
		latency bool
		stack   bool
	}{
		{"proving", 0, false, false},
		{"switches", 0, false, false},
		{"generic alone", 0, true, false},
		{"generic, 1 thread, run 1", 0, true, true},
		{"generic, 2 threads, run 1", 1, true, true},
		{"generic, 1 thread, run 2", 2, true, true},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		cfg := quick(Case{Kernel: generic(t), Threads: 1, Versions: 1}, Case{Kernel: generic(t), Threads: 2, Versions: 1})
		cfg.Latency, cfg.Stack = &cfg.Cases[0], &cfg.Cases[0]
		cfg.Progress = func(s Step) {
			if strings.Contains(s.What, tt.at) {
				cancel(reason)
			}
		}
		r, err := Run(ctx, cfg)
		if !errors.Is(err, reason) || r == nil || !r.Interrupted {
			t.Fatalf("%s: %v, %+v", tt.at, err, r)
		}
		if len(r.Results) != tt.results || (r.Latency != nil) != tt.latency || (r.Stack != nil) != tt.stack {
			t.Errorf("%s: %d results, latency %v, stack %v", tt.at, len(r.Results), r.Latency, r.Stack)
		}
		for _, res := range r.Results {
			if res.Runs == 0 {
				t.Errorf("%s: %+v", tt.at, res)
			}
		}
		if text := r.Text(80); !strings.Contains(text, "interrupted") {
			t.Errorf("%s: %s", tt.at, text)
		}
	}
}

// TestRunWithoutWrongKernels: a kernel that is wrong is named and not measured,
// the others are.
func TestRunWithoutWrongKernels(t *testing.T) {
	wrong := hasher.Kernel{Name: "wrong", Lanes: 1, Versions: 1, Find: func(_ *hasher.Prep, _, _ uint32, found []hasher.Candidate) []hasher.Candidate { return found }}
	cfg := quick(Case{Kernel: wrong, Threads: 1, Versions: 1}, Case{Kernel: generic(t), Threads: 1, Versions: 1})
	cfg.Latency, cfg.Stack = &cfg.Cases[0], &cfg.Cases[0]
	r, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Wrong(); err == nil || !strings.Contains(err.Error(), "kernel wrong is wrong: it misses nonce") {
		t.Errorf("Wrong() = %v", err)
	}
	if len(r.Results) != 2 || r.Latency != nil || r.Stack != nil {
		t.Fatalf("%+v", r)
	}
	if a := r.Results[0]; a.Verified || a.Error == "" || a.Runs != 0 || a.HS != 0 {
		t.Errorf("%+v", a)
	}
	if b := r.Results[1]; !b.Verified || b.Error != "" || b.Runs != 2 {
		t.Errorf("%+v", b)
	}
}

func TestValidate(t *testing.T) {
	k := generic(t)
	wide := hasher.Kernel{Name: "wide", Lanes: 16, Versions: 16, Find: k.Find}
	for want, change := range map[string]func(*Config){
		"1µs for each measurement: want 1ms to 5m0s":     func(c *Config) { c.Time = time.Microsecond },
		"1h0m0s for each measurement":                    func(c *Config) { c.Time = time.Hour },
		"0 runs: want 1 to 1000":                         func(c *Config) { c.Runs = 0 },
		"0 job switches: want 1 to":                      func(c *Config) { c.Latency, c.Switches = &c.Cases[0], 0 },
		"nothing to measure":                             func(c *Config) { c.Cases = nil },
		"0 threads: want 1 to 4096":                      func(c *Config) { c.Cases[0].Threads = 0 },
		"65537 versions: want 1 to 65536":                func(c *Config) { c.Cases[0].Versions = 65537 },
		"kernel wide tries 16 versions at once: 8 is no": func(c *Config) { c.Stack = &Case{Kernel: wide, Threads: 1, Versions: 8} },
		`kernel "" is not complete`:                      func(c *Config) { c.Cases[0].Kernel = hasher.Kernel{} },
	} {
		cfg := quick(Case{Kernel: k, Threads: 1, Versions: 1})
		change(&cfg)
		if _, err := Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// ledger is a kernel that hashes nothing and keeps book of what it was asked
// for.
type ledger struct {
	mu    sync.Mutex
	asked map[string][][2]uint64 // by header: ranges of nonces, end excluded
	total uint64                 // headers
}

func (l *ledger) find(p *hasher.Prep, first, count uint32, found []hasher.Candidate) []hasher.Candidate {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total += uint64(count) * uint64(len(p.Versions))
	h := p.Header
	h.SetNonce(0)
	for _, v := range p.Versions {
		h.SetVersion(v)
		l.asked[string(h[:])] = append(l.asked[string(h[:])], [2]uint64{uint64(first), uint64(first) + uint64(count)})
	}
	return found
}

// twice returns how many headers were asked for a second time.
func (l *ledger) twice() (n uint64) {
	for _, ranges := range l.asked {
		slices.SortFunc(ranges, func(a, b [2]uint64) int { return cmp.Compare(a[0], b[0]) })
		for i := 1; i < len(ranges); i++ {
			if ranges[i][0] < ranges[i-1][1] {
				n += ranges[i-1][1] - ranges[i][0]
			}
		}
	}
	return n
}

// TestHashesAreCountedOnce: what a measurement counts are distinct headers that
// the kernel was given, versions included, however often the nonces run out.
func TestHashesAreCountedOnce(t *testing.T) {
	l := &ledger{asked: make(map[string][][2]uint64)}
	c := Case{Kernel: hasher.Kernel{Name: "book", Lanes: 4, Versions: 2, Find: l.find}, Threads: 3, Versions: 4}
	m, err := c.measure(t.Context(), MinTime, newEnergyMeter(fstest.MapFS{}))
	if err != nil {
		t.Fatal(err)
	}
	if m.hashes == 0 || m.hashes > l.total {
		t.Errorf("%d hashes counted of %d", m.hashes, l.total)
	}
	if n := l.twice(); n > 0 {
		t.Errorf("%d headers were hashed twice", n)
	}
	if len(l.asked) < 3*4 {
		t.Errorf("%d headers of 3 threads with 4 versions each", len(l.asked))
	}

	// At the end of the nonces a search goes on with another header.
	l = &ledger{asked: make(map[string][][2]uint64)}
	c = Case{Kernel: hasher.Kernel{Name: "book", Lanes: 4, Versions: 1, Find: l.find}, Threads: 1, Versions: 1}
	s := newSearch(&c)
	now := time.Now()
	counted := uint64(0)
	for range 200 { // the batches grow to 2^29 nonces, so it is long past 2^32
		counted += s.headers()
		now = s.batch(now.Add(-batchTime / 2))
	}
	if counted != l.total || counted < math.MaxUint32 || len(l.asked) < 2 {
		t.Errorf("%d headers counted of %d, %d different", counted, l.total, len(l.asked))
	}
	if n := l.twice(); n > 0 {
		t.Errorf("%d headers were hashed twice", n)
	}
}

// TestBatchSize: batches settle at what takes about a millisecond.
func TestBatchSize(t *testing.T) {
	c := Case{Kernel: hasher.Kernel{Name: "idle", Lanes: 8, Versions: 1, Find: (&ledger{asked: map[string][][2]uint64{}}).find}, Threads: 1, Versions: 1}
	s := newSearch(&c)
	if s.count != 8 {
		t.Errorf("it begins with %d, want the lanes", s.count)
	}
	s.batch(time.Now())
	if s.count != 16 {
		t.Errorf("%d after a fast batch, want 16", s.count)
	}
	s.batch(time.Now().Add(-time.Hour))
	s.batch(time.Now().Add(-time.Hour))
	if s.count != 8 {
		t.Errorf("%d after two slow ones, want 8, not less than the lanes", s.count)
	}
}

// TestJobs: each has its number in its headers, and headers of its own, or a
// miner would search the same again in every run.
func TestJobs(t *testing.T) {
	a, b := job(7, hasher.MaxTarget), job(7, hasher.MaxTarget)
	var h hasher.Header
	h.SetPrevHash(a.PrevHash)
	if n := jobNumber(&h); n != 7 {
		t.Errorf("job 7 has the number %d", n)
	}
	if a.PrevHash == b.PrevHash {
		t.Error("two jobs have one previous hash")
	}
	c := a.Coinbase
	if n := len(c.Prefix) + len(c.Extranonce1) + c.Extranonce2Size + len(c.Suffix); n != coinbaseBytes || len(c.Branch) != coinbaseBranch {
		t.Errorf("a coinbase of %d bytes with %d branches", n, len(c.Branch))
	}
}

// TestSwitchboard: each thread counts once for each job, and only for the newest.
func TestSwitchboard(t *testing.T) {
	b := &switchboard{kernel: generic(t), threads: 2, seen: make(map[*hasher.Prep]uint64), all: make(chan struct{}, 1)}
	target, err := hasher.TargetFromDifficulty(1)
	if err != nil {
		t.Fatal(err)
	}
	prep := func(n uint64) *hasher.Prep {
		var h hasher.Header
		h.SetPrevHash(job(n, target).PrevHash)
		p := &hasher.Prep{}
		p.Prepare(&h, 0)
		return p
	}
	start := time.Now()
	one, other := prep(6), prep(7)
	b.job, b.left, b.at = 7, 2, start
	b.begin(one, start.Add(time.Millisecond)) // still at the last job
	b.begin(other, start.Add(2*time.Millisecond))
	b.begin(other, start.Add(3*time.Millisecond)) // its second batch
	if len(b.delays) != 1 || b.left != 1 || len(b.all) != 0 {
		t.Fatalf("%v, %d left", b.delays, b.left)
	}
	one.Header.SetPrevHash(other.Header.PrevHash())
	b.begin(one, start.Add(4*time.Millisecond))
	if want := []float64{2, 4}; !slices.Equal(b.delays, want) || b.left != 0 || len(b.all) != 1 {
		t.Errorf("%v, %d left, want %v", b.delays, b.left, want)
	}
	b.end(time.Millisecond)
	b.end(3 * time.Millisecond)
	var l Latency
	b.report(&l)
	if want := (Latency{Switches: 1, P50: 2, P99: 4, Max: 4, FindMean: 2, FindMax: 3}); l != want {
		t.Errorf("%+v, want %+v", l, want)
	}
}

// BenchmarkKernel is gominer bench as a Go benchmark.
func BenchmarkKernel(b *testing.B) {
	for _, k := range hasher.Kernels() {
		b.Run(fmt.Sprintf("%s/threads=1", k.Name), func(b *testing.B) {
			s := newSearch(&Case{Kernel: k, Threads: 1, Versions: k.Versions})
			now := time.Now()
			for range 40 { // batches find their size
				now = s.batch(now)
			}
			b.ReportAllocs()
			hashes := uint64(0)
			for b.Loop() {
				hashes += s.headers()
				now = s.batch(now)
			}
			b.ReportMetric(float64(hashes)/b.Elapsed().Seconds(), "H/s")
		})
	}
}

// BenchmarkStack measures the whole miner against the kernel alone: the ratio of
// their hash rates is what it is about.
func BenchmarkStack(b *testing.B) {
	const each = 500 * time.Millisecond
	c := Case{Kernel: hasher.Kernels()[0], Threads: ThisMachine().Usable}
	c.Versions = c.Kernel.Versions
	var s Stack
	for b.Loop() {
		bare, err := c.measure(b.Context(), each, newEnergyMeter(fstest.MapFS{}))
		if err != nil {
			b.Fatal(err)
		}
		whole, _, err := c.measureStack(b.Context(), each, bare.rate())
		if err != nil {
			b.Fatal(err)
		}
		s.add(bare, whole)
	}
	b.ReportMetric(s.Ratio, "ratio")
	b.ReportMetric(s.RatioCPU, "cpu-ratio")
	b.ReportMetric(s.Whole, "H/s")
}
