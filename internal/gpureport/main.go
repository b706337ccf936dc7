// Command gpureport measures the OpenCL devices of a machine and writes a report in
// Markdown to stdout: what was tuned, the hash rate by the number of versions that
// share a schedule, and how near that is to the device's limit. It mines through
// the same code as gominer does, on a job of its own. make gpu-report runs it,
// after the tests.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"

	"gominer/hasher"
	"gominer/hasher/opencl"
	"gominer/hasher/opencl/cl"
	"gominer/hasher/opencl/sensor"
	"gominer/miner"
)

func main() {
	length := flag.Duration("for", 10*time.Second, "how long each rate is measured")
	flag.Parse()
	if err := report(context.Background(), *length); err != nil {
		fmt.Fprintln(os.Stderr, "gpureport:", err)
		os.Exit(1)
	}
}

func report(ctx context.Context, length time.Duration) error {
	found, err := opencl.Devices()
	if err != nil && len(found) == 0 {
		return err
	}
	if len(found) == 0 {
		return errors.New("no OpenCL device")
	}
	fmt.Printf("# OpenCL devices, measured by gominer\n\n%s/%s, %d processors, %s, %s\n",
		runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version(), time.Now().UTC().Format(time.DateOnly))
	for _, f := range opencl.Choose(found) {
		if err := device(ctx, &f, length); err != nil {
			return err
		}
	}
	hashcat(ctx)
	return nil
}

func device(ctx context.Context, f *opencl.Found, length time.Duration) error {
	fmt.Printf("\n## %s: %s\n\n", f.Name, f.Device.Name)
	fmt.Printf("%s by %s, %d units at up to %d MHz, driver %s, %s, PCI %q\n\n", f.Type, f.Vendor, f.Units, f.Clock, f.Driver, f.Version, f.PCI)
	fmt.Print("Tuning:\n\n| kernel | streams | rounds an item | group | MH/s | |\n|---|---|---|---|---|---|\n")
	t, err := opencl.Tune(ctx, &f.Device, "", 300*time.Millisecond, func(done, all int, m opencl.Measured) {
		fmt.Fprintf(os.Stderr, "\r%s: tuning, %d of %d ", f.Name, done, all)
		fmt.Printf("| %v | %d | %d | %d | %.1f | %s |\n", m.Shape, m.Shape.Streams, m.Shape.Each, m.Local, m.Rate/1e6, m.Err)
	})
	fmt.Fprintln(os.Stderr)
	if err != nil {
		return err
	}
	fmt.Printf("\nMining for %v with each, in groups of %d:\n\n", length, t.Local)
	fmt.Print("| kernel | MH/s | of k = 1 | core clock, MHz | of the limit | °C | W | J/GH | host CPU | errors |\n|---|---|---|---|---|---|---|---|---|---|\n")
	var one float64
	for _, s := range opencl.Shapes(&f.Device, t) {
		fmt.Fprintf(os.Stderr, "%s: mining with %v\n", f.Name, s)
		with := t
		if s.Versions > 1 {
			with.Many = s
		} else {
			with.Many = with.One
		}
		r, err := mine(ctx, f, with, length)
		if err != nil {
			return err
		}
		if one == 0 {
			one = r.rate
		}
		fmt.Printf("| %v | %.1f | %.3f | %s | %s | %s | %s | %s | %.1f %% | %d |\n", s, r.rate/1e6, r.rate/one, known("%.0f", r.clock),
			known("%.3f", r.rate/limit(f, s.Versions, r.clock)), known("%.0f", r.health.Temperature), known("%.0f", r.health.Power),
			known("%.2f", r.health.Power/r.rate*1e9), 100*r.cpu, r.errors)
	}
	return nil
}

// known formats v, or says that it is not known.
func known(format string, v float64) string {
	if !(v > 0) || v > 1e300 {
		return "–"
	}
	return fmt.Sprintf(format, v)
}

// instructions is how many integer instructions a nonce takes by the number of
// versions that share its schedule, with three-operand additions and logic.
var instructions = map[int]float64{1: 2442, 2: 2252, 4: 2157, 8: 2110, 16: 2086}

// limit is what an NVIDIA GPU with a unit for every 64 lanes can do, in H/s. It is
// not a bound: some additions run beside, on the units for fractions.
func limit(f *opencl.Found, versions int, clock float64) float64 {
	const nvidia = 0x10de
	if f.VendorID != nvidia || f.Type&cl.GPU == 0 {
		return 0
	}
	return float64(f.Units) * 64 * clock * 1e6 / instructions[versions]
}

type result struct {
	rate   float64 // H/s
	clock  float64 // MHz, in the middle
	cpu    float64 // processors that the host was busy with
	health miner.Health
	errors uint64
}

// mine runs the device as gominer does and returns what came of it after a warm-up.
func mine(ctx context.Context, f *opencl.Found, t opencl.Tuning, length time.Duration) (r result, err error) {
	cfg := opencl.Config{Name: f.Name, Device: f.Device, Tuning: &t}
	if read, err := sensor.Find(f.PCI); err == nil {
		cfg.Sensor = read
	}
	d, err := opencl.New(cfg)
	if err != nil {
		return r, err
	}
	m := miner.New(miner.Config{Source: job{}, Devices: []miner.Device{d}})
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { err = errors.Join(err, m.Run(ctx)) })
	const warm = 5 * time.Second // the build, and clocks that rise
	time.Sleep(warm)
	before, cpu, start := m.Snapshot(), cpuTime(), time.Now()
	time.Sleep(length / 2)
	if mhz, err := sensor.Clock(f.PCI); err == nil {
		r.clock = mhz
	}
	time.Sleep(length / 2)
	after, seconds := m.Snapshot(), time.Since(start).Seconds()
	r.rate = float64(after.Hashes-before.Hashes) / seconds
	r.cpu = (cpuTime() - cpu).Seconds() / seconds
	r.health, r.errors = after.Devices[0].Health, after.Shares.HardwareErrors
	return r, after.Devices[0].Err
}

// job is a source of one job whose version may be rolled and whose shares never
// come.
type job struct{}

func (job) Name() string { return "gpureport" }

func (job) Run(ctx context.Context, s *miner.Session) error {
	target, err := hasher.TargetFromDifficulty(1e12)
	if err != nil {
		return err
	}
	s.Publish(&miner.Job{
		ID: "1", Version: 0x20000000, VersionMask: 0x1fffe000, NTime: uint32(time.Now().Unix()), Bits: target.Bits(), Target: target, Clean: true,
		Coinbase: &miner.Coinbase{Prefix: make([]byte, 42), Suffix: make([]byte, 100), Extranonce1: make([]byte, 4), Extranonce2Size: 8},
	})
	<-ctx.Done()
	return nil
}

// hashcat says what a program by others reaches, where it is installed.
func hashcat(ctx context.Context) {
	const mode = "1400" // one SHA-256 of a message that fits a block
	path, err := exec.LookPath("hashcat")
	if err != nil {
		fmt.Print("\nhashcat is not installed: no comparison.\n")
		return
	}
	out, err := exec.CommandContext(ctx, path, "-b", "-m", mode).CombinedOutput()
	fmt.Printf("\nhashcat -b -m %s (one block of SHA-256; 1083 instructions by the same count), %v:\n\n", mode, err)
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "Speed.#") {
			fmt.Print("    ", line)
		}
	}
}
