package main

import (
	"context"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gominer/hasher/cpu"
	"gominer/hasher/opencl"
	"gominer/hasher/opencl/cl"
	"gominer/miner"
)

// deviceOptions say what to mine with.
type deviceOptions struct {
	cpu    cpu.Config
	kernel string
	names  []string // of --device; none: the processor, and what the flags below add
	noCPU  bool
	opencl openclOptions
	usb    usbOptions

	found []opencl.Found // OpenCL devices to mine with, by check
}

func (o *deviceOptions) flags(cmd *cobra.Command) {
	section(cmd, "Devices", func(f *pflag.FlagSet) {
		f.IntVarP(&o.cpu.Threads, "threads", "t", 0, "mine with `N` processor threads (default: one for each processor)")
		f.StringVarP(&o.kernel, "kernel", "k", autoKernel, "hash with the kernel `NAME`, as gominer devices lists them; auto takes the fastest")
		f.StringSliceVarP(&o.names, "device", "d", nil, "mine with the devices of `LIST` alone, as gominer devices names them (default: cpu)")
		f.BoolVar(&o.noCPU, "no-cpu", false, "leave the processor alone")
		f.BoolVar(&o.cpu.Pin, "pin", false, "keep each processor thread on a processor of its own, where the system can do that")
		valueVar(f, &o.cpu.Throttle, "throttle", "", "", "let the processor work less: `LIMIT` is a share of the time, 50%, or a hash rate, 2MH/s", parseThrottle)
		o.opencl.flags(f)
		o.usb.flags(f)
	})
	completeUSB(cmd)
	complete(cmd, "kernel", func() []string { return append(kernelNames(), autoKernel) })
	complete(cmd, "device", deviceNames)
}

// check looks at what can be wrong before anything is measured.
func (o *deviceOptions) check() error {
	if err := o.choose(); err != nil {
		return err
	}
	if err := o.usb.check(); err != nil {
		return err
	}
	if o.cpu.Threads == 0 {
		o.cpu.Threads = cpu.DefaultThreads()
	}
	switch {
	case o.noCPU && len(o.found) == 0 && !o.usb.any():
		return usagef("--no-cpu leaves nothing to mine with: add --opencl or --usb, or name a device with --device")
	case o.cpu.Threads < 0 || o.cpu.Threads > cpu.MaxThreads:
		return usagef("--threads %d: want 1 to %d, or 0 for one for each processor", o.cpu.Threads, cpu.MaxThreads)
	}
	return nil
}

// choose works out which devices are meant.
func (o *deviceOptions) choose() error {
	var others []string // than the processor
	processor := len(o.names) == 0
	for _, name := range o.names {
		if name == cpuDevice {
			processor = true
		} else {
			others = append(others, name)
		}
	}
	o.noCPU = o.noCPU || !processor
	if len(others) == 0 && !o.opencl.all {
		return nil
	}
	found, err := opencl.Devices()
	if len(found) == 0 && o.opencl.all {
		return usagef("--opencl: %w", noDevice(err))
	}
	if o.opencl.all {
		o.found = opencl.Choose(found)
	}
	for _, name := range others {
		i := slices.IndexFunc(found, func(f opencl.Found) bool { return f.Name == name })
		if i < 0 {
			return usagef("--device %q: this machine has none of that name%s; it has %s",
				name, didYouMean(name, deviceNames()), strings.Join(deviceNames(), ", "))
		}
		if !slices.ContainsFunc(o.found, func(f opencl.Found) bool { return f.Name == name }) {
			o.found = append(o.found, found[i])
		}
	}
	return nil
}

// rate returns the hash rate that the devices should come to, in H/s.
func (o *deviceOptions) rate(kernels *choice) float64 {
	if o.noCPU {
		return o.opencl.rate(o.found)
	}
	rate := kernels.rate() * float64(min(o.cpu.Threads, cpu.DefaultThreads()))
	switch t := o.cpu.Throttle; {
	case t.Percent > 0:
		rate *= t.Percent / 100
	case t.Rate > 0:
		rate = min(rate, t.Rate)
	}
	return rate + o.opencl.rate(o.found)
}

// spareProcessors is how many goroutines can run while all threads mine. Go
// would let them wait for a miner to be preempted, 10 ms and more; the system
// gives them a processor at once. On two processors the time from a share to
// its answer over loopback fell from 20 ms to 0.1 ms, and jobs arrive as much
// sooner.
const spareProcessors = 2

// spare lets that many goroutines run beside the threads.
func spare(threads int) {
	runtime.GOMAXPROCS(max(runtime.GOMAXPROCS(0), threads+spareProcessors))
}

// open returns the devices.
func (o *deviceOptions) open(ctx context.Context, d *display, kernels *choice) (devices []miner.Device, err error) {
	if !o.noCPU {
		device, err := o.openCPU(d, kernels)
		if err != nil {
			return nil, err
		}
		devices = append(devices, device)
	}
	for i := range o.found {
		device, err := o.opencl.open(ctx, d, &o.found[i], o.noCPU && len(o.found) == 1 && !o.usb.any())
		if err != nil {
			return nil, err
		}
		if !o.noCPU && o.found[i].Type&cl.CPU != 0 {
			d.log.Warn("this device is the processor again: add --no-cpu, or leave it out", "device", o.found[i].Name)
		}
		devices = append(devices, device)
	}
	boards, err := o.usb.open(d)
	return append(devices, boards...), err
}

func (o *deviceOptions) openCPU(d *display, kernels *choice) (miner.Device, error) {
	cfg := o.cpu
	cfg.Name, cfg.Model, cfg.Log = cpuDevice, processorModel(), d.log
	kernels.configure(&cfg)
	spare(cfg.Threads)
	device, err := cpu.New(cfg)
	if err != nil {
		return nil, usagef("%w", err)
	}
	info := device.Info()
	d.log.Info("mining with", "device", info.Name, "model", info.Model, "kernel", kernels.name(), "threads", info.Threads)
	return device, nil
}
