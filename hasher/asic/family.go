package asic

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gominer/hasher"
	"gominer/miner"
)

// family is how one family of chips is spoken to. One goroutine calls it, so it
// needs no locks. It outlives a line: each begins with bringUp.
type family interface {
	// bringUp finds the chips on a line that was just opened and reset, and gets
	// them ready for work. It may take seconds.
	bringUp(ctx context.Context, l *line) (chain, error)

	// encode appends to dst what gives the chips j. It sets j.id, may lower j.count,
	// and returns how long it is until they must have the next job.
	encode(dst []byte, j *job) (b []byte, lasts time.Duration)

	// scan returns the first reply in b and its length; what is not a reply counts
	// as one of its own, garbage. A length of 0 means that more bytes are needed.
	scan(b []byte) (r reply, n int)

	// tend is called every chain.tend: it polls registers, whose values come by
	// scan, and fills in what it knows of h.
	tend(l *line, h *miner.Health) error
}

// chain is what bringUp has found.
type chain struct {
	model    string        // what the chips say they are, for people
	chips    int           // in the chain
	rate     float64       // of all of them by their clock, H/s
	bits     int           // zero bits that the hash of every nonce they report has, unless job.bits says fewer
	versions uint64        // of a header that one job takes at most; a power of two
	rests    bool          // they stop at the first nonce
	quiet    time.Duration // part of a reply is garbage when nothing more comes for so long; 0: never
	tend     time.Duration // 0: never
}

// job is what the chips are given at once: a header, under count of its versions.
type job struct {
	work  miner.Work
	first uint64 // of the versions, as miner.Job.RolledVersion numbers them
	count uint64 // a power of two
	bits  int    // zero bits that the hashes of its nonces have: chain.bits, unless encode lowers it
	id    int    // as replies name it; noID where they don't
}

// noID is the id of jobs whose chips know none, and of their replies.
const noID = -1

// version returns the i-th of the job's versions.
func (j *job) version(i uint64) uint32 { return j.work.Job.RolledVersion(j.first + i) }

// header returns the job's header with the i-th of its versions; the nonce is 0.
func (j *job) header(i uint64) hasher.Header {
	h := j.work.Header
	h.SetVersion(j.version(i))
	return h
}

// kind is what a reply is.
type kind int

const (
	garbage kind = iota // not a reply
	nonce
	register // or anything else that the family looks after itself
)

// reply is one message of the chips.
type reply struct {
	kind kind

	// Of a nonce.
	id    int    // of the job; noID: one of the latest
	index uint64 // of the version, in the job
	roll  uint32 // bits of the version that the chip set by itself
	nonce uint32 // as the header has it: bytes 76-79 little-endian
	chip  int    // from 0; below where it can't be told
}

// Why a device fails.
var (
	errErrs   = errors.New("errs too much")
	errLost   = errors.New("the line is gone: unplugged?")
	errSilent = errors.New("says nothing any more: it is reset")
)

// noAnswer is the error of a bring-up that nothing came of.
func noAnswer(asked string) error {
	return fmt.Errorf("nothing answers to %s: is it this chip, has the board power, does another port lead to it?", asked)
}
