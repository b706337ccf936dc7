// Package mainnet holds four blocks of Bitcoin's main chain (0, 277647, 413567
// and 702861) as the Stratum V1 jobs that they would have had, with what won.
// It is for tests: whoever gets a byte order wrong does not find these blocks.
//
// jobs.json was derived from the public block chain, out of serialized blocks
// that stand in the test data of Bitcoin Core, btcd and rust-bitcoin. Each
// coinbase is cut inside its scriptSig, so that coinb1, extranonce1, extranonce2
// and coinb2 in a row are its bytes.
package mainnet

import (
	_ "embed"
	"encoding/json"
	"fmt"
)

// Job is a block as a job. All hex is as Stratum V1 writes it.
type Job struct {
	Height      uint32
	BlockHash   string            `json:"block_hash"` // as explorers show it
	Header      string            // 80 bytes in hex, with the winning nonce
	Notify      []json.RawMessage // the nine params of mining.notify
	Extranonce1 string
	Extranonce2 string
	NTime       string `json:"winning_ntime"`
	Nonce       string `json:"winning_nonce"`
}

//go:embed jobs.json
var jobs []byte

// Jobs returns the four jobs, lowest height first.
func Jobs() []Job {
	var file struct{ Jobs []Job }
	if err := json.Unmarshal(jobs, &file); err != nil || len(file.Jobs) != 4 {
		panic(fmt.Sprintf("mainnet: jobs.json has %d jobs, want 4: %v", len(file.Jobs), err))
	}
	return file.Jobs
}

// Params returns Notify as one JSON array.
func (j *Job) Params() json.RawMessage {
	b, err := json.Marshal(j.Notify)
	if err != nil {
		panic(err) // it was read from JSON
	}
	return b
}
