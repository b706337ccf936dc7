package miner

import (
	"math/bits"
	"sync/atomic"

	"gominer/hasher"
)

// Job is what a source wants mined. It never changes once published; its
// identity is its pointer.
type Job struct {
	ID          string        // the source's name for it
	Version     uint32        // header version, as the source preset it
	VersionMask uint32        // header version bits that a device may roll; 0: none
	PrevHash    hasher.Hash   // wire order
	Coinbase    *Coinbase     // nil: Root is fixed (V2 standard channel)
	Root        hasher.Hash   // merkle root in wire order, where Coinbase is nil
	NTime       uint32        // Unix seconds; the least header time allowed
	Bits        hasher.Bits   // network target
	Target      hasher.Target // share target
	Clean       bool          // all earlier work is worthless
	Height      uint32        // of the block to be found; 0: unknown

	// For people alone.
	Value        uint64 // satoshis that the coinbase pays in all; 0: unknown
	Transactions int    // in the block, the coinbase included; 0: unknown
}

// Coinbase is the coinbase transaction in parts, around the extranonces:
// Prefix ‖ Extranonce1 ‖ extranonce2 ‖ Suffix, serialized without witness.
type Coinbase struct {
	Prefix, Suffix  []byte        // V1 coinb1, coinb2
	Extranonce1     []byte        // V2 extranonce_prefix
	Extranonce2Size int           // bytes; at most 8 are rolled, the rest are zeros on the left
	Branch          []hasher.Hash // merkle path, leaf to root, wire order
}

// free returns the version bits that are rolled. Those of the mask that the source
// preset stay as they are: sources don't agree on how to say that they were taken
// away.
func (j *Job) free() uint32 { return j.VersionMask &^ j.Version }

// Versions returns how many versions a device may try on each header of the job:
// 2 to the number of bits in the mask that are not preset.
func (j *Job) Versions() uint64 { return 1 << bits.OnesCount32(j.free()) }

// RolledVersion returns the i-th of the job's versions, i below Versions. The
// 0th is the one that the source preset; the others have more bits of the mask.
func (j *Job) RolledVersion(i uint64) uint32 {
	v := j.Version
	for n, m := 0, j.free(); m != 0; n, m = n+1, m&(m-1) {
		if i>>n&1 != 0 {
			v |= m & -m
		}
	}
	return v
}

// tip is what work is good for: all work since the last clean job of one
// session. It dies once, when the next clean job comes or the session ends.
type tip struct {
	session *Session
	over    atomic.Bool // the session has ended; set before dead
	dead    atomic.Bool
	done    chan struct{}
	leases  []*lease // one for each device; guarded by the generator's lock
}

// lease is what one device's work on a tip is good for. It dies with the tip, or
// alone when the device is paused: the shares found until then still count.
type lease struct {
	tip  *tip
	dead atomic.Bool
	done chan struct{}
}

func newTip(s *Session, devices int) *tip {
	t := &tip{session: s, done: make(chan struct{}), leases: make([]*lease, devices)}
	for i := range t.leases {
		t.leases[i] = newLease(t)
	}
	return t
}

func newLease(t *tip) *lease { return &lease{tip: t, done: make(chan struct{})} }

// kill is called with the generator's lock held, at most once.
func (t *tip) kill() {
	t.dead.Store(true)
	close(t.done)
	for _, l := range t.leases {
		l.kill()
	}
}

// renew ends the work of one device, and gives it a new lease. It is called with
// the generator's lock held.
func (t *tip) renew(device int) {
	t.leases[device].kill()
	t.leases[device] = newLease(t)
}

// kill is called with the generator's lock held.
func (l *lease) kill() {
	if !l.dead.Swap(true) {
		close(l.done)
	}
}
