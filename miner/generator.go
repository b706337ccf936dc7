package miner

import (
	"context"
	"crypto/sha256"
	"math"
	"slices"
	"sync"
	"time"

	"gominer/hasher"
)

// generator turns the newest job into work that was never handed out before.
//
// What rolls, in this order: versions (inside the device), nonce, extranonce2,
// ntime. Uniqueness rests on two memories. A counter for each extranonce1 gives
// every header its own extranonce2, across all jobs, until it has come round
// once: a lap. A space for each set of headers that share all but version,
// extranonce2, ntime and nonce remembers the latest ntime of earlier laps, and a
// later lap must use a later one. So a job which comes again with another id,
// target or mask goes on where it was, and a job without extranonce2 rolls ntime.
type generator struct {
	start     Start
	allowance uint32 // seconds

	mu       sync.Mutex
	mined    []*stream     // what is handed out
	order    []*stream     // of turns
	live     []*stream     // those with work out, mined or not
	changed  chan struct{} // closed when there may be work for who had none
	paused   []bool        // by device
	nonce    uint32        // the first of the next new header; start.Nonce, then 0
	buf      []byte
	created  uint64 // counters so far
	spaces   lru[[32]byte, *space]
	counters lru[string, *counter]
}

// front is what a session has to be mined, by one device or by all that have
// nothing of their own.
type front struct {
	job     *Job
	tip     *tip
	arrived time.Time // when job came first
	space   *space
	counter *counter
	header  hasher.Header // of the cursor in space, under job
	built   uint64        // space.rolls that header is of; 0: none
}

// counter is the extranonce2 under one extranonce1.
type counter struct {
	next uint64
	lap  uint64 // how often next has come round; no two counters share a lap
}

// space is a set of headers that differ in version, extranonce2, ntime and
// nonce alone.
type space struct {
	lap   uint64 // of the counter, when the space was last used
	used  bool
	floor uint32 // the latest ntime of earlier laps, if any was used
	late  bool   // floor holds
	top   uint32 // the latest ntime of all

	// The job last published here, and when it first was: a copy of it with
	// another target or mask doesn't start its time again.
	id    string
	base  uint32 // its ntime
	since time.Time

	// The header in use: nonces from next on are untried.
	extranonce2 uint64
	ntime       uint32
	next        uint64 // 1<<32: none left
	rolls       uint64 // headers so far
}

const (
	// rememberSpaces bounds memory under a flood of jobs. Only jobs with an
	// extranonce2 of fewer than 4 bytes ever need to be remembered for long.
	rememberSpaces = 1024
	// rememberCounters bounds it under a flood of extranonces.
	rememberCounters = 256

	nonces = 1 << 32

	whole = 0 // nonces to ask for: a header of one's own
)

func newGenerator(start Start, allowance uint32, devices int) *generator {
	return &generator{
		start:     start,
		allowance: allowance,
		nonce:     start.Nonce,
		changed:   make(chan struct{}),
		paused:    make([]bool, devices),
		spaces:    lru[[32]byte, *space]{most: rememberSpaces},
		counters:  lru[string, *counter]{most: rememberCounters},
	}
}

// publish makes j the newest job of s, for every device that has none of its
// own. A nil j ends all work of s.
func (g *generator) publish(s *Session, j *Job) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if j == nil {
		s.stream.fronts(func(f *front) { g.set(f, s, nil) })
		clear(s.stream.own)
	} else {
		g.set(&s.stream.shared, s, j)
	}
	g.wake()
}

// publishTo makes j the newest job of s for one device. With a nil j the device
// mines what the others do.
func (g *generator) publishTo(s *Session, device int, j *Job) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f := s.stream.own[device]
	switch {
	case f == nil && j == nil:
		return
	case f == nil:
		f = new(front)
		if s.stream.own == nil {
			s.stream.own = make(map[int]*front)
		}
		s.stream.own[device] = f
	case j == nil:
		delete(s.stream.own, device)
	}
	g.set(f, s, j)
	g.wake()
}

// end ends all work of s, for good.
func (g *generator) end(s *Session) {
	g.mu.Lock()
	s.stream.fronts(func(f *front) {
		if f.tip != nil {
			f.tip.over.Store(true)
		}
	})
	g.mu.Unlock()
	g.publish(s, nil)
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(g.live, &s.stream); i >= 0 {
		g.live = slices.Delete(g.live, i, i+1)
	}
}

// set makes j, of session s, the job of f. Called with mu held.
func (g *generator) set(f *front, s *Session, j *Job) {
	if f.tip != nil && (j == nil || j.Clean) {
		f.tip.kill()
		f.tip = nil
	}
	f.job, f.built = j, 0
	if j == nil {
		return
	}
	if f.tip == nil {
		f.tip = newTip(s, len(g.paused))
	}
	if st := &s.stream; !slices.Contains(g.live, st) {
		st.session = s
		g.live = append(g.live, st)
	}
	g.enter(f)
	f.arrived = f.space.arrival(j, time.Now())
}

// wake lets everybody who waits in next look again. Called with mu held.
func (g *generator) wake() {
	close(g.changed)
	g.changed = make(chan struct{})
}

// pause ends the device's work and gives it none until it is called with false.
func (g *generator) pause(device int, paused bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.paused[device] == paused {
		return
	}
	g.paused[device] = paused
	for _, st := range g.live {
		st.fronts(func(f *front) {
			if f.tip != nil {
				f.tip.renew(device)
			}
		})
	}
	g.wake()
}

// addDevice makes room for one more.
func (g *generator) addDevice() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.paused = append(g.paused, false)
	for _, st := range g.live {
		st.fronts(func(f *front) {
			if f.tip != nil {
				f.tip.leases = append(f.tip.leases, newLease(f.tip))
			}
		})
	}
}

// isPaused reports for every device whether it is paused.
func (g *generator) isPaused() []bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.paused)
}

// enter finds the space and the counter of f's job. Called with mu held.
func (g *generator) enter(f *front) {
	j := f.job
	h := sha256.New()
	h.Write(j.PrevHash[:])
	key := "" // all jobs with a fixed root share a counter: its laps are single headers
	if c := j.Coinbase; c == nil {
		h.Write(j.Root[:])
	} else {
		// Lengths keep parts from running into each other.
		for _, part := range [][]byte{c.Prefix, c.Extranonce1, {byte(c.Extranonce2Size)}, c.Suffix} {
			n := len(part)
			h.Write([]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)})
			h.Write(part)
		}
		for i := range c.Branch {
			h.Write(c.Branch[i][:])
		}
		key = string(append([]byte{byte(c.Extranonce2Size)}, c.Extranonce1...))
	}
	f.space = g.spaces.get([32]byte(h.Sum(nil)), func() *space { return &space{next: nonces} })
	f.counter = g.counters.get(key, func() *counter {
		g.created++
		return &counter{next: g.start.Extranonce2, lap: g.created << 40}
	})
}

// arrival returns when j, which is published now, came first.
func (s *space) arrival(j *Job, now time.Time) time.Time {
	if s.since.IsZero() || s.id != j.ID || s.base != j.NTime {
		s.id, s.base, s.since = j.ID, j.NTime, now
	}
	return s.since
}

// next hands out at most n nonces, or a whole header, to a device that is not
// paused.
func (g *generator) next(ctx context.Context, device int, n uint64, w *Work) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		g.mu.Lock()
		wait := time.Duration(math.MaxInt64)
		if !g.paused[device] {
			for _, st := range g.turns(device) {
				if wait = min(wait, g.take(st.front(device), device, n, w)); wait <= 0 {
					g.mu.Unlock()
					return nil
				}
			}
		}
		changed := g.changed
		g.mu.Unlock()
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-changed:
		case <-t.C:
		}
		t.Stop()
	}
}

// take fills w from f, or returns how long to wait until the job's time allows
// more. Called with mu held and a job.
func (g *generator) take(f *front, device int, n uint64, w *Work) time.Duration {
	j, s := f.job, f.space
	now := time.Since(f.arrived)
	latest := uint64(j.NTime) + uint64(now/time.Second) + uint64(g.allowance)
	if n == whole {
		if !g.takeWhole(f, device, latest, w) {
			return time.Second - now%time.Second
		}
		return 0
	}
	if s.next == nonces || s.ntime < j.NTime || uint64(s.ntime) > latest {
		if !g.roll(f, latest) {
			return time.Second - now%time.Second
		}
	}
	if f.built != s.rolls {
		g.build(f)
	}
	n = min(n, nonces-s.next)
	*w = Work{
		Job: j, Extranonce2: s.extranonce2, Header: f.header,
		First: uint32(s.next), Count: n, Limit: j.Target.Limit(), lease: f.tip.leases[device],
	}
	s.next += n
	return 0
}

// takeWhole fills w with the next header of f's space, and leaves the one that is
// in use to whoever draws from it. It reports false if there is none yet.
func (g *generator) takeWhole(f *front, device int, latest uint64, w *Work) bool {
	j, s, start := f.job, f.space, g.nonce
	extranonce2, ntime, next := s.extranonce2, s.ntime, s.next
	if !g.roll(f, latest) {
		return false
	}
	g.build(f)
	*w = Work{
		Job: j, Extranonce2: s.extranonce2, Header: f.header,
		Count: nonces, Limit: j.Target.Limit(), lease: f.tip.leases[device],
	}
	s.extranonce2, s.ntime, s.next = extranonce2, ntime, next
	s.rolls++
	g.nonce = start // for who begins there
	return true
}

// roll moves f's space to its next header: extranonce2 first, then ntime. It
// reports false, and changes nothing, if that would take an ntime past latest.
func (g *generator) roll(f *front, latest uint64) bool {
	j, s, c := f.job, f.space, f.counter
	floor, late := s.floor, s.late
	if s.used && c.lap != s.lap {
		floor, late = s.top, true
	}
	ntime := uint64(j.NTime)
	if late {
		ntime = max(ntime, uint64(floor)+1)
	}
	if ntime > min(latest, math.MaxUint32) {
		return false
	}
	s.used, s.lap, s.floor, s.late = true, c.lap, floor, late
	s.extranonce2, s.ntime, s.next = c.next, uint32(ntime), uint64(g.nonce)
	s.top = max(s.top, s.ntime)
	s.rolls++
	g.nonce = 0

	size := 0
	if j.Coinbase != nil {
		size = j.Coinbase.Extranonce2Size
	}
	c.next++
	if size < 8 && c.next >= 1<<(8*size) || c.next == 0 {
		c.next = 0
		c.lap++
	}
	return true
}

// build fills f's header for the space's extranonce2 and ntime under the job.
func (g *generator) build(f *front) {
	j, s, h := f.job, f.space, &f.header
	root := j.Root
	if j.Coinbase != nil {
		root, g.buf = j.Coinbase.root(s.extranonce2, g.buf)
	}
	*h = hasher.Header{}
	h.SetVersion(j.Version)
	h.SetPrevHash(j.PrevHash)
	h.SetMerkleRoot(root)
	h.SetTime(s.ntime)
	h.SetBits(j.Bits)
	f.built = s.rolls
}

// MerkleRoot returns the merkle root, in wire order, that extranonce2 leads to.
func (c *Coinbase) MerkleRoot(extranonce2 uint64) hasher.Hash {
	root, _ := c.root(extranonce2, nil)
	return root
}

// root is MerkleRoot with a buffer to be used again.
func (c *Coinbase) root(extranonce2 uint64, buf []byte) (hasher.Hash, []byte) {
	buf = append(buf[:0], c.Prefix...)
	buf = append(buf, c.Extranonce1...)
	buf = appendExtranonce2(buf, extranonce2, c.Extranonce2Size)
	buf = append(buf, c.Suffix...)
	root := hasher.DoubleSum(buf)
	var pair [64]byte
	for i := range c.Branch {
		copy(pair[:], root[:])
		copy(pair[32:], c.Branch[i][:])
		root = hasher.DoubleSum(pair[:])
	}
	return root, buf
}

// lru is a map that forgets the entry which was asked for the longest ago.
type lru[K comparable, V any] struct {
	most int
	at   map[K]*lruEntry[V]
	tick uint64
}

type lruEntry[V any] struct {
	value V
	tick  uint64
}

func (l *lru[K, V]) get(k K, create func() V) V {
	l.tick++
	if e := l.at[k]; e != nil {
		e.tick = l.tick
		return e.value
	}
	if l.at == nil {
		l.at = make(map[K]*lruEntry[V])
	}
	if len(l.at) >= l.most {
		var oldest K
		least := uint64(math.MaxUint64)
		for k, e := range l.at {
			if e.tick < least {
				oldest, least = k, e.tick
			}
		}
		delete(l.at, oldest)
	}
	e := &lruEntry[V]{value: create(), tick: l.tick}
	l.at[k] = e
	return e.value
}
