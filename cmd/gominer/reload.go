package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gominer/hasher/cpu"
	"gominer/hasher/opencl"
	"gominer/miner"
	"gominer/stratum/record"
)

// reloader takes what has changed in the configuration into a run in progress.
// Flags and variables stay as they were at the start, and go before it.
type reloader struct {
	p         *process
	d         *display
	recording *record.Writer
	options   *mineOptions
	flags     *pflag.FlagSet // that options are of
	kernels   *choice
	hangups   <-chan os.Signal

	m *miner.Miner
}

// lookEvery is how often the configuration file is looked at. A file has to stay
// as it is for as long before it is read: it may be in the making.
const lookEvery = 2 * time.Second

// watch reloads at every hang-up signal and every change of the file until ctx
// ends.
func (r *reloader) watch(ctx context.Context, m *miner.Miner) {
	r.m = m
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	read := r.stamp()
	before := read
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.hangups:
			read = r.stamp()
			r.reload(ctx)
		case <-t.C:
			now := r.stamp()
			if now == before && now != read && now != (stamp{}) {
				read = now
				r.reload(ctx)
			}
			before = now
		}
	}
}

// path returns the configuration file that is in use, "" for none.
func (r *reloader) path() string { return r.flags.Lookup(configFlag).Value.String() }

// stamp is what tells one state of a file from another; zero: there is none.
type stamp struct {
	size int64
	time time.Time
}

func (r *reloader) stamp() stamp {
	info, err := os.Stat(r.path())
	if r.path() == "" || err != nil {
		return stamp{}
	}
	return stamp{info.Size(), info.ModTime()}
}

// reload reads everything anew and takes it over. What is wrong changes nothing.
func (r *reloader) reload(ctx context.Context) {
	if r.path() == "" {
		r.d.log.Info("there is no configuration file to read again")
		return
	}
	next, flags, err := r.p.reread()
	if err != nil {
		r.d.log.Error("the configuration is left as it was", "file", r.path(), "error", err)
		return
	}
	var did []string
	for _, step := range []func(context.Context, *mineOptions) (string, error){r.pools, r.processor, r.cards, r.boards} {
		before := next.devices
		what, err := step(ctx, next)
		if err != nil { // it is tried again by the next reload
			old := &r.options.devices
			next.devices = before
			next.devices.cpu, next.devices.kernel, next.devices.noCPU, next.devices.found = old.cpu, old.kernel, old.noCPU, old.found
			r.d.log.Error("not all of the configuration could be taken over", "file", r.path(), "error", err)
		}
		if what != "" {
			did = append(did, what)
		}
	}
	if late := r.late(flags); len(late) > 0 {
		r.d.log.Warn("this needs a restart", "file", r.path(), "keys", strings.Join(late, ", "))
	}
	r.options, r.flags = next, flags
	if len(did) == 0 {
		did = []string{"nothing"}
	}
	r.d.log.Info("configuration read", "file", r.path(), "changed", strings.Join(did, ", "))
}

// reread works out the options of this run as at its start.
func (p *process) reread() (*mineOptions, *pflag.FlagSet, error) {
	quiet := *p
	quiet.stderr, quiet.stdout = io.Discard, io.Discard
	o := new(mineOptions)
	root := newRootFor(&quiet, o)
	var flags *pflag.FlagSet
	for _, cmd := range root.Commands() {
		if cmd.Name() == "mine" {
			cmd.RunE = func(cmd *cobra.Command, _ []string) error {
				flags = cmd.Flags()
				return nil
			}
		}
	}
	return o, flags, root.Execute()
}

// pools takes over what is mined on. Pools of which nothing has changed keep
// their sessions.
func (r *reloader) pools(_ context.Context, next *mineOptions) (string, error) {
	old, now := &r.options.sources, &next.sources
	if now.same(old) {
		for i, u := range now.list {
			u.source = old.list[i].source
		}
		return "", nil
	}
	now.keep(old)
	src, err := now.open(r.d.log, r.recording, func() float64 { return next.devices.rate(r.kernels) })
	if err != nil {
		for i := range now.list { // what runs is what was
			now.list[i].source = nil
		}
		next.sources = r.options.sources
		return "", err
	}
	r.m.SetSource(src)
	return "pools", nil
}

// same reports whether both mine on the same in the same way.
func (o *sourceOptions) same(old *sourceOptions) bool {
	return o.strategy == old.strategy && o.turn == old.turn &&
		slices.EqualFunc(o.list, old.list, func(a, b *upstream) bool { return a.alike(b) && a.weight == b.weight })
}

// alike reports whether a and b are the same pool spoken to in the same way. What
// stands in files counts too; a client's certificate is followed without that.
func (u *upstream) alike(o *upstream) bool {
	text := func(u *upstream) map[string]string {
		all := make(map[string]string)
		for name, s := range u.said {
			if name != "weight" {
				all[name] = s.value
			}
		}
		return all
	}
	return u.pool.Pass == o.pool.Pass && slices.Equal(u.pool.Workers, o.pool.Workers) && u.pool.Proxy == o.pool.Proxy &&
		u.transport.trusted == o.transport.trusted && maps.Equal(text(u), text(o))
}

// keep takes the sources of those that are as they were.
func (o *sourceOptions) keep(old *sourceOptions) {
	taken := make(map[*upstream]bool)
	for _, u := range o.list {
		for _, before := range old.list {
			if !taken[before] && u.alike(before) {
				u.source, taken[before] = before.source, true
				break
			}
		}
	}
}

// processor takes over how the processor mines.
func (r *reloader) processor(_ context.Context, next *mineOptions) (string, error) {
	old, now := &r.options.devices, &next.devices
	i, device := r.find(cpuDevice)
	switch {
	case now.noCPU && device == nil:
		return "", nil
	case now.noCPU:
		return "the processor rests", r.m.RemoveDevice(i)
	case device == nil || now.kernel != old.kernel || now.cpu.Pin != old.cpu.Pin:
		kernels, err := chooseKernel(now.kernel)
		if err != nil {
			return "", err
		}
		d, err := now.openCPU(r.d, kernels)
		if err != nil {
			return "", err
		}
		if device != nil {
			_ = r.m.RemoveDevice(i) // it is there
		}
		r.kernels = kernels
		r.m.AddDevice(d)
		return "the processor", nil
	}
	processor := device.(*cpu.Device)
	var did []string
	if now.cpu.Threads != old.cpu.Threads {
		if err := processor.SetThreads(now.cpu.Threads); err != nil {
			return "", err
		}
		spare(now.cpu.Threads)
		did = append(did, "threads")
	}
	if now.cpu.Throttle != old.cpu.Throttle {
		if err := processor.SetThrottle(now.cpu.Throttle); err != nil {
			return "", err
		}
		did = append(did, "throttle")
	}
	return strings.Join(did, ", "), nil
}

// find returns the device of that name that mines, nil if there is none.
func (r *reloader) find(name string) (int, miner.Device) {
	for i, s := range r.m.Snapshot().Devices {
		if s.Info.Name == name && !s.Gone {
			return i, r.m.Device(i)
		}
	}
	return -1, nil
}

// cards takes over which OpenCL devices mine, and how.
func (r *reloader) cards(ctx context.Context, next *mineOptions) (string, error) {
	old, now := &r.options.devices, &next.devices
	named := func(list []opencl.Found, name string) bool {
		return slices.ContainsFunc(list, func(f opencl.Found) bool { return f.Name == name })
	}
	changed := now.opencl.batch != old.opencl.batch || now.opencl.hottest != old.opencl.hottest
	var did []string
	for _, f := range old.found {
		if i, device := r.find(f.Name); device != nil && (changed || !named(now.found, f.Name)) {
			if err := r.m.RemoveDevice(i); err != nil {
				return strings.Join(did, ", "), err
			}
			did = append(did, f.Name)
		}
	}
	for i := range now.found {
		f := &now.found[i]
		if _, device := r.find(f.Name); device != nil {
			continue
		}
		device, err := now.opencl.open(ctx, r.d, f, now.noCPU && len(now.found) == 1 && !now.usb.any())
		if err != nil {
			return strings.Join(did, ", "), fmt.Errorf("%s: %w", f.Name, err)
		}
		r.m.AddDevice(device)
		if !slices.Contains(did, f.Name) {
			did = append(did, f.Name)
		}
	}
	return strings.Join(did, ", "), nil
}

// boards takes over which USB miners mine, of those that are named.
func (r *reloader) boards(_ context.Context, next *mineOptions) (string, error) {
	old, now := &r.options.devices.usb, &next.devices.usb
	now.hotplug = old.hotplug
	var did []string
	for _, m := range old.ports {
		if slices.ContainsFunc(now.ports, func(n usbMiner) bool { return n.said == m.said }) {
			continue
		}
		if i, device := r.find(m.name); device != nil {
			if err := r.m.RemoveDevice(i); err != nil {
				return strings.Join(did, ", "), err
			}
			did = append(did, m.name)
		}
	}
	for k := range now.ports {
		m := &now.ports[k]
		if i := slices.IndexFunc(old.ports, func(o usbMiner) bool { return o.said == m.said }); i >= 0 && old.ports[i].name != "" {
			m.name = old.ports[i].name
			continue
		}
		m.name = freeUSBName(deviceNamesOf(r.m))
		device, err := m.open(r.d)
		if err != nil {
			m.name = "" // it is tried again by the next reload
			r.d.log.Error("not all of the configuration could be taken over", "file", r.path(), "error", err)
			continue
		}
		r.m.AddDevice(device)
		if !slices.Contains(did, m.name) {
			did = append(did, m.name)
		}
	}
	if now.auto != old.auto {
		now.auto = old.auto
		r.d.log.Warn("this needs a restart", "file", r.path(), "keys", "usb, as to auto")
	}
	return strings.Join(did, ", "), nil
}

// reloadable are the sections of flags that a reload takes over.
var reloadable = []string{"Pools and nodes", "How to speak to a pool", "TLS and proxies", "Devices"}

// late returns the keys that have changed and that a run in progress can't take
// over.
func (r *reloader) late(flags *pflag.FlagSet) (keys []string) {
	flags.VisitAll(func(f *pflag.Flag) {
		section := f.Annotations[annotationSection]
		if len(section) > 0 && slices.Contains(reloadable, section[0]) || f.Name == configFlag {
			return
		}
		if before := r.flags.Lookup(f.Name); before != nil && before.Value.String() != f.Value.String() {
			keys = append(keys, f.Name)
		}
	})
	return keys
}
