package hasher_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/cpuid/v2"

	"gominer/hasher"
	"gominer/hasher/hashertest"
)

// TestKernels runs the suite over every kernel that is compiled in. One that
// this CPU can't run is skipped, and where GOMINER_CI is set also named on
// standard error, so that a log shows what it did not prove.
func TestKernels(t *testing.T) {
	for _, k := range hasher.Compiled() {
		t.Run(k.Name, func(t *testing.T) {
			if why := untested(k); why != "" {
				if os.Getenv("GOMINER_CI") != "" {
					fmt.Fprintln(os.Stderr, "hasher: "+why)
				}
				t.Skip(why)
			}
			hashertest.TestKernel(t, k)
		})
	}
}

// untested says why k can't run here, or nothing.
func untested(k hasher.Kernel) string {
	if _, ok := hasher.KernelByName(k.Name); ok {
		return ""
	}
	_, lacks := hasher.Needs(k.Name)
	return fmt.Sprintf("kernel %s not tested: this CPU lacks %s", k.Name, strings.Trim(fmt.Sprint(lacks), "[]"))
}

// TestKernelNeeds takes from the CPU, one by one, what kernels need.
func TestKernelNeeds(t *testing.T) {
	for _, k := range hasher.Kernels() {
		needs, _ := hasher.Needs(k.Name)
		for _, f := range needs {
			cpuid.CPU.Disable(f)
			why := untested(k)
			cpuid.CPU.Enable(f)
			if want := fmt.Sprintf("kernel %s not tested: this CPU lacks %s", k.Name, f); why != want {
				t.Errorf("without %s: %q, want %q", f, why, want)
			}
		}
		if why := untested(k); why != "" {
			t.Error(why)
		}
	}
}

// TestKernelsOfIntel looks at the order on a CPU of Intel.
func TestKernelsOfIntel(t *testing.T) {
	if _, ok := hasher.KernelByName("avx512-sha"); !ok {
		t.Skip("this CPU has no hybrid")
	}
	defer func(v cpuid.Vendor) { cpuid.CPU.VendorID = v }(cpuid.CPU.VendorID)
	cpuid.CPU.VendorID = cpuid.Intel
	kernels := hasher.Kernels()
	if k := kernels[0].Name; k != "avx512hi-sha" {
		t.Errorf("the first kernel is %s, want avx512hi-sha", k)
	}
	if k := kernels[len(kernels)-3].Name; k != "avx512-sha" {
		t.Errorf("the last kernel in assembly is %s, want avx512-sha", k)
	}
}

func TestKernelsOrder(t *testing.T) {
	kernels := hasher.Kernels()
	if last := kernels[len(kernels)-1]; last.Name != "generic" {
		t.Errorf("the last kernel is %s, want generic", last.Name)
	}
	names := map[string]bool{}
	for _, k := range kernels {
		if names[k.Name] {
			t.Errorf("two kernels are named %s", k.Name)
		}
		names[k.Name] = true
		if got, ok := hasher.KernelByName(k.Name); !ok || got.Name != k.Name || got.Versions != k.Versions {
			t.Errorf("KernelByName(%q) = %q, %v", k.Name, got.Name, ok)
		}
	}
	if k, ok := hasher.KernelByName("none such"); ok {
		t.Errorf("KernelByName finds %q", k.Name)
	}
}

// FuzzKernels holds every kernel to crypto/sha256 on any header.
func FuzzKernels(f *testing.F) {
	for _, b := range hashertest.Blocks() {
		f.Add(b.Header[:], b.Header.Nonce()-3, uint16(40), uint32(1)<<28)
	}
	f.Add(make([]byte, 80), ^uint32(0), uint16(3), ^uint32(0))
	f.Fuzz(func(t *testing.T, b []byte, first uint32, n uint16, limit uint32) {
		if len(b) < 80 {
			return
		}
		h := hasher.Header(b[:80])
		count := uint32(n % 100)
		var p hasher.Prep
		for _, k := range hasher.Kernels() {
			versions := make([]uint32, k.Versions)
			for i := range versions {
				versions[i] = binary.LittleEndian.Uint32(b) + uint32(i)*0x9e3779b9
			}
			p.Prepare(&h, limit, versions...)
			got := k.Find(&p, first, count, nil)
			hashertest.Sort(got, first)
			want := hashertest.Search(h, versions, limit, first, count)
			if !slices.Equal(got, want) {
				t.Errorf("%s: %d nonces of %x from %#x, limit %#x: %d candidates, want %d: %.200v, want %.200v",
					k.Name, count, b[:80], first, limit, len(got), len(want), fmt.Sprint(got), fmt.Sprint(want))
			}
		}
	})
}

// BenchmarkKernels reports headers a second, each version of a nonce counted.
func BenchmarkKernels(b *testing.B) {
	h := hashertest.Blocks()[1].Header
	for _, k := range hasher.Kernels() {
		b.Run(k.Name, func(b *testing.B) {
			versions := make([]uint32, k.Versions)
			for i := range versions {
				versions[i] = h.Version() + uint32(i)<<13
			}
			var p hasher.Prep
			p.Prepare(&h, 0, versions...)
			count := uint32(1<<14) / uint32(k.Versions)
			found := make([]hasher.Candidate, 0, 8)
			b.ReportAllocs()
			n := uint32(0)
			for b.Loop() {
				found = k.Find(&p, n, count, found[:0])
				n += count
			}
			b.ReportMetric(float64(b.N)*float64(count)*float64(k.Versions)/b.Elapsed().Seconds(), "H/s")
		})
	}
}

// TestPrepHash hashes by midstate and tail alone.
func TestPrepHash(t *testing.T) {
	h, err := hasher.ParseHeader("0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c")
	if err != nil {
		t.Fatal(err)
	}
	var p hasher.Prep
	p.Prepare(&h, 0, 1, 0x20000000)
	q := hasher.Prep{Mid: p.Mid, Tail: p.Tail}
	for i, v := range p.Versions {
		for _, n := range []uint32{h.Nonce(), 0, ^uint32(0), 0x12345678} {
			h := h
			h.SetVersion(v)
			h.SetNonce(n)
			if got, want := q.Hash(i, n), h.Hash(); got != want {
				t.Errorf("version %x, nonce %x: %v, want %v", v, n, got, want)
			}
		}
	}
}
