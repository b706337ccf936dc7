package solo

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gominer/internal/chain"
	"gominer/internal/node"
	"gominer/miner"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// grinder is a device that hashes with the reference function until each draw
// has one share.
type grinder struct{}

func (grinder) Info() miner.Info { return miner.Info{Name: "grinder"} }

func (grinder) Run(ctx context.Context, f *miner.Feed) error {
	var w miner.Work
	for {
		if err := f.Next(ctx, 64, &w); err != nil {
			return err
		}
		h := w.Header
		for i := range w.Count {
			version, nonce := w.Job.RolledVersion((uint64(w.First)+i)%w.Job.Versions()), w.First+uint32(i)
			h.SetVersion(version)
			h.SetNonce(nonce)
			if hash := h.Hash(); w.Job.Target.Meets(&hash) {
				f.Found(&w, version, nonce)
				select {
				case <-w.Done(): // one block of each job is enough
				case <-ctx.Done():
				}
				break
			}
		}
	}
}

// watcher is a device that finds nothing and tells which jobs it sees.
type watcher struct{ jobs chan *miner.Job }

func (watcher) Info() miner.Info { return miner.Info{Name: "watcher"} }

func (d watcher) Run(ctx context.Context, f *miner.Feed) error {
	var last *miner.Job
	var w miner.Work
	for {
		if err := f.Next(ctx, 1, &w); err != nil {
			return err
		}
		if w.Job != last {
			last = w.Job
			select {
			case d.jobs <- last:
			case <-ctx.Done():
			}
		}
		t := time.NewTimer(time.Millisecond)
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	}
}

// spy is a source that tells how its sessions end.
type spy struct {
	*Source
	ended chan error
}

func (s spy) Run(ctx context.Context, sess *miner.Session) error {
	err := s.Source.Run(ctx, sess)
	select {
	case s.ended <- err:
	default:
	}
	return err
}

// start runs a miner on a source; stop ends it and returns its last snapshot.
func start(t *testing.T, cfg Config, until miner.Until, devices ...miner.Device) (m *miner.Miner, ended <-chan error, stop func() miner.Snapshot) {
	t.Helper()
	src, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := spy{src, make(chan error, 1)}
	m = miner.New(miner.Config{Source: s, Devices: devices, Until: until})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	var wg sync.WaitGroup
	wg.Go(func() { _ = m.Run(ctx) })
	stopped := false
	end := func() miner.Snapshot {
		if !stopped && until == (miner.Until{}) {
			cancel()
		}
		stopped = true
		wg.Wait()
		cancel()
		return m.Snapshot()
	}
	t.Cleanup(func() { cancel(); end() })
	return m, s.ended, end
}

// TestMine finds blocks from height 1 on, over OP_16, with and without
// transactions, which the test node judges by itself.
func TestMine(t *testing.T) {
	for _, txs := range [][]string{nil, {plainTx}, {witnessTx}, {plainTx, witnessTx}, {witnessTx, plainTx, plainTx}} {
		t.Run(fmt.Sprint(len(txs)), func(t *testing.T) {
			n, url := newTestNode(t)
			n.txs, n.version = txs, 0x20400000
			const blocks = 18
			_, _, stop := start(t, Config{URL: url, Address: payee, Tag: "/test/"}, miner.Until{Blocks: blocks}, grinder{})
			s := stop()
			n.mu.Lock()
			defer n.mu.Unlock()
			if n.accepted < blocks || len(n.seen) > 0 {
				t.Errorf("%d blocks accepted, want %d; refused: %q", n.accepted, blocks, n.seen)
			}
			if s.Shares.Blocks != uint64(n.accepted) || s.Shares.Accepted != s.Shares.Blocks {
				t.Errorf("the miner counts %+v, the node %d blocks", s.Shares, n.accepted)
			}
			if len(n.rolled) < 2 {
				t.Errorf("no versions were rolled: %v", n.rolled)
			}
		})
	}
}

func TestFixedVersion(t *testing.T) {
	n, url := newTestNode(t)
	_, _, stop := start(t, Config{URL: url, Address: payee, Tag: "/test/", FixedVersion: true}, miner.Until{Blocks: 4}, grinder{})
	stop()
	if len(n.rolled) != 1 || !n.rolled[n.version] {
		t.Errorf("versions %v, want %v", n.rolled, n.version)
	}
}

func TestJobs(t *testing.T) {
	n, url := newTestNode(t)
	n.version = 0x30400000
	w := watcher{make(chan *miner.Job)}
	m, _, stop := start(t, Config{URL: url, Address: payee, Tag: "/test/"}, miner.Until{}, w)

	first := <-w.jobs
	if !first.Clean || first.Height != 1 || first.PrevHash.String() != n.tip || len(first.Coinbase.Branch) != 0 ||
		first.Bits != 0x207fffff || first.Target != mustTarget(t, first) || first.Coinbase.Extranonce2Size != 8 || len(first.Coinbase.Extranonce1) != 4 {
		t.Errorf("first job %+v", first)
	}
	if want := uint32(0x1fffe000 &^ 0x30400000); first.VersionMask != want {
		t.Errorf("version mask %08x, want %08x: the node's bits stay", first.VersionMask, want)
	}
	n.change(func() { n.txs = []string{plainTx} }) // a transaction came in
	second := <-w.jobs
	if second.Clean || second.PrevHash != first.PrevHash || len(second.Coinbase.Branch) != 1 || second.ID == first.ID {
		t.Errorf("second job %+v", second)
	}
	st := m.Snapshot().Sources[0]
	if st.Status.State != miner.Up || st.Status.User != payee || strings.Contains(st.Status.URL, "pass") || !strings.Contains(strings.Join(st.Status.Traits, ","), "regtest") {
		t.Errorf("status %+v", st)
	}

	n.change(func() { n.tip, n.height = fmt.Sprintf("%064x", 0xdef), 1 }) // somebody found a block
	third := <-w.jobs
	if !third.Clean || third.PrevHash.String() != fmt.Sprintf("%064x", 0xdef) || third.Height != 2 {
		t.Errorf("third job %+v", third)
	}
	stop()
}

func mustTarget(t *testing.T, j *miner.Job) (target [32]byte) {
	t.Helper()
	got, err := j.Bits.Target()
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestRefused sees the node's own words, and that mining goes on after them.
func TestRefused(t *testing.T) {
	n, url := newTestNode(t)
	n.refuse = "bad-cb-amount"
	var tries int
	n.onSubmit = func() {
		if tries++; tries == 3 {
			n.change(func() { n.refuse = "" })
		}
	}
	_, _, stop := start(t, Config{URL: url, Address: payee, Tag: "/test/"}, miner.Until{Blocks: 1}, grinder{})
	s := stop()
	if s.Reasons["bad-cb-amount"] != 2 || s.Shares.Rejected != 2 || s.Shares.Blocks == 0 {
		t.Errorf("reasons %v, shares %+v", s.Reasons, s.Shares)
	}
}

// TestNotBest is btcd's way with a block that came too late.
func TestNotBest(t *testing.T) {
	n, url := newTestNode(t)
	n.stale = true
	submitted := make(chan struct{}, 1)
	n.onSubmit = func() {
		select {
		case submitted <- struct{}{}:
		default:
		}
	}
	m, _, stop := start(t, Config{URL: url, Address: payee, Tag: "/test/"}, miner.Until{}, grinder{})
	<-submitted
	s := stop()
	if s.Shares.Rejected == 0 || s.Shares.Accepted != 0 {
		t.Errorf("shares %+v", s.Shares)
	}
	for reason := range m.Snapshot().Reasons {
		if !strings.Contains(reason, "not in the node's best chain") {
			t.Errorf("reason %q", reason)
		}
	}
}

// TestInvalidated has the node throw out a block that it had accepted: the old
// parent is mined on again.
func TestInvalidated(t *testing.T) {
	n, url := newTestNode(t)
	parent := n.tip
	thrown := false
	n.onSubmit = func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.height == 1 && !thrown { // the block at height 1 stands, that at 2 comes
			thrown = true
			n.changeLocked(func() { n.tip, n.height = parent, 0 })
		}
	}
	_, _, stop := start(t, Config{URL: url, Address: payee, Tag: "/test/"}, miner.Until{Blocks: 3}, grinder{})
	s := stop()
	if s.Shares.Blocks < 3 || n.height != n.accepted-1 {
		t.Errorf("shares %+v, height %d", s.Shares, n.height)
	}
}

// TestStopWhileSubmitting ends the miner while the node thinks about a block.
func TestStopWhileSubmitting(t *testing.T) {
	n, url := newTestNode(t)
	asked, answer := make(chan struct{}), make(chan struct{})
	var once sync.Once
	n.onSubmit = func() { once.Do(func() { close(asked); <-answer }) }
	src, err := New(Config{URL: url, Address: payee, Tag: "/test/"})
	if err != nil {
		t.Fatal(err)
	}
	m := miner.New(miner.Config{Source: src, Devices: []miner.Device{grinder{}}})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = m.Run(ctx) })
	<-asked
	cancel()
	close(answer)
	wg.Wait()
	if s := m.Snapshot(); s.Shares.Blocks == 0 || s.Shares.Blocks != uint64(n.accepted) {
		t.Errorf("shares %+v, the node has %d blocks", s.Shares, n.accepted)
	}
}

func TestRunErrors(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(*testNode, *Config)
		kind    error // nil: any
		want    string
	}{
		{"wrong password", func(n *testNode, _ *Config) { n.password = "other" }, node.ErrAuth, "user or password"},
		{"address of another network", func(_ *testNode, c *Config) { c.Address = "1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mo" }, chain.ErrNetwork, "belongs to mainnet, but this is regtest: give one of regtest"},
		{"signet with signatures", func(n *testNode, c *Config) {
			n.chain, n.challenge = "signet", "512103ad5e0edad18cb1f0fc0d28a3d4f1f3e445640337489abb10404f2d1e086be430"
			c.Address = "tb1q3vya2h5435jkugq2few7dmktlrwq4ejmfaw7kr"
		}, node.ErrSignet, "must be signed"},
		{"unknown network", func(n *testNode, _ *Config) { n.chain = "litecoin" }, node.ErrNotRPC, "litecoin"},
		{"no room in the coinbase", func(n *testNode, c *Config) { n.aux = "0541424344" + "45"; c.Tag = strings.Repeat("x", 81) }, nil, "shorten the tag"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n, url := newTestNode(t)
			cfg := Config{URL: url, Address: payee}
			tt.prepare(n, &cfg)
			m, ended, stop := start(t, cfg, miner.Until{}, grinder{})
			err := <-ended
			if err == nil || tt.kind != nil && !errors.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "pass@") {
				t.Errorf("Run: %v, want %q", err, tt.want)
			}
			if !strings.Contains(err.Error(), m.Snapshot().Sources[0].Name) {
				t.Errorf("Run: %v does not name the node", err)
			}
			stop()
		})
	}
}

func TestNodeLost(t *testing.T) {
	n, url := newTestNode(t)
	w := watcher{make(chan *miner.Job)}
	_, ended, stop := start(t, Config{URL: url, Address: payee, Tag: "/test/"}, miner.Until{}, w)
	<-w.jobs
	n.change(func() { n.password = "changed" }) // the node came back another one
	if err := <-ended; !errors.Is(err, node.ErrAuth) {
		t.Errorf("Run: %v", err)
	}
	stop()
}

func TestTrivialSignet(t *testing.T) {
	n, url := newTestNode(t)
	n.chain, n.challenge = "signet", "51"
	// The script of the payee is the same on every network.
	_, _, stop := start(t, Config{URL: url, Address: signetAddress(t), Tag: "/test/"}, miner.Until{Blocks: 2}, grinder{})
	if s := stop(); s.Shares.Blocks < 2 || len(n.seen) > 0 {
		t.Errorf("shares %+v, refused %q", s.Shares, n.seen)
	}
}

func signetAddress(t *testing.T) string {
	t.Helper()
	script, err := hex.DecodeString(payeeScript)
	if err != nil {
		t.Fatal(err)
	}
	return chain.Address(script, chain.Signet)
}

// TestForeignCommitment has a node whose commitment is wrong: the right one goes
// into the block, and the operator is told once.
func TestForeignCommitment(t *testing.T) {
	n, url := newTestNode(t)
	n.txs, n.commitment = []string{witnessTx}, "6a24aa21a9ed"+strings.Repeat("11", 32)
	var log bytes.Buffer
	cfg := Config{URL: url, Address: payee, Tag: "/test/", Log: slog.New(slog.NewTextHandler(&log, nil))}
	_, _, stop := start(t, cfg, miner.Until{Blocks: 2}, grinder{})
	if s := stop(); s.Shares.Blocks < 2 || len(n.seen) > 0 {
		t.Errorf("shares %+v, refused %q", s.Shares, n.seen)
	}
	if c := strings.Count(log.String(), "witness commitment"); c != 1 {
		t.Errorf("told %d times: %s", c, log.String())
	}
}

func TestNew(t *testing.T) {
	const url = "http://user:secret@127.0.0.1:8332"
	tests := []struct {
		cfg  Config
		want string // "": no error
	}{
		{Config{URL: url, Address: payee}, ""},
		{Config{URL: url, Address: "1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mo"}, ""}, // the network is not known yet
		{Config{URL: url, Address: payee, Tag: strings.Repeat("x", 81)}, ""},
		{Config{URL: url, Address: payee, Tag: strings.Repeat("x", 82)}, "shorten the tag"},
		{Config{URL: url, Address: "1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mp"}, "coinbase address"},
		{Config{URL: url}, "coinbase address"},
		{Config{URL: "http://user:secret@127.0.0.1", Address: payee}, "no port"},
		{Config{Address: payee}, "node URL"},
	}
	for _, tt := range tests {
		s, err := New(tt.cfg)
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("New(%+v): %v", tt.cfg, err)
		case tt.want == "" && s.Name() != "http://127.0.0.1:8332":
			t.Errorf("Name() = %q", s.Name())
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "secret")):
			t.Errorf("New(%+v): %v, want %q", tt.cfg, err, tt.want)
		}
	}
	a, _ := New(tests[0].cfg)
	b, _ := New(tests[0].cfg)
	if bytes.Equal(a.extranonce1, b.extranonce1) {
		t.Error("two miners would do the same work")
	}
}
