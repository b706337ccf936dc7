package miner

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	probeEvery   = 30 * time.Second // how often a better source that failed is tried
	probeTimeout = 30 * time.Second // for the first job of a source that is tried
	probeStable  = time.Minute      // how long it must stay up from then on, at first
	probeMost    = time.Hour        // and at most, if it keeps failing

	// raceDelay is how long a source has for its first job, while nothing is mined,
	// before the next is tried beside it.
	raceDelay = time.Second

	// spareKeep is how long a source that was made ready is kept when it was not
	// needed after all.
	spareKeep = 30 * time.Second

	measureEvery = 10 * time.Minute // how often Nearest measures
)

// Failover returns a Source made of sources, the most preferred first. One is
// mined at a time. When it fails the next is run at once, and if that takes its
// time the one after beside it; when all have failed, Run fails. A source that
// owes an answer or a job has failed as well, and so has one that refuses all.
//
// While a less preferred one is mined, the better ones are tried now and then, by
// sessions whose jobs wait. One that has stayed up for a minute is returned to; if
// it fails again soon it has to stay up for longer the next time.
func Failover(sources ...Source) Source { return newOrdered(manner{name: "failover"}, sources) }

// RoundRobin returns a Source made of sources, of which one is mined at a time.
// When it fails, or after every, the next one's turn comes; after the last, the
// first's. An every of 0 is never. It fails as Failover does.
func RoundRobin(every time.Duration, sources ...Source) Source {
	return newOrdered(manner{name: "round-robin", circle: true, every: every}, sources)
}

// Nearest returns a Source made of sources which does what Failover does, and
// prefers the one whose first job is there the soonest. All are measured at the
// start and every ten minutes; what is mined changes for one that is nearer by a
// third and 10 ms.
func Nearest(sources ...Source) Source {
	return newOrdered(manner{name: "latency", nearest: true}, sources)
}

// manner is how the best of several members is found.
type manner struct {
	name    string
	circle  bool          // the order turns with what is mined
	every   time.Duration // how long each is mined; 0: for good
	nearest bool          // the order is that of nearness
}

// ordered is a strategy that mines on the best of its members.
type ordered struct {
	mu     sync.Mutex // guards the rest; a run in progress alone writes manner and list
	manner manner
	list   []member      // as it was made
	order  []int         // of list, the most preferred first
	wanted int           // whom prefer named just now; -1: nobody
	pinned int           // whom it named ever; -1: nobody
	wake   chan struct{} // tells the run in progress
	next   *ordered      // what to become; nil: it stays what it is
}

func newOrdered(m manner, sources []Source) Source {
	s := &ordered{manner: m, list: membersOf(sources), wanted: -1, pinned: -1}
	for i := range s.list {
		s.order = append(s.order, i)
	}
	return s
}

// Name returns the names of the members.
func (o *ordered) Name() string { return namesOf(o.members()) }

func (o *ordered) strategy() string {
	o = o.heir()
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.manner.name
}

func (o *ordered) members() []member {
	o = o.heir()
	o.mu.Lock()
	defer o.mu.Unlock()
	list := make([]member, len(o.order))
	for i, n := range o.order {
		list[i] = o.list[n]
	}
	return list
}

func (o *ordered) prefer(name string) (bool, error) {
	o = o.heir()
	o.mu.Lock()
	defer o.mu.Unlock()
	i, err := preferBelow(o.list, name)
	if i < 0 || err != nil {
		return i >= 0, err
	}
	o.wanted, o.pinned = i, i
	o.frontLocked(i)
	if o.wake != nil {
		poke(o.wake)
	}
	return true, nil
}

// front moves members to the front of the order, the first of them foremost.
func (o *ordered) front(list ...int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.frontLocked(list...)
}

func (o *ordered) frontLocked(list ...int) {
	for _, n := range o.order {
		if !slices.Contains(list, n) {
			list = append(list, n)
		}
	}
	o.order = list
}

// Run mines on one member after the other until all have failed.
func (o *ordered) Run(ctx context.Context, s *Session) error {
	r := &orderedRun{legs: newLegs(ctx, s), o: o, last: errNone}
	defer r.close()
	o.mu.Lock()
	o.wake = r.wake
	o.mu.Unlock()
	o.become()
	r.renew()
	for {
		if o.become() {
			r.renew()
		}
		if err := r.step(time.Now()); err != nil {
			return err
		}
		if !r.wait(r.next) {
			return ctx.Err()
		}
	}
}

// orderedRun is one Run.
type orderedRun struct {
	*legs
	o    *ordered
	all  []*candidate // as in o.list, and then those that leave
	stay int          // how many of them are in o.list
	mine *candidate   // what is mined, or is to be once it has a job; nil: nothing
	from time.Time    // since when
	last error        // why a member failed

	race    time.Time  // when the next joins it; zero: there is none
	turn    *candidate // whose turn it is to be
	measure time.Time  // when to do that next
	now     time.Time  // of this look
	next    time.Time  // when to look again
}

// candidate is a member that may be mined.
type candidate struct {
	*leg
	failed  bool          // it has
	retry   time.Time     // when it may be tried again
	stable  time.Duration // how long it must stay up to be returned to, having failed
	drain   time.Time     // when it is stopped; zero: not at all
	spare   time.Time     // until when it is kept, though nobody wants it
	raced   bool          // it has had its try in this race
	measure bool          // it runs to be measured
	leaving bool          // it is no longer part
	down    error         // why it was stopped, if that was a failure
}

// at asks for a look at t, if that is to come.
func (r *orderedRun) at(t time.Time) {
	if t.After(r.now) && t.Before(r.next) {
		r.next = t
	}
}

// step does what is due now. It fails when all members have.
func (r *orderedRun) step(now time.Time) error {
	r.now, r.next = now, now.Add(lookEvery)
	for _, l := range r.look(now) {
		r.ended(r.all[l.index], now)
	}
	r.obey(now)
	r.rotate(now)
	r.measureAll(now)
	trouble := r.judge(r.order(), now)
	order := r.order()
	if better := r.better(order, now); better != nil && !trouble {
		r.switchTo(better, now)
	}
	if !trouble {
		r.race = time.Time{}
	} else if !r.compete(order, now) {
		return r.nobody(r.last)
	}
	r.tidy(r.order(), now)
	return nil
}

// order returns the candidates, the most preferred first.
func (r *orderedRun) order() []*candidate {
	r.o.mu.Lock()
	defer r.o.mu.Unlock()
	list := make([]*candidate, len(r.o.order))
	for i, n := range r.o.order {
		list[i] = r.all[n]
	}
	return list
}

// ended takes in the end of a session.
func (r *orderedRun) ended(c *candidate, now time.Time) {
	if c.leaving {
		r.left(c)
		return
	}
	mined := c == r.mine
	if mined {
		r.mine = nil
	}
	c.drain, c.spare, c.measure = time.Time{}, time.Time{}, false
	if c.stopped && c.down == nil {
		r.status(c.leg, SourceStatus{State: Idle}, false)
		return
	}
	loud := mined || !c.failed || !r.race.IsZero()
	r.last = c.err
	if c.down != nil {
		loud, r.last, c.down = true, c.down, nil
	}
	r.blame(c, now)
	st := SourceStatus{State: Down, Err: r.last}
	if r.exhausted(now) {
		st.Retry = r.s.retry()
	}
	r.status(c.leg, st, loud)
}

// exhausted reports whether compete will find nobody to try.
func (r *orderedRun) exhausted(now time.Time) bool {
	return !r.race.IsZero() && !slices.ContainsFunc(r.all, func(c *candidate) bool {
		return c.session != nil || !c.leaving && !(c.raced && now.Before(c.retry))
	})
}

// blame notes that c has failed.
func (r *orderedRun) blame(c *candidate, now time.Time) {
	lasted := now.Sub(c.up)
	switch {
	case c.stable == 0 || !c.up.IsZero() && lasted >= 10*c.stable:
		c.stable = probeStable
	case !c.up.IsZero():
		c.stable = min(2*c.stable, probeMost)
	}
	c.failed, c.retry = true, now.Add(probeEvery)
}

// obey begins what prefer asked for.
func (r *orderedRun) obey(now time.Time) {
	r.o.mu.Lock()
	wanted := r.o.wanted
	r.o.wanted = -1
	r.o.mu.Unlock()
	if wanted >= 0 {
		r.call(r.all[wanted])
	}
}

// call lets c be mined as soon as it has a job.
func (r *orderedRun) call(c *candidate) { c.failed, c.retry = false, time.Time{} }

// rotate gives the next member its turn.
func (r *orderedRun) rotate(now time.Time) {
	if r.o.manner.every == 0 || r.mine == nil || !r.mine.ready() || r.mine.leaving {
		return
	}
	switch {
	case r.turn == r.mine:
		r.turn = nil
	case r.turn != nil && r.turn.failed:
		r.turn = r.after(r.turn)
	case r.turn == nil && !now.Before(r.from.Add(r.o.manner.every)):
		r.turn = r.after(r.mine)
	default:
		if r.turn == nil {
			r.at(r.from.Add(r.o.manner.every))
		}
		return
	}
	if r.turn == nil || r.turn == r.mine { // nobody else is there: another turn
		r.turn, r.from = nil, now
		return
	}
	r.call(r.turn)
	r.o.front(r.turn.index, r.mine.index)
}

// after returns the member behind c in the circle.
func (r *orderedRun) after(c *candidate) *candidate { return r.all[(c.index+1)%r.stay] }

// judge finds a member to mine if there is none, and reports whether what is mined
// is in trouble: others should be made ready.
func (r *orderedRun) judge(order []*candidate, now time.Time) (trouble bool) {
	c := r.mine
	if c == nil || !c.ready() || c.leaving {
		if best := r.best(order); best != nil {
			r.switchTo(best, now)
			return false
		}
		if i := slices.IndexFunc(order, (*candidate).running); c == nil && i >= 0 {
			r.switchTo(order[i], now)
		}
		return true
	}
	if err := r.refuses(c.leg, now); err != nil {
		if best := r.best(order); best != nil {
			c.down = err
			c.stop()
			r.switchTo(best, now)
			return false
		}
		return len(order) > 1
	}
	since := r.silent(c.leg)
	if since.IsZero() || now.Before(since.Add(suspectAfter)) {
		if !since.IsZero() {
			r.at(since.Add(suspectAfter))
		}
		return false
	}
	if now.Before(since.Add(silentMost)) {
		r.at(since.Add(silentMost))
		return true
	}
	best := r.best(order)
	if best == nil {
		return true
	}
	// It may answer yet: it is left alone for a while.
	r.switchTo(best, now)
	r.status(c.leg, SourceStatus{State: Down, Err: errSilent}, true)
	r.blame(c, now)
	c.drain, c.up, c.spare = time.Time{}, now, now.Add(spareKeep)
	return false
}

// best returns the most preferred member, beside that which is mined, that could
// be at once.
func (r *orderedRun) best(order []*candidate) *candidate {
	for _, c := range order {
		if c != r.mine && c.ready() && r.silent(c.leg).IsZero() {
			return c
		}
	}
	return nil
}

// better returns a member to return to, nil for none, and tries those that there
// might be.
func (r *orderedRun) better(order []*candidate, now time.Time) *candidate {
	if r.mine == nil || !r.mine.ready() || r.mine.leaving {
		return nil
	}
	for _, c := range order {
		switch {
		case c == r.mine:
			return nil
		case c.session == nil && now.Before(c.retry):
			r.at(c.retry)
		case c.session == nil:
			r.start(c.leg, now)
		case c.stopped:
		case c.up.IsZero():
			r.expire(c, now)
		case !r.silent(c.leg).IsZero():
		case c.failed && now.Before(c.up.Add(c.stable)):
			r.at(c.up.Add(c.stable))
		default:
			return c
		}
	}
	return nil
}

// expire stops a member that is tried for too long.
func (r *orderedRun) expire(c *candidate, now time.Time) {
	end := c.began.Add(probeTimeout)
	if now.Before(end) {
		r.at(end)
		return
	}
	c.down = errNoJob
	c.stop()
}

var errNoJob = fmt.Errorf("it gave no job within %v", probeTimeout)

// running reports whether c has a session that goes on.
func (c *candidate) running() bool { return c.session != nil && !c.stopped }

// switchTo makes c what is mined.
func (r *orderedRun) switchTo(c *candidate, now time.Time) {
	old := r.mine
	r.mine, r.from = c, now
	c.drain = time.Time{}
	r.s.m.choose(r.s, part{c.session, 1})
	if old != nil && old.ready() {
		old.drain = now.Add(drainTime)
	}
	if r.o.manner.circle {
		list := make([]int, r.stay)
		for i := range list {
			list[i] = (c.index + i) % r.stay
		}
		r.o.front(list...)
	}
}

// compete starts one member after the other until one has a job. It reports false
// if all have failed.
func (r *orderedRun) compete(order []*candidate, now time.Time) bool {
	if r.race.IsZero() {
		r.race = now
		for _, c := range order {
			c.raced = c.session != nil
		}
	}
	trying := func(c *candidate) bool { return c.running() && c.up.IsZero() }
	if now.Before(r.race) && slices.ContainsFunc(order, trying) || r.best(order) != nil {
		r.at(r.race)
		return true
	}
	// Those that have failed of late come last, the latest at the end.
	late := func(c *candidate) time.Duration { return max(0, c.retry.Sub(now)) }
	order = slices.SortedStableFunc(slices.Values(order), func(a, b *candidate) int { return cmp.Compare(late(a), late(b)) })
	for _, c := range order {
		if c.session != nil || c.raced && now.Before(c.retry) {
			continue
		}
		c.raced = true
		r.start(c.leg, now)
		if r.mine == nil {
			r.switchTo(c, now)
		}
		r.race = now.Add(raceDelay)
		r.at(r.race)
		return true
	}
	return slices.ContainsFunc(order, func(c *candidate) bool { return c.session != nil })
}

// tidy stops what nobody wants any more.
func (r *orderedRun) tidy(order []*candidate, now time.Time) {
	mined := slices.Index(order, r.mine)
	for _, c := range r.all[r.stay:] {
		switch {
		case c == r.mine || c.stopped:
		case now.Before(c.drain):
			r.at(c.drain)
		default:
			c.stop()
		}
	}
	for i, c := range order {
		if c == r.mine || !c.running() {
			continue
		}
		switch {
		case !c.drain.IsZero() && now.Before(c.drain):
			r.at(c.drain)
		case !c.drain.IsZero():
			c.stop()
		case c.measure:
			r.expire(c, now)
		case !r.race.IsZero():
			c.spare = now.Add(spareKeep)
		case i < mined: // it may be returned to
		case c.up.IsZero() || !now.Before(c.spare):
			c.stop()
		default:
			r.at(c.spare)
		}
	}
}

// measureAll starts measuring if that is due, and sorts by what was measured.
func (r *orderedRun) measureAll(now time.Time) {
	if !r.o.manner.nearest {
		return
	}
	for _, c := range r.all[:r.stay] {
		if c.measure && !c.up.IsZero() {
			c.measure = false
		}
	}
	if !now.Before(r.measure) {
		r.measure = now.Add(measureEvery)
		for _, c := range r.all[:r.stay] {
			if c.session == nil {
				c.measure = true
				r.start(c.leg, now)
			}
		}
	}
	r.at(r.measure)
	r.o.mu.Lock()
	defer r.o.mu.Unlock()
	slices.SortStableFunc(r.o.order, func(a, b int) int { return cmp.Compare(r.distance(r.all[a]), r.distance(r.all[b])) })
}

// distance is what nearness goes by: the time until the first job. The caller
// holds o.mu.
func (r *orderedRun) distance(c *candidate) time.Duration {
	switch {
	case c.index == r.o.pinned:
		return -1
	case c.first == 0:
		return 1<<63 - 1 // not known
	case c == r.mine:
		return c.first*2/3 - nearerBy
	}
	return c.first
}

// nearerBy is how much nearer than what is mined a source must be, beside a third.
const nearerBy = 10 * time.Millisecond
