package chain

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"gominer/hasher"
)

func payout(value int64) []TxOut {
	return []TxOut{{Value: value, Script: append([]byte{0, 20}, make([]byte, 20)...)}}
}

// TestHeightPush holds what consensus compares byte by byte: a script number in
// its shortest form, OP_0 and OP_1 … OP_16 where those are shorter (BIP34).
func TestHeightPush(t *testing.T) {
	tests := []struct {
		height uint32
		want   string
	}{
		{0, "00"}, {1, "51"}, {2, "52"}, {15, "5f"}, {16, "60"},
		{17, "0111"}, {127, "017f"}, {128, "028000"}, {255, "02ff00"}, {256, "020001"},
		{32767, "02ff7f"}, {32768, "03008000"}, {65535, "03ffff00"}, {65536, "03000001"},
		{227835, "03fb7903"},         // the last block without
		{702861, "038db90a"},         // as mined
		{8388607, "03ffff7f"},        //
		{8388608, "0400008000"},      // a sign byte
		{0x7fffffff, "04ffffff7f"},   //
		{0x80000000, "050000008000"}, //
		{0xffffffff, "05ffffffff00"}, //
	}
	for _, tt := range tests {
		if got := hex.EncodeToString(heightPush(tt.height)); got != tt.want {
			t.Errorf("heightPush(%d) = %s, want %s", tt.height, got, tt.want)
		}
	}
}

func TestSplit(t *testing.T) {
	for _, height := range []uint32{0, 1, 16, 17, 127, 128, 702861, 8388607} {
		for _, size := range []int{1, 4, 12, 32, 75, 76} {
			c := Coinbase{Height: height, ExtranonceSize: size, Tag: "/gominer/", Outputs: payout(50 * coin)}
			prefix, suffix, err := c.Split()
			if err != nil {
				t.Fatalf("height %d, extranonce %d: %v", height, size, err)
			}
			extranonce := bytes.Repeat([]byte{0xab}, size)
			b := append(append(bytes.Clone(prefix), extranonce...), suffix...)
			tx, err := ParseTx(b)
			if err != nil {
				t.Fatalf("height %d, extranonce %d: %v", height, size, err)
			}
			if !tx.IsCoinbase() || len(tx.Out) != 1 || tx.Out[0].Value != 50*coin {
				t.Errorf("height %d, extranonce %d: %+v", height, size, tx)
			}
			if got, ok := tx.CoinbaseHeight(); !ok || got != height {
				t.Errorf("height %d, extranonce %d: reads as height %d, %v", height, size, got, ok)
			}
			if !bytes.Contains(tx.In[0].Script, extranonce) {
				t.Errorf("height %d: script %x has not the extranonce", height, tx.In[0].Script)
			}
			if got := tx.CoinbaseText(); !strings.Contains(got, "/gominer/") {
				t.Errorf("height %d: text %q", height, got)
			}
			// BIP54
			if want := max(height, 1) - 1; tx.LockTime != want || tx.In[0].Sequence == 0xffffffff {
				t.Errorf("height %d: lock time %d, sequence %x", height, tx.LockTime, tx.In[0].Sequence)
			}
		}
	}
}

// TestSplitBytes pins the whole form, made by hand.
func TestSplitBytes(t *testing.T) {
	c := Coinbase{Height: 702861, Aux: []byte{0x01, 0x62}, ExtranonceSize: 8, Tag: "tag", Outputs: payout(1)}
	prefix, suffix, err := c.Split()
	if err != nil {
		t.Fatal(err)
	}
	wantPrefix := "02000000" + "01" + strings.Repeat("00", 32) + "ffffffff" + "13" + "038db90a" + "0162" + "08"
	wantSuffix := "03746167" + "feffffff" + "01" + "0100000000000000" + "16" + "0014" + strings.Repeat("00", 20) + "8cb90a00"
	if got := hex.EncodeToString(prefix); got != wantPrefix {
		t.Errorf("prefix %s\n  want %s", got, wantPrefix)
	}
	if got := hex.EncodeToString(suffix); got != wantSuffix {
		t.Errorf("suffix %s\n  want %s", got, wantSuffix)
	}
}

func TestSplitLimits(t *testing.T) {
	tests := []struct {
		name string
		c    Coinbase
		want string // "": accepted
	}{
		{"no outputs", Coinbase{Height: 20, ExtranonceSize: 8}, "without an output"},
		{"one byte", Coinbase{Height: 1, Outputs: payout(1)}, "at least 2"},
		{"two bytes", Coinbase{Height: 17, Outputs: payout(1)}, ""},
		{"100 bytes", Coinbase{Height: 17, ExtranonceSize: 8, Tag: strings.Repeat("x", 87), Outputs: payout(1)}, ""},
		{"101 bytes", Coinbase{Height: 17, ExtranonceSize: 8, Tag: strings.Repeat("x", 88), Outputs: payout(1)}, "shorten the tag by 1"},
		{"huge tag", Coinbase{Height: 17, ExtranonceSize: 8, Tag: strings.Repeat("x", 300), Outputs: payout(1)}, "at most 100"},
		{"huge extranonce", Coinbase{Height: 17, ExtranonceSize: 1 << 40, Outputs: payout(1)}, "extranonce"},
		{"negative extranonce", Coinbase{Height: 17, ExtranonceSize: -1, Outputs: payout(1)}, "extranonce"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := tt.c.Split()
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestCoinbaseHeightRefuses(t *testing.T) {
	for _, script := range []string{"", "01", "0310", "0100", "0101", "0110", "020100", "0181", "04ffff001d", "4f", "61", "4c0111"} {
		tx := Tx{In: []TxIn{{Prev: OutPoint{Index: 0xffffffff}, Script: unhex(t, script)}}}
		if h, ok := tx.CoinbaseHeight(); ok {
			t.Errorf("script %s reads as height %d", script, h)
		}
	}
	tx := Tx{In: []TxIn{{Script: []byte{0x51}}}}
	if h, ok := tx.CoinbaseHeight(); ok || tx.CoinbaseText() != "" {
		t.Errorf("a spend reads as height %d", h)
	}
}

func TestCommitment(t *testing.T) {
	var want hasher.Hash
	for i := range want {
		want[i] = byte(i)
	}
	tx := Tx{Out: []TxOut{
		{Script: CommitmentScript(hasher.Hash{})},
		{Script: append(CommitmentScript(want), 0xff)}, // the last counts, more may follow it
		{Script: CommitmentScript(hasher.Hash{1})[:37]},
		{Script: nil},
	}}
	if got, ok := tx.Commitment(); !ok || got != want {
		t.Errorf("Commitment() = %v, %v, want %v", got, ok, want)
	}
	tx.Out = tx.Out[2:]
	if got, ok := tx.Commitment(); ok {
		t.Errorf("Commitment() = %v without one", got)
	}
}
