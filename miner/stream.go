package miner

import (
	"cmp"
	"math"
	"slices"
)

// stream is what one session hands out. The generator's lock guards it.
type stream struct {
	session *Session
	shared  front
	own     map[int]*front // of devices that have a job of their own

	// Its part of the hash rate, where several streams are mined at once: fair
	// queueing by what was tried in truth. time is the headers tried by weight,
	// and the stream whose time is the least is next. One that joins, or had
	// nothing to do, begins at the least time of the others, so that nothing is
	// owed to it.
	weight float64
	time   float64
	seen   uint64 // of session.tried, that time knows of
	joined bool   // time counts
}

// part is a session and its weight among those that are mined.
type part struct {
	session *Session
	weight  float64 // above 0
}

// front returns what the stream has for a device; its job may be nil.
func (st *stream) front(device int) *front {
	if f := st.own[device]; f != nil {
		return f
	}
	return &st.shared
}

// fronts calls f with each front of the stream.
func (st *stream) fronts(f func(*front)) {
	f(&st.shared)
	for _, own := range st.own {
		f(own)
	}
}

// catchUp brings time to what was tried until now.
func (st *stream) catchUp() {
	now := st.session.tried.Load()
	st.time += float64(now-st.seen) / st.weight
	st.seen = now
}

// mine makes parts what is handed out from now on. Devices finish what they hold
// of other sessions, which is good until those end.
func (g *generator) mine(parts []part) {
	g.mu.Lock()
	defer g.mu.Unlock()
	mined := make([]*stream, 0, len(parts))
	for _, p := range parts {
		st := &p.session.stream
		st.session = p.session
		if st.weight != p.weight || !slices.Contains(g.mined, st) {
			st.weight, st.joined = p.weight, false
		}
		mined = append(mined, st)
	}
	g.mined = mined
	g.order = slices.Grow(g.order[:0], len(mined)) // so that turns needs no memory
	g.wake()
}

// turns returns the streams that have a job for a device, the one whose turn it
// is first. Called with mu held; the result is good until it is released.
func (g *generator) turns(device int) []*stream {
	g.order = g.order[:0]
	for _, st := range g.mined {
		if st.front(device).job != nil {
			g.order = append(g.order, st)
		} else {
			st.joined = false
		}
	}
	if len(g.order) < 2 {
		return g.order
	}
	least := math.Inf(1)
	for _, st := range g.order {
		if st.joined {
			st.catchUp()
			least = min(least, st.time)
		}
	}
	for _, st := range g.order {
		if !st.joined {
			st.joined, st.seen, st.time = true, st.session.tried.Load(), least
			if math.IsInf(least, 1) {
				st.time = 0
			}
		}
	}
	slices.SortStableFunc(g.order, func(a, b *stream) int { return cmp.Compare(a.time, b.time) })
	return g.order
}
