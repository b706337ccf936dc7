package usb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestReset holds what is sent, and when, to the adapters' protocols: the eight
// bytes of each set-up packet and its data.
func TestReset(t *testing.T) {
	for _, tt := range []struct {
		reset reset
		want  []string
	}{
		{ftdiShort, []string{"0s 400bf22000000000", "30ms 400bf02000000000", "60ms 400bf22000000000", "260ms"}},
		{ftdiLong, []string{"0s 400bf22000000000", "30ms 400bf02000000000", "1.03s 400bf22000000000", "1.23s"}},
		{cp2105Latch, []string{"0s 41ffe13700000200 0707", "200ms 41ffe13700000200 0700", "400ms"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			var got []string
			err := pulse(t.Context(), tt.reset.steps(), func(r request) error {
				n := len(r.data)
				s := fmt.Sprintf("%v %02x%02x%02x%02x%02x%02x%02x%02x", time.Since(start), r.kind, r.code,
					byte(r.value), byte(r.value>>8), byte(r.index), byte(r.index>>8), byte(n), byte(n>>8))
				if n > 0 {
					s += fmt.Sprintf(" %x", r.data)
				}
				got = append(got, s)
				return nil
			})
			got = append(got, time.Since(start).String())
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

func TestResetEnds(t *testing.T) {
	why := errors.New("stalled")
	if err := pulse(t.Context(), ftdiLong.steps(), func(request) error { return why }); err != why {
		t.Errorf("got %v, want %v", err, why)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n := 0
	if err := pulse(ctx, ftdiLong.steps(), func(request) error { n++; return nil }); !errors.Is(err, context.Canceled) || n != 1 {
		t.Errorf("cancelled: %v after %d requests", err, n)
	}
}

func TestDeviceReset(t *testing.T) {
	for _, d := range []Device{
		{Bus: 1},
		{Bus: 1, Model: &Model{}},
		{Model: &Model{reset: ftdiLong}}, // nobody says where it is
		{Bus: 250, Address: 3, Model: &Model{reset: ftdiLong}},
	} {
		if d.Reset() != nil {
			t.Errorf("%+v has a reset", d)
		}
	}
}

// TestControl sends a request to what is no USB device.
func TestControl(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "node")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, s := range cp2105Latch.steps() {
		if err := control(f, &s.request); !errors.Is(err, unix.ENOTTY) {
			t.Errorf("got %v, want %v", err, unix.ENOTTY)
		}
	}
}

// TestTransfer compares the layout with the kernel's.
func TestTransfer(t *testing.T) {
	size, request := uintptr(24), uintptr(0xc0185500)
	if unsafe.Sizeof(uintptr(0)) == 4 {
		size, request = 16, 0xc0105500
	}
	var tr transfer
	if unsafe.Sizeof(tr) != size || usbdevfsControl != request || unsafe.Offsetof(tr.timeout) != 8 || unsafe.Offsetof(tr.data) != size-unsafe.Sizeof(uintptr(0)) {
		t.Errorf("%d bytes, request %#x, want %d, %#x", unsafe.Sizeof(tr), usbdevfsControl, size, request)
	}
}
