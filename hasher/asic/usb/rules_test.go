package usb

import (
	"strings"
	"testing"
)

func TestRules(t *testing.T) {
	rules := Rules()
	for i := range models {
		if m := &models[i]; !strings.Contains(rules, m.Name) {
			t.Errorf("no rule for %s", m.Name)
		}
	}
	seen := map[string]bool{}
	for line := range strings.Lines(rules) {
		if strings.HasPrefix(line, "SUBSYSTEM") && seen[line] {
			t.Errorf("twice: %s", line)
		}
		seen[line] = true
	}
	for _, want := range []string{
		`SUBSYSTEM=="tty", ATTRS{idVendor}=="10c4", ATTRS{idProduct}=="ea70", MODE="0660", GROUP="dialout", TAG+="uaccess", ENV{ID_MM_DEVICE_IGNORE}="1"`,
		`SUBSYSTEM=="usb", ENV{DEVTYPE}=="usb_device", ATTR{idVendor}=="0403", ATTR{idProduct}=="6015", MODE="0660"`,
		`SUBSYSTEM=="usb-serial", DRIVER=="ftdi_sio", ATTRS{idVendor}=="0403", ATTRS{idProduct}=="6015", ATTR{latency_timer}="1"`,
		`SUBSYSTEM=="tty", ATTRS{manufacturer}=="OSMU", ATTRS{product}=="Bitaxe", MODE="0660"`,
	} {
		if !strings.Contains(rules, want) {
			t.Errorf("missing: %s", want)
		}
	}
}
