package tui

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gominer/internal/units"
	"gominer/miner"
)

func (m *model) drawShares(a area) {
	if a.w < 72 {
		m.drawTotals(a.sub(0, 0, a.w, min(panelHeight, a.h)))
		m.drawShareList(a.sub(0, panelHeight, a.w, a.h-panelHeight))
		return
	}
	left := min(max(a.w*2/5, 34), 56)
	side := a.sub(0, 0, left, a.h)
	totals := onOff(a.h >= allTotals+2+6, allTotals+2, min(panelHeight, a.h))
	m.drawTotals(side.sub(0, 0, left, totals))
	rest := side.sub(0, totals, left, a.h-totals)
	blocks := min(max(rest.h/2, 3), 12)
	m.drawReasons(rest.sub(0, 0, left, rest.h-blocks))
	m.drawBlocks(rest.sub(0, rest.h-blocks, left, blocks))
	list := a.sub(left, 0, a.w-left, a.h)
	if a.h >= 30 {
		m.drawPace(list.sub(0, 0, list.w, panelHeight))
		list = list.sub(0, panelHeight, list.w, list.h-panelHeight)
	}
	about := onOff(a.h >= 30, 11, 9)
	if a.h >= 20 && len(m.snap.Recent) > 0 {
		m.drawShare(list.sub(0, list.h-about, list.w, about))
		list = list.sub(0, 0, list.w, list.h-about)
	}
	m.drawShareList(list)
}

func (m *model) drawShareList(a area) {
	note := "the newest first"
	m.shareLines(a.panel("Latest shares", note), min(m.row[shares], len(m.snap.Recent)-1))
}

// drawPace draws how many shares came when.
func (m *model) drawPace(a area) {
	a.zone(chartZone{})
	in := a.panel("Shares over time", spans[m.span()].name)
	if in.h < 3 || in.w < 2*scaleWidth {
		return
	}
	plot := in.sub(scaleWidth, 0, in.w-scaleWidth, in.h-1)
	const bars = 2 // columns of one, with the gap
	n := plot.w / bars
	all := m.past.happened(n, spans[m.span()].seconds)
	most := uint32(0)
	for _, s := range all {
		most = max(most, uint32(s.accepted)+uint32(s.failed))
	}
	if most == 0 {
		plot.centre(plot.h/2, faint, "none yet")
	} else {
		in.right(scaleWidth-1, 0, faint, units.Count(uint64(most)))
		in.right(scaleWidth-1, plot.h-1, faint, "0")
	}
	for i, s := range all {
		x := i * bars
		tall := func(n uint32) int { return int((n*uint32(plot.h)*8 + most - 1) / max(most, 1)) }
		plot.column(x, tall(uint32(s.accepted)+uint32(s.failed)), good)
		plot.column(x, (tall(uint32(s.failed))+7)/8*8, bad) // a cell has one colour
		if s.block {
			plot.text(x, 0, spark1, "★")
		}
	}
	in.sub(scaleWidth, in.h-1, plot.w, 1).axis(m.span())
}

// column draws a bar that is n eighths of a line high.
func (a area) column(x, n int, st style) {
	for y := a.h - 1; n > 0 && y >= 0; y-- {
		a.text(x, y, st, string('▁'+rune(min(n, 8)-1)))
		n -= 8
	}
}

// drawReasons draws why shares were rejected, as bars.
func (m *model) drawReasons(a area) {
	in := a.panel("Rejected for", "")
	reasons := m.snap.Reasons
	all := sortedReasons(reasons)
	if len(all) == 0 {
		in.text(0, 0, faint, "no share was rejected")
		return
	}
	const bar = 8
	for y, r := range all {
		in.bar(0, y, bar, bad, float64(reasons[r])/float64(reasons[all[0]]))
		in.right(bar+7, y, plain, units.Count(reasons[r]))
		in.text(bar+9, y, plain, r)
	}
}

// sortedReasons returns the reasons, the most frequent first.
func sortedReasons(reasons map[string]uint64) []string {
	return slices.SortedFunc(maps.Keys(reasons), func(a, b string) int {
		return cmp.Or(cmp.Compare(reasons[b], reasons[a]), strings.Compare(a, b))
	})
}

// drawBlocks draws the blocks that were found.
func (m *model) drawBlocks(a area) {
	in := a.panel("Blocks", "")
	n := len(m.snap.Blocks)
	if n == 0 {
		in.text(0, 0, faint, "none found yet")
	}
	for y := range min(n, in.h) {
		b := &m.snap.Blocks[n-1-y]
		x := in.text(0, y, faint, m.clock(b.Found))
		x = in.text(x+2, y, strong, units.Count(uint64(b.Height)))
		if b.Err != nil {
			in.text(x+2, y, bad, "✗ "+b.Err.Error())
			continue
		}
		x = in.text(x+2, y, good, "★ accepted")
		in.text(x+2, y, faint, b.Hash.String())
	}
}

// shareLines draws the latest shares, the newest first; row is selected.
func (m *model) shareLines(a area, row int) {
	recent := m.snap.Recent
	if len(recent) == 0 {
		a.text(0, 0, faint, "none yet")
		return
	}
	at := func(i int) *miner.Outcome { return &recent[len(recent)-1-i] }
	t := table{page: shares, rows: len(recent), row: row, columns: []column{
		{name: "time", width: 8, cell: func(i int) (string, style) { return m.clock(at(i).Share.Found), faint }},
		{name: "outcome", width: 10, cell: func(i int) (string, style) { return outcome(at(i)) }},
		{name: "diff", width: 8, right: true, cell: func(i int) (string, style) {
			return units.Difficulty(at(i).Share.Hash.Difficulty()), strong
		}},
		{name: "answer", width: 8, right: true, cell: func(i int) (string, style) { return units.Milliseconds(ms(at(i).After)), plain }},
		{name: "device", width: 8, cell: func(i int) (string, style) { return m.deviceName(at(i).Share.Device), faint }},
		{name: "×", width: 6, right: true, cell: func(i int) (string, style) { return times(&at(i).Share), faint }},
		{name: "why", width: 12, grows: true, cell: func(i int) (string, style) {
			if err := at(i).Err; err != nil {
				return err.Error(), bad
			}
			return "", plain
		}},
	}}
	t.draw(a)
}

// times says how many times the difficulty asked for a share has.
func times(sh *miner.Share) string {
	wanted := sh.Job.Target.Difficulty()
	if !(wanted > 0) {
		return "–"
	}
	return "×" + units.Difficulty(sh.Hash.Difficulty()/wanted)
}

func (m *model) deviceName(i int) string {
	if i < 0 || i >= len(m.snap.Devices) {
		return ""
	}
	return m.snap.Devices[i].Info.Name
}

// drawShare draws the selected share at length.
func (m *model) drawShare(a area) {
	recent := m.snap.Recent
	o := &recent[len(recent)-1-min(m.row[shares], len(recent)-1)]
	sh := &o.Share
	word, st := outcome(o)
	if o.Err != nil {
		word += ": " + o.Err.Error()
	}
	a.panel("Share", "").pairs([]pair{
		{"outcome", word, st},
		{"hash", sh.Hash.String(), plain},
		{"difficulty", units.Difficulty(sh.Hash.Difficulty()) + " of " + units.Difficulty(sh.Job.Target.Difficulty()), plain},
		{"job", fmt.Sprintf("%s of %s", sh.Job.ID, o.Source), plain},
		{"header", fmt.Sprintf("nonce %08x, version %08x, ntime %08x", sh.Nonce, sh.Version, sh.NTime), plain},
		{"extranonce2", fmt.Sprintf("%x", sh.Extranonce2), plain},
		{"device", m.deviceName(sh.Device), plain},
	})
}

// outcome returns the sign, the word and the look of what became of a share.
func outcome(o *miner.Outcome) (string, style) {
	switch r := o.Result(); {
	case o.Share.Block && o.Err == nil:
		return "★ block", accent
	case o.Err == nil:
		return "✓ accepted", good
	case r == "rejected":
		return "✗ rejected", bad
	default:
		return "? " + r, warn
	}
}
