package pool_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gominer/hasher"
	"gominer/internal/chain"
	"gominer/internal/node"
	"gominer/stratum/pool"
)

// fakeNode answers as Bitcoin Core does on regtest.
type fakeNode struct {
	t *testing.T

	mu      sync.Mutex
	down    bool
	version uint32
	height  int
	tip     string
	txs     []*chain.Tx
	changed chan struct{} // closed when a long poll should answer
	blocks  [][]byte      // submitted
	refusal string        // for the next
}

const (
	payee        = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080" // BIP173's key on regtest
	regtestBlock = "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206"
)

func newFakeNode(t *testing.T) *fakeNode {
	n := &fakeNode{t: t, version: 0x20000000, height: 300, tip: regtestBlock, changed: make(chan struct{})}
	for i := range 3 {
		tx := &chain.Tx{
			Version: 2,
			In:      []chain.TxIn{{Prev: chain.OutPoint{Hash: hasher.Hash{byte(i + 1)}}}},
			Out:     []chain.TxOut{{Value: 1000, Script: []byte{0x51}}},
		}
		if i == 1 {
			tx.In[0].Witness = [][]byte{{1}}
		}
		n.txs = append(n.txs, tx)
	}
	return n
}

// change lets something happen to the node and ends the long polls.
func (n *fakeNode) change(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
	close(n.changed)
	n.changed = make(chan struct{})
}

func (n *fakeNode) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var req struct {
		ID     any
		Method string
		Params []json.RawMessage
	}
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		n.t.Errorf("request: %v", err)
	}
	if user, pass, _ := r.BasicAuth(); user != "u" || pass != "p" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if req.Method == "getblocktemplate" && !n.longPoll(r.Context(), req.Params[0]) {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.down {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	result, err := n.answerLocked(req.Method, req.Params)
	json.NewEncoder(w).Encode(map[string]any{"id": req.ID, "result": result, "error": err})
}

// longPoll waits until the template is another than the request's.
func (n *fakeNode) longPoll(ctx context.Context, request json.RawMessage) bool {
	var req struct{ LongPollID string }
	if err := json.Unmarshal(request, &req); err != nil {
		n.t.Errorf("request: %v", err)
	}
	for {
		n.mu.Lock()
		changed, same := n.changed, req.LongPollID == n.idLocked() && !n.down
		n.mu.Unlock()
		if !same {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

func (n *fakeNode) idLocked() string { return fmt.Sprint(n.tip, n.version) }

func (n *fakeNode) answerLocked(method string, params []json.RawMessage) (result, err any) {
	switch method {
	case "getblockchaininfo":
		return map[string]any{"chain": "regtest", "blocks": n.height - 1, "headers": n.height - 1, "bestblockhash": n.tip}, nil
	case "getblocktemplate":
		return n.templateLocked(), nil
	case "getbestblockhash":
		return n.tip, nil
	case "submitblock":
		var s string
		json.Unmarshal(params[0], &s)
		b, _ := hex.DecodeString(s)
		n.blocks = append(n.blocks, b)
		if n.refusal != "" {
			return n.refusal, nil
		}
		n.tip = hasher.DoubleSum(b[:80]).String()
		n.height++
		close(n.changed)
		n.changed = make(chan struct{})
		return nil, nil
	}
	return nil, map[string]any{"code": -32601, "message": "Method not found"}
}

func (n *fakeNode) templateLocked() any {
	txs := []any{}
	var wtxids []hasher.Hash
	for _, tx := range n.txs {
		txs = append(txs, map[string]any{"data": hex.EncodeToString(tx.Bytes()), "txid": tx.TxID().String(), "hash": tx.WTxID().String()})
		wtxids = append(wtxids, tx.WTxID())
	}
	return map[string]any{
		"version": n.version, "rules": []string{"csv", "!segwit"}, "vbavailable": map[string]int{}, "vbrequired": 0,
		"previousblockhash": n.tip, "transactions": txs, "coinbaseaux": map[string]string{}, "coinbasevalue": 5_000_003_000,
		"longpollid": n.idLocked(), "target": "00ffff" + strings.Repeat("0", 58),
		"mintime": time.Now().Unix() - 3600, "curtime": time.Now().Unix(), "bits": "2000ffff", "height": n.height,
		"default_witness_commitment": hex.EncodeToString(chain.CommitmentScript(chain.WitnessCommitment(wtxids))),
	}
}

// serve brings the node up in a bubble and returns its client.
func (n *fakeNode) serve(t *testing.T, url string) *node.Client {
	l := newPipes()
	ts := httptest.NewUnstartedServer(n)
	ts.Listener.Close()
	ts.Listener = l
	ts.Start()
	t.Cleanup(ts.Close)
	c, err := node.New(node.Config{
		URL:  url,
		Dial: func(context.Context, string, string) (net.Conn, error) { return l.dial(), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const goodURL = "http://u:p@node:8332"

func nodePool(t *testing.T, n *fakeNode) (*running, *pipes) {
	src := &pool.Node{Client: n.serve(t, goodURL), Address: payee, Tag: "/test/"}
	cfg := easy()
	cfg.Source = src
	l := newPipes()
	return startOn(t, cfg, l), l
}

func TestNodeBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNode(t)
		r, l := nodePool(t, n)
		m := newMiner(t, l.dial()).login()
		w := m.next(1)
		s := m.block(w, 5)
		m.want(m.submit(w, s), 0)
		if len(n.blocks) != 1 {
			t.Fatalf("%d blocks reached the node", len(n.blocks))
		}
		checkBlock(t, n, n.blocks[0], m.header(w, &s))
		next := m.next(2)
		if !next.clean || !bytes.Equal(next.prev, double(n.blocks[0][:80])) {
			t.Errorf("next job %+v, want a clean one on the block", next)
		}

		n.mu.Lock()
		n.refusal = "bad-cb-amount"
		n.mu.Unlock()
		m.want(m.submit(next, m.block(next, 6)), 0) // the share is good, whatever the node says
		st := r.Stats()
		if st.Found != 2 || st.Refused != 1 || st.Blocks[1].Refusal != "bad-cb-amount" || st.Height != 301 {
			t.Errorf("stats %+v", st)
		}
		m.nc.Close()
		r.stop()
	})
}

// checkBlock takes a block apart: header, two coinbase witnesses, transactions.
func checkBlock(t *testing.T, n *fakeNode, block, header []byte) {
	t.Helper()
	var tail []byte
	txids := make([]hasher.Hash, 0, len(n.txs))
	for _, tx := range n.txs {
		tail = append(tail, tx.Bytes()...)
		txids = append(txids, tx.TxID())
	}
	if !bytes.HasPrefix(block, append(header, byte(1+len(n.txs)))) || !bytes.HasSuffix(block, tail) {
		t.Fatalf("block %x, want header %x and transactions %x", block, header, tail)
	}
	cb, err := chain.ParseTx(block[81 : len(block)-len(tail)])
	if err != nil {
		t.Fatal(err)
	}
	root := chain.FoldBranch(cb.TxID(), chain.MerkleBranch(txids))
	script, err := chain.Script(payee, chain.Regtest)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(root[:], header[36:68]) {
		t.Errorf("merkle root %x, the transactions have %x", header[36:68], root)
	}
	if h, ok := cb.CoinbaseHeight(); !ok || h != 300 || !strings.Contains(cb.CoinbaseText(), "/test/") {
		t.Errorf("coinbase of height %d says %q", h, cb.CoinbaseText())
	}
	if len(cb.In[0].Witness) != 1 || len(cb.In[0].Witness[0]) != 32 || cb.Out[0].Value != 5_000_003_000 || !bytes.Equal(cb.Out[0].Script, script) {
		t.Errorf("coinbase %+v", cb)
	}
}

// TestNodeVersionBits: bits that mean something to the node are not for rolling,
// and clients are told when that changes.
func TestNodeVersionBits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNode(t)
		r, l := nodePool(t, n)
		m := newMiner(t, l.dial())
		r.events.await(t, "job", 1)
		if !m.configure(0xffffffff, 2) || m.mask != 0x1fffe000 {
			t.Fatalf("mask %08x", m.mask)
		}
		m.login()
		n.change(func() { n.version = 0x30400000 })
		w := m.next(2)
		if w.clean || w.version != 0x30400000 || m.mask != 0x1fffe000&^uint32(0x30400000) {
			t.Fatalf("job %+v with mask %08x", w, m.mask)
		}
		target, network := targetOf(w.difficulty), targetOfBits(w.bits)
		s := m.blank(w, 1)
		s.version |= m.mask
		s = m.mine(w, s, target, network)
		m.want(m.submit(w, s, m.mask), 0)
		m.want(m.submit(w, s, 0x10000000), 20)
		m.nc.Close()
		r.stop()
	})
}

// TestNodeDown: the last job is served for a while, then clients are sent away,
// and taken again when the node is back.
func TestNodeDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNode(t)
		r, l := nodePool(t, n)
		m := newMiner(t, l.dial()).login()
		n.change(func() { n.down = true })
		began := time.Now()
		w := *m.next(2) // as republished
		m.want(m.submit(&w, m.share(&w, 1)), 0)
		for m.in.Buffered() >= 0 {
			if _, err := m.in.ReadBytes('\n'); err != nil {
				break
			}
		}
		if d := time.Since(began).Round(time.Second); d != 2*time.Minute {
			t.Errorf("sent away after %v, want 2m0s", d)
		}
		if ev := r.events.await(t, "disconnected", 1); ev["reason"] != "the pool has no work" {
			t.Errorf("event %v", ev)
		}
		refused := newMiner(t, l.dial())
		if _, err := refused.in.ReadByte(); err == nil {
			t.Error("a client was taken while there is no work")
		}
		n.change(func() { n.down = false })
		time.Sleep(time.Minute)
		again := newMiner(t, l.dial()).login()
		w = *again.next(1)
		again.want(again.submit(&w, again.share(&w, 1)), 0)
		again.nc.Close()
		r.stop()
	})
}

// TestNodeStartsLater: the pool waits for a node that is not there yet.
func TestNodeStartsLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNode(t)
		n.down = true
		r, l := nodePool(t, n)
		m := newMiner(t, l.dial())
		m.subscribe()
		m.ok("mining.authorize", "w", "x")
		time.Sleep(10 * time.Minute)
		n.change(func() { n.down = false })
		m.next(1)
		m.nc.Close()
		r.stop()
	})
}

func TestNodeRefuses(t *testing.T) {
	for _, c := range []struct{ name, url, address, want string }{
		{"password", "http://u:q@node:8332", payee, "refuses user or password"},
		{"network", goodURL, "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "it belongs to mainnet, but this is regtest"},
		{"address", goodURL, "bcrt1", "coinbase address"},
		{"tag", goodURL, payee, "shorten the tag"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := &pool.Node{Client: newFakeNode(t).serve(t, c.url), Address: c.address}
				if c.name == "tag" {
					src.Tag = strings.Repeat("x", 99)
				}
				cfg := easy()
				cfg.Source = src
				p, err := pool.New(cfg)
				if err != nil {
					t.Fatal(err)
				}
				if err := p.Run(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("Run: %v, want …%s…", err, c.want)
				}
			})
		})
	}
}
