package stratum_test

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gominer/miner"
	"gominer/stratum"
	"gominer/stratum/pool"
)

// prompt is a device that claims a nonce whenever it is told to, in real time.
type prompt chan struct{}

func (prompt) Info() miner.Info { return miner.Info{Name: "prompt", Kind: "sim"} }

func (d prompt) Run(ctx context.Context, f *miner.Feed) error {
	var w miner.Work
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-d:
		}
		if err := f.Next(ctx, 1, &w); err != nil {
			return err
		}
		f.Found(&w, w.Job.RolledVersion(w.Extranonce2%w.Job.Versions()), w.First)
	}
}

// servePool runs the built-in pool on loopback until the test ends.
func servePool(t *testing.T, cfg pool.Config) net.Addr {
	t.Helper()
	p, err := pool.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := p.Run(ctx); err != nil {
			t.Errorf("pool: %v", err)
		}
	})
	wg.Go(func() {
		if err := p.Serve(ctx, l); err != nil {
			t.Errorf("pool: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	return l.Addr()
}

// TestBuiltInPool: client and pool, each written from the requirement, over real
// sockets; the connection breaks in between and is resumed.
func TestBuiltInPool(t *testing.T) {
	cfg := pool.DefaultConfig()
	cfg.Difficulty = 1.0 / (1 << 32) // every hash is a share
	addr := servePool(t, cfg)

	var mu sync.Mutex
	var conns []net.Conn
	src, err := stratum.New(stratum.Config{
		URL: addr.String(), User: "me",
		Dial: func(ctx context.Context, network, to string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, to)
			mu.Lock()
			defer mu.Unlock()
			conns = append(conns, conn)
			return conn, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	const shares = 40
	device := make(prompt)
	m := miner.New(miner.Config{Source: src, Devices: []miner.Device{device}, Until: miner.Until{Shares: shares}})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := m.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	for n := 0; ; n++ {
		select {
		case device <- struct{}{}:
		case <-ended:
			s := m.Snapshot()
			// What is sent again after the break may be a duplicate, if only its
			// answer was lost, or of a job that the pool no longer has.
			for reason := range s.Reasons {
				if !strings.Contains(reason, "code 22") && !strings.Contains(reason, "code 21") {
					t.Errorf("rejected: %s", reason)
				}
			}
			if s.Shares.Accepted < shares {
				t.Errorf("%+v", s.Shares)
			}
			if !slices.Contains(s.Sources[0].Status.Traits, "resumed") {
				t.Errorf("traits %q, want resumed among them", s.Sources[0].Status.Traits)
			}
			return
		}
		if n == shares/2 {
			mu.Lock()
			_ = conns[0].Close()
			mu.Unlock()
		}
	}
}

// TestDefaultDial: the dialer that is used without a Config.Dial, on a pool and
// on a port where nothing listens.
func TestDefaultDial(t *testing.T) {
	addr := servePool(t, pool.DefaultConfig())
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := closed.Addr().String()
	_ = closed.Close()

	a, err := stratum.New(stratum.Config{URL: nobody, User: "me"})
	if err != nil {
		t.Fatal(err)
	}
	b, err := stratum.New(stratum.Config{URL: addr.String(), User: "me"})
	if err != nil {
		t.Fatal(err)
	}
	m := miner.New(miner.Config{Source: miner.Failover(a, b), Devices: []miner.Device{make(prompt)}})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { _ = m.Run(ctx) })
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for m.Snapshot().Job == nil && ctx.Err() == nil {
		<-tick.C
	}
	for _, s := range m.Snapshot().Sources {
		want := map[string]miner.SourceState{nobody: miner.Down, addr.String(): miner.Up}[s.Name]
		if s.Status.State != want {
			t.Errorf("%s is %v (%v), want %v", s.Name, s.Status.State, s.Status.Err, want)
		}
	}
	cancel()
	wg.Wait()
}
