package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// network is a host whose addresses take their time, or fail, to answer.
type network struct {
	addrs  []string
	answer map[string]time.Duration // negative: refused after that long; none: never

	mu    *sync.Mutex
	tried []string // "address time"
	open  int
}

func (n *network) racer() *racer {
	n.mu = new(sync.Mutex)
	return &racer{each: 5 * time.Second, lookup: n.lookup, dial: n.dial}
}

func (n *network) lookup(_ context.Context, _, host string) (ips []netip.Addr, err error) {
	if host != "pool.example.org" {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	for _, a := range n.addrs {
		ips = append(ips, netip.MustParseAddr(a))
	}
	return ips, nil
}

func (n *network) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	host, port, _ := net.SplitHostPort(addr)
	if port != "3333" {
		return nil, errors.New("wrong port")
	}
	n.mu.Lock()
	n.tried = append(n.tried, fmt.Sprint(host, " ", time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))))
	n.mu.Unlock()
	d, ok := n.answer[host]
	if !ok {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if d < 0 {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(-d):
			return nil, errors.New(host + " refused")
		}
	}
	time.Sleep(d) // heedless of ctx: too late is possible
	n.mu.Lock()
	n.open++
	n.mu.Unlock()
	return &counted{n: n}, nil
}

type counted struct {
	net.Conn
	n *network
}

func (c *counted) Close() error {
	c.n.mu.Lock()
	defer c.n.mu.Unlock()
	c.n.open--
	return nil
}

func TestRacer(t *testing.T) {
	const six, six2, four, four2 = "2001:db8::1", "2001:db8::2", "192.0.2.1", "192.0.2.2"
	ms := time.Millisecond
	for name, test := range map[string]struct {
		n     network
		tried []string
		err   string
		took  time.Duration
	}{
		"the first answers": {
			n:     network{addrs: []string{six, four}, answer: map[string]time.Duration{six: 100 * ms}},
			tried: []string{six + " 0s"}, took: 100 * ms,
		},
		"families take turns": {
			n:     network{addrs: []string{six, six2, four, four2}, answer: map[string]time.Duration{four2: 10 * ms}},
			tried: []string{six + " 0s", four + " 250ms", six2 + " 500ms", four2 + " 750ms"}, took: 760 * ms,
		},
		"a failure starts the next at once": {
			n:     network{addrs: []string{six, four}, answer: map[string]time.Duration{six: -20 * ms, four: 30 * ms}},
			tried: []string{six + " 0s", four + " 20ms"}, took: 50 * ms,
		},
		"the delay counts from the latest start": {
			n:     network{addrs: []string{six, four, six2}, answer: map[string]time.Duration{six: -200 * ms, six2: 10 * ms}},
			tried: []string{six + " 0s", four + " 200ms", six2 + " 450ms"}, took: 460 * ms,
		},
		"the earlier answer wins": {
			n:     network{addrs: []string{six, four}, answer: map[string]time.Duration{six: 500 * ms, four: 100 * ms}},
			tried: []string{six + " 0s", four + " 250ms"}, took: 500 * ms, // the late one is waited for, and closed
		},
		"all fail": {
			n:     network{addrs: []string{six, four}, answer: map[string]time.Duration{six: -20 * ms, four: -30 * ms}},
			tried: []string{six + " 0s", four + " 20ms"}, err: six + " refused", took: 50 * ms,
		},
		"none answers": {
			n:     network{addrs: []string{four, four2}},
			tried: []string{four + " 0s", four2 + " 250ms"}, err: context.DeadlineExceeded.Error(), took: 5250 * ms,
		},
		"no address": {err: "no addresses"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				conn, err := test.n.racer().connect(t.Context(), "tcp", "pool.example.org:3333")
				if took := time.Since(began); took != test.took {
					t.Errorf("took %v, want %v", took, test.took)
				}
				if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
					t.Errorf("error %v, want %q", err, test.err)
				}
				if !slices.Equal(test.n.tried, test.tried) {
					t.Errorf("tried %q, want %q", test.n.tried, test.tried)
				}
				if conn != nil {
					_ = conn.Close()
				}
				if test.n.open != 0 {
					t.Errorf("%d connections left open", test.n.open)
				}
			})
		})
	}
}

// TestRacerStops: the end of ctx ends all attempts, and starts none.
func TestRacerStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network{addrs: []string{"192.0.2.1", "192.0.2.2", "192.0.2.3"}}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		began := time.Now()
		_, err := n.racer().connect(ctx, "tcp", "pool.example.org:3333")
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 300*time.Millisecond || len(n.tried) != 2 {
			t.Errorf("%v after %v, tried %q", err, time.Since(began), n.tried)
		}
	})
}

// TestRacerLookup: a name that cannot be looked up is not waited for.
func TestRacerLookup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := (&network{}).racer()
		d.lookup = func(ctx context.Context, _, _ string) ([]netip.Addr, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		began := time.Now()
		if _, err := d.connect(t.Context(), "tcp", "pool.example.org:3333"); err == nil || time.Since(began) != lookupLimit {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}
