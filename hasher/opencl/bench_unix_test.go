//go:build unix

package opencl

import (
	"syscall"
	"testing"
	"time"

	"gominer/hasher"
	"gominer/hasher/hashertest"
)

func BenchmarkSearch(b *testing.B) {
	d := device(b)
	one, many, _ := candidates(d)
	for _, s := range append(one, many...) {
		b.Run(s.String(), func(b *testing.B) {
			k, slot := rig(b, d, s)
			h := hashertest.Blocks()[0].Header
			var p hasher.Prep
			p.Prepare(&h, 0, versions(nil, h.Version(), s.Versions)...)
			const nonces = 1 << 18
			start := cpuTime()
			for b.Loop() {
				if _, err := k.find(b.Context(), slot, &p, 0, nonces, nil); err != nil {
					b.Fatal(err)
				}
			}
			headers := nonces * float64(s.Versions) * float64(b.N)
			b.ReportMetric(headers/b.Elapsed().Seconds()/1e6, "MH/s")
			b.ReportMetric(headers/(cpuTime()-start).Seconds()/1e6, "MH/cpu-s")
		})
	}
}

func cpuTime() time.Duration {
	var ru syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &ru); err != nil {
		panic(err)
	}
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}
