package usb

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// request is a control transfer from the host to a device, of USB 2.0, section
// 9.3. Vendor's requests pass by a kernel driver that has the interface.
type request struct {
	kind         uint8 // bmRequestType
	code         uint8 // bRequest
	value, index uint16
	data         []byte
}

// step is a request, and the time that chips need after it.
type step struct {
	request
	wait time.Duration
}

// steps returns what pulses the reset line. Written from the protocol of FTDI's
// and Silicon Labs' adapters; it has not been run on hardware.
func (r reset) steps() []step {
	const (
		toDevice    = 0x40 // a vendor's request
		toInterface = 0x41

		setBitmode = 0x0b   // FTDI: SIO_SET_BITMODE
		high       = 0x20f2 // CBUS pins as outputs, CBUS1 high
		low        = 0x20f0

		vendorSpecific = 0xff   // CP210x: VENDOR_SPECIFIC
		writeLatch     = 0x37e1 // mask, state
	)
	cbus := func(pulse time.Duration) []step {
		return []step{
			{request{kind: toDevice, code: setBitmode, value: high}, 30 * time.Millisecond},
			{request{kind: toDevice, code: setBitmode, value: low}, pulse},
			{request{kind: toDevice, code: setBitmode, value: high}, 200 * time.Millisecond},
		}
	}
	switch r {
	case ftdiShort:
		return cbus(30 * time.Millisecond)
	case ftdiLong:
		return cbus(time.Second)
	case cp2105Latch: // all three pins at 1 are off
		return []step{
			{request{kind: toInterface, code: vendorSpecific, value: writeLatch, data: []byte{0x07, 0x07}}, 200 * time.Millisecond},
			{request{kind: toInterface, code: vendorSpecific, value: writeLatch, data: []byte{0x07, 0x00}}, 200 * time.Millisecond},
		}
	}
	return nil
}

// Reset returns what pulses the reset line of the device's chips, nil where no
// way to it is known. The pulse takes up to 1.3 s; chips whose reset is cut short
// by the context are left in it.
func (d *Device) Reset() func(ctx context.Context) error {
	if d.Model == nil || d.Bus == 0 {
		return nil
	}
	steps := d.Model.reset.steps()
	if len(steps) == 0 {
		return nil
	}
	node := fmt.Sprintf("/dev/bus/usb/%03d/%03d", d.Bus, d.Address)
	if !exists(node) { // in a container
		return nil
	}
	return func(ctx context.Context) error {
		f, err := os.OpenFile(node, os.O_RDWR, 0)
		if err == nil {
			defer f.Close()
			err = pulse(ctx, steps, func(r request) error { return control(f, &r) })
		}
		if err != nil {
			return fmt.Errorf("reset by %s: %w", node, explain(node, err))
		}
		return nil
	}
}

// pulse sends the requests, each with its time.
func pulse(ctx context.Context, steps []step, send func(request) error) error {
	for _, s := range steps {
		if err := send(s.request); err != nil {
			return err
		}
		if !sleep(ctx, s.wait) {
			return ctx.Err()
		}
	}
	return nil
}

// transfer is struct usbdevfs_ctrltransfer of linux/usbdevice_fs.h.
type transfer struct {
	kind, code           uint8
	value, index, length uint16
	timeout              uint32 // ms
	data                 unsafe.Pointer
}

// usbdevfsControl is USBDEVFS_CONTROL, _IOWR('U', 0, struct usbdevfs_ctrltransfer).
const usbdevfsControl = 3<<30 | unsafe.Sizeof(transfer{})<<16 | 'U'<<8

// control has the kernel send the request.
func control(f *os.File, r *request) error {
	t := transfer{kind: r.kind, code: r.code, value: r.value, index: r.index, length: uint16(len(r.data)), timeout: 1000}
	var pin runtime.Pinner
	defer pin.Unpin()
	if len(r.data) > 0 {
		pin.Pin(&r.data[0])
		t.data = unsafe.Pointer(&r.data[0])
	}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), usbdevfsControl, uintptr(unsafe.Pointer(&t)))
	if errno != 0 {
		return errno
	}
	return nil
}
