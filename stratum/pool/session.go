package pool

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
	"sync"
	"time"

	"gominer/hasher"
)

const (
	extranonce1Size = 4 // bytes

	sessionKept  = 10 * time.Minute // for a client that comes back
	sessionsKept = 4096             // without a connection
	jobsResumed  = 4                // of a session without a connection; each holds a template
	extranonces  = 16               // of one session; jobs of older ones are not found

	seenPerGeneration = 1 << 15 // shares; the last one to two times as many are remembered
)

// session is an extranonce1, which may change, and what was found under it. It
// outlives its connection for a while.
type session struct {
	id string // what the client resumes it with

	// Guarded by sessions.mu.
	extranonces [][]byte // that its jobs may have; the last is that of the next one
	conns       int
	left        time.Time // when conns became 0

	mu        sync.Mutex // guards the rest
	epoch     uint64     // of the shares in seen
	seen, old map[hasher.Hash]struct{}
	jobs      []sentJob // that the last connection may still have had shares of
}

// keep holds on to the latest of jobs for the connection that resumes s.
func (s *session) keep(jobs []sentJob) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.jobs = slices.Clone(jobs[max(0, len(jobs)-jobsResumed):])
}

// resume returns what was kept, once.
func (s *session) resume() []sentJob {
	s.mu.Lock()
	defer s.mu.Unlock()
	jobs := s.jobs
	s.jobs = nil
	return jobs
}

// first reports whether the header hash was not found before in this session,
// and remembers it.
func (s *session) first(epoch uint64, h hasher.Hash) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if epoch > s.epoch || s.seen == nil { // late shares may still come of the one before
		s.epoch, s.seen, s.old = epoch, make(map[hasher.Hash]struct{}), s.seen
	}
	if _, ok := s.seen[h]; ok {
		return false
	}
	if _, ok := s.old[h]; ok {
		return false
	}
	if len(s.seen) >= seenPerGeneration {
		s.seen, s.old = make(map[hasher.Hash]struct{}), s.seen
	}
	s.seen[h] = struct{}{}
	return true
}

// sessions hands out extranonces.
type sessions struct {
	fixed []byte // the extranonce1 of everybody; nil: each has its own

	mu     sync.Mutex // guards the rest
	next   uint32
	idle   int // sessions without a connection
	pruned time.Time
	byID   map[string]*session
	byEn   map[string]*session
}

func newSessions(fixed []byte) *sessions {
	s := &sessions{fixed: fixed, byID: make(map[string]*session), byEn: make(map[string]*session)}
	var b [4]byte
	rand.Read(b[:]) // never fails
	s.next = binary.BigEndian.Uint32(b[:])
	return s
}

var errExtranonces = errors.New("every extranonce1 is in use")

// attach returns the session that a client asks to resume, if nobody is in it,
// and else a new one.
func (s *sessions) attach(id string, now time.Time) (*session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fixed != nil {
		return s.shared(), nil
	}
	if old := s.byID[id]; old != nil && old.conns == 0 {
		old.conns = 1
		s.idle--
		return old, nil
	}
	s.prune(now)
	en, err := s.free()
	if err != nil {
		return nil, err
	}
	return s.add(en), nil
}

// free returns an extranonce1 that nobody has.
func (s *sessions) free() ([]byte, error) {
	en := make([]byte, extranonce1Size)
	for range sessionsKept + len(s.byEn) + 1 {
		binary.BigEndian.PutUint32(en, s.next)
		s.next++
		if s.byEn[string(en)] == nil {
			return en, nil
		}
	}
	return nil, errExtranonces
}

// renew gives a session another extranonce1. Where it has had many, the oldest,
// gone, is no longer its own. Both are nil if the extranonce1 cannot change.
func (s *sessions) renew(n *session) (en, gone []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fixed != nil {
		return nil, nil
	}
	en, err := s.free()
	if err != nil {
		return nil, nil
	}
	s.byEn[string(en)] = n
	n.extranonces = append(n.extranonces, en)
	if len(n.extranonces) > extranonces {
		gone, n.extranonces = n.extranonces[0], n.extranonces[1:]
		delete(s.byEn, string(gone))
	}
	return en, gone
}

// extranonce1 returns that of a session's next job.
func (s *sessions) extranonce1(n *session) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return n.extranonces[len(n.extranonces)-1]
}

// shared returns the one session of a fixed extranonce1.
func (s *sessions) shared() *session {
	if old := s.byEn[string(s.fixed)]; old != nil {
		if old.conns++; old.conns == 1 {
			s.idle--
		}
		return old
	}
	return s.add(s.fixed)
}

func (s *sessions) add(extranonce1 []byte) *session {
	var b [8]byte
	rand.Read(b[:]) // never fails
	n := &session{id: hex.EncodeToString(b[:]), extranonces: [][]byte{extranonce1}, conns: 1}
	s.byID[n.id] = n
	s.byEn[string(extranonce1)] = n
	return n
}

// detach says that a connection has left its session.
func (s *sessions) detach(old *session, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old.conns--; old.conns == 0 {
		old.left = now
		s.idle++
	}
}

// drop says that the only connection of a session has left it, and that nobody
// will come back to it.
func (s *sessions) drop(old *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old.conns--; old.conns > 0 { // of the fixed one
		return
	}
	delete(s.byID, old.id)
	for _, en := range old.extranonces {
		delete(s.byEn, string(en))
	}
}

// prune forgets, once in a while, the sessions that nobody came back to; all of
// them if there are too many.
func (s *sessions) prune(now time.Time) {
	if s.idle <= sessionsKept && now.Sub(s.pruned) < sessionKept {
		return
	}
	s.pruned = now
	all := s.idle > sessionsKept
	for _, n := range s.byID {
		if n.conns == 0 && (all || now.Sub(n.left) > sessionKept) {
			delete(s.byID, n.id)
			for _, en := range n.extranonces {
				delete(s.byEn, string(en))
			}
			s.idle--
		}
	}
}
