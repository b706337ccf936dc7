package stratum

import (
	"net"
	"sync/atomic"
	"time"
)

// arrivals is a connection that knows when its latest byte came. A line can take
// long.
type arrivals struct {
	net.Conn
	began time.Time
	came  atomic.Int64 // nanoseconds since it began
}

func newArrivals(nc net.Conn, began time.Time) *arrivals { return &arrivals{Conn: nc, began: began} }

// Read notes the time.
func (a *arrivals) Read(b []byte) (int, error) {
	n, err := a.Conn.Read(b)
	if n > 0 {
		a.came.Store(int64(time.Since(a.began)))
	}
	return n, err
}

// latest returns when the latest byte came, counted from the beginning.
func (a *arrivals) latest() time.Duration { return time.Duration(a.came.Load()) }
