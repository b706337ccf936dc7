package miner

import (
	"context"
	"fmt"
	"time"
)

// Source is where jobs come from and shares go: a pool, a node, a script in a
// test.
type Source interface {
	// Name tells sources apart, for people: "pool.example.org:3333".
	Name() string

	// Run holds one session: publishes every job, submits every share, reports
	// the outcome of each share once. It returns when the session is over and
	// leaves no goroutine behind; the miner decides about trying again. When ctx
	// ends it still submits what stands in Shares and waits a little for the
	// answers.
	Run(ctx context.Context, s *Session) error
}

// Settler is a Source that keeps shares without an answer from one run to the
// next. Settle is called once, when no run will follow, and reports them.
type Settler interface {
	Settle(s *Session)
}

// Keeper is a Settler that also takes in shares which were found too late for
// their run: no Session will hand them out. Keep may be called at any time from
// the end of the first run on, until Settle.
type Keeper interface {
	Settler
	Keep(sh Share)
}

// Reject is a source's refusal of a share, as it came.
type Reject struct {
	Code   int    // 20 … 25 in V1; 0 if there was none
	Reason string // free of control characters
}

func (r *Reject) Error() string {
	if r.Code == 0 {
		return r.Reason
	}
	return fmt.Sprintf("%s (code %d)", r.Reason, r.Code)
}

// SourceState is where a source stands.
type SourceState int

// The states of a source.
const (
	Idle SourceState = iota // not in use
	Connecting
	Up      // hands out jobs
	Down    // failed; Err says why
	Standby // hands out jobs, and others are mined: the miner's word for Up then
)

// String returns the word that events use.
func (s SourceState) String() string {
	switch s {
	case Connecting:
		return "connecting"
	case Up:
		return "up"
	case Down:
		return "down"
	case Standby:
		return "standby"
	}
	return "idle"
}

// SourceStatus is what a source says of itself.
type SourceStatus struct {
	State      SourceState
	URL        string   // without secrets
	Protocol   string   // "stratum v1", "getblocktemplate"
	Encryption string   // "" for none
	User       string   // whom shares are submitted as
	Traits     []string // what was detected: "version-rolling 1fffe000", "no configure"
	Err        error    // why it is down

	// Retry is how long after the failure it is tried again; 0: at once, or nobody
	// knows. The miner sets it.
	Retry time.Duration
}
