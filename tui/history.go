package tui

import (
	"time"

	"gominer/miner"
)

// history keeps the hash rate of every second of the last day, in all and, for
// the last minutes, of each device.
type history struct {
	total   series
	devices []series
	last    time.Duration // of the latest sample, since the start of mining
	hashes  uint64        // then
	each    []uint64
}

const (
	day         = 24 * 60 * 60 // seconds
	deviceTimes = 5 * 60
)

// series is the latest of samples that come once a second.
type series struct {
	ring []float32 // H/s
	n    int       // samples so far
}

func (s *series) add(v float64, most int) {
	if s.ring == nil {
		s.ring = make([]float32, most)
	}
	s.ring[s.n%len(s.ring)] = float32(v)
	s.n++
}

// at returns the sample of back seconds ago, false if there is none.
func (s *series) at(back int) (float64, bool) {
	if back < 0 || back >= s.n || back >= len(s.ring) {
		return 0, false
	}
	return float64(s.ring[(s.n-1-back)%len(s.ring)]), true
}

// columns returns the means of n equal parts of the last span seconds, the oldest
// first; -1 where nothing is known.
func (s *series) columns(n, span int) []float64 {
	out := make([]float64, n)
	for i := range out {
		from, to := (n-i)*span/n, (n-1-i)*span/n // seconds ago
		sum, known := 0.0, 0
		for back := to; back < max(from, to+1); back++ {
			if v, ok := s.at(back); ok {
				sum += v
				known++
			}
		}
		out[i] = -1
		if known > 0 {
			out[i] = sum / float64(known)
		}
	}
	return out
}

// add takes in a snapshot, if a second has passed since the last.
func (h *history) add(s *miner.Snapshot) {
	span := s.Elapsed - h.last
	if s.Elapsed < h.last || s.Hashes < h.hashes { // another run
		*h = history{}
		span = s.Elapsed
	}
	if span < time.Second {
		return
	}
	if h.devices == nil {
		h.devices, h.each = make([]series, len(s.Devices)), make([]uint64, len(s.Devices))
	}
	// A pause of the dashboard, such as ctrl-z, fills its seconds with their mean.
	for range min(int(span/time.Second), day) {
		h.total.add(float64(s.Hashes-h.hashes)/span.Seconds(), day)
		for i := range min(len(h.devices), len(s.Devices)) {
			h.devices[i].add(float64(s.Devices[i].Hashes-h.each[i])/span.Seconds(), deviceTimes)
		}
	}
	h.last, h.hashes = s.Elapsed, s.Hashes
	for i := range min(len(h.each), len(s.Devices)) {
		h.each[i] = s.Devices[i].Hashes
	}
}
