package stratum

import (
	"errors"
	"fmt"

	"gominer/miner"
	"gominer/stratum/v1"
)

// submission is a share on its way.
type submission struct {
	share    miner.Share
	sends    int // how often it was sent
	answered bool
}

const (
	// mostPending is how many shares may wait for their answers; above it they
	// wait in the Session, and behind that the devices do.
	mostPending = 256

	// mostSends is how often a share is sent at most: again after a broken
	// connection, once.
	mostSends = 2
)

// Why shares are lost, or not sent.
var (
	errBroken     = errors.New("the connection broke before the pool answered")
	errTwice      = errors.New("the connection broke twice before the pool answered")
	errNotResumed = errors.New("the connection broke before the pool answered, and the pool did not resume the session")
	errOver       = fmt.Errorf("%w: its job is of a connection that is over", miner.ErrStale)
	errGrace      = errors.New("no answer before the end")
)

// take submits a share that was found.
func (c *conn) take(sh miner.Share) {
	if !c.owns(sh.Job) {
		c.ms.Report(sh, errOver)
		return
	}
	c.submit(&submission{share: sh})
}

// takeAll submits what stands in the Session.
func (c *conn) takeAll() {
	for {
		select {
		case sh := <-c.ms.Shares():
			c.take(sh)
		default:
			return
		}
	}
}

// submit queues a share; a block goes before everything else.
func (c *conn) submit(sub *submission) {
	sh := &sub.share
	m := &v1.Submit{
		ID:          c.open(request{what: submitRequest, sub: sub}),
		Worker:      c.cfg.User,
		JobID:       sh.Job.ID,
		Extranonce2: miner.Extranonce2Bytes(sh.Extranonce2, sh.Job.Coinbase.Extranonce2Size),
		NTime:       sh.NTime,
		Nonce:       sh.Nonce,
	}
	if c.rolling {
		m.HasVersionBits, m.VersionBits = true, sh.Version&sh.Job.VersionMask
	}
	c.pending++
	o := outgoing{m, sub}
	if sh.Block {
		c.blocks = append(c.blocks, o)
	} else {
		c.lines = append(c.lines, o)
	}
}

// onSubmit reports what the pool says to a share.
func (c *conn) onSubmit(sub *submission, r *v1.Response) {
	err := r.Accepted()
	var refused *v1.Error
	switch {
	case err == nil:
	case errors.As(err, &refused):
		reason := v1.CleanText(refused.Message, mostReason)
		if reason == "" {
			reason = "rejected without a reason"
		}
		err = &miner.Reject{Code: refused.Code, Reason: reason}
	default:
		err = &miner.Reject{Reason: err.Error()}
	}
	c.settle(sub, err)
}

// mostReason is how much of a reason to reject a share is kept, in bytes.
const mostReason = 128

// settle reports what became of a share.
func (c *conn) settle(sub *submission, err error) {
	sub.answered = true
	c.pending--
	c.ms.Report(sub.share, err)
	for len(c.inflight) > 0 && c.inflight[0].answered {
		c.inflight = c.inflight[1:]
	}
}

// oldest returns the share that has waited for its answer the longest, nil if
// none waits.
func (c *conn) oldest() *submission {
	if len(c.inflight) == 0 {
		return nil
	}
	return c.inflight[0]
}

// abandon reports as lost what an earlier connection left unanswered and this
// one cannot send again.
func (c *conn) abandon() {
	var keep []*submission
	for _, sub := range c.src.unanswered {
		if c.owns(sub.share.Job) {
			keep = append(keep, sub)
		} else {
			c.ms.Report(sub.share, errNotResumed)
		}
	}
	c.src.unanswered = keep
}

// resubmit sends again what abandon left. On a connection that resumed nothing
// no job has been published yet, so what stands in the Session is of old ones.
func (c *conn) resubmit() {
	for _, sub := range c.src.unanswered {
		c.submit(sub)
	}
	c.src.unanswered = nil
	for !c.resumed {
		select {
		case sh := <-c.ms.Shares():
			c.ms.Report(sh, errOver)
		default:
			return
		}
	}
}

// leave is called when the connection is over. It keeps the shares without an
// answer for the next, or, if ctx has ended, reports them as lost.
func (c *conn) leave(ended bool) {
	if !c.subscribed {
		if c.session != "" {
			c.src.session.id = "" // the pool may not like being asked
		}
		if c.src.configure == configureTry && c.configured != configureSent {
			c.src.configure = configureAsk // it was not that
		}
	}
	keep := c.inflight
	for _, queue := range [][]outgoing{c.blocks, c.lines} {
		for _, o := range queue {
			if o.sub != nil {
				keep = append(keep, o.sub)
			}
		}
	}
	for _, sub := range keep {
		switch {
		case sub.answered:
		case ended:
			c.ms.Report(sub.share, errGrace)
		case sub.sends >= mostSends:
			c.ms.Report(sub.share, errTwice)
		default:
			c.src.unanswered = append(c.src.unanswered, sub)
		}
	}
}
