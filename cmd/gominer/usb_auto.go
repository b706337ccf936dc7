package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"gominer/hasher/asic"
	"gominer/hasher/asic/usb"
	"gominer/miner"
)

// hotplug mines with the USB devices that are known to be miners, as they come
// and go.
type hotplug struct {
	log   *slog.Logger
	watch func(ctx context.Context, see func([]usb.Device)) error
	open  func(name string, d *usb.Device) (*asic.Device, error)
	taken func(path string) bool // by --usb PATH=CHIP

	seats  []*seat
	looked bool // at what is plugged in
}

// seat is a device that is or was plugged in. It keeps its name, and with that its
// place in the miner, when it comes back.
type seat struct {
	name   string
	device usb.Device // when it was plugged in last
	here   bool
	mines  bool
	index  int // in the miner
}

// run mines with what comes until ctx ends.
func (h *hotplug) run(ctx context.Context, m *miner.Miner) {
	err := h.watch(ctx, func(list []usb.Device) { h.see(ctx, m, list) })
	if err != nil && ctx.Err() == nil {
		h.log.Error("USB devices can't be seen: name them, --usb PATH=CHIP", "error", err)
	}
}

// see takes in what is plugged in now.
func (h *hotplug) see(ctx context.Context, m *miner.Miner, list []usb.Device) {
	for _, s := range h.seats {
		if s.here && !slices.Contains(list, s.device) {
			h.leave(m, s)
		}
	}
	var new []*seat
	for _, d := range list {
		if !slices.ContainsFunc(h.seats, func(s *seat) bool { return s.here && s.device == d }) {
			s := h.seat(&d)
			s.device, s.here = d, true
			new = append(new, s)
		}
	}
	// What has to be probed holds the others up.
	slices.SortStableFunc(new, func(a, b *seat) int { return probed(a) - probed(b) })
	for _, s := range new {
		if ctx.Err() == nil {
			h.plug(ctx, m, s)
		}
	}
	if !h.looked && !slices.ContainsFunc(h.seats, func(s *seat) bool { return s.mines }) {
		h.log.Info("no USB miner is plugged in yet; gominer devices lists what is")
	}
	h.looked = true
}

func probed(s *seat) int {
	if m := s.device.Model; m != nil && m.Probe {
		return 1
	}
	return 0
}

// leave has a device that was unplugged rest.
func (h *hotplug) leave(m *miner.Miner, s *seat) {
	s.here = false
	if !s.mines {
		return
	}
	s.mines = false
	h.log.Info("unplugged", "device", s.name, "model", s.device.Name())
	if err := m.RemoveDevice(s.index); err != nil {
		h.log.Error("a device that is gone can't be removed", "device", s.name, "error", err)
	}
}

// seat returns that of the same device if it was plugged in before, else a new
// one. Serial numbers are better than sockets, but some makers give all their
// devices the same.
func (h *hotplug) seat(d *usb.Device) *seat {
	find := func(same func(o *usb.Device) bool) (found *seat, n int) {
		for _, s := range h.seats {
			o := &s.device
			if !s.here && o.Vendor == d.Vendor && o.Product == d.Product && o.Text == d.Text && same(o) {
				found = s
				n++
			}
		}
		return found, n
	}
	serial := func(o *usb.Device) bool { return d.Serial != "" && o.Serial == d.Serial }
	socket := func(o *usb.Device) bool {
		return o.Serial == d.Serial && o.Location == d.Location && (d.Location != "" || o.Path == d.Path)
	}
	if s, n := find(socket); n == 1 {
		return s
	}
	if s, n := find(serial); n == 1 {
		return s
	}
	s := &seat{device: *d}
	h.seats = append(h.seats, s)
	return s
}

// plug mines with a device that was plugged in, if that can be.
func (h *hotplug) plug(ctx context.Context, m *miner.Miner, s *seat) {
	d := &s.device
	log := h.log.With("port", d.Path, "model", d.Name())
	switch {
	case h.taken(d.Path):
		return
	case d.Model == nil:
		log.Debug("not known to be a miner")
		return
	case d.Model.Second == usb.Control && d.Model.Chip == "":
		log.Info("left alone: gominer does not choose its voltage; its owner may", "flag", usbFlag(d))
		return
	case d.Model.Second == usb.Control:
		log.Info("left alone: how its power is controlled is not known")
		return
	}
	name := s.name
	if name == "" {
		taken := deviceNamesOf(m)
		for _, o := range h.seats {
			taken = append(taken, o.name)
		}
		name = freeUSBName(taken)
	}
	device, err := h.open(name, d)
	if err != nil {
		log.Error("can't be mined with", "error", err)
		return
	}
	if d.Model.Probe {
		if err := probe(ctx, device); err != nil {
			log.Info("left alone until it is plugged in again: no miner answers", "error", err)
			return
		}
	}
	log.Info("plugged in", "device", name, "chip", d.Model.Chip)
	s.name, s.mines = name, true
	s.index = m.AddDevice(device)
}

// rightsWait is how long udev may take to give us a new port, or ModemManager to
// let go of it.
const rightsWait = 3 * time.Second

// probe looks whether there are chips, a second time if the port could not be
// opened at once.
func probe(ctx context.Context, device *asic.Device) error {
	err := device.Probe(ctx)
	if !errors.Is(err, fs.ErrPermission) && !errors.Is(err, usb.ErrBusy) {
		return err
	}
	t := time.NewTimer(rightsWait)
	defer t.Stop()
	select {
	case <-t.C:
		return device.Probe(ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// samePort reports whether two paths are the same port.
func samePort(a, b string) bool {
	real := func(path string) string {
		if r, err := filepath.EvalSymlinks(path); err == nil {
			return r
		}
		return path
	}
	return a == b || real(a) == real(b)
}
