package bench

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// Text returns the report for people, in lines of at most width columns where
// that can be. It has no colours.
func (r *Report) Text(width int) string {
	var b strings.Builder
	r.Machine.write(&b, width)
	if len(r.Results) > 0 {
		b.WriteByte('\n')
		r.writeResults(&b, width)
		r.writeKernelCharts(&b, width)
		r.writeScalingCharts(&b, width)
	}
	if r.Latency != nil {
		b.WriteByte('\n')
		r.Latency.write(&b, width)
	}
	if r.Stack != nil {
		b.WriteByte('\n')
		r.Stack.write(&b, width)
	}
	if len(r.Warnings) > 0 {
		b.WriteByte('\n')
	}
	for _, w := range r.Warnings {
		wrap(&b, width, "! ", "  ", w)
	}
	if r.Interrupted {
		b.WriteString("\ninterrupted: this is what was measured until then\n")
	}
	return b.String()
}

// write says in a few lines what the machine is.
func (m *Machine) write(b *strings.Builder, width int) {
	wrap(b, width, "", "  ", m.String())
	line := func(name string, parts ...string) {
		if parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" }); len(parts) > 0 {
			wrap(b, width, fmt.Sprintf("  %-10s", name), strings.Repeat(" ", 12), strings.Join(parts, ", "))
		}
	}
	says := func(format string, v any, told bool) string {
		if !told {
			return ""
		}
		return fmt.Sprintf(format, v)
	}
	line("features", strings.Join(m.Features, " "))
	line("state",
		says("%.0f MHz now", m.MHz, m.MHz > 0),
		says("governor %s", m.Governor, m.Governor != ""),
		says("microcode %s", m.Microcode, m.Microcode != ""),
		says("load %.2f", m.Load, m.Kernel != ""),
		says("virtual machine (%s)", m.Hypervisor, m.Hypervisor != ""),
		says("cgroup grants %.3g processors", m.CPUQuota, m.CPUQuota > 0))
	line("software", says("gominer %s", m.Gominer, m.Gominer != ""), m.Go, says("kernel %s", m.Kernel, m.Kernel != ""))
	line("energy", m.Energy)
}

func (r *Report) writeResults(b *strings.Builder, width int) {
	var rates []float64
	runs := 0
	for _, res := range r.Results {
		if res.Runs > 0 {
			rates, runs = append(rates, res.HS), max(runs, res.Runs)
		}
	}
	u := unitForAll(span(rates))
	cells := func(cell func(*Result) string) []string {
		column := make([]string, len(r.Results))
		for i := range r.Results {
			column[i] = cell(&r.Results[i])
		}
		return column
	}
	rate := func(v func(*Result) float64) []string {
		return cells(func(res *Result) string {
			if res.Runs == 0 {
				return "–"
			}
			return u.number(v(res))
		})
	}
	known := func(format func(float64) string, v func(*Result) float64) []string {
		return cells(func(res *Result) string {
			if v(res) == 0 {
				return ""
			}
			return format(v(res))
		})
	}
	ratio := func(v float64) string { return fmt.Sprintf("%.2f", v) }
	var t table
	t.add("kernel", 0, cells(func(res *Result) string { return res.Kernel }))
	t.add("threads", 0, cells(func(res *Result) string { return fmt.Sprint(res.Threads) }))
	t.add("versions", 4, cells(func(res *Result) string { return fmt.Sprint(res.Versions) }))
	t.add(u.name, 0, rate(func(res *Result) float64 { return res.HS }))
	t.add("lowest", 3, rate(func(res *Result) float64 { return res.Min }))
	t.add("highest", 3, rate(func(res *Result) float64 { return res.Max }))
	t.add("per CPU s", 2, rate(func(res *Result) float64 { return res.PerCPU }))
	t.add("× minio", 1, known(ratio, func(res *Result) float64 { return res.VsMinio }))
	t.add("J/GH", 0, known(digits, func(res *Result) float64 { return res.JoulesPerGH }))
	t.fit(width)
	t.write(b)
	b.WriteByte('\n')
	for _, res := range r.Results {
		if res.Error != "" {
			wrap(b, width, "! ", "  ", res.Error)
			b.WriteByte('\n')
		}
	}
	proven := uint64(math.MaxUint64)
	for _, res := range r.Results {
		if res.Runs > 0 {
			proven = min(proven, res.Headers)
		}
	}
	if runs > 0 {
		wrap(b, width, "", "", fmt.Sprintf("Medians of %s of %s each, in turn, after at least %d headers of every kernel were compared with crypto/sha256.",
			plural(runs, "run"), seconds(r.Seconds), proven))
	}
}

func seconds(s float64) string { return time.Duration(s * float64(time.Second)).String() }

// writeKernelCharts draws the kernels side by side, for each number of threads
// that several were measured with.
func (r *Report) writeKernelCharts(b *strings.Builder, width int) {
	byThreads := make(map[int][]Result)
	for _, res := range r.Results {
		if res.Runs > 0 {
			byThreads[res.Threads] = append(byThreads[res.Threads], res)
		}
	}
	for _, threads := range slices.Sorted(maps.Keys(byThreads)) {
		group := byThreads[threads]
		if len(group) < 2 {
			continue
		}
		slices.SortStableFunc(group, func(a, b Result) int { return cmp.Compare(b.HS, a.HS) })
		var bars []bar
		for _, res := range group {
			bars = append(bars, bar{res.Kernel, fmt.Sprintf("%.0f%%", 100*res.VsBest), res.HS})
		}
		fmt.Fprintf(b, "\n%s\n", plural(threads, "thread"))
		chart(b, width, bars)
	}
}

// writeScalingCharts draws what threads add, for each kernel that was measured
// with several numbers of them.
func (r *Report) writeScalingCharts(b *strings.Builder, width int) {
	byKernel := make(map[string][]Result)
	var order []string
	for _, res := range r.Results {
		if res.Runs == 0 {
			continue
		}
		if byKernel[res.Kernel] == nil {
			order = append(order, res.Kernel)
		}
		byKernel[res.Kernel] = append(byKernel[res.Kernel], res)
	}
	for _, kernel := range order {
		group := byKernel[kernel]
		if len(group) < 2 {
			continue
		}
		slices.SortStableFunc(group, func(a, b Result) int { return cmp.Compare(a.Threads, b.Threads) })
		u := unitForAll(group[0].HS, group[len(group)-1].HS)
		var bars []bar
		for _, res := range group {
			label := u.number(res.HS) + " " + u.name
			if res.Scaling > 0 {
				label += fmt.Sprintf("  × %.2f", res.Scaling)
			}
			bars = append(bars, bar{plural(res.Threads, "thread"), label, res.HS})
		}
		fmt.Fprintf(b, "\n%s\n", kernel)
		chart(b, width, bars)
	}
}

func (l *Latency) write(b *strings.Builder, width int) {
	wrap(b, width, "", "  ", fmt.Sprintf("clean job to first hash, %s on %s, %s", l.Kernel, plural(l.Threads, "thread"), plural(l.Switches, "switch")))
	fmt.Fprintf(b, "  p50 %.2f ms, p99 %.2f ms, longest %.2f ms\n", l.P50, l.P99, l.Max)
	wrap(b, width, "  ", "  ", fmt.Sprintf("one call of the kernel takes %.2f ms, the longest took %.2f ms; garbage collection waited at most %.2f ms for all threads to stop (%s)",
		l.FindMean, l.FindMax, l.GCStop, plural(l.GCs, "collection")))
}

func (s *Stack) write(b *strings.Builder, width int) {
	u := unitFor(max(s.Bare, s.Whole))
	wrap(b, width, "", "  ", fmt.Sprintf("the whole miner against the kernel alone, %s on %s, %s in turn", s.Kernel, plural(s.Threads, "thread"), plural(s.Runs, "run")))
	fmt.Fprintf(b, "  %s %s against %s %s\n", u.number(s.Whole), u.name, u.number(s.Bare), u.name)
	wrap(b, width, "  ", "  ", fmt.Sprintf("ratio %.4f by wall time (half of the runs from %.4f to %.4f), %.4f by CPU time; %s", s.Ratio, s.Low, s.High, s.RatioCPU,
		plural(int(s.Shares), "share")))
}
