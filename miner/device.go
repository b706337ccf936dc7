package miner

import (
	"context"
	"sync/atomic"
	"time"
)

// Device turns work into nonces: CPU cores, a GPU, a USB ASIC, a Sleep.
type Device interface {
	// Info says what the device is. It may be called at any time.
	Info() Info

	// Run draws work from f and tries it until ctx ends or the device fails.
	// It leaves no goroutine behind. A device that fails is run again later, or
	// when a *Failure says.
	Run(ctx context.Context, f *Feed) error
}

// Failure is an error of a Device's Run that says itself when to run it again, in
// place of waits that grow.
type Failure struct {
	Err   error
	After time.Duration // below 0: never; it is left out
}

func (f *Failure) Error() string { return f.Err.Error() }

// Unwrap returns why the device failed.
func (f *Failure) Unwrap() error { return f.Err }

// Info describes a device for people.
type Info struct {
	Name    string // short and unique: "cpu", "opencl0"
	Kind    string // "cpu", "opencl", "asic"
	Model   string // what it is, as its maker calls it
	Threads int    // that mine at the moment; 0 where there are none

	// The kernel in use.
	Kernel   string // "" where there is no choice
	Lanes    int    // nonces that it hashes side by side; 0: unknown
	Versions int    // versions that it tries at once; 0: unknown
}

// Threaded is a Device that can tell its threads apart.
type Threaded interface {
	// AppendTried appends to list how many headers each of the threads that mine
	// at the moment has tried so far. It may be called at any time.
	AppendTried(list []uint64) []uint64
}

// Health is what a device's sensors say. A field of 0 is not known.
type Health struct {
	Temperature float64 // °C, of the hottest place that is known
	Fan         float64 // percent of its full speed
	Power       float64 // W

	// Chips are those of a device that has several and can tell them apart, or one.
	// It is not changed any more.
	Chips []ChipHealth
}

// ChipHealth is how one chip of a device does, since it was found.
type ChipHealth struct {
	Nonces     uint64 // that are what the chip says
	Errors     uint64 // nonces that are not
	Duplicates uint64 // nonces that it had said before
	Silent     bool   // it says nothing any more, while it should
}

// Feed is one device's handle to the miner. Its methods may be called from any
// goroutine of the device.
type Feed struct {
	m      *Miner
	device int
	_      [64]byte      // keeps tried off the cache line of what all read
	tried  atomic.Uint64 // headers
	_      [56]byte
	health atomic.Pointer[Health]
}

// found is a candidate on its way to the collector.
type found struct {
	work    Work
	version uint32
	nonce   uint32
	device  int
	at      time.Time
}

// Next fills w with the next at most n untried nonces of the device's newest job,
// n at least 1. It blocks while there is no job, or while everything in the job is
// used up until its time moves on, and returns ctx's error if that ends first.
// It allocates nothing.
func (f *Feed) Next(ctx context.Context, n uint64, w *Work) error {
	return f.m.gen.next(ctx, f.device, max(n, 1), w)
}

// NextHeader is Next for devices that can't be told where to begin: it fills w
// with a header of its own, all its nonces, of which none was handed out. What is
// left of the header that others draw from stays theirs.
func (f *Feed) NextHeader(ctx context.Context, w *Work) error {
	return f.m.gen.next(ctx, f.device, whole, w)
}

// Tried counts n headers of w, versions included, as hashed in full: once a
// batch.
func (f *Feed) Tried(w *Work, n uint64) {
	f.tried.Add(n)
	w.lease.tip.session.tried.Add(n)
}

// Health says how the device is. The newest counts.
func (f *Feed) Health(h Health) { f.health.Store(&h) }

// Found reports a nonce of w's range that gave, with the given header version, a
// hash at or below w.Limit. The miner verifies it. Found waits while the pool
// doesn't take shares as fast as they come.
func (f *Feed) Found(w *Work, version, nonce uint32) {
	f.m.found <- found{work: *w, version: version, nonce: nonce, device: f.device, at: time.Now()}
}
