package usb

import (
	"fmt"
	"slices"
	"strings"
)

// RulesFile is where the text of Rules belongs. Its number comes before those by
// which the session's user gets rights and ModemManager looks at ports.
const RulesFile = "/etc/udev/rules.d/60-gominer.rules"

// Rules returns udev rules for every known miner: the group dialout, and whoever
// sits at the machine, may use its ports and its reset line, an FTDI adapter
// answers within 1 ms, and ModemManager keeps away.
func Rules() string {
	const (
		rights  = `MODE="0660", GROUP="dialout", TAG+="uaccess"`
		ignored = `ENV{ID_MM_DEVICE_IGNORE}="1", ENV{ID_MM_PORT_IGNORE}="1"`
	)
	var b strings.Builder
	var done []string
	for i := range models {
		m := &models[i]
		for _, s := range m.udevMatches() {
			if slices.Contains(done, s) {
				continue
			}
			done = append(done, s)
			fmt.Fprintf(&b, "\n# %s\n", strings.Join(namesOf(s), ", "))
			fmt.Fprintf(&b, "SUBSYSTEM==\"usb\", ENV{DEVTYPE}==\"usb_device\", %s, %s, %s\n", s, rights, ignored)
			parents := strings.ReplaceAll(s, "ATTR{", "ATTRS{")
			fmt.Fprintf(&b, "SUBSYSTEM==\"tty\", %s, %s, %s\n", parents, rights, ignored)
			if m.Driver == "ftdi_sio" {
				fmt.Fprintf(&b, "SUBSYSTEM==\"usb-serial\", DRIVER==\"ftdi_sio\", %s, ATTR{latency_timer}=\"1\"\n", parents)
			}
		}
	}
	return b.String()
}

// udevMatches returns what matches the model's devices, as udev has it: by ids if
// it has some, else by texts.
func (m *Model) udevMatches() (all []string) {
	if m.vendor == 0 {
		for _, maker := range m.makers {
			all = append(all, fmt.Sprintf(`ATTR{manufacturer}=="%s", ATTR{product}=="%s"`, maker, m.text))
		}
		return all
	}
	for _, p := range m.products {
		all = append(all, fmt.Sprintf(`ATTR{idVendor}=="%04x", ATTR{idProduct}=="%04x"`, m.vendor, p))
	}
	return all
}

// namesOf returns the models that a match is for.
func namesOf(match string) (names []string) {
	for i := range models {
		if slices.Contains(models[i].udevMatches(), match) {
			names = append(names, models[i].Name)
		}
	}
	return names
}
