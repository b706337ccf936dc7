package usb

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// listen returns a channel that says when a serial port has come or gone, nil
// where the kernel does not tell.
func listen() (wake <-chan struct{}, stop func()) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return nil, func() {}
	}
	const fromKernel = 1 // group 2 is what udev says
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: fromKernel}); err != nil {
		_ = unix.Close(fd)
		return nil, func() {}
	}
	f := os.NewFile(uintptr(fd), "uevents")
	events := make(chan struct{}, 1) // that there were some is enough
	var reader sync.WaitGroup
	reader.Go(func() { hear(f, events) })
	return events, func() {
		_ = f.Close() // nothing was written
		reader.Wait()
	}
}

// hear reads one event at a time until r is closed.
func hear(r io.Reader, events chan<- struct{}) {
	buf := make([]byte, 16<<10) // the kernel's are 2 KiB at most
	for {
		n, err := r.Read(buf)
		switch {
		case errors.Is(err, unix.ENOBUFS): // some were lost
		case err != nil:
			return
		case !serialPortEvent(buf[:n]):
			continue
		}
		select {
		case events <- struct{}{}:
		default:
		}
	}
}

// serialPortEvent reports whether an event of the kernel is that of a serial
// port that came or went. An event is "ACTION@DEVPATH", then "KEY=VALUE" texts, a
// zero byte after each (lib/kobject_uevent.c of Linux).
func serialPortEvent(event []byte) bool {
	head, rest, _ := bytes.Cut(event, []byte{0})
	action, _, ok := bytes.Cut(head, []byte("@"))
	if !ok || !(string(action) == "add" || string(action) == "remove") {
		return false
	}
	for len(rest) > 0 {
		var pair []byte
		pair, rest, _ = bytes.Cut(rest, []byte{0})
		if value, ok := bytes.CutPrefix(pair, []byte("SUBSYSTEM=")); ok {
			return string(value) == "tty"
		}
	}
	return false
}
