package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
)

// Report is everything that was measured. As JSON it is what Read reads.
type Report struct {
	Time        time.Time `json:"time"` // of the start, UTC
	Machine     Machine   `json:"machine"`
	Seconds     float64   `json:"time_s"` // of each measurement
	Results     []Result  `json:"results"`
	Latency     *Latency  `json:"latency,omitempty"`
	Stack       *Stack    `json:"stack,omitempty"`
	Warnings    []string  `json:"warnings,omitempty"` // why the figures may not be worth much
	Interrupted bool      `json:"interrupted,omitempty"`

	wrong []error // of kernels
}

// Result is the hash rate of one kernel on so many threads. Rates are in H/s:
// distinct headers hashed in full, each version of a nonce one header.
type Result struct {
	Kernel        string    `json:"kernel"`
	Device        string    `json:"device"`
	Threads       int       `json:"threads"`
	Versions      int       `json:"versions"`          // tried on each nonce
	HS            float64   `json:"hs"`                // by wall time, median of the runs
	PerCPU        float64   `json:"hs_per_cpu_second"` // by CPU time of all threads, median of the runs
	Min           float64   `json:"min"`               // by wall time
	Max           float64   `json:"max"`               // by wall time
	Runs          int       `json:"runs"`
	Verified      bool      `json:"verified"`           // before it was measured, against crypto/sha256
	Headers       uint64    `json:"verified_headers"`   // that were compared
	Error         string    `json:"error,omitempty"`    // what is wrong with the kernel
	VsMinio       float64   `json:"vs_minio,omitempty"` // against kernel minio on as many threads
	VsBest        float64   `json:"vs_best,omitempty"`  // against the best on as many threads
	Scaling       float64   `json:"scaling,omitempty"`  // against the same kernel on one thread
	JoulesPerGH   float64   `json:"j_per_gh,omitempty"` // joules for 10^9 hashes, of the processor packages as a whole
	Samples       []float64 `json:"samples"`            // by wall time, in the order of the runs
	SamplesPerCPU []float64 `json:"samples_per_cpu_second"`

	joules []float64 // to 10^9 hashes, of each run that knows
}

// rate returns hashes to a second.
func (m *measurement) rate() float64 { return float64(m.hashes) / max(m.wall, 1).Seconds() }

// ratePerCPU returns hashes to a second of CPU time.
func (m *measurement) ratePerCPU() float64 { return float64(m.hashes) / max(m.cpu, 1).Seconds() }

// add counts a run.
func (r *Result) add(m measurement) {
	r.Runs++
	r.Samples = append(r.Samples, m.rate())
	r.SamplesPerCPU = append(r.SamplesPerCPU, m.ratePerCPU())
	r.HS, r.PerCPU = median(r.Samples), median(r.SamplesPerCPU)
	r.Min, r.Max = span(r.Samples)
	if m.watts > 0 && m.hashes > 0 {
		r.joules = append(r.joules, m.watts/m.rate()*1e9)
		r.JoulesPerGH = median(r.joules)
	}
}

// finish drops what was never measured and relates the results to each other.
func (r *Report) finish() {
	kept := r.Results[:0]
	for _, res := range r.Results {
		if res.Runs > 0 || !res.Verified {
			kept = append(kept, res)
		}
	}
	r.Results = kept
	for i := range r.Results {
		a := &r.Results[i]
		if a.HS == 0 {
			continue
		}
		best := a.HS
		for _, b := range r.Results {
			if b.Threads == a.Threads {
				best = max(best, b.HS)
			}
			if b.Device != a.Device {
				continue
			}
			if b.Threads == a.Threads && b.Kernel == "minio" && b.HS > 0 {
				a.VsMinio = a.HS / b.HS
			}
			if b.Threads == 1 && b.Kernel == a.Kernel && b.Versions == a.Versions && b.HS > 0 {
				a.Scaling = a.HS / b.HS
			}
		}
		a.VsBest = a.HS / best
	}
}

// Wrong returns what is wrong with kernels, nil if nothing is.
func (r *Report) Wrong() error { return errors.Join(r.wrong...) }

// Benchstat returns the runs in the Go benchmark format, a line for each.
func (r *Report) Benchstat() string {
	var b strings.Builder
	goos, goarch, _ := strings.Cut(r.Machine.Platform, "/")
	fmt.Fprintf(&b, "goos: %s\ngoarch: %s\npkg: gominer/bench\ncpu: %s\n", goos, goarch, r.Machine.Model)
	b.WriteString("Unit H/s better=higher\nUnit H/CPU-s better=higher\n")
	for _, res := range r.Results {
		for i, hs := range res.Samples {
			fmt.Fprintf(&b, "BenchmarkKernel/%s/threads=%d %d %.6g ns/op %.0f H/s", res.Kernel, res.Threads, int64(hs*r.Seconds), 1e9/hs, hs)
			if i < len(res.SamplesPerCPU) {
				fmt.Fprintf(&b, " %.0f H/CPU-s", res.SamplesPerCPU[i])
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// Limits of what Read takes: above all that Run can write in a reasonable time,
// and low enough to be compared in no time.
const (
	longestReport = 16 << 20 // bytes
	mostResults   = 10_000
)

// Read reads a report as JSON. What it returns is fit to be compared: rates are
// finite and names are free of what a terminal would obey.
func Read(r io.Reader) (*Report, error) {
	b, err := readLimited(r, longestReport)
	if err != nil {
		return nil, err
	}
	var rep Report
	if err := json.Unmarshal(b, &rep); err != nil {
		return nil, fmt.Errorf("no report of gominer bench --json: %w", err)
	}
	if rep.Results == nil {
		return nil, errors.New(`no report of gominer bench --json: it has no "results"`)
	}
	if n := len(rep.Results); n > mostResults {
		return nil, fmt.Errorf("%d results, at most %d", n, mostResults)
	}
	for _, s := range []string{rep.Machine.Model, rep.Machine.Board, rep.Machine.Platform, rep.Machine.Gominer} {
		if !printable(s) {
			return nil, fmt.Errorf("machine: %q has characters that don't belong there", s)
		}
	}
	for i := range rep.Results {
		if err := rep.Results[i].check(); err != nil {
			return nil, fmt.Errorf("results[%d]: %w", i, err)
		}
	}
	return &rep, nil
}

func (r *Result) check() error {
	switch {
	case r.Kernel == "" || !printable(r.Kernel) || !printable(r.Device):
		return fmt.Errorf("kernel %q on device %q: want printable names", r.Kernel, r.Device)
	case r.Threads < 0 || r.Versions < 0:
		return fmt.Errorf("%s: %d threads, %d versions", r.Kernel, r.Threads, r.Versions)
	case len(r.Samples) > MaxRuns || len(r.SamplesPerCPU) > MaxRuns:
		return fmt.Errorf("%s: %d and %d runs, at most %d", r.Kernel, len(r.Samples), len(r.SamplesPerCPU), MaxRuns)
	case r.Min > r.HS || r.HS > r.Max:
		return fmt.Errorf("%s: the median %g is not between %g and %g", r.Kernel, r.HS, r.Min, r.Max)
	}
	rates := append([]float64{r.HS, r.PerCPU, r.Min, r.Max}, r.Samples...)
	for _, v := range append(rates, r.SamplesPerCPU...) {
		if !(v >= 0 && v <= maxRate) {
			return fmt.Errorf("%s: %g is no hash rate", r.Kernel, v)
		}
	}
	return nil
}

// maxRate is above all hash rates of the world; sums of it stay finite.
const maxRate = 1e30

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
