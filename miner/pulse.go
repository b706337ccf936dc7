package miner

import (
	"errors"
	"sync"
	"time"
)

// pulse is what can be told from outside about whether a session is alive. The
// zero value is that of one that owes nothing.
type pulse struct {
	mu      sync.Mutex
	due     int       // shares handed to it and not answered
	last    time.Time // sign of life; or since when it owes one
	without time.Time // since when it has no job, having had one; zero: it has one

	refused int // shares in a row
	since   time.Time
	reason  *Reject // of the latest
}

func (p *pulse) sign(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = now
}

// job notes that it has a job, or none any more.
func (p *pulse) job(has bool, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = now
	switch {
	case has:
		p.without = time.Time{}
	case p.without.IsZero():
		p.without = now
	}
}

// owes notes that it was handed a share.
func (p *pulse) owes(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.due == 0 {
		p.last = now
	}
	p.due++
}

// settled notes that one of the shares it was handed has its answer.
func (p *pulse) settled() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.due--
}

// answer notes what became of a share.
func (p *pulse) answer(err error, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = now
	var refused *Reject
	switch {
	case err == nil:
		p.refused = 0
	case errors.As(err, &refused):
		if p.refused == 0 {
			p.since = now
		}
		p.refused++
		p.reason = refused
	}
}

// silent returns since when it has owed something: an answer, or a job. The zero
// time is for nothing.
func (p *pulse) silent() (since time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.due > 0 {
		since = p.last
	}
	if since.IsZero() || !p.without.IsZero() && p.without.Before(since) {
		since = p.without
	}
	return since
}

// refusing returns since when it has refused every share, at least least of them,
// and the latest reason; nil if it has not.
func (p *pulse) refusing(least int) (since time.Time, reason *Reject) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refused < least {
		return since, nil
	}
	return p.since, p.reason
}
