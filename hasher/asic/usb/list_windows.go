package usb

import (
	"slices"
	"strconv"
	"strings"

	"go.bug.st/serial/enumerator"
)

// List returns what is plugged in and has a serial port, in the order of the
// ports' names.
func List() ([]Device, error) {
	// Texts are asked for where they tell models apart alone: that reads the
	// device's descriptors.
	list, err := enumerator.GetDetailedPortsList(func(vid, pid string) bool {
		v, p := hex16(vid), hex16(pid)
		return v != 0 && slices.ContainsFunc(models, func(m Model) bool {
			return m.text != "" && (m.vendor == 0 || m.vendor == v) && (len(m.products) == 0 || slices.Contains(m.products, p))
		})
	})
	if err != nil {
		return nil, err
	}
	type key struct {
		vendor, product uint16
		serial          string
	}
	common, ports := map[key]Device{}, map[key][]port{}
	for _, p := range list {
		if !p.IsUSB {
			continue
		}
		d := Device{
			Vendor: hex16(p.VID), Product: hex16(p.PID), Serial: clean(p.SerialNumber),
			Manufacturer: clean(p.Manufacturer), Text: clean(p.Product),
		}
		k := key{d.Vendor, d.Product, d.Serial}
		if k.serial == "" { // then nothing says that two ports are of one device
			k.serial = p.Name
		}
		common[k] = d
		ports[k] = append(ports[k], port{path: p.Name})
	}
	var all []Device
	for k, d := range common {
		if m := identify(&d); m != nil && m.Second != None && d.Serial == "" {
			// Which of its two ports leads to the chips is anybody's guess.
			d.Path = ports[k][0].path
			all = append(all, d)
			continue
		}
		all = append(all, assemble(d, ports[k])...)
	}
	sortDevices(all)
	return all, nil
}

func hex16(s string) uint16 {
	n, _ := strconv.ParseUint(strings.TrimSpace(s), 16, 16)
	return uint16(n)
}
