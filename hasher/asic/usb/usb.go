// Package usb finds USB miners and opens the serial ports that lead to their
// chips: who is plugged in and which model that is, a port that is this
// program's alone, its baud rate while bytes travel, the reset lines that an
// adapter offers, and what comes and goes meanwhile. It knows no chip: what is
// said over a port is the drivers' business.
//
// What is plugged in comes from sysfs on Linux and from the setup API on Windows;
// macOS is asked for the names of ports alone, and other systems for nothing.
package usb

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"unicode"
)

var (
	// ErrUnplugged is what a port says once its device is gone.
	ErrUnplugged = errors.New("the device was unplugged")

	// ErrBusy is why a port that another program uses can't be opened.
	ErrBusy = errors.New("in use")
)

// Device is one that is plugged in and has a serial port. Devices compare equal
// as long as the same thing stays plugged in.
type Device struct {
	Model *Model // nil: nothing that is known to mine

	Path   string // of the port that leads to the chips
	Second string // of its port for telemetry or control; "": it has none

	// What the system says of it; zero where it does not.
	Vendor, Product uint16 // USB's ids
	Manufacturer    string // texts of the device, fit for a terminal
	Text            string // iProduct
	Serial          string // number
	Driver          string // in the kernel
	Location        string // of the socket: "1-1.2" is port 2 of a hub in port 1 of bus 1
	Bus, Address    int    // a device has another address each time it is plugged in
}

// Name returns what people may call the device.
func (d *Device) Name() string {
	switch {
	case d.Model != nil:
		return d.Model.Name
	case d.Text != "" && d.Manufacturer != "" && !strings.Contains(d.Text, d.Manufacturer):
		return d.Manufacturer + " " + d.Text
	case d.Text != "":
		return d.Text
	}
	return "unknown"
}

// port is one serial port of a USB device.
type port struct {
	path  string
	iface int // its interface's number
}

// assemble returns what the ports of one USB device come to: at most one Device,
// or one for each port where they have nothing to do with one another. common
// has everything that holds for the device as a whole.
func assemble(common Device, ports []port) []Device {
	slices.SortFunc(ports, func(a, b port) int {
		return cmp.Or(cmp.Compare(a.iface, b.iface), comparePaths(a.path, b.path))
	})
	common.Model = identify(&common)
	m := common.Model
	if m == nil || m.each {
		var all []Device
		for _, p := range ports {
			d := common
			d.Path = p.path
			all = append(all, d)
		}
		return all
	}
	switch m.Second {
	case Telemetry:
		if ports[0].iface != 0 { // the chips' port is still to come
			return nil
		}
		common.Path = ports[0].path
		if len(ports) > 1 {
			common.Second = ports[1].path
		}
	case Control:
		if len(ports) < 2 {
			return nil
		}
		common.Second, common.Path = ports[0].path, ports[1].path
	default:
		common.Path = ports[0].path
	}
	return []Device{common}
}

// comparePaths puts ttyUSB2 before ttyUSB10.
func comparePaths(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

func sortDevices(list []Device) {
	slices.SortFunc(list, func(a, b Device) int { return comparePaths(a.Path, b.Path) })
}

// mostText is how many characters of a device's text are kept. USB allows 126.
const mostText = 126

// clean makes a text that a device says fit for a terminal: what does not print
// is left out.
func clean(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n == mostText {
			break
		}
		if unicode.IsPrint(r) && r != unicode.ReplacementChar {
			b.WriteRune(r)
			n++
		}
	}
	return strings.TrimSpace(b.String())
}
