package opencl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"gominer/hasher"
	"gominer/hasher/opencl/cl"
	"gominer/kernels"
)

// plan is what an engine is made by.
type plan struct {
	device *cl.Device
	source string        // of the kernel
	folder string        // for what was built; "" keeps nothing
	local  int           // work items in a group; 0: up to 64
	first  time.Duration // patience of the engine: firstLimit but in tests
}

// firstLimit is how long one of the first launches may take: some drivers compile
// as late as that.
const firstLimit = 2 * time.Minute

// engine is a device at work: its kernels and two slots.
type engine struct {
	ctx      *cl.Context
	programs []*cl.Program
	kernels  []*search
	slots    [2]*slot
	patience time.Duration // how long a launch may take beyond its time
	stuck    bool          // a launch may still be running: nothing can be freed
}

// genesis is the first block's header, whose nonce every kernel must find.
var genesis = func() hasher.Header {
	h, err := hasher.ParseHeader("0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c")
	if err != nil {
		panic(err)
	}
	return h
}()

// open builds the kernel in each shape and sees that it finds what it must. It
// gives up when ctx ends, but not while the driver compiles.
func open(ctx context.Context, p plan, shapes ...kernels.Shape) (e *engine, err error) {
	d := p.device
	c, err := d.Open()
	if err != nil {
		return nil, err
	}
	e = &engine{ctx: c, patience: p.first}
	defer func() {
		if err != nil {
			e.close()
			e = nil
		}
	}()
	for i := range e.slots {
		if e.slots[i], err = newSlot(c); err != nil {
			return e, err
		}
	}
	for i, shape := range shapes {
		if at := slices.Index(shapes[:i], shape); at >= 0 {
			e.kernels = append(e.kernels, e.kernels[at])
			continue
		}
		program, err := build(c, d, p.source, p.folder, shape)
		if err != nil {
			return e, fmt.Errorf("%s: build the kernel %v: %w", d.Name, shape, err)
		}
		e.programs = append(e.programs, program)
		k, err := newSearch(e, program, shape, p.local)
		if err != nil {
			return e, fmt.Errorf("%s: %w", d.Name, err)
		}
		e.kernels = append(e.kernels, k)
		if err := e.prove(ctx, k); err != nil {
			return e, fmt.Errorf("%s: the kernel %v %w", d.Name, shape, err)
		}
		if err := ctx.Err(); err != nil {
			return e, err
		}
	}
	return e, nil
}

// build returns the program in one shape, from folder if it was built before.
func build(ctx *cl.Context, d *cl.Device, source, folder string, shape kernels.Shape) (*cl.Program, error) {
	options := shape.Options()
	name := filepath.Join(folder, "kernel-"+key(d, source, options)+".bin")
	if folder != "" {
		if b, err := os.ReadFile(name); err == nil {
			if p, err := ctx.Load(b, options); err == nil {
				return p, nil
			}
			_ = os.Remove(name) // of another driver, or broken: built anew
		}
	}
	p, err := ctx.Build(source, options)
	if err != nil {
		return nil, err
	}
	if folder != "" {
		if b, err := p.Binary(); err == nil {
			_ = keep(name, b) // without it the next start takes longer
		}
	}
	return p, nil
}

var errWrong = errors.New("finds something else than crypto/sha256: the driver compiles it wrongly or the device is defective; try another driver, undo overclocking")

// prove runs k where a block is known, over each of the versions that it tries,
// and where about a quarter of all hashes are candidates.
func (e *engine) prove(ctx context.Context, k *search) error {
	var p hasher.Prep
	nonce := genesis.Nonce()
	s := e.slots[0]
	for at := range k.shape.Versions {
		v := versions(nil, genesis.Version(), k.shape.Versions)
		v[0], v[at] = v[at], v[0]
		p.Prepare(&genesis, 0, v...)
		found, err := k.find(ctx, s, &p, nonce-100, 200, nil)
		if err != nil {
			return fmt.Errorf("fails: %w", err)
		}
		if !slices.Equal(found, []hasher.Candidate{{Nonce: nonce, Index: at}}) {
			return errWrong
		}
	}
	const many = 150
	p.Limit = 1 << 30
	found, err := k.find(ctx, s, &p, ^uint32(0)-many/2, many, nil)
	if err != nil {
		return fmt.Errorf("fails: %w", err)
	}
	seen := make(map[hasher.Candidate]bool)
	for _, c := range found {
		seen[c] = true
	}
	want := 0
	for n := range uint32(many) {
		for i, v := range p.Versions {
			h := header(&p, v, ^uint32(0)-many/2+n)
			hash := h.Hash()
			if hash.Top() > p.Limit {
				continue
			}
			if want++; !seen[hasher.Candidate{Nonce: h.Nonce(), Index: i}] {
				return errWrong
			}
		}
	}
	if want != len(found) {
		return errWrong
	}
	return nil
}

// header returns p's header with the given version and nonce.
func header(p *hasher.Prep, version, nonce uint32) hasher.Header {
	h := p.Header
	h.SetVersion(version)
	h.SetNonce(nonce)
	return h
}

// versions appends n versions to dst, v first, that differ in bits which BIP 320
// leaves to miners.
func versions(dst []uint32, v uint32, n int) []uint32 {
	for i := range n {
		dst = append(dst, v^uint32(i)<<13)
	}
	return dst
}

// close frees what can be freed.
func (e *engine) close() {
	if e.stuck {
		lost.Lock()
		lost.engines = append(lost.engines, e)
		lost.Unlock()
		return
	}
	_ = e.ctx.Finish()
	for i, k := range e.kernels {
		if !slices.Contains(e.kernels[:i], k) {
			k.close()
		}
	}
	for _, p := range e.programs {
		p.Close()
	}
	for _, s := range e.slots {
		if s != nil {
			s.close()
		}
	}
	e.ctx.Close()
}

// await sleeps until the launch in s, which began at began, is over. It should take
// so long; 0 is for what is not known. await polls rather than waits, since drivers
// wait with a busy processor. It reports whether the launch was over already when it
// looked first, after three quarters of the time: then it took less than can be
// known. After e.patience beyond the time, or when ctx ends, it gives up.
func (e *engine) await(ctx context.Context, s *slot, began time.Time, takes time.Duration) (early bool, err error) {
	time.Sleep(time.Until(began.Add(takes * 3 / 4)))
	waited, before := time.Duration(0), time.Now()
	for looked := 0; ; looked++ {
		done, err := s.event.Done()
		if err != nil {
			_ = s.event.Wait() // which frees it
			return false, err
		}
		if done {
			return looked == 0, s.event.Wait()
		}
		now := time.Now()
		waited += min(now.Sub(before), awaitLook)
		before = now
		if err := ctx.Err(); err != nil {
			e.stuck = true
			return false, err
		}
		if late := waited - takes/4; late > e.patience {
			e.stuck = true
			return false, fmt.Errorf("%w: a launch that should take %v is not over after %v more; look into the system's log, make batches shorter",
				errHangs, takes.Round(time.Microsecond), late.Round(time.Millisecond))
		}
		time.Sleep(max(takes/awaitSteps, now.Sub(began)/(4*awaitSteps), 50*time.Microsecond))
	}
}

var errHangs = errors.New("hangs")

const (
	// awaitSteps is how many polls a launch's time is divided into. The other launch
	// goes on meanwhile, so nothing is lost by it.
	awaitSteps = 64

	// awaitLook is the longest time between two looks that counts as waiting. In a
	// longer one the program was stopped, and the device perhaps too.
	awaitLook = time.Second
)

// lost are engines with launches that may never end: the driver goes on using
// their memory, so it must stay.
var lost struct {
	sync.Mutex
	engines []*engine
}
