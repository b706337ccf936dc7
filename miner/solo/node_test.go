package solo

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"
)

const (
	payee       = "bcrt1qdavt4j2sd7dlhqsavtnfxvzppw6k7qy97tmnu9"
	payeeScript = "00146f58bac9506f9bfb821d62e69330410bb56f0085"

	// A transaction with witness (BIP143's example) and one without.
	witnessTx    = "01000000000102fff7f7881a8099afa6940d42d1e7f6362bec38171ea3edf433541db4e4ad969f00000000494830450221008b9d1dc26ba6a9cb62127b02742fa9d754cd3bebf337f7a55d114c8e5cdd30be022040529b194ba3f9281a99f2b1c0a19c0489bc22ede944ccf4ecbab4cc618ef3ed01eeffffffef51e1b804cc89d182d279655c3aa89e815b1b309fe287d9b2b55d57b90ec68a0100000000ffffffff02202cb206000000001976a9148280b37df378db99f66f85c95a783a76ac7a6d5988ac9093510d000000001976a9143bde42dbee7e4dbe6a21b2d50ce2f0167faa815988ac000247304402203609e17b84f6a7d30c80bfa610b5b4542f32a8a0d5447a12fb1366d7f01cc44a0220573a954c4518331561406f90300e8f3358f51928d43c212a8caed02de67eebee0121025476c2e83188368da1ff3e292e7acafcdb3566bb0ad253f62fc70f07aeee635711000000"
	witnessTxID  = "e8151a2af31c368a35053ddd4bdb285a8595c769a3ad83e0fa02314a602d4609"
	witnessWTxID = "c36c38370907df2324d9ce9d149d191192f338b37665a82e78e76a12c909b762"
	plainTx      = "0100000001" + "1111111111111111111111111111111111111111111111111111111111111111" + "00000000" + "00" + "ffffffff" + "01" + "e803000000000000" + "0151" + "00000000"

	easyBits = "207fffff" // every other hash is a block
	subsidy  = 5_000_000_000
)

// testNode is a node that judges blocks with code of its own: nothing of what
// builds them is used to check them.
type testNode struct {
	t        *testing.T
	password string
	chain    string
	aux      string

	mu         sync.Mutex
	tip        string // hash as explorers show it
	height     int    // of the tip
	version    uint32 // of templates
	txs        []string
	challenge  string
	commitment string // in place of the right one
	refuse     string // the reason against every block
	stale      bool   // blocks are taken, but don't become the tip
	changes    int
	changed    chan struct{}
	accepted   int
	seen       []string        // what was wrong with the blocks that were not accepted
	rolled     map[uint32]bool // versions of submitted blocks
	onSubmit   func()          // called first, without lock
}

func newTestNode(t *testing.T) (*testNode, string) {
	n := &testNode{
		t: t, password: "pass", chain: "regtest", aux: "0141", tip: fmt.Sprintf("%064x", 0xabc), version: 0x20000000,
		changed: make(chan struct{}), rolled: make(map[uint32]bool),
	}
	srv := httptest.NewServer(n)
	t.Cleanup(srv.Close)
	return n, "http://user:pass@" + srv.Listener.Addr().String()
}

// change runs f under the lock and ends all long polls.
func (n *testNode) change(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.changeLocked(f)
}

func (n *testNode) changeLocked(f func()) {
	f()
	n.changes++
	close(n.changed)
	n.changed = make(chan struct{})
}

func (n *testNode) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	password := n.password
	n.mu.Unlock()
	if _, pass, _ := r.BasicAuth(); pass != password {
		http.Error(w, "401 Unauthorized.", http.StatusUnauthorized)
		return
	}
	var req struct {
		ID     int
		Method string
		Params []json.RawMessage
	}
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var result any
	switch req.Method {
	case "getblockchaininfo":
		n.mu.Lock()
		result = map[string]any{"chain": n.chain, "blocks": n.height, "headers": n.height, "bestblockhash": n.tip}
		n.mu.Unlock()
	case "getblocktemplate":
		result = n.template(r, req.Params)
	case "getbestblockhash":
		n.mu.Lock()
		result = n.tip
		n.mu.Unlock()
	case "getblockheader":
		result = map[string]any{"confirmations": -1}
	case "submitblock":
		var block string
		if err := json.Unmarshal(req.Params[0], &block); err != nil {
			n.t.Error(err)
		}
		if n.onSubmit != nil {
			n.onSubmit()
		}
		result = n.submit(block)
	default:
		n.t.Errorf("method %s is called", req.Method)
	}
	w.Header().Set("Connection", "close")
	_ = json.NewEncoder(w).Encode(map[string]any{"result": result, "error": nil, "id": req.ID})
}

func (n *testNode) template(r *http.Request, params []json.RawMessage) any {
	var request struct{ LongPollID string }
	_ = json.Unmarshal(params[0], &request)
	n.mu.Lock()
	defer n.mu.Unlock()
	if request.LongPollID == fmt.Sprint(n.changes) {
		changed := n.changed
		n.mu.Unlock()
		select {
		case <-changed:
		case <-r.Context().Done():
		}
		n.mu.Lock()
	}
	txs := []any{}
	for _, tx := range n.txs {
		txid, wtxid := ids(tx)
		txs = append(txs, map[string]any{"data": tx, "txid": show(txid), "hash": show(wtxid)})
	}
	m := map[string]any{
		"version": n.version, "previousblockhash": n.tip, "transactions": txs, "coinbaseaux": map[string]string{"flags": n.aux},
		"coinbasevalue": subsidy + 100*len(n.txs), "longpollid": fmt.Sprint(n.changes), "bits": easyBits,
		"mintime": 1_700_000_000, "curtime": time.Now().Unix(), "height": n.height + 1, "rules": []string{"csv", "!segwit"},
	}
	if slices.Contains(n.txs, witnessTx) {
		c := n.commitmentOf()
		m["default_witness_commitment"] = "6a24aa21a9ed" + hex.EncodeToString(c)
	}
	if n.commitment != "" {
		m["default_witness_commitment"] = n.commitment
	}
	if n.challenge != "" {
		m["signet_challenge"] = n.challenge
	}
	return m
}

func (n *testNode) commitmentOf() []byte {
	leaves := [][]byte{make([]byte, 32)}
	for _, tx := range n.txs {
		_, wtxid := ids(tx)
		leaves = append(leaves, wtxid)
	}
	return sha256d(append(merkle(leaves), make([]byte, 32)...))
}

// submit returns what submitblock does: nil, or a reason.
func (n *testNode) submit(block string) any {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.refuse != "" {
		n.seen = append(n.seen, n.refuse)
		return n.refuse
	}
	raw, err := hex.DecodeString(block)
	if err == nil {
		err = n.judge(raw)
	}
	if err != nil {
		n.seen = append(n.seen, err.Error())
		return err.Error()
	}
	if n.stale {
		return nil
	}
	n.accepted++
	n.rolled[binary.LittleEndian.Uint32(raw)] = true
	n.changeLocked(func() {
		n.tip = show(sha256d(raw[:80]))
		n.height++
	})
	return nil
}

// judge checks a block as consensus does.
func (n *testNode) judge(b []byte) error {
	if len(b) < 82 {
		return fmt.Errorf("%d bytes", len(b))
	}
	hash := slices.Clone(sha256d(b[:80]))
	slices.Reverse(hash)
	target := new(big.Int).Lsh(big.NewInt(0x7fffff), 8*(0x20-3))
	version := binary.LittleEndian.Uint32(b)
	switch {
	case show(b[4:36]) != n.tip:
		return fmt.Errorf("inconclusive-not-best-prevblk: %s, the tip is %s", show(b[4:36]), n.tip)
	case new(big.Int).SetBytes(hash).Cmp(target) > 0:
		return fmt.Errorf("high-hash: %x", hash)
	case binary.LittleEndian.Uint32(b[72:]) != 0x207fffff:
		return fmt.Errorf("bad-diffbits: %x", b[72:76])
	case (version^n.version)&^0x1fffe000 != 0 || version&n.version != n.version:
		return fmt.Errorf("bad-version: %08x, the template has %08x", version, n.version)
	case binary.LittleEndian.Uint32(b[68:]) < 1_700_000_000:
		return fmt.Errorf("time-too-old")
	case int(b[80]) != 1+len(n.txs):
		return fmt.Errorf("%d transactions, want %d", b[80], 1+len(n.txs))
	}
	var tail []byte
	for _, tx := range n.txs {
		raw, _ := hex.DecodeString(tx)
		tail = append(tail, raw...)
	}
	coinbase, found := bytes.CutSuffix(b[81:], tail)
	if !found {
		return fmt.Errorf("the transactions are not those of the template")
	}
	stripped, err := n.judgeCoinbase(coinbase)
	if err != nil {
		return err
	}
	leaves := [][]byte{sha256d(stripped)}
	for _, tx := range n.txs {
		txid, _ := ids(tx)
		leaves = append(leaves, txid)
	}
	if root := merkle(leaves); !bytes.Equal(root, b[36:68]) {
		return fmt.Errorf("bad-txnmrklroot: %x, want %x", b[36:68], root)
	}
	return nil
}

// judgeCoinbase takes the coinbase apart by hand and returns it without witness.
func (n *testNode) judgeCoinbase(b []byte) ([]byte, error) {
	wantWitness := slices.Contains(n.txs, witnessTx)
	if len(b) < 60 {
		return nil, fmt.Errorf("coinbase of %d bytes", len(b))
	}
	if witness := b[4] == 0 && b[5] == 1; witness != wantWitness {
		return nil, fmt.Errorf("unexpected-witness or bad-witness-nonce-size: witness %v, want %v", witness, wantWitness)
	} else if witness {
		stack, found := bytes.CutSuffix(b, append(append([]byte{1, 32}, make([]byte, 32)...), b[len(b)-4:]...))
		if !found {
			return nil, fmt.Errorf("bad-witness-nonce-size: the coinbase ends in %x", b[len(b)-40:])
		}
		b = slices.Concat(b[:4], stack[6:], b[len(b)-4:])
	}
	if b[4] != 1 || !bytes.Equal(b[5:37], make([]byte, 32)) || binary.LittleEndian.Uint32(b[37:]) != 0xffffffff {
		return nil, fmt.Errorf("bad-cb-missing: %x", b)
	}
	size := int(b[41])
	if size < 2 || size > 100 || len(b) < 42+size+4+1 {
		return nil, fmt.Errorf("bad-cb-length: %d", size)
	}
	script, rest := b[42:42+size], b[42+size+4:]
	height := []byte{byte(0x50 + n.height + 1)} // OP_1 … OP_16
	if n.height+1 > 16 {
		height = []byte{1, byte(n.height + 1)}
	}
	if !bytes.HasPrefix(script, append(height, 0x01, 0x41)) { // then coinbaseaux
		return nil, fmt.Errorf("bad-cb-height: script %x at height %d", script, n.height+1)
	}
	if !bytes.Contains(script, []byte("/test/")) {
		return nil, fmt.Errorf("no tag in %x", script)
	}
	want := []byte{1}
	if wantWitness {
		want[0] = 2
	}
	want = binary.LittleEndian.AppendUint64(want, uint64(subsidy+100*len(n.txs)))
	payout, _ := hex.DecodeString(payeeScript)
	want = append(append(want, byte(len(payout))), payout...)
	if wantWitness {
		want = binary.LittleEndian.AppendUint64(want, 0)
		want = append(append(want, 38, 0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed), n.commitmentOf()...)
	}
	if !bytes.Equal(rest[:len(rest)-4], want) {
		return nil, fmt.Errorf("bad-cb-amount or bad-witness-merkle-match: outputs %x, want %x", rest[:len(rest)-4], want)
	}
	return b, nil
}

func sha256d(b []byte) []byte {
	one := sha256.Sum256(b)
	two := sha256.Sum256(one[:])
	return two[:]
}

func merkle(level [][]byte) []byte {
	for len(level) > 1 {
		var next [][]byte
		for i := 0; i < len(level); i += 2 {
			next = append(next, sha256d(slices.Concat(level[i], level[min(i+1, len(level)-1)])))
		}
		level = next
	}
	return level[0]
}

// ids returns txid and wtxid in wire order.
func ids(tx string) (txid, wtxid []byte) {
	raw, _ := hex.DecodeString(tx)
	wtxid = sha256d(raw)
	if tx != witnessTx {
		return wtxid, wtxid
	}
	txid, _ = hex.DecodeString(witnessTxID)
	slices.Reverse(txid)
	return txid, wtxid
}

func show(hash []byte) string {
	h := slices.Clone(hash)
	slices.Reverse(h)
	return hex.EncodeToString(h)
}
