//go:build !linux

package transport

import (
	"syscall"
	"time"
)

// control has nothing to set: keepalive is what these systems offer alike.
func control(time.Duration) func(network, address string, c syscall.RawConn) error { return nil }
