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

	// Expected shares after which old ones count half, in the two windows: one to
	// see a change of hash rate soon, one to see that the difficulty is a little
	// off.
	vardiffShort = 15
	vardiffLong  = 120
)

// vardiff chooses the difficulty at which a client sends the shares that it
// should. It compares how many shares came with how many should have come, a
// Poisson process, and acts once the difference can no longer be chance: soon
// if the difficulty is far off, never if it is right.
type vardiff struct {
	perSecond float64   // shares that should come
	since     time.Time // up to when the windows count
	windows   [2]window
}

// window counts shares at the present difficulty.
type window struct {
	span float64
	got  float64 // weighted with their difficulty
	want float64 // that should have come
}

// start begins anew.
func (v *vardiff) start(now time.Time) {
	v.since = now
	v.windows = [2]window{{span: vardiffShort}, {span: vardiffLong}}
}

// share counts an accepted share. weight is its difficulty by the present one:
// the client goes on for a moment at the old difficulty after a retarget.
func (v *vardiff) share(now time.Time, weight float64) {
	v.pass(now)
	for i := range v.windows {
		v.windows[i].got += weight
	}
}

func (v *vardiff) pass(now time.Time) {
	want := max(now.Sub(v.since).Seconds(), 0) * v.perSecond
	v.since = now
	for i := range v.windows {
		w := &v.windows[i]
		for w.want += want; w.want > w.span; {
			w.want, w.got = w.want/2, w.got/2
		}
	}
}

// retarget returns the factor by which the difficulty should change, 1 if it
// should not.
func (v *vardiff) retarget(now time.Time) float64 {
	v.pass(now)
	for i := range v.windows {
		if f := v.windows[i].factor(); f != 1 {
			return f
		}
	}
	return 1
}

func (w *window) factor() float64 {
	if w.want <= 0 {
		return 1
	}
	ratio := w.got / w.want
	evidence := w.want - w.got
	if w.got > 0 {
		evidence += w.got * math.Log(ratio)
	}
	switch {
	case evidence < vardiffEvidence:
	case ratio > vardiffBand && w.got >= vardiffFewest:
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
