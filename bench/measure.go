package bench

import (
	"cmp"
	"context"
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"gominer/hasher"
)

// Case is one way to hash that is measured.
type Case struct {
	Kernel   hasher.Kernel
	Threads  int
	Versions int // tried on each nonce; a multiple of Kernel.Versions

	// Device is what Kernel hands its work to, "" for the processor itself. Then
	// the CPU time is that of the whole process: what driving the device costs, or
	// what it does itself if it is a processor.
	Device string
	Batch  time.Duration // how long one call of Find takes; 0: a millisecond
}

// warmBatches is how many batches a device needs until they have their size.
const warmBatches = 20

// where names what hashes.
func (c *Case) where() string { return cmp.Or(c.Device, "cpu") }

// measurement is one run of one Case.
type measurement struct {
	hashes uint64        // distinct headers hashed in full
	wall   time.Duration // mean of the threads, each from its first batch to the end of its last
	cpu    time.Duration // of all threads; where the system does not tell, of their wall time
	watts  float64       // of the processor packages meanwhile; 0: not known
}

// batchTime is how long one call of Kernel.Find takes on the processor: that of
// package cpu, since what it costs belongs to the figure.
const batchTime = time.Millisecond

// measure hashes for d after a warm-up, and gives up when ctx ends.
func (c *Case) measure(ctx context.Context, d time.Duration, energy *energyMeter) (measurement, error) {
	threads := make([]thread, c.Threads)
	from := time.Now().Add(max(warmUp(d), warmBatches*c.Batch))
	var wg sync.WaitGroup
	for i := range threads {
		wg.Go(func() { threads[i].run(ctx, c, from, from.Add(d)) })
	}
	wait(ctx, time.Until(from))
	before, start := energy.read(), time.Now()
	wait(ctx, time.Until(from.Add(d)))
	joules := energy.joules(before, energy.read())
	elapsed := time.Since(start)
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return measurement{}, err
	}
	m := measurement{}
	for i := range threads {
		t := &threads[i]
		m.hashes += t.hashes
		m.wall += t.wall / time.Duration(len(threads))
		m.cpu += t.cpu
	}
	if elapsed > 0 && c.Device == "" { // the meter is the processor's
		m.watts = joules / elapsed.Seconds()
	}
	return m, nil
}

// wait sleeps for d or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// thread is what one thread did.
type thread struct {
	hashes    uint64
	wall, cpu time.Duration
}

// run warms up until from and counts from then until to: whole batches, and at
// least one.
func (t *thread) run(ctx context.Context, c *Case, from, to time.Time) {
	runtime.LockOSThread() // whose CPU time is read
	defer runtime.UnlockOSThread()
	s := newSearch(c)
	now := time.Now()
	for now.Before(from) && ctx.Err() == nil {
		now = s.batch(now)
	}
	clock := threadCPU
	if c.Device != "" {
		clock = processCPU
	}
	cpu, told := clock()
	began := now
	for first := true; (first || now.Before(to)) && ctx.Err() == nil; first = false {
		t.hashes += s.headers()
		now = s.batch(now)
	}
	t.wall = now.Sub(began)
	t.cpu = t.wall
	if end, ok := clock(); ok && told && end > cpu {
		t.cpu = end - cpu
	}
}

// search goes through headers none of which comes twice, in this or any other
// search.
type search struct {
	kernel    *hasher.Kernel
	header    hasher.Header
	versions  []uint32
	prep      hasher.Prep
	next      uint32 // nonce
	count     uint32 // nonces of the next batch
	batchTime time.Duration
	found     []hasher.Candidate
}

func newSearch(c *Case) *search {
	s := &search{kernel: &c.Kernel, batchTime: cmp.Or(c.Batch, batchTime), found: make([]hasher.Candidate, 0, 64)}
	for i := 0; i < len(s.header); i += 8 {
		binary.LittleEndian.PutUint64(s.header[i:], rand.Uint64())
	}
	s.header.SetVersion(0x20000000)
	for i := range c.Versions {
		s.versions = append(s.versions, s.header.Version()|uint32(i)<<13) // bits that BIP 320 sets free
	}
	s.prep.Prepare(&s.header, 0, s.versions...)
	s.count = uint32(c.Kernel.Lanes)
	return s
}

// headers returns how many the next batch will have.
func (s *search) headers() uint64 { return uint64(s.count) * uint64(len(s.versions)) }

// batch runs the kernel once and returns the time after that, given the time
// before. The next batch is half or twice as large if this one was far from
// batchTime.
func (s *search) batch(before time.Time) time.Time {
	s.found = s.kernel.Find(&s.prep, s.next, s.count, s.found[:0])
	after := time.Now()
	if s.next += s.count; s.next > ^uint32(0)-2*s.count { // the nonces are used up
		s.header.SetTime(s.header.Time() + 1)
		s.prep.Prepare(&s.header, 0, s.versions...)
		s.next = 0
	}
	switch took := after.Sub(before); {
	case took < s.batchTime*2/3 && s.count < 1<<28:
		s.count *= 2
	case took > s.batchTime*2 && s.count > uint32(s.kernel.Lanes):
		s.count /= 2
	}
	return after
}
