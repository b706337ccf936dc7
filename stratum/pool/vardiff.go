package pool

import (
	"math"
	"strconv"
	"time"
)

const (
	// A retarget needs this much evidence, a log-likelihood ratio: at the right
	// difficulty chance brings it about less than once a day, while a client that
	// is a thousand times too fast shows it with its third share.
	vardiffEvidence = 10
	vardiffFewest   = 3   // shares, before difficulty rises
	vardiffBand     = 1.5 // a rate within this factor is good enough
	vardiffStep     = 16  // the most that difficulty changes at once, as a factor
	vardiffWindow   = 60  // expected shares after which old ones count half
)

// vardiff chooses the difficulty at which a client sends the shares that it
// should. It compares how many shares came with how many should have come, a
// Poisson process, and acts once the difference can no longer be chance: soon
// if the difficulty is far off, never if it is right.
type vardiff struct {
	perSecond float64   // shares that should come
	since     time.Time // up to when want is counted
	got       float64   // shares in the window, weighted with their difficulty
	want      float64   // shares that should have come in it
}

// start begins a new window.
func (v *vardiff) start(now time.Time) {
	v.since, v.got, v.want = now, 0, 0
}

// share counts an accepted share. weight is its difficulty by the present one:
// the client goes on for a moment at the old difficulty after a retarget.
func (v *vardiff) share(now time.Time, weight float64) {
	v.pass(now)
	v.got += weight
}

func (v *vardiff) pass(now time.Time) {
	if d := now.Sub(v.since).Seconds(); d > 0 {
		v.want += d * v.perSecond
	}
	v.since = now
	for v.want > vardiffWindow {
		v.want, v.got = v.want/2, v.got/2
	}
}

// retarget returns the factor by which the difficulty should change, 1 if it
// should not.
func (v *vardiff) retarget(now time.Time) float64 {
	v.pass(now)
	if v.want <= 0 {
		return 1
	}
	ratio := v.got / v.want
	evidence := v.want - v.got
	if v.got > 0 {
		evidence += v.got * math.Log(ratio)
	}
	switch {
	case evidence < vardiffEvidence:
	case ratio > vardiffBand && v.got >= vardiffFewest:
		return min(ratio, vardiffStep)
	case ratio < 1/vardiffBand:
		return max(ratio, 1.0/vardiffStep)
	}
	return 1
}

// round3 rounds to three digits: difficulties are read by people.
func round3(d float64) float64 {
	r, _ := strconv.ParseFloat(strconv.FormatFloat(d, 'g', 3, 64), 64) // what was just written
	return r
}
