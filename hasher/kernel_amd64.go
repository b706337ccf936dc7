//go:build !purego

package hasher

import (
	"slices"

	"github.com/klauspost/cpuid/v2"
)

var (
	avx2    = []cpuid.FeatureID{cpuid.AVX2}
	avx512  = []cpuid.FeatureID{cpuid.AVX512F, cpuid.AVX512BW}
	sha     = []cpuid.FeatureID{cpuid.SHA, cpuid.SSSE3, cpuid.SSE4}
	hybrids = slices.Concat(avx512, sha)
)

// archKernels returns the kernels of this architecture, the fastest first.
func archKernels() []archKernel {
	kernels := []archKernel{
		{hybrids, Kernel{Name: "avx512-sha", Lanes: 16, Versions: 16, Find: findAVX512SHA}},
		{hybrids, Kernel{Name: "avx512hi-sha", Lanes: 16, Versions: 16, Find: findAVX512HiSHA}},
		{avx512, Kernel{Name: "avx512-ver", Lanes: 16, Versions: 16, Find: findAVX512Ver}},
		{avx512, Kernel{Name: "avx512", Lanes: 16, Versions: 1, Find: findAVX512}},
		{sha, Kernel{Name: "shani-ver", Lanes: 2, Versions: 16, Find: findSHANIVer}},
		{sha, Kernel{Name: "shani", Lanes: 2, Versions: 1, Find: findSHANI}},
		{avx2, Kernel{Name: "avx2-ver", Lanes: 8, Versions: 8, Find: findAVX2Ver}},
		{avx2, Kernel{Name: "avx2", Lanes: 8, Versions: 1, Find: findAVX2}},
		{nil, Kernel{Name: "sse2", Lanes: 4, Versions: 1, Find: findSSE2}},
	}
	if cpuid.CPU.VendorID == cpuid.Intel {
		// Its SHA-NI takes hundreds of cycles an instruction beside the vectors of
		// avx512-sha, which makes that the slowest of all.
		kernels = append(kernels[1:], kernels[0])
	}
	return kernels
}

func findAVX512(p *Prep, first, count uint32, found []Candidate) []Candidate {
	return findLanes(p, first, count, found, 16, searchAVX512)
}

func findAVX512Ver(p *Prep, first, count uint32, found []Candidate) []Candidate {
	return findVersions(p, first, count, found, 16, searchAVX512Ver)
}

func findAVX512SHA(p *Prep, first, count uint32, found []Candidate) []Candidate {
	return findVersions(p, first, count, found, 16, searchAVX512SHA)
}

func findAVX512HiSHA(p *Prep, first, count uint32, found []Candidate) []Candidate {
	return findVersions(p, first, count, found, 16, searchAVX512HiSHA)
}

func findAVX2(p *Prep, first, count uint32, found []Candidate) []Candidate {
	return findLanes(p, first, count, found, 8, searchAVX2)
}

func findAVX2Ver(p *Prep, first, count uint32, found []Candidate) []Candidate {
	return findVersions(p, first, count, found, 8, searchAVX2Ver)
}

func findSSE2(p *Prep, first, count uint32, found []Candidate) []Candidate {
	return findLanes(p, first, count, found, 4, searchSSE2)
}

func findSHANI(p *Prep, first, count uint32, found []Candidate) []Candidate {
	return findLanes(p, first, count, found, 2, searchSHANI)
}

func findSHANIVer(p *Prep, first, count uint32, found []Candidate) []Candidate {
	return findVersions(p, first, count, found, 16, searchSHANIVer)
}
