package pool

import (
	"context"
	"strings"
	"time"

	"gominer/stratum/v1"
	"gominer/stratum/v2"
)

// submit judges a share and answers it: a refusal at once, what is accepted in
// batches.
func (c *v2Conn) submit(m *v2.SubmitSharesExtended, extended bool) error {
	// The epoch counts as the share comes in: it may be the block that ends it.
	at, now := c.pool.moment(), time.Now()
	claim, ch, w, v := c.claim(m, extended)
	size := 0
	if extended {
		size = c.pool.cfg.V2.ExtranonceSize
	}
	code := ""
	if v == nil {
		v = judge(claim, ch.session, at.age(claim.job, c.pool.cfg.StaleGrace, now), size, now)
		if v.block {
			c.handOver(claim.job, v.found, w)
		}
		code = codeOf(v)
	} else {
		code = v.reason
	}
	c.pool.ledger.share(now, v, &c.tally, w)
	if v.code != 0 {
		return c.refuseShare(m, v, code, now)
	}
	if c.bound {
		c.pool.guard.good(c.key, now)
	}
	c.log.Debug("share accepted", "event", "share", "worker", w.shown, "channel", m.ChannelID, "job", m.JobID,
		"difficulty", v.difficulty, "share_difficulty", v.found.hash.Difficulty(), "hash", v.found.hash.String(), "result", "accepted")
	c.accepted(ch, m.SequenceNumber, v, now)
	return nil
}

// codeOf returns the word for a refusal of judge.
func codeOf(v *verdict) string {
	switch v.code {
	case v1.CodeJobNotFound:
		return v2.CodeStaleShare
	case v1.CodeLowDifficulty:
		return v2.CodeDifficultyTooLow
	case v1.CodeDuplicate:
		return v2.CodeDuplicateShare
	}
	return v2.CodeInvalidShare
}

// claim finds out what a submission claims, or why it cannot be judged: the
// reason of the verdict is the word for it.
func (c *v2Conn) claim(m *v2.SubmitSharesExtended, extended bool) (*claim, *v2Channel, *worker, *verdict) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := c.channels[m.ChannelID]
	if ch == nil {
		v := refuse(v1.CodeOther, v2.CodeInvalidChannelID)
		v.innocent = m.ChannelID > groupID && m.ChannelID <= c.lastID // it was closed a moment ago
		return nil, nil, nil, v
	}
	w, code := c.finderLocked(ch, m)
	if code != "" {
		return nil, ch, ch.worker, refuse(v1.CodeOther, "%s", code)
	}
	s := ch.job(m.JobID)
	if s == nil {
		v := refuse(v1.CodeJobNotFound, v2.CodeInvalidJobID)
		if m.JobID > 0 && m.JobID <= c.lastJob {
			v.reason, v.innocent = v2.CodeStaleShare, true
		}
		return nil, ch, w, v
	}
	version := s.job.template.Version
	switch {
	case extended != ch.extended:
		return nil, ch, w, refuse(v1.CodeOther, v2.CodeInvalidShare)
	case extended && len(m.Extranonce) != c.pool.cfg.V2.ExtranonceSize:
		return nil, ch, w, refuse(v1.CodeOther, v2.CodeBadExtranonceSize)
	case m.Version != version && (c.fixed || s.job.mask == 0):
		return nil, ch, w, refuse(v1.CodeOther, v2.CodeVersionRollingNotAllowed)
	case (m.Version^version)&^bip323 != 0:
		return nil, ch, w, refuse(v1.CodeOther, v2.CodeInvalidVersionBit)
	}
	terms := s.terms
	if c.pool.cfg.Quirks.EnforceAtOnce {
		terms = ch.terms
	}
	return &claim{
		share:      share{extranonce1: s.terms.prefix, extranonce2: m.Extranonce, version: m.Version, ntime: m.NTime, nonce: m.Nonce},
		job:        s.job,
		difficulty: terms.difficulty,
		target:     terms.target,
	}, ch, w, nil
}

// finderLocked returns the worker that a share counts for: the channel's, or one
// of the same account that the share names.
func (c *v2Conn) finderLocked(ch *v2Channel, m *v2.SubmitSharesExtended) (w *worker, code string) {
	if !c.names {
		return ch.worker, ""
	}
	name, ok, err := m.UserIdentity()
	switch {
	case err != nil:
		return nil, v2.CodeInvalidShare
	case !ok || name == "":
		return ch.worker, ""
	}
	account, _, _ := strings.Cut(ch.user, ".")
	if w = c.workerLocked(account + "." + name); w == nil {
		return ch.worker, ""
	}
	return w, ""
}

// refuseShare logs and answers a bad share. One too many ends the connection.
func (c *v2Conn) refuseShare(m *v2.SubmitSharesExtended, v *verdict, code string, now time.Time) error {
	c.log.Log(context.Background(), c.complaint(now), "share rejected", "event", "share", "channel", m.ChannelID, "job", m.JobID,
		"result", "rejected", "code", v.code, "reason", code, "details", v1.CleanText(v.reason, 256))
	var ban error
	if !v.innocent {
		ban = c.pool.blame(&c.visitor, 1, now)
	}
	if err := c.answer(&v2.SubmitSharesError{ChannelID: m.ChannelID, SequenceNumber: m.SequenceNumber, ErrorCode: code}); err != nil {
		return err
	}
	return ban
}

// accepted counts a share for its batch, which the writer acknowledges once it is
// full or has a block in it.
func (c *v2Conn) accepted(ch *v2Channel, sequence uint32, v *verdict, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := &ch.ack
	if a.count == 0 {
		a.since = now
	}
	a.count++
	a.last = sequence
	a.sum += v.difficulty
	if int(a.count) >= c.pool.cfg.V2.Batch || v.block {
		a.due = true
		c.wakeUp()
	}
	if ch.vardiff.perSecond > 0 {
		ch.vardiff.share(now, v.difficulty/ch.difficulty)
		if c.told != nil {
			c.retargetLocked(ch, now)
		}
	}
}

// acknowledge returns the message for the batch, and begins another.
func (ch *v2Channel) acknowledge() v2.Message {
	a := &ch.ack
	m := &v2.SubmitSharesSuccess{
		ChannelID: ch.id, LastSequenceNumber: a.last, NewSubmitsAcceptedCount: a.count, NewSharesSum: uint64(min(a.sum, 1<<63)),
	}
	*a = v2Ack{}
	return m
}

// acksLocked acknowledges batches that have waited for long; with all, every
// one.
func (c *v2Conn) acksLocked(now time.Time, all bool) (out []v2.Message) {
	for _, ch := range c.order {
		if ch.ack.count > 0 && (all || ch.ack.due || now.Sub(ch.ack.since) > ackTime-ackLook) {
			out = append(out, ch.acknowledge())
		}
	}
	return out
}
