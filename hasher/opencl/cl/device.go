package cl

import (
	"errors"
	"fmt"
	"unsafe"
)

// Type is what a device is, a bit field of §4.2.
type Type uint64

// The types of devices.
const (
	CPU         Type = 1 << 1
	GPU         Type = 1 << 2
	Accelerator Type = 1 << 3
)

// String returns "CPU", "GPU" or "accelerator".
func (t Type) String() string {
	switch {
	case t&GPU != 0:
		return "GPU"
	case t&CPU != 0:
		return "CPU"
	}
	return "accelerator"
}

// Device is what computes, §4.2.
type Device struct {
	Name     string // the board's name where the driver tells it
	Vendor   string
	VendorID uint32 // PCI's, mostly
	Driver   string // version
	Version  string // "OpenCL 3.0 CUDA"
	Platform string
	Type     Type
	Units    int    // compute units
	Clock    int    // MHz, the highest
	Memory   uint64 // bytes
	MaxLocal int    // the largest work-group
	Width    int    // native vector width for 32-bit integers; 1 on most GPUs
	PCI      string // "0000:3b:00.0"; "" where the driver doesn't tell

	lib      *Library
	platform uintptr
	id       uintptr
}

// Devices returns the devices of p, none without an error.
func (p *Platform) Devices() ([]Device, error) {
	const all = 0xffffffff
	var n uint32
	err := p.lib.check(getDeviceIDs, p.id, all, 0, 0, uintptr(unsafe.Pointer(&n)))
	if e := (*Error)(nil); errors.As(err, &e) && e.Code == deviceNotFound || err == nil && n == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.Name, err)
	}
	ids := make([]uintptr, min(n, maxListed))
	if err := p.lib.check(getDeviceIDs, p.id, all, uintptr(len(ids)), uintptr(unsafe.Pointer(&ids[0])), 0); err != nil {
		return nil, fmt.Errorf("%s: %w", p.Name, err)
	}
	var devices []Device
	for _, id := range ids {
		devices = append(devices, p.device(id))
	}
	return devices, nil
}

// The queries of clGetDeviceInfo, table 4.3, and of vendors' extensions.
const (
	deviceType         = 0x1000
	deviceVendorID     = 0x1001
	deviceUnits        = 0x1002
	deviceMaxLocal     = 0x1004
	deviceClock        = 0x100c
	deviceMemory       = 0x101f
	deviceName         = 0x102b
	deviceVendor       = 0x102c
	deviceDriver       = 0x102d
	deviceVersion      = 0x102f
	deviceNativeInt    = 0x1038
	devicePCI          = 0x410f // cl_khr_pci_bus_info: domain, bus, device, function
	deviceNVBus        = 0x4008 // cl_nv_device_attribute_query
	deviceNVSlot       = 0x4009
	deviceNVDomain     = 0x400a
	deviceAMDTopology  = 0x4037 // cl_amd_device_attribute_query
	deviceAMDBoardName = 0x4038
	vendorNVIDIA       = 0x10de
	vendorAMD          = 0x1002
)

func (p *Platform) device(id uintptr) Device {
	text := func(name uint32) string { return p.lib.text(getDeviceInfo, id, name) }
	number := func(name uint32) uint64 { return p.lib.number(getDeviceInfo, id, name) }
	d := Device{
		Name:     text(deviceName),
		Vendor:   text(deviceVendor),
		VendorID: uint32(number(deviceVendorID)),
		Driver:   text(deviceDriver),
		Version:  text(deviceVersion),
		Platform: p.Name,
		Type:     Type(number(deviceType)),
		Units:    int(uint32(number(deviceUnits))),
		Clock:    int(uint32(number(deviceClock))),
		Memory:   number(deviceMemory),
		MaxLocal: max(1, int(uint32(number(deviceMaxLocal)))),
		Width:    max(1, int(uint32(number(deviceNativeInt)))),
		lib:      p.lib, platform: p.id, id: id,
	}
	if d.VendorID == vendorAMD {
		if board := text(deviceAMDBoardName); board != "" {
			d.Name = board
		}
	}
	d.PCI = d.pci()
	return d
}

// pci returns the device's place on the PCI bus as Linux writes it.
func (d *Device) pci() string {
	if b := d.lib.bytes(getDeviceInfo, d.id, devicePCI); len(b) == 16 {
		at := (*[4]uint32)(unsafe.Pointer(&b[0]))
		return fmt.Sprintf("%04x:%02x:%02x.%x", at[0], at[1], at[2], at[3])
	}
	switch d.VendorID {
	case vendorNVIDIA:
		if b := d.lib.bytes(getDeviceInfo, d.id, deviceNVBus); len(b) == 4 {
			slot := d.lib.number(getDeviceInfo, d.id, deviceNVSlot) // device<<3 | function
			return fmt.Sprintf("%04x:%02x:%02x.%x", d.lib.number(getDeviceInfo, d.id, deviceNVDomain),
				d.lib.number(getDeviceInfo, d.id, deviceNVBus), slot>>3, slot&7)
		}
	case vendorAMD:
		// cl_device_topology_amd: type 1 is PCIe; its last three bytes are bus, device, function
		if b := d.lib.bytes(getDeviceInfo, d.id, deviceAMDTopology); len(b) == 24 && b[0] == 1 {
			return fmt.Sprintf("0000:%02x:%02x.%x", b[21], b[22], b[23])
		}
	}
	return ""
}
