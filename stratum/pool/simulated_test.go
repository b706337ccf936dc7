package pool_test

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gominer/hasher"
	"gominer/internal/chain"
	"gominer/stratum/pool"
)

const (
	easyBits = 0x2000ffff // 256 hashes a block
	hardBits = 0x1d00ffff
)

// TestBlockEndsJob: a share that is a block becomes the tip; every client gets a
// clean job on it, and what was found before is stale.
func TestBlockEndsJob(t *testing.T) {
	cfg := easy()
	cfg.Source = chainOf(easyBits)
	cfg.Difficulty = 1e-9
	r := start(t, cfg)
	a, b := r.dial(t).login(), r.dial(t).login()
	w := a.next(1)
	late := a.share(w, 7)
	lateBlock := b.block(b.next(1), 7)
	s := a.block(w, 1)
	a.want(a.submit(w, s), 0)

	hash := double(a.header(w, &s))
	for _, m := range []*miner{a, b} {
		if next := m.next(2); !next.clean || !bytes.Equal(next.prev, hash) {
			t.Errorf("after the block came %+v, want a clean job on %x", next, hash)
		}
	}
	a.want(a.submit(w, late), 21)
	a.want(a.submit(w, s), 21)
	b.want(b.submit(b.next(1), lateBlock), 21) // and yet it went to the chain
	b.want(b.submit(b.next(1), lateBlock), 21)
	st := r.Stats()
	if st.Height != 2 || st.Found != 2 || st.Refused != 1 || st.Total.Accepted != 1 ||
		!strings.HasPrefix(st.Blocks[1].Refusal, "stale: ") {
		t.Errorf("stats %+v", st)
	}
	if ev := r.events.await(t, "block", 2); ev["accepted"] != false || ev["reason"] == nil {
		t.Errorf("event %v", ev)
	}
}

// TestBlockBelowShare: where blocks are easier than shares, a block counts all
// the same.
func TestBlockBelowShare(t *testing.T) {
	cfg := easy()
	cfg.Source = chainOf(easyBits)
	cfg.Difficulty = 1
	r := start(t, cfg)
	m := r.dial(t).login()
	r.events.await(t, "difficulty", 1) // the warning
	w := m.next(1)
	m.want(m.submit(w, m.block(w, 0)), 0)
	m.next(2)
	if s := r.Stats(); s.Found != 1 || s.Refused != 0 {
		t.Errorf("stats %+v", s)
	}
}

// TestChainGrows mines some blocks and lets others come from the network.
func TestChainGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := chainOf(easyBits)
		src.BlockEvery = time.Minute
		cfg := easy()
		cfg.Source = src
		cfg.Republish = 25 * time.Second
		l := newPipes()
		r := startOn(t, cfg, l)
		m := newMiner(t, l.dial()).login()
		first := *m.next(1)
		if same := m.next(2); same.clean || same.id == first.id || same.ntime != first.ntime+25 || !bytes.Equal(same.prev, first.prev) {
			t.Errorf("republished as %+v", same)
		}
		m.want(m.submit(&first, m.share(&first, 9)), 0) // the old one is good still
		m.next(3)
		if n := m.next(4); !n.clean || bytes.Equal(n.prev, first.prev) || n.ntime != first.ntime+60 {
			t.Errorf("the network's block brought clean %v, ntime %d after the first", n.clean, n.ntime-first.ntime)
		}
		m.want(m.submit(&first, m.share(&first, 10)), 21)
		for i := range 20 {
			n := len(m.jobs)
			w := m.next(n)
			m.want(m.submit(w, m.block(w, uint64(i))), 0)
			m.next(n + 1)
		}
		if s := r.Stats(); s.Height != 22 || s.Found != 20 || s.Refused != 0 {
			t.Errorf("height %d, %d blocks, %d refused", s.Height, s.Found, s.Refused)
		}
		m.nc.Close()
		r.stop()
	})
}

// TestSimulatedChecks changes a good block in every way that matters.
func TestSimulatedChecks(t *testing.T) {
	src := chainOf(easyBits)
	templates := make(chan *pool.Template, 4)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- src.Run(ctx, func(tmpl *pool.Template) error { templates <- tmpl; return nil })
	}()
	defer func() { cancel(); <-done }()
	tmpl := <-templates

	build := func(cb chain.Coinbase, change func(*hasher.Header)) *pool.Block {
		cb.ExtranonceSize = 4
		prefix, suffix, err := cb.Split()
		if err != nil {
			t.Fatal(err)
		}
		b := &pool.Block{Coinbase: slices.Concat(prefix, make([]byte, 4), suffix), Template: tmpl}
		b.Header.SetVersion(tmpl.Version)
		b.Header.SetPrevHash(tmpl.PrevHash)
		b.Header.SetMerkleRoot(chain.FoldBranch(hasher.DoubleSum(b.Coinbase), tmpl.Branch))
		b.Header.SetTime(tmpl.Time)
		b.Header.SetBits(tmpl.Bits)
		change(&b.Header)
		target, _ := hasher.Bits(easyBits).Target()
		for h := b.Header.Hash(); !target.Meets(&h); h = b.Header.Hash() {
			b.Header.SetNonce(b.Header.Nonce() + 1)
		}
		return b
	}
	same := func(*hasher.Header) {}
	output := func(i int, change func(*chain.TxOut)) chain.Coinbase {
		cb := tmpl.Coinbase
		cb.Outputs = slices.Clone(cb.Outputs)
		change(&cb.Outputs[i])
		return cb
	}
	height := tmpl.Coinbase
	height.Height++
	notCoinbase := build(tmpl.Coinbase, same)
	notCoinbase.Coinbase[10] = 1
	weak := build(tmpl.Coinbase, same)
	for h, target := weak.Header.Hash(), (hasher.Target{31: 0}); !target.Meets(&h) && h.Top() < 1<<24; h = weak.Header.Hash() {
		weak.Header.SetNonce(weak.Header.Nonce() + 1)
	}
	cut := build(tmpl.Coinbase, same)
	cut.Coinbase = cut.Coinbase[:len(cut.Coinbase)-1]
	for _, c := range []struct {
		block *pool.Block
		want  string
	}{
		{weak, "high-hash"},
		{cut, "coinbase: "},
		{notCoinbase, "coinbase: "},
		{build(tmpl.Coinbase, func(h *hasher.Header) { h.SetBits(0x207fffff) }), "bad-diffbits"},
		{build(tmpl.Coinbase, func(h *hasher.Header) { h.SetBits(0) }), "nbits"},
		{build(tmpl.Coinbase, func(h *hasher.Header) { h.SetPrevHash(hasher.Hash{1}) }), "stale"},
		{build(tmpl.Coinbase, func(h *hasher.Header) { h.SetMerkleRoot(hasher.Hash{1}) }), "bad-txnmrklroot"},
		{build(tmpl.Coinbase, func(h *hasher.Header) { h.SetTime(tmpl.Time - 3600) }), "time-too-old"},
		{build(tmpl.Coinbase, func(h *hasher.Header) { h.SetTime(tmpl.Time + 7300) }), "time-too-new"},
		{build(tmpl.Coinbase, func(h *hasher.Header) { h.SetVersion(1) }), "bad-version"},
		{build(height, same), "bad-cb-height"},
		{build(output(0, func(o *chain.TxOut) { o.Value++ }), same), "bad-cb-amount"},
		{build(output(1, func(o *chain.TxOut) { o.Script = chain.CommitmentScript(hasher.Hash{1}) }), same), "bad-witness-merkle-match"},
		{build(output(1, func(o *chain.TxOut) { o.Script = []byte{0x6a} }), same), "bad-witness-merkle-match"},
	} {
		if err := src.Submit(ctx, c.block); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("got %v, want %s…", err, c.want)
		}
	}
	good := build(tmpl.Coinbase, same)
	if err := src.Submit(ctx, good); err != nil {
		t.Fatal(err)
	}
	next := <-templates
	if next.PrevHash != good.Header.Hash() || next.Height != tmpl.Height+1 {
		t.Errorf("next template is height %d on %v", next.Height, next.PrevHash)
	}
	if err := src.Submit(ctx, good); err == nil {
		t.Error("the same block was taken twice")
	}
}

func TestSimulatedTransactions(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 100} {
		src := chainOf(easyBits)
		src.Transactions = n
		cfg := easy()
		cfg.Source = src
		r := start(t, cfg)
		m := r.dial(t).login()
		w := m.next(1)
		m.want(m.submit(w, m.block(w, 0)), 0)
		if s := r.Stats(); s.Found != 1 || s.Refused != 0 {
			t.Errorf("%d transactions: %+v", n, s.Blocks)
		}
		r.stop()
	}
}

func TestRunRefuses(t *testing.T) {
	for _, c := range []struct {
		change func(*pool.Simulated)
		want   string
	}{
		{func(s *pool.Simulated) { s.Bits = 0 }, "nbits"},
		{func(s *pool.Simulated) { s.Transactions = -1 }, "transactions"},
		{func(s *pool.Simulated) { s.Transactions = 1e6 }, "transactions"},
		{func(s *pool.Simulated) { s.BlockEvery = -1 }, "want a time above 0"},
		{func(s *pool.Simulated) { s.Tag = strings.Repeat("x", 99) }, "shorten the tag"},
	} {
		src := chainOf(hardBits)
		c.change(src)
		cfg := easy()
		cfg.Source = src
		p, err := pool.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Run(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Run: %v, want …%s…", err, c.want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		change func(*pool.Config)
		want   string
	}{
		{func(c *pool.Config) { c.Difficulty = -1 }, "-1 is not above 0"},
		{func(c *pool.Config) { c.Vardiff = -1 }, "vardiff"},
		{func(c *pool.Config) { c.Vardiff = 1e9 }, "vardiff"},
		{func(c *pool.Config) { c.MinDifficulty = -1 }, "bound"},
		{func(c *pool.Config) { c.MinDifficulty, c.MaxDifficulty = 2, 1 }, "is above the most"},
		{func(c *pool.Config) { c.Extranonce2Size = 17 }, "want 0 to 16"},
		{func(c *pool.Config) { c.Extranonce2Size = -1 }, "want 0 to 16"},
		{func(c *pool.Config) { c.Extranonce1 = make([]byte, 33) }, "want at most 32"},
		{func(c *pool.Config) { c.MaxConns = -1 }, "want 1 or more"},
		{func(c *pool.Config) { c.Republish = -1 }, "negative"},
	} {
		cfg := pool.DefaultConfig()
		c.change(&cfg)
		if _, err := pool.New(cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("New: %v, want …%s…", err, c.want)
		}
	}
	if _, err := pool.New(pool.Config{}); err != nil {
		t.Errorf("New with nothing set: %v", err)
	}
}
