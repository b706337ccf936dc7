package miner

import (
	"time"

	"gominer/hasher"
)

// Work is one header and a range of its nonces. A device owns the range, under
// every version that the job allows, until it has tried it or the work is stale.
// It is a plain value: copy it freely.
type Work struct {
	Job         *Job
	Extranonce2 uint64
	Header      hasher.Header // with the job's own version; nonce bytes are zero
	First       uint32        // first nonce
	Count       uint64        // nonces, 1 … 1<<32
	Limit       uint32        // report nonces whose hash's top 32 bits are at most this
	lease       *lease
}

// Stale reports whether w is to be given up: nothing found in it from now on is
// of use, or its device is paused. It costs one atomic load: ask between batches.
func (w *Work) Stale() bool { return w.lease.dead.Load() }

// Done returns a channel that is closed when w becomes stale, for devices that
// wait rather than poll.
func (w *Work) Done() <-chan struct{} { return w.lease.done }

// Share is a header that met its job's target.
type Share struct {
	Job         *Job
	Extranonce2 uint64
	Version     uint32 // header version, rolled bits included
	NTime       uint32 // Unix seconds
	Nonce       uint32
	Hash        hasher.Hash
	Block       bool // meets the network target too
	Device      int  // index in Snapshot.Devices
	Found       time.Time
	Sent        time.Time // when the source sent it, set by the source; zero: never
	session     *Session  // that it was handed to
}

// Header returns the header that was hashed, given the merkle root that its
// extranonce2 leads to.
func (s *Share) Header(root hasher.Hash) hasher.Header {
	var h hasher.Header
	h.SetVersion(s.Version)
	h.SetPrevHash(s.Job.PrevHash)
	h.SetMerkleRoot(root)
	h.SetTime(s.NTime)
	h.SetBits(s.Job.Bits)
	h.SetNonce(s.Nonce)
	return h
}

// Extranonce2Bytes returns v as it stands in the coinbase: size bytes, most
// significant first, zeros on the left.
func Extranonce2Bytes(v uint64, size int) []byte {
	return appendExtranonce2(make([]byte, 0, size), v, size)
}

func appendExtranonce2(b []byte, v uint64, size int) []byte {
	for i := size - 1; i >= 0; i-- {
		if i >= 8 {
			b = append(b, 0)
			continue
		}
		b = append(b, byte(v>>(8*i)))
	}
	return b
}
