package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gominer/bench"
	"gominer/hasher/opencl"
)

// openclKind stands for all OpenCL devices.
const openclKind = "opencl"

// openclBatch is how long one launch takes when it is measured: it waits for each,
// which mining does not.
const openclBatch = 50 * time.Millisecond

// openDevices builds the kernels of the devices that --device names and adds
// their cases. What it returns is to be closed, also with an error.
func (o *benchOptions) openDevices(p *process) (opened []*opencl.Kernel, err error) {
	if len(o.devices) == 0 || slices.Equal(o.devices, []string{cpuDevice}) {
		return nil, nil
	}
	found, trouble := opencl.Devices()
	screen := newScreen(p)
	defer screen.setStatus("")
	for _, name := range o.devices {
		if name == cpuDevice {
			continue
		}
		some := false
		for i := range found {
			f := &found[i]
			if f.Name != name && name != openclKind {
				continue
			}
			some = true
			t, ok := opencl.LoadTuning(openclFolder(), &f.Device)
			if !ok {
				t = opencl.Guess(&f.Device)
			}
			for _, shape := range opencl.Shapes(&f.Device, t) {
				screen.setStatus(fmt.Sprintf("building the kernel %v for %s", shape, f.Name))
				k, err := opencl.NewKernel(&f.Device, f.Name+":"+shape.String(), openclFolder(), shape, t.Local)
				if err != nil {
					return opened, err
				}
				opened = append(opened, k)
				o.cfg.Cases = append(o.cfg.Cases, bench.Case{
					Kernel: k.Kernel, Threads: 1, Versions: max(o.versions, shape.Versions), Device: f.Name, Batch: openclBatch,
				})
			}
		}
		if !some && name == openclKind {
			return opened, usagef("--device opencl: %w", noDevice(trouble))
		}
		if !some {
			names := append(deviceNames(), openclKind)
			return opened, usagef("--device %q: this machine has none of that name%s; it has %s",
				name, didYouMean(name, names), strings.Join(names, ", "))
		}
	}
	return opened, nil
}
