package transport

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// control returns a net.Dialer.Control that bounds how long what was sent may
// stay unconfirmed (RFC 5482): keepalive does nothing in the meantime.
func control(vanished time.Duration) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) {
			failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(vanished.Milliseconds()))
		})
		if err == nil {
			err = failed
		}
		return err
	}
}
