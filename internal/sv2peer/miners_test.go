package sv2peer

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gominer/hasher"
	"gominer/stratum"
	"gominer/stratum/noise"
	"gominer/stratum/pool"
)

// ourPool is gominer's pool with the reference implementation's miners on it.
type ourPool struct {
	*pool.Pool
	addr string
	key  noise.PublicKey
}

// serve runs a pool whose blocks take 2^24 hashes until the test ends.
func serve(t *testing.T) *ourPool {
	t.Helper()
	cfg := pool.DefaultConfig()
	chain := pool.NewSimulated()
	chain.Bits = hasher.Bits(0x1e00ffff)
	cfg.Source, cfg.Difficulty, cfg.Vardiff, cfg.StaleGrace = chain, 1e-4, 0, time.Minute
	cfg.V2.Batch = 3
	p, err := pool.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	secret, public := keys(t)
	id, err := noise.NewIdentity(secret, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := p.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	wg.Go(func() {
		if err := p.ServeV2(ctx, l, id); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	return &ourPool{Pool: p, addr: l.Addr().String(), key: public}
}

// await waits until what the pool counts is as it should be.
func (p *ourPool) await(t *testing.T, what string, ok func(pool.Stats) bool) pool.Stats {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(peerLimit)
	for {
		s := p.Stats()
		if ok(s) {
			return s
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("no %s: %+v", what, s)
		}
	}
}

// mining_device mines on gominer's pool: standard channels, through new blocks.
func TestMiningDevice(t *testing.T) {
	p := serve(t)
	miner := run(t, "mining_device", "--address-pool", p.addr, "--pubkey-pool", p.key.String(), "--id-user", "account.device",
		"--id-device", "one", "--cores", "1", "--nominal-hashrate-multiplier", "0.01")
	s := p.await(t, "shares and blocks", func(s pool.Stats) bool { return s.Total.Accepted >= 30 && s.Found >= 2 })
	if s.Total.Rejected > s.Total.Accepted/10 { // it needs a while to hear of a new block
		t.Errorf("%+v", s.Total)
	}
	if s.Refused > 0 || s.Workers[0].Name != "account.device" {
		t.Errorf("%+v, %+v", s.Blocks, s.Workers)
	}
	t.Logf("%+v, %d blocks; agent %q", s.Total, s.Found, s.Conns[0].Agent)
	if !strings.Contains(miner.out.String(), "Received SubmitSharesSuccess") {
		t.Error("it heard of no share")
	}
}

// mining_device leaves a pool of another authority.
func TestMiningDeviceOfAnother(t *testing.T) {
	p := serve(t)
	_, other := keys(t)
	miner := run(t, "mining_device", "--address-pool", p.addr, "--pubkey-pool", other.String(), "--cores", "1")
	<-miner.done
	if !strings.Contains(miner.out.String(), "InvalidCertificate") {
		t.Errorf("it says %s", miner.out)
	}
}

// gominer, as a miner of Stratum V1, mines on gominer's pool by way of
// translator_sv2: extended channels, of one miner or for all of them.
func TestTranslator(t *testing.T) {
	for _, aggregate := range []bool{false, true} {
		t.Run(fmt.Sprintf("aggregate %v", aggregate), func(t *testing.T) {
			p := serve(t)
			host, port, err := net.SplitHostPort(p.addr)
			if err != nil {
				t.Fatal(err)
			}
			addr := freePort(t)
			_, ours, _ := net.SplitHostPort(addr)
			config := filepath.Join(t.TempDir(), "translator.toml")
			text := fmt.Sprintf(`
downstream_address = "127.0.0.1"
downstream_port = %s
max_supported_version = 2
min_supported_version = 2
downstream_extranonce2_size = 4
verify_payout = false
aggregate_channels = %v
supported_extensions = [0x0002]

[downstream_difficulty_config]
min_individual_miner_hashrate = 2000000.0
shares_per_minute = 600.0
enable_vardiff = true
job_keepalive_interval_secs = 60

[[upstreams]]
address = %q
port = %s
authority_pubkey = %q
user_identity = "account"
`, ours, aggregate, host, port, p.key.String())
			if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			run(t, "translator_sv2", "-c", config).waitFor(t, addr)
			s := mine(t, 40, 1, stratum.Config{URL: "stratum+tcp://" + addr})
			stale := s.Reasons["Job not found (code 21)"] // a block came while they were on their way
			if s.Shares.Accepted < 40 || s.Shares.Rejected > stale || s.Shares.HardwareErrors > 0 {
				t.Errorf("the miner counts %+v, reasons %v", s.Shares, s.Reasons)
			}
			got := p.await(t, "shares", func(s pool.Stats) bool { return s.Total.Accepted > 0 })
			if got.Total.Rejected > 0 || got.Refused > 0 {
				t.Errorf("the pool counts %+v, blocks %+v", got.Total, got.Blocks)
			}
			t.Logf("%+v, %d blocks, workers %+v", got.Total, got.Found, got.Workers)
		})
	}
}
