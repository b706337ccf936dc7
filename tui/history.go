package tui

import (
	"time"

	"gominer/miner"
)

// history keeps what happened in every second of the last day, and the hash rate
// of each device, in the last minutes by the second.
type history struct {
	total   series
	events  []second // a ring as total's
	devices []deviceSeries
	last    tally // at the latest second
	each    []uint64
}

// tally is what history compares one second with the next by.
type tally struct {
	at               time.Duration // since the start of mining
	hashes           uint64
	accepted, failed uint64 // shares
	blocks           uint64
}

func tallyOf(s *miner.Snapshot) tally {
	t := &s.Shares
	return tally{s.Elapsed, s.Hashes, t.Accepted, t.Rejected + t.Lost + t.Stale, t.Blocks}
}

const (
	day         = 24 * 60 * 60 // seconds
	deviceTimes = 15 * 60      // that a device's rate is kept of by the second
	coarse      = 10           // seconds that the rest of its day is kept by: there may be many devices
)

// second is what happened in one.
type second struct {
	accepted, failed uint16 // shares, as many as fit
	block            bool
	idle             bool // there was no job
}

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

// deviceSeries is the rate of a device: a series by the second, and behind it the
// means of coarse seconds.
type deviceSeries struct {
	fine, means series
	sum         float64 // of the samples that have no mean yet
	n           int     // how many these are
}

func (d *deviceSeries) add(v float64) {
	d.fine.add(v, deviceTimes)
	d.sum += v
	if d.n++; d.n == coarse {
		d.means.add(d.sum/coarse, day/coarse)
		d.sum, d.n = 0, 0
	}
}

// columns is as series.columns.
func (d *deviceSeries) columns(n, span int) []float64 {
	if span <= deviceTimes {
		return d.fine.columns(n, span)
	}
	return d.means.columns(n, span/coarse)
}

// at returns the sample of back seconds ago, false if there is none.
func (s *series) at(back int) (float64, bool) {
	if back < 0 || back >= s.n || back >= len(s.ring) {
		return 0, false
	}
	return float64(s.ring[(s.n-1-back)%len(s.ring)]), true
}

// blur is the least time that a value of a chart is a mean of: devices count whole
// batches, and a second has now one more, now one less.
const blur = 3 // seconds

// columns returns the means of n equal parts of the last span seconds, the oldest
// first; -1 where nothing is known.
func (s *series) columns(n, span int) []float64 {
	out := make([]float64, n)
	for i := range out {
		from, to := part(i, n, span)
		sum, known := 0.0, 0
		for back := to; back < max(from, to+blur); back++ {
			if v, ok := s.at(back); ok {
				sum += v
				known++
			}
		}
		out[i] = -1
		if _, ok := s.at(to); ok {
			out[i] = sum / float64(known)
		}
	}
	return out
}

// part returns where part i of n of the last span seconds begins and ends, in
// seconds ago.
func part(i, n, span int) (from, to int) { return (n - i) * span / n, (n - 1 - i) * span / n }

// happened returns what happened in n equal parts of the last span seconds, the
// oldest first. A part that is shorter than a second has what its second has only
// if the second ends in it.
func (h *history) happened(n, span int) []second {
	out := make([]second, n)
	for i := range out {
		from, to := part(i, n, span)
		for back := to; back < from; back++ {
			if back >= h.total.n || back >= len(h.events) {
				break
			}
			e := h.events[(h.total.n-1-back)%len(h.events)]
			out[i].accepted = sum16(out[i].accepted, e.accepted)
			out[i].failed = sum16(out[i].failed, e.failed)
			out[i].block = out[i].block || e.block
			out[i].idle = out[i].idle || e.idle
		}
	}
	return out
}

func sum16(a, b uint16) uint16 { return uint16(min(uint32(a)+uint32(b), 1<<16-1)) }

// add takes in a snapshot, if a second has begun since the last.
func (h *history) add(s *miner.Snapshot) {
	now := tallyOf(s)
	if now.at < h.last.at || now.hashes < h.last.hashes { // another run
		*h = history{}
	}
	span := now.at - h.last.at
	seconds := int(now.at/time.Second) - int(h.last.at/time.Second)
	if seconds == 0 || span < time.Second/2 { // devices count whole batches: too short a time says little
		return
	}
	if h.events == nil {
		h.events = make([]second, day)
	}
	for len(h.devices) < len(s.Devices) { // some may come later
		h.devices, h.each = append(h.devices, deviceSeries{}), append(h.each, 0)
	}
	// A pause of the dashboard, such as ctrl-z, fills its seconds with their mean.
	for range min(seconds, day) {
		h.events[h.total.n%day] = second{idle: s.Job == nil}
		h.total.add(float64(now.hashes-h.last.hashes)/span.Seconds(), day)
		for i := range s.Devices {
			h.devices[i].add(float64(s.Devices[i].Hashes-h.each[i]) / span.Seconds())
		}
	}
	e := &h.events[(h.total.n-1)%day]
	e.accepted, e.failed = less16(now.accepted, h.last.accepted), less16(now.failed, h.last.failed)
	e.block = now.blocks > h.last.blocks
	h.last = now
	for i := range s.Devices {
		h.each[i] = s.Devices[i].Hashes
	}
}

// less16 returns how much more now is than before, as far as it fits.
func less16(now, before uint64) uint16 {
	if now < before {
		return 0
	}
	return uint16(min(now-before, 1<<16-1))
}

// most returns the largest rate of a span.
func (s *series) most(span int) float64 {
	most := 0.0
	for back := range span {
		v, ok := s.at(back)
		if !ok {
			break
		}
		most = max(most, v)
	}
	return most
}
