package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// sample is a report of a machine and measurements that never were.
func sample() *Report {
	ran := func(kernel string, threads, versions int, mhs ...float64) Result {
		r := Result{Kernel: kernel, Device: "cpu", Threads: threads, Versions: versions, Verified: true, Headers: 105136}
		for _, v := range mhs {
			hashes := uint64(v * 1e6 * 3)
			r.add(measurement{hashes: hashes, wall: 3 * time.Second, cpu: time.Duration(threads) * 2900 * time.Millisecond, watts: 28})
		}
		return r
	}
	wrong := Result{
		Kernel: "shani", Device: "cpu", Threads: 1, Versions: 1, Headers: 96,
		Error:   "kernel shani is wrong: it misses nonce 0x7c2bac1d of version 0x00000001 (index 0), whose hash is 00000000; header 0100, 4 nonces from 0x7c2bac1b, limit 0x0",
		Samples: []float64{}, SamplesPerCPU: []float64{},
	}
	r := &Report{
		Time: time.Date(2026, 1, 3, 18, 15, 5, 0, time.UTC),
		Machine: Machine{
			Model: "AMD Ryzen 9 9950X 16-Core Processor", Platform: "linux/amd64", Sockets: 1, Cores: 16, Threads: 32, Usable: 32,
			Features: []string{"avx2", "avx512f", "avx512bw", "sha_ni"}, Microcode: "0xb404023", Governor: "performance", MHz: 5412.7,
			Load: 0.31, Kernel: "6.12.9", Go: "go1.26.0", Gominer: "v1.0.0", Energy: "RAPL, 1 package",
		},
		Seconds: 3,
		Results: []Result{
			ran("avx512-ver", 1, 16, 101.2, 101.4, 99.8, 101.1, 101.5),
			ran("avx2", 1, 1, 25.1, 25.2, 25.2, 25.3, 24.9),
			wrong,
			ran("minio", 1, 1, 8.02, 8.1, 7.1, 8.05, 8.11),
			ran("generic", 1, 1, 3.91, 3.92, 3.92, 3.9, 3.88),
			ran("avx512-ver", 32, 16, 1650, 1701, 1698, 1702, 1699),
			{Kernel: "never", Verified: true},
		},
		Latency: &Latency{
			Kernel: "avx512-ver", Threads: 32, Switches: 500, P50: 0.514, P99: 1.073, Max: 1.642, FindMean: 1.011, FindMax: 1.38, GCs: 50, GCStop: 0.262,
		},
		Stack: &Stack{Kernel: "avx512-ver", Threads: 32, Shares: 29},
		wrong: []error{errors.New(wrong.Error)},
	}
	for _, ratio := range []float64{0.998, 0.9994, 1.001, 0.9991, 0.9979} {
		bare := measurement{hashes: 5e9, wall: 3 * time.Second, cpu: 96 * time.Second}
		whole := bare
		whole.hashes = uint64(ratio * 5e9)
		r.Stack.add(bare, whole)
	}
	r.finish()
	r.Warnings = r.warnings(disturbance{})
	return r
}

// golden compares got with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant, as in %s,\n%s", got, file, want)
	}
}

func TestText(t *testing.T) {
	for _, width := range []int{60, 80, 120} {
		text := sample().Text(width)
		golden(t, fmt.Sprintf("report-%d.txt", width), text)
		for line := range strings.Lines(text) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width {
				t.Errorf("width %d: %d columns in %q", width, n, line)
			}
			if strings.ContainsRune(line, '\x1b') {
				t.Errorf("%q has an escape sequence", line)
			}
		}
	}
	empty := &Report{Machine: Machine{Platform: "plan9/arm", Threads: 1, Energy: "none"}, Interrupted: true}
	golden(t, "report-empty.txt", empty.Text(80))
	sample().Text(1) // no room at all: it is no reason to fail
}

func TestJSON(t *testing.T) {
	r := sample()
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "report.json", string(b)+"\n")
	back, err := Read(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	again, err := json.MarshalIndent(back, "", "  ")
	if err != nil || !bytes.Equal(again, b) {
		t.Errorf("what Read returns is written as\n%s\nwant\n%s", again, b)
	}
}

func TestBenchstat(t *testing.T) { golden(t, "report.bench", sample().Benchstat()) }

// TestResults holds the derived figures to sums by hand.
func TestResults(t *testing.T) {
	r := sample()
	if len(r.Results) != 6 {
		t.Fatalf("%d results, want 6: all but the one that was never measured", len(r.Results))
	}
	best, minio, all := r.Results[0], r.Results[3], r.Results[5]
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-6*want {
			t.Errorf("%s = %v, want %v", what, got, want)
		}
	}
	near("hs", best.HS, 101.2e6)
	near("min", best.Min, 99.8e6)
	near("max", best.Max, 101.5e6)
	near("hs_per_cpu_second", best.PerCPU, 101.2e6*3/2.9)
	near("vs_minio", best.VsMinio, 101.2/8.05)
	near("vs_best", minio.VsBest, 8.05/101.2)
	near("scaling", all.Scaling, 1699/101.2)
	near("vs_best on 32 threads", all.VsBest, 1)
	near("j_per_gh", best.JoulesPerGH, 28/0.1012)
	if all.VsMinio != 0 {
		t.Errorf("vs_minio = %v on 32 threads, where minio was not measured", all.VsMinio)
	}
	near("stack", r.Stack.Ratio, 0.9991)
	if err := r.Wrong(); err == nil || !strings.Contains(err.Error(), "0x7c2bac1d") {
		t.Errorf("Wrong() = %v", err)
	}
}

func TestWarnings(t *testing.T) {
	steady := Result{Kernel: "avx2", Threads: 4, Verified: true, Samples: []float64{100, 101, 99}}
	wild := Result{Kernel: "generic", Threads: 1, Verified: true, Samples: []float64{100, 130, 70}}
	for _, tt := range []struct {
		name    string
		machine Machine
		d       disturbance
		results []Result
		want    []string // parts, one for each warning
	}{
		{"quiet", Machine{Threads: 4, Load: 0.5}, disturbance{others: 0.1, stolen: 0.01}, []Result{steady}, nil},
		{"load", Machine{Threads: 4, Load: 4.5}, disturbance{}, []Result{steady}, []string{"the load was 4.5 on 4 hardware threads"}},
		{"others", Machine{Threads: 4}, disturbance{others: 0.9}, []Result{steady}, []string{"kept 0.90 of 4 hardware threads busy"}},
		{"steal", Machine{Threads: 4}, disturbance{stolen: 0.2}, []Result{steady}, []string{"the hypervisor kept 0.20 of 4"}},
		{"spread", Machine{Threads: 4}, disturbance{}, []Result{steady, wild}, []string{"runs lie far apart in 1 of 2 cases: generic on 1 thread by 60%"}},
		{"quota", Machine{Threads: 4, CPUQuota: 1.5}, disturbance{}, []Result{steady}, []string{"the cgroup grants 1.5 processors"}},
		{"too many threads", Machine{Threads: 2}, disturbance{}, []Result{steady}, []string{"4 threads took turns on 2 hardware threads"}},
	} {
		r := &Report{Machine: tt.machine, Results: tt.results}
		got := r.warnings(tt.d)
		ok := len(got) == len(tt.want)
		for i := range tt.want {
			ok = ok && strings.Contains(got[i], tt.want[i])
		}
		if !ok {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for in, want := range map[string]string{
		``:                              "no report of gominer bench --json",
		`[]`:                            "no report of gominer bench --json",
		`{}`:                            `it has no "results"`,
		`{"results": null}`:             `it has no "results"`,
		`{"results": [{"hs": "fast"}]}`: "no report of gominer bench --json",
		`{"results": [{}]}`:             `results[0]: kernel ""`,
		`{"results": [{"kernel": "a\u001b[2J"}]}`:                            `results[0]: kernel "a\x1b[2J"`,
		`{"results": [{"kernel": "a", "hs": 5}]}`:                            "the median 5 is not between 0 and 0",
		`{"results": [{"kernel": "a", "hs": 5, "max": 5, "samples": [-1]}]}`: "-1 is no hash rate",
		`{"results": [{"kernel": "a", "hs": 1e300, "max": 1e301}]}`:          "is no hash rate",
		`{"results": [{"kernel": "a", "threads": -1}]}`:                      "-1 threads",
		`{"machine": {"model": "\u0007"}, "results": []}`:                    "characters that don't belong",
	} {
		if _, err := Read(strings.NewReader(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", in, err, want)
		}
	}
	many := `{"results": [` + strings.Repeat(`{"kernel": "a"},`, mostResults) + `{"kernel": "a"}]}`
	if _, err := Read(strings.NewReader(many)); err == nil || !strings.Contains(err.Error(), "10001 results, at most 10000") {
		t.Errorf("too many results: %v", err)
	}
	many = `{"results": [{"kernel": "a", "samples": [` + strings.Repeat("0,", MaxRuns) + `0]}]}`
	if _, err := Read(strings.NewReader(many)); err == nil || !strings.Contains(err.Error(), "1001 and 0 runs, at most 1000") {
		t.Errorf("too many runs: %v", err)
	}
	if _, err := Read(strings.NewReader(strings.Repeat(" ", longestReport+1))); !errors.Is(err, errLong) {
		t.Errorf("a file that is too long: %v", err)
	}
}

// FuzzRead: what Read takes can be compared, written and measured again.
func FuzzRead(f *testing.F) {
	b, err := json.Marshal(sample())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"results": [{"kernel": "generic", "hs": 1, "max": 2, "threads": 3}]}`))
	f.Add([]byte(`{"results": [{"kernel": "generic", "hs": 1, "max": 2, "samples": [1, 2]}]}`))
	f.Add([]byte(`{"results": []}`))
	other := sample()
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Read(bytes.NewReader(b))
		if err != nil {
			return
		}
		for _, perCPU := range []bool{false, true} {
			c := Compare(r, other, perCPU)
			_ = c.Text(80)
			if _, err := json.Marshal(c); err != nil {
				t.Error(err)
			}
		}
		_ = r.Text(80)
		_ = r.Benchstat()
		r.Cases(nil)
	})
}

func TestUnits(t *testing.T) {
	for _, tt := range []struct {
		rate float64
		want string
	}{
		{0, "0.000 H/s"}, {1, "1.000 H/s"}, {999, "999.0 H/s"}, {1000, "1.000 kH/s"}, {45_234_567, "45.23 MH/s"},
		{1_699_000_000, "1.699 GH/s"}, {2.345e15, "2.345 PH/s"}, {1e22, "10000 EH/s"},
	} {
		u := unitFor(tt.rate)
		if got := u.number(tt.rate) + " " + u.name; got != tt.want {
			t.Errorf("%v is %s, want %s", tt.rate, got, tt.want)
		}
	}
	for n, want := range map[int]string{0: "0 switches", 1: "1 switch", 2: "2 switches"} {
		if got := plural(n, "switch"); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestChart(t *testing.T) {
	var b strings.Builder
	chart(&b, 30, []bar{{"a", "8", 8}, {"bb", "4", 4}, {"c", "1", 1}, {"d", "0", 0}})
	want := []string{
		"a   ███████████████████████  8",
		"bb  ███████████▌             4",
		"c   ██▉                      1",
		"d                            0",
	}
	if got := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n"); !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
