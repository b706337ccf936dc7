package bench

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"gominer/hasher"
	"gominer/hasher/hashertest"
)

func newVerifier(k hasher.Kernel, seed uint64) *verifier {
	return &verifier{k: k, r: rand.New(rand.NewPCG(seed, 0))}
}

func generic(t testing.TB) hasher.Kernel {
	t.Helper()
	k, ok := hasher.KernelByName("generic")
	if !ok {
		t.Fatal("no kernel generic")
	}
	return k
}

func TestVerifyPassesEveryKernel(t *testing.T) {
	for _, k := range hasher.Kernels() {
		v := newVerifier(k, 1)
		if err := v.all(quickHeaders, quickLong); err != nil {
			t.Error(err)
		}
		if v.headers < longHeaders {
			t.Errorf("%s: %d headers compared, want more than %d", k.Name, v.headers, longHeaders)
		}
	}
	if _, err := Verify(generic(t), true); err != nil {
		t.Error(err)
	}
}

func TestVectorsAreBlocks(t *testing.T) {
	known := map[string]bool{}
	for _, b := range hashertest.Blocks() {
		known[fmt.Sprintf("%x", b.Header[:])] = true
	}
	for _, v := range vectors {
		if !known[v] {
			t.Errorf("%s is no block of hashertest", v)
		}
	}
}

// TestVerifyCatches breaks a kernel in the ways in which kernels break.
func TestVerifyCatches(t *testing.T) {
	type find = func(p *hasher.Prep, first, count uint32, found []hasher.Candidate) []hasher.Candidate
	good := generic(t).Find
	each := func(change func(i int, c *hasher.Candidate) bool) find {
		return func(p *hasher.Prep, first, count uint32, found []hasher.Candidate) []hasher.Candidate {
			for i, c := range good(p, first, count, nil) {
				if change(i, &c) {
					found = append(found, c)
				}
			}
			return found
		}
	}
	withLimit := func(limit func(uint32) uint32) find {
		return func(p *hasher.Prep, first, count uint32, found []hasher.Candidate) []hasher.Candidate {
			was := p.Limit
			p.Limit = limit(was)
			found = good(p, first, count, found)
			p.Limit = was
			return found
		}
	}
	for name, tt := range map[string]struct {
		find find
		want string
	}{
		"wrong nonce":     {each(func(_ int, c *hasher.Candidate) bool { c.Nonce++; return true }), `(misses|reports) nonce`},
		"wrong index":     {each(func(_ int, c *hasher.Candidate) bool { c.Index ^= 1; return true }), `(misses|reports) nonce`},
		"no such index":   {each(func(_ int, c *hasher.Candidate) bool { c.Index += 64; return true }), `misses nonce`},
		"swapped bytes":   {each(func(_ int, c *hasher.Candidate) bool { c.Nonce = c.Nonce<<16 | c.Nonce>>16; return true }), `(misses|reports) nonce`},
		"one lane lost":   {each(func(_ int, c *hasher.Candidate) bool { return c.Nonce%16 != 7 }), `misses nonce`},
		"one version":     {each(func(_ int, c *hasher.Candidate) bool { return c.Index != 3 }), `misses nonce`},
		"first alone":     {each(func(i int, _ *hasher.Candidate) bool { return i == 0 }), `misses nonce`},
		"finds nothing":   {each(func(int, *hasher.Candidate) bool { return false }), `misses nonce`},
		"below the limit": {withLimit(func(l uint32) uint32 { return max(l, 1) - 1 }), `misses nonce`},
		"above the limit": {withLimit(func(l uint32) uint32 { return l | 1 }), `reports nonce`},
		"zero limit only": {withLimit(func(uint32) uint32 { return 0 }), `misses nonce`},
		"one too many": {func(p *hasher.Prep, first, count uint32, found []hasher.Candidate) []hasher.Candidate {
			return good(p, first, count+1, found)
		}, `not asked for`},
		"twice": {func(p *hasher.Prep, first, count uint32, found []hasher.Candidate) []hasher.Candidate {
			return good(p, first, count, good(p, first, count, found))
		}, `reports`},
		"forgets": {func(p *hasher.Prep, first, count uint32, found []hasher.Candidate) []hasher.Candidate {
			return good(p, first, count, found[:0])
		}, `loses the candidates`},
		"stops at the last nonce": {func(p *hasher.Prep, first, count uint32, found []hasher.Candidate) []hasher.Candidate {
			return good(p, first, min(count, -first-1), found)
		}, `misses nonce 0x(ffffffff|0)`},
		"first portion alone": {func(p *hasher.Prep, first, count uint32, found []hasher.Candidate) []hasher.Candidate {
			return good(p, first, min(count, 2048), found)
		}, `misses nonce`},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVerifier(hasher.Kernel{Name: "broken", Lanes: 16, Versions: 16, Find: tt.find}, 2)
			err := v.all(quickHeaders, quickLong)
			if err == nil {
				t.Fatal("not noticed")
			}
			if !regexp.MustCompile(tt.want).MatchString(err.Error()) {
				t.Errorf("%v: want %s", err, tt.want)
			}
			for _, part := range []string{"kernel broken is wrong", "header ", "nonces from 0x", "limit 0x"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%v: says nothing of %q", err, part)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%q has more than one line", err)
			}
		})
	}
}
