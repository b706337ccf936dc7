package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gominer/bench"
	"gominer/hasher"
	"gominer/hasher/cpu"
	"gominer/internal/units"
)

// benchOptions are the flags of bench. What the package has a Config for is
// bound right into it.
type benchOptions struct {
	cfg       bench.Config
	kernels   []string // names, or all, or auto
	devices   []string // names; none: the processor
	threads   []int    // none: one thread, and all of them for the fastest kernel
	versions  int      // 0: what each kernel takes at once
	latency   bool
	stack     bool
	json      bool
	format    string
	perCPU    bool
	failBelow *float64 // a change, such as -0.05; nil: none fails

	known []hasher.Kernel // that this machine can run
}

const allKernels = "all"

// How long and how often everything is measured, by default.
const (
	benchTime = 3 * time.Second
	benchRuns = 5
)

// formats are how results can be written.
var formats = []string{"text", "json", "benchstat"}

func newBench(p *process) *cobra.Command {
	o := &benchOptions{known: hasher.Kernels()}
	cmd := &cobra.Command{
		Use:   "bench [flags]",
		Short: "Measure kernels, threads, job switches and the whole miner",
		Long: `Measures hash rates: distinct headers hashed in full, by wall time and by CPU
time. Every kernel is proven against crypto/sha256 before; the runs of all go in
turn, and medians are shown with the lowest and the highest run. What made the
machine too noisy to believe is said at the end. bench compare tells what has
changed between two reports.

Ctrl-C ends it with what was measured until then.`,
		Example: `gominer bench
gominer bench --kernel avx2,generic -t 1..4 --time 1s
gominer bench --latency --stack
gominer bench --device cpu,opencl0
gominer bench --kernel all --verify --json > before.json
gominer bench compare before.json
gominer bench --format benchstat > new.txt`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return benchError("bench", p.bench(cmd, o, args))
		},
	}
	section(cmd, "Measurement", o.measurementFlags)
	o.outputFlags(cmd)
	complete(cmd, "device", func() []string { return append(deviceNames(), openclKind) })
	cmd.AddCommand(newBenchCompare(p))
	return cmd
}

// outputFlags defines what bench and bench compare share.
func (o *benchOptions) outputFlags(cmd *cobra.Command) {
	section(cmd, "Output", func(f *pflag.FlagSet) {
		f.BoolVar(&o.json, "json", false, "write JSON: --format json")
		valueVar(f, &o.format, "format", "", "text", "`FORMAT` is text, json, or benchstat, the Go benchmark format", parseFormat)
	})
	configurable(cmd)
	exclusive(cmd.Flags(), "json", "format")
	complete(cmd, "kernel", func() []string { return append(kernelNames(), allKernels, autoKernel) })
	complete(cmd, "format", func() []string { return formats })
}

func (o *benchOptions) measurementFlags(f *pflag.FlagSet) {
	f.StringSliceVarP(&o.kernels, "kernel", "k", nil, "measure the kernels of `LIST`, all, or auto, the fastest (default: all; with --latency or --stack, auto)")
	f.StringSliceVarP(&o.devices, "device", "d", nil, "measure the devices of `LIST`, as gominer devices names them: cpu, opencl0, …, or opencl for all of these (default: cpu)")
	valueVar(f, &o.threads, "threads", "t", "", "with the numbers of threads in `LIST`, such as 4, 1..4 or 1,2,8 (default: 1, and for the fastest kernel also one for each processor)", parseThreads)
	f.DurationVar(&o.cfg.Time, "time", benchTime, "let each measurement take `TIME`")
	f.IntVar(&o.cfg.Runs, "runs", benchRuns, "measure everything `N` times, in turn")
	f.IntVar(&o.versions, "versions", 0, "try `K` header versions on each nonce (default: as many as the kernel takes at once)")
	f.BoolVar(&o.cfg.Thorough, "verify", false, "prove the kernels at length: real blocks, and millions of headers against crypto/sha256")
	f.BoolVar(&o.latency, "latency", false, "also measure how soon the fastest kernel's threads take up a clean job")
	f.IntVar(&o.cfg.Switches, "switches", 500, "give `N` clean jobs for --latency")
	f.BoolVar(&o.stack, "stack", false, "also measure the whole miner against the kernel alone")
}

// benchError puts the verb before err, whose exit code stays. A signal is passed
// on as it is, and nil.
func benchError(verb string, err error) error {
	if stop := (interrupted{}); err == nil || errors.As(err, &stop) {
		return err
	}
	return verbError(verb, err)
}

func (p *process) bench(cmd *cobra.Command, o *benchOptions, args []string) error {
	if len(args) > 0 {
		return usagef("there is no %q%s; gominer bench measures, gominer bench compare compares", args[0], didYouMean(args[0], []string{"compare"}))
	}
	return p.benchHere(cmd.Context(), o)
}

// benchHere measures and writes the report.
func (p *process) benchHere(ctx context.Context, o *benchOptions) error {
	devices, err := o.openDevices(p)
	defer func() {
		for _, k := range devices {
			k.Close()
		}
	}()
	if err != nil {
		return err
	}
	if len(devices) == 0 || slices.Contains(o.devices, cpuDevice) {
		if err := o.cases(p); err != nil {
			return err
		}
	} else if o.latency || o.stack {
		return usagef("--latency and --stack measure the processor: add cpu to --device")
	}
	report, err := p.measureBench(ctx, o.cfg)
	for _, k := range devices {
		if e := k.Err(); e != nil && err == nil {
			err = e
		}
	}
	if report == nil {
		return err
	}
	if e := p.writeBench(o, report); e != nil {
		return e
	}
	if wrong := report.Wrong(); wrong != nil {
		return &coded{exitFailed, wrong}
	}
	return err
}

// measureBench runs cfg with a progress bar.
func (p *process) measureBench(ctx context.Context, cfg bench.Config) (*bench.Report, error) {
	if err := cfg.Validate(); err != nil {
		return nil, usagef("%w", err)
	}
	cfg.Machine = p.thisMachine()
	progress := newBenchProgress(newScreen(p))
	cfg.Progress = progress.step
	stop := progress.show()
	defer stop()
	return bench.Run(ctx, cfg)
}

// thisMachine describes the machine, and where the system does not tell, what
// the processor itself says.
func (p *process) thisMachine() bench.Machine {
	m := bench.ThisMachine()
	if m.Model == "" {
		m.Model = processorModel()
	}
	if len(m.Features) == 0 {
		m.Features = processorFeatures()
	}
	b := thisBuild()
	m.Gominer = b.Version
	if len(b.Commit) >= 12 {
		m.Gominer += " " + b.Commit[:12]
	}
	if b.Modified {
		m.Gominer += " modified"
	}
	return m
}

func (p *process) writeBench(o *benchOptions, r *bench.Report) error {
	text := ""
	switch {
	case o.json || o.format == "json":
		return p.writeJSON(r)
	case o.format == "benchstat":
		text = r.Benchstat()
	default:
		text = r.Text(p.textWidth())
	}
	_, err := fmt.Fprint(p.stdout, text)
	return err
}

// textWidth is how wide a text on stdout may be.
func (p *process) textWidth() int {
	if w := p.width(); w > 0 {
		return w
	}
	return helpWidth
}

// cases works out what is measured.
func (o *benchOptions) cases(p *process) error {
	kernels, err := o.choose(p)
	if err != nil {
		return err
	}
	fastest, best := kernels[0], 0.0
	auto := slices.Equal(o.kernels, []string{autoKernel}) || o.kernels == nil && (o.latency || o.stack)
	if auto || o.threads == nil || o.latency || o.stack {
		for _, k := range kernels {
			if m := measure(k); m.rate > best {
				fastest, best = k, m.rate
			}
		}
	}
	if auto {
		kernels = []hasher.Kernel{fastest}
	}
	threads, all := o.threads, cpu.DefaultThreads()
	if threads == nil {
		threads = []int{1}
	}
	for _, k := range kernels {
		for _, n := range threads {
			o.cfg.Cases = append(o.cfg.Cases, bench.Case{Kernel: k, Threads: n, Versions: max(o.versions, k.Versions)})
		}
	}
	if o.threads == nil && all > 1 {
		o.cfg.Cases = append(o.cfg.Cases, bench.Case{Kernel: fastest, Threads: all, Versions: max(o.versions, fastest.Versions)})
	}
	if o.threads != nil {
		all = slices.Max(o.threads)
	}
	whole := &bench.Case{Kernel: fastest, Threads: all, Versions: fastest.Versions}
	if o.latency {
		o.cfg.Latency = whole
	}
	if o.stack {
		o.cfg.Stack = whole
	}
	return nil
}

// choose returns the kernels that --kernel names and --versions suits.
func (o *benchOptions) choose(p *process) ([]hasher.Kernel, error) {
	if o.versions < 0 || o.versions > bench.MaxVersions {
		return nil, usagef("--versions %d: want 1 to %d", o.versions, bench.MaxVersions)
	}
	var named, suited []hasher.Kernel
	names := []string{allKernels, autoKernel}
	for _, k := range o.known {
		names = append(names, k.Name)
		if o.versions%k.Versions == 0 { // 0 suits all
			suited = append(suited, k)
		}
	}
	for _, name := range o.kernels {
		i := slices.IndexFunc(o.known, func(k hasher.Kernel) bool { return k.Name == name })
		switch {
		case name == allKernels, name == autoKernel && len(o.kernels) == 1:
			continue
		case i < 0:
			return nil, usagef("--kernel %q: this machine has none of that name%s; it can run %s",
				name, didYouMean(name, names), strings.Join(names[2:], ", "))
		case o.versions%o.known[i].Versions != 0:
			return nil, usagef("--versions %d: kernel %s tries %d versions at once, want a multiple of that", o.versions, name, o.known[i].Versions)
		}
		named = append(named, o.known[i])
	}
	if len(named) > 0 && !slices.Contains(o.kernels, allKernels) {
		return named, nil
	}
	if n := len(o.known) - len(suited); n > 0 {
		fmt.Fprintf(p.stderr, "gominer: bench: left out, --versions %d is no multiple of what they try at once: %s\n", o.versions, units.Plural(uint64(n), "kernel"))
	}
	return suited, nil
}

// parseThreads reads "4", "1..4" or "1,2,8".
func parseThreads(s string) ([]int, error) {
	errForm := fmt.Errorf("want a number of threads from 1 to %d, a range such as 1..4, or a list such as 1,2,8", cpu.MaxThreads)
	var threads []int
	for part := range strings.SplitSeq(s, ",") {
		from, to, isRange := strings.Cut(strings.TrimSpace(part), "..")
		if !isRange {
			to = from
		}
		a, errA := strconv.Atoi(from)
		b, errB := strconv.Atoi(to)
		if errA != nil || errB != nil || a < 1 || b > cpu.MaxThreads || a > b {
			return nil, errForm
		}
		for n := a; n <= b; n++ {
			if !slices.Contains(threads, n) {
				threads = append(threads, n)
			}
		}
	}
	return threads, nil
}

func parseFormat(s string) (string, error) {
	if !slices.Contains(formats, s) {
		return "", fmt.Errorf("want one of %s%s", strings.Join(formats, ", "), didYouMean(s, formats))
	}
	return s, nil
}
