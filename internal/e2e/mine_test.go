package e2e

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestHarness holds the tests' own node, wallet and checks to blocks of btcd's
// own making.
func TestHarness(t *testing.T) {
	w := newWallet(t, 1)
	n := startBtcd(t, w.legacy.EncodeAddress())
	ask[[]string](t, n, "generate", mature)
	tx := w.spend(t, n.coinbase(t, 1))
	n.send(t, tx)
	ask[[]string](t, n, "generate", 1)
	checkBlock(t, n.block(t, mature+1), w.legacyScript, tx)
}

// TestMineOnNode mines the first blocks of a chain.
func TestMineOnNode(t *testing.T) {
	w := newWallet(t, 2)
	for _, to := range []struct {
		name, address string
		script        []byte
	}{
		{"legacy", w.legacy.EncodeAddress(), w.legacyScript},
		{"segwit", w.segwit.EncodeAddress(), w.segwitScript},
	} {
		t.Run(to.name, func(t *testing.T) {
			n := startBtcd(t, someAddress)
			mustMine(t, "-o", n.url(), "--coinbase-address", to.address, "--until", "blocks=3")
			n.checkBlocks(t, 0, 3, to.script)
		})
	}
}

// TestMineOnPool mines the first blocks of a chain through the built-in pool.
func TestMineOnPool(t *testing.T) {
	w := newWallet(t, 3)
	n := startBtcd(t, someAddress)
	url, stop := startPool(t, n, w.segwit.EncodeAddress())
	r := gominer(t, "mine", "-o", url, "-u", "e2e", "--json", "--until", "blocks=3")
	if r.code != 0 {
		t.Fatalf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	mined, served := readSummary(t, r.stdout), readSummary(t, stop())
	if mined.Blocks < 3 || mined.Accepted < mined.Blocks {
		t.Errorf("the miner counts %+v, want 3 blocks or more", mined)
	}
	// Of two blocks on the same parent the node takes one. The other is a good
	// share all the same, and a miner of Stratum V1 is not told the difference.
	blocks := n.checkBlocks(t, 0, 1, w.segwitScript)
	if len(blocks) != served.Blocks-served.BlocksRefused || served.Blocks < mined.Blocks {
		t.Errorf("the node has %d blocks, the pool counts %+v, the miner %+v", len(blocks), served, mined)
	}
}

// summary is the last line of a run with --json.
type summary struct {
	Event         string
	Accepted      int
	Blocks        int
	BlocksRefused int `json:"blocks_refused"` // of Blocks, by the node; a pool's
}

// readSummary reads the last line of stdout.
func readSummary(t *testing.T, stdout string) (s summary) {
	t.Helper()
	stdout = strings.TrimSpace(stdout)
	last := stdout[strings.LastIndexByte(stdout, '\n')+1:]
	if err := json.Unmarshal([]byte(last), &s); err != nil || s.Event != "summary" {
		t.Fatalf("the last line is %q, %v", last, err)
	}
	return s
}

// TestMineAcrossActivation mines from before to after the heights at which simnet
// may start and lock in rules: the template's version changes on the way.
func TestMineAcrossActivation(t *testing.T) {
	w := newWallet(t, 4)
	n := startBtcd(t, someAddress)
	versions := map[int32]bool{} // without the bits that a miner may roll
	for _, from := range []int{97, 197, 297} {
		ask[[]string](t, n, "generate", from-n.height(t))
		mustMine(t, "-o", n.url(), "--coinbase-address", w.segwit.EncodeAddress(), "--until", "blocks=6")
		for _, b := range n.checkBlocks(t, from, 6, w.segwitScript) {
			versions[b.MsgBlock().Header.Version&^0x1fffe000] = true
		}
	}
	if len(versions) < 2 {
		t.Errorf("only the versions %v: the template's own bits are not kept", versions)
	}
}

// TestMineTransactions has transactions with and without a witness wait for a
// block, and mines it: straight from the node, and through the built-in pool.
func TestMineTransactions(t *testing.T) {
	for _, way := range []string{"node", "pool"} {
		t.Run(way, func(t *testing.T) {
			owner, payee := newWallet(t, 5), newWallet(t, 6)
			n := startBtcd(t, owner.legacy.EncodeAddress())
			mine := func(to string) {
				t.Helper()
				if way == "node" {
					mustMine(t, "-o", n.url(), "--coinbase-address", to, "--until", "blocks=1")
					return
				}
				url, stop := startPool(t, n, to)
				mustMine(t, "-o", url, "-u", "e2e", "--until", "blocks=1")
				stop()
			}
			// One coinbase of gominer's to spend with a witness, and btcd's.
			mine(owner.segwit.EncodeAddress())
			gominers := n.coinbase(t, 1)
			first := n.height(t) + 1
			ask[[]string](t, n, "generate", mature)
			legacy := owner.spend(t, n.coinbase(t, first))
			legacy2 := owner.spend(t, n.coinbase(t, first+1))
			witness := owner.spend(t, gominers)
			if !witness.HasWitness() || legacy.HasWitness() {
				t.Fatal("the transactions are not what this test is about")
			}

			n.send(t, legacy)
			n.send(t, legacy2)
			from := n.height(t)
			mine(payee.legacy.EncodeAddress())
			n.checkBlocks(t, from, 1, payee.legacyScript, legacy, legacy2)

			// The node keeps a template for a minute unless a block comes.
			ask[[]string](t, n, "generate", 1)
			n.send(t, witness)
			from = n.height(t)
			mine(payee.segwit.EncodeAddress())
			n.checkBlocks(t, from, 1, payee.segwitScript, witness)
		})
	}
}

// startPool runs the built-in pool on the node until stop is called or the test
// ends.
func startPool(t *testing.T, n *btcd, payTo string) (url string, stop func() (last string)) {
	t.Helper()
	line, stop := startGominer(t, "pool", "--listen", "127.0.0.1:0", "--node", n.url(), "--coinbase-address", payTo,
		"--difficulty", "1e-4", "--json")
	var first struct{ URL string }
	if err := json.Unmarshal([]byte(line), &first); err != nil || !strings.HasPrefix(first.URL, "stratum+tcp://") {
		t.Fatalf("the first line of gominer pool: %q, %v", line, err)
	}
	return first.URL, stop
}
