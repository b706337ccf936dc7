package main

import (
	"testing"

	"gominer/hasher"
)

func TestFastest(t *testing.T) {
	find := func(*hasher.Prep, uint32, uint32, []hasher.Candidate) []hasher.Candidate { return nil }
	kernel := func(name string, versions int, rate float64) measured {
		return measured{hasher.Kernel{Name: name, Versions: versions, Lanes: 1, Find: find}, rate}
	}
	generic, plain := kernel("generic", 1, 1), kernel("plain", 1, 10)
	for _, test := range []struct {
		test            string
		all             []measured
		name            string
		plain, versions string // "" for none
	}{
		{"the fastest plain one", []measured{generic, plain}, autoKernel, "plain", ""},
		{"a faster one for versions", []measured{kernel("ver", 16, 12), generic, plain}, autoKernel, "plain", "ver"},
		{"a slower one for versions", []measured{kernel("ver", 16, 9), generic, plain}, autoKernel, "plain", ""},
		{"the faster of two for versions", []measured{kernel("ver", 16, 11), kernel("ver2", 16, 12), plain}, autoKernel, "plain", "ver2"},
		{"a plain one by name", []measured{kernel("ver", 16, 12), generic, plain}, "generic", "generic", ""},
		{"one for versions by name, though slower", []measured{kernel("ver", 16, 9), generic, plain}, "ver", "plain", "ver"},
	} {
		got, err := fastest(test.all, test.name)
		if err != nil {
			t.Errorf("%s: %v", test.test, err)
			continue
		}
		versions := ""
		if got.versions != nil {
			versions = got.versions.Name
		}
		if got.plain.Name != test.plain || versions != test.versions {
			t.Errorf("%s: %s and %q, want %s and %q", test.test, got.plain.Name, versions, test.plain, test.versions)
		}
	}
	if _, err := fastest([]measured{kernel("ver", 16, 1)}, autoKernel); err == nil {
		t.Error("without a plain kernel there is no error")
	}
}

func TestMeasure(t *testing.T) {
	for _, k := range hasher.Kernels() {
		if m := measure(k); m.rate <= 0 || m.Name != k.Name {
			t.Errorf("%s: %v H/s", m.Name, m.rate)
		}
	}
}

func TestDemoDifficulty(t *testing.T) {
	for rate, want := range map[float64]float64{1 << 32: 1, 100e6: 0.03, 3e6: 0.0008, 1e12: 300} {
		if got := demoDifficulty(rate); got < want*0.999 || got > want*1.001 {
			t.Errorf("demoDifficulty(%g) = %g, want %g", rate, got, want)
		}
	}
}
