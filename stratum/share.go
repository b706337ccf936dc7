package stratum

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"gominer/miner"
	"gominer/stratum/v1"
)

// submission is a share on its way.
type submission struct {
	share    miner.Share
	worker   string    // whom it is submitted for
	sends    int       // how often it was sent
	id       uint64    // of the latest request
	number   uint64    // of the latest sending, counted over the connection
	asked    time.Time // when the pool was asked for a sign of life because of it; zero: not yet
	answered bool
	form     versionForm
	turned   bool // it was sent in the other form, too
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
	errForsaken   = errors.New("the pool answered later shares, but not this one")
	errNoWorker   = errors.New("the connection broke before the pool answered, and the pool refuses the worker now")
	errOver       = fmt.Errorf("%w: its job is of a connection that is over", miner.ErrStale)
	errGrace      = errors.New("no answer before the end")
)

// take submits a share that was found.
func (c *conn) take(sh miner.Share) {
	switch {
	case !c.owns(sh.Job):
		c.ms.Report(sh, errOver)
	case c.outdated(&sh):
		c.ms.Report(sh, errRaised)
	default:
		c.submit(&submission{share: sh, worker: c.workers.pick(c.cfg.Spread, sh.Device).User, form: c.src.form})
	}
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
		Worker:      sub.worker,
		JobID:       sh.Job.ID,
		Extranonce2: miner.Extranonce2Bytes(sh.Extranonce2, sh.Job.Coinbase.Extranonce2Size),
		NTime:       sh.NTime,
		Nonce:       sh.Nonce,
	}
	if c.rolling {
		m.HasVersionBits, m.VersionBits = true, sub.form.of(sh)
	}
	c.pending++
	sub.id, sub.number, sub.asked = c.ids, 0, time.Time{}
	o := outgoing{m, sub}
	if sh.Block {
		c.blocks = append(c.blocks, o)
	} else {
		c.lines = append(c.lines, o)
	}
}

// settle reports what became of a share.
func (c *conn) settle(sub *submission, err error) {
	sub.answered = true
	c.release(sub)
	c.ms.Report(sub.share, err)
}

// release takes a share off those that wait for an answer.
func (c *conn) release(sub *submission) {
	c.pending--
	c.answered = max(c.answered, sub.number)
	if i := slices.Index(c.inflight, sub); i >= 0 {
		c.inflight = slices.Delete(c.inflight, i, i+1)
	}
}

// forsake reports a share as lost whose answer will not come.
func (c *conn) forsake(sub *submission) {
	delete(c.asked, sub.id)
	c.settle(sub, errForsaken)
}

// unanswered returns the share that has waited for its answer the longest, of
// those after which none was answered; nil if there is none.
func (c *conn) unanswered() *submission {
	for _, sub := range c.inflight {
		if sub.number > c.answered {
			return sub
		}
	}
	return nil
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

// resubmit sends again what abandon left, as far as its workers are authorized.
func (c *conn) resubmit() {
	var keep []*submission
	for _, sub := range c.src.unanswered {
		switch w := c.workers.named(sub.worker); {
		case w != nil && w.authorized:
			c.submit(sub)
		case w == nil || w.refused != nil:
			c.ms.Report(sub.share, errNoWorker)
		default:
			keep = append(keep, sub)
		}
	}
	c.src.unanswered = keep
}

// dropOld reports as stale what stands in the Session before the first job of a
// connection that resumed nothing: it is of old ones.
func (c *conn) dropOld() {
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
