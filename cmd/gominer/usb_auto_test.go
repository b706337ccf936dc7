package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gominer/hasher"
	"gominer/hasher/asic"
	"gominer/hasher/asic/emulate"
	"gominer/hasher/asic/usb"
	"gominer/miner"
	"gominer/miner/minertest"
)

// easyBits is what the chips in software of these tests ask of a nonce.
const easyBits = 13

// plugBoard powers a board up at link until unplug is called.
func plugBoard(t *testing.T, link string) (unplug func()) {
	t.Helper()
	e, err := emulate.New(emulate.Config{Chip: "erupter", ZeroBits: easyBits, Rate: 2e6})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan struct{}, 1), make(chan error, 1)
	go func() { ended <- e.Run(ctx, link, func(string) { ready <- struct{}{} }) }()
	select {
	case <-ready:
	case err := <-ended:
		if os.Getenv("GOMINER_CI") == "" {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	unplug = sync.OnceFunc(func() { cancel(); <-ended })
	t.Cleanup(unplug)
	return unplug
}

// easyPool has one job, and tells of each share.
func easyPool(shares chan<- struct{}) *minertest.Source {
	return &minertest.Source{Label: "pool", Script: func(ctx context.Context, s *miner.Session) error {
		j := minertest.Job(1)
		j.Target = hasher.MaxTarget
		j.Target[31], j.Target[30] = 0, 0xff>>(easyBits-8)
		s.Publish(j)
		for {
			select {
			case sh := <-s.Shares():
				s.Report(sh, nil)
				select {
				case shares <- struct{}{}:
				default:
				}
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}}
}

// fakeHotplug sees what is sent on plugged.
func fakeHotplug(log *slog.Logger) (h *hotplug, plugged chan<- []usb.Device) {
	c := make(chan []usb.Device)
	return &hotplug{
		log: log,
		watch: func(ctx context.Context, see func([]usb.Device)) error {
			for {
				select {
				case list := <-c:
					see(list)
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		},
		open: func(name string, d *usb.Device) (*asic.Device, error) {
			return asic.New(asic.Config{
				Name: name, Chip: d.Model.Chip, ZeroBits: easyBits, Model: d.Model.Name,
				Open: boardOptions{}.openBoard(d.Path, d.Model.Chip, func() ([]usb.Device, error) { return nil, nil }, log),
			})
		},
		taken: func(path string) bool { return path == "/dev/taken" },
	}, c
}

// TestHotplug plugs a board in, out and in again, a stick that is no miner beside
// it.
func TestHotplug(t *testing.T) {
	link := filepath.Join(t.TempDir(), "ttyUSB0")
	unplug := plugBoard(t, link)
	var log buffer
	h, plugged := fakeHotplug(slog.New(slog.NewTextHandler(&log, nil)))
	shares := make(chan struct{}, 1)
	m := miner.New(miner.Config{Source: easyPool(shares)})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { _ = m.Run(ctx) }) // ends with ctx
	wg.Go(func() { h.run(ctx, m) })
	see := func(list ...usb.Device) {
		plugged <- list
		plugged <- list // when this is taken, the first was seen
	}
	stick := &usb.Model{Name: "Block Erupter", Chip: "erupter", Probe: true}
	d := usb.Device{Path: link, Vendor: 1, Product: 2, Serial: "0001", Location: "1-1", Address: 5, Model: stick}
	others := []usb.Device{
		{Path: "/dev/taken", Model: stick},
		{Path: "/dev/unknown"},
		{Path: filepath.Join(t.TempDir(), "no"), Vendor: 1, Product: 2, Serial: "0001", Location: "1-2", Model: stick},
		{Path: "/dev/ttyACM1", Model: &usb.Model{Name: "Bitaxe", Second: usb.Control}},
	}

	see(others...)
	if s := m.Snapshot(); len(s.Devices) != 0 || !strings.Contains(log.String(), "no USB miner is plugged in yet") {
		t.Errorf("%d devices, log: %s", len(s.Devices), log.String())
	}
	for _, want := range []string{"left alone until it is plugged in again: no miner answers", "--usb /dev/ttyACM1=CHIP,board=bitaxe,voltage=VOLTS"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q: %s", want, log.String())
		}
	}

	see(append(others, d)...)
	<-shares
	before := m.Snapshot().Devices[0]
	if before.Info.Name != "usb0" || before.Info.Model != "Block Erupter" || before.Gone {
		t.Errorf("device %+v", before)
	}

	unplug()
	see(others...)
	gone := m.Snapshot().Devices[0]
	if !gone.Gone || gone.Hashes < before.Hashes || !strings.Contains(log.String(), "msg=unplugged device=usb0") {
		t.Errorf("unplugged it is %+v, log: %s", gone, log.String())
	}

	plugBoard(t, link)
	d.Address = 6
	for len(shares) > 0 { // of before
		<-shares
	}
	see(append(others, d)...)
	<-shares
	after := m.Snapshot()
	if len(after.Devices) != 1 || after.Devices[0].Info.Name != "usb0" || after.Devices[0].Gone || after.Devices[0].Hashes <= gone.Hashes {
		t.Errorf("plugged in again: %+v, before %+v", after.Devices, gone)
	}
}

// TestProbe gives a port whose rights are late a second chance.
func TestProbe(t *testing.T) {
	broken := errors.New("broken")
	for _, tt := range []struct {
		name string
		says []error // by opening
		took time.Duration
	}{
		{"rights that are late", []error{fs.ErrPermission, broken}, rightsWait},
		{"in use for a moment", []error{usb.ErrBusy, broken}, rightsWait},
		{"in use", []error{usb.ErrBusy, usb.ErrBusy}, rightsWait},
		{"broken", []error{broken}, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			opened := 0
			device, err := asic.New(asic.Config{Name: "usb0", Chip: "icarus", Open: func(context.Context) (*asic.Board, error) {
				opened++
				return nil, tt.says[opened-1]
			}})
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			err = probe(t.Context(), device)
			if took := time.Since(began); err != tt.says[len(tt.says)-1] || opened != len(tt.says) || took != tt.took {
				t.Errorf("%s: %v after %v and %d tries", tt.name, err, took, opened)
			}
		})
	}
}

// TestSeats looks who takes whose place.
func TestSeats(t *testing.T) {
	dev := func(serial, location string) usb.Device {
		return usb.Device{Vendor: 1, Product: 2, Serial: serial, Location: location, Path: "/dev/" + location}
	}
	for _, tt := range []struct {
		name string
		gone []usb.Device
		is   usb.Device
		want int // of gone; -1: a new one
	}{
		{"the same", []usb.Device{dev("a", "1"), dev("b", "2")}, dev("b", "2"), 1},
		{"another socket", []usb.Device{dev("a", "1"), dev("b", "2")}, dev("a", "3"), 0},
		{"swapped", []usb.Device{dev("a", "1"), dev("b", "2")}, dev("a", "2"), 0},
		{"all have one number, the same socket", []usb.Device{dev("1", "1"), dev("1", "2")}, dev("1", "2"), 1},
		{"all have one number, another socket", []usb.Device{dev("1", "1"), dev("1", "2")}, dev("1", "3"), -1},
		{"another in the socket", []usb.Device{dev("a", "1")}, dev("b", "1"), -1},
		{"no number, the same socket", []usb.Device{dev("", "1")}, dev("", "1"), 0},
		{"no number, another socket", []usb.Device{dev("", "1")}, dev("", "2"), -1},
		{"only a path", []usb.Device{{Path: "COM3"}, {Path: "COM4"}}, usb.Device{Path: "COM4"}, 1},
		{"another product", []usb.Device{{Vendor: 1, Product: 3, Serial: "a"}}, dev("a", "1"), -1},
	} {
		h := &hotplug{}
		for _, d := range tt.gone {
			h.seats = append(h.seats, &seat{device: d})
		}
		before := slices.Clone(h.seats)
		if got := slices.Index(before, h.seat(&tt.is)); got != tt.want {
			t.Errorf("%s: seat %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestBoardOptions(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want boardOptions
		err  string
	}{
		{"board=bitaxe,voltage=1.15", boardOptions{kind: "bitaxe", voltage: 1.15}, ""},
		{"board=compac,control=/dev/ttyUSB1,fan=60%", boardOptions{kind: "compac", control: "/dev/ttyUSB1", fan: 60}, ""},
		{"", boardOptions{}, ""},
		{"board=bitaxe", boardOptions{}, "does not choose a chip's voltage"},
		{"voltage=1.15", boardOptions{}, "say which, board=bitaxe or board=compac"},
		{"board=toaster", boardOptions{}, "there are bitaxe and compac"},
		{"board=bitaxe,voltage=high", boardOptions{}, "want volts"},
		{"board=bitaxe,voltage=NaN", boardOptions{}, "want volts"},
		{"board=bitaxe,voltage=1150", boardOptions{}, "want volts"},
		{"board=bitaxe,voltage=1.1,fan=0", boardOptions{}, "1 to 100 percent"},
		{"board=bitaxe,voltage=1.1,control=", boardOptions{}, "which port"},
		{"colour=red", boardOptions{}, "unknown"},
	} {
		var o boardOptions
		var err error
		for kv := range strings.SplitSeq(tt.in, ",") {
			key, value, _ := strings.Cut(kv, "=")
			if key == "" || err != nil {
				continue
			}
			var known bool
			if known, err = o.set(key, value); !known {
				err = fmt.Errorf("unknown")
			}
		}
		if err == nil {
			err = o.check()
		}
		switch {
		case tt.err == "" && (err != nil || o != tt.want):
			t.Errorf("%s: %+v, %v, want %+v", tt.in, o, err, tt.want)
		case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
			t.Errorf("%s: error %v, want %q", tt.in, err, tt.err)
		}
	}
}

// TestOpenBoard opens pseudo-terminals as the ports of boards.
func TestOpenBoard(t *testing.T) {
	dir := t.TempDir()
	chips, second := filepath.Join(dir, "chips"), filepath.Join(dir, "second")
	plugBoard(t, chips)
	plugBoard(t, second)
	real, err := filepath.EvalSymlinks(chips)
	if err != nil {
		t.Fatal(err)
	}
	a1 := usb.Device{Path: real, Second: second, Model: &usb.Model{Chip: "bm1362", Second: usb.Telemetry}}
	for _, tt := range []struct {
		name    string
		options boardOptions
		device  usb.Device
		powered bool
		err     string
	}{
		{"a stick", boardOptions{}, usb.Device{Path: real}, false, ""},
		{"a Compac A1", boardOptions{}, a1, true, ""},
		{"a Compac A1 that was named", boardOptions{kind: boardCompac, control: second}, usb.Device{}, true, ""},
		{"a Bitaxe", boardOptions{kind: boardBitaxe, voltage: 1.15}, a1, true, ""},
		{"a Bitaxe with too much", boardOptions{kind: boardBitaxe, voltage: 2}, a1, true, "want 1 to 1.3"},
		{"no second port", boardOptions{kind: boardBitaxe, voltage: 1.15}, usb.Device{}, true, "Add board=bitaxe,control=PATH"},
		{"a Compac A1 whose second port can't be seen", boardOptions{}, usb.Device{Path: real, Model: a1.Model}, true, "Add board=compac,control=PATH"},
		{"a second port that is not there", boardOptions{kind: boardBitaxe, voltage: 1.15, control: second + "2"}, a1, true, "does not exist"},
	} {
		open := tt.options.openBoard(chips, "bm1362", func() ([]usb.Device, error) { return []usb.Device{tt.device}, nil }, slog.New(slog.DiscardHandler))
		b, err := open(t.Context())
		switch {
		case tt.err != "":
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: %v, want %q", tt.name, err, tt.err)
			}
		case err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case (b.Health != nil) != tt.powered || (b.Reset != nil) != tt.powered:
			t.Errorf("%s: health %v, reset %v", tt.name, b.Health != nil, b.Reset != nil)
		}
		if b != nil {
			_ = b.Close()
		}
	}
}
