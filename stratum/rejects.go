package stratum

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"gominer/hasher"
	"gominer/miner"
	"gominer/stratum/v1"
)

// rejectKind is why a share was refused.
type rejectKind int

const (
	rejectOther rejectKind = iota
	rejectStale
	rejectDuplicate
	rejectLow      // its difficulty is too low
	rejectStranger // the pool does not know the worker
	rejectLost     // it does not know the connection
)

// rejectWords tell the kind where the code does not, in lower case.
var rejectWords = []struct {
	kind  rejectKind
	words []string
}{
	{rejectDuplicate, []string{"duplicate"}},
	{rejectStranger, []string{"unauthori", "not authori", "unknown worker", "unknown user"}},
	{rejectLost, []string{"not subscribed"}},
	{rejectLow, []string{"low diff", "low-diff", "too low", "above target", "high hash", "high-hash"}},
	{rejectStale, []string{"stale", "job not found", "unknown job", "invalid job", "no such job", "old job"}},
}

// kindOf returns why a share was refused: by the code, or else by what the pools
// in the field write.
func kindOf(e *v1.Error) rejectKind {
	switch e.Code {
	case v1.CodeJobNotFound:
		return rejectStale
	case v1.CodeDuplicate:
		return rejectDuplicate
	case v1.CodeLowDifficulty:
		return rejectLow
	case v1.CodeUnauthorized:
		return rejectStranger
	case v1.CodeNotSubscribed:
		return rejectLost
	}
	said := strings.ToLower(e.Message)
	for _, k := range rejectWords {
		for _, w := range k.words {
			if strings.Contains(said, w) {
				return k.kind
			}
		}
	}
	return rejectOther
}

// rejects counts the shares that a pool refused for no reason that the miner can
// see: a pool that has lost its mind is as good as gone.
type rejects struct {
	run   int       // in a row
	since time.Time // the first of them
}

// another counts one, and reports whether there are as many as most, for long
// enough.
func (r *rejects) another(most int) bool {
	if r.run == 0 {
		r.since = time.Now()
	}
	r.run++
	return r.run >= most && time.Since(r.since) >= rejectSpan
}

const (
	mostStrangers = 3 // in a row, where the pool does not know the worker or the connection

	// rejectSpan is how long a run of refusals has to last: a pool may refuse
	// all that comes between a block and its job, and that may be much.
	rejectSpan = 2 * time.Second
)

// onSubmit reports what the pool says to a share. An error ends the connection.
func (c *conn) onSubmit(sub *submission, r *v1.Response) error {
	err := r.Accepted()
	var refused *v1.Error
	switch {
	case err == nil:
		c.rejects.run = 0
		if w := c.workers.named(sub.worker); w != nil {
			w.strangers = 0
		}
		c.turnedOut(sub)
		c.settle(sub, nil)
		return nil
	case !errors.As(err, &refused):
		c.saw(traitOddAnswers)
		refused = &v1.Error{Message: err.Error()}
	case *refused == v1.Error{}:
		c.saw(traitNoReason)
	}
	reason := c.src.mask.text(refused.Message, mostReason)
	if reason == "" {
		reason = "rejected without a reason"
	}
	kind := kindOf(refused)
	if c.turn(sub, kind) {
		return nil
	}
	c.learn(sub, kind)
	bad := !c.explains(sub, kind)
	c.settle(sub, &miner.Reject{Code: refused.Code, Reason: reason})
	if c.cfg.Rejects < 0 || !bad {
		return nil
	}
	return c.judge(sub, kind, refused)
}

// mostReason is how much of a reason to reject a share is kept, in bytes.
const mostReason = 128

// explains reports whether the miner can see why a share was refused: what was
// still right when it was found was not when it came.
func (c *conn) explains(sub *submission, kind rejectKind) bool {
	sh := &sub.share
	switch kind {
	case rejectStale:
		return c.job == nil || sh.Job.ID != c.job.ID
	case rejectDuplicate:
		return sub.sends > 1
	case rejectLow:
		return !c.target.Meets(&sh.Hash)
	}
	return false
}

// judge decides whether a pool that refused a share is still one.
func (c *conn) judge(sub *submission, kind rejectKind, refused *v1.Error) error {
	if w := c.workers.named(sub.worker); w != nil && kind == rejectStranger {
		if !w.authorized { // it is left out already
			return nil
		}
		if w.strangers++; w.strangers >= mostStrangers {
			return c.refuse(w, refused)
		}
		return nil
	}
	mad := c.rejects.another(c.cfg.Rejects)
	switch {
	case kind == rejectLost && c.rejects.run >= mostStrangers:
		return c.errorf("it does not know this connection any more: %w", refused)
	case mad:
		return c.errorf("it refuses shares for no reason that could be seen, %d in a row, the last with: %w", c.rejects.run, refused)
	}
	return nil
}

// learn finds out whether the pool enforces a difficulty at once: it refuses a
// share of the job before that has what the job asked for, and not what
// mining.set_difficulty asked for since.
func (c *conn) learn(sub *submission, kind rejectKind) {
	sh := &sub.share
	if kind != rejectLow || c.atOnce() || !harder(c.target, sh.Job.Target) || c.target.Meets(&sh.Hash) {
		return
	}
	c.src.atOnce = true
	c.saw(traitDifficultyNow)
	c.src.log.Info("the pool enforces a difficulty at once: so does the miner from now on")
	c.harden()
}

// atOnce reports whether a difficulty is not to wait for the next job.
func (c *conn) atOnce() bool { return c.cfg.DifficultyNow || c.src.atOnce }

// harder reports whether fewer hashes meet a than b.
func harder(a, b hasher.Target) bool {
	h := hasher.Hash(b)
	return !a.Meets(&h)
}

// harden gives the job in progress the pool's target, if that is harder.
func (c *conn) harden() {
	if c.job != nil && harder(c.target, c.job.Target) {
		c.retarget()
	}
}

// errRaised says why a share is not sent.
var errRaised = fmt.Errorf("%w: the pool has raised the difficulty since, at once", miner.ErrStale)

// outdated reports whether a share is one that the pool is known to refuse.
func (c *conn) outdated(sh *miner.Share) bool {
	return c.atOnce() && !sh.Block && harder(c.target, sh.Job.Target) && !c.target.Meets(&sh.Hash)
}
