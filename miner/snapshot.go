package miner

import (
	"errors"
	"time"

	"gominer/hasher"
)

// Snapshot is a copy of all that can be shown of a Miner.
type Snapshot struct {
	Started      time.Time // zero before Run
	Elapsed      time.Duration
	Paused       bool   // all devices are
	Hashes       uint64 // distinct headers hashed in full
	Rate         Rate
	Shares       Tally
	LastAccepted time.Time         // of a share; zero: none yet
	Reasons      map[string]uint64 // why shares were rejected, at most 64 and "other"
	Best         float64           // the best difficulty of any hash found
	BestEver     float64           // the same, with Config.BestBefore
	Strategy     string            // "failover", "round-robin", "latency", "quota"; "" of one source
	Devices      []DeviceState     // as in Config.Devices, and then as added
	Sources      []SourceReport    // in the order of preference at the start, or at SetSource; one that was replaced while it is mined
	Job          *JobState         // the newest; nil while there is none
	Recent       []Outcome         // the latest shares, oldest first, at most 64
	Blocks       []BlockFound      // the latest blocks, oldest first, at most 64
	Messages     []Message         // the latest of the sources' operators, oldest first, at most 32
}

// Rate is a hash rate over several spans, in H/s. A span that is longer than
// what has passed counts what has passed.
type Rate struct {
	S10, S60, M15, Avg float64
}

// Tally counts shares by what became of them.
type Tally struct {
	Accepted       uint64
	Rejected       uint64
	Stale          uint64 // not sent: their job was cleaned
	Lost           uint64 // sent or due, never answered
	Duplicates     uint64
	HardwareErrors uint64
	AboveTarget    uint64 // right, but no shares
	Blocks         uint64 // accepted

	// Difficulty is the sum of what accepted shares had to have. That times 2³²
	// is the work that they stand for: divided by the hashes, it is the luck.
	Difficulty float64
}

// DeviceState is one device's part.
type DeviceState struct {
	Info         Info
	Paused       bool
	Gone         bool // it was removed
	Hashes       uint64
	Rate         Rate
	ThreadRates  []float64 // H/s over 10 s, if the device can tell; else nil
	Shares       Tally
	LastAccepted time.Time // of a share; zero: none yet
	Best         float64   // the best difficulty of any hash found
	Err          error     // why it is not running; nil while it is
	Health       Health
}

// SourceReport is one source's part.
type SourceReport struct {
	Name         string
	Preference   int     // place in the order of preference, from 1; 0: it is the only one
	Weight       float64 // the part of the hash rate that a quota gives it; 0: there is none
	Status       SourceStatus
	Since        time.Time     // of the state; zero: it was never in use
	Uptime       time.Duration // in state Up, in all
	Connects     int           // times that it came Up
	Hashes       uint64        // headers hashed for it
	Shares       Tally         // accepted, rejected, stale and lost ones; the rest are the devices'
	LastAccepted time.Time     // of a share; zero: none yet
	Latency      Latency
	Connect      time.Duration // until it was reached, at the latest try that led to a job; 0: unknown
	FirstJob     time.Duration // until its first job was there, likewise
	Job          *JobState     // the newest; nil while there is none, or it is not mined
	Message      string        // the latest
	Failure      error         // why it was down the latest time; nil: it never was

	// Difficulties are the share difficulties that its jobs asked for, the one in
	// force last; at most 32.
	Difficulties []DifficultySince
}

// RetryIn returns how long after now the source is tried again, 0 if that is at
// once, or if nobody knows.
func (r *SourceReport) RetryIn(now time.Time) time.Duration {
	if r.Status.State != Down || r.Status.Retry == 0 {
		return 0
	}
	return max(0, r.Status.Retry-now.Sub(r.Since))
}

// Latency is how long answers to shares took, of the latest 256; zero before the
// first.
type Latency struct {
	Last, P50, P99 time.Duration
}

// DifficultySince is a share difficulty and when it began to hold.
type DifficultySince struct {
	Difficulty float64
	Since      time.Time
}

// BlockFound is a share that was a block.
type BlockFound struct {
	Found  time.Time
	Height uint32 // 0: unknown
	Hash   hasher.Hash
	Source string
	Device int   // index in Snapshot.Devices
	Err    error // nil: accepted; *Reject: refused; else lost
}

// Message is a text of a source's operator.
type Message struct {
	Came   time.Time
	Source string
	Text   string // free of control characters
}

// JobState is the job in progress.
type JobState struct {
	Job     *Job
	Source  string
	Arrived time.Time
}

// Outcome is what became of one share.
type Outcome struct {
	Share  Share
	Source string
	Err    error         // nil: accepted; *Reject: refused; else lost
	After  time.Duration // from sending, or else from finding, to the outcome
}

// Result returns the word for the outcome: "accepted", "rejected" or "lost".
func (o *Outcome) Result() string {
	var reject *Reject
	switch {
	case o.Err == nil:
		return "accepted"
	case errors.As(o.Err, &reject):
		return "rejected"
	}
	return "lost"
}
