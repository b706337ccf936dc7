package pool

import (
	"context"
	"slices"
	"strconv"
	"time"

	"gominer/stratum/v1"
)

const (
	submitTime = time.Minute     // for handing over a block
	answerTime = 5 * time.Second // its share is answered by then
)

// gaveJob reports whether a job of this id may have been sent to somebody, in
// this run or one before.
func (p *Pool) gaveJob(id string) bool {
	n, err := strconv.ParseUint(id, 16, 64)
	return err == nil && n <= p.lastJob.Load()
}

// jobLocked returns a job by its id, nil if the client has no such job.
func (c *conn) jobLocked(id string) *sentJob {
	n, err := strconv.ParseUint(id, 16, 64)
	if err != nil {
		return nil
	}
	for i := range slices.Backward(c.sent.jobs) {
		if s := &c.sent.jobs[i]; s.id == n && strconv.FormatUint(n, 16) == id {
			copied := *s // the list moves on
			return &copied
		}
	}
	return nil
}

func (c *conn) submit(m *v1.Submit) error {
	// The epoch counts as the share comes in: it may be the block that ends it.
	at, now := c.pool.moment(), time.Now()
	claim, s, w, v := c.claim(m)
	if v == nil {
		v = judge(claim, s, at.age(claim.job, c.pool.cfg.StaleGrace, now), c.pool.cfg.Extranonce2Size, now)
		if v.block {
			c.handOver(claim.job, v.found, w)
		}
	}
	return c.settle(m.ID, w, m.JobID, v)
}

// claim finds out what a submission claims, or why it cannot be judged.
func (c *conn) claim(m *v1.Submit) (*claim, *session, *worker, *verdict) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session == nil {
		return nil, nil, nil, refuse(v1.CodeNotSubscribed, "not subscribed")
	}
	w := c.workers[m.Worker]
	if w == nil {
		return nil, nil, nil, refuse(v1.CodeUnauthorized, "unauthorized worker")
	}
	s := c.jobLocked(m.JobID)
	if s == nil {
		v := refuse(v1.CodeJobNotFound, "job not found")
		v.innocent = c.pool.gaveJob(m.JobID)
		return nil, nil, w, v
	}
	version := s.job.template.Version
	if m.HasVersionBits {
		mask := c.sent.mask
		if m.VersionBits&^mask != 0 { // it was found before the mask changed
			mask = s.mask
		}
		switch {
		case c.mask == 0:
			return nil, nil, w, refuse(v1.CodeOther, "version bits were not granted: ask with mining.configure")
		case m.VersionBits&^mask != 0:
			return nil, nil, w, refuse(v1.CodeOther, "version bits %08x are outside the mask %08x", m.VersionBits, mask)
		}
		version = version&^mask | m.VersionBits
	}
	if c.pool.cfg.Quirks.EnforceAtOnce {
		s.difficulty, s.target = c.sent.difficulty, c.sent.target
	}
	return &claim{
		share: share{
			extranonce1: s.extranonce1,
			extranonce2: m.Extranonce2,
			version:     version,
			ntime:       m.NTime,
			nonce:       m.Nonce,
		},
		job:        s.job,
		difficulty: s.difficulty,
		target:     s.target,
	}, c.session, w, nil
}

// settle counts, logs and answers a share.
func (c *conn) settle(id v1.ID, w *worker, jobID string, v *verdict) error {
	now := time.Now()
	c.pool.ledger.share(now, v, &c.tally, w)
	attrs := []any{"event", "share"}
	if w != nil {
		attrs = append(attrs, "worker", w.shown)
	}
	attrs = append(attrs, "job", v1.CleanText(jobID, shownName))
	if v.found != nil {
		attrs = append(attrs, "difficulty", v.difficulty, "share_difficulty", v.found.hash.Difficulty(), "hash", v.found.hash.String())
	}
	if v.code != 0 {
		reason := v1.CleanText(v.reason, 256)
		c.log.Log(context.Background(), c.complaint(now), "share rejected", append(attrs, "result", "rejected", "code", v.code, "reason", reason)...)
		return c.punish(id, v, reason, now)
	}
	if c.bound {
		c.pool.guard.good(c.key, now)
	}
	c.log.Debug("share accepted", append(attrs, "result", "accepted")...)
	if err := c.accept(id); err != nil {
		return err
	}
	if c.vardiff.perSecond > 0 {
		c.mu.Lock()
		c.vardiff.share(now, v.difficulty/c.difficulty)
		c.mu.Unlock()
		c.retarget()
	}
	return nil
}

// punish answers a bad share. One too many ends the connection.
func (c *conn) punish(id v1.ID, v *verdict, reason string, now time.Time) error {
	var ban error
	if !v.innocent {
		if ban = c.pool.blame(&c.visitor, 1, now); ban != nil {
			reason += "; " + ban.Error()
		}
	}
	if err := c.refuse(id, v.code, reason); err != nil {
		return err
	}
	return ban
}
