//go:build windows || darwin || freebsd || openbsd

package usb

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.bug.st/serial"
)

// Port is a serial port, 8 bits, no parity, one stop bit, that is this program's
// alone. One goroutine may read while another writes, and Close ends both.
type Port struct {
	path   string
	line   serial.Port
	closed atomic.Bool
	using  sync.RWMutex // held by who uses line: the library lets Close race with them
}

// readSlice is how long a read may go on before it looks whether the port was
// closed.
const readSlice = 100 * time.Millisecond

// Open opens the serial port at path for this program alone. What can be wrong:
// there is no such port (fs.ErrNotExist), one may not use it (fs.ErrPermission)
// or somebody does (ErrBusy); the error says what to do.
func Open(path string, baud int) (*Port, error) {
	if err := checkBaud(baud); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	line, err := serial.Open(path, &serial.Mode{BaudRate: baud})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, explain(err))
	}
	if err := errors.Join(line.SetReadTimeout(readSlice), line.ResetInputBuffer()); err != nil {
		_ = line.Close() // the error that counts is that of the open
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return &Port{path: path, line: line}, nil
}

func explain(err error) error {
	var lib *serial.PortError
	if !errors.As(err, &lib) {
		return err
	}
	switch lib.Code() {
	case serial.PortBusy:
		return fmt.Errorf("%w by another program: end it", ErrBusy)
	case serial.PermissionDenied:
		return fs.ErrPermission
	case serial.PortNotFound:
		return fmt.Errorf("%w: gominer devices lists what is plugged in", fs.ErrNotExist)
	}
	return err
}

// Access says why the port at path can't be opened just now, as far as that can
// be seen without opening it, which some devices take for a reset: nothing, here.
func Access(string) error { return nil }

// use calls f unless the port is closed. An error of f means that the device is
// gone: a port that is open does not fail otherwise.
func (p *Port) use(what string, f func() error) error {
	p.using.RLock()
	defer p.using.RUnlock()
	if p.closed.Load() {
		return fmt.Errorf("%s %s: %w", what, p.path, os.ErrClosed)
	}
	err := f()
	switch {
	case err == nil:
		return nil
	case p.closed.Load():
		err = os.ErrClosed
	default:
		err = fmt.Errorf("%w: %w", ErrUnplugged, err)
	}
	return fmt.Errorf("%s %s: %w", what, p.path, err)
}

// SetBaud changes the baud rate, 8N1 as before. What was written goes out at the
// old one.
func (p *Port) SetBaud(baud int) error {
	if err := checkBaud(baud); err != nil {
		return fmt.Errorf("%s: %w", p.path, err)
	}
	if err := p.use("flush", p.line.Drain); err != nil {
		return err
	}
	p.using.RLock()
	defer p.using.RUnlock()
	if p.closed.Load() {
		return fmt.Errorf("%s: set %d baud: %w", p.path, baud, os.ErrClosed)
	}
	if err := p.line.SetMode(&serial.Mode{BaudRate: baud}); err != nil {
		return fmt.Errorf("%s: set %d baud: %w", p.path, baud, err)
	}
	return nil
}

// Read waits for at least one byte.
func (p *Port) Read(b []byte) (n int, err error) {
	for n == 0 && len(b) > 0 && err == nil {
		err = p.use("read", func() (err error) {
			n, err = p.line.Read(b)
			return err
		})
	}
	return n, err
}

// Write writes all of b.
func (p *Port) Write(b []byte) (n int, err error) {
	err = p.use("write", func() error {
		for n < len(b) {
			wrote, err := p.line.Write(b[n:])
			if err != nil {
				return err
			}
			n += wrote
		}
		return nil
	})
	return n, err
}

// Close gives the port back.
func (p *Port) Close() error {
	if p.closed.Swap(true) {
		return fmt.Errorf("close %s: %w", p.path, os.ErrClosed)
	}
	_ = p.line.ResetOutputBuffer() // ends a write that waits for the device
	p.using.Lock()
	defer p.using.Unlock()
	return p.line.Close()
}
