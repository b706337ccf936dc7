package transport

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// racer connects to a host over whichever of its addresses answers first (Happy
// Eyeballs, RFC 8305).
type racer struct {
	each   time.Duration // for one address
	lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)
	dial   func(ctx context.Context, network, addr string) (net.Conn, error)
}

const (
	// attemptDelay is how long one address has before the next is tried too: the
	// recommendation of RFC 8305 §5.
	attemptDelay = 250 * time.Millisecond

	// lookupLimit bounds the lookup of a name, whose servers may all be silent.
	lookupLimit = 10 * time.Second
)

func newRacer(each, vanished time.Duration) *racer {
	d := &net.Dialer{KeepAliveConfig: keepAlive(vanished)}
	bound := control(vanished)
	return &racer{each: each, lookup: net.DefaultResolver.LookupNetIP, dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		nc, err := d.DialContext(ctx, network, addr)
		if tc, ok := nc.(*net.TCPConn); err == nil && ok && bound != nil {
			if raw, err := tc.SyscallConn(); err == nil {
				_ = bound(network, addr, raw) // without it, keepalive is what there is
			}
		}
		return nc, err
	}}
}

// connect is the default of Config.Dial. No goroutine of it outlives it.
func (d *racer) connect(ctx context.Context, network, addr string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	addrs, err := d.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		conn net.Conn
		err  error
	}
	results := make(chan result)
	trying := 0
	try := func() {
		to := net.JoinHostPort(addrs[0].String(), port)
		addrs = addrs[1:]
		trying++
		go func() {
			ctx, cancel := context.WithTimeout(ctx, d.each)
			defer cancel()
			conn, err := d.dial(ctx, network, to)
			results <- result{conn, err}
		}()
	}
	next := time.NewTicker(attemptDelay)
	defer next.Stop()
	var won net.Conn
	var lost error // the first failure: that of the preferred address
	try()
	for trying > 0 {
		select {
		case r := <-results:
			trying--
			switch {
			case r.err == nil && won == nil:
				won = r.conn
				cancel() // the rest; they are waited for
			case r.err == nil:
				_ = r.conn.Close() // it came too late
			case lost == nil:
				lost = r.err
			}
			if r.err == nil || len(addrs) == 0 || ctx.Err() != nil {
				continue
			}
			next.Reset(attemptDelay)
		case <-next.C:
			if len(addrs) == 0 || ctx.Err() != nil {
				continue
			}
		}
		try()
	}
	if won != nil {
		return won, nil
	}
	return nil, lost
}

// resolve returns the addresses of host in the order to try them.
func (d *racer) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	addrs, err := d.lookup(ctx, "ip", host)
	if err == nil && len(addrs) == 0 {
		err = &net.DNSError{Err: "no addresses", Name: host, IsNotFound: true}
	}
	if err != nil {
		return nil, err
	}
	return interleave(addrs), nil
}

// interleave returns addrs with the families taking turns, beginning with that
// of the first; each family keeps its order (RFC 8305 §4).
func interleave(addrs []netip.Addr) []netip.Addr {
	var families [2][]netip.Addr
	first := addrs[0].Unmap().Is4()
	for _, a := range addrs {
		a = a.Unmap()
		if a.Is4() == first {
			families[0] = append(families[0], a)
		} else {
			families[1] = append(families[1], a)
		}
	}
	var out []netip.Addr
	for i := range max(len(families[0]), len(families[1])) {
		for _, f := range families {
			if i < len(f) {
				out = append(out, f[i])
			}
		}
	}
	return out
}
