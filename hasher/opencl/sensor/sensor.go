// Package sensor reads temperature, fan and power of a GPU, found by its place
// on the PCI bus: by NVIDIA's management library (NVML), which is looked for at
// run time, or by the hwmon folder that Linux has for the other makers' GPUs.
package sensor

import (
	"errors"
	"sync"

	"gominer/miner"
)

// ErrNone is for a device that nothing here can read.
var ErrNone = errors.New("no sensors")

// Find returns a function that reads the sensors of the device at pci,
// "0000:3b:00.0", and may be called for as long as the program runs. What a device
// has no sensor for stays 0.
func Find(pci string) (func() (miner.Health, error), error) {
	if pci == "" {
		return nil, ErrNone
	}
	if n := manager(); n != nil {
		if d, err := n.device(pci); err == nil {
			return d.health, nil
		}
	}
	if dir, ok := hwmon("/sys", pci); ok {
		return func() (miner.Health, error) { return readHwmon(dir) }, nil
	}
	return nil, ErrNone
}

// Clock returns how fast the cores of the device at pci run now, in MHz: of those
// GPUs that tell.
func Clock(pci string) (float64, error) {
	if n := manager(); n != nil && pci != "" {
		d, err := n.device(pci)
		if err != nil {
			return 0, err
		}
		return d.smClock()
	}
	return 0, ErrNone
}

// manager is the management library, nil where there is none.
var manager = sync.OnceValue(func() *nvml {
	n, err := openNVML(nvmlNames...)
	if err != nil {
		return nil
	}
	return n
})
