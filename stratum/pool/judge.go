package pool

import (
	"fmt"
	"time"

	"gominer/hasher"
	"gominer/stratum/v1"
)

// age is where a job stands as a share of it comes in.
type age int

const (
	fresh age = iota // it is of the pool's present epoch
	late             // its epoch ended a moment ago: its shares count
	stale
)

// moment is an epoch of the pool and when it began.
type moment struct {
	epoch uint64
	began time.Time
}

func (m moment) age(j *job, grace time.Duration, now time.Time) age {
	switch {
	case j.epoch == m.epoch:
		return fresh
	case j.epoch+1 == m.epoch && now.Sub(m.began) < grace:
		return late
	}
	return stale
}

// claim is a share together with what it is judged by: the job that it was found
// on and the difficulty that was in force when that job was sent.
type claim struct {
	share
	job        *job
	difficulty float64
	target     hasher.Target
}

// verdict is what the pool says to a share. The zero code means accepted.
type verdict struct {
	code       int // V1 error code
	reason     string
	innocent   bool    // it is refused, but through no fault of the client's
	difficulty float64 // that the share counts for
	found      *found  // nil if the share was refused before it was hashed
	block      bool    // it meets the network's target
}

func refuse(code int, format string, args ...any) *verdict {
	return &verdict{code: code, reason: fmt.Sprintf(format, args...)}
}

func (v *verdict) count(t *tally, now time.Time) {
	if v.code != 0 {
		t.reject(v.code)
		return
	}
	t.accept(now, v.difficulty, &v.found.hash)
}

// judge decides about a share by building its header from the job and hashing it
// with crypto/sha256; targets are compared as 256-bit numbers.
//
// A block counts as a share whatever the share difficulty is, and it goes to the
// source even if its share is stale.
func judge(c *claim, s *session, a age, extranonce2Size int, now time.Time) *verdict {
	if why := checkExtranonce2(c.extranonce2, extranonce2Size); why != "" {
		return refuse(v1.CodeOther, "%s", why)
	}
	if why := c.job.checkTime(c.ntime, now); why != "" {
		return refuse(v1.CodeOther, "%s", why)
	}
	v := &verdict{found: c.job.build(&c.share), difficulty: c.difficulty}
	h := &v.found.hash
	v.block = c.job.network.Meets(h)
	switch {
	case a == stale:
		v.code, v.reason, v.innocent = v1.CodeJobNotFound, "job not found: it is stale", true
		v.block = v.block && s.first(c.job.epoch, *h)
	case !v.block && !c.target.Meets(h):
		v.code, v.reason = v1.CodeLowDifficulty, fmt.Sprintf("low difficulty: the share has %.6g, want %.6g", h.Difficulty(), c.difficulty)
	case !s.first(c.job.epoch, *h):
		v.code, v.reason, v.block = v1.CodeDuplicate, "duplicate share", false
	}
	return v
}
