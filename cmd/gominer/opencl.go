package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"gominer/hasher/opencl"
	"gominer/hasher/opencl/cl"
	"gominer/hasher/opencl/sensor"
	"gominer/internal/units"
	"gominer/miner"
)

// openclOptions say how OpenCL devices mine.
type openclOptions struct {
	all            bool
	retune, noTune bool
	batch          time.Duration
	hottest        float64
}

func (o *openclOptions) flags(f *pflag.FlagSet) {
	f.BoolVar(&o.all, "opencl", false, "mine with all GPUs that OpenCL finds; where there are none, with the processors it finds")
	f.BoolVar(&o.retune, "retune", false, "measure OpenCL devices again; otherwise that is done once for each device and driver")
	f.BoolVar(&o.noTune, "no-tune", false, "never measure OpenCL devices, guess what suits them")
	f.DurationVar(&o.batch, "opencl-batch", opencl.DefaultBatch, "let each launch on an OpenCL device take `TIME`: shorter keeps a display fluent")
	f.Float64Var(&o.hottest, "max-temperature", 0, "rest a GPU that is hotter than so many `DEGREES` Celsius (default: its driver's limit alone)")
}

// noDevice says why there is no OpenCL device.
func noDevice(err error) error {
	if err == nil {
		return errors.New("the OpenCL drivers here see no device: is it plugged in, and may you use it (Linux: groups render and video)?")
	}
	return err
}

// tuneTime is how long each way to run a kernel is measured.
const tuneTime = 200 * time.Millisecond

// openclFolder is where built kernels and tunings are kept; "" if the user has no
// such place.
func openclFolder() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "gominer", "opencl")
}

// open returns the device, measured if need be. One that can't be is an error if
// it is the only one; else it is tried again while the others mine.
func (o *openclOptions) open(ctx context.Context, d *display, f *opencl.Found, only bool) (miner.Device, error) {
	cfg := opencl.Config{Name: f.Name, Device: f.Device, Batch: o.batch, Folder: openclFolder(), MaxTemperature: o.hottest, Log: d.log}
	if o.hottest < 0 || o.hottest > 0 && o.hottest < 30 {
		return nil, usagef("--max-temperature %v: want at least 30 °C", o.hottest)
	}
	read, err := sensor.Find(f.PCI)
	switch {
	case err == nil:
		cfg.Sensor = read
	case o.hottest > 0:
		return nil, usagef("--max-temperature: the temperature of %s, %s, can't be read: %w", f.Name, f.Device.Name, err)
	}
	if _, kept := opencl.LoadTuning(cfg.Folder, &f.Device); o.retune || !kept && !o.noTune {
		t, err := o.tune(ctx, d, f)
		switch {
		case err == nil:
			cfg.Tuning = &t
		case only || ctx.Err() != nil:
			return nil, err
		default:
			d.log.Error("the device can't be measured, and is tried while others mine", "device", f.Name, "error", err)
		}
	}
	device, err := opencl.New(cfg)
	if err != nil {
		return nil, usagef("%w", err)
	}
	info := device.Info()
	d.log.Info("mining with", "device", info.Name, "model", info.Model, "kernel", info.Kernel, "driver", f.Driver)
	return device, nil
}

// tune measures the device, and says so while it lasts.
func (o *openclOptions) tune(ctx context.Context, d *display, f *opencl.Found) (opencl.Tuning, error) {
	d.log.Info("measuring, once for this driver", "device", f.Name, "model", f.Device.Name)
	t, err := opencl.Tune(ctx, &f.Device, openclFolder(), tuneTime, func(done, all int, m opencl.Measured) {
		d.screen.setStatus(fmt.Sprintf("measuring %s: %d of %d", f.Name, done, all))
		d.log.Debug("measured", "device", f.Name, "kernel", m.Shape.String(), "streams", m.Shape.Streams, "each", m.Shape.Each, "local", m.Local, "rate", units.Hashrate(m.Rate), "error", m.Err)
	})
	d.screen.setStatus("")
	if err != nil && t.One.Versions > 0 { // it was measured, but can't be kept
		d.log.Warn("the measurement can't be kept for the next start", "device", f.Name, "error", err)
		err = nil
	}
	return t, err
}

// rate returns what the devices should come to, in H/s.
func (o *openclOptions) rate(found []opencl.Found) (sum float64) {
	for i := range found {
		t, ok := opencl.LoadTuning(openclFolder(), &found[i].Device)
		if !ok {
			t = opencl.Guess(&found[i].Device)
		}
		// A device that fails will say so when it is to mine.
		rate, _ := opencl.Measure(context.Background(), &found[i].Device, openclFolder(), t.Many, t.Local, tuneTime)
		sum += rate
	}
	return sum
}

// openclReport is what devices --json says of an OpenCL device.
type openclReport struct {
	Name     string `json:"name"` // as --device takes it
	Kind     string `json:"kind"`
	Model    string `json:"model"`
	Type     string `json:"type"` // GPU, CPU or accelerator
	Vendor   string `json:"vendor"`
	PCI      string `json:"pci,omitempty"`
	Units    int    `json:"units"`
	Clock    int    `json:"clock_mhz"`
	Memory   uint64 `json:"memory_bytes"`
	Driver   string `json:"driver"`
	Version  string `json:"version"`
	Platform string `json:"platform"`
	Kernel   string `json:"kernel,omitempty"` // by measurement; none before that
	Local    int    `json:"local,omitempty"`

	Temperature float64 `json:"temperature_c,omitempty"`
	Power       float64 `json:"power_w,omitempty"`
}

func describeOpenCL(f *opencl.Found) openclReport {
	r := openclReport{
		Name: f.Name, Kind: "opencl", Model: f.Device.Name, Type: f.Type.String(), Vendor: f.Vendor, PCI: f.PCI, Units: f.Units,
		Clock: f.Clock, Memory: f.Memory, Driver: f.Driver, Version: f.Version, Platform: f.Platform,
	}
	if t, ok := opencl.LoadTuning(openclFolder(), &f.Device); ok {
		r.Kernel, r.Local = t.Many.String(), t.Local
	}
	if read, err := sensor.Find(f.PCI); err == nil {
		if h, err := read(); err == nil {
			r.Temperature, r.Power = h.Temperature, h.Power
		}
	}
	return r
}

func (r *openclReport) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s\n", r.Name, r.Model)
	line := func(what, format string, args ...any) {
		fmt.Fprintf(&b, "     %-9s %s\n", what, fmt.Sprintf(format, args...))
	}
	line("type", "%s by %s", r.Type, r.Vendor)
	line("units", "%d at up to %d MHz, %sB of memory", r.Units, r.Clock, units.Number(float64(r.Memory)))
	line("driver", "%s, %s, %s", r.Driver, r.Version, r.Platform)
	if r.PCI != "" {
		line("PCI", "%s", r.PCI)
	}
	if r.Temperature > 0 {
		line("now", "%.0f °C, %.0f W", r.Temperature, r.Power)
	}
	switch {
	case r.Kernel != "":
		line("kernel", "%s in groups of %d, by measurement", r.Kernel, r.Local)
	case r.Type == cl.CPU.String():
		line("kernel", "not measured yet; the processor itself, cpu, is faster")
	default:
		line("kernel", "measured when it mines for the first time")
	}
	return b.String()
}
