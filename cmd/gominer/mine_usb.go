package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
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
}

// usbAuto in place of a path is all that is plugged in.
const usbAuto = "auto"

const usbForm = "want auto, or PATH=CHIP such as /dev/ttyUSB0=bm1397 with ,freq=MHZ or ,zero-bits=N behind"

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
			return m, fmt.Errorf("there is no option %q%s; there are freq and zero-bits", name, didYouMean(name, []string{"freq", "zero-bits"}))
		}
	}
	_, err = asic.New(asic.Config{Name: path, Chip: m.chip, Frequency: m.frequency, ZeroBits: m.zeroBits})
	return m, err
}

// open returns the devices; others is how many there are beside them.
func (o *usbOptions) open(d *display, others int) (devices []miner.Device, err error) {
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
	o.hotplug = &hotplug{d: d, o: o, names: map[string]string{}, at: map[string]int{}, told: map[string]bool{}}
	devices = append(devices, o.hotplug.first(others+len(devices))...)
	if len(devices)+others == 0 {
		return nil, errors.New("--usb auto: no USB miner is plugged in that says it is one: gominer devices lists what is; name it with --usb PATH=CHIP, or leave --no-cpu out")
	}
	return devices, nil
}

// watch mines also with what is plugged in later.
func (o *usbOptions) watch(ctx context.Context, m *miner.Miner) {
	if o.hotplug != nil {
		o.hotplug.watch(ctx, m)
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
func (m *usbMiner) open(d *display) (miner.Device, error) {
	if err := usb.Access(m.path); err != nil {
		return nil, fmt.Errorf("--usb %s: %w", m.said, err)
	}
	device, err := asic.New(asic.Config{
		Name: m.name, Chip: m.chip, Frequency: m.frequency, ZeroBits: m.zeroBits, Log: d.log, Model: m.model(),
		Open: func(context.Context) (*asic.Board, error) { return openBoard(m.path) },
	})
	if err != nil {
		return nil, usagef("--usb %s: %w", m.said, err)
	}
	return device, nil
}

// findUSB returns what is plugged in at a path, as far as the system knows.
func findUSB(path string) *usb.Device {
	plugged, _ := usb.List() // what is wrong is said when the port is opened
	for i := range plugged {
		if plugged[i].Path == path {
			return &plugged[i]
		}
	}
	return nil
}

// model returns the board's name, "" where only its chips can tell.
func (m *usbMiner) model() string {
	if d := findUSB(m.path); d != nil && d.Model != nil && !d.Model.Probe {
		return d.Model.Name
	}
	return ""
}

// firstBaud is what chips begin with.
const firstBaud = 115200

// openBoard opens the port at path, with the reset line that its adapter has.
func openBoard(path string) (*asic.Board, error) {
	d := findUSB(path)
	p, err := usb.Open(path, firstBaud)
	if err != nil {
		return nil, err
	}
	b := &asic.Board{Port: p}
	if d != nil {
		b.Reset = d.Reset()
	}
	return b, nil
}

// hotplug adds what is plugged in and known to a miner, as it comes and goes.
type hotplug struct {
	d     *display
	o     *usbOptions
	names map[string]string // of those that were there, by place
	at    map[string]int    // of those that are, their index in the miner
	told  map[string]bool   // by path
}

// place is where a device is plugged in, and which it is.
func place(d *usb.Device) string { return d.Location + " " + d.Serial + " " + d.Path }

// miners returns those among what is plugged in that say what they are, and that
// were not named.
func (h *hotplug) miners(plugged []usb.Device) (list []usb.Device) {
	for _, d := range plugged {
		named := slices.ContainsFunc(h.o.ports, func(m usbMiner) bool { return m.path == d.Path })
		switch {
		case named || d.Model == nil:
		case !d.Model.Probe && slices.Contains(asic.Chips(), d.Model.Chip):
			list = append(list, d)
		case !h.told[d.Path]:
			h.told[d.Path] = true
			h.d.log.Info("this may be a miner, and is left alone: name it with --usb PATH=CHIP if it is one", "path", d.Path, "model", d.Name())
		}
	}
	return list
}

// open has a device for d, which add puts into a miner. taken are names that it
// can't have.
func (h *hotplug) open(d *usb.Device, taken []string, add func(miner.Device) int) {
	where := place(d)
	if _, mines := h.at[where]; mines {
		return
	}
	name, known := h.names[where]
	if !known {
		name = freeUSBName(append(slices.Collect(maps.Values(h.names)), taken...))
		h.names[where] = name
	}
	device, err := (&usbMiner{said: usbAuto, name: name, path: d.Path, chip: d.Model.Chip}).open(h.d)
	if err != nil {
		h.d.log.Error("a USB miner can't be used", "path", d.Path, "model", d.Name(), "error", err)
		return
	}
	h.d.log.Info("plugged in", "device", name, "path", d.Path, "model", d.Name())
	h.at[where] = add(device)
}

// first returns the devices that are plugged in at the start; before is how many
// others the miner has.
func (h *hotplug) first(before int) (devices []miner.Device) {
	plugged, err := usb.List()
	if err != nil {
		h.d.log.Warn("what is plugged in can't be listed", "error", err)
	}
	var taken []string
	for _, m := range h.o.ports {
		taken = append(taken, m.name)
	}
	for _, d := range h.miners(plugged) {
		h.open(&d, taken, func(device miner.Device) int {
			devices = append(devices, device)
			return before + len(devices) - 1
		})
	}
	return devices
}

// watch looks after what is plugged in and out until ctx ends.
func (h *hotplug) watch(ctx context.Context, m *miner.Miner) {
	err := usb.Watch(ctx, func(plugged []usb.Device) {
		here := map[string]bool{}
		for _, d := range h.miners(plugged) {
			here[place(&d)] = true
			h.open(&d, deviceNamesOf(m), m.AddDevice)
		}
		for where, i := range h.at {
			if !here[where] {
				h.d.log.Info("unplugged", "device", h.names[where])
				_ = m.RemoveDevice(i) // it is there
				delete(h.at, where)
			}
		}
	})
	if err != nil && ctx.Err() == nil {
		h.d.log.Warn("what is plugged in from now on is not noticed", "error", err)
	}
}
