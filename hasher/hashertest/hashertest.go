// Package hashertest is the suite that every implementation of the search has
// to pass, whatever it runs on: real blocks, and exhaustive comparison with
// crypto/sha256 over ranges chosen to hit each lane, each version and each edge
// of a range. It does not measure speed.
package hashertest

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"gominer/hasher"
)

//go:embed testdata/blocks.json
var blocksJSON []byte

// Block is a block of the main chain.
type Block struct {
	Height int
	Header hasher.Header
	Hash   hasher.Hash
}

// Blocks returns headers of the main chain, the genesis block first. Each has a
// hash whose top 32 bits are zero.
func Blocks() []Block {
	var file struct {
		Blocks []struct {
			Height       int
			Header, Hash string
		}
	}
	if err := json.Unmarshal(blocksJSON, &file); err != nil {
		panic(err)
	}
	var blocks []Block
	for _, b := range file.Blocks {
		header, err := hasher.ParseHeader(b.Header)
		if err != nil {
			panic(err)
		}
		hash, err := hasher.ParseHash(b.Hash)
		if err != nil {
			panic(err)
		}
		blocks = append(blocks, Block{b.Height, header, hash})
	}
	return blocks
}

// Search is what a kernel's Find must find, by crypto/sha256: every candidate
// among count nonces from first, modulo 2^32, and versions, sorted by nonce's
// place in the range, then by index.
func Search(h hasher.Header, versions []uint32, limit, first, count uint32) []hasher.Candidate {
	var found []hasher.Candidate
	for n := range count {
		h.SetNonce(first + n)
		for i, v := range versions {
			h.SetVersion(v)
			if hash := h.Hash(); hash.Top() <= limit {
				found = append(found, hasher.Candidate{Nonce: first + n, Index: i})
			}
		}
	}
	return found
}

// Sort orders candidates as Search does, for a range that begins at first.
func Sort(found []hasher.Candidate, first uint32) {
	slices.SortFunc(found, func(a, b hasher.Candidate) int {
		if a.Nonce != b.Nonce {
			if a.Nonce-first < b.Nonce-first {
				return -1
			}
			return 1
		}
		return a.Index - b.Index
	})
}

// TestKernel is the suite for what runs in this process: TestSearch, and that
// nothing is allocated.
func TestKernel(t *testing.T, k hasher.Kernel) {
	TestSearch(t, k)
	t.Run("allocs", suite{k}.allocs)
}

// TestSearch is the suite for what a kernel finds, whatever it runs on.
func TestSearch(t *testing.T, k hasher.Kernel) {
	if k.Name == "" || k.Lanes < 1 || k.Versions < 1 || k.Find == nil {
		t.Fatalf("incomplete kernel %q: %d lanes, %d versions", k.Name, k.Lanes, k.Versions)
	}
	s := suite{k}
	t.Run("blocks", s.blocks)
	t.Run("lanes", s.lanes)
	t.Run("ranges", s.ranges)
	t.Run("limits", s.limits)
	t.Run("versions", s.versions)
	t.Run("long", s.long)
	t.Run("append", s.appends)
	t.Run("reuse", s.reuse)
}

type suite struct{ k hasher.Kernel }

// check runs the kernel and compares all that it finds with Search.
func (s suite) check(t *testing.T, p *hasher.Prep, h hasher.Header, versions []uint32, limit, first, count uint32) {
	t.Helper()
	p.Prepare(&h, limit, versions...)
	if len(versions) == 0 {
		versions = []uint32{h.Version()}
	}
	want := Search(h, versions, limit, first, count)
	got := s.k.Find(p, first, count, nil)
	Sort(got, first)
	if !slices.Equal(got, want) {
		t.Fatalf("%d nonces from %#x, %d versions, limit %#x: %s", count, first, len(versions), limit, difference(got, want))
	}
}

// difference says in one line how got differs from want, both sorted.
func difference(got, want []hasher.Candidate) string {
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			return fmt.Sprintf("%d of %d candidates, the first missing is %+v", len(got), len(want), want[i])
		case i >= len(want):
			return fmt.Sprintf("%d candidates, want %d, the first too many is %+v", len(got), len(want), got[i])
		case got[i] != want[i]:
			return fmt.Sprintf("candidate %d is %+v, want %+v (%d and %d in all)", i, got[i], want[i], len(got), len(want))
		}
	}
	return "no difference"
}

// roll returns n versions for the kernel, n a multiple of k.Versions, with v as
// the one at index at.
func (s suite) roll(v uint32, n, at int) []uint32 {
	versions := make([]uint32, n)
	for i := range versions {
		versions[i] = v ^ uint32(i^at)<<13 // the bits of BIP 320
	}
	return versions
}

// randomHeader returns 80 random bytes.
func randomHeader(r *rand.Rand) (h hasher.Header) {
	for i := range h {
		h[i] = byte(r.Uint32())
	}
	return h
}

// blocks finds the nonces of real blocks, at each place that the kernel may
// treat in its own way.
func (s suite) blocks(t *testing.T) {
	var p hasher.Prep
	for i, b := range Blocks() {
		if got := b.Header.Hash(); got != b.Hash {
			t.Fatalf("block %d: header hashes to %v, want %v", b.Height, got, b.Hash)
		}
		nonce := b.Header.Nonce()
		at := (5 * i) % s.k.Versions
		versions := s.roll(b.Header.Version(), s.k.Versions, at)
		p.Prepare(&b.Header, 0, versions...)
		for _, before := range []uint32{0, 1, uint32(s.k.Lanes) - 1, uint32(s.k.Lanes), 1000} {
			for _, after := range []uint32{0, 1, 1000} {
				got := s.k.Find(&p, nonce-before, before+1+after, nil)
				want := hasher.Candidate{Nonce: nonce, Index: at}
				if len(got) != 1 || got[0] != want {
					t.Errorf("block %d, %d nonces before and %d after: %+v, want %+v", b.Height, before, after, got, want)
				}
			}
			if got := s.k.Find(&p, nonce-before, before, nil); len(got) != 0 {
				t.Errorf("block %d, %d nonces before its own: %+v, want none", b.Height, before, got)
			}
		}
	}
}

// lanes makes each nonce of a few batches and each version in turn the one
// whose hash is exactly the limit.
func (s suite) lanes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	h := randomHeader(r)
	versions := s.roll(h.Version(), s.k.Versions, 0)
	first, count := r.Uint32(), uint32(2*s.k.Lanes+1)
	tops := make([]uint32, 0, int(count)*len(versions))
	for n := range count {
		for _, v := range versions {
			h.SetVersion(v)
			h.SetNonce(first + n)
			hash := h.Hash()
			tops = append(tops, hash.Top())
		}
	}
	var p hasher.Prep
	p.Prepare(&h, 0, versions...)
	var got, want []hasher.Candidate
	for at, top := range tops {
		p.Limit = top
		want = want[:0]
		for i, other := range tops {
			if other <= top {
				want = append(want, hasher.Candidate{
					Nonce: first + uint32(i/len(versions)), Index: i % len(versions),
				})
			}
		}
		got = s.k.Find(&p, first, count, got[:0])
		Sort(got, first)
		if !slices.Equal(got, want) {
			t.Fatalf("limit %#x, the hash of nonce first+%d, version %d: %s",
				top, at/len(versions), at%len(versions), difference(got, want))
		}
	}
}

// ranges tries lengths around the batch size, at and over the end of the
// nonces, with a quarter of the hashes at or below the limit.
func (s suite) ranges(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	lanes := uint32(s.k.Lanes)
	var p hasher.Prep
	for _, count := range []uint32{0, 1, 2, 3, lanes - 1, lanes, lanes + 1, 2*lanes - 1, 2 * lanes, 3*lanes + 1, 5 * lanes, 101} {
		for _, first := range []uint32{0, r.Uint32(), -(count / 2), -count, ^uint32(0)} {
			h := randomHeader(r)
			s.check(t, &p, h, s.roll(h.Version(), s.k.Versions, 0), 1<<30, first, count)
		}
	}
}

// limits tries what a target's top word can be, among them the largest, with
// which every nonce is a candidate.
func (s suite) limits(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var p hasher.Prep
	for _, limit := range []uint32{
		0, 1, 0xff, 0xffff, 0x00ffffff, 0x01000000, 0x0000ff00, 0x00ff0000, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff,
		r.Uint32(), r.Uint32(), r.Uint32(),
	} {
		h := randomHeader(r)
		s.check(t, &p, h, s.roll(h.Version(), s.k.Versions, 0), limit, r.Uint32(), uint32(2*s.k.Lanes+3))
	}
}

// versions tries several times the versions that the kernel asks for, related
// and unrelated ones, and a header's own alone.
func (s suite) versions(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	var p hasher.Prep
	if s.k.Versions == 1 {
		s.check(t, &p, randomHeader(r), nil, 1<<30, r.Uint32(), 100)
	}
	for _, n := range []int{1, 2, 3, 4} {
		h := randomHeader(r)
		versions := make([]uint32, n*s.k.Versions)
		for i := range versions {
			versions[i] = r.Uint32()
		}
		s.check(t, &p, h, versions, 1<<29, r.Uint32(), 77)
		// The same version everywhere: each nonce is a candidate with all or none.
		for i := range versions {
			versions[i] = versions[0]
		}
		s.check(t, &p, h, versions, 1<<30, r.Uint32(), 33)
	}
}

// long finds a nonce deep in a range, where a kernel that works in portions has
// gone from one to the next.
func (s suite) long(t *testing.T) {
	b := Blocks()[1]
	var p hasher.Prep
	p.Prepare(&b.Header, 0, s.roll(b.Header.Version(), s.k.Versions, s.k.Versions-1)...)
	nonce := b.Header.Nonce()
	before := uint32(200_003 / s.k.Versions)
	got := s.k.Find(&p, nonce-before, before+50, nil)
	want := hasher.Candidate{Nonce: nonce, Index: s.k.Versions - 1}
	if !slices.Contains(got, want) {
		t.Fatalf("%d nonces before block %d's: %+v, want %+v", before, b.Height, got, want)
	}
	for _, c := range got {
		h := b.Header
		h.SetVersion(p.Versions[c.Index])
		h.SetNonce(c.Nonce)
		if hash := h.Hash(); hash.Top() != 0 {
			t.Errorf("%+v has hash %v, which is above the limit 0", c, hash)
		}
	}
}

// appends keeps what a caller's slice holds already.
func (s suite) appends(t *testing.T) {
	b := Blocks()[0]
	var p hasher.Prep
	p.Prepare(&b.Header, 0, s.roll(b.Header.Version(), s.k.Versions, 0)...)
	old := []hasher.Candidate{{Nonce: 1, Index: 2}, {Nonce: 3, Index: 4}}
	got := s.k.Find(&p, b.Header.Nonce(), 1, slices.Clone(old))
	want := append(slices.Clone(old), hasher.Candidate{Nonce: b.Header.Nonce()})
	if !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got = s.k.Find(&p, b.Header.Nonce()+1, 10, slices.Clone(old)); !slices.Equal(got, old) {
		t.Errorf("got %+v, want %+v", got, old)
	}
}

// reuse goes from header to header with one Prep, as a worker does, with more
// and then fewer versions.
func (s suite) reuse(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	var p hasher.Prep
	for _, n := range []int{1, 3, 1, 2} {
		h := randomHeader(r)
		versions := s.roll(h.Version(), n*s.k.Versions, 0)
		s.check(t, &p, h, versions, 1<<30, r.Uint32(), 40)
		before := fmt.Sprint(p.Header, p.Versions, p.Mid, p.Tail, p.Limit)
		s.k.Find(&p, 0, 40, nil)
		if after := fmt.Sprint(p.Header, p.Versions, p.Mid, p.Tail, p.Limit); after != before {
			t.Fatalf("Find changed the Prep from %s to %s", before, after)
		}
	}
}

// allocs holds Find and Prepare to allocating nothing.
func (s suite) allocs(t *testing.T) {
	h := Blocks()[0].Header
	versions := s.roll(h.Version(), s.k.Versions, 0)
	var p hasher.Prep
	found := make([]hasher.Candidate, 0, 101*s.k.Versions)
	limit := uint32(0)
	if n := testing.AllocsPerRun(50, func() {
		p.Prepare(&h, limit, versions...)
		found = s.k.Find(&p, 7, 101, found[:0])
		limit = ^limit
	}); n != 0 {
		t.Errorf("%v allocations a call, want 0", n)
	}
}
