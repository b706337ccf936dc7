package transport

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// control returns a function that bounds how long what a connection sent may stay
// unconfirmed (RFC 5482): keepalive does nothing in the meantime. It is for
// connections that are there: the system would bound connecting by it too.
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
