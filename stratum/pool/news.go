package pool

import (
	"bytes"
	"slices"
	"strconv"
	"time"

	"gominer/hasher"
	"gominer/stratum/v1"
)

// tell sends what the client has to be told.
func (c *conn) tell() error {
	news, err := c.news()
	for _, m := range news {
		if err == nil {
			err = c.send(m)
		}
	}
	return err
}

// news returns what the client has to be told, and notes it as told.
func (c *conn) news() ([]v1.Message, error) {
	j := c.pool.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &c.sent
	first, work := s.job == nil, c.ready && j != nil
	if first && work {
		c.greetLocked()
	}
	out := c.notes
	c.notes = nil
	if !work {
		return out, nil
	}
	clean := first || s.job.epoch != j.epoch
	mask := c.mask & j.mask
	if c.pool.cfg.Quirks.FlapMask && s.count%2 == 1 {
		mask &= flapMask
	}
	if mask != s.mask {
		s.mask = mask
		out = append(out, &v1.SetVersionMask{Mask: mask})
	}
	if c.pool.cfg.Quirks.RenewExtranonces && !first && j != s.job {
		c.renew = true
	}
	renewed := c.renewLocked()
	if renewed {
		out = append(out, &v1.SetExtranonce{Extranonce1: c.extranonce1, Extranonce2Size: c.pool.cfg.Extranonce2Size})
	}
	c.capLocked(j)
	again := c.difficulty != s.difficulty
	if again {
		target, err := hasher.TargetFromDifficulty(c.difficulty)
		if err != nil { // not reached: every difficulty was checked on its way in
			return nil, err
		}
		s.difficulty, s.target = c.difficulty, target
		out = append(out, &v1.SetDifficulty{Difficulty: c.difficulty})
	}
	if j == s.job && !again && !renewed {
		return out, nil
	}
	if first {
		c.vardiff.start(time.Now())
	}
	if clean { // of the one before, shares are told to be stale
		s.jobs = slices.DeleteFunc(s.jobs, func(old sentJob) bool { return old.job.epoch+1 < j.epoch })
	}
	if len(s.jobs) == jobsKept {
		s.jobs = slices.Delete(s.jobs, 0, 1)
	}
	s.job = j
	s.count++
	id := c.pool.lastJob.Add(1)
	s.jobs = append(s.jobs, sentJob{id, j, s.difficulty, s.target, c.extranonce1, s.mask})
	return append(out, notify(j, id, clean)), nil
}

// renewLocked gives the client another extranonce1, if it should have one, and
// reports whether it did.
func (c *conn) renewLocked() bool {
	if !c.renew || !c.follows {
		c.renew = false
		return false
	}
	c.renew = false
	en, gone := c.pool.sessions.renew(c.session)
	if en == nil {
		return false
	}
	c.extranonce1 = en
	if gone != nil {
		c.sent.jobs = slices.DeleteFunc(c.sent.jobs, func(old sentJob) bool { return bytes.Equal(old.extranonce1, gone) })
	}
	return true
}

// capLocked keeps vardiff from asking for more than j's network does.
func (c *conn) capLocked(j *job) {
	if c.vardiff.perSecond > 0 {
		c.difficulty = max(j.cap(c.difficulty), c.floor, c.pool.cfg.MinDifficulty)
	}
}

// notify writes a job for Stratum V1.
func notify(j *job, id uint64, clean bool) *v1.Notify {
	t := j.template
	return &v1.Notify{
		JobID:    strconv.FormatUint(id, 16),
		PrevHash: t.PrevHash,
		Coinb1:   j.prefix,
		Coinb2:   j.suffix,
		Branch:   t.Branch,
		Version:  t.Version,
		Bits:     t.Bits,
		NTime:    j.time,
		Clean:    clean,
	}
}

// retarget lets vardiff change the difficulty.
func (c *conn) retarget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.vardiff.perSecond == 0 || c.sent.job == nil {
		return
	}
	now := time.Now()
	factor := c.vardiff.retarget(now)
	if factor == 1 {
		return
	}
	d := c.pool.cfg.clamp(c.sent.job.cap(round3(c.difficulty*factor)), c.floor)
	c.vardiff.start(now)
	if d == c.difficulty {
		return
	}
	c.log.Debug("difficulty changed", "event", "difficulty", "difficulty", d, "was", c.difficulty)
	c.difficulty = d
	c.wakeUp()
}
