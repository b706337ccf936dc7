//go:build !purego

package hasher

import "github.com/klauspost/cpuid/v2"

// archKernels returns the kernels of this architecture, the fastest first.
func archKernels() []archKernel {
	return []archKernel{
		{[]cpuid.FeatureID{cpuid.SHA2}, Kernel{Name: "arm64-sha2", Lanes: 2, Versions: 1, Find: findSHA2}},
		{nil, Kernel{Name: "neon", Lanes: 4, Versions: 1, Find: findNEON}},
	}
}

func findSHA2(p *Prep, first, count uint32, found []Candidate) []Candidate {
	return findLanes(p, first, count, found, 2, searchSHA2)
}

func findNEON(p *Prep, first, count uint32, found []Candidate) []Candidate {
	return findLanes(p, first, count, found, 4, searchNEON)
}
