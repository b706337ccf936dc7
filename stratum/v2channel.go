package stratum

import (
	"bytes"
	"slices"
	"strconv"
	"time"

	"gominer/hasher"
	"gominer/miner"
	"gominer/stratum/v2"
)

// v2Channel is a channel that the pool has opened.
type v2Channel struct {
	id, group uint32
	grouped   bool // what is sent to group is for this channel too
	extended  bool
	device    int // that mines on it, or allDevices
	opened    time.Time
	idle      time.Time // since when it has no job, if current is nil

	target hasher.Target // of jobs to come, and of those that wait
	prefix []byte        // of the extranonce, for jobs to come; never written to
	size   int           // of the extranonce behind it, in bytes; 0 on a standard channel

	future  []*v2Job     // that wait for their SetNewPrevHash, oldest first
	live    []*miner.Job // whose shares count, oldest first
	current *miner.Job   // the newest; nil before the first
	tip     *v2.SetNewPrevHash

	sequence   uint32          // the next share's
	unanswered []*v2Submission // that were sent, in the order of their numbers
	rejects    rejects         // for no reason to be seen, in a row
	refused    uint32          // number of the latest share that was

	rate float32   // H/s that the pool was told
	told time.Time // when
}

const (
	// mostFuture is how many future jobs of a channel are kept. A pool has a
	// handful.
	mostFuture = 32

	// mostLive is how many jobs of a channel shares are sent for. Pools keep
	// about 16 of those that newer ones have replaced.
	mostLive = 64
)

// in reports whether id is the channel's group.
func (ch *v2Channel) in(id uint32) bool { return ch.grouped && ch.group == id }

// v2Job is a job as the pool gave it, for one channel, with the extranonce
// prefix of that time.
type v2Job struct {
	channel  *v2Channel
	id       uint32
	version  uint32
	mask     uint32 // version bits to roll
	coinbase *miner.Coinbase
	root     hasher.Hash // where there is no coinbase
	height   uint32
}

// members returns the channels that a message to id is for, in the order of
// their ids: the channel itself, or those of the group.
func (c *v2Conn) members(id uint32) []*v2Channel {
	if ch := c.channels[id]; ch != nil {
		return []*v2Channel{ch}
	}
	return slices.DeleteFunc(c.sorted(), func(ch *v2Channel) bool { return !ch.in(id) })
}

// bip323 has the version bits that Stratum V2 gives to miners.
const bip323 = 0x1fffffe0

// mask returns the version bits to roll in a job.
func (c *v2Conn) mask(allowed bool) uint32 {
	if !allowed || c.fixed || c.cfg.NoVersionRolling {
		return 0
	}
	return c.cfg.VersionMask & bip323
}

// onJob takes a job with a fixed merkle root.
func (c *v2Conn) onJob(m *v2.NewMiningJob) error {
	ch := c.channels[m.ChannelID]
	switch {
	case ch == nil:
		c.warn("job for no channel", "channel", m.ChannelID)
		return nil
	case ch.extended:
		return c.errorf("it sends a standard job to an extended channel")
	}
	return c.addJob(ch, &v2Job{id: m.JobID, version: m.Version, mask: c.mask(true), root: m.MerkleRoot}, m.Future, m.MinNTime)
}

// onExtendedJob takes a job for an extended channel, or for every channel of a
// group. Standard channels roll nothing of it.
func (c *v2Conn) onExtendedJob(m *v2.NewExtendedMiningJob) error {
	members := c.members(m.ChannelID)
	if len(members) == 0 {
		c.warn("job for no channel", "channel", m.ChannelID)
		return nil
	}
	if err := m.StripWitness(); err != nil {
		return c.errorf("%w", err)
	}
	for _, ch := range members {
		j := &v2Job{id: m.JobID, version: m.Version, mask: c.mask(m.VersionRollingAllowed), height: heightOf(m.CoinbaseTxPrefix, m.Version)}
		j.coinbase = &miner.Coinbase{
			Prefix: m.CoinbaseTxPrefix, Suffix: m.CoinbaseTxSuffix,
			Extranonce1: ch.prefix, Extranonce2Size: ch.size, Branch: m.MerklePath,
		}
		if err := c.addJob(ch, j, m.Future, m.MinNTime); err != nil {
			return err
		}
	}
	return nil
}

// addJob keeps a future job, or starts one.
func (c *v2Conn) addJob(ch *v2Channel, j *v2Job, future bool, ntime uint32) error {
	j.channel = ch
	if future {
		ch.future = slices.DeleteFunc(ch.future, func(old *v2Job) bool { return old.id == j.id })
		if len(ch.future) == mostFuture {
			ch.future = slices.Delete(ch.future, 0, 1)
		}
		ch.future = append(ch.future, j)
		return nil
	}
	if ch.tip == nil {
		return c.errorf("it sends job %d to be mined now, but has not said on which block", j.id)
	}
	c.start(j, ntime, false)
	return nil
}

// onPrevHash starts the future job that m names; all others are worthless.
func (c *v2Conn) onPrevHash(m *v2.SetNewPrevHash) error {
	members := c.members(m.ChannelID)
	if len(members) == 0 {
		c.warn("new block for no channel", "channel", m.ChannelID)
		return nil
	}
	if !slices.ContainsFunc(members, func(ch *v2Channel) bool { return ch.waiting(m.JobID) != nil }) {
		return c.errorf("there is a new block, and job %d that it wants mined on it was never sent", m.JobID)
	}
	for _, ch := range members {
		j := ch.waiting(m.JobID)
		c.drop(ch, errReplaced)
		ch.tip = m
		if j == nil { // the group has got it before the channel was there
			c.warn("new block without a job for the channel", "channel", ch.id, "job", m.JobID)
			c.rest(ch)
			continue
		}
		c.start(j, m.MinNTime, true)
	}
	return nil
}

// waiting returns the future job of an id, nil if there is none.
func (ch *v2Channel) waiting(id uint32) *v2Job {
	for _, j := range ch.future {
		if j.id == id {
			return j
		}
	}
	return nil
}

// drop forgets every job of a channel. Shares of them that are not sent never
// are, because of why.
func (c *v2Conn) drop(ch *v2Channel, why error) {
	for _, j := range ch.live {
		delete(c.jobs, j)
	}
	ch.future, ch.live = nil, nil
	c.shares = slices.DeleteFunc(c.shares, func(sub *v2Submission) bool {
		if sub.job.channel == ch {
			c.settle(sub, why)
			return true
		}
		return false
	})
}

// start makes j the job of its channel, on the block at its tip.
func (c *v2Conn) start(j *v2Job, ntime uint32, clean bool) {
	ch := j.channel
	c.publish(j, &miner.Job{
		ID:          strconv.FormatUint(uint64(j.id), 10),
		Version:     j.version,
		VersionMask: j.mask,
		PrevHash:    ch.tip.PrevHash,
		Coinbase:    j.coinbase,
		Root:        j.root,
		NTime:       ntime,
		Bits:        ch.tip.Bits,
		Target:      ch.target,
		Clean:       clean,
		Height:      j.height,
	})
}

// publish has mj mined, which is j as the miner sees it.
func (c *v2Conn) publish(j *v2Job, mj *miner.Job) {
	ch := j.channel
	if len(ch.live) == mostLive {
		delete(c.jobs, ch.live[0])
		ch.live = slices.Delete(ch.live, 0, 1)
	}
	ch.live = append(ch.live, mj)
	c.jobs[mj] = j
	news := ch.current == nil || ch.current.VersionMask != mj.VersionMask
	ch.current = mj
	if !c.up || news {
		c.up = true
		c.status()
	}
	if ch.device == allDevices {
		c.ms.Publish(mj)
	} else {
		c.ms.PublishTo(ch.device, mj)
	}
}

// rest ends the work of a channel.
func (c *v2Conn) rest(ch *v2Channel) {
	ch.current, ch.idle = nil, time.Now()
	if ch.device == allDevices {
		c.ms.Publish(nil)
	} else {
		c.ms.PublishTo(ch.device, nil)
	}
}

// onTarget sets the target of a channel, or of those of a group, for jobs that
// are not being mined yet. That of a job in progress is only changed where the
// pool has been seen to.
func (c *v2Conn) onTarget(m *v2.SetTarget) error {
	if err := checkTarget(&m.MaximumTarget); err != nil {
		return c.errorf("%w", err)
	}
	for _, ch := range c.members(m.ChannelID) {
		ch.target = m.MaximumTarget
		if c.strict {
			c.tighten(ch)
		}
	}
	return nil
}

// tighten has the current job of a channel mined to the channel's target, if
// that is the harder one. A share that meets it meets the job's own too.
func (c *v2Conn) tighten(ch *v2Channel) {
	old := ch.current
	target := hasher.Hash(ch.target)
	if old == nil || old.Target == ch.target || !old.Target.Meets(&target) {
		return
	}
	j := *old
	j.Target, j.Clean = ch.target, false
	c.publish(c.jobs[old], &j)
}

// onPrefix sets the extranonce prefix of a channel for jobs that come from now
// on. Those that came keep theirs.
func (c *v2Conn) onPrefix(m *v2.SetExtranoncePrefix) error {
	ch := c.channels[m.ChannelID]
	switch {
	case ch == nil:
		c.warn("extranonce for no channel", "channel", m.ChannelID)
		return nil
	case len(m.ExtranoncePrefix)+ch.size > v2.MaxExtranonce:
		return c.errorf("it sets an extranonce of %d + %d bytes, there is room for %d", len(m.ExtranoncePrefix), ch.size, v2.MaxExtranonce)
	}
	ch.prefix = bytes.Clone(m.ExtranoncePrefix)
	return nil
}

// onGroup puts channels into a group.
func (c *v2Conn) onGroup(m *v2.SetGroupChannel) error {
	if c.channels[m.GroupChannelID] != nil {
		return c.errorf("it makes a group of the id %d, which is a channel's", m.GroupChannelID)
	}
	for _, id := range m.ChannelIDs {
		if ch := c.channels[id]; ch != nil {
			ch.group, ch.grouped = m.GroupChannelID, true
		}
	}
	return nil
}

// reopenAfter is how long a channel must have been open for another to be asked
// for when the pool closes it.
const reopenAfter = time.Minute

// onClose ends a channel, or those of a group. For each that did not fail at
// once another is asked for.
func (c *v2Conn) onClose(m *v2.CloseChannel) error {
	for _, ch := range c.members(m.ChannelID) {
		reason := clean(m.ReasonCode)
		if time.Since(ch.opened) < reopenAfter {
			return c.errorf("it closes the channel: %s", reason)
		}
		c.warn("the pool closes a channel: asking for another", "channel", ch.id, "reason", reason)
		c.drop(ch, errClosed)
		for _, sub := range ch.unanswered {
			c.settle(sub, errClosed)
		}
		delete(c.channels, ch.id)
		c.rest(ch)
		c.open(ch.device, ch.extended)
	}
	return nil
}
