package miner

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Weighted is a source and its weight among others.
type Weighted struct {
	Source Source
	Weight float64 // above 0
}

// Quota returns a Source made of sources that are mined at the same time, each
// with the part of the hash rate that is its weight's part of all weights. What
// counts is what was tried in truth. One that fails is tried again after a while;
// meanwhile the others share its part, and nothing is owed to it. When all have
// failed, Run fails.
//
// It fails at once if a weight is not above 0.
func Quota(sources ...Weighted) Source {
	q := &quota{}
	var list []Source
	for _, w := range sources {
		list = append(list, w.Source)
		q.parts = append(q.parts, quotaPart{weight: w.Weight})
	}
	for i, m := range membersOf(list) {
		q.parts[i].member = m
	}
	return q
}

type quota struct {
	mu    sync.Mutex // guards the rest
	parts []quotaPart
	news  bool          // the run in progress does not know of parts
	wake  chan struct{} // tells it
}

// quotaPart is a member and its weight.
type quotaPart struct {
	member
	weight float64
}

// Name returns the names of the members.
func (q *quota) Name() string { return namesOf(q.members()) }

func (q *quota) strategy() string { return "quota" }

// now returns the parts as they are to be.
func (q *quota) now() []quotaPart {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.parts
}

func (q *quota) members() []member {
	parts := q.now()
	list := make([]member, len(parts))
	for i, p := range parts {
		list[i] = p.member
	}
	return list
}

func (q *quota) prefer(name string) (bool, error) {
	list := q.members()
	i, err := preferBelow(list, name)
	if i >= 0 && list[i].name == name {
		err = fmt.Errorf("%s is mined on all the time, by its quota", name)
	}
	return i >= 0, err
}

// Run mines on all members until none is left.
func (q *quota) Run(ctx context.Context, s *Session) error {
	r := &quotaRun{legs: newLegs(ctx, s), last: errNone}
	defer r.close()
	q.mu.Lock()
	q.wake, q.news = r.wake, true
	q.mu.Unlock()
	for {
		if parts, news := q.renewed(); news {
			for _, p := range parts {
				if !(p.weight > 0) {
					return fmt.Errorf("%s: a quota of %v: want a number above 0", p.name, p.weight)
				}
			}
			r.renew(parts)
		}
		next, err := r.step(time.Now())
		if err != nil {
			return err
		}
		if !r.wait(next) {
			return ctx.Err()
		}
	}
}

// quotaRun is one Run.
type quotaRun struct {
	*legs
	all   []*portion // those that leave last
	mined []part
	last  error // why a member failed
}

// portion is a member of a quota.
type portion struct {
	*leg
	weight  float64
	wait    backoff
	retry   time.Time // when it may be run again
	leaving bool      // it is no longer part
	down    error     // why it was stopped
}

// step does what is due now, and returns when to look again. It fails when all
// members have.
func (r *quotaRun) step(now time.Time) (next time.Time, err error) {
	next = now.Add(lookEvery)
	for _, l := range r.look(now) {
		r.ended(r.all[l.index], now)
	}
	parts, running := r.parts(now), false
	for _, p := range r.all {
		switch {
		case p.leaving:
		case p.session != nil:
			running = true
		case !now.Before(p.retry):
			r.start(p.leg, now)
			running = true
		case p.retry.Before(next):
			next = p.retry
		}
	}
	if !running {
		return next, r.nobody(r.last)
	}
	if !slices.Equal(parts, r.mined) {
		r.mined = parts
		r.s.m.choose(r.s, parts...)
	}
	return next, nil
}

// ended takes in the end of a session.
func (r *quotaRun) ended(p *portion, now time.Time) {
	if p.leaving {
		r.left(p)
		return
	}
	if p.stopped && p.down == nil { // it was no longer part for a moment
		p.retry = now
		return
	}
	r.last = p.err
	if p.down != nil {
		r.last, p.down = p.down, nil
	}
	if !p.up.IsZero() && now.Sub(p.up) > backoffMost {
		p.wait.reset()
	}
	wait := p.wait.step()
	p.retry = now.Add(wait)
	if !slices.ContainsFunc(r.all, func(p *portion) bool { return !p.leaving && (p.session != nil || !now.Before(p.retry)) }) {
		wait = r.s.retry() // nobody is left
	}
	r.status(p.leg, SourceStatus{State: Down, Err: r.last, Retry: wait}, true)
}

// parts returns what is to be mined: the members that have a job and owe nothing,
// or, if all owe, all that have a job.
func (r *quotaRun) parts(now time.Time) []part {
	var well, all []part
	for _, p := range r.all {
		if !p.ready() {
			continue
		}
		one := part{p.session, p.weight}
		all = append(all, one)
		if since := r.silent(p.leg); since.IsZero() || now.Before(since.Add(silentMost)) {
			well = append(well, one)
		}
	}
	for _, p := range r.all {
		if !p.ready() || len(well) < 2 {
			continue
		}
		if err := r.refuses(p.leg, now); err != nil {
			p.down = err
			p.stop()
			return r.parts(now)
		}
	}
	if len(well) == 0 {
		return all
	}
	return well
}
