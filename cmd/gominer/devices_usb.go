package main

import (
	"fmt"
	"strings"

	"gominer/hasher/asic/usb"
)

// usbReport is what devices --json says of a device with a serial port.
type usbReport struct {
	Name         string `json:"name"` // of the port that --usb takes
	Kind         string `json:"kind"`
	Model        string `json:"model"`
	Known        bool   `json:"known"` // to be a miner; false: it may be anything
	Chip         string `json:"chip,omitempty"`
	Chips        int    `json:"chips,omitempty"` // 0: as many as answer
	Second       string `json:"second_port,omitempty"`
	ID           string `json:"usb_id,omitempty"` // vendor:product
	Manufacturer string `json:"manufacturer,omitempty"`
	Product      string `json:"product,omitempty"`
	Serial       string `json:"serial_number,omitempty"`
	Location     string `json:"location,omitempty"`
	Driver       string `json:"driver,omitempty"`
	Ready        bool   `json:"ready"` // it can be opened, as far as that is to be seen without
	Error        string `json:"error,omitempty"`
	Flag         string `json:"flag,omitempty"` // what mines with it; "" where its owner knows what to say

	probe bool
}

func describeUSB(d *usb.Device) usbReport {
	r := usbReport{
		Name: d.Path, Kind: "usb", Model: d.Name(), Second: d.Second,
		Manufacturer: d.Manufacturer, Product: d.Text, Serial: d.Serial, Location: d.Location, Driver: d.Driver,
	}
	if d.Vendor != 0 {
		r.ID = fmt.Sprintf("%04x:%04x", d.Vendor, d.Product)
	}
	if m := d.Model; m != nil {
		r.Known, r.Chip, r.Chips, r.probe = !m.Probe, m.Chip, m.Chips, m.Probe
		r.Flag = usbFlag(d)
	}
	if err := usb.Access(d.Path); err != nil {
		r.Error = err.Error()
	} else {
		r.Ready = true
	}
	return r
}

// usbFlag returns what mines with a device that is known, "" where nothing does.
func usbFlag(d *usb.Device) string {
	switch m := d.Model; {
	case m.Second != usb.Control:
		return "--usb " + d.Path + "=" + m.Chip
	case m.Chip == "": // a Bitaxe, and not every one has a regulator that is known
		return "--usb " + d.Path + "=CHIP,board=" + boardBitaxe + ",voltage=VOLTS"
	}
	return ""
}

func (r *usbReport) text() string {
	var b strings.Builder
	model := r.Model
	if r.probe {
		model += ", perhaps"
	}
	fmt.Fprintf(&b, "%s  %s\n", r.Name, model)
	line := func(what string, parts ...string) {
		fmt.Fprintf(&b, "     %-9s %s\n", what, strings.Join(parts, ", "))
	}
	switch {
	case r.Chip == "" && r.Known:
		line("chips", "its owner knows which")
	case r.Chip == "":
		line("chips", "unknown; if it is a miner, say which: --usb "+r.Name+"=CHIP")
	case r.Chips == 0:
		line("chips", r.Chip)
	default:
		line("chips", fmt.Sprintf("%d × %s", r.Chips, r.Chip))
	}
	var id []string
	for _, s := range []struct{ what, is string }{{"", r.ID}, {"serial number ", r.Serial}, {"at ", r.Location}, {"driver ", r.Driver}} {
		if s.is != "" {
			id = append(id, s.what+s.is)
		}
	}
	if len(id) > 0 {
		line("USB", id...)
	}
	if r.Second != "" {
		line("second", r.Second)
	}
	if r.Flag != "" {
		line("mine with", r.Flag)
	}
	if r.Ready {
		line("port", "ready")
	} else {
		line("port", r.Error)
	}
	return b.String()
}

// usbRules are the udev rules with what to do with them.
func usbRules() string {
	return fmt.Sprintf(`# Rights for USB miners on Linux: save this as %[1]s,
#
#     gominer devices --udev-rules | sudo tee %[1]s
#     sudo udevadm control --reload
#     sudo udevadm trigger
#
# Who does not sit at the machine itself, but logs in by a network, has to be in
# the group dialout too: sudo usermod -aG dialout $USER, then log in again.
%[2]s`, usb.RulesFile, usb.Rules())
}
