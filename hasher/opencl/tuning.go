package opencl

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"gominer/hasher"
	"gominer/hasher/opencl/cl"
	"gominer/kernels"
)

// Tuning is how a device is used best.
type Tuning struct {
	One   kernels.Shape `json:"one"`   // for jobs whose version can't be rolled
	Many  kernels.Shape `json:"many"`  // for those that allow as many versions; the same as One if that is as fast
	Local int           `json:"local"` // work items in a group; 0: up to 64
}

func (t *Tuning) valid() error {
	if t.One.Versions != 1 {
		return fmt.Errorf("the kernel for one version has %d", t.One.Versions)
	}
	if t.Local < 0 || t.Local > 1<<16 {
		return fmt.Errorf("a group has 1 to %d work items, not %d", 1<<16, t.Local)
	}
	if err := t.One.Valid(); err != nil {
		return err
	}
	return t.Many.Valid()
}

// Guess returns a tuning by what is known of devices in general: GPUs want scalar
// code, unrolled; processors their vector width, and code that fits into their
// instruction cache.
func Guess(d *cl.Device) Tuning {
	if d.Type&cl.CPU == 0 {
		return Tuning{
			One:   kernels.Shape{Width: 1, Versions: 1, Streams: 1, Each: 1},
			Many:  kernels.Shape{Width: 1, Versions: 4, Streams: 1, Each: 1},
			Local: 128,
		}
	}
	width := 1
	for width < 16 && 2*width <= d.Width {
		width *= 2
	}
	return Tuning{
		One:  kernels.Shape{Width: width, Versions: 1, Streams: 1, Rolled: true, Each: 1},
		Many: kernels.Shape{Width: width, Versions: 16, Streams: 2, Rolled: true, Each: 1},
	}
}

// candidates returns the tunings to measure: shapes for one version, shapes for
// many, local sizes.
func candidates(d *cl.Device) (one, many []kernels.Shape, locals []int) {
	g := Guess(d)
	if d.Type&cl.CPU != 0 {
		for _, rolled := range []bool{true, false} {
			one = append(one, kernels.Shape{Width: g.One.Width, Versions: 1, Streams: 1, Rolled: rolled, Each: 1})
		}
		for _, v := range []int{4, 8, 16} {
			for _, s := range []int{1, 2} {
				many = append(many, kernels.Shape{Width: g.One.Width, Versions: v, Streams: s, Rolled: true, Each: 1})
			}
		}
		return one, many, []int{64}
	}
	for _, each := range []int{1, 4, 16} {
		one = append(one, kernels.Shape{Width: 1, Versions: 1, Streams: 1, Each: each})
	}
	for _, v := range []int{2, 4, 8, 16} {
		many = append(many, kernels.Shape{Width: 1, Versions: v, Streams: 1, Each: 1})
	}
	return one, many, []int{64, 128, 256, 512}
}

// Measured is one result of Tune.
type Measured struct {
	Shape kernels.Shape `json:"shape"`
	Local int           `json:"local"`
	Rate  float64       `json:"rate"`            // distinct headers hashed in full, H/s
	Err   string        `json:"error,omitempty"` // why there is no rate
}

// Tune measures a device and returns the fastest tuning, which it keeps in folder
// unless that is "". Each shape is tried for about each; progress, if not nil, is
// called after every one. Shapes that the driver refuses or that find something
// wrong are left out; with none left there is an error.
func Tune(ctx context.Context, d *cl.Device, folder string, each time.Duration, progress func(done, all int, m Measured)) (Tuning, error) {
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	one, many, locals := candidates(d)
	all := len(one) + len(many) + 2*(len(locals)-1)
	done := 0
	var failed error
	measure := func(s kernels.Shape, local int) float64 {
		if ctx.Err() != nil {
			return 0
		}
		m := Measured{Shape: s, Local: local}
		var err error
		if m.Rate, err = Measure(ctx, d, folder, s, local, each); err != nil {
			m.Err, failed = err.Error(), err
		}
		if errors.Is(err, errHangs) {
			giveUp(err) // it would hang again, for minutes each time
		}
		done++
		if progress != nil {
			progress(done, all, m)
		}
		return m.Rate
	}
	best := func(shapes []kernels.Shape, local int) (best kernels.Shape, rate float64) {
		for _, s := range shapes {
			if r := measure(s, local); r > rate {
				best, rate = s, r
			}
		}
		return best, rate
	}
	t := Tuning{Local: locals[0]}
	var rateOne, rateMany float64
	t.One, rateOne = best(one, t.Local)
	t.Many, rateMany = best(many, t.Local)
	if rateOne == 0 && ctx.Err() == nil {
		return Tuning{}, fmt.Errorf("no kernel works on %s: %w", d.Name, failed)
	}
	sum := rateOne + rateMany
	for _, local := range locals[1:] {
		a := measure(t.One, local)
		b := 0.0
		if rateMany > 0 {
			b = measure(t.Many, local)
		}
		if a+b > sum {
			t.Local, sum, rateOne, rateMany = local, a+b, a, b
		}
	}
	if rateMany <= rateOne {
		t.Many = t.One
	}
	if ctx.Err() != nil {
		return Tuning{}, context.Cause(ctx)
	}
	return t, saveTuning(folder, d, t)
}

// Measure returns the rate of one shape on d in H/s, after it has found what it
// must find. It takes about as long as time says, and what the build takes.
func Measure(ctx context.Context, d *cl.Device, folder string, shape kernels.Shape, local int, length time.Duration) (float64, error) {
	e, err := open(ctx, plan{device: d, source: kernels.Source, folder: folder, local: local, first: firstLimit}, shape)
	if err != nil {
		return 0, err
	}
	defer e.close()
	k := e.kernels[0]
	var p hasher.Prep
	p.Prepare(&genesis, 0, versions(nil, genesis.Version(), shape.Versions)...)
	s := e.slots[0]
	if err := s.load(p.Words(nil)); err != nil {
		return 0, err
	}
	count := uint32(max(k.shape.Nonces()*k.local, 1<<14))
	var headers, seconds float64
	for first := uint32(0); seconds < length.Seconds(); first += count {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		start := time.Now()
		if err := k.launch(s, first, count); err != nil {
			e.stuck = true // what of it the device does is not known
			return 0, err
		}
		if _, err := e.await(ctx, s, start, 0); err != nil {
			return 0, err
		}
		took := time.Since(start)
		if took < DefaultBatch/2 && count < 1<<30 { // not yet what a batch is
			count *= 2
			headers, seconds = 0, 0
			continue
		}
		headers += float64(count) * float64(shape.Versions)
		seconds += took.Seconds()
	}
	return headers / seconds, nil
}

// key names what is kept for a device and its driver.
func key(d *cl.Device, more ...string) string {
	h := sha256.New()
	for _, s := range append([]string{d.Platform, d.Name, d.Version, d.Driver, fmt.Sprint(d.Units)}, more...) {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// LoadTuning returns what Tune kept in folder for d, its driver and this kernel.
func LoadTuning(folder string, d *cl.Device) (Tuning, bool) {
	var t Tuning
	if folder == "" {
		return t, false
	}
	b, err := os.ReadFile(tuningFile(folder, d))
	if err != nil || json.Unmarshal(b, &t) != nil || t.valid() != nil {
		return Tuning{}, false
	}
	return t, true
}

func tuningFile(folder string, d *cl.Device) string {
	return filepath.Join(folder, "tuning-"+key(d, kernels.Source)+".json")
}

func saveTuning(folder string, d *cl.Device, t Tuning) error {
	if folder == "" {
		return nil
	}
	b, err := json.MarshalIndent(t, "", "\t")
	if err != nil {
		return err
	}
	return keep(tuningFile(folder, d), append(b, '\n'))
}

// keep writes a file of the folder as a whole: who reads it sees the old one or
// the new one.
func keep(name string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// Shapes returns those that t names and the same with other numbers of versions,
// for comparison.
func Shapes(d *cl.Device, t Tuning) []kernels.Shape {
	shapes := []kernels.Shape{t.One}
	for _, v := range []int{2, 4, 8, 16} {
		s := Guess(d).Many
		if t.Many.Versions > 1 {
			s = t.Many
		}
		s.Versions = v
		if s.Valid() == nil {
			shapes = append(shapes, s)
		}
	}
	return shapes
}
