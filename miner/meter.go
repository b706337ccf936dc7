package miner

import (
	"slices"
	"time"
)

const (
	sampleEvery = time.Second
	sampleSpan  = 15 * 60 // samples kept: a quarter of an hour
	threadSpan  = 10      // samples kept of each thread
)

// meter keeps a counter's value for every second of the last quarter of an hour.
type meter struct {
	start reading // before the first
	ring  [sampleSpan + 1]reading
	n     int
}

type reading struct {
	at    time.Duration // since Run
	tried uint64
}

func (m *meter) add(at time.Duration, tried uint64) {
	m.ring[m.n%len(m.ring)] = reading{at, tried}
	m.n++
}

// rate returns the rates as of the latest reading; avg counts from the start of
// Run to now.
func (m *meter) rate() (r Rate) {
	if m.n == 0 {
		return r
	}
	last := m.ring[(m.n-1)%len(m.ring)]
	over := func(samples int) float64 {
		first := m.start
		if m.n > samples {
			first = m.ring[(m.n-1-samples)%len(m.ring)]
		}
		span := (last.at - first.at).Seconds()
		if span <= 0 {
			return 0
		}
		return float64(last.tried-first.tried) / span
	}
	return Rate{S10: over(10), S60: over(60), M15: over(sampleSpan)}
}

func (r *Rate) add(o Rate) {
	r.S10 += o.S10
	r.S60 += o.S60
	r.M15 += o.M15
	r.Avg += o.Avg
}

// threadMeter keeps the counters of a device's threads for the last seconds.
type threadMeter struct {
	ring [threadSpan + 1]threadReading
	n    int
}

type threadReading struct {
	at    time.Duration // since Run
	tried []uint64      // by thread
}

func (m *threadMeter) add(at time.Duration, d Threaded) {
	r := &m.ring[m.n%len(m.ring)]
	r.at, r.tried = at, d.AppendTried(r.tried[:0])
	m.n++
}

// rates returns the rate in H/s of each thread that there was at the latest
// reading, since the oldest that has it; nil before the first.
func (m *threadMeter) rates() []float64 {
	if m.n == 0 {
		return nil
	}
	last := &m.ring[(m.n-1)%len(m.ring)]
	rates := make([]float64, len(last.tried))
	for i := range rates {
		for k := max(0, m.n-len(m.ring)); k < m.n-1; k++ {
			if r := &m.ring[k%len(m.ring)]; i < len(r.tried) {
				if span := (last.at - r.at).Seconds(); span > 0 {
					rates[i] = float64(last.tried[i]-r.tried[i]) / span
				}
				break
			}
		}
	}
	return rates
}

// latencies keeps the latest round trips to a source.
type latencies struct {
	ring [keptLatencies]time.Duration
	n    int
}

// keptLatencies is enough for a 99th percentile.
const keptLatencies = 256

func (l *latencies) add(d time.Duration) {
	l.ring[l.n%len(l.ring)] = d
	l.n++
}

// summary returns the zero value before the first.
func (l *latencies) summary() Latency {
	if l.n == 0 {
		return Latency{}
	}
	sorted := slices.Clone(l.ring[:min(l.n, len(l.ring))])
	slices.Sort(sorted)
	at := func(percent int) time.Duration { return sorted[(len(sorted)*percent+99)/100-1] }
	return Latency{Last: l.ring[(l.n-1)%len(l.ring)], P50: at(50), P99: at(99)}
}
