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
	// restEver keeps the arithmetic of absurd limits from overflowing.
	restEver = 365 * 24 * time.Hour
)

// limit returns how many headers one of threads tries in drawTime under t, if it
// tries full without.
func (t *Throttle) limit(full float64, threads int) float64 {
	if t.Percent > 0 {
		full *= t.Percent / 100
	}
	if t.Rate > 0 {
		full = min(full, t.Rate/float64(max(1, threads))*drawTime.Seconds())
	}
	return full
}

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
	owed    time.Duration
	limit   Throttle // under which it is owed
	threads int
}

// after returns how long to rest after a batch, 0 for not yet.
func (p *pacer) after(t *Throttle, threads int, headers uint64, took time.Duration) time.Duration {
	if p.limit != *t || p.threads != threads {
		*p = pacer{limit: *t, threads: threads} // nothing is owed to a limit that is gone
	}
	if *t == (Throttle{}) {
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
	p.owed = max(p.owed+time.Duration(min(rest, restEver.Seconds())*float64(time.Second)), -restLeast)
	if p.owed < restLeast {
		return 0
	}
	return p.owed
}

// rested takes a rest off what is owed; oversleeping counts.
func (p *pacer) rested(d time.Duration) { p.owed -= d }
