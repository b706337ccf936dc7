package chain

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"gominer/hasher"
	"gominer/internal/mainnet"
)

// TestMainnet decodes real coinbases and folds their branches to the roots of
// the blocks that were mined.
func TestMainnet(t *testing.T) {
	want := map[uint32]struct {
		text, address string
		value         int64
		committed     bool
	}{
		0:      {"The Times 03/Jan/2009 Chancellor on brink of second bailout for banks", "", 50 * coin, false},
		277647: {"Mined by BTC Guild", "14cZMQk89mRYQkDEj8Rn25AnGoBi5H6uer", 2504737355, false},
		413567: {"Mined by chenguanghai", "1KFHE7w8BhaENAswwryaoccDb6qcT6DbYY", 2531310238, false},
		702861: {"binance/", "bc1qx9t2l3pyny2spqpqlye8svce70nppwtaxwdrp4", 629948405, true},
	}
	for _, job := range mainnet.Jobs() {
		t.Run(fmt.Sprint(job.Height), func(t *testing.T) {
			var coinb1, coinb2 string
			var branchHex []string
			for i, v := range []any{2: &coinb1, 3: &coinb2, 4: &branchHex} {
				if v == nil {
					continue
				}
				if err := json.Unmarshal(job.Notify[i], v); err != nil {
					t.Fatal(err)
				}
			}
			tx, err := ParseTx(unhex(t, coinb1+job.Extranonce1+job.Extranonce2+coinb2))
			if err != nil {
				t.Fatal(err)
			}
			var branch []hasher.Hash
			for _, s := range branchHex {
				branch = append(branch, hasher.Hash(unhex(t, s)))
			}
			header, err := hasher.ParseHeader(job.Header)
			if err != nil {
				t.Fatal(err)
			}
			if got := FoldBranch(tx.TxID(), branch); got != header.MerkleRoot() {
				t.Errorf("root %v, want %v", got, header.MerkleRoot())
			}
			want := want[job.Height]
			if h, ok := tx.CoinbaseHeight(); job.Height > 0 && (!ok || h != job.Height) || job.Height == 0 && ok {
				t.Errorf("height %d, %v, want %d", h, ok, job.Height)
			}
			if got := tx.CoinbaseText(); !strings.Contains(got, want.text) {
				t.Errorf("text %q, want %q in it", got, want.text)
			}
			if got := tx.Out[0].Value; got != want.value {
				t.Errorf("value %d, want %d", got, want.value)
			}
			if got := Address(tx.Out[0].Script, Mainnet); got != want.address {
				t.Errorf("address %q, want %q", got, want.address)
			}
			if _, ok := tx.Commitment(); ok != want.committed {
				t.Errorf("commitment %v, want %v", ok, want.committed)
			}
		})
	}
}

// naiveRoot folds the whole tree, level by level.
func naiveRoot(level []hasher.Hash) hasher.Hash {
	for len(level) > 1 {
		var next []hasher.Hash
		for i := 0; i < len(level); i += 2 {
			right := level[min(i+1, len(level)-1)]
			next = append(next, hasher.DoubleSum(append(bytes.Clone(level[i][:]), right[:]...)))
		}
		level = next
	}
	return level[0]
}

func TestMerkleBranch(t *testing.T) {
	var ids []hasher.Hash
	for n := 1; n <= 70; n++ {
		ids = append(ids, hasher.DoubleSum([]byte{byte(n)}))
		others := bytes.Clone(ids[0][:]) // the input must stay as it is
		branch := MerkleBranch(ids[1:])
		if got, want := FoldBranch(ids[0], branch), naiveRoot(ids); got != want {
			t.Errorf("%d transactions: root %v, want %v", n, got, want)
		}
		if !bytes.Equal(others, ids[0][:]) || ids[n-1] != hasher.DoubleSum([]byte{byte(n)}) {
			t.Fatalf("%d transactions: the ids were written over", n)
		}
	}
	if got := MerkleBranch(nil); len(got) != 0 {
		t.Errorf("a branch of %d for the coinbase alone", len(got))
	}
}

func TestWitnessCommitment(t *testing.T) {
	ids := []hasher.Hash{{}, hasher.DoubleSum([]byte("a")), hasher.DoubleSum([]byte("b"))}
	root := naiveRoot(ids)
	want := hasher.DoubleSum(append(root[:], make([]byte, 32)...))
	if got := WitnessCommitment(ids[1:]); got != want {
		t.Errorf("WitnessCommitment = %v, want %v", got, want)
	}
	// The commitment of every block that has a coinbase only.
	const empty = "e2f61c3f71d1defd3fa999dfa36953755c690689799962b48bebd836974e8cf9"
	if got := WitnessCommitment(nil); hex.EncodeToString(got[:]) != empty {
		t.Errorf("WitnessCommitment(nil) = %x, want %s", got[:], empty)
	}
}

func TestBlock(t *testing.T) {
	c := Coinbase{Height: 1, ExtranonceSize: 1, Outputs: payout(1)}
	prefix, suffix, err := c.Split()
	if err != nil {
		t.Fatal(err)
	}
	plain := append(append(prefix, 7), suffix...)
	var header hasher.Header
	for i := range header {
		header[i] = byte(i)
	}
	tx := unhex(t, segwitTx)

	got, err := Block(&header, plain, [][]byte{tx, tx})
	if err != nil {
		t.Fatal(err)
	}
	want := hex.EncodeToString(header[:]) + "03" + hex.EncodeToString(plain) + segwitTx + segwitTx
	if hex.EncodeToString(got) != want {
		t.Errorf("block %x\n want %s", got, want)
	}

	c.Outputs = append(c.Outputs, TxOut{Script: CommitmentScript(WitnessCommitment(nil))})
	if prefix, suffix, err = c.Split(); err != nil {
		t.Fatal(err)
	}
	body := append(append(bytes.Clone(prefix[4:]), 7), suffix[:len(suffix)-4]...)
	want = hex.EncodeToString(header[:]) + "01" +
		"02000000" + "0001" + hex.EncodeToString(body) + "01" + "20" + strings.Repeat("00", 32) + "00000000"
	got, err = Block(&header, append(append(prefix, 7), suffix...), nil)
	if err != nil {
		t.Fatal(err)
	}
	if hex.EncodeToString(got) != want {
		t.Errorf("block %x\n want %s", got, want)
	}
	// A coinbase that has its witness already is left alone.
	if again, err := Block(&header, got[81:], nil); err != nil || !bytes.Equal(again, got) {
		t.Errorf("block %x, %v\n want %x", again, err, got)
	}

	if _, err := Block(&header, nil, nil); err == nil {
		t.Error("a block without a coinbase")
	}
	if _, err := Block(&header, tx, nil); err == nil || !strings.Contains(err.Error(), "spends") {
		t.Errorf("a spend for a coinbase: %v", err)
	}
}

func TestSubsidy(t *testing.T) {
	tests := []struct {
		height uint32
		net    *Network
		want   int64
	}{
		{0, Mainnet, 50_00000000},
		{209_999, Mainnet, 50_00000000},
		{210_000, Mainnet, 25_00000000},
		{702_861, Mainnet, 6_25000000},
		{840_000, Mainnet, 3_12500000},
		{149, Regtest, 50_00000000},
		{150, Regtest, 25_00000000},
		{210_000 * 33, Mainnet, 0},
		{0xffffffff, Mainnet, 0},
		{150 * 64, Regtest, 0},
	}
	for _, tt := range tests {
		if got := Subsidy(tt.height, tt.net); got != tt.want {
			t.Errorf("Subsidy(%d, %v) = %d, want %d", tt.height, tt.net, got, tt.want)
		}
	}
}

func TestNetworkNamed(t *testing.T) {
	for name, want := range map[string]*Network{
		"main": Mainnet, "mainnet": Mainnet, "test": Testnet, "testnet3": Testnet, "testnet": Testnet,
		"testnet4": Testnet4, "signet": Signet, "regtest": Regtest, "simnet": Simnet,
	} {
		if got, err := NetworkNamed(name); err != nil || got != want {
			t.Errorf("NetworkNamed(%q) = %v, %v, want %v", name, got, err, want)
		}
	}
	if _, err := NetworkNamed("litecoin"); err == nil || !strings.Contains(err.Error(), "signet") {
		t.Errorf("NetworkNamed(litecoin): %v", err)
	}
}
