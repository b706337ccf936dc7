package tui

import (
	"fmt"
	"math"
	"strings"

	"gominer/internal/units"
	"gominer/miner"
)

func (m *model) drawPools(a area) {
	all := m.snap.Sources
	list := min(max(len(all)+3, 5), max(a.h/2, 5))
	row := min(m.row[pools], len(all)-1)
	t := table{page: pools, columns: m.poolColumns(), rows: len(all), row: row}
	t.draw(a.sub(0, 0, a.w, list).panel("Pools", m.strategy()))

	low := a.sub(0, list, a.w, a.h-list)
	high := min(panelHeight+2, low.h)
	if low.h-high < 3 {
		high = low.h
	}
	parts := onOff(low.w >= 110, 3, 2)
	each := onOff(parts == 3, low.w*2/5-4, low.w/2)
	rest := (low.w - each) / (parts - 1)
	if row < 0 {
		low.sub(0, 0, each, high).panel("Pool", "").text(0, 0, faint, "none yet")
	} else {
		low.sub(0, 0, each, high).source(m, &all[row])
		if parts == 3 {
			m.drawVardiff(low.sub(each+rest, 0, low.w-each-rest, high), &all[row])
		}
	}
	m.drawJob(low.sub(each, 0, rest, high))
	m.drawMessages(low.sub(0, high, low.w, low.h-high))
}

// strategy says how it is chosen between sources.
func (m *model) strategy() string {
	if m.snap.Strategy == "" {
		return ""
	}
	return "strategy: " + m.snap.Strategy
}

func (m *model) poolColumns() []column {
	at := func(i int) *miner.SourceReport { return &m.snap.Sources[i] }
	tally := func(pick func(*miner.Tally) uint64, st style) func(int) (string, style) {
		return func(i int) (string, style) {
			n := pick(&at(i).Shares)
			return units.Count(n), onOff(n > 0, st, faint)
		}
	}
	return []column{
		{name: "#", width: 2, right: true, cell: func(i int) (string, style) { return fmt.Sprint(max(at(i).Preference, 1)), faint }},
		{name: "state", width: 9, cell: func(i int) (string, style) {
			s := m.sourceState(at(i))
			return s.sign + " " + s.word, s.style
		}},
		{name: "pool", width: 26, cell: func(i int) (string, style) { return at(i).Name, strong }},
		{name: "accepted", width: 8, right: true, cell: tally(func(t *miner.Tally) uint64 { return t.Accepted }, good)},
		{name: "rejected", width: 8, right: true, cell: tally(func(t *miner.Tally) uint64 { return t.Rejected }, bad)},
		{name: "p50", width: 8, right: true, cell: func(i int) (string, style) { return latency(ms(at(i).Latency.P50)) }},
		{name: "lost", width: 5, right: true, cell: tally(func(t *miner.Tally) uint64 { return t.Lost }, warn)},
		{name: "p99", width: 8, right: true, cell: func(i int) (string, style) { return latency(ms(at(i).Latency.P99)) }},
		{name: "difficulty", width: 10, right: true, cell: func(i int) (string, style) {
			if n := len(at(i).Difficulties); n > 0 {
				return units.Difficulty(at(i).Difficulties[n-1].Difficulty), plain
			}
			return "–", faint
		}},
		{name: "connected", width: 10, right: true, cell: func(i int) (string, style) {
			if at(i).Connects == 0 {
				return "never", faint
			}
			return units.Span(at(i).Uptime), plain
		}},
		{name: "protocol", width: 30, grows: true, cell: func(i int) (string, style) { return connection(at(i)), plain }},
		{name: "detected", width: 30, cell: func(i int) (string, style) { return strings.Join(at(i).Status.Traits, ", "), faint }},
	}
}

func latency(ms float64) (string, style) {
	if ms == 0 {
		return "–", faint
	}
	return units.Milliseconds(ms), plain
}

// drawVardiff draws how a source's share difficulty went, one step below the
// other, the newest first.
func (m *model) drawVardiff(a area, r *miner.SourceReport) {
	in := a.panel("Difficulty", "what the pool asks for")
	n := len(r.Difficulties)
	if n == 0 {
		in.text(0, 0, faint, "none yet")
		return
	}
	least, most := math.Inf(1), 0.0
	for _, d := range r.Difficulties {
		least, most = min(least, d.Difficulty), max(most, d.Difficulty)
	}
	for y := range min(n, in.h) {
		d := r.Difficulties[n-1-y]
		in.text(0, y, faint, m.clock(d.Since))
		in.right(18, y, onOff(y == 0, strong, plain), units.Difficulty(d.Difficulty))
		// As long as its logarithm is large: difficulties double.
		part := 1.0
		if most > least {
			part = 0.2 + 0.8*math.Log(d.Difficulty/least)/math.Log(most/least)
		}
		in.bar(20, y, in.w-20, onOff(y == 0, heat+heats-1, heat+heats/2), part)
	}
}

// drawMessages draws what pools wanted shown.
func (m *model) drawMessages(a area) {
	in := a.panel("Messages from pools", "")
	n := len(m.snap.Messages)
	if n == 0 {
		in.text(0, 0, faint, "none")
	}
	for y := range min(n, in.h) {
		msg := &m.snap.Messages[n-1-y]
		x := in.text(0, y, faint, m.clock(msg.Came))
		x = in.text(x+2, y, title, msg.Source)
		in.text(x+2, y, plain, msg.Text)
	}
}
