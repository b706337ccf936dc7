package stratum

import (
	"slices"

	"gominer/hasher"
	"gominer/miner"
	"gominer/stratum/v1"
)

// extranonce is what makes a connection's work its own. It is comparable.
type extranonce struct {
	one  string // extranonce1, the bytes
	size int    // of extranonce2, in bytes
}

// mostIssued is how many extranonces of one connection are remembered. A pool
// changes them once a day, not once a second.
const mostIssued = 64

// setExtranonce makes e that of the next job.
func (c *conn) setExtranonce(e extranonce) {
	c.extranonce = e
	if slices.Contains(c.issued, e) {
		return
	}
	if len(c.issued) == mostIssued {
		c.issued = slices.Delete(c.issued, 0, 1)
	}
	c.issued = append(c.issued, e)
}

// owns reports whether shares of j may go over this connection: it must have
// given out the extranonce that they were found under.
func (c *conn) owns(j *miner.Job) bool {
	cb := j.Coinbase
	return cb != nil && slices.Contains(c.issued, extranonce{string(cb.Extranonce1), cb.Extranonce2Size})
}

// onNotify makes n the job.
func (c *conn) onNotify(n *v1.Notify) {
	j := &miner.Job{
		ID:          n.JobID,
		Version:     n.Version,
		VersionMask: c.mask,
		PrevHash:    n.PrevHash,
		Coinbase: &miner.Coinbase{
			Prefix:          n.Coinb1,
			Suffix:          n.Coinb2,
			Extranonce1:     []byte(c.extranonce.one),
			Extranonce2Size: c.extranonce.size,
			Branch:          n.Branch,
		},
		NTime:  n.NTime,
		Bits:   n.Bits,
		Target: c.target,
		Clean:  n.Clean,
		Height: heightOf(n.Coinb1, n.Version),
	}
	if c.job != nil && c.job.PrevHash != j.PrevHash && !j.Clean {
		c.saw(traitNotClean) // nothing found before can be a block any more
		j.Clean = true
	}
	switch len(n.Branch) {
	case 0:
		j.Transactions = 1
	case 1:
		j.Transactions = 2
	}
	if tx, err := coinbaseOf(j.Coinbase); err == nil {
		j.Value = valueOf(tx)
	} else {
		c.saw(traitOddCoinbase)
		c.src.log.Debug("the coinbase is no transaction", "job", n.JobID, "error", err)
	}
	c.setJob(j)
}

// setJob makes j the newest job. It is mined once the worker is authorized.
func (c *conn) setJob(j *miner.Job) {
	if c.job != nil && !c.authorized { // it was never published
		j.Clean = j.Clean || c.job.Clean
	}
	c.job = j
	if c.authorized {
		c.publish()
	}
}

func (c *conn) publish() {
	if !c.up {
		c.up = true
		c.seen[traitNudged] = c.alive.nudged
		c.status()
	}
	c.ms.Publish(c.job)
}

// setDifficulty sets the target of the next job; that of the job in progress too
// where Config.DifficultyNow says so, and where the pool is known to enforce it
// and it is the harder one.
func (c *conn) setDifficulty(d float64) {
	t, err := hasher.TargetFromDifficulty(d)
	if err != nil {
		c.src.log.Warn("difficulty refused, the previous one stays", "error", err)
		return
	}
	if d == c.cfg.SuggestDifficulty || t == c.cfg.SuggestTarget {
		c.saw(traitSuggested)
	}
	c.target = t
	switch {
	case c.job == nil:
	case c.cfg.DifficultyNow && t != c.job.Target:
		c.retarget()
	case c.src.atOnce:
		c.harden()
	}
}

// retarget gives the job in progress the pool's target.
func (c *conn) retarget() {
	j := *c.job
	j.Target, j.Clean = c.target, false
	c.setJob(&j)
}

// setMask sets the version bits to roll from now on, for the job in progress
// too. Work that rolls bits which were taken away is worthless.
func (c *conn) setMask(granted uint32) {
	mask := granted & c.cfg.VersionMask
	lost := c.mask &^ mask
	c.mask = mask
	if c.job != nil && c.job.VersionMask != mask {
		j := *c.job
		j.VersionMask, j.Clean = mask, lost != 0
		c.setJob(&j)
	}
	c.status()
}
