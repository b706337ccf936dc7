package bench

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"

	"gominer/hasher"
)

// reportOf is a report of results with the given runs.
func reportOf(results ...Result) *Report { return &Report{Results: results} }

func runs(kernel string, threads int, hs ...float64) Result {
	r := Result{Kernel: kernel, Device: "cpu", Threads: threads, Versions: 1, Verified: true, HS: median(hs), PerCPU: 2 * median(hs), Samples: hs}
	r.Min, r.Max = span(hs)
	r.Runs = len(hs)
	for _, v := range hs {
		r.SamplesPerCPU = append(r.SamplesPerCPU, 2*v)
	}
	return r
}

func TestCompare(t *testing.T) {
	for _, tt := range []struct {
		name   string
		a, b   []float64
		change float64
		test   string
		real   bool
	}{
		{"clearly slower", []float64{100, 101, 102, 99, 100}, []float64{90, 91, 92, 89, 90}, -0.10, "rank", true},
		{"clearly faster", []float64{100, 101, 102, 99}, []float64{110, 111, 112, 109}, 110.5/100.5 - 1, "rank", true},
		{"one run overlaps", []float64{100, 101, 102, 99, 100.5}, []float64{95, 96, 97, 94, 99.5}, 96/100.5 - 1, "rank", true},
		{"within the noise", []float64{100, 101, 102, 99, 100}, []float64{99, 102, 98, 101, 97}, -0.01, "rank", false},
		{"an outlier", []float64{100, 101, 102, 99, 100}, []float64{50, 101.5, 100.2, 99.5, 100.1}, 0.001, "rank", false},
		{"few runs apart", []float64{100, 101, 102}, []float64{90, 91, 92}, 91/101.0 - 1, "range", true},
		{"few runs overlap", []float64{100, 101, 102}, []float64{90, 91, 100}, 91/101.0 - 1, "range", false},
		{"two runs apart", []float64{100, 101}, []float64{90, 91}, 90.5/100.5 - 1, "none", false},
		{"one run each", []float64{100}, []float64{99}, -0.01, "none", false},
	} {
		c := Compare(reportOf(runs("avx2", 2, tt.a...)), reportOf(runs("avx2", 2, tt.b...)), false)
		if len(c.Changes) != 1 {
			t.Fatalf("%s: %+v", tt.name, c)
		}
		x := c.Changes[0]
		if math.Abs(x.Change-tt.change) > 1e-9 || x.Test != tt.test || x.Real != tt.real {
			t.Errorf("%s: change %v by %s, real %v (p %v), want %v by %s, real %v", tt.name, x.Change, x.Test, x.Real, x.P, tt.change, tt.test, tt.real)
		}
		perCPU := Compare(reportOf(runs("avx2", 2, tt.a...)), reportOf(runs("avx2", 2, tt.b...)), true).Changes[0]
		if perCPU.A != 2*x.A || perCPU.Real != tt.real || math.Abs(perCPU.Change-tt.change) > 1e-9 {
			t.Errorf("%s: by CPU time %+v", tt.name, perCPU)
		}
	}
}

// TestCompareWithoutRuns takes what other programs may write: no more than the
// contract has.
func TestCompareWithoutRuns(t *testing.T) {
	read := func(s string) *Report {
		r, err := Read(strings.NewReader(s))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	a := read(`{"results": [{"kernel": "avx2", "device": "cpu", "threads": 1, "hs": 100, "min": 98, "max": 103, "runs": 5}]}`)
	b := read(`{"results": [{"kernel": "avx2", "device": "cpu", "threads": 1, "hs": 90, "min": 88, "max": 91, "runs": 5}]}`)
	if x := Compare(a, b, false).Changes[0]; !x.Real || x.Test != "range" {
		t.Errorf("%+v", x)
	}
	if x := Compare(a, a, false).Changes[0]; x.Real || x.Change != 0 {
		t.Errorf("%+v", x)
	}
}

func TestCompareOnlyInOne(t *testing.T) {
	a := reportOf(runs("avx2", 1, 5), runs("avx2", 2, 9), Result{Kernel: "broken", Threads: 1})
	b := reportOf(runs("avx2", 1, 5), runs("neon", 1, 4))
	a.Machine, b.Machine = Machine{Model: "X", Threads: 2, Go: "go1.26"}, Machine{Model: "Y", Threads: 2, Go: "go1.26"}
	c := Compare(a, b, false)
	if want := []string{"avx2 on 2 threads", "broken on 1 thread"}; !reflect.DeepEqual(c.OnlyA, want) {
		t.Errorf("only in a: %q, want %q", c.OnlyA, want)
	}
	if want := []string{"neon on 1 thread"}; !reflect.DeepEqual(c.OnlyB, want) {
		t.Errorf("only in b: %q, want %q", c.OnlyB, want)
	}
	if want := []string{`processor: "X", "Y"`}; !reflect.DeepEqual(c.Differs, want) {
		t.Errorf("differs: %q, want %q", c.Differs, want)
	}
}

func TestBelow(t *testing.T) {
	a := reportOf(runs("slower", 1, 100, 101, 102, 103), runs("noisy", 1, 100, 101, 102, 103), runs("faster", 1, 100, 101, 102, 103))
	b := reportOf(runs("slower", 1, 90, 91, 92, 93), runs("noisy", 1, 80, 81, 82, 104), runs("faster", 1, 110, 111, 112, 113))
	c := Compare(a, b, false)
	names := func(limit float64) (n []string) {
		for _, x := range c.Below(limit) {
			n = append(n, x.Kernel)
		}
		return n
	}
	for limit, want := range map[float64][]string{-0.2: nil, -0.05: {"slower"}, 0.5: {"slower", "faster"}} {
		if got := names(limit); !reflect.DeepEqual(got, want) {
			t.Errorf("below %v: %q, want %q", limit, got, want)
		}
	}
	if got, want := c.Changes[0].String(), "slower on 1 thread -9.9%"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	few := Compare(reportOf(runs("few", 1, 5, 6, 7), runs("fewer", 2, 1e6, 2e6)), reportOf(runs("few", 1, 8, 9, 10), runs("fewer", 2, 1e6, 2e6)), true)
	golden(t, "compare.txt", c.Text(80)+"\n"+few.Text(80))
	j, err := json.MarshalIndent(few, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "compare.json", string(j)+"\n")
}

func TestCasesOfReport(t *testing.T) {
	r := reportOf(runs("generic", 1, 5), runs("generic", 4, 5), runs("generic", 4, 6), runs("gone", 1, 5), Result{Kernel: "minio"})
	cases, missing := r.Cases(hasher.Kernels())
	if len(cases) != 2 || cases[0].Kernel.Name != "generic" || cases[1].Threads != 4 || cases[1].Versions != 1 {
		t.Errorf("cases %+v", cases)
	}
	if want := []string{"gone"}; !reflect.DeepEqual(missing, want) {
		t.Errorf("missing %q, want %q", missing, want)
	}
}
