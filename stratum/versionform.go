package stratum

import (
	"gominer/miner"
)

// versionForm is what a pool takes the sixth parameter of mining.submit for.
// Where a job presets none of the bits that may be rolled, all come to the same.
type versionForm int

const (
	// versionBits are the header's bits under the mask, as BIP310 has it. ckpool
	// adds them to the job's: that is the same as long as no preset bit is missing.
	versionBits versionForm = iota

	// versionChange is what differs from the job's version: M45-goPool and
	// public-pool.
	versionChange
)

func (f versionForm) other() versionForm { return versionChange - f }

// of returns the parameter for a share.
func (f versionForm) of(sh *miner.Share) uint32 {
	if f == versionChange {
		return sh.Version ^ sh.Job.Version
	}
	return sh.Version & sh.Job.VersionMask
}

// ambiguous reports whether the forms differ for the shares of a job.
func ambiguous(j *miner.Job) bool { return j.Version&j.VersionMask != 0 }

// turn sends a share again that the pool hashed to something else, in the other
// form. It reports whether that is to be tried.
func (c *conn) turn(sub *submission, kind rejectKind) bool {
	sh := &sub.share
	if sub.number == 0 || kind != rejectLow || !c.rolling || sub.turned || !ambiguous(sh.Job) || !c.target.Meets(&sh.Hash) || !c.ending.IsZero() {
		return false
	}
	c.release(sub)
	sub.turned, sub.form = true, sub.form.other()
	c.submit(sub)
	return true
}

// turnedOut notes that the pool took a share in the form that it was turned to.
func (c *conn) turnedOut(sub *submission) {
	if !sub.turned || c.src.form == sub.form {
		return
	}
	c.src.form = sub.form
	c.seen[traitVersionChange] = sub.form == versionChange
	c.status()
	c.src.log.Info("the pool reads the version bits of a share in another way: so it gets them from now on")
}
