package bench

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gominer/hasher"
)

// Comparison says what became of hash rates from one report to another.
type Comparison struct {
	Changes []Change `json:"changes"`
	OnlyA   []string `json:"only_a,omitempty"` // measured in one of them alone
	OnlyB   []string `json:"only_b,omitempty"`
	Differs []string `json:"differs,omitempty"` // between the machines

	perCPU bool
}

// Change is what became of one result.
type Change struct {
	Kernel  string  `json:"kernel"`
	Device  string  `json:"device"`
	Threads int     `json:"threads"`
	A       float64 `json:"a_hs"` // median, H/s
	B       float64 `json:"b_hs"` // median, H/s
	Change  float64 `json:"change"`
	Test    string  `json:"test"`        // "rank" (Mann-Whitney U); with few runs "range"; with fewer "none"
	P       float64 `json:"p,omitempty"` // of the rank test
	Real    bool    `json:"real"`        // beyond the noise: p < 0.05, or the ranges lie apart
	Runs    [2]int  `json:"runs"`
}

type key struct {
	kernel, device string
	threads        int
}

func (k key) String() string { return fmt.Sprintf("%s on %s", k.kernel, plural(k.threads, "thread")) }

func (r *Result) key() key { return key{r.Kernel, r.Device, r.Threads} }

// Compare relates the rates of b to those of a by wall time, or by CPU time,
// which other programs on the machine disturb less.
func Compare(a, b *Report, perCPU bool) *Comparison {
	c := &Comparison{Changes: []Change{}, Differs: differences(&a.Machine, &b.Machine), perCPU: perCPU}
	for i := range a.Results {
		x := &a.Results[i]
		if y := b.result(x.key()); y == nil {
			c.OnlyA = append(c.OnlyA, x.key().String())
		} else {
			c.Changes = append(c.Changes, change(x, y, perCPU))
		}
	}
	for i := range b.Results {
		if y := &b.Results[i]; a.result(y.key()) == nil {
			c.OnlyB = append(c.OnlyB, y.key().String())
		}
	}
	return c
}

// result returns the first result of that key which has a rate, nil for none.
func (r *Report) result(k key) *Result {
	for i := range r.Results {
		if res := &r.Results[i]; res.key() == k && res.HS > 0 {
			return res
		}
	}
	return nil
}

func change(x, y *Result, perCPU bool) Change {
	c := Change{Kernel: x.Kernel, Device: x.Device, Threads: x.Threads, A: x.HS, B: y.HS}
	a, b := x.Samples, y.Samples
	if perCPU {
		c.A, c.B, a, b = x.PerCPU, y.PerCPU, x.SamplesPerCPU, y.SamplesPerCPU
	}
	if c.A > 0 {
		c.Change = c.B/c.A - 1
	}
	c.Runs = [2]int{x.Runs, y.Runs}
	if len(a) >= testRuns && len(b) >= testRuns {
		c.Test, c.P = "rank", rankTest(a, b)
		c.Real = c.P < significance
		return c
	}
	if min(x.Runs, y.Runs) < rangeRuns {
		c.Test = "none"
		return c
	}
	c.Test = "range"
	aLeast, aMost := rangeOf(x, a, perCPU)
	bLeast, bMost := rangeOf(y, b, perCPU)
	c.Real = aMost < bLeast || bMost < aLeast
	return c
}

// rangeOf returns the least and the most of the runs, as far as the report has
// them.
func rangeOf(r *Result, samples []float64, perCPU bool) (least, most float64) {
	switch {
	case len(samples) > 0:
		return span(samples)
	case perCPU:
		return r.PerCPU, r.PerCPU
	}
	return r.Min, r.Max
}

// differences names what makes two machines two.
func differences(a, b *Machine) (d []string) {
	for _, x := range []struct{ what, a, b string }{
		{"processor", a.Model, b.Model},
		{"platform", a.Platform, b.Platform},
		{"threads", fmt.Sprint(a.Threads), fmt.Sprint(b.Threads)},
		{"microcode", a.Microcode, b.Microcode},
		{"governor", a.Governor, b.Governor},
		{"gominer", a.Gominer, b.Gominer},
		{"go", a.Go, b.Go},
	} {
		if x.a != x.b {
			d = append(d, fmt.Sprintf("%s: %q, %q", x.what, x.a, x.b))
		}
	}
	return d
}

// Below returns the changes that are beyond the noise and below limit, such as
// -0.05.
func (c *Comparison) Below(limit float64) (below []Change) {
	for _, x := range c.Changes {
		if x.Real && x.Change < limit {
			below = append(below, x)
		}
	}
	return below
}

// Hidden reports whether there is a change that could matter and does not stand
// out from the noise.
func (c *Comparison) Hidden() bool {
	return slices.ContainsFunc(c.Changes, func(x Change) bool { return !x.Real && math.Abs(x.Change) >= hiddenLeast })
}

// hiddenLeast is the least change that anybody would want to know.
const hiddenLeast = 0.002

// String says what changed: "avx2 on 2 threads -6.2%".
func (x *Change) String() string {
	return fmt.Sprintf("%v %s", key{x.Kernel, x.Device, x.Threads}, percent(x.Change))
}

// Cases returns the cases of r with the kernels that are given, and the names of
// those that are not among them.
func (r *Report) Cases(kernels []hasher.Kernel) (cases []Case, missing []string) {
	seen := make(map[key]bool)
	for i := range r.Results {
		res := &r.Results[i]
		if seen[res.key()] || res.HS == 0 {
			continue
		}
		seen[res.key()] = true
		found := false
		for _, k := range kernels {
			if k.Name == res.Kernel {
				cases = append(cases, Case{Kernel: k, Threads: res.Threads, Versions: res.Versions})
				found = true
			}
		}
		if !found {
			missing = append(missing, res.Kernel)
		}
	}
	return cases, missing
}

// Text returns the comparison for people; width as for Report.Text.
func (c *Comparison) Text(width int) string {
	var b strings.Builder
	for _, d := range c.Differs {
		wrap(&b, width, "", "  ", "differs in "+d)
	}
	if len(c.Differs) > 0 {
		b.WriteByte('\n')
	}
	if len(c.Changes) > 0 {
		c.writeChanges(&b, width)
	}
	for _, only := range []struct {
		which string
		names []string
	}{{"first", c.OnlyA}, {"second", c.OnlyB}} {
		if len(only.names) > 0 {
			wrap(&b, width, "", "  ", fmt.Sprintf("only in the %s: %s", only.which, strings.Join(only.names, ", ")))
		}
	}
	return b.String()
}

func (c *Comparison) writeChanges(b *strings.Builder, width int) {
	var rates []float64
	tests := make(map[string]bool)
	for _, x := range c.Changes {
		rates = append(rates, x.A, x.B)
		tests[x.Test] = true
	}
	u := unitForAll(span(rates))
	cells := func(cell func(*Change) string) []string {
		column := make([]string, len(c.Changes))
		for i := range c.Changes {
			column[i] = cell(&c.Changes[i])
		}
		return column
	}
	var t table
	t.add("kernel", 0, cells(func(x *Change) string { return x.Kernel }))
	t.add("threads", 0, cells(func(x *Change) string { return fmt.Sprint(x.Threads) }))
	t.add("first "+u.name, 0, cells(func(x *Change) string { return u.number(x.A) }))
	t.add("second", 0, cells(func(x *Change) string { return u.number(x.B) }))
	t.add("change", 0, cells(func(x *Change) string { return percent(x.Change) }))
	t.add("", 0, cells(func(x *Change) string {
		if x.Real {
			return "real"
		}
		return "noise"
	}))
	t.add("p", 1, cells(func(x *Change) string {
		if x.Test == "rank" {
			return fmt.Sprintf("%.3f", x.P)
		}
		return "–"
	}))
	t.add("runs", 2, cells(func(x *Change) string { return fmt.Sprintf("%d, %d", x.Runs[0], x.Runs[1]) }))
	t.fit(width)
	t.write(b)
	b.WriteByte('\n')
	by := "wall time"
	if c.perCPU {
		by = "CPU time"
	}
	text := "Medians by " + by + "."
	if tests["rank"] {
		text += fmt.Sprintf(" Real: p < %v in the Mann-Whitney U test.", significance)
	}
	if tests["range"] {
		text += fmt.Sprintf(" With fewer than %d runs a side, real: the runs of the two don't overlap.", testRuns)
	}
	if tests["none"] {
		text += fmt.Sprintf(" Fewer than %d runs a side prove nothing.", rangeRuns)
	}
	wrap(b, width, "", "", text)
}
