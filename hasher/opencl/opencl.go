// Package opencl mines with OpenCL devices: a miner.Device for each, which keeps
// two launches of the kernel of package kernels in flight, sleeps while the device
// works, and hashes every candidate again before it believes it.
//
// What is slow is done once and kept in a folder of the user's: the compiled
// kernel, and the sizes that Tune found the fastest for a device and its driver.
package opencl

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"gominer/hasher/opencl/cl"
	"gominer/kernels"
	"gominer/miner"
)

// Found is a device that this machine has.
type Found struct {
	Name string // "opencl0", in the order in which OpenCL lists them
	cl.Device
}

// Devices returns all devices of all libraries. A device that two platforms
// offer is listed once, for the first. The error is cl.ErrNone where there is no
// OpenCL; it may come with devices, when only some drivers are in trouble.
func Devices() ([]Found, error) {
	libs, err := cl.Load()
	if err != nil {
		return nil, err
	}
	var found []Found
	var trouble []string
	seen := make(map[string]bool) // by place on the PCI bus
	for _, l := range libs {
		platforms, err := l.Platforms()
		if err != nil {
			trouble = append(trouble, err.Error())
			continue
		}
		for _, p := range platforms {
			devices, err := p.Devices()
			if err != nil {
				trouble = append(trouble, err.Error())
				continue
			}
			for _, d := range devices {
				if d.PCI != "" && seen[d.PCI] {
					continue
				}
				seen[d.PCI] = true
				found = append(found, Found{fmt.Sprintf("opencl%d", len(found)), d})
			}
		}
	}
	if len(trouble) > 0 {
		return found, fmt.Errorf("OpenCL: %s", strings.Join(trouble, "; "))
	}
	return found, nil
}

// Choose returns those of found that are mined with unless a user names others:
// GPUs and accelerators, or, where there are none, processors.
func Choose(found []Found) []Found {
	var chosen []Found
	for _, f := range found {
		if f.Type&cl.CPU == 0 {
			chosen = append(chosen, f)
		}
	}
	if len(chosen) == 0 {
		return found
	}
	return chosen
}

// DefaultBatch is how long one launch takes: long enough to cost nothing, short
// enough that a new job, which waits for the launches in flight, is not late.
const DefaultBatch = 25 * time.Millisecond

// Config says how to mine with a device. Device and Name are required.
type Config struct {
	Name   string
	Device cl.Device

	Batch  time.Duration // of one launch; 0: DefaultBatch
	Tuning *Tuning       // nil: the one that Tune kept, else a guess by the device's type

	// Folder keeps built kernels and tunings; "" keeps none.
	Folder string

	// MaxTemperature is where the device is rested until it is 5 °C cooler, in °C;
	// 0: never. Sensor must have a temperature then.
	MaxTemperature float64
	Sensor         Sensor // nil: none

	Log *slog.Logger // nil discards

	source string // of the kernel; "": kernels.Source
}

// Sensor reads a device's temperature, fan and power. It may fail at any time and
// is asked every two seconds.
type Sensor func() (miner.Health, error)

// hasTemperature reports whether the sensor has one. A sensor that fails may: that
// of a device that sleeps does.
func (c *Config) hasTemperature() bool {
	if c.Sensor == nil {
		return false
	}
	h, err := c.Sensor()
	return err != nil || h.Temperature != 0
}

// Device is a miner.Device.
type Device struct {
	cfg    Config
	log    *slog.Logger
	tuning Tuning

	first, hang, sensorEvery time.Duration // firstLimit, hangLimit, sensorEvery but in tests

	mu    sync.Mutex
	shape kernels.Shape // in use
}

// New returns a Device that waits for Run.
func New(cfg Config) (*Device, error) {
	if cfg.Batch == 0 {
		cfg.Batch = DefaultBatch
	}
	if cfg.Batch < time.Millisecond || cfg.Batch > time.Second {
		return nil, fmt.Errorf("%s: a batch takes 1ms to 1s, not %v", cfg.Name, cfg.Batch)
	}
	if cfg.source == "" {
		cfg.source = kernels.Source
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	d := &Device{cfg: cfg, log: cfg.Log.With("device", cfg.Name), first: firstLimit, hang: hangLimit, sensorEvery: sensorEvery}
	switch {
	case cfg.Tuning != nil:
		d.tuning = *cfg.Tuning
	default:
		var ok bool
		if d.tuning, ok = LoadTuning(cfg.Folder, &cfg.Device); !ok {
			d.tuning = Guess(&cfg.Device)
		}
	}
	if err := d.tuning.valid(); err != nil {
		return nil, fmt.Errorf("%s: %w", cfg.Name, err)
	}
	if limit := cfg.MaxTemperature; limit > 0 && !cfg.hasTemperature() {
		return nil, fmt.Errorf("%s: its temperature can't be read: a limit of %v °C would do nothing", cfg.Name, limit)
	}
	d.shape = d.tuning.Many
	return d, nil
}

// Info describes the device and the kernel in use.
func (d *Device) Info() miner.Info {
	d.mu.Lock()
	defer d.mu.Unlock()
	return miner.Info{
		Name: d.cfg.Name, Kind: "opencl", Model: d.cfg.Device.Name,
		Kernel: "opencl-" + d.shape.String(), Lanes: d.shape.Width, Versions: d.shape.Versions,
	}
}

// uses notes the shape in use.
func (d *Device) uses(s kernels.Shape) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shape = s
}
