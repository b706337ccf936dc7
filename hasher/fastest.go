package hasher

import (
	"slices"
	"time"
)

// Measurement is the speed of a kernel on this CPU, one goroutine.
type Measurement struct {
	Kernel   Kernel
	Hashrate float64 // headers a second, H/s; each version of a nonce is one
}

// measureSlices are the parts in which Fastest spends a kernel's time. The best of them counts: what
// else the machine does can only slow a kernel down.
const measureSlices = 4

// Fastest measures the kernels that can be used where that many versions are
// granted, each for about the given time, and returns the fastest and all
// measurements, the fastest first. CPUs differ in what they are good at: what
// instructions they have does not tell.
//
// With versions below 2 only kernels that need one midstate take part. The
// kernels take turns, so that a change of clock rate meets all of them.
func Fastest(versions int, each time.Duration) (Kernel, []Measurement) {
	var m []Measurement
	for _, k := range Kernels() {
		if k.Versions <= max(1, versions) {
			m = append(m, Measurement{Kernel: k})
		}
	}
	for range measureSlices {
		for i := range m {
			m[i].Hashrate = max(m[i].Hashrate, measure(m[i].Kernel, each/measureSlices))
		}
	}
	slices.SortStableFunc(m, func(a, b Measurement) int {
		switch {
		case a.Hashrate > b.Hashrate:
			return -1
		case a.Hashrate < b.Hashrate:
			return 1
		}
		return 0
	})
	return m[0].Kernel, m
}

// measure runs k for about d and returns its rate in H/s.
func measure(k Kernel, d time.Duration) float64 {
	var h Header
	versions := make([]uint32, k.Versions)
	for i := range versions {
		versions[i] = uint32(i) << 13 // the bits of BIP 320
	}
	var p Prep
	p.Prepare(&h, 0, versions...)
	found := make([]Candidate, 0, 16)
	count := uint32(max(1<<12/k.Versions, k.Lanes))
	found = k.Find(&p, 0, count, found[:0]) // brings code and stack into place

	nonce, hashes := uint32(0), 0
	start := time.Now()
	for {
		found = k.Find(&p, nonce, count, found[:0])
		nonce += count
		hashes += int(count) * k.Versions
		if elapsed := time.Since(start); elapsed >= d && elapsed > 0 {
			return float64(hashes) / elapsed.Seconds()
		}
	}
}
