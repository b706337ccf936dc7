package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gominer/hasher/asic"
	"gominer/hasher/asic/usb"
	"gominer/miner"
)

// usbOptions say which USB miners mine.
type usbOptions struct {
	said  []string   // as given
	ports []usbMiner // by check
	auto  bool       // whatever is plugged in

	hotplug *hotplug // by open, if auto
}

// usbMiner is one that was named.
type usbMiner struct {
	said      string
	name      string // among the devices, by open
	path      string
	chip      string
	frequency float64 // MHz; 0: what is usual
	zeroBits  int     // 0: silicon's
	board     boardOptions
}

// usbAuto in place of a path is all that is plugged in.
const usbAuto = "auto"

const usbForm = "want auto, or PATH=CHIP such as /dev/ttyUSB0=bm1397 with ,freq=MHZ or ,zero-bits=N behind"

// usbWords are the options that may stand behind PATH=CHIP.
var usbWords = []string{"freq", "zero-bits", "board", "control", "voltage", "fan"}

func (o *usbOptions) flags(f *pflag.FlagSet) {
	f.StringArrayVar(&o.said, "usb", nil, "mine with the USB miner `PATH=CHIP`, /dev/ttyUSB0=bm1397,freq=400 (repeat), or with all that are plugged in and come: auto; see gominer devices")
	annotate(f.Lookup("usb"), annotationCommas, "")
}

// completeUSB offers the miners that are plugged in.
func completeUSB(cmd *cobra.Command) {
	complete(cmd, "usb", func() []string {
		words := []string{usbAuto}
		plugged, _ := usb.List()
		for _, d := range plugged {
			if d.Model != nil && d.Model.Chip != "" {
				words = append(words, d.Path+"="+d.Model.Chip)
			}
		}
		return words
	})
}

// check reads what was said.
func (o *usbOptions) check() error {
	o.ports, o.auto = nil, false
	for _, s := range o.said {
		if s == usbAuto {
			o.auto = true
			continue
		}
		m, err := parseUSB(s)
		if err != nil {
			return usagef("--usb %q: %w", s, err)
		}
		if slices.ContainsFunc(o.ports, func(other usbMiner) bool { return other.path == m.path }) {
			return usagef("--usb %q: %s is named twice", s, m.path)
		}
		o.ports = append(o.ports, m)
	}
	return nil
}

// any reports whether there is something to mine with.
func (o *usbOptions) any() bool { return o.auto || len(o.ports) > 0 }

// parseUSB reads PATH=CHIP,option=value,….
func parseUSB(s string) (m usbMiner, err error) {
	m.said = s
	path, rest, found := strings.Cut(s, "=")
	if !found || path == "" {
		return m, errors.New(usbForm)
	}
	m.path = path
	chip, options, _ := strings.Cut(rest, ",")
	m.chip = strings.ToLower(chip)
	if chips := asic.Chips(); !slices.Contains(chips, m.chip) {
		return m, fmt.Errorf("there is no driver for the chip %q%s; there are %s", chip, didYouMean(chip, chips), strings.Join(chips, ", "))
	}
	if options == "" {
		return m, nil
	}
	for option := range strings.SplitSeq(options, ",") {
		name, value, _ := strings.Cut(option, "=")
		switch name {
		case "freq":
			m.frequency, err = strconv.ParseFloat(strings.TrimSuffix(value, "MHz"), 64)
			if err != nil || !(m.frequency > 0 && m.frequency < 10_000) {
				return m, fmt.Errorf("freq %q: want the chips' clock in MHz, such as 400", value)
			}
		case "zero-bits":
			m.zeroBits, err = strconv.Atoi(value)
			if err != nil || m.zeroBits < 1 || m.zeroBits > 32 {
				return m, fmt.Errorf("zero-bits %q: want 1 to 32; silicon has 32, which is the default", value)
			}
		default:
			known, err := m.board.set(name, value)
			if err != nil {
				return m, err
			}
			if !known {
				return m, fmt.Errorf("there is no option %q%s; there are %s", name, didYouMean(name, usbWords), strings.Join(usbWords, ", "))
			}
		}
	}
	if err := m.board.check(); err != nil {
		return m, err
	}
	_, err = asic.New(asic.Config{Name: path, Chip: m.chip, Frequency: m.frequency, ZeroBits: m.zeroBits})
	return m, err
}

// open returns the devices that were named. Others come by watch.
func (o *usbOptions) open(d *display) (devices []miner.Device, err error) {
	for i := range o.ports {
		o.ports[i].name = usbName(i)
		device, err := o.ports[i].open(d)
		if err != nil {
			return nil, err
		}
		devices = append(devices, device)
	}
	if !o.auto {
		return devices, nil
	}
	o.hotplug = &hotplug{
		log: d.log, watch: usb.Watch,
		open: func(name string, found *usb.Device) (*asic.Device, error) {
			return (&usbMiner{said: usbAuto, name: name, path: found.Path, chip: found.Model.Chip}).device(d)
		},
		taken: func(path string) bool {
			return slices.ContainsFunc(o.ports, func(m usbMiner) bool { return samePort(m.path, path) })
		},
	}
	return devices, nil
}

// watch mines also with what is plugged in later.
func (o *usbOptions) watch(ctx context.Context, m *miner.Miner) {
	if o.hotplug != nil {
		o.hotplug.run(ctx, m)
	}
}

// usbName returns the name of the i-th USB miner.
func usbName(i int) string { return fmt.Sprintf("usb%d", i) }

// freeUSBName returns the first name of a USB miner that is not taken.
func freeUSBName(taken []string) string {
	i := 0
	for slices.Contains(taken, usbName(i)) {
		i++
	}
	return usbName(i)
}

// deviceNamesOf returns the names of m's devices.
func deviceNamesOf(m *miner.Miner) (names []string) {
	for _, d := range m.Snapshot().Devices {
		if !d.Gone {
			names = append(names, d.Info.Name)
		}
	}
	return names
}

// open returns the device. Its port is opened when it mines, but what can be seen
// to be wrong with it is said now.
func (m *usbMiner) open(d *display) (*asic.Device, error) {
	if err := usb.Access(m.path); err != nil {
		return nil, fmt.Errorf("--usb %s: %w", m.said, err)
	}
	return m.device(d)
}

// device returns it, whether its port can be opened just now or not.
func (m *usbMiner) device(d *display) (*asic.Device, error) {
	model, chips := "", 0
	if found := deviceAt(m.path, d.p.listUSB); found.Model != nil && !found.Model.Probe {
		model, chips = found.Model.Name, found.Model.Chips // else only the chips can tell
	}
	device, err := asic.New(asic.Config{
		Name: m.name, Chip: m.chip, Frequency: m.frequency, ZeroBits: m.zeroBits, Log: d.log, Model: model, Chips: chips,
		Open: m.board.openBoard(m.path, m.chip, d.p.listUSB, d.log),
	})
	if err != nil {
		return nil, usagef("--usb %s: %w", m.said, err)
	}
	return device, nil
}
