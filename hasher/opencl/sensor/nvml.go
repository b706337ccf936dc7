package sensor

import (
	"fmt"
	"unsafe"

	"gominer/internal/dl"
	"gominer/miner"
)

// nvmlNames are the names that NVML is installed under.
var nvmlNames = []string{"libnvidia-ml.so.1", "nvml.dll"}

// nvml is NVIDIA's management library, initialized.
type nvml struct {
	handleByPCI, temperature, power, fan, clock uintptr
}

// nvmlError is a code that NVML returned (nvmlReturn_t).
type nvmlError struct {
	call string
	code int32
}

func (e nvmlError) Error() string { return fmt.Sprintf("%s: NVML error %d", e.call, e.code) }

// openNVML opens the first of names that is there.
func openNVML(names ...string) (*nvml, error) {
	var l dl.Library
	err := ErrNone
	for _, name := range names {
		if l, err = dl.Open(name); err == nil {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	n := new(nvml)
	var start uintptr
	for name, f := range map[string]*uintptr{
		"nvmlInit_v2":                      &start,
		"nvmlDeviceGetHandleByPciBusId_v2": &n.handleByPCI,
		"nvmlDeviceGetTemperature":         &n.temperature,
		"nvmlDeviceGetPowerUsage":          &n.power,
		"nvmlDeviceGetFanSpeed":            &n.fan,
		"nvmlDeviceGetClockInfo":           &n.clock,
	} {
		if *f, err = l.Function(name); err != nil {
			return nil, err
		}
	}
	if code := int32(dl.Call(start)); code != 0 {
		return nil, nvmlError{"nvmlInit_v2", code}
	}
	return n, nil
}

// nvmlDevice is one GPU.
type nvmlDevice struct {
	n      *nvml
	handle uintptr
}

func (n *nvml) device(pci string) (*nvmlDevice, error) {
	id := append([]byte(pci), 0)
	d := &nvmlDevice{n: n}
	if code := int32(dl.Call(n.handleByPCI, uintptr(unsafe.Pointer(&id[0])), uintptr(unsafe.Pointer(&d.handle)))); code != 0 {
		return nil, nvmlError{"nvmlDeviceGetHandleByPciBusId", code}
	}
	return d, nil
}

// health reads what the GPU has. Passively cooled ones have no fan; without a
// temperature there is an error, since the device is gone then.
func (d *nvmlDevice) health() (h miner.Health, err error) {
	const gpu = 0 // NVML_TEMPERATURE_GPU
	var celsius, milliwatts, percent uint32
	if code := int32(dl.Call(d.n.temperature, d.handle, gpu, uintptr(unsafe.Pointer(&celsius)))); code != 0 {
		return h, nvmlError{"nvmlDeviceGetTemperature", code}
	}
	h.Temperature = float64(celsius)
	if int32(dl.Call(d.n.power, d.handle, uintptr(unsafe.Pointer(&milliwatts)))) == 0 {
		h.Power = float64(milliwatts) / 1e3
	}
	if int32(dl.Call(d.n.fan, d.handle, uintptr(unsafe.Pointer(&percent)))) == 0 {
		h.Fan = float64(percent)
	}
	return h, nil
}

// smClock returns the clock of the multiprocessors now, in MHz.
func (d *nvmlDevice) smClock() (float64, error) {
	const sm = 1 // NVML_CLOCK_SM
	var mhz uint32
	if code := int32(dl.Call(d.n.clock, d.handle, sm, uintptr(unsafe.Pointer(&mhz)))); code != 0 {
		return 0, nvmlError{"nvmlDeviceGetClockInfo", code}
	}
	return float64(mhz), nil
}
