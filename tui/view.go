package tui

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"gominer/internal/units"
)

// View draws the screen, if there is anything new to it.
func (m *model) View() tea.View {
	if m.fresh {
		return m.view
	}
	m.drawn, m.fresh = m.canvas(), true
	v := tea.NewView(m.drawn.ansi(palette(m.profile, m.dark)))
	v.AltScreen = true
	v.MouseMode = tea.MouseModeCellMotion
	v.WindowTitle = m.cfg.Title + ": " + units.Hashrate(m.snap.Rate.S60)
	m.view = v
	return v
}

const (
	leastWidth, leastHeight = 40, 12 // below, there are lines instead of panels
	bigWide, bigHigh        = 104, 32
)

// canvas draws everything.
func (m *model) canvas() *canvas {
	c := newCanvas(max(m.w, 1), max(m.h, 1))
	all := c.all()
	if all.w < leastWidth || all.h < leastHeight {
		m.drawTiny(all)
		return c
	}
	m.drawTabs(all.sub(0, 0, all.w, 1))
	if m.now.Before(m.feast) {
		m.drawFeast(all.sub(0, 0, all.w, 1))
	}
	top := 2
	if all.w >= bigWide && all.h >= bigHigh {
		top = 1 + bigHeader
		m.drawFigures(all.sub(0, 1, all.w, bigHeader))
	} else {
		m.drawLine(all.sub(0, 1, all.w, 1))
	}
	body := all.sub(0, top, all.w, all.h-top-1)
	switch m.page {
	case devices:
		m.drawDevices(body)
	case shares:
		m.drawShares(body)
	case pools:
		m.drawPools(body)
	case logPage:
		m.drawLog(body)
	default:
		m.drawOverview(body)
	}
	m.drawFooter(all.sub(0, all.h-1, all.w, 1))
	switch {
	case m.asking:
		c.zones = nil
		m.drawQuestion(all)
	case m.help:
		c.zones = nil
		m.drawHelp(all)
	}
	return c
}

// dialog clears a box in the middle of a and returns what is inside its frame.
func dialog(a area, name string, w, h int) area {
	w, h = min(w, a.w), min(h, a.h)
	box := a.sub((a.w-w)/2, (a.h-h)/2, w, h)
	box.fill(plain, " ")
	return box.panel(name, "")
}

func (m *model) drawQuestion(a area) {
	in := dialog(a, "Stop mining?", 46, 6)
	in.text(1, 0, plain, "Shares that were found are still sent,")
	in.text(1, 1, plain, "then a summary is printed.")
	x := in.text(1, 3, strong, "y")
	in.sub(1, 3, 5, 1).zone(keys.yes)
	x = in.text(x+1, 3, faint, "yes") + 4
	x = in.text(x, 3, strong, "any other key")
	in.text(x+1, 3, faint, "no")
}

func (m *model) drawHelp(a area) {
	const width, keyRoom = 30, 6
	groups := helpGroups()
	n := min(max((a.w-4)/width, 1), 3)
	high := 1
	for ; high < a.h && len(split(groups, high)) > n; high++ {
	}
	in := dialog(a, "Keys", n*width+4, high+2)
	for i, column := range split(groups, high) {
		y := 0
		for _, g := range column {
			in.text(i*width, y, title, g.name)
			for _, b := range g.keys {
				y++
				at := in.sub(i*width, y, width, 1)
				at.right(keyRoom, 0, strong, b.Help().Key)
				at.text(keyRoom+2, 0, plain, b.Help().Desc)
				at.zone(b)
			}
			y += 2
		}
	}
}

// split puts groups into columns of at most so many lines.
func split(groups []helpGroup, high int) (columns [][]helpGroup) {
	y := high
	for _, g := range groups {
		if y > 0 && y+len(g.keys) >= high {
			columns, y = append(columns, nil), 0
		}
		last := len(columns) - 1
		columns[last] = append(columns[last], g)
		y += len(g.keys) + 2
	}
	return columns
}

// pair is a line of a panel: a name and what it is.
type pair struct {
	name, value string
	style       style // of the value
}

// pairs draws lines whose values begin at one column, as many as fit. Where there
// is room, a long value takes several.
func (a area) pairs(lines []pair) {
	y, spare, room := 0, a.h-len(lines), a.w-pairColumn
	for _, l := range lines {
		a.sub(0, y, pairColumn-1, 1).text(0, 0, faint, l.name)
		parts := []string{l.value}
		if value := Clean(l.value); spare > 0 && room > 0 && columns(value) > room {
			parts = strings.Split(ansi.Wrap(value, room, ""), "\n")
			last := min(len(parts)-1, spare)
			parts = append(parts[:last:last], strings.Join(parts[last:], " "))
			spare -= last
		} else if columns(value) > room && !strings.Contains(value, " ") {
			parts[0] = cutMiddle(value, room)
		}
		for _, part := range parts {
			a.text(pairColumn, y, l.style, part)
			y++
		}
	}
}

const pairColumn = 12 // where values begin

// ago says how long before now t was.
func (m *model) ago(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return units.Span(max(m.now.Sub(t).Truncate(time.Second), 0)) + " ago"
}

// percent writes a part of a whole.
func percent(part, whole float64) string {
	if !(whole > 0) {
		return "–"
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", 100*part/whole), ".0") + " %"
}

// wait writes how long something of that difficulty takes at rate H/s on average.
func wait(difficulty, rate float64) string {
	if !(rate > 0) || difficulty <= 0 {
		return "–"
	}
	s := difficulty * (1 << 32) / rate
	const year = 365.25 * 24 * 3600
	switch {
	case s < 10:
		return fmt.Sprintf("~%.1fs", s)
	case s < 100*24*3600:
		return "~" + units.Span(time.Duration(s*1e9))
	case s < 2*year:
		return fmt.Sprintf("~%.0f days", s/24/3600)
	}
	return "~" + units.Number(s/year) + " years"
}

// cut shortens s to n columns.
func cut(s string, n int) string { return ansi.Truncate(Clean(s), max(n, 0), "…") }

// cutMiddle shortens s to n columns so that both of its ends are seen, as those of
// an address must be.
func cutMiddle(s string, n int) string {
	s = Clean(s)
	over := columns(s) - max(n, 0)
	if over <= 0 || n < 5 {
		return cut(s, n)
	}
	head := (n - 1) / 2
	return ansi.Truncate(s, head, "") + "…" + ansi.TruncateLeft(s, columns(s)-(n-1-head), "")
}

func onOff[T any](on bool, a, b T) T {
	if on {
		return a
	}
	return b
}
