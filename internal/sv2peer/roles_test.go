package sv2peer

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"gominer/hasher/cpu"
	"gominer/miner"
	"gominer/stratum"
	"gominer/stratum/noise"
)

// The reference implementation's own programs: pool_sv2, and so on. They are
// looked for in the PATH; "cargo install pool_sv2 --locked" takes a quarter of
// an hour and wants Debian's capnproto.

// program is one of them while it runs.
type program struct {
	out  *lockedBuffer
	done chan struct{}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// run starts a program until the test ends.
func run(t *testing.T, name string, args ...string) *program {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("no %s: cargo install it", name)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &program{out: new(lockedBuffer), done: make(chan struct{})}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = t.TempDir(), p.out, p.out
	cmd.Env = append(os.Environ(), "NO_COLOR=1")
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		cancel()
		<-p.done
		if t.Failed() {
			out := p.out.String()
			t.Logf("%s said:\n%s", name, out[max(0, len(out)-6000):])
		}
	})
	return p
}

// freePort returns a port of loopback that was free a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// waitFor waits until something listens.
func (p *program) waitFor(t *testing.T, addr string) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(peerLimit)
	for {
		nc, err := net.Dial("tcp", addr)
		if err == nil {
			nc.Close()
			return
		}
		select {
		case <-tick.C:
		case <-p.done:
			t.Fatalf("it ended: %s", p.out)
		case <-limit:
			t.Fatalf("nothing listens on %s: %s", addr, p.out)
		}
	}
}

// referencePool runs pool_sv2 on templates and returns where, and whose it is.
func referencePool(t *testing.T, tp *templates, batch int) (addr string, key noise.PublicKey) {
	t.Helper()
	secret, public := keys(t)
	addr = freePort(t)
	config := filepath.Join(t.TempDir(), "pool.toml")
	text := fmt.Sprintf(`
authority_public_key = %q
authority_secret_key = %q
cert_validity_sec = 3600
listen_address = %q
coinbase_reward_script = "addr(tb1qa0sm0hxzj0x25rh8gw5xlzwlsfvvyz8u96w3p8)"
server_id = 1
pool_signature = "test"
shares_per_minute = 600.0
share_batch_size = %d
supported_extensions = [0x0002]
required_extensions = []

[template_provider_type.Sv2Tp]
address = %q
public_key = %q
`, public.String(), secret.Encode(), addr, batch, tp.addr, tp.key.String())
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "pool_sv2", "-c", config).waitFor(t, addr)
	return addr, public
}

// mine mines until so many shares are accepted.
func mine(t *testing.T, shares uint64, devices int, cfg stratum.Config) miner.Snapshot {
	t.Helper()
	cfg.User = "account.worker"
	src, err := stratum.NewSource(cfg)
	if err != nil {
		t.Fatal(err)
	}
	m := miner.Config{Source: src, Until: miner.Until{Shares: shares, Time: time.Minute}}
	for i := range devices {
		d, err := cpu.New(cpu.Config{Name: fmt.Sprintf("cpu%d", i), Threads: 1, Throttle: cpu.Throttle{Rate: 2e6}})
		if err != nil {
			t.Fatal(err)
		}
		m.Devices = append(m.Devices, d)
	}
	x := miner.New(m)
	if err := x.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := x.Snapshot()
	for _, src := range s.Sources {
		t.Logf("%s: %+v, traits %v", src.Name, src.Shares, src.Status.Traits)
	}
	return s
}

// pool_sv2 accepts every share of gominer, over either kind of channel.
func TestPoolShares(t *testing.T) {
	tp := startTemplates(t, 0x1d00ffff)
	addr, key := referencePool(t, tp, 5)
	for name, c := range map[string]struct {
		devices int
		set     func(*stratum.Config)
		trait   string
	}{
		"standard":     {1, func(c *stratum.Config) { c.V2.Channel = stratum.V2Standard }, "standard channel"},
		"extended":     {1, func(c *stratum.Config) { c.V2.Channel = stratum.V2Extended }, "extended channel"},
		"per device":   {2, func(c *stratum.Config) { c.V2.PerDevice = true }, "2 extended channels"},
		"worker names": {1, func(c *stratum.Config) { c.V2.WorkerNames = true }, "worker names"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := stratum.Config{URL: fmt.Sprintf("stratum2+tcp://%s/%v", addr, key), V2: stratum.V2Config{Hashrate: 1e5}}
			c.set(&cfg)
			s := mine(t, 40, c.devices, cfg)
			if s.Shares.Accepted < 40 || s.Shares.Rejected > 0 || s.Shares.HardwareErrors > 0 {
				t.Errorf("%+v, reasons %v", s.Shares, s.Reasons)
			}
			if traits := s.Sources[0].Status.Traits; !slices.Contains(traits, c.trait) {
				t.Errorf("traits %v, want %q", traits, c.trait)
			}
		})
	}
}

// Blocks that gominer finds reach the chain by way of pool_sv2.
func TestPoolBlocks(t *testing.T) {
	for _, kind := range []stratum.V2Channel{stratum.V2Standard, stratum.V2Extended} {
		t.Run(kind.String(), func(t *testing.T) {
			tp := startTemplates(t, 0x1f00ffff)
			addr, key := referencePool(t, tp, 1)
			s := mine(t, 30, 1, stratum.Config{
				URL: fmt.Sprintf("stratum2+tcp://%s/%v", addr, key), V2: stratum.V2Config{Channel: kind, Hashrate: 1e5},
			})
			if s.Shares.Accepted < 30 || s.Shares.Blocks == 0 || tp.found() == 0 {
				t.Errorf("%+v, %d blocks on the chain", s.Shares, tp.found())
			}
			t.Logf("%d blocks on the chain, reasons %v", tp.found(), s.Reasons)
		})
	}
}
