package opencl

import (
	"context"
	"fmt"
	"math"
	"time"

	"gominer/hasher"
	"gominer/miner"
)

const (
	// drawTime is how much work is drawn at once: enough that drawing costs
	// nothing, little enough that a job without clean is picked up soon.
	drawTime = 500 * time.Millisecond

	// hangLimit is how long a launch may take beyond its time.
	hangLimit = 10 * time.Second

	// learnFrom is how long a launch takes, or else a batch, if its rate is that of
	// the device.
	learnFrom = 10 * time.Millisecond

	// sensorEvery is how often the sensor is asked; coolBy is how much cooler than
	// its limit a device must be before it works again, in °C.
	sensorEvery = 2 * time.Second
	coolBy      = 5
)

// Run mines until ctx ends or the device fails: it hangs, the driver reports an
// error, its results are wrong, or too few.
func (d *Device) Run(ctx context.Context, f *miner.Feed) error {
	p := plan{device: &d.cfg.Device, source: d.cfg.source, folder: d.cfg.Folder, local: d.tuning.Local, first: d.first}
	e, err := open(ctx, p, d.tuning.One, d.tuning.Many)
	if err != nil {
		return err
	}
	defer e.close()
	e.patience = d.hang
	r := &run{d: d, f: f, e: e}
	if err := r.mine(ctx); err != nil {
		return fmt.Errorf("%s: %w", d.cfg.Device.Name, err)
	}
	return nil
}

// run is one Run. It belongs to one goroutine.
type run struct {
	d *Device
	f *miner.Feed
	e *engine

	work     miner.Work // from which launches are cut
	kernel   *search
	versions []uint32
	prep     hasher.Prep
	words    []uint32
	serial   uint64 // of work, to know which slots hold its job

	flights [2]flight // one for each slot
	next    int       // the slot whose turn it is
	last    time.Time // when the latest launch was over
	rate    float64   // headers a second, by the latest launches
	health  health
	sensed  time.Time // when the sensor was asked
}

// flight is a launch on its way.
type flight struct {
	busy     bool
	serial   uint64 // of the work in the slot's memory
	work     miner.Work
	prep     hasher.Prep
	kernel   *search
	launched time.Time
	takes    time.Duration // as expected
}

// mine mines until ctx ends or the device fails, and lands what is in flight then:
// a share is one, whatever comes of the device.
func (r *run) mine(ctx context.Context) error {
	err := r.turns(ctx)
	for i := 0; i < len(r.flights) && !r.e.stuck; i++ {
		if e := r.land((r.next + i) % len(r.flights)); err == nil {
			err = e
		}
	}
	return err
}

// turns lets launches follow each other.
func (r *run) turns(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := r.land(r.next); err != nil {
			return err
		}
		if err := r.rest(ctx); err != nil {
			return err
		}
		if r.work.Count == 0 || r.work.Stale() {
			err := r.draw(ctx, 1-r.next)
			if ctx.Err() != nil {
				break
			}
			if err != nil {
				return err
			}
		}
		if err := r.launch(r.next); err != nil {
			return err
		}
		r.next = 1 - r.next
	}
	return nil
}

// draw gets the next work. If there is none at once the launch in slot other
// lands first, so that what it finds needn't wait for a job.
func (r *run) draw(ctx context.Context, other int) error {
	k := max(1, r.d.tuning.Many.Versions)
	n := min(max(1, uint64(r.speed()*drawTime.Seconds())/uint64(k)), 1<<32)
	soon, cancel := context.WithTimeout(ctx, 2*r.d.cfg.Batch)
	err := r.f.Next(soon, n, &r.work)
	cancel()
	if err != nil && ctx.Err() == nil {
		if err := r.land(other); err != nil {
			return err
		}
		err = r.f.Next(ctx, n, &r.work)
	}
	if err != nil {
		r.work.Count = 0
		return err
	}
	r.choose(r.work.Job)
	r.prep.Prepare(&r.work.Header, r.work.Limit, r.versions...)
	r.words = r.prep.Words(r.words[:0])
	r.serial++
	return nil
}

// choose picks the kernel for j, and the versions that it tries.
func (r *run) choose(j *miner.Job) {
	r.kernel = r.e.kernels[0]
	if many := r.e.kernels[1]; j.Versions() >= uint64(many.shape.Versions) {
		r.kernel = many
	}
	r.versions = r.versions[:0]
	for i := range r.kernel.shape.Versions {
		r.versions = append(r.versions, j.RolledVersion(uint64(i)))
	}
	r.d.uses(r.kernel.shape)
}

// speed returns the headers a second to reckon with.
func (r *run) speed() float64 {
	const firstGuess = 1e6 // slow enough for any device's first launch to be short
	return max(r.rate, firstGuess)
}

// launch sends the next nonces of the work on their way in slot i.
func (r *run) launch(i int) error {
	s, fl := r.e.slots[i], &r.flights[i]
	if fl.serial != r.serial {
		if err := s.load(r.words); err != nil {
			return err
		}
		fl.serial, fl.work, fl.kernel = r.serial, r.work, r.kernel
		fl.prep.Prepare(&r.work.Header, r.work.Limit, r.versions...)
	}
	width := float64(len(r.versions))
	n := r.speed() * r.d.cfg.Batch.Seconds() / width
	// Of what a launch finds, all must fit: a quarter of the room leaves luck its own.
	n = min(n, roomFor/(width*chance(r.work.Limit)))
	if whole := float64(r.kernel.shape.Nonces() * r.kernel.local); n > whole {
		n -= math.Mod(n, whole)
	}
	count := uint32(min(max(uint64(n), 1), r.work.Count, 1<<31))
	fl.takes = time.Duration(float64(count) * width / r.speed() * 1e9)
	fl.launched, fl.busy = time.Now(), true
	if err := r.kernel.launch(s, r.work.First, count); err != nil {
		r.e.stuck = true // what of it the device does is not known
		return err
	}
	r.work.First += count
	r.work.Count -= uint64(count)
	return nil
}

// land waits for the launch in slot i, if there is one, and takes in what it
// found.
func (r *run) land(i int) error {
	s, fl := r.e.slots[i], &r.flights[i]
	if !fl.busy {
		return nil
	}
	fl.busy = false
	began := fl.launched
	if r.last.After(began) {
		began = r.last // it waited for the one before
	}
	early, err := r.e.await(context.Background(), s, began, fl.takes)
	if err != nil {
		return err
	}
	r.last = time.Now()
	headers := uint64(s.count) * uint64(len(fl.prep.Versions))
	r.learn(fl, headers, r.last.Sub(began), early)
	r.f.Tried(&fl.work, headers)

	found, overflow := s.collect(nil, 0)
	if overflow {
		if found, err = fl.kernel.halves(context.Background(), s, 0, s.first, s.count, nil); err != nil {
			return err
		}
		r.last = time.Now()
	}
	for _, c := range found {
		if c.Index >= len(fl.prep.Versions) || c.Nonce-s.first >= s.count {
			r.health.wrong++ // no device that works says so
			continue
		}
		v := fl.prep.Versions[c.Index]
		h := header(&fl.prep, v, c.Nonce)
		if hash := h.Hash(); hash.Top() > fl.work.Limit {
			r.health.wrong++
		}
		r.f.Found(&fl.work, v, c.Nonce) // the miner counts the errors among them
	}
	return r.health.add(float64(headers)*chance(fl.work.Limit), len(found))
}

// learn takes in the rate of one launch that took took, or less if it was early.
// None moves the rate by more than 4, so that one which something else held up does
// little harm. Short launches teach nothing: most of their time is the host's.
func (r *run) learn(fl *flight, headers uint64, took time.Duration, early bool) {
	if fl.takes < min(r.d.cfg.Batch, learnFrom)/2 {
		return
	}
	old := r.speed()
	if !early {
		now := float64(headers) / max(took.Seconds(), 1e-6)
		r.rate = old + (min(max(now, old/4), old*4)-old)/2
		return
	}
	if took < 4*fl.takes { // else the host was held up: nothing is known
		r.rate = 2 * old
	}
}

// rest keeps the device idle while it is too hot.
func (r *run) rest(ctx context.Context) error {
	c := &r.d.cfg
	if c.Sensor == nil || time.Since(r.sensed) < r.d.sensorEvery {
		return nil
	}
	limit := c.MaxTemperature
	for hot := false; ; {
		r.sensed = time.Now()
		h, err := c.Sensor()
		if err != nil {
			return nil // it is telemetry: mining goes on without
		}
		r.f.Health(h)
		if limit == 0 || h.Temperature < limit {
			if hot {
				r.d.log.Info("cool again", "temperature", h.Temperature)
			}
			return nil
		}
		if !hot {
			hot = true
			limit -= coolBy
			r.d.log.Warn("too hot, rests", "temperature", h.Temperature, "limit", c.MaxTemperature)
			for i := range r.flights {
				if err := r.land(i); err != nil {
					return err
				}
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(r.d.sensorEvery):
		}
	}
}
