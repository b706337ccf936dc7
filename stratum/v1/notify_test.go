package v1

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"gominer/hasher"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// mainnetJob is a block as the job it would have been; see testdata/README.md.
type mainnetJob struct {
	Height       int             `json:"height"`
	BlockHash    string          `json:"block_hash"`
	Header       string          `json:"header"`
	Notify       json.RawMessage `json:"notify"`
	Extranonce1  string          `json:"extranonce1"`
	Extranonce2  string          `json:"extranonce2"`
	WinningNTime string          `json:"winning_ntime"`
	WinningNonce string          `json:"winning_nonce"`
}

func (j *mainnetJob) line(t testing.TB) []byte {
	t.Helper()
	b, err := Append(nil, &Unknown{Name: "mining.notify", Params: j.Notify})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mainnetJobs(t testing.TB) []mainnetJob {
	t.Helper()
	b, err := os.ReadFile("testdata/mainnet-jobs.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Jobs []mainnetJob }
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Jobs) == 0 {
		t.Fatal("no jobs")
	}
	return file.Jobs
}

// realNotify returns the line of a job with a branch of twelve hashes.
func realNotify(t testing.TB) []byte {
	jobs := mainnetJobs(t)
	return jobs[len(jobs)-1].line(t)
}

// A job and a share of it, put together by hand, give the block that the chain
// holds: so every byte order is right.
func TestNotifyMainnet(t *testing.T) {
	for _, j := range mainnetJobs(t) {
		m, err := Parse(j.line(t), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		n := m.(*Notify)

		submit := `{"id":1,"method":"mining.submit","params":["w","j","` + j.Extranonce2 + `","` + j.WinningNTime + `","` + j.WinningNonce + `"]}`
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
		if err != nil || string(back) != string(j.line(t)) {
			t.Errorf("block %d: written back as %s, %v\nwant %s", j.Height, back, err, j.line(t))
		}
	}
}
