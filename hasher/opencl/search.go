package opencl

import (
	"context"
	"fmt"
	"time"

	"gominer/hasher"
	"gominer/hasher/opencl/cl"
	"gominer/kernels"
)

// search is one kernel on one device, built, with memory for launches in flight.
// It is for one goroutine at a time.
type search struct {
	e      *engine
	kernel *cl.Kernel
	shape  kernels.Shape
	local  int // work items in a group
}

// newSearch returns a search for program, which was built for shape. local of 0
// leaves its choice to newSearch.
func newSearch(e *engine, program *cl.Program, shape kernels.Shape, local int) (*search, error) {
	k, err := program.Kernel(kernels.Search)
	if err != nil {
		return nil, err
	}
	most := k.MaxLocal()
	if local == 0 {
		local = min(64, most)
	}
	if local > most {
		k.Close()
		return nil, fmt.Errorf("the kernel %v runs in groups of at most %d, not %d", shape, most, local)
	}
	return &search{e, k, shape, local}, nil
}

func (s *search) close() { s.kernel.Close() }

// slot is the memory of one launch: what the device reads, and what it has found.
type slot struct {
	job, found *cl.Buffer
	words      []uint32 // pinned: the job
	zero       []uint32 // pinned: what found is overwritten with before a launch
	result     []uint32 // pinned: a copy of found
	free       []func()
	event      cl.Event

	first, count uint32 // the launch in flight
}

func newSlot(ctx *cl.Context) (*slot, error) {
	s := new(slot)
	var err error
	if s.job, err = ctx.Buffer(kernels.JobWords(kernels.MaxVersions)); err != nil {
		return nil, err
	}
	if s.found, err = ctx.Buffer(kernels.FoundWords); err != nil {
		s.job.Close()
		return nil, err
	}
	pinned := func(words int) []uint32 {
		memory, free := cl.Pinned(words)
		s.free = append(s.free, free)
		return memory
	}
	s.words, s.zero, s.result = pinned(kernels.JobWords(kernels.MaxVersions)), pinned(1), pinned(kernels.FoundWords)
	return s, nil
}

// close frees the slot, whose launch must be over.
func (s *slot) close() {
	s.job.Close()
	s.found.Close()
	for _, free := range s.free {
		free()
	}
}

// load gives the slot a job. Its launch must be over.
func (s *slot) load(words []uint32) error {
	return s.job.WriteLater(s.words[:copy(s.words, words)])
}

// launch queues count nonces from first, at least one, with the slot's job.
func (k *search) launch(s *slot, first, count uint32) error {
	s.first, s.count = first, count
	items := (uint64(count) + uint64(k.shape.Nonces()) - 1) / uint64(k.shape.Nonces())
	global := (items + uint64(k.local) - 1) / uint64(k.local) * uint64(k.local)
	for _, err := range []error{
		s.found.WriteLater(s.zero),
		k.kernel.SetBuffer(kernels.ArgJob, s.job),
		k.kernel.SetUint32(kernels.ArgFirst, first),
		k.kernel.SetUint32(kernels.ArgCount, count),
		k.kernel.SetBuffer(kernels.ArgFound, s.found),
		k.kernel.Launch(int(global), k.local),
		s.found.ReadLater(s.result, &s.event),
		k.e.ctx.Flush(),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

// collect appends the candidates of the launch, which is over, to found, with at
// added to each index. It reports whether there were more than the device could
// keep: then it appends none.
func (s *slot) collect(found []hasher.Candidate, at int) (_ []hasher.Candidate, overflow bool) {
	n := s.result[0]
	if n > kernels.Room {
		return found, true
	}
	for i := range n {
		found = append(found, hasher.Candidate{Nonce: s.result[1+2*i], Index: at + int(s.result[2+2*i])})
	}
	return found, false
}

// find is hasher.Kernel's Find on the device, one launch at a time, for tests and
// measurements. What does not fit into a launch's memory is searched again in
// halves.
func (k *search) find(ctx context.Context, s *slot, p *hasher.Prep, first, count uint32, found []hasher.Candidate) ([]hasher.Candidate, error) {
	words := p.Words(nil)
	const head, each = 19, 16
	for at := 0; at < len(p.Mid); at += k.shape.Versions {
		job := append(words[:head:head], words[head+each*at:head+each*(at+k.shape.Versions)]...)
		if err := s.load(job); err != nil {
			return nil, err
		}
		var err error
		if found, err = k.halves(ctx, s, at, first, count, found); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// halves searches with the slot's job, and again in halves what found too much.
func (k *search) halves(ctx context.Context, s *slot, at int, first, count uint32, found []hasher.Candidate) ([]hasher.Candidate, error) {
	if count == 0 {
		return found, nil
	}
	if err := k.launch(s, first, count); err != nil {
		k.e.stuck = true // what of it the device does is not known
		return nil, err
	}
	if _, err := k.e.await(ctx, s, time.Now(), 0); err != nil {
		return nil, err
	}
	found, overflow := s.collect(found, at)
	if !overflow {
		return found, nil
	}
	if headers := uint64(count) * uint64(k.shape.Versions); headers <= kernels.Room {
		return nil, fmt.Errorf("returns wrong results: %d candidates among %d headers; undo overclocking, cool it, try another driver", s.result[0], headers)
	}
	found, err := k.halves(ctx, s, at, first, count/2, found)
	if err != nil {
		return nil, err
	}
	return k.halves(ctx, s, at, first+count/2, count-count/2, found)
}

// Kernel is a kernel on a device as a hasher.Kernel, which waits for each launch:
// for tests and measurements. Its Find is for one goroutine at a time.
type Kernel struct {
	hasher.Kernel
	e   *engine
	err error
}

// NewKernel returns the kernel in the given shape on d, which has found what it
// must. Close frees it.
func NewKernel(d *cl.Device, name, folder string, shape kernels.Shape, local int) (*Kernel, error) {
	e, err := open(context.Background(), plan{device: d, source: kernels.Source, folder: folder, local: local, first: firstLimit}, shape)
	if err != nil {
		return nil, err
	}
	k := &Kernel{e: e}
	k.Kernel = hasher.Kernel{Name: name, Lanes: shape.Nonces(), Versions: shape.Versions, Find: k.find}
	return k, nil
}

// find finds nothing once the device has failed.
func (k *Kernel) find(p *hasher.Prep, first, count uint32, found []hasher.Candidate) []hasher.Candidate {
	if k.err != nil {
		return found
	}
	all, err := k.e.kernels[0].find(context.Background(), k.e.slots[0], p, first, count, found)
	if err != nil {
		k.err = err
		return found
	}
	return all
}

// Err returns why the device has failed, nil while it has not.
func (k *Kernel) Err() error { return k.err }

// Close frees the kernel.
func (k *Kernel) Close() { k.e.close() }
