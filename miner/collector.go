package miner

import (
	"context"
	"errors"
	"slices"
	"time"

	"gominer/hasher"
)

// Verdict is what the collector makes of a nonce that a device reported.
type Verdict int

// The verdicts, in the order in which they are looked for.
const (
	HardwareError Verdict = iota // the hash is not what the device claimed
	Duplicate                    // reported before
	AboveTarget                  // right, but above the share target: a sign of health
	Stale                        // a share of a job that was cleaned, and no block: that may win yet
	Good                         // a share
)

// ErrStale is what a source reports, wrapped with the why, for a share that it
// did not send because nothing can come of it any more. It counts as stale, not
// as lost.
var ErrStale = errors.New("stale")

// collect judges candidates one after the other: the one place that decides what
// is a share. It ends when found is closed.
func (m *Miner) collect(ctx context.Context) {
	seen := recent{at: make(map[hasher.Hash]struct{}, rememberHashes)}
	for f := range m.found {
		sh, verdict := judge(&f, &seen, m.cfg.SubmitStale)
		m.ledger.verdict(f.work.lease.tip.session.name, &sh, verdict)
		switch verdict {
		case Good:
			m.deliver(ctx, f.work.lease.tip, sh)
		case HardwareError:
			m.logHardwareError(f.device, f.nonce)
		case Stale, Duplicate:
			m.logDropped(&sh, verdict)
		}
	}
}

// judge hashes the candidate with crypto/sha256 and says what it is.
func judge(f *found, seen *recent, submitStale bool) (Share, Verdict) {
	w := &f.work
	h := w.Header
	h.SetVersion(f.version)
	h.SetNonce(f.nonce)
	sh := Share{
		Job: w.Job, Extranonce2: w.Extranonce2, Version: f.version, NTime: h.Time(), Nonce: f.nonce,
		Hash: h.Hash(), Device: f.device, Found: f.at,
	}
	mask := w.Job.VersionMask
	switch {
	case sh.Hash.Top() > w.Limit,
		f.version&^mask != w.Job.Version&^mask,
		uint64(f.nonce-w.First) >= w.Count:
		return sh, HardwareError
	case seen.before(sh.Hash):
		return sh, Duplicate
	case !w.Job.Target.Meets(&sh.Hash):
		return sh, AboveTarget
	}
	if network, err := w.Job.Bits.Target(); err == nil {
		sh.Block = network.Meets(&sh.Hash)
	}
	if w.lease.tip.dead.Load() && !sh.Block && !submitStale && !w.lease.tip.kept() {
		return sh, Stale
	}
	return sh, Good
}

// kept reports whether what is found on a dead tip is of use after all: nothing
// replaced its job, its session is over, and the source goes on with it.
func (t *tip) kept() bool {
	if !t.over.Load() {
		return false
	}
	_, keeps := t.session.src.(Keeper)
	return keeps
}

// deliver hands sh to the session that its job came from, and to no other. It
// waits while that session is slow, until the share is worth nothing. A block
// goes before what waits.
func (m *Miner) deliver(ctx context.Context, t *tip, sh Share) {
	s := t.session
	sh.session = s
	s.pulse.owes(time.Now())
	if sh.Block {
		var behind bool
		if sh, behind = s.putFirst(sh); !behind {
			return
		}
	}
	select {
	case s.shares <- sh: // also after ctx has ended, while there is room
	default:
		stale := t.done
		if m.cfg.SubmitStale || sh.Block {
			stale = nil
		}
		select {
		case s.shares <- sh:
		case <-stale:
			s.pulse.settled()
			m.ledger.verdict(s.name, &sh, Stale)
			m.logDropped(&sh, Stale)
			return
		case <-s.done:
			s.late(sh)
			return
		case <-ctx.Done():
			s.late(sh)
			return
		}
	}
	s.recheck()
}

// recheck looks after shares that came too late for end to see them.
func (s *Session) recheck() {
	select {
	case <-s.done:
		s.drain()
	default:
	}
}

// putFirst puts a block before the shares that wait, behind other blocks. If
// there is no room for all, it returns the share that is left over. Only the
// collector puts shares into the queue.
func (s *Session) putFirst(block Share) (over Share, left bool) {
	defer s.recheck()
	var waiting []Share
	for more := true; more; {
		select {
		case sh := <-s.shares:
			waiting = append(waiting, sh)
		default:
			more = false
		}
	}
	first := 0
	for first < len(waiting) && waiting[first].Block {
		first++
	}
	for i, sh := range slices.Insert(waiting, first, block) {
		if i == cap(s.shares) {
			return sh, true
		}
		s.shares <- sh
	}
	return over, false
}

// recent remembers the latest hashes.
type recent struct {
	at   map[hasher.Hash]struct{}
	ring [rememberHashes]hasher.Hash
	n    int
}

// rememberHashes spans minutes of candidates at difficulty 1 on any CPU or USB
// device, and a second of them at the difficulties of test pools.
const rememberHashes = 8192

// before reports whether h was asked for among the latest, and remembers it.
func (r *recent) before(h hasher.Hash) bool {
	if _, ok := r.at[h]; ok {
		return true
	}
	if r.n >= len(r.ring) {
		delete(r.at, r.ring[r.n%len(r.ring)])
	}
	r.ring[r.n%len(r.ring)] = h
	r.n++
	r.at[h] = struct{}{}
	return false
}
