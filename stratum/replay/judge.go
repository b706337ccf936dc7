package replay

import (
	"fmt"

	"gominer/hasher"
	"gominer/internal/chain"
	"gominer/stratum/v1"
)

// Header returns the header that a share stands for: that of its job, with the
// extranonce1 that was in force for it, and with the version bits of the share
// under the mask.
func Header(job *v1.Notify, extranonce1 []byte, share *v1.Submit, mask uint32) (h hasher.Header) {
	coinbase := make([]byte, 0, len(job.Coinb1)+len(extranonce1)+len(share.Extranonce2)+len(job.Coinb2))
	for _, part := range [][]byte{job.Coinb1, extranonce1, share.Extranonce2, job.Coinb2} {
		coinbase = append(coinbase, part...)
	}
	version := job.Version
	if share.HasVersionBits {
		version = version&^mask | share.VersionBits&mask
	}
	h.SetVersion(version)
	h.SetPrevHash(job.PrevHash)
	h.SetMerkleRoot(chain.FoldBranch(hasher.DoubleSum(coinbase), job.Branch))
	h.SetTime(share.NTime)
	h.SetBits(job.Bits)
	h.SetNonce(share.Nonce)
	return h
}

// told is what the miner knows from what the pool said: what its shares are
// judged by.
type told struct {
	target      hasher.Target // from the next job on
	extranonce1 []byte        // likewise
	size        int           // of extranonce2, bytes; likewise
	mask        uint32        // version bits that may be rolled
	masks       uint32        // all that were, at some time: shares may be under way
	jobs        map[string]*job
	seen        map[hasher.Hash]struct{}
}

// job is a job as it was sent.
type job struct {
	*v1.Notify
	target      hasher.Target
	extranonce1 []byte
	size        int
	stale       bool
}

const (
	mostJobs = 4096    // kept, stale ones included
	mostSeen = 1 << 16 // shares by which duplicates are found
	maxAhead = 7200    // seconds that a share's time may be ahead of its job's
)

func newTold() *told {
	t := &told{jobs: make(map[string]*job), seen: make(map[hasher.Hash]struct{})}
	t.target, _ = hasher.TargetFromDifficulty(1) // until the pool says otherwise
	return t
}

// hear takes in a line that is sent to the miner; method is that of the request
// that it answers.
func (t *told) hear(line []byte, method string) {
	m, err := v1.Parse(line, v1.Limits{})
	if err != nil {
		return // nor can the miner make anything of it
	}
	switch m := m.(type) {
	case *v1.Notify:
		t.notify(m)
	case *v1.SetDifficulty:
		if target, err := hasher.TargetFromDifficulty(m.Difficulty); err == nil {
			t.target = target
		}
	case *v1.SetExtranonce:
		t.extranonce1, t.size = m.Extranonce1, m.Extranonce2Size
	case *v1.SetVersionMask:
		t.roll(m.Mask)
	case *v1.Response:
		switch method {
		case "mining.subscribe":
			if sub, err := m.Subscribe(v1.Limits{}); err == nil {
				t.extranonce1, t.size = sub.Extranonce1, sub.Extranonce2Size
			}
		case "mining.configure":
			if c, err := m.Configure(v1.Limits{}); err == nil && c.VersionRolling.Granted {
				t.roll(c.Mask)
			}
		}
	}
}

func (t *told) roll(mask uint32) {
	t.mask = mask
	t.masks |= mask
}

func (t *told) notify(m *v1.Notify) {
	if len(t.jobs) >= mostJobs {
		clear(t.jobs)
	}
	if m.Clean {
		for _, j := range t.jobs {
			j.stale = true
		}
		clear(t.seen)
	}
	t.jobs[m.JobID] = &job{Notify: m, target: t.target, extranonce1: t.extranonce1, size: t.size}
}

// verdict is what is said to a share; the zero code means accepted.
type verdict struct {
	code   int
	reason string
	hash   hasher.Hash
	hashed bool    // hash is set, and what follows from it:
	wants  float64 // the difficulty of the job
	share  bool    // it meets a target that the miner was told, or the network's
	block  bool    // it meets the network's
}

func refuse(code int, format string, args ...any) verdict {
	return verdict{code: code, reason: fmt.Sprintf(format, args...)}
}

// judge decides about a share by building its header and hashing it. A pool that
// enforces a difficulty at once takes what meets the new one, others what meets
// that of the job: either is enough.
func (t *told) judge(m *v1.Submit) verdict {
	j := t.jobs[m.JobID]
	switch {
	case j == nil:
		return refuse(v1.CodeJobNotFound, "job not found")
	case j.stale:
		return refuse(v1.CodeJobNotFound, "job not found: it is stale")
	case len(m.Extranonce2) != j.size:
		return refuse(v1.CodeOther, "extranonce2 has %d bytes, want %d", len(m.Extranonce2), j.size)
	case m.NTime < j.NTime || uint64(m.NTime) > uint64(j.NTime)+maxAhead:
		return refuse(v1.CodeOther, "ntime %08x is not between the job's and two hours later", m.NTime)
	case m.HasVersionBits && m.VersionBits&^t.masks != 0:
		return refuse(v1.CodeOther, "version bits %08x are not within the mask %08x", m.VersionBits, t.mask)
	}
	v := t.hash(j, m, t.mask)
	if !v.share && t.masks != t.mask && m.HasVersionBits {
		v = t.hash(j, m, t.masks) // it was found before the mask was changed
	}
	if _, again := t.seen[v.hash]; again {
		v.code, v.reason, v.block = v1.CodeDuplicate, "duplicate share", false
		return v
	}
	if !v.share {
		v.code, v.reason = v1.CodeLowDifficulty, fmt.Sprintf("low difficulty: the share has %.6g, want %.6g", v.hash.Difficulty(), v.wants)
		return v
	}
	if len(t.seen) >= mostSeen {
		clear(t.seen)
	}
	t.seen[v.hash] = struct{}{}
	return v
}

// hash builds the header of a share and says what its hash meets.
func (t *told) hash(j *job, m *v1.Submit, mask uint32) verdict {
	h := Header(j.Notify, j.extranonce1, m, mask)
	v := verdict{hash: h.Hash(), hashed: true, wants: j.target.Difficulty()}
	if network, err := j.Bits.Target(); err == nil {
		v.block = network.Meets(&v.hash)
	}
	v.share = v.block || j.target.Meets(&v.hash) || t.target.Meets(&v.hash)
	return v
}
