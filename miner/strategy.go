package miner

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// A strategy is a Source made of Sources: it decides which of them are mined. The
// sources it is made of run side by side where that is of use, each in Sessions of
// its own, so that a share can't reach another. What is mined is switched between
// jobs that are there already, and a source that is switched away from goes on
// for a moment: devices finish what they hold, and the shares get their answers.

// group is a Source made of Sources.
type group interface {
	members() []member // in order of preference
	strategy() string  // its name

	// prefer makes the member of that name, or the one that it is below, the most
	// preferred, and reports whether there is one. The error says why that is of no
	// use.
	prefer(name string) (found bool, err error)

	// adopt makes the group what another one is, as soon as the run in progress
	// looks; false: it can't become that.
	adopt(group) bool
}

// member is one of the sources that a group is made of.
type member struct {
	src  Source
	name string // unique among them
}

// membersOf gives sources names that tell them apart.
func membersOf(sources []Source) []member {
	list := make([]member, len(sources))
	seen := make(map[string]int)
	for i, src := range sources {
		name := src.Name()
		if seen[name]++; seen[name] > 1 {
			name = fmt.Sprintf("%s (%d)", name, seen[name])
		}
		list[i] = member{src, name}
	}
	return list
}

// namesOf joins the names of members.
func namesOf(list []member) string {
	names := make([]string, len(list))
	for i, m := range list {
		names[i] = m.name
	}
	return strings.Join(names, ", ")
}

// preferBelow looks for a name in the groups among members, and returns the index
// of the one that has it, -1 for none.
func preferBelow(list []member, name string) (index int, err error) {
	for i, m := range list {
		if m.name == name {
			return i, nil
		}
	}
	for i, m := range list {
		if g, ok := m.src.(group); ok {
			if found, err := g.prefer(name); found {
				return i, err
			}
		}
	}
	return -1, nil
}

// leafPart is a source at the end of a tree of groups.
type leafPart struct {
	name   string
	weight float64 // part of the hash rate that a quota gives it; 0: there is none
}

// leafParts appends to list what src is made of in the end, in order of
// preference. Its weight is given out among them; shared says that a quota has.
func leafParts(src Source, name string, weight float64, shared bool, list []leafPart) []leafPart {
	g, ok := src.(group)
	if !ok {
		if !shared {
			weight = 0
		}
		return append(list, leafPart{name, weight})
	}
	q, _ := g.(*quota)
	if q == nil {
		for _, m := range g.members() {
			list = leafParts(m.src, m.name, weight, shared, list)
		}
		return list
	}
	parts := q.now()
	sum := 0.0
	for _, p := range parts {
		sum += p.weight
	}
	for _, p := range parts {
		list = leafParts(p.src, p.name, weight*p.weight/sum, true, list)
	}
	return list
}

const (
	// suspectAfter is how long a source may owe an answer, or a job, before the
	// next one is made ready.
	suspectAfter = 2 * time.Second

	// silentMost is how long it may before what is mined is the next one's.
	silentMost = 4 * time.Second

	// refusedMost is how many shares in a row it may refuse, and refusedFor for how
	// long at least: a new difficulty makes a fast miner that many in a moment.
	refusedMost = 16
	refusedFor  = 2 * time.Second

	// drainTime is how long a source that is switched away from goes on: what
	// devices hold takes half a second.
	drainTime = 2 * time.Second

	// lookEvery is how often the sources are looked at when nothing happens.
	lookEvery = time.Second
)

var errSilent = fmt.Errorf("no answer to a share, or no job, for %v", silentMost)

// legs runs the members of a strategy, for one Run of it. All but wake belongs to
// the goroutine of Run.
type legs struct {
	ctx  context.Context
	s    *Session // of the strategy
	list []*leg
	wake chan struct{} // something has happened
	wg   sync.WaitGroup
}

// leg is one member.
type leg struct {
	member
	index int

	// The session in progress; nil: none.
	session *Session
	cancel  context.CancelFunc
	over    chan struct{} // closed when it is over
	err     error         // why; read after over
	began   time.Time
	up      time.Time // since when it has had a job; zero: it has not had one
	stopped bool      // we ended it

	first time.Duration // until the first job of the latest session that had one; 0: unknown
}

func newLegs(ctx context.Context, s *Session) *legs {
	return &legs{ctx: ctx, s: s, wake: make(chan struct{}, 1)}
}

// nobody is why a run ends in which the last that failed said so.
func (g *legs) nobody(last error) error {
	if len(g.list) == 1 {
		return last
	}
	return fmt.Errorf("no pool is left to try, the last said: %w", last)
}

// poke wakes the strategy.
func (g *legs) poke() { poke(g.wake) }

func poke(wake chan struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}

// start begins a session of l, which has none.
func (g *legs) start(l *leg, now time.Time) {
	ctx, cancel := context.WithCancel(g.ctx)
	s := newSession(g.s.m, g.s, l.src, l.name)
	s.jobs = g.poke
	over := make(chan struct{})
	l.session, l.cancel, l.over, l.err = s, cancel, over, nil
	l.began, l.up, l.stopped = now, time.Time{}, false
	g.wg.Go(func() {
		defer cancel()
		l.err = s.run(ctx)
		close(over)
		g.poke()
	})
}

// stop ends the session of l in good order.
func (l *leg) stop() {
	l.stopped = true
	l.cancel()
}

// look takes in what became of the sessions since the last look, and returns the
// legs whose session is over.
func (g *legs) look(now time.Time) (ended []*leg) {
	for _, l := range g.list {
		if l.session == nil {
			continue
		}
		select {
		case <-l.over:
			ended = append(ended, l)
			l.session = nil
			continue
		default:
		}
		if l.up.IsZero() && l.session.published.Load() {
			l.up, l.first = now, max(now.Sub(l.began), 1)
		}
	}
	return ended
}

// wait returns when something has happened, at the latest at the given time; false
// if the run is to end.
func (g *legs) wait(at time.Time) bool {
	t := time.NewTimer(time.Until(at))
	defer t.Stop()
	select {
	case <-g.ctx.Done():
		return false
	case <-g.wake:
	case <-t.C:
	}
	return g.ctx.Err() == nil
}

// close waits for all sessions, whose context has ended or which are stopped here.
func (g *legs) close() {
	for _, l := range g.list {
		if l.session != nil {
			l.stop()
		}
	}
	g.wg.Wait()
	for _, l := range g.list {
		if l.session != nil {
			l.session = nil
			g.status(l, SourceStatus{State: Idle}, false)
		}
	}
}

// status tells people how l stands, aloud or not, where no session speaks for it.
func (g *legs) status(l *leg, st SourceStatus, loud bool) {
	switch _, ok := l.src.(group); {
	case ok: // those below speak for it
	case loud:
		g.s.m.status(l.name, st)
	default:
		g.s.m.ledger.status(l.name, st, time.Now())
	}
}

// ready reports whether l could be mined.
func (l *leg) ready() bool { return l.session != nil && !l.stopped && !l.up.IsZero() }

// silent returns since when all that is mined of l has owed an answer or a job;
// the zero time is for not at all.
func (g *legs) silent(l *leg) (since time.Time) {
	for i, s := range g.s.m.leaves(l.session) {
		at := s.pulse.silent()
		if at.IsZero() {
			return at
		}
		if i == 0 || at.After(since) {
			since = at
		}
	}
	return since
}

// refuses returns why every one of the latest shares of l was refused, nil if they
// were not.
func (g *legs) refuses(l *leg, now time.Time) error {
	var last error
	for _, s := range g.s.m.leaves(l.session) {
		since, reason := s.pulse.refusing(refusedMost)
		if reason == nil || now.Sub(since) < refusedFor {
			return nil
		}
		last = fmt.Errorf("it refused every share for %v, the last as: %w", now.Sub(since).Round(time.Second), reason)
	}
	return last
}

var errNone = errors.New("there is none")
