// Package bench measures what gominer's kernels and its engine do on a machine,
// so that the figures can be quoted: every kernel is proven against crypto/sha256
// before it is measured; measurements are repeated in turn, so that a machine
// which slows down slows all of them; a hash is one distinct header hashed in
// full; and beside each figure stands how far its runs lie apart, and what was
// wrong with the machine meanwhile. It measures the processor only, and nothing
// over a network.
//
// The formats are JSON, a text with charts, and the Go benchmark format
// (golang.org/design/14313-benchmark-format) for benchstat.
package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gominer/hasher"
	"gominer/hasher/cpu"
)

// Config says what to measure.
type Config struct {
	Machine  Machine       // as ThisMachine returns it
	Cases    []Case        // whose hash rates are measured, in turn
	Time     time.Duration // of each measurement, MinTime to MaxTime
	Runs     int           // of each case, 1 to MaxRuns
	Thorough bool          // prove kernels at length, not in a moment
	Latency  *Case         // how soon it takes up a clean job; nil: not measured
	Switches int           // clean jobs for Latency
	Stack    *Case         // the whole miner against the kernel alone; nil: not measured
	Progress func(Step)    // told of each step before it begins; may be nil
}

// Limits of a Config.
const (
	MinTime     = time.Millisecond
	MaxTime     = 5 * time.Minute // an energy counter of 262 kJ would need 870 W to go round twice
	MaxRuns     = 1000
	MaxSwitches = 1_000_000
	MaxVersions = 1 << 16 // the bits of BIP 320
)

// Step is where a run of benchmarks stands.
type Step struct {
	What  string        // "avx2, 2 threads, run 1 of 5"
	Done  time.Duration // of Total
	Takes time.Duration // this step, about
	Total time.Duration
}

// Validate says what is wrong with the configuration, nil if nothing is.
func (cfg *Config) Validate() error {
	switch {
	case cfg.Time < MinTime || cfg.Time > MaxTime:
		return fmt.Errorf("%v for each measurement: want %v to %v", cfg.Time, MinTime, MaxTime)
	case cfg.Runs < 1 || cfg.Runs > MaxRuns:
		return fmt.Errorf("%d runs: want 1 to %d", cfg.Runs, MaxRuns)
	case cfg.Latency != nil && (cfg.Switches < 1 || cfg.Switches > MaxSwitches):
		return fmt.Errorf("%d job switches: want 1 to %d", cfg.Switches, MaxSwitches)
	case len(cfg.Cases) == 0:
		return errors.New("nothing to measure")
	}
	for _, c := range cfg.all() {
		if err := c.validate(); err != nil {
			return err
		}
	}
	return nil
}

func (c *Case) validate() error {
	switch k := &c.Kernel; {
	case k.Find == nil || k.Lanes < 1 || k.Versions < 1:
		return fmt.Errorf("kernel %q is not complete", k.Name)
	case c.Threads < 1 || c.Threads > cpu.MaxThreads:
		return fmt.Errorf("%d threads: want 1 to %d", c.Threads, cpu.MaxThreads)
	case c.Versions < 1 || c.Versions > MaxVersions:
		return fmt.Errorf("%d versions: want 1 to %d", c.Versions, MaxVersions)
	case c.Versions%k.Versions != 0:
		return fmt.Errorf("kernel %s tries %d versions at once: %d is no multiple of that", k.Name, k.Versions, c.Versions)
	}
	return nil
}

// all returns the cases of every measurement.
func (cfg *Config) all() []Case {
	all := cfg.Cases[:len(cfg.Cases):len(cfg.Cases)]
	for _, c := range []*Case{cfg.Latency, cfg.Stack} {
		if c != nil {
			all = append(all, *c)
		}
	}
	return all
}

// Run measures. If ctx ends early, the report has what was measured until then,
// and the error is ctx's cause. A kernel that is wrong is not measured; the
// report says what is wrong with it, and Wrong returns it.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	r := &runner{
		cfg:    cfg,
		energy: newEnergyMeter(systemFS()),
		report: &Report{Time: time.Now().UTC().Truncate(time.Second), Machine: cfg.Machine, Seconds: cfg.Time.Seconds(), Results: []Result{}},
	}
	noise := watchNoise(systemFS())
	err := r.run(ctx)
	r.report.Interrupted = err != nil
	r.report.finish()
	r.report.Warnings = r.report.warnings(noise.stop())
	return r.report, err
}

// A measurement is preceded by a warm-up of its own: the clock settles, and the
// batches find their size.
const (
	warmPart = 10 // the warm-up is so many times shorter
	warmMost = 300 * time.Millisecond
)

func warmUp(d time.Duration) time.Duration { return min(max(d/warmPart, 2*batchTime), warmMost) }

// runner is a Run in progress.
type runner struct {
	cfg    Config
	energy *energyMeter
	report *Report
	done   time.Duration // of the steps so far, as planned
}

// verifyTime is about how long one kernel takes to be proven.
func (r *runner) verifyTime() time.Duration {
	if r.cfg.Thorough {
		return 2 * time.Second
	}
	return 100 * time.Millisecond
}

// with returns how long a measurement of d takes, warm-up included.
func with(d time.Duration) time.Duration { return warmUp(d) + d }

func (r *runner) total() time.Duration {
	total := time.Duration(len(r.kernels()))*r.verifyTime() + time.Duration(len(r.cfg.Cases)*r.cfg.Runs)*with(r.cfg.Time)
	if r.cfg.Latency != nil {
		total += latencyTime(r.cfg.Switches)
	}
	if r.cfg.Stack != nil {
		pairs, each := r.cfg.stackRuns()
		total += time.Duration(2*pairs) * with(each)
	}
	return total
}

// tell announces a step.
func (r *runner) tell(takes time.Duration, format string, args ...any) {
	if r.cfg.Progress != nil {
		r.cfg.Progress(Step{What: fmt.Sprintf(format, args...), Done: r.done, Takes: takes, Total: r.total()})
	}
	r.done += takes
}

// kernels returns every kernel once.
func (r *runner) kernels() (kernels []hasher.Kernel) {
	seen := make(map[string]bool)
	for _, c := range r.cfg.all() {
		if !seen[c.Kernel.Name] {
			seen[c.Kernel.Name] = true
			kernels = append(kernels, c.Kernel)
		}
	}
	return kernels
}

func (r *runner) run(ctx context.Context) error {
	wrong, err := r.verify(ctx)
	if err != nil {
		return err
	}
	if c := r.cfg.Latency; c != nil && wrong[c.Kernel.Name] == nil {
		if err := r.latency(ctx, *c); err != nil {
			return err
		}
	}
	if c := r.cfg.Stack; c != nil && wrong[c.Kernel.Name] == nil {
		if err := r.stack(ctx, *c); err != nil {
			return err
		}
	}
	return r.rates(ctx)
}

// verify proves every kernel and makes a result for each case.
func (r *runner) verify(ctx context.Context) (wrong map[string]error, err error) {
	wrong = make(map[string]error)
	headers := make(map[string]uint64)
	for _, k := range r.kernels() {
		if err := context.Cause(ctx); err != nil {
			return wrong, err
		}
		r.tell(r.verifyTime(), "proving %s", k.Name)
		headers[k.Name], wrong[k.Name] = Verify(k, r.cfg.Thorough)
		if err := wrong[k.Name]; err != nil {
			r.report.wrong = append(r.report.wrong, err)
		}
	}
	for _, c := range r.cfg.Cases {
		result := Result{
			Kernel: c.Kernel.Name, Device: c.where(), Threads: c.Threads, Versions: c.Versions,
			Headers: headers[c.Kernel.Name], Verified: wrong[c.Kernel.Name] == nil,
			Samples: []float64{}, SamplesPerCPU: []float64{},
		}
		if err := wrong[c.Kernel.Name]; err != nil {
			result.Error = err.Error()
		}
		r.report.Results = append(r.report.Results, result)
	}
	return wrong, nil
}

// rates measures the cases in turn: A B C A B C.
func (r *runner) rates(ctx context.Context) error {
	for run := range r.cfg.Runs {
		for i := range r.cfg.Cases {
			c, result := &r.cfg.Cases[i], &r.report.Results[i]
			if !result.Verified {
				continue
			}
			r.tell(with(r.cfg.Time), "%s, %s, run %d of %d", c.Kernel.Name, plural(c.Threads, "thread"), run+1, r.cfg.Runs)
			m, err := c.measure(ctx, r.cfg.Time, r.energy)
			if err != nil {
				return err
			}
			result.add(m)
		}
	}
	return nil
}

func (r *runner) latency(ctx context.Context, c Case) error {
	r.tell(latencyTime(r.cfg.Switches), "%s to new jobs, %s", plural(r.cfg.Switches, "switch"), plural(c.Threads, "thread"))
	l, err := measureLatency(ctx, c, r.cfg.Switches)
	if l != nil && l.Switches > 0 {
		r.report.Latency = l
	}
	return err
}

// stack measures the kernel alone and the whole miner in turn.
func (r *runner) stack(ctx context.Context, c Case) error {
	c.Versions = c.Kernel.Versions // as the device has it
	s := &Stack{Kernel: c.Kernel.Name, Threads: c.Threads}
	pairs, each := r.cfg.stackRuns()
	for run := range pairs {
		r.tell(with(each), "%s alone, run %d of %d", c.Kernel.Name, run+1, pairs)
		bare, err := c.measure(ctx, each, r.energy)
		if err != nil {
			return err
		}
		r.tell(with(each), "the whole miner with %s, run %d of %d", c.Kernel.Name, run+1, pairs)
		whole, shares, err := c.measureStack(ctx, each, bare.rate())
		if err != nil {
			return err
		}
		s.add(bare, whole)
		s.Shares += shares
		r.report.Stack = s
	}
	return nil
}
