//go:build !purego

package hasher

import "github.com/klauspost/cpuid/v2"

// archKernels returns the kernels of this architecture with what each needs of
// the CPU, the fastest first. cpuid reports a feature only if the operating
// system saves its registers.
func archKernels() []archKernel {
	return []archKernel{
		{hasAVX512 && hasSHA, Kernel{Name: "avx512-sha", Lanes: 16, Versions: 16, Find: findAVX512SHA}},
		{hasAVX512 && hasSHA, Kernel{Name: "avx512hi-sha", Lanes: 16, Versions: 16, Find: findAVX512HiSHA}},
		{hasAVX512, Kernel{Name: "avx512-ver", Lanes: 16, Versions: 16, Find: findAVX512Ver}},
		{hasAVX512, Kernel{Name: "avx512", Lanes: 16, Versions: 1, Find: findAVX512}},
		{hasSHA, Kernel{Name: "shani-ver", Lanes: 2, Versions: 16, Find: findSHANIVer}},
		{hasSHA, Kernel{Name: "shani", Lanes: 2, Versions: 1, Find: findSHANI}},
		{hasAVX2, Kernel{Name: "avx2-ver", Lanes: 8, Versions: 8, Find: findAVX2Ver}},
		{hasAVX2, Kernel{Name: "avx2", Lanes: 8, Versions: 1, Find: findAVX2}},
		{true, Kernel{Name: "sse2", Lanes: 4, Versions: 1, Find: findSSE2}},
	}
}

var (
	hasAVX512 = cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512BW)
	hasAVX2   = cpuid.CPU.Supports(cpuid.AVX2)
	hasSHA    = cpuid.CPU.Supports(cpuid.SHA, cpuid.SSSE3, cpuid.SSE4)
)

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
