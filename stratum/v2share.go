package stratum

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"gominer/miner"
	"gominer/stratum/v1"
	"gominer/stratum/v2"
)

// v2Submission is a share on its way.
type v2Submission struct {
	share    miner.Share
	job      *v2Job
	sequence uint32 // once it is sent
}

// Why shares are lost, or not sent.
var (
	errReplaced = fmt.Errorf("%w: there is a new block", miner.ErrStale)
	errNoJob    = fmt.Errorf("%w: the pool has replaced its job", miner.ErrStale)
	errClosed   = errors.New("the pool closed the channel before it acknowledged the share")
	errCutOff   = errors.New("the connection broke before the pool acknowledged the share")
	errBatch    = errors.New("not acknowledged before the end; pools do so in batches")
)

// take submits a share that was found; a block goes before everything else.
func (c *v2Conn) take(sh miner.Share) {
	j := c.jobs[sh.Job]
	if j == nil {
		c.ms.Report(sh, errNoJob)
		return
	}
	c.pending++
	sub := &v2Submission{share: sh, job: j}
	if sh.Block {
		c.shares = append([]*v2Submission{sub}, c.shares...)
	} else {
		c.shares = append(c.shares, sub)
	}
}

// takeAll submits what stands in the Session.
func (c *v2Conn) takeAll() {
	for {
		select {
		case sh := <-c.ms.Shares():
			c.take(sh)
		default:
			return
		}
	}
}

// number gives a share the next sequence number of its channel and returns its
// message.
func (c *v2Conn) number(sub *v2Submission) v2.Message {
	ch, sh := sub.job.channel, &sub.share
	sub.sequence = ch.sequence
	ch.sequence++
	ch.unanswered = append(ch.unanswered, sub)
	if !ch.extended {
		return &v2.SubmitSharesStandard{
			ChannelID: ch.id, SequenceNumber: sub.sequence, JobID: sub.job.id,
			Nonce: sh.Nonce, NTime: sh.NTime, Version: sh.Version,
		}
	}
	m := &v2.SubmitSharesExtended{
		ChannelID: ch.id, SequenceNumber: sub.sequence, JobID: sub.job.id,
		Nonce: sh.Nonce, NTime: sh.NTime, Version: sh.Version,
		Extranonce: miner.Extranonce2Bytes(sh.Extranonce2, ch.size),
	}
	if c.worker != "" {
		_ = m.SetUserIdentity(c.worker) // workerName has made it fit
	}
	return m
}

// onAccepted settles the shares that m acknowledges: all up to its number that
// were not refused. Refusals of earlier ones may come before it or after it.
func (c *v2Conn) onAccepted(m *v2.SubmitSharesSuccess) {
	ch := c.channels[m.ChannelID]
	if ch == nil {
		c.warn("answer for no channel", "message", m.Type())
		return
	}
	n := upTo(ch.unanswered, m.LastSequenceNumber)
	for _, sub := range ch.unanswered[:n] {
		c.settle(sub, nil)
	}
	ch.unanswered = slices.Delete(ch.unanswered, 0, n)
	if uint32(n) != m.NewSubmitsAcceptedCount {
		c.warn("the pool counts other shares than it acknowledges", "channel", ch.id,
			"last", m.LastSequenceNumber, "counted", m.NewSubmitsAcceptedCount, "acknowledged", n)
	}
}

// upTo returns how many of subs, which are in the order of their numbers, have
// none above last. The numbers go round at 2^32.
func upTo(subs []*v2Submission, last uint32) int {
	n := 0
	for n < len(subs) && int32(subs[n].sequence-last) <= 0 {
		n++
	}
	return n
}

// pick takes the share of a number out of those that are unanswered. It is nil if
// there is none.
func (ch *v2Channel) pick(sequence uint32) *v2Submission {
	i := slices.IndexFunc(ch.unanswered, func(sub *v2Submission) bool { return sub.sequence == sequence })
	if i < 0 {
		return nil
	}
	sub := ch.unanswered[i]
	ch.unanswered = slices.Delete(ch.unanswered, i, i+1)
	return sub
}

// onRefused settles a share that was refused. An error ends the connection.
func (c *v2Conn) onRefused(m *v2.SubmitSharesError) error {
	ch := c.channels[m.ChannelID]
	if ch == nil {
		c.warn("answer for no channel", "message", m.Type())
		return nil
	}
	sub := ch.pick(m.SequenceNumber)
	if sub == nil {
		c.warn("the pool refuses a share that it has answered before", "channel", ch.id,
			"sequence", m.SequenceNumber, "code", clean(m.ErrorCode))
		return nil
	}
	c.settle(sub, &miner.Reject{Reason: clean(m.ErrorCode)})
	if m.ErrorCode == v2.CodeDifficultyTooLow && sub.share.Job.Target != ch.target {
		c.strict = true // it did not wait for the next job
		c.tighten(ch)
	}
	return c.judge(sub, m.ErrorCode)
}

// judge decides whether a pool that refused a share is still one. Shares without
// an answer may have been accepted: they end a row of refusals.
func (c *v2Conn) judge(sub *v2Submission, code string) error {
	ch := sub.job.channel
	if ch.refused != sub.sequence-1 {
		ch.rejects.run = 0
	}
	ch.refused = sub.sequence
	if c.cfg.Rejects < 0 || explainsV2(sub, code) || !ch.rejects.another(c.cfg.Rejects) {
		return nil
	}
	return c.errorf("it refuses shares for no reason that could be seen, %d in a row, the last with: %s", ch.rejects.run, clean(code))
}

// explainsV2 reports whether the miner can see why a share was refused, as
// conn.explains does.
func explainsV2(sub *v2Submission, code string) bool {
	ch, sh := sub.job.channel, &sub.share
	switch kindOf(&v1.Error{Message: strings.ReplaceAll(code, "-", " ")}) {
	case rejectStale:
		return ch.current == nil || sh.Job.ID != ch.current.ID
	case rejectLow:
		return !ch.target.Meets(&sh.Hash)
	}
	return false
}

// settle reports what became of a share.
func (c *v2Conn) settle(sub *v2Submission, err error) {
	c.pending--
	c.ms.Report(sub.share, err)
}

// leave is called when the connection is over. Nothing of it can be sent over
// another.
func (c *v2Conn) leave(ended bool) {
	err := errCutOff
	if ended {
		err = errBatch
	}
	for _, ch := range c.sorted() {
		for _, sub := range ch.unanswered {
			c.settle(sub, err)
		}
	}
	for _, sub := range c.shares {
		c.settle(sub, err)
	}
}
