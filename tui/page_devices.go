package tui

import (
	"fmt"
	"math"

	"gominer/internal/units"
	"gominer/miner"
)

// column is one of a table: its name, the width it takes, and what stands in it.
type column struct {
	name  string
	width int
	right bool
	cell  func(i int) (string, style)
}

// table draws rows under the names of columns, those that fit, and marks one row.
func (a area) table(p page, columns []column, rows, mark int) {
	if a.h < 2 {
		return
	}
	from := 0
	if mark >= a.h-1 {
		from = mark - a.h + 2 // the marked row stays in sight
	}
	for y := range min(rows-from, a.h-1) {
		a.sub(0, y+1, a.w, 1).zone(rowZone{p, from + y})
		if from+y == mark {
			a.text(0, y+1, accent, "▸")
		}
	}
	x := 0
	if mark >= 0 {
		x = 2
	}
	for _, c := range columns {
		if x+c.width > a.w {
			return
		}
		at := a.sub(x, 0, c.width, a.h)
		at.cell(0, c.right, faint, c.name)
		for y := range min(rows-from, a.h-1) {
			text, st := c.cell(from + y)
			at.cell(y+1, c.right, st, text)
		}
		x += c.width + 2
	}
}

func (a area) cell(y int, right bool, st style, text string) {
	if right {
		a.right(a.w, y, st, text)
	} else {
		a.text(0, y, st, text)
	}
}

func deviceState(d *miner.DeviceState) state {
	switch {
	case d.Err != nil:
		return stateDown
	case d.Paused:
		return statePaused
	case d.Rate.S10 == 0:
		return stateWaits
	}
	return stateMining
}

func (m *model) drawDevices(a area) {
	all := m.sorted()
	detail := max(a.h-max(len(all)+3, 5), min(max(a.h/3, 8), a.h))
	list := a.sub(0, 0, a.w, a.h-detail).panel("Devices", "by "+orders[m.order].name+", o sorts")
	at := func(i int) *miner.DeviceState { return &m.snap.Devices[all[i]] }
	total := m.snap.Rate.S60
	tally := func(pick func(*miner.Tally) uint64, st style) func(int) (string, style) {
		return func(i int) (string, style) {
			n := pick(&at(i).Shares)
			if n == 0 {
				return "0", faint
			}
			return units.Count(n), st
		}
	}
	columns := []column{
		{"device", 10, false, func(i int) (string, style) { return at(i).Info.Name, strong }},
		{"", 9, false, func(i int) (string, style) { s := deviceState(at(i)); return s.sign + " " + s.word, s.style }},
		{"now", 10, true, func(i int) (string, style) { return units.Hashrate(at(i).Rate.S10), strong }},
		{"1 min", 10, true, func(i int) (string, style) { return units.Hashrate(at(i).Rate.S60), plain }},
		{"of all", 7, true, func(i int) (string, style) { return percent(at(i).Rate.S60, total), plain }},
		{"ok", 7, true, tally(func(t *miner.Tally) uint64 { return t.Accepted }, good)},
		{"bad", 5, true, tally(func(t *miner.Tally) uint64 { return t.Rejected }, bad)},
		{"wrong", 5, true, tally(func(t *miner.Tally) uint64 { return t.HardwareErrors }, bad)},
		{"kernel", 14, false, func(i int) (string, style) { return at(i).Info.Kernel, plain }},
		{"°C", 4, true, func(i int) (string, style) { return known("%.0f", at(i).Health.Temperature), plain }},
		{"W", 5, true, func(i int) (string, style) { return known("%.0f", at(i).Health.Power), plain }},
		{"J/GH", 6, true, func(i int) (string, style) {
			return known("%.2f", at(i).Health.Power/at(i).Rate.S60*1e9), plain
		}},
		{"15 min", 10, true, func(i int) (string, style) { return units.Hashrate(at(i).Rate.M15), plain }},
		{"model", 30, false, func(i int) (string, style) { return at(i).Info.Model, faint }},
	}
	mark := min(m.row[devices], len(all)-1)
	list.table(devices, columns, len(all), mark)
	m.drawDevice(a.sub(0, a.h-detail, a.w, detail), m.device())
}

// known formats v, if it is known.
func known(format string, v float64) string {
	if !(v > 0) || math.IsInf(v, 0) {
		return "–"
	}
	return fmt.Sprintf(format, v)
}

// drawDevice draws the selected device at length.
func (m *model) drawDevice(a area, i int) {
	if i < 0 {
		return
	}
	d := &m.snap.Devices[i]
	note := spans[1].name
	if m.threads {
		note = "threads"
	}
	in := a.panel(d.Info.Name+"  "+d.Info.Model, note)
	left := in.sub(0, 0, 36, in.h)
	lines := []pair{}
	if d.Err != nil {
		in.text(0, 0, bad, d.Err.Error())
		in = in.sub(0, 1, in.w, in.h-1)
		left = in.sub(0, 0, 36, in.h)
	}
	lines = append(lines, pair{"kernel", d.Info.Kernel, plain})
	if d.Info.Lanes > 0 {
		lines = append(lines, pair{"at once", fmt.Sprintf("%d headers, %d versions", d.Info.Lanes, max(d.Info.Versions, 1)), plain})
	}
	if d.Info.Threads > 0 {
		lines = append(lines, pair{"threads", fmt.Sprint(d.Info.Threads), plain})
	}
	lines = append(lines, pair{"hashes", units.Number(float64(d.Hashes)), plain}, pair{"best", units.Difficulty(d.Best), plain})
	if h := d.Health; h.Temperature > 0 || h.Power > 0 || h.Fan > 0 {
		lines = append(lines, pair{"sensors", fmt.Sprintf("%s °C  %s W  fan %s %%", known("%.0f", h.Temperature), known("%.0f", h.Power), known("%.0f", h.Fan)), plain})
	}
	left.pairs(lines)
	right := in.sub(38, 0, in.w-38, in.h)
	if m.threads && len(d.ThreadRates) > 0 {
		right.threads(d.ThreadRates)
		return
	}
	if i < len(m.past.devices) {
		right.rateChart(&m.past.devices[i], 1)
	}
}

// threads draws the rate of each thread, in columns.
func (a area) threads(rates []float64) {
	const each = 18
	if a.h == 0 || a.w < each {
		return
	}
	for i, r := range rates {
		x, y := i/a.h*each, i%a.h
		if x+each > a.w {
			a.right(a.w, a.h-1, faint, fmt.Sprintf("of %d", len(rates)))
			return
		}
		a.right(x+4, y, faint, fmt.Sprint(i))
		a.right(x+each-2, y, plain, units.Hashrate(r))
	}
}
