package pool

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// rig is a client that vardiff steers: a Poisson process.
type rig struct {
	vardiff
	rng        *rand.Rand
	rate       float64 // shares of difficulty 1 a second
	difficulty float64
	now, tick  time.Time
	shares     int
	changes    []change
}

type change struct {
	at         time.Duration
	difficulty float64
}

const perMinute = 20

func newRig(seed uint64, rate, difficulty float64) *rig {
	r := &rig{
		vardiff: vardiff{perSecond: perMinute / 60.0}, rng: rand.New(rand.NewPCG(seed, 1)),
		rate: rate, difficulty: difficulty, now: time.Unix(0, 0),
	}
	r.start(r.now)
	r.tick = r.now.Add(3 * time.Second)
	return r
}

// run lets time pass as a connection does: vardiff looks at each share, and once
// in the time that a share should take.
func (r *rig) run(d time.Duration) {
	for end := r.now.Add(d); r.now.Before(end); {
		next := r.now.Add(time.Duration(min(r.rng.ExpFloat64()/(r.rate/r.difficulty)*1e9, 1e15)))
		if next.After(r.tick) { // without memory: the share is drawn again
			r.now = r.tick
			r.tick = r.tick.Add(3 * time.Second)
		} else {
			r.now = next
			r.shares++
			r.share(r.now, 1)
		}
		if f := r.retarget(r.now); f != 1 {
			r.difficulty = round3(r.difficulty * f)
			r.changes = append(r.changes, change{r.now.Sub(time.Unix(0, 0)), r.difficulty})
			r.start(r.now)
		}
	}
}

// right is the difficulty that gives the wanted rate.
func (r *rig) right() float64 { return r.rate * 60 / perMinute }

func TestVardiffConverges(t *testing.T) {
	for exp := -6; exp <= 6; exp++ {
		for seed := range uint64(20) {
			r := newRig(seed, math.Pow(10, float64(exp)), 1)
			r.run(10 * time.Minute)
			if off := r.difficulty / r.right(); off < 0.5 || off > 2 {
				t.Errorf("rate 1e%d, seed %d: difficulty %v after 10 min, right is %v", exp, seed, r.difficulty, r.right())
			}
			// Going up is a matter of some shares, not of a flood.
			if most := 10*perMinute*2 + 300; r.shares > most {
				t.Errorf("rate 1e%d, seed %d: %d shares in 10 min, want at most %d", exp, seed, r.shares, most)
			}
			for i, c := range r.changes {
				was := 1.0
				if i > 0 {
					was = r.changes[i-1].difficulty
				}
				if f := c.difficulty / was; f > vardiffStep*1.01 || f < 1/(vardiffStep*1.01) {
					t.Errorf("rate 1e%d, seed %d: step by %v", exp, seed, f)
				}
			}
		}
	}
}

// TestVardiffRests: at a steady rate it soon changes nothing any more.
func TestVardiffRests(t *testing.T) {
	changes := 0
	const days = 20
	for seed := range uint64(days) {
		r := newRig(seed, 100, 1)
		r.run(time.Hour)
		settled := len(r.changes)
		r.run(24 * time.Hour)
		changes += len(r.changes) - settled
		if got := float64(r.shares) / (25 * 60); got < perMinute/2 || got > perMinute*2 {
			t.Errorf("seed %d: %v shares a minute", seed, got)
		}
	}
	t.Logf("%d changes in %d steady days", changes, days)
	if changes > 2*days {
		t.Errorf("%d changes in %d steady days", changes, days)
	}
}

// TestVardiffFollows a client that becomes ten times faster, and slower again.
func TestVardiffFollows(t *testing.T) {
	for seed := range uint64(20) {
		r := newRig(seed, 100, 300)
		r.run(3 * time.Hour)
		for _, f := range []float64{10, 0.1} {
			r.rate *= f
			r.run(5 * time.Minute)
			if off := r.difficulty / r.right(); off < 0.4 || off > 2.5 {
				t.Errorf("seed %d: difficulty %v five minutes after a change by %v, right is %v", seed, r.difficulty, f, r.right())
			}
		}
	}
}

func TestRound3(t *testing.T) {
	for _, c := range [][2]float64{{1234567, 1230000}, {0.00098765, 0.000988}, {1, 1}, {1e-9, 1e-9}} {
		if got := round3(c[0]); got != c[1] {
			t.Errorf("round3(%v) = %v, want %v", c[0], got, c[1])
		}
	}
}

// TestVardiffWantsSomeShares: one lucky share, or two, is no reason to ask for
// more.
func TestVardiffWantsSomeShares(t *testing.T) {
	for got, want := range map[float64]bool{1: false, 2: false, 3: true} {
		w := window{span: vardiffShort, got: got, want: 1e-6}
		if up := w.factor() > 1; up != want {
			t.Errorf("difficulty rises after %v shares at once: %v, want %v", got, up, want)
		}
	}
}
