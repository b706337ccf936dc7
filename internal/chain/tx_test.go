package chain

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const (
	genesisTx = "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff4d04ffff001d0104455468652054696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e206272696e6b206f66207365636f6e64206261696c6f757420666f722062616e6b73ffffffff0100f2052a01000000434104678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac00000000"

	// BIP143's signed P2WPKH example: two inputs, one of them with a witness.
	segwitTx = "01000000000102fff7f7881a8099afa6940d42d1e7f6362bec38171ea3edf433541db4e4ad969f00000000494830450221008b9d1dc26ba6a9cb62127b02742fa9d754cd3bebf337f7a55d114c8e5cdd30be022040529b194ba3f9281a99f2b1c0a19c0489bc22ede944ccf4ecbab4cc618ef3ed01eeffffffef51e1b804cc89d182d279655c3aa89e815b1b309fe287d9b2b55d57b90ec68a0100000000ffffffff02202cb206000000001976a9148280b37df378db99f66f85c95a783a76ac7a6d5988ac9093510d000000001976a9143bde42dbee7e4dbe6a21b2d50ce2f0167faa815988ac000247304402203609e17b84f6a7d30c80bfa610b5b4542f32a8a0d5447a12fb1366d7f01cc44a0220573a954c4518331561406f90300e8f3358f51928d43c212a8caed02de67eebee0121025476c2e83188368da1ff3e292e7acafcdb3566bb0ad253f62fc70f07aeee635711000000"
)

func TestParseTx(t *testing.T) {
	tests := []struct {
		name, tx    string
		txid, wtxid string
		in, out     int
		witnessed   bool
	}{
		{"genesis", genesisTx, "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b",
			"4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b", 1, 1, false},
		{"BIP143 P2WPKH", segwitTx, "e8151a2af31c368a35053ddd4bdb285a8595c769a3ad83e0fa02314a602d4609",
			"c36c38370907df2324d9ce9d149d191192f338b37665a82e78e76a12c909b762", 2, 2, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tx, err := ParseTx(unhex(t, tt.tx))
			if err != nil {
				t.Fatal(err)
			}
			if len(tx.In) != tt.in || len(tx.Out) != tt.out || tx.hasWitness() != tt.witnessed {
				t.Errorf("%d inputs, %d outputs, witness %v; want %d, %d, %v", len(tx.In), len(tx.Out), tx.hasWitness(), tt.in, tt.out, tt.witnessed)
			}
			if got := hex.EncodeToString(tx.Bytes()); got != tt.tx {
				t.Errorf("Bytes() = %s, want %s", got, tt.tx)
			}
			if got := tx.TxID().String(); got != tt.txid {
				t.Errorf("TxID() = %s, want %s", got, tt.txid)
			}
			if got := tx.WTxID().String(); got != tt.wtxid {
				t.Errorf("WTxID() = %s, want %s", got, tt.wtxid)
			}
		})
	}
}

func TestParseTxTruncated(t *testing.T) {
	for _, s := range []string{genesisTx, segwitTx} {
		b := unhex(t, s)
		for n := range b {
			if _, err := ParseTx(b[:n]); err == nil {
				t.Fatalf("%d of %d bytes were taken for a transaction", n, len(b))
			}
		}
		if _, err := ParseTx(append(b, 0)); err == nil {
			t.Fatal("a byte behind the transaction was not noticed")
		}
	}
}

func TestParseTxRefuses(t *testing.T) {
	const (
		out  = "00f2052a0100000000" // 50 BTC to an empty script
		null = "0000000000000000000000000000000000000000000000000000000000000000ffffffff"
		in   = null + "00" + "ffffffff"
	)
	tests := []struct{ name, tx, want string }{
		{"empty", "", "EOF"},
		{"no inputs", "01000000" + "00" + "00" + "00000000", "no inputs"},
		{"no outputs", "01000000" + "01" + in + "00" + "00000000", "no outputs"},
		{"2^32 inputs", "01000000" + "ff0000000001000000" + in, "inputs cannot fit"},
		{"2^64-1 outputs", "01000000" + "01" + in + "ffffffffffffffffff" + out, "outputs cannot fit"},
		{"long script", "01000000" + "01" + null + "feffffff7f" + "00000000", "input script cannot fit"},
		{"long witness", "01000000" + "0001" + "01" + in + "01" + out + "feffffff7f" + "00000000", "witness items cannot fit"},
		{"long count", "01000000" + "fd0100" + in + "01" + out + "00000000", "shortest form"},
		{"long count, 4 bytes", "01000000" + "fe01000000" + in + "01" + out + "00000000", "shortest form"},
		{"long count, 8 bytes", "01000000" + "ff0100000000000000" + in + "01" + out + "00000000", "shortest form"},
		{"marker without a witness", "01000000" + "0001" + "01" + in + "01" + out + "00" + "00000000", "no input has a witness"},
		{"too much money", "01000000" + "01" + in + "01" + "0140075af0750700" + "00" + "00000000", "21 000 000"},
		{"negative", "01000000" + "01" + in + "01" + "ffffffffffffffff" + "00" + "00000000", "21 000 000"},
		{"huge", strings.Repeat("00", maxTx+1), "at most 4000000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tx, err := ParseTx(unhex(t, tt.tx))
			if err == nil {
				t.Fatalf("taken as %+v", tx)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q, want %q in it", err, tt.want)
			}
		})
	}
	if _, err := ParseTx(unhex(t, "01000000"+"01"+in+"01"+"0040075af0750700"+"00"+"00000000")); err != nil {
		t.Errorf("21 000 000 BTC are refused: %v", err)
	}
}

func FuzzParseTx(f *testing.F) {
	f.Add(unhex(f, genesisTx))
	f.Add(unhex(f, segwitTx))
	f.Add(unhex(f, "01000000ff0000000001000000"))
	f.Fuzz(func(t *testing.T, b []byte) {
		tx, err := ParseTx(b)
		if err != nil {
			return
		}
		if got := tx.Bytes(); !bytes.Equal(got, b) {
			t.Errorf("%x decodes and encodes to %x", b, got)
		}
		tx.CoinbaseHeight()
		tx.CoinbaseText()
		tx.Commitment()
		for _, out := range tx.Out {
			Address(out.Script, Mainnet)
		}
	})
}
