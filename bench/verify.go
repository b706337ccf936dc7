package bench

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"

	"gominer/hasher"
)

// vectors are headers of real blocks, the first of all and one that was found by
// version rolling among them.
var vectors = []string{
	"0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c", // 0
	"0100000081cd02ab7e569e8bcd9317e2fe99f2de44d49ab2b8851ba4a308000000000000e320b6c2fffc8d750423db8b1eb942ae710e951ed797f7affc8892b0f1fc122bc7f5d74df2b9441a42a14695", // 125552
	"04e0ff3f5f3b2119529dc4013ff0f427a457bed706e7b5b8dec30900000000000000000022906797f7ab258c0f896c35b2d6725c0554f579af99754b241aec8c76727d4091a45561ebd00e17e3d6da41", // 702861
}

// Random headers tried by Verify, and ranges long enough that a kernel which
// works in portions goes from one to the next.
const (
	quickHeaders, quickLong       = 32, 1
	thoroughHeaders, thoroughLong = 2000, 20

	longHeaders = 60_000 // hashed in each long range
)

// Verify holds a kernel to crypto/sha256: real blocks, and random headers over
// every lane, every version, and limits that are exactly some nonce's hash. It
// takes milliseconds, or seconds if it is to be thorough. It returns how many
// headers were compared, and an error that names the header and the nonce of the
// first difference.
func Verify(k hasher.Kernel, thorough bool) (headers uint64, err error) {
	v := verifier{k: k, r: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))}
	random, long := quickHeaders, quickLong
	if thorough {
		random, long = thoroughHeaders, thoroughLong
	}
	err = v.all(random, long)
	return v.headers, err
}

// verifier compares one kernel's candidates with those of the reference.
type verifier struct {
	k       hasher.Kernel
	r       *rand.Rand
	p       hasher.Prep
	headers uint64
}

func (v *verifier) all(random, long int) error {
	for i, s := range vectors {
		h, err := hasher.ParseHeader(s)
		if err != nil {
			return err
		}
		if err := v.block(h, i*5%v.k.Versions); err != nil {
			return err
		}
	}
	for range random {
		if err := v.random(); err != nil {
			return err
		}
	}
	for range long {
		h := v.header()
		n := v.k.Versions * (1 + v.r.IntN(2))
		if err := v.check(h, v.versions(h, n), 1<<20, v.r.Uint32(), uint32(longHeaders/n)); err != nil {
			return err
		}
	}
	return nil
}

// block looks for the nonce of a real block at every lane, with the block's
// version at the given index.
func (v *verifier) block(h hasher.Header, index int) error {
	versions := make([]uint32, v.k.Versions)
	for i := range versions {
		versions[i] = h.Version() ^ uint32(i^index)<<13 // bits that BIP 320 sets free
	}
	for before := range uint32(v.k.Lanes) {
		if err := v.check(h, versions, 0, h.Nonce()-before, before+uint32(v.k.Lanes)); err != nil {
			return err
		}
	}
	return nil
}

// random searches a short range, sometimes over the end of the nonces, with a
// limit that one of its hashes meets by a hair, misses by a hair, or that all
// meet.
func (v *verifier) random() error {
	h := v.header()
	versions := v.versions(h, v.k.Versions*(1+v.r.IntN(3)))
	first := v.r.Uint32()
	count := uint32(v.r.IntN(3*v.k.Lanes + 2))
	if v.r.IntN(4) == 0 {
		first = -(count / 2)
	}
	limit := ^uint32(0)
	if count > 0 {
		h := h
		h.SetNonce(first + v.r.Uint32N(count))
		h.SetVersion(versions[v.r.IntN(len(versions))])
		hash := h.Hash()
		limit = hash.Top()
	}
	switch v.r.IntN(8) {
	case 0:
		limit = ^uint32(0)
	case 1, 2:
		limit--
	}
	return v.check(h, versions, limit, first, count)
}

// header returns 80 random bytes.
func (v *verifier) header() (h hasher.Header) {
	for i := range h {
		h[i] = byte(v.r.Uint32())
	}
	return h
}

// versions returns n versions: those that a pool's mask gives, or any.
func (v *verifier) versions(h hasher.Header, n int) []uint32 {
	versions := make([]uint32, n)
	related := v.r.IntN(2) == 0
	for i := range versions {
		versions[i] = v.r.Uint32()
		if related {
			versions[i] = h.Version() ^ uint32(i)<<13
		}
	}
	return versions
}

// check compares what the kernel finds with what crypto/sha256 does.
func (v *verifier) check(h hasher.Header, versions []uint32, limit, first, count uint32) error {
	v.p.Prepare(&h, limit, versions...)
	kept := hasher.Candidate{Nonce: ^first, Index: -1}
	got := v.k.Find(&v.p, first, count, []hasher.Candidate{kept})
	if len(got) == 0 || got[0] != kept {
		return v.wrong(h, limit, first, count, "loses the candidates that were found before")
	}
	got = got[1:]
	slices.SortFunc(got, func(a, b hasher.Candidate) int {
		return cmp.Or(cmp.Compare(a.Nonce-first, b.Nonce-first), cmp.Compare(a.Index, b.Index))
	})
	for n := range count {
		h.SetNonce(first + n)
		for i, version := range versions {
			h.SetVersion(version)
			hash := h.Hash()
			c := hasher.Candidate{Nonce: first + n, Index: i}
			found := len(got) > 0 && got[0] == c
			switch {
			case found && hash.Top() > limit:
				return v.wrong(h, limit, first, count, fmt.Sprintf("reports nonce %#08x of version %#08x (index %d), but its hash is %v", c.Nonce, version, i, hash))
			case !found && hash.Top() <= limit:
				return v.wrong(h, limit, first, count, fmt.Sprintf("misses nonce %#08x of version %#08x (index %d), whose hash is %v", c.Nonce, version, i, hash))
			case found:
				got = got[1:]
			}
		}
	}
	v.headers += uint64(count) * uint64(len(versions))
	if len(got) > 0 {
		return v.wrong(h, limit, first, count, fmt.Sprintf("reports %v, which was not asked for or is there twice", got[0]))
	}
	return nil
}

func (v *verifier) wrong(h hasher.Header, limit, first, count uint32, what string) error {
	return fmt.Errorf("kernel %s is wrong: it %s; header %x, %d nonces from %#08x, limit %#x", v.k.Name, what, h[:], count, first, limit)
}
