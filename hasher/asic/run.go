package asic

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"gominer/internal/units"
	"gominer/miner"
)

const (
	// freshFor is how long versions of one header are tried before another is
	// drawn: as the CPU does, so that a job which is not clean is picked up soon.
	freshFor = time.Second

	// drawTime is how long the chips' next job waits for a new header, if there is
	// more to try of the old one. A header is there at once, but where a job has
	// one each second.
	drawTime = 20 * time.Millisecond

	// checkEvery is how often is looked who says nothing.
	checkEvery = time.Second

	// silentLimit is how long a device may say nothing at least; it may be as long
	// as silentAfter nonces take.
	silentLimit = 30 * time.Second

	// softwareRate is what chips in software may be as slow as, H/s: their clock
	// says nothing.
	softwareRate = 1e6

	// lateLimit is how long after its work became stale a nonce is worth telling:
	// chips can't be stopped, and hash on while their device is paused.
	lateLimit = 5 * time.Second
)

// run is one Run. It belongs to one goroutine.
type run struct {
	d *Device
	f *miner.Feed
	l *line
	c chain
	g *judge

	want  chan struct{}   // asks for work
	drawn chan miner.Work // the answer
	asked bool

	work    miner.Work // from which jobs are cut
	has     bool       // there is work
	next    uint64     // version to try
	since   time.Time  // when it was drawn
	spare   miner.Work // that came while the one before goes on
	spared  bool
	starved bool      // the chips wait for what is drawn
	stale   bool      // work is
	staleAt time.Time // since when
	due     *time.Timer
	out     []byte // what is sent
	health  miner.Health
}

// run brings the chips up and mines until ctx ends or they fail.
func (r *run) run(ctx context.Context) error {
	c, err := r.d.bringUp(ctx, r.l)
	if err != nil {
		return err
	}
	r.c = c
	r.d.is(c.model)
	r.g = newJudge(&c, time.Now())
	r.tell()
	defer r.tell()
	r.d.log.Info("mining with", "model", r.d.Info().Model, "chips", c.chips, "expects", units.Hashrate(c.rate))
	if want := r.d.cfg.Chips; c.chips < want && c.chips > 1 { // with one, they may be those that can't be told apart
		r.d.log.Warn("some chips do not answer: is the board's power enough for all?", "chips", c.chips, "of", want)
	}

	ctx, cancel := context.WithCancel(ctx)
	var drawer sync.WaitGroup
	defer drawer.Wait()
	defer cancel()
	r.want, r.drawn = make(chan struct{}, 1), make(chan miner.Work)
	drawer.Go(func() { r.draw(ctx) })
	return r.mine(ctx)
}

// draw answers each r.want with work. It waits so that nobody else has to.
func (r *run) draw(ctx context.Context) {
	for {
		select {
		case <-r.want:
		case <-ctx.Done():
			return
		}
		var w miner.Work
		if r.f.NextHeader(ctx, &w) != nil {
			return
		}
		select {
		case r.drawn <- w:
		case <-ctx.Done():
			return
		}
	}
}

// ask has work drawn, unless that is under way.
func (r *run) ask() {
	if !r.asked {
		r.asked = true
		r.want <- struct{}{}
	}
}

func (r *run) mine(ctx context.Context) error {
	r.due = time.NewTimer(math.MaxInt64)
	defer r.due.Stop()
	check := time.NewTicker(checkEvery)
	defer check.Stop()
	var tend <-chan time.Time
	if r.c.tend > 0 {
		t := time.NewTicker(r.c.tend)
		defer t.Stop()
		tend = t.C
	}
	r.starved = true
	r.ask()
	heard := time.Now()
	for {
		var over <-chan struct{}
		if r.has && !r.stale {
			over = r.work.Done()
		}
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case b, open := <-r.l.read:
			if !open {
				return r.l.err
			}
			now := time.Now()
			if r.c.quiet > 0 && len(r.l.held) > 0 && now.Sub(heard) > r.c.quiet {
				r.g.noise += len(r.l.held)
				r.l.held = r.l.held[:0]
			}
			heard = now
			r.l.hold(b)
			err = r.replies()
		case w := <-r.drawn:
			err = r.drew(&w)
		case <-over:
			r.stale, r.staleAt = true, time.Now()
			err = r.starve()
		case <-r.due.C:
			err = r.dueNow()
		case <-check.C:
			err = r.check()
		case <-tend:
			if err = r.d.family.tend(r.l, &r.health); err == nil {
				r.tell()
			}
		}
		if err != nil {
			return err
		}
	}
}

// starve gives the chips other work, as soon as there is some.
func (r *run) starve() error {
	r.due.Stop()
	if r.spared && !r.spare.Stale() {
		w := r.spare
		return r.begin(&w)
	}
	r.spared, r.starved = false, true
	r.ask()
	return nil
}

// drew takes in work that was drawn.
func (r *run) drew(w *miner.Work) error {
	r.asked = false
	if !r.starved {
		r.spare, r.spared = *w, true
		return nil
	}
	return r.begin(w)
}

// begin gives the chips a new header.
func (r *run) begin(w *miner.Work) error {
	r.work, r.has, r.next, r.since = *w, true, 0, time.Now()
	r.starved, r.spared, r.stale = false, false, false
	return r.give()
}

// give sends the next job of the work.
func (r *run) give() error {
	j := job{work: r.work, first: r.next, count: min(r.c.versions, r.work.Job.Versions()-r.next), bits: r.c.bits, id: noID}
	var lasts time.Duration
	r.out, lasts = r.d.family.encode(r.out[:0], &j)
	r.next += j.count
	r.g.add(&j)
	if err := r.l.send(r.out); err != nil {
		return err
	}
	r.due.Reset(lasts)
	return nil
}

// dueNow gives the chips their next job: of the same header while it is fresh, of
// a new one where one is there, or else of the same once more.
func (r *run) dueNow() error {
	left := r.has && !r.stale && r.next < r.work.Job.Versions()
	if left && !r.spared && (r.starved || time.Since(r.since) < freshFor) {
		r.starved = false
		return r.give()
	}
	if err := r.starve(); err != nil || !r.starved || !left {
		return err
	}
	r.due.Reset(drawTime)
	return nil
}

// replies takes in what the chips said.
func (r *run) replies() error {
	for {
		rep, n := r.d.family.scan(r.l.held)
		if n == 0 {
			return nil
		}
		r.l.drop(n)
		switch rep.kind {
		case garbage:
			r.g.noise += n
		case nonce:
			if err := r.nonce(&rep); err != nil {
				return err
			}
		}
	}
}

// nonce judges a nonce, counts it, and tells the miner what it is to know.
func (r *run) nonce(rep *reply) error {
	now := time.Now()
	v := r.g.nonce(rep, now)
	if v.job == nil {
		r.d.log.Debug("a nonce of an unknown job", "id", rep.id, "chip", rep.chip)
		return r.g.err()
	}
	w := &v.job.work
	stale := w.Stale()
	if v.right && !v.duplicate && !stale {
		r.f.Tried(w, uint64(math.Exp2(float64(v.job.bits))))
	}
	late := stale && r.stale && now.Sub(r.staleAt) > lateLimit
	if !late && (!v.right || v.hash.Top() <= w.Limit) {
		r.f.Found(w, v.version, rep.nonce)
	}
	if r.c.rests && v.right && v.job == r.g.newest() && !r.stale {
		r.due.Reset(0)
	}
	return r.g.err()
}

// check looks who says nothing.
func (r *run) check() error {
	for _, i := range r.g.silent() {
		r.d.log.Warn("a chip says nothing any more", "chip", i, "of", r.c.chips)
	}
	r.tell()
	now := time.Now()
	if !r.has || r.stale {
		r.g.last = now // the chips have nothing to do
	}
	if now.Sub(r.g.last) > patience(r.d.cfg.ZeroBits, &r.c) {
		return fmt.Errorf("%w after %v without a nonce", errSilent, now.Sub(r.g.last).Round(time.Second))
	}
	return nil
}

// patience returns how long chips that demand so many zero bits of any nonce may
// say nothing.
func patience(zeroBits int, c *chain) time.Duration {
	rate := c.rate
	if zeroBits < 32 {
		rate = min(rate, softwareRate)
	}
	return max(silentLimit, time.Duration(silentAfter*math.Exp2(float64(c.bits))/rate*float64(time.Second)))
}

// tell says how the device is.
func (r *run) tell() {
	h := r.health
	if of := r.l.board.Health; of != nil {
		b := of()
		h.Temperature = max(h.Temperature, b.Temperature)
		h.Fan, h.Power = b.Fan, b.Power
	}
	h.Chips = slices.Clone(r.g.chips)
	r.f.Health(h)
}
