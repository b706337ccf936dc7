package emulate

import (
	"os"

	"golang.org/x/sys/unix"
)

// Baud returns the rate that the host has set, 0 if it can't be told.
func (p *PTY) Baud() int {
	raw, err := p.file.SyscallConn()
	if err != nil {
		return 0
	}
	baud := 0
	_ = raw.Control(func(fd uintptr) { // a file that is closed has no rate
		if t, err := unix.IoctlGetTermios(int(fd), unix.TCGETS2); err == nil {
			baud = int(t.Ospeed)
		}
	})
	return baud
}

// polled returns f in the care of Go's poller, so that Close ends a Read: the
// library leaves it blocking. On an error it returns f as it was.
func polled(f *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return f, err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return f, err
	}
	_ = f.Close() // the other descriptor holds the terminal open
	return os.NewFile(uintptr(fd), f.Name()), nil
}
