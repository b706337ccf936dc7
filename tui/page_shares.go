package tui

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gominer/internal/units"
	"gominer/miner"
)

func (m *model) drawShares(a area) {
	left := min(max(a.w*2/5, 38), 50)
	side := a.sub(0, 0, left, a.h)
	m.drawTotals(side.sub(0, 0, left, min(11, a.h)))
	rest := side.sub(0, 11, left, a.h-11)
	blocks := min(max(len(m.snap.Blocks)+2, 3), rest.h*2/3)
	m.drawReasons(rest.sub(0, 0, left, rest.h-blocks))
	m.drawBlocks(rest.sub(0, rest.h-blocks, left, blocks))
	list := a.sub(left, 0, a.w-left, a.h).panel("Latest shares", "the newest first")
	mark := min(m.row[shares], len(m.snap.Recent)-1)
	m.shareLines(list, max(0, mark-list.h+2), mark)
}

// drawReasons draws why shares were rejected, as bars.
func (m *model) drawReasons(a area) {
	in := a.panel("Why rejected", "")
	if in.h == 0 {
		return
	}
	type reason struct {
		text string
		n    uint64
	}
	var all []reason
	most := uint64(0)
	for r, n := range m.snap.Reasons {
		all, most = append(all, reason{r, n}), max(most, n)
	}
	slices.SortFunc(all, func(a, b reason) int { return cmp.Or(cmp.Compare(b.n, a.n), strings.Compare(a.text, b.text)) })
	if len(all) == 0 {
		in.text(0, 0, faint, "none was")
	}
	const bar = 8
	for y, r := range all {
		if y >= in.h {
			return
		}
		in.text(0, y, bad, strings.Repeat("█", max(1, int(r.n*bar/most))))
		in.right(bar+7, y, plain, units.Count(r.n))
		in.text(bar+8, y, plain, r.text)
	}
}

// drawBlocks draws the blocks that were found.
func (m *model) drawBlocks(a area) {
	in := a.panel("Blocks", "")
	n := len(m.snap.Blocks)
	if n == 0 && in.h > 0 {
		in.text(0, 0, faint, "none yet")
	}
	for y := range min(n, in.h) {
		b := &m.snap.Blocks[n-1-y]
		st, word := good, "accepted"
		if b.Err != nil {
			st, word = bad, "not accepted"
		}
		x := in.text(0, y, faint, b.Found.Local().Format("15:04:05"))
		x = in.text(x+1, y, strong, units.Count(uint64(b.Height)))
		x = in.text(x+2, y, st, word)
		if b.Err != nil {
			in.text(x+2, y, bad, b.Err.Error())
			continue
		}
		in.text(x+2, y, faint, b.Hash.String())
	}
}

// shareLines draws the latest shares from the one of index from on, the newest
// first, and marks one.
func (m *model) shareLines(a area, from, mark int) {
	recent := m.snap.Recent
	if len(recent) == 0 && a.h > 0 {
		a.text(0, 0, faint, "none yet")
	}
	a.table(shares, []column{
		{"time", 8, false, func(i int) (string, style) {
			return recent[len(recent)-1-i].Share.Found.Local().Format("15:04:05"), faint
		}},
		{"difficulty", 10, true, func(i int) (string, style) {
			o := &recent[len(recent)-1-i]
			return shareDifficulty(o), strong
		}},
		{"", 10, false, func(i int) (string, style) { return outcome(&recent[len(recent)-1-i]) }},
		{"answer", 8, true, func(i int) (string, style) {
			return units.Milliseconds(ms(recent[len(recent)-1-i].After)), plain
		}},
		{"device", 8, false, func(i int) (string, style) {
			if d := recent[len(recent)-1-i].Share.Device; d >= 0 && d < len(m.snap.Devices) {
				return m.snap.Devices[d].Info.Name, faint
			}
			return "", faint
		}},
		{"why", 30, false, func(i int) (string, style) {
			if err := recent[len(recent)-1-i].Err; err != nil {
				return err.Error(), bad
			}
			return "", plain
		}},
	}, len(recent), max(mark, from-1))
}

func shareDifficulty(o *miner.Outcome) string {
	return units.Difficulty(o.Share.Hash.Difficulty())
}

func outcome(o *miner.Outcome) (string, style) {
	switch r := o.Result(); {
	case o.Share.Block && o.Err == nil:
		return "★ block", good
	case o.Err == nil:
		return "✓ accepted", good
	case r == "rejected":
		return "✗ rejected", bad
	default:
		return fmt.Sprintf("? %s", r), warn
	}
}
