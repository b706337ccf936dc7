package main

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"gominer/bench"
	"gominer/hasher"
	"gominer/internal/units"
)

// TestBenchWrongKernel: a kernel that is wrong ends with exit code 3, and the
// error says what it got wrong; the others are measured all the same.
func TestBenchWrongKernel(t *testing.T) {
	generic, _ := hasher.KernelByName("generic")
	lame := hasher.Kernel{Name: "lame", Lanes: 1, Versions: 1, Find: func(p *hasher.Prep, first, count uint32, found []hasher.Candidate) []hasher.Candidate {
		for _, c := range generic.Find(p, first, count, nil) {
			c.Nonce ^= 1
			found = append(found, c)
		}
		return found
	}}
	p := newFake()
	o := &benchOptions{known: []hasher.Kernel{lame, generic}, threads: []int{1}, json: true}
	o.cfg.Time, o.cfg.Runs = bench.MinTime, 1
	err := p.benchHere(t.Context(), o)
	if exitCode(err) != exitFailed || !strings.Contains(err.Error(), "kernel lame is wrong: it misses nonce 0x7c2bac1d") {
		t.Errorf("exit code %d, %v", exitCode(err), err)
	}
	r, err := bench.Read(strings.NewReader(p.out.String()))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Results) != 2 || r.Results[0].Verified || r.Results[0].HS != 0 || !r.Results[1].Verified || r.Results[1].HS == 0 {
		t.Errorf("%+v", r.Results)
	}
}

func TestBenchCases(t *testing.T) {
	find := func(_ *hasher.Prep, _, _ uint32, found []hasher.Candidate) []hasher.Candidate { return found }
	one := hasher.Kernel{Name: "one", Lanes: 1, Versions: 1, Find: find}
	eight := hasher.Kernel{Name: "eight", Lanes: 8, Versions: 8, Find: find}
	known := []hasher.Kernel{eight, one}
	for _, tt := range []struct {
		name string
		o    benchOptions
		want []string // kernel/threads/versions; nil for an error
	}{
		{"all", benchOptions{threads: []int{1, 2}}, []string{"eight/1/8", "eight/2/8", "one/1/1", "one/2/1"}},
		{"one", benchOptions{threads: []int{3}, kernels: []string{"one"}}, []string{"one/3/1"}},
		{"all by name", benchOptions{threads: []int{1}, kernels: []string{"all"}}, []string{"eight/1/8", "one/1/1"}},
		{"versions", benchOptions{threads: []int{1}, versions: 16}, []string{"eight/1/16", "one/1/16"}},
		{"versions that one can't", benchOptions{threads: []int{1}, versions: 4}, []string{"one/1/4"}},
		{"versions that it can't", benchOptions{threads: []int{1}, versions: 4, kernels: []string{"eight"}}, nil},
		{"no versions", benchOptions{threads: []int{1}, versions: -1}, nil},
		{"unknown", benchOptions{threads: []int{1}, kernels: []string{"ate"}}, nil},
		{"auto beside another", benchOptions{threads: []int{1}, kernels: []string{"auto", "one"}}, nil},
	} {
		p := newFake()
		tt.o.known = known
		err := tt.o.cases(p.process)
		if (err == nil) != (tt.want != nil) || err != nil && exitCode(err) != exitUsage {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		var got []string
		for _, c := range tt.o.cfg.Cases {
			got = append(got, strings.Join([]string{c.Kernel.Name, units.Count(uint64(c.Threads)), units.Count(uint64(c.Versions))}, "/"))
		}
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}

	// What is to be measured whole is measured with the fastest kernel, on all
	// threads, with as many versions as the miner gives it.
	p := newFake()
	o := benchOptions{known: known, threads: []int{1, 4}, versions: 64, kernels: []string{"eight"}, latency: true, stack: true}
	if err := o.cases(p.process); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*bench.Case{o.cfg.Latency, o.cfg.Stack} {
		if c == nil || c.Kernel.Name != "eight" || c.Threads != 4 || c.Versions != 8 {
			t.Errorf("%+v", c)
		}
	}
}

func TestParseThreads(t *testing.T) {
	for in, want := range map[string][]int{
		"1": {1}, "4": {4}, "1..3": {1, 2, 3}, "2..2": {2}, "1,2,8": {1, 2, 8}, "1..2, 2..4": {1, 2, 3, 4},
	} {
		if got, err := parseThreads(in); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v, %v, want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "0", "-1", "x", "3..1", "1..", "..4", "1..4097", "4097", "1;2", "1,", "1...3"} {
		if got, err := parseThreads(in); err == nil {
			t.Errorf("%q: %v, want an error", in, got)
		}
	}
}

func TestParseChange(t *testing.T) {
	for in, want := range map[string]float64{"-5%": -0.05, "-0.05": -0.05, "+2 %": 0.02, "0": 0} {
		if got, err := parseChange(in); err != nil || *got != want {
			t.Errorf("%q: %v, %v, want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "%", "much", "-100%", "-5", "NaN", "Inf%"} {
		if got, err := parseChange(in); err == nil {
			t.Errorf("%q: %v, want an error", in, *got)
		}
	}
}

func TestProgressLine(t *testing.T) {
	s := bench.Step{What: "avx2, 1 thread, run 2 of 5", Done: 30 * time.Second, Takes: 10 * time.Second, Total: 2 * time.Minute}
	for gone, want := range map[time.Duration]string{
		0:               "[=====               ]  25%, 1m30s left: avx2, 1 thread, run 2 of 5",
		6 * time.Second: "[======              ]  30%, 1m24s left: avx2, 1 thread, run 2 of 5",
		time.Hour:       "[======              ]  33%, 1m20s left: avx2, 1 thread, run 2 of 5", // it takes longer than was thought
	} {
		if got := progressLine(s, gone); got != want {
			t.Errorf("after %v:\n%s, want\n%s", gone, got, want)
		}
	}
	if got := progressLine(bench.Step{}, time.Second); got != "" {
		t.Errorf("before the first step: %q", got)
	}
}

// failing is a writer that takes nothing.
type failing struct{}

var errFull = errors.New("no space left")

func (failing) Write([]byte) (int, error) { return 0, errFull }

// TestBenchCantWrite: figures that were not written are an error.
func TestBenchCantWrite(t *testing.T) {
	for _, o := range []benchOptions{{json: true}, {format: "benchstat"}, {}} {
		p := newFake()
		p.stdout = failing{}
		o.known, o.kernels, o.threads = hasher.Kernels(), []string{"generic"}, []int{1}
		o.cfg.Time, o.cfg.Runs = bench.MinTime, 1
		if err := p.benchHere(t.Context(), &o); !errors.Is(err, errFull) {
			t.Errorf("%+v: %v", o.format, err)
		}
	}
}

// TestBenchInterrupted: Ctrl-C ends it with what there is, and the exit code
// says so.
func TestBenchInterrupted(t *testing.T) {
	p := newFake("bench", "-k", "generic", "-t", "1", "--time", "10ms", "--runs", "1000")
	p.signals <- os.Interrupt
	if code := p.run(); code != exitInterrupted {
		t.Errorf("exit code %d, want %d", code, exitInterrupted)
	}
	if stdout := p.out.String(); !strings.Contains(stdout, "interrupted: this is what was measured until then") || p.err.String() != "" {
		t.Errorf("stdout:\n%s\nstderr:\n%s", stdout, p.err.String())
	}
}
