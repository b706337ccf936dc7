package tui

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"gominer/internal/units"
	"gominer/miner"
)

// orders are how devices can be sorted; what counts more comes first.
var orders = []struct {
	name string
	less func(a, b *miner.DeviceState) int
}{
	{"place", func(a, b *miner.DeviceState) int { return 0 }},
	{"name", func(a, b *miner.DeviceState) int { return strings.Compare(a.Info.Name, b.Info.Name) }},
	{"hash rate", func(a, b *miner.DeviceState) int { return cmp.Compare(b.Rate.S60, a.Rate.S60) }},
	{"accepted shares", func(a, b *miner.DeviceState) int { return cmp.Compare(b.Shares.Accepted, a.Shares.Accepted) }},
	{"rejected shares", func(a, b *miner.DeviceState) int { return cmp.Compare(b.Shares.Rejected, a.Shares.Rejected) }},
	{"hardware errors", func(a, b *miner.DeviceState) int {
		return cmp.Compare(b.Shares.HardwareErrors, a.Shares.HardwareErrors)
	}},
	{"temperature", func(a, b *miner.DeviceState) int { return cmp.Compare(b.Health.Temperature, a.Health.Temperature) }},
	{"power", func(a, b *miner.DeviceState) int { return cmp.Compare(b.Health.Power, a.Health.Power) }},
}

const (
	byName = iota + 1
	byRate
	byAccepted
	byRejected
	byErrors
	byTemperature
	byPower
)

// sorted returns the indices of the devices that are there, in the order chosen.
func (m *model) sorted() []int {
	all := make([]int, 0, len(m.snap.Devices))
	for i := range m.snap.Devices {
		if !m.snap.Devices[i].Gone {
			all = append(all, i)
		}
	}
	slices.SortStableFunc(all, func(a, b int) int {
		return orders[m.order].less(&m.snap.Devices[a], &m.snap.Devices[b])
	})
	if m.reverse {
		slices.Reverse(all)
	}
	return all
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
	detail := max(a.h-max(len(all)+3, 5), min(max(a.h/2, 8), a.h))
	list := a.sub(0, 0, a.w, a.h-detail).panel("Devices", "sorted by "+orders[m.order].name)
	t := table{page: devices, columns: m.deviceColumns(all), rows: len(all), row: slices.Index(all, m.device()), order: m.order, reverse: m.reverse}
	t.draw(list)
	m.drawDevice(a.sub(0, a.h-detail, a.w, detail), m.device())
}

func (m *model) deviceColumns(all []int) []column {
	at := func(i int) *miner.DeviceState { return &m.snap.Devices[all[i]] }
	total := m.snap.Rate.S60
	trend := onOff(m.w >= 100, 10, 5) // columns
	tally := func(pick func(*miner.Tally) uint64, st style) func(int) (string, style) {
		return func(i int) (string, style) {
			n := pick(&at(i).Shares)
			return units.Count(n), onOff(n > 0, st, faint)
		}
	}
	health := func(format string, pick func(*miner.DeviceState) float64) func(int) (string, style) {
		return func(i int) (string, style) {
			v := pick(at(i))
			return known(format, v), onOff(v > 0, plain, faint)
		}
	}
	return []column{
		{name: "device", width: 9, order: byName, cell: func(i int) (string, style) { return at(i).Info.Name, strong }},
		{name: "state", width: 9, cell: func(i int) (string, style) { s := deviceState(at(i)); return s.sign + " " + s.word, s.style }},
		{name: "now", width: 9, right: true, cell: func(i int) (string, style) { return units.Hashrate(at(i).Rate.S10), strong }},
		{name: "part", width: 6, right: true, cell: func(i int) (string, style) { return percent(at(i).Rate.S60, total), plain }},
		{name: "accepted", width: 8, right: true, order: byAccepted, cell: tally(func(t *miner.Tally) uint64 { return t.Accepted }, good)},
		{name: "rejected", width: 8, right: true, order: byRejected, cell: tally(func(t *miner.Tally) uint64 { return t.Rejected }, bad)},
		{name: "hw err", width: 6, right: true, order: byErrors, cell: tally(func(t *miner.Tally) uint64 { return t.HardwareErrors }, bad)},
		{name: "trend", width: trend, cell: func(i int) (string, style) {
			if device := all[i]; device < len(m.past.devices) {
				return sparkline(m.past.devices[device].columns(trend, 60)), heat + heats - 1
			}
			return "", plain
		}},
		{name: "1 min", width: 9, right: true, order: byRate, cell: func(i int) (string, style) { return units.Hashrate(at(i).Rate.S60), plain }},
		{name: "°C", width: 4, right: true, order: byTemperature, cell: health("%.0f", func(d *miner.DeviceState) float64 { return d.Health.Temperature })},
		{name: "W", width: 5, right: true, order: byPower, cell: health("%.0f", func(d *miner.DeviceState) float64 { return d.Health.Power })},
		{name: "J/GH", width: 6, right: true, cell: func(i int) (string, style) {
			v := joules(at(i))
			return efficiency(v), onOff(v > 0, plain, faint)
		}},
		{name: "kernel", width: 14, cell: func(i int) (string, style) { return at(i).Info.Kernel, plain }},
		{name: "15 min", width: 9, right: true, cell: func(i int) (string, style) { return units.Hashrate(at(i).Rate.M15), plain }},
		{name: "average", width: 9, right: true, cell: func(i int) (string, style) { return units.Hashrate(at(i).Rate.Avg), plain }},
		{name: "model", width: 20, grows: true, cell: func(i int) (string, style) { return at(i).Info.Model, faint }},
	}
}

// joules returns what 10⁹ hashes take, 0 if that is not known.
func joules(d *miner.DeviceState) float64 {
	if !(d.Rate.S60 > 0) {
		return 0
	}
	return d.Health.Power / d.Rate.S60 * 1e9
}

// efficiency writes J/GH, if they are known.
func efficiency(v float64) string {
	if !(v > 0) || math.IsInf(v, 0) {
		return "–"
	}
	return units.Number(v)
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
	in := a.panel(d.Info.Name, spans[m.span()].name)
	if d.Err != nil {
		in.text(0, 0, bad, "✗ "+d.Err.Error())
		in = in.sub(0, 1, in.w, in.h-1)
	}
	const about = 40
	left := in.sub(0, 0, about, in.h)
	if in.w < 72 {
		left = in
	}
	left.pairs(deviceLines(d))
	right := in.sub(about+2, 0, in.w-about-2, in.h)
	if right.w < 20 {
		return
	}
	a.zone(chartZone{})
	if n := len(d.ThreadRates); m.threads && n > 0 {
		high := min(n, right.h)
		if right.h >= 12 {
			high = min(n, right.h/2)
		}
		right.sub(0, 0, right.w, high).threads(d.ThreadRates)
		right = right.sub(0, high+1, right.w, right.h-high-1)
	}
	if n := len(d.Health.Chips); m.threads && n > 0 {
		high := min(chipRows(right.w, n), right.h)
		if right.h >= 12 {
			high = min(high, right.h/2)
		}
		right.sub(0, 0, right.w, high).chips(d.Health.Chips)
		right = right.sub(0, high+1, right.w, right.h-high-1)
	}
	if i < len(m.past.devices) {
		right.rateChart(&m.past.devices[i], nil, m.span())
	}
}

// deviceLines describes a device.
func deviceLines(d *miner.DeviceState) []pair {
	lines := []pair{{"model", d.Info.Model, plain}}
	if d.Info.Kernel != "" {
		lines = append(lines, pair{"kernel", d.Info.Kernel, plain})
	}
	if d.Info.Lanes > 0 {
		lanes := units.Count(uint64(d.Info.Lanes))
		if d.Info.Versions > 1 {
			lanes += fmt.Sprintf(" × %d versions", d.Info.Versions)
		}
		lines = append(lines, pair{"lanes", lanes, plain})
	}
	if d.Info.Threads > 0 {
		lines = append(lines, pair{"threads", fmt.Sprint(d.Info.Threads), plain})
	}
	if n := len(d.Health.Chips); n > 0 {
		text, bad := chipsInShort(d.Health.Chips)
		lines = append(lines, pair{"chips", fmt.Sprintf("%d, %s", n, text), onOff(bad, warn, plain)})
	}
	lines = append(lines,
		pair{"hashes", units.Number(float64(d.Hashes)), plain},
		pair{"15 min", units.Hashrate(d.Rate.M15) + ", average " + units.Hashrate(d.Rate.Avg), plain},
		pair{"best", units.Difficulty(d.Best), plain})
	if h := d.Health; h.Temperature > 0 || h.Power > 0 || h.Fan > 0 {
		lines = append(lines,
			pair{"sensors", fmt.Sprintf("%s °C, fan %s %%", known("%.0f", h.Temperature), known("%.0f", h.Fan)), plain},
			pair{"power", fmt.Sprintf("%s W, %s J/GH", known("%.0f", h.Power), efficiency(joules(d))), plain})
	}
	if t := &d.Shares; t.Stale+t.Lost+t.Duplicates > 0 {
		lines = append(lines, pair{"shares", fmt.Sprintf("%s stale, %s lost, %s duplicate",
			units.Count(t.Stale), units.Count(t.Lost), units.Count(t.Duplicates)), warn})
	}
	return lines
}

// threads draws the rate of each thread: as bars where there is room, else as
// blocks of a height.
func (a area) threads(rates []float64) {
	most := slices.Max(append([]float64{0}, rates...))
	if a.h == 0 || a.w < 20 {
		return
	}
	each := max(a.w/((len(rates)+a.h-1)/a.h), 1) // columns for one
	if each < 16 {
		for i, r := range rates {
			if i/a.w >= a.h {
				return
			}
			a.sub(i%a.w, i/a.w, 1, 1).spark(0, 0, []float64{r, most}) // the second is cut off
		}
		return
	}
	for i, r := range rates {
		at := a.sub(i/a.h*each, i%a.h, min(each, 44)-2, 1)
		at.right(3, 0, faint, fmt.Sprint(i))
		at.right(at.w, 0, plain, units.Number(r))
		if most > 0 {
			at.bar(4, 0, at.w-12, heat+heats/2, r/most)
		}
	}
}

// chipsInShort says how a device's chips do, and whether something is wrong.
func chipsInShort(chips []miner.ChipHealth) (text string, trouble bool) {
	var sum miner.ChipHealth
	silent := uint64(0)
	for _, c := range chips {
		sum.Nonces += c.Nonces
		sum.Errors += c.Errors
		sum.Duplicates += c.Duplicates
		if c.Silent {
			silent++
		}
	}
	text = units.Plural(sum.Nonces, "nonce")
	for _, n := range []struct {
		count uint64
		what  string
	}{{silent, "silent"}, {sum.Errors, "wrong"}, {sum.Duplicates, "twice"}} {
		if n.count > 0 {
			text += ", " + units.Count(n.count) + " " + n.what
		}
	}
	return text, silent > 0 || sum.Errors > 0
}

// chipWidth is how many columns a chip takes.
const chipWidth = 40

// chipRows returns how many lines so many chips take.
func chipRows(width, chips int) int {
	across := max(width/chipWidth, 1)
	return (chips + across - 1) / across
}

// chips draws how each chip does, as many as there is room for: its right nonces,
// as a bar and a number, and what is wrong.
func (a area) chips(chips []miner.ChipHealth) {
	most := uint64(0)
	for _, c := range chips {
		most = max(most, c.Nonces)
	}
	for i, c := range chips {
		if a.h == 0 || i/a.h*chipWidth >= max(a.w-chipWidth+1, 1) {
			return
		}
		at := a.sub(i/a.h*chipWidth, i%a.h, min(chipWidth-2, a.w-i/a.h*chipWidth), 1)
		at.right(3, 0, faint, fmt.Sprint(i))
		at.right(11, 0, plain, units.Count(c.Nonces))
		x := 12
		switch {
		case c.Silent:
			x = at.text(x, 0, bad, "✗ silent") + 1
		case most > 0:
			at.bar(x, 0, 6, heat+heats/2, float64(c.Nonces)/float64(most))
			x += 7
		}
		if c.Errors > 0 {
			x = at.text(x, 0, bad, units.Count(c.Errors)+" wrong") + 1
		}
		if c.Duplicates > 0 {
			at.text(x, 0, warn, units.Count(c.Duplicates)+" twice")
		}
	}
}
