package bench

import (
	"fmt"
	"io/fs"
	"math"
	"time"
)

// noise is what went on beside the measurements.
type noise struct {
	root fs.FS
	at   time.Time
	cpu  time.Duration
	was  activity
	told bool
}

// watchNoise begins to watch.
func watchNoise(root fs.FS) *noise {
	n := &noise{root: root, at: time.Now()}
	var cpuTold bool
	n.was, n.told = readActivity(root)
	n.cpu, cpuTold = processCPU()
	n.told = n.told && cpuTold
	return n
}

// disturbance is how much of the machine was not ours, in processors.
type disturbance struct {
	others float64 // busy with other programs
	stolen float64 // wanted, and kept by the hypervisor
}

// stop ends the watch.
func (n *noise) stop() disturbance {
	now, told := readActivity(n.root)
	cpu, _ := processCPU()
	elapsed := time.Since(n.at).Seconds()
	if !told || !n.told || elapsed <= 0 {
		return disturbance{}
	}
	return disturbance{
		others: max(0, (now.busy-n.was.busy-(cpu-n.cpu).Seconds())/elapsed),
		stolen: max(0, (now.stolen-n.was.stolen)/elapsed),
	}
}

// From where on a disturbance is worth a word.
const (
	muchSpread = 0.10 // of the median, between the least and the most of a case's runs
	muchStolen = 0.01 // of the machine
	muchOthers = 0.05 // of the machine
)

// warnings says why the figures may not be worth much.
func (r *Report) warnings(d disturbance) (w []string) {
	m := &r.Machine
	threads := float64(max(m.Threads, 1))
	if m.Load > threads {
		w = append(w, fmt.Sprintf("the load was %.1f on %s before the start", m.Load, plural(m.Threads, "hardware thread")))
	}
	if d.others > muchOthers*threads {
		w = append(w, fmt.Sprintf("other programs kept %.2f of %s busy meanwhile: rates by wall time are too low, those per CPU second less so",
			d.others, plural(m.Threads, "hardware thread")))
	}
	if d.stolen > muchStolen*threads {
		w = append(w, fmt.Sprintf("the hypervisor kept %.2f of %s from this machine meanwhile", d.stolen, plural(m.Threads, "hardware thread")))
	}
	most := 0
	wide, worst := 0, (*Result)(nil)
	for i := range r.Results {
		res := &r.Results[i]
		most = max(most, res.Threads)
		if s := spread(res.Samples); s > muchSpread {
			wide++
			if worst == nil || s > spread(worst.Samples) {
				worst = res
			}
		}
	}
	if worst != nil {
		w = append(w, fmt.Sprintf("runs lie far apart in %d of %s: %s on %s by %.0f%% of the median",
			wide, plural(len(r.Results), "case"), worst.Kernel, plural(worst.Threads, "thread"), 100*spread(worst.Samples)))
	}
	if q := m.CPUQuota; q > 0 && float64(most) > math.Ceil(q) {
		w = append(w, fmt.Sprintf("the cgroup grants %.3g processors: more threads than that are held up", q))
	}
	if most > m.Threads {
		w = append(w, fmt.Sprintf("%d threads took turns on %s", most, plural(m.Threads, "hardware thread")))
	}
	return w
}
