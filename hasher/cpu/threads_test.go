package cpu

import (
	"runtime"
	"testing"
)

func TestUsable(t *testing.T) {
	for _, c := range []struct {
		procs int
		set   bool
		quota float64
		want  int
	}{
		{8, false, 0, 8},
		{2, false, 1, 1}, // Go makes 2 of it
		{2, false, 0.1, 1},
		{8, false, 2.5, 3},
		{8, false, 1e30, 8},
		{4, true, 1, 4},
	} {
		if got := usable(c.procs, c.set, c.quota); got != c.want {
			t.Errorf("%d processors (set: %v) and a quota of %v: %d threads, want %d", c.procs, c.set, c.quota, got, c.want)
		}
	}
}

// A program that lets more goroutines run has no more processors by that.
func TestDefaultThreadsStay(t *testing.T) {
	want := DefaultThreads()
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	runtime.GOMAXPROCS(before + 2)
	if got := DefaultThreads(); got != want || want < 1 {
		t.Errorf("%d threads by default, want %d", got, want)
	}
}
