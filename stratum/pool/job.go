package pool

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"gominer/hasher"
	"gominer/internal/chain"
)

// job is a template cut for the pool's extranonces, at one time. It does not
// change.
type job struct {
	template       *Template
	epoch          uint64 // counts previous hashes: shares of earlier ones are stale
	time           uint32 // Unix seconds, the least that a share may have
	mask           uint32 // version bits that may be rolled; set by the pool
	prefix, suffix []byte // of the coinbase, around the extranonces
	network        hasher.Target
	difficulty     float64 // of network
}

// newJob cuts t around extranonces of size bytes in all. Its coinbase gets pad
// bytes that say nothing.
func newJob(t *Template, size, pad int) (*job, error) {
	j := &job{template: t, time: t.Time, prefix: t.Prefix, suffix: t.Suffix}
	var err error
	if j.network, err = t.Bits.Target(); err != nil {
		return nil, err
	}
	j.difficulty = j.network.Difficulty()
	if j.prefix == nil {
		c := t.Coinbase
		c.ExtranonceSize = size
		if pad > 0 {
			c.Outputs = append(slices.Clone(c.Outputs), chain.TxOut{Script: padding(pad)})
		}
		if j.prefix, j.suffix, err = c.Split(); err != nil {
			return nil, err
		}
	}
	return j, nil
}

// padding returns a script of size bytes or a few more that nobody can spend.
func padding(size int) []byte {
	const opReturn, opPushdata4 = 0x6a, 0x4e
	b := make([]byte, 6, size+6)
	b[0], b[1] = opReturn, opPushdata4
	binary.LittleEndian.PutUint32(b[2:], uint32(size))
	return append(b, make([]byte, size)...)
}

// leastCap is the difficulty from which on shares may not be harder than blocks:
// that of 16 hashes. Below it, as on regtest and simnet, where every second hash
// is a block, there would be nothing but blocks.
const leastCap = 16.0 / (1 << 32)

// cap brings a share difficulty down to the network's, above which miners would
// keep blocks to themselves.
func (j *job) cap(d float64) float64 {
	if j.difficulty < leastCap {
		return d
	}
	return min(d, j.difficulty)
}

// at returns the job with its time moved on by what has passed since its
// template came.
func (j *job) at(passed time.Duration) *job {
	again := *j
	if !j.template.TimeFixed && passed > 0 {
		again.time = j.template.Time + uint32(passed/time.Second)
	}
	return &again
}

// found is the header that a share stands for, built anew from the job.
type found struct {
	header   hasher.Header
	hash     hasher.Hash
	coinbase []byte
}

// build puts a share's coinbase, merkle root and header together and hashes
// them.
func (j *job) build(s *share) *found {
	f := &found{coinbase: make([]byte, 0, len(j.prefix)+len(s.extranonce1)+len(s.extranonce2)+len(j.suffix))}
	for _, part := range [][]byte{j.prefix, s.extranonce1, s.extranonce2, j.suffix} {
		f.coinbase = append(f.coinbase, part...)
	}
	root := hasher.DoubleSum(f.coinbase)
	root = chain.FoldBranch(root, j.template.Branch)
	f.header.SetVersion(s.version)
	f.header.SetPrevHash(j.template.PrevHash)
	f.header.SetMerkleRoot(root)
	f.header.SetTime(s.ntime)
	f.header.SetBits(j.template.Bits)
	f.header.SetNonce(s.nonce)
	f.hash = f.header.Hash()
	return f
}

// share is what a client sent, whatever the protocol.
type share struct {
	extranonce1, extranonce2 []byte
	version                  uint32 // of the header, with the rolled bits in it
	ntime                    uint32 // Unix seconds
	nonce                    uint32
}

const maxAhead = 7200 // seconds; nodes refuse blocks that are further ahead of their clock

// checkTime returns why a share cannot have its time, "" if it can. The time is
// as nodes want it: not before the template's, at most two hours ahead of the
// clock. Two hours are also what a client may add to the job's time. The job's
// own time is always right.
func (j *job) checkTime(ntime uint32, now time.Time) string {
	switch {
	case ntime == j.time:
		return ""
	case ntime < j.time:
		return fmt.Sprintf("ntime %08x is %d s before the job's", ntime, j.time-ntime)
	case int64(ntime) > int64(j.time)+maxAhead:
		return fmt.Sprintf("ntime %08x is %d s after the job's, at most %d are allowed", ntime, ntime-j.time, maxAhead)
	case int64(ntime) > now.Unix()+maxAhead:
		return fmt.Sprintf("ntime %08x is %d s ahead of the clock, at most %d are allowed", ntime, int64(ntime)-now.Unix(), maxAhead)
	}
	return ""
}

// checkExtranonce2 returns why an extranonce2 cannot be, "" if it can.
func checkExtranonce2(extranonce2 []byte, size int) string {
	if len(extranonce2) == size {
		return ""
	}
	return fmt.Sprintf("extranonce2 %s has %d bytes, want %d", hex.EncodeToString(extranonce2), len(extranonce2), size)
}
