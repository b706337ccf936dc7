package asic

import (
	"fmt"
	"math/bits"
	"time"

	"gominer/hasher"
	"gominer/miner"
)

const (
	// keptJobs is how many jobs can be answered late. Chips have up to 32 ids in
	// turn.
	keptJobs = 32

	// triedJobs is how many of the latest jobs a nonce without an id is tried on,
	// and how many of the same id: an answer may have been on its way when the
	// next jobs were sent, or waited for a pool that takes shares slowly.
	triedJobs = 8

	// keptHashes is how many of the latest nonces are known again.
	keptHashes = 1024

	// errorWindow is how many nonces are judged together; more than wrongMost that
	// are wrong among them are too many.
	errorWindow = 64
	wrongMost   = 16

	// silentAfter is how many nonces a chip must be behind the others on average
	// to be silent: less than once in 10⁸ is that chance.
	silentAfter = 20
)

// judge knows the latest jobs and how each chip does.
type judge struct {
	jobs  [keptJobs]job          // a ring
	sent  int                    // jobs so far
	chips []miner.ChipHealth     // what is known of each
	told  uint64                 // right nonces whose chip is known
	said  []uint64               // told, when each chip was last right
	all   uint64                 // right nonces
	seen  map[hasher.Hash]uint64 // when, by all
	ring  [keptHashes]hasher.Hash

	judged, wrong int // in this window
	noise         int // bytes that were garbage, in all
	last          time.Time
}

func newJudge(c *chain, now time.Time) *judge {
	return &judge{
		chips: make([]miner.ChipHealth, c.chips), said: make([]uint64, c.chips),
		seen: make(map[hasher.Hash]uint64, keptHashes), last: now,
	}
}

// add remembers a job that was sent.
func (g *judge) add(j *job) {
	g.jobs[g.sent%keptJobs] = *j
	g.sent++
}

// newest returns the job that was sent last.
func (g *judge) newest() *job { return &g.jobs[(g.sent-1)%keptJobs] }

// verdict is what became of a nonce.
type verdict struct {
	job       *job // nil: of none that is known
	version   uint32
	hash      hasher.Hash
	right     bool // the chips may say it
	duplicate bool
}

// nonce judges r.
func (g *judge) nonce(r *reply, now time.Time) (v verdict) {
	tried := 0
	for i := g.sent - 1; i >= 0 && i > g.sent-1-keptJobs && tried < triedJobs && !v.right; i-- {
		j := &g.jobs[i%keptJobs]
		if r.id != noID && j.id != r.id || r.index >= j.count {
			continue
		}
		tried++
		version := j.version(r.index) | r.roll
		h := j.work.Header
		h.SetVersion(version)
		h.SetNonce(r.nonce)
		hash := h.Hash()
		if right := zeros(&hash) >= j.bits; right || v.job == nil {
			v = verdict{job: j, version: version, hash: hash, right: right}
		}
	}
	g.judged++
	var chip miner.ChipHealth // that is not known
	c := &chip
	if r.chip >= 0 && r.chip < len(g.chips) {
		c = &g.chips[r.chip]
	}
	switch {
	case !v.right:
		c.Errors++
		g.wrong++
	case g.before(&v.hash):
		c.Duplicates++
		v.duplicate = true
	default:
		c.Nonces++
		c.Silent = false
		g.all++
		g.last = now
		if c != &chip {
			g.told++
			g.said[r.chip] = g.told
		}
	}
	return v
}

// before reports whether h is one of the latest, and remembers it.
func (g *judge) before(h *hasher.Hash) bool {
	if _, ok := g.seen[*h]; ok {
		return true
	}
	i := g.all % keptHashes
	delete(g.seen, g.ring[i])
	g.ring[i] = *h
	g.seen[*h] = g.all
	return false
}

// err returns why the chips can't be trusted, nil while they can.
func (g *judge) err() error {
	if g.wrong > wrongMost {
		return fmt.Errorf("%w: %d of %d nonces are wrong", errErrs, g.wrong, g.judged)
	}
	if g.judged >= errorWindow {
		g.judged, g.wrong = 0, 0
	}
	return nil
}

// silent marks the chips that say nothing while the others do, and returns those
// that just became so.
func (g *judge) silent() (chips []int) {
	if len(g.chips) < 2 {
		return nil
	}
	for i := range g.chips {
		c := &g.chips[i]
		if !c.Silent && g.told-g.said[i] > silentAfter*uint64(len(g.chips)) {
			c.Silent = true
			chips = append(chips, i)
		}
	}
	return chips
}

// zeros returns the zero bits that h begins with, as people write it.
func zeros(h *hasher.Hash) int {
	n := 0
	for i := len(h) - 1; i >= 0; i-- {
		if h[i] != 0 {
			return n + bits.LeadingZeros8(h[i])
		}
		n += 8
	}
	return n
}
