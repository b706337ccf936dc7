package usb

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// List returns what is plugged in and has a serial port, in the order of the
// ports' names.
func List() ([]Device, error) { return listSysfs("/sys") }

// listSysfs reads the tree below sys: every tty that hangs on a USB interface,
// put together by the device that the interface is of.
func listSysfs(sys string) ([]Device, error) {
	ttys, err := os.ReadDir(filepath.Join(sys, "class", "tty"))
	if errors.Is(err, fs.ErrNotExist) { // no sysfs, so nothing to see
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	type found struct {
		common Device
		ports  []port
	}
	byDir := map[string]*found{}
	for _, tty := range ttys {
		iface, device := usbOf(filepath.Join(sys, "class", "tty", tty.Name()))
		if device == "" {
			continue
		}
		f := byDir[device]
		if f == nil {
			f = &found{common: describe(device)}
			f.common.Driver = driverOf(iface)
			byDir[device] = f
		}
		n, _ := strconv.ParseUint(attribute(iface, "bInterfaceNumber"), 16, 8)
		f.ports = append(f.ports, port{path: "/dev/" + tty.Name(), iface: int(n)})
	}
	var all []Device
	for _, f := range byDir {
		all = append(all, assemble(f.common, f.ports)...)
	}
	sortDevices(all)
	return all, nil
}

// deepest is how many levels an interface's tty is below it at most: an adapter's
// is .../1-1/1-1:1.0/ttyUSB0/tty/ttyUSB0, and its "device" the second last of
// them with a name.
const deepest = 3

// usbOf returns the directories of the USB interface and of the device that a tty
// belongs to, "" for none.
func usbOf(tty string) (iface, device string) {
	dir, err := filepath.EvalSymlinks(filepath.Join(tty, "device"))
	if err != nil { // a console, a pseudo-terminal
		return "", ""
	}
	for range deepest {
		if exists(filepath.Join(dir, "bInterfaceNumber")) {
			device = filepath.Dir(dir)
			if exists(filepath.Join(device, "idVendor")) {
				return dir, device
			}
			return "", ""
		}
		dir = filepath.Dir(dir)
	}
	return "", ""
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// describe reads what the kernel knows of a USB device. What is missing, because
// the device does not say or is being unplugged, stays zero.
func describe(device string) Device {
	id := func(name string) uint16 {
		n, _ := strconv.ParseUint(attribute(device, name), 16, 16)
		return uint16(n)
	}
	number := func(name string) int {
		n, _ := strconv.ParseUint(attribute(device, name), 10, 10)
		return int(n)
	}
	return Device{
		Vendor: id("idVendor"), Product: id("idProduct"),
		Manufacturer: attribute(device, "manufacturer"), Text: attribute(device, "product"), Serial: attribute(device, "serial"),
		Location: clean(filepath.Base(device)), Bus: number("busnum"), Address: number("devnum"),
	}
}

// driverOf returns the name of the kernel's driver for an interface.
func driverOf(iface string) string {
	link, err := os.Readlink(filepath.Join(iface, "driver"))
	if err != nil {
		return ""
	}
	return clean(filepath.Base(link))
}

// attribute returns the one line of a file in sysfs, "" if there is none.
func attribute(dir, name string) string {
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	defer f.Close()
	const most = 4096 // bytes: no attribute is longer
	b, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return clean(line)
}

// setLatency lets an FTDI adapter pass on what it has after 1 ms, not 16: an
// answer of few bytes waits for that. It takes rights that the udev rules do
// without, and adapters of others have no such setting.
func setLatency(sys, path string) error {
	file := filepath.Join(sys, "class", "tty", filepath.Base(path), "device", "latency_timer")
	if !exists(file) {
		return nil
	}
	return os.WriteFile(file, []byte("1"), 0)
}
