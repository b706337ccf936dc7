package emulate

import "golang.org/x/sys/unix"

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
