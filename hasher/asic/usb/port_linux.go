package usb

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"go.bug.st/serial"
	"golang.org/x/sys/unix"
)

// Port is a serial port, 8 bits, no parity, one stop bit, that is this program's
// alone. One goroutine may read while another writes, and Close ends both.
type Port struct {
	path string
	// The port is open twice. The library sets how bytes travel, but it can't be
	// told to give up a write, and closes a file that others may be reading; so
	// the bytes go through a file of Go's own.
	file     *os.File
	patience time.Duration // with a device that takes nothing of what is written

	mu   sync.Mutex // guards line
	line serial.Port
}

// patience is that of a port. The largest frame is on the wire for 14 ms.
const patience = 5 * time.Second

// Open opens the serial port at path for this program alone. What can be wrong:
// there is no such port (fs.ErrNotExist), one may not use it (fs.ErrPermission)
// or somebody does (ErrBusy); the error says what to do.
func Open(path string, baud int) (*Port, error) {
	p, err := open(path, baud)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return p, nil
}

func open(path string, baud int) (_ *Port, err error) {
	if err := checkBaud(baud); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, explain(path, err)
	}
	p := &Port{path: path, file: f, patience: patience}
	defer func() {
		if err != nil {
			_ = p.Close() // the error that counts is that of the open
		}
	}()
	if err := p.ioctl(lock); err != nil {
		return nil, explain(path, err)
	}
	mode := serial.Mode{BaudRate: baud}
	if p.line, err = serial.Open(path, &mode); err != nil {
		return nil, explain(path, err)
	}
	// Firmware may wait for these; a pseudo-terminal has neither.
	_, _ = p.line.SetDTR(true), p.line.SetRTS(true)
	if err := p.line.ResetInputBuffer(); err != nil { // what came before is nobody's answer
		return nil, explain(path, err)
	}
	if err := p.checkSpeed(baud); err != nil {
		return nil, err
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		_ = setLatency("/sys", real) // slower without, not wrong
	}
	return p, nil
}

// lock makes a terminal this program's alone, also before other programs of the
// same user and root, whom TIOCEXCL does not keep out.
func lock(fd int) error {
	if _, err := unix.IoctlGetTermios(fd, unix.TCGETS); err != nil {
		if errors.Is(err, unix.ENOTTY) {
			return errors.New("this is no serial port")
		}
		return err
	}
	err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return unix.EBUSY
	}
	return err
}

// ioctl calls f with the file's descriptor.
func (p *Port) ioctl(f func(fd int) error) error {
	raw, err := p.file.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if raw.Control(func(fd uintptr) { inner = f(int(fd)) }) != nil { // it says so in words of its own
		return os.ErrClosed
	}
	return inner
}

// mostOff is by how many percent the baud rate of an adapter may miss what was
// asked for: a receiver of 8N1 bears some 4.
const mostOff = 3

// checkSpeed asks the driver which speed the adapter can do.
func (p *Port) checkSpeed(baud int) error {
	return p.ioctl(func(fd int) error {
		t, err := unix.IoctlGetTermios(fd, unix.TCGETS2)
		if err != nil {
			return explain(p.path, err)
		}
		is := int(t.Ospeed)
		if off := max(is-baud, baud-is); off*100 > mostOff*baud {
			return fmt.Errorf("the adapter does %d baud, not %d", is, baud)
		}
		return nil
	})
}

// SetBaud changes the baud rate, 8N1 as before. What was written goes out at the
// old one.
func (p *Port) SetBaud(baud int) error {
	if err := p.setBaud(baud); err != nil {
		return fmt.Errorf("%s: set %d baud: %w", p.path, baud, p.gone(err))
	}
	return nil
}

func (p *Port) setBaud(baud int) error {
	if err := checkBaud(baud); err != nil {
		return err
	}
	if err := p.flush(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.line == nil {
		return os.ErrClosed
	}
	if err := p.line.SetMode(&serial.Mode{BaudRate: baud}); err != nil {
		return err
	}
	return p.checkSpeed(baud)
}

// flush waits until the adapter has sent everything.
func (p *Port) flush() error {
	// The kernel has no limit for that. But once nothing is left with it, only the
	// adapter's own memory is.
	left := 1
	for end := time.Now().Add(p.patience); left > 0; time.Sleep(time.Millisecond) {
		err := p.ioctl(func(fd int) (err error) {
			left, err = unix.IoctlGetInt(fd, unix.TIOCOUTQ)
			return err
		})
		if err == nil && left > 0 && time.Now().After(end) {
			err = errStuck
		}
		if err != nil {
			return err
		}
	}
	for {
		err := p.ioctl(func(fd int) error { return unix.IoctlSetInt(fd, unix.TCSBRK, 1) })
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

var errStuck = errors.New("the device takes no more data")

// Read waits for at least one byte.
func (p *Port) Read(b []byte) (int, error) {
	n, err := p.file.Read(b)
	if err != nil {
		err = fmt.Errorf("read %s: %w", p.path, p.gone(err))
	}
	return n, err
}

// Write writes all of b.
func (p *Port) Write(b []byte) (int, error) {
	_ = p.file.SetWriteDeadline(time.Now().Add(p.patience)) // a closed file says so below
	n, err := p.file.Write(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = errStuck
	}
	if err != nil {
		err = fmt.Errorf("write %s: %w", p.path, p.gone(err))
	}
	return n, err
}

// Close gives the port back.
func (p *Port) Close() error {
	p.mu.Lock()
	line := p.line
	p.line = nil
	p.mu.Unlock()
	err := p.file.Close()
	if line != nil {
		err = errors.Join(err, line.Close())
	}
	return err
}

// gone finds the ways in which the kernel says that a device is there no more.
func (p *Port) gone(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		err = path.Err // the port is named already
	}
	for _, e := range []error{io.EOF, syscall.EIO, syscall.ENXIO, syscall.ENODEV, syscall.ESHUTDOWN, syscall.EPROTO} {
		if errors.Is(err, e) {
			return ErrUnplugged
		}
	}
	return err
}
