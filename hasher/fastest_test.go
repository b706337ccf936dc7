package hasher_test

import (
	"testing"
	"time"

	"gominer/hasher"
)

func TestFastest(t *testing.T) {
	for _, versions := range []int{0, 1, 8, 15, 16, 1 << 16} {
		k, all := hasher.Fastest(versions, time.Microsecond)
		want := 0
		for _, k := range hasher.Kernels() {
			if k.Versions <= max(1, versions) {
				want++
			}
		}
		if len(all) != want {
			t.Errorf("%d versions: %d kernels measured, want %d", versions, len(all), want)
		}
		if all[0].Kernel.Name != k.Name {
			t.Errorf("%d versions: %s is returned and %s the fastest", versions, k.Name, all[0].Kernel.Name)
		}
		for i, m := range all {
			if m.Hashrate <= 0 || i > 0 && m.Hashrate > all[i-1].Hashrate {
				t.Errorf("%d versions: %s has rate %g, before it %g", versions, m.Kernel.Name, m.Hashrate, all[max(0, i-1)].Hashrate)
			}
			if m.Kernel.Versions > max(1, versions) {
				t.Errorf("%d versions: %s wants %d", versions, m.Kernel.Name, m.Kernel.Versions)
			}
		}
	}
}
