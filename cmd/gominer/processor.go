package main

import (
	"runtime"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gominer/hasher/cpu"
	"gominer/miner"
)

// deviceOptions say what to mine with.
type deviceOptions struct {
	cpu    cpu.Config
	kernel string
	names  []string // of --device; none: all
	noCPU  bool
}

func (o *deviceOptions) flags(cmd *cobra.Command) {
	section(cmd, "Devices", func(f *pflag.FlagSet) {
		f.IntVarP(&o.cpu.Threads, "threads", "t", 0, "mine with `N` processor threads (default: one for each processor)")
		f.StringVarP(&o.kernel, "kernel", "k", autoKernel, "hash with the kernel `NAME`, as gominer devices lists them; auto takes the fastest")
		f.StringSliceVarP(&o.names, "device", "d", nil, "mine with the devices of `LIST`, as gominer devices names them (default: all)")
		f.BoolVar(&o.noCPU, "no-cpu", false, "leave the processor alone")
		valueVar(f, &o.cpu.Throttle, "throttle", "", "", "work less: `LIMIT` is a share of the time, 50%, or a hash rate, 2MH/s", parseThrottle)
	})
	complete(cmd, "kernel", func() []string { return append(kernelNames(), autoKernel) })
	complete(cmd, "device", deviceNames)
}

// check looks at what can be wrong before anything is measured.
func (o *deviceOptions) check() error {
	for _, name := range o.names {
		if name != cpuDevice {
			return usagef("--device %q: this machine has none of that name%s; it has %s",
				name, didYouMean(name, deviceNames()), strings.Join(deviceNames(), ", "))
		}
	}
	if o.cpu.Threads == 0 {
		o.cpu.Threads = cpu.DefaultThreads()
	}
	switch {
	case o.noCPU:
		return usagef("--no-cpu leaves nothing to mine with: the processor is the only device here")
	case o.cpu.Threads < 0 || o.cpu.Threads > cpu.MaxThreads:
		return usagef("--threads %d: want 1 to %d, or 0 for one for each processor", o.cpu.Threads, cpu.MaxThreads)
	}
	return nil
}

// rate returns the hash rate that the devices should come to, in H/s.
func (o *deviceOptions) rate(kernels *choice) float64 {
	rate := kernels.rate() * float64(min(o.cpu.Threads, cpu.DefaultThreads()))
	switch t := o.cpu.Throttle; {
	case t.Percent > 0:
		rate *= t.Percent / 100
	case t.Rate > 0:
		rate = min(rate, t.Rate)
	}
	return rate
}

// spareProcessors is how many goroutines can run while all threads mine. Go
// would let them wait for a miner to be preempted, 10 ms and more; the system
// gives them a processor at once. On two processors the time from a share to
// its answer over loopback fell from 20 ms to 0.1 ms, and jobs arrive as much
// sooner.
const spareProcessors = 2

// open returns the devices.
func (o *deviceOptions) open(d *display, kernels *choice) ([]miner.Device, error) {
	cfg := o.cpu
	cfg.Name, cfg.Model, cfg.Log = cpuDevice, processorModel(), d.log
	kernels.configure(&cfg)
	runtime.GOMAXPROCS(max(runtime.GOMAXPROCS(0), cfg.Threads+spareProcessors))
	device, err := cpu.New(cfg)
	if err != nil {
		return nil, usagef("%w", err)
	}
	info := device.Info()
	d.log.Info("mining with", "device", info.Name, "model", info.Model, "kernel", kernels.name(), "threads", info.Threads)
	return []miner.Device{device}, nil
}
