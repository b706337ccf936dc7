package miner

import (
	"errors"
	"time"
)

// Snapshot is a copy of all that can be shown of a Miner.
type Snapshot struct {
	Started time.Time // zero before Run
	Elapsed time.Duration
	Hashes  uint64 // distinct headers hashed in full
	Rate    Rate
	Shares  Tally
	Reasons map[string]uint64 // why shares were rejected, at most 64 and "other"
	Best    float64           // the best difficulty of any hash found
	Devices []DeviceState     // as in Config.Devices
	Sources []SourceReport    // in the order of first use
	Job     *JobState         // nil while there is none
	Recent  []Outcome         // the latest shares, oldest first
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
}

// DeviceState is one device's part.
type DeviceState struct {
	Info   Info
	Hashes uint64
	Rate   Rate
	Shares Tally
	Err    error // why it is not running; nil while it is
	Health Health
}

// SourceReport is one source's part.
type SourceReport struct {
	Name    string
	Status  SourceStatus
	Since   time.Time // of the state
	Shares  Tally     // accepted, rejected, stale and lost ones; the rest are the devices'
	Message string    // the latest
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

const (
	sampleEvery = time.Second
	sampleSpan  = 15 * 60 // samples kept: a quarter of an hour
)

// meter keeps a counter's value for every second of the last quarter of an hour.
type meter struct {
	ring [sampleSpan + 1]reading
	n    int
}

type reading struct {
	at    time.Duration // since Run
	tried uint64
}

func (m *meter) add(at time.Duration, tried uint64) {
	m.ring[m.n%len(m.ring)] = reading{at, tried}
	m.n++
}

// rate returns the rates as of the latest reading; avg counts from the start of
// Run to now.
func (m *meter) rate() (r Rate) {
	if m.n == 0 {
		return r
	}
	last := m.ring[(m.n-1)%len(m.ring)]
	over := func(samples int) float64 {
		first := reading{} // the start
		if m.n > samples {
			first = m.ring[(m.n-1-samples)%len(m.ring)]
		}
		span := (last.at - first.at).Seconds()
		if span <= 0 {
			return 0
		}
		return float64(last.tried-first.tried) / span
	}
	return Rate{S10: over(10), S60: over(60), M15: over(sampleSpan)}
}

func (r *Rate) add(o Rate) {
	r.S10 += o.S10
	r.S60 += o.S60
	r.M15 += o.M15
	r.Avg += o.Avg
}
