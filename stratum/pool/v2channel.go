package pool

import (
	"slices"
	"time"

	"gominer/hasher"
	"gominer/internal/chain"
	"gominer/stratum/v2"
)

// v2Channel is a channel of a connection, guarded by the connection's lock.
type v2Channel struct {
	id        uint32
	extended  bool
	user      string
	worker    *worker
	session   *session // its extranonce1, and what was found under it
	maxTarget hasher.Target

	opened     bool     // the client is being told: jobs may come
	difficulty float64  // that it should have
	terms      *v2Terms // of the next job
	confirm    bool     // its target is to be told, changed or not
	renew      bool     // it should get another extranonce1
	vardiff    vardiff
	jobs       []v2Sent // that it may send shares for, the latest last
	ack        v2Ack
}

// v2Terms are what a channel's shares are judged by, from one job on. They do
// not change.
type v2Terms struct {
	prefix     []byte // of the extranonce: all of it on a standard channel
	difficulty float64
	target     hasher.Target
}

// v2Sent is a job that a channel may send shares for.
type v2Sent struct {
	id    uint32
	job   *job
	terms *v2Terms
}

// v2Ack counts accepted shares that the client was not told of.
type v2Ack struct {
	count uint32
	last  uint32  // the latest one's number
	sum   float64 // of difficulties
	since time.Time
	due   bool // it need not wait for more
}

// v2JobsKept is how many jobs of a channel shares are taken for: as many as the
// reference implementation keeps.
const v2JobsKept = 16

// v2Difficulty returns the difficulty of a channel that makes rate H/s, and had,
// or would have, another one.
func (p *Pool) v2Difficulty(ch *v2Channel, present float64, rate float32) float64 {
	d := present
	if p.cfg.Vardiff > 0 && rate > 0 {
		d = round3(float64(rate) * 60 / p.cfg.Vardiff / hashesPerDiff)
	}
	if p.cfg.Vardiff > 0 {
		return p.cfg.clamp(d, ch.maxTarget.Difficulty())
	}
	return max(d, ch.maxTarget.Difficulty())
}

// v2Prefix returns the extranonce prefix of a channel's next job.
func (p *Pool) v2Prefix(ch *v2Channel) []byte {
	en := p.sessions.extranonce1(ch.session)
	if ch.extended {
		return en
	}
	return append(slices.Clip(en), make([]byte, p.cfg.V2.ExtranonceSize)...)
}

// renewTerms makes the channel's difficulty and a prefix count from the next job
// on.
func (ch *v2Channel) renewTerms(prefix []byte) {
	t := &v2Terms{prefix: prefix, difficulty: ch.difficulty}
	target, err := hasher.TargetFromDifficulty(ch.difficulty)
	if h := hasher.Hash(target); err != nil || !ch.maxTarget.Meets(&h) { // by a rounding
		target = ch.maxTarget
	}
	t.target = target
	ch.terms = t
}

// give notes that the channel has got a job.
func (ch *v2Channel) give(id uint32, j *job) {
	ch.jobs = slices.DeleteFunc(ch.jobs, func(old v2Sent) bool { return old.job.epoch+1 < j.epoch })
	if len(ch.jobs) == v2JobsKept {
		ch.jobs = slices.Delete(ch.jobs, 0, 1)
	}
	ch.jobs = append(ch.jobs, v2Sent{id, j, ch.terms})
}

// job returns a job of the channel, nil if it has none of that id.
func (ch *v2Channel) job(id uint32) *v2Sent {
	for i := range ch.jobs {
		if ch.jobs[i].id == id {
			sent := ch.jobs[i]
			return &sent
		}
	}
	return nil
}

// standardJob returns a job for a standard channel.
func (ch *v2Channel) standardJob(id uint32, j *job) *v2.NewMiningJob {
	coinbase := slices.Concat(j.prefix, ch.terms.prefix, j.suffix)
	root := chain.FoldBranch(hasher.DoubleSum(coinbase), j.template.Branch)
	return &v2.NewMiningJob{ChannelID: ch.id, JobID: id, Future: true, Version: j.template.Version, MerkleRoot: root}
}

// extendedJob returns a job for an extended channel or a group, a future one.
func (c *v2Client) extendedJob(channel, id uint32, j *job) *v2.NewExtendedMiningJob {
	return &v2.NewExtendedMiningJob{
		ChannelID: channel, JobID: id, Future: true, Version: j.template.Version, VersionRollingAllowed: j.mask != 0 && !c.fixed,
		MerklePath: j.template.Branch, CoinbaseTxPrefix: j.prefix, CoinbaseTxSuffix: j.suffix,
	}
}

// jobFor returns a job for one channel: a future one if ntime is 0, else one to
// be mined now.
func (c *v2Client) jobFor(ch *v2Channel, id uint32, j *job, ntime uint32) v2.Message {
	ch.give(id, j)
	if ch.extended {
		m := c.extendedJob(ch.id, id, j)
		m.Future, m.MinNTime = ntime == 0, ntime
		return m
	}
	m := ch.standardJob(id, j)
	m.Future, m.MinNTime = ntime == 0, ntime
	return m
}

// news returns what the client has to be told, and notes it as told. With last,
// shares that wait for their batch are acknowledged too, and nothing else.
func (c *v2Conn) news(now time.Time, last bool) ([]v2.Message, error) {
	w, err := c.pool.nowV2()
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.acksLocked(now, last || c.moveTo != nil)
	if c.moveTo != nil && c.setUp {
		out, c.moveTo = append(out, c.moveTo), nil
	}
	if err != nil || last || w.job == nil || len(c.order) == 0 {
		return out, err
	}
	fresh := c.told != w.job
	clean := c.told == nil || c.told.epoch != w.job.epoch
	c.told = w.job
	var others, changed []*v2Channel
	for _, ch := range c.order {
		if !ch.opened {
			continue
		}
		first := len(ch.jobs) == 0
		msgs, again := c.termsLocked(ch, w.job)
		if first { // its job goes before all else; a target is for future jobs that are there, too
			c.lastJob++
			ch.vardiff.start(now)
			out = append(append(out, c.jobFor(ch, c.lastJob, w.job, 0)), msgs...)
			out = append(out, w.block(ch.id, c.lastJob))
			continue
		}
		out = append(out, msgs...)
		others = append(others, ch)
		if again {
			changed = append(changed, ch)
		}
	}
	if fresh && len(others) > 0 {
		return c.broadcastLocked(out, others, w, clean), nil
	}
	for _, ch := range changed {
		c.lastJob++
		out = append(out, c.jobFor(ch, c.lastJob, w.job, w.time))
	}
	return out, nil
}

// block returns the message that starts a future job.
func (w *v2Work) block(channel, job uint32) *v2.SetNewPrevHash {
	t := w.job.template
	return &v2.SetNewPrevHash{ChannelID: channel, JobID: job, PrevHash: t.PrevHash, MinNTime: w.time, Bits: t.Bits}
}

// termsLocked brings a channel's terms up to date. Again says that they are
// others than those of its latest job.
func (c *v2Conn) termsLocked(ch *v2Channel, j *job) (out []v2.Message, again bool) {
	if ch.vardiff.perSecond > 0 {
		ch.difficulty = max(j.cap(ch.difficulty), ch.maxTarget.Difficulty(), c.pool.cfg.MinDifficulty)
	}
	prefix := ch.terms.prefix
	if ch.renew && len(ch.jobs) > 0 {
		en, gone := c.pool.sessions.renew(ch.session)
		if again = en != nil; again {
			prefix = c.pool.v2Prefix(ch)
			out = append(out, &v2.SetExtranoncePrefix{ChannelID: ch.id, ExtranoncePrefix: prefix})
		}
		if gone != nil {
			ch.jobs = slices.DeleteFunc(ch.jobs, func(old v2Sent) bool { return slices.Equal(old.terms.prefix[:len(gone)], gone) })
		}
	}
	ch.renew = false
	old := ch.terms
	if again || ch.difficulty != old.difficulty || !meets(&ch.maxTarget, &old.target) {
		ch.renewTerms(prefix)
		again = true
	}
	if ch.confirm || ch.terms.target != old.target {
		out = append(out, &v2.SetTarget{ChannelID: ch.id, MaximumTarget: ch.terms.target})
	}
	ch.confirm = false
	return out, again
}

// meets reports whether target is not above limit.
func meets(limit, target *hasher.Target) bool {
	h := hasher.Hash(*target)
	return limit.Meets(&h)
}

// broadcastLocked adds a job for all channels to out: one message for the group,
// or one for each of others, which have jobs already, of a client that takes
// standard jobs alone.
func (c *v2Conn) broadcastLocked(out []v2.Message, others []*v2Channel, w v2Work, clean bool) []v2.Message {
	c.lastJob++
	id, ntime := c.lastJob, w.time
	if clean {
		ntime = 0
	}
	if c.standard {
		for _, ch := range others {
			out = append(out, c.jobFor(ch, id, w.job, ntime))
			if clean {
				out = append(out, w.block(ch.id, id))
			}
		}
		return out
	}
	m := c.extendedJob(groupID, id, w.job)
	m.Future, m.MinNTime = clean, ntime
	out = append(out, m)
	for _, ch := range c.order {
		if ch.opened {
			ch.give(id, w.job)
		}
	}
	if clean {
		out = append(out, w.block(groupID, id))
	}
	return out
}

// retarget lets vardiff change the difficulty of every channel.
func (c *v2Conn) retarget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.told == nil {
		return
	}
	now := time.Now()
	for _, ch := range c.order {
		c.retargetLocked(ch, now)
	}
}

func (c *v2Conn) retargetLocked(ch *v2Channel, now time.Time) {
	if ch.vardiff.perSecond == 0 || len(ch.jobs) == 0 {
		return
	}
	factor := ch.vardiff.retarget(now)
	if factor == 1 {
		return
	}
	d := c.pool.cfg.clamp(c.told.cap(round3(ch.difficulty*factor)), ch.maxTarget.Difficulty())
	ch.vardiff.start(now)
	if d == ch.difficulty {
		return
	}
	c.log.Debug("difficulty changed", "event", "difficulty", "channel", ch.id, "difficulty", d, "was", ch.difficulty)
	ch.difficulty = d
	c.wakeUp()
}
