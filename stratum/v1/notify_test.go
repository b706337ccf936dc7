package v1

import (
	"encoding/hex"
	"testing"

	"gominer/hasher"
	"gominer/internal/mainnet"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// line returns the notify of a job of the main chain.
func line(t testing.TB, j *mainnet.Job) []byte {
	t.Helper()
	b, err := Append(nil, &Unknown{Name: "mining.notify", Params: j.Params()})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// realNotify returns the line of a job with a branch of twelve hashes.
func realNotify(t testing.TB) []byte {
	jobs := mainnet.Jobs()
	return line(t, &jobs[len(jobs)-1])
}

// A job and a share of it, put together by hand, give the block that the chain
// holds: so every byte order is right.
func TestNotifyMainnet(t *testing.T) {
	for _, j := range mainnet.Jobs() {
		m, err := Parse(line(t, &j), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		n := m.(*Notify)

		submit := `{"id":1,"method":"mining.submit","params":["w","j","` + j.Extranonce2 + `","` + j.NTime + `","` + j.Nonce + `"]}`
		m, err = Parse([]byte(submit), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		s := m.(*Submit)

		coinbase := append(append([]byte{}, n.Coinb1...), unhex(t, j.Extranonce1)...)
		coinbase = append(append(coinbase, s.Extranonce2...), n.Coinb2...)
		root := hasher.DoubleSum(coinbase)
		for _, h := range n.Branch {
			root = hasher.DoubleSum(append(root[:], h[:]...))
		}
		var h hasher.Header
		h.SetVersion(n.Version)
		h.SetPrevHash(n.PrevHash)
		h.SetMerkleRoot(root)
		h.SetTime(s.NTime)
		h.SetBits(n.Bits)
		h.SetNonce(s.Nonce)
		if got := hex.EncodeToString(h[:]); got != j.Header {
			t.Errorf("block %d: header %s\nwant %s", j.Height, got, j.Header)
		}
		if got := h.Hash().String(); got != j.BlockHash {
			t.Errorf("block %d: hash %s, want %s", j.Height, got, j.BlockHash)
		}

		back, err := Append(nil, n)
		if err != nil || string(back) != string(line(t, &j)) {
			t.Errorf("block %d: written back as %s, %v\nwant %s", j.Height, back, err, line(t, &j))
		}
	}
}
