package cpu

import (
	"fmt"
	"math"
	"time"
)

// Throttle limits a device. Both limits may be set; the stricter one holds.
type Throttle struct {
	Percent float64 // of the time that the threads may work, 0 < p ≤ 100; 0 is no limit
	Rate    float64 // of the whole device, H/s; 0 is no limit
}

func (t Throttle) validate() error {
	switch {
	case !(t.Percent >= 0 && t.Percent <= 100):
		return fmt.Errorf("cpu: throttle of %v %%: want more than 0, at most 100", t.Percent)
	case !(t.Rate >= 0) || math.IsInf(t.Rate, 0):
		return fmt.Errorf("cpu: throttle of %v H/s: want a number above 0", t.Rate)
	}
	return nil
}

const (
	// restLeast keeps a throttled thread from sleeping more often than timers
	// are good for; a shorter rest is owed until it has grown.
	restLeast = 2 * time.Millisecond
	// restMost is the longest rest at a limit that leaves batches small.
	restMost = 100 * time.Millisecond
)

// most returns how many headers one batch may have, so that a slow limit gives
// small batches often rather than large ones seldom.
func (t *Throttle) most(threads int) float64 {
	if t.Rate == 0 {
		return math.Inf(1)
	}
	return max(1, t.Rate/float64(max(1, threads))*restMost.Seconds())
}

// pacer works out a thread's rests from what it did.
type pacer struct {
	owed time.Duration
}

// after returns how long to rest after a batch, 0 for not yet.
func (p *pacer) after(t *Throttle, threads int, headers uint64, took time.Duration) time.Duration {
	if *t == (Throttle{}) {
		p.owed = 0
		return 0
	}
	rest := 0.0 // seconds
	if t.Percent > 0 {
		rest = took.Seconds() * (100/t.Percent - 1)
	}
	if t.Rate > 0 {
		due := float64(headers) * float64(max(1, threads)) / t.Rate
		rest = max(rest, due-took.Seconds())
	}
	// A thread that fell behind its limit is not owed the time back.
	p.owed = max(p.owed+time.Duration(rest*float64(time.Second)), -restLeast)
	if p.owed < restLeast {
		return 0
	}
	return p.owed
}

// rested takes a rest off what is owed; oversleeping counts.
func (p *pacer) rested(d time.Duration) { p.owed -= d }
