package emulate

import (
	"context"
	"math/bits"
	"time"

	"gominer/hasher"
)

// task is work that the chips were given: all nonces of a header, or of one that
// is known by midstates and tail alone.
type task struct {
	id   int  // what reply makes of it
	bits int  // zero bits that a nonce's hash must have
	once bool // the chips rest when they have found one

	// Either a header, and the versions that the chips roll, versions(0) to
	// versions(count-1); nil: its own.
	header   hasher.Header
	versions func(i uint64) uint32
	count    uint64

	// Or midstates, of which nobody knows the versions, and the tail.
	mids [][8]uint32
	tail [3]uint32
}

// batchTime is how long the processor hashes before it looks for other work.
const batchTime = 2 * time.Millisecond

// stretch is how many nonces are hashed under some versions before others have
// their turn: as many as it takes for all cores of all chips to have some, since
// the core is in a nonce's first byte and the chip in its second.
const stretch = 1 << 16

// known is a header of a real block and its nonce, which has as many zero bits as
// silicon asks for: what takes chips a moment would take a processor minutes.
type known struct {
	mid   [8]uint32
	tail  [3]uint32
	nonce uint32
}

// realHeaders are of blocks 0 and 125552, and of a share of a BM1370, of
// difficulty 29588.
var realHeaders = []string{
	"0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c",
	"0100000081cd02ab7e569e8bcd9317e2fe99f2de44d49ab2b8851ba4a308000000000000e320b6c2fffc8d750423db8b1eb942ae710e951ed797f7affc8892b0f1fc122bc7f5d74df2b9441a42a14695",
	"0040b420fd55646bc162b96dfcd4f201a3f4670d1d3996bc96520100000000000000000006ddf5f08c36414b95ea54db71a0c28761a98bcf6355919e044f88725519a7cbd7685468043a02174c035275",
}

// knownHeaders are found at once.
var knownHeaders = func() (list []known) {
	list = append(list, known{golden.Mid, tailOf(golden.Tail[:]), goldenNonce})
	for _, text := range realHeaders {
		h, err := hasher.ParseHeader(text)
		if err != nil {
			panic(err)
		}
		var p hasher.Prep
		p.Prepare(&h, 0)
		list = append(list, known{p.Mid[0], p.Tail, h.Nonce()})
	}
	return list
}()

// knowsMidstates reports whether k hashes by midstate and tail alone.
func knowsMidstates(k hasher.Kernel) bool {
	p := hasher.Prep{Tail: knownHeaders[0].tail}
	for range max(1, k.Versions) {
		p.Mid = append(p.Mid, knownHeaders[0].mid)
		p.Versions = append(p.Versions, 0)
	}
	found := k.Find(&p, knownHeaders[0].nonce, 1, nil)
	return len(found) > 0
}

// search hashes the newest work until ctx ends.
func (w *wire) search(ctx context.Context) {
	s := searcher{w: w, batch: 1 << 10}
	var t *task
	for {
		if t == nil {
			select {
			case t = <-w.work:
			case <-ctx.Done():
				return
			}
		}
		if t != nil {
			t = s.hash(ctx, t)
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// searcher belongs to one goroutine.
type searcher struct {
	w     *wire
	prep  hasher.Prep
	found []hasher.Candidate
	batch uint64  // headers in batchTime
	debt  float64 // s, by which it was faster than Config.Rate
}

// hash hashes t until it is through, and returns nil, or the work that came
// meanwhile.
func (s *searcher) hash(ctx context.Context, t *task) *task {
	total := uint64(len(t.mids))
	if total == 0 {
		total = max(1, t.count)
	}
	for _, k := range knownHeaders {
		if i, ok := s.place(t, &k, total); ok {
			s.w.found(t, i, k.nonce)
			return nil
		}
	}
	c := &s.w.e.cfg
	kernel, width := c.Kernel, uint64(1)
	if v := c.VersionKernel; v.Find != nil && total%uint64(v.Versions) == 0 {
		kernel, width = v, uint64(v.Versions)
	}
	for from := uint64(0); from < 1<<32; from += stretch {
		for first := uint64(0); first < total; first += width {
			s.prepare(t, first, width)
			if next, more := s.stretch(ctx, t, kernel, int(first), from); !more {
				return next
			}
		}
	}
	return nil
}

// stretch hashes stretch nonces with what is prepared, of which the first version
// has that index. It returns false and the work that came meanwhile, nil for none,
// if t does not go on.
func (s *searcher) stretch(ctx context.Context, t *task, kernel hasher.Kernel, first int, from uint64) (next *task, more bool) {
	for nonce := from; nonce < from+stretch; {
		n := min(max(s.batch/uint64(len(s.prep.Mid)), 256), from+stretch-nonce)
		began := time.Now()
		s.found = kernel.Find(&s.prep, uint32(nonce), uint32(n), s.found[:0])
		s.hashed(ctx, uint32(nonce), uint32(n), time.Since(began))
		for _, f := range s.found {
			h := s.prep.Hash(f.Index, f.Nonce)
			if zeros(&h) >= t.bits && !s.w.found(t, first+f.Index, f.Nonce) {
				return nil, false
			}
		}
		select {
		case next := <-s.w.work:
			return next, false
		default:
		}
		if ctx.Err() != nil {
			return nil, false
		}
		nonce += n
	}
	return nil, true
}

// place returns where in t a known header is.
func (s *searcher) place(t *task, k *known, total uint64) (index int, ok bool) {
	tail := t.tail
	if t.mids == nil {
		tail = tailOf(t.header[64:76])
	}
	if tail != k.tail {
		return 0, false
	}
	for i := range total {
		s.prepare(t, i, 1)
		if s.prep.Mid[0] == k.mid {
			return int(i), true
		}
	}
	return 0, false
}

// prepare makes prep that of n of t's versions.
func (s *searcher) prepare(t *task, first, n uint64) {
	p := &s.prep
	if t.mids != nil {
		p.Tail, p.Mid, p.Versions = t.tail, append(p.Mid[:0], t.mids[first:first+n]...), p.Versions[:0]
		for range n {
			p.Versions = append(p.Versions, 0)
		}
	} else {
		versions := make([]uint32, n)
		for i := range versions {
			versions[i] = t.header.Version()
			if t.versions != nil {
				versions[i] = t.versions(first + uint64(i))
			}
		}
		p.Prepare(&t.header, 0, versions...)
	}
	p.Limit = 0
	if t.bits < 32 {
		p.Limit = 1<<(32-t.bits) - 1
	}
}

// hashed counts a batch, and waits where that was too fast.
func (s *searcher) hashed(ctx context.Context, first, count uint32, took time.Duration) {
	e, headers := s.w.e, uint64(count)*uint64(len(s.prep.Mid))
	e.count(func(st *Stats) { st.Hashes += headers })
	if told := e.cfg.Hashed; told != nil {
		for _, mid := range s.prep.Mid {
			told(Range{Mid: mid, Tail: s.prep.Tail, First: first, Count: count})
		}
	}
	switch {
	case took < batchTime/2 && s.batch < 1<<30:
		s.batch += s.batch / 2
	case took > batchTime && s.batch > 1<<8:
		s.batch -= s.batch / 4
	}
	if e.cfg.Rate > 0 {
		s.batch = min(s.batch, max(1<<8, uint64(e.cfg.Rate*batchTime.Seconds())))
		s.debt += float64(headers)/e.cfg.Rate - took.Seconds()
		if s.debt > batchTime.Seconds() {
			began := time.Now()
			sleep(ctx, time.Duration(s.debt*float64(time.Second)))
			s.debt -= time.Since(began).Seconds()
		}
	}
}

// tailOf returns header bytes 64-75 as words.
func tailOf(b []byte) (tail [3]uint32) {
	for i := range tail {
		for _, x := range b[4*i : 4*i+4] {
			tail[i] = tail[i]<<8 | uint32(x)
		}
	}
	return tail
}

// zeros returns the zero bits that h begins with, as people write it.
func zeros(h *hasher.Hash) int {
	n := 0
	for i := len(h) - 1; i >= 0; i-- {
		if h[i] != 0 {
			return n + bits.LeadingZeros8(h[i])
		}
		n += 8
	}
	return n
}
