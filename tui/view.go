package tui

import (
	"fmt"
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"gominer/internal/units"
	"gominer/miner"
)

// View draws the screen.
func (m *model) View() tea.View {
	m.drawn = m.canvas()
	v := tea.NewView(m.drawn.ansi(palette(m.dark)))
	v.AltScreen = true
	v.MouseMode = tea.MouseModeCellMotion
	v.WindowTitle = m.cfg.Title + ": " + units.Hashrate(m.snap.Rate.S10)
	return v
}

const (
	leastWidth, leastHeight = 40, 12 // below, there are lines instead of panels
)

// canvas draws everything.
func (m *model) canvas() *canvas {
	c := newCanvas(max(m.w, 1), max(m.h, 1))
	all := c.all()
	if all.w < leastWidth || all.h < leastHeight {
		m.drawTiny(all)
		return c
	}
	m.drawHeader(all.sub(0, 0, all.w, 1))
	m.drawTabs(all.sub(0, 1, all.w, 1))
	body := all.sub(0, 2, all.w, all.h-3)
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
		m.drawQuestion(all)
	case m.help:
		m.drawHelp(all)
	}
	return c
}

// drawTiny says the most important, a line each.
func (m *model) drawTiny(a area) {
	s := &m.snap
	lines := []string{
		units.Hashrate(s.Rate.S10),
		fmt.Sprintf("%s ok, %s bad", units.Count(s.Shares.Accepted), units.Count(s.Shares.Rejected)),
	}
	st, where := m.standing()
	lines = append(lines, st.word+" "+where)
	if s.Shares.Blocks > 0 {
		lines = append(lines, units.Plural(s.Shares.Blocks, "block"))
	}
	lines = append(lines, "up "+units.Span(s.Elapsed))
	if m.asking {
		lines = []string{"End mining?", "y: yes"}
	}
	for i, l := range lines {
		a.text(0, i, onOff2(i == 0, accent, plain), l)
	}
}

func onOff2(on bool, a, b style) style {
	if on {
		return a
	}
	return b
}

// state is how a thing stands: a sign, a word and a colour that say the same.
type state struct {
	sign, word string
	style      style
}

var (
	stateMining = state{"●", "mining", good}
	statePaused = state{"‖", "paused", warn}
	stateWaits  = state{"○", "waiting", warn}
	stateDown   = state{"✗", "down", bad}
	stateIdle   = state{"·", "ready", faint}
)

// standing says how mining stands, and where.
func (m *model) standing() (state, string) {
	s := &m.snap
	if s.Paused {
		return statePaused, "all devices rest; space goes on"
	}
	if s.Job != nil {
		return stateMining, s.Job.Source
	}
	for i := range s.Sources {
		if r := &s.Sources[i]; r.Status.State == miner.Connecting || r.Status.State == miner.Up {
			return stateWaits, "for a job of " + r.Name
		}
	}
	for i := range s.Sources {
		if r := &s.Sources[i]; r.Status.State == miner.Down {
			return stateDown, r.Name + ", trying again"
		}
	}
	return stateWaits, "for a pool"
}

func (m *model) drawHeader(a area) {
	if m.now.Before(m.feast) {
		a.fill(festive, " ")
		text := "★  BLOCK FOUND  ★"
		if b := m.snap.Blocks; len(b) > 0 {
			text = fmt.Sprintf("★  BLOCK %s FOUND  ★", units.Count(uint64(b[len(b)-1].Height)))
		}
		a.text((a.w-columns(text))/2, 0, festive, text)
		return
	}
	x := a.text(1, 0, accent, m.cfg.Title)
	up := "up " + units.Span(m.snap.Elapsed)
	st, where := m.standing()
	x = a.text(x+2, 0, st.style, st.sign+" "+st.word)
	room := a.w - len(up) - 3 - x
	if room > 4 {
		a.sub(0, 0, x+room, 1).text(x+1, 0, plain, where)
	}
	a.right(a.w-1, 0, faint, up)
}

func (m *model) drawTabs(a area) {
	x := 1
	for p, name := range pageNames {
		label := fmt.Sprintf(" %d %s ", p+1, name)
		if a.w < 60 && page(p) != m.page {
			label = fmt.Sprintf(" %d ", p+1)
		}
		st := tabOff
		if page(p) == m.page {
			st = tabOn
		}
		end := a.text(x, 0, st, label)
		a.sub(x, 0, end-x, 1).zone(page(p))
		x = end + 1
	}
	now := m.now.Local().Format("15:04:05")
	if x+len(now)+2 < a.w {
		a.right(a.w-1, 0, faint, now)
	}
}

func (m *model) drawFooter(a area) {
	if m.filtering {
		x := a.text(1, 0, accent, "filter: ")
		a.text(x, 0, plain, m.filter+"▏")
		a.right(a.w-1, 0, faint, "enter keeps it, esc clears it")
		return
	}
	if m.now.Before(m.noticeTill) {
		a.text(1, 0, accent, m.notice)
		return
	}
	bindings := m.page.footer()
	// The last two, help and quit, are always there.
	last := bindings[len(bindings)-2:]
	width := 0
	for _, b := range last {
		width += keyWidth(b)
	}
	x := 1
	for _, b := range bindings[:len(bindings)-2] {
		if x+keyWidth(b)+width > a.w {
			break
		}
		x = drawKey(a, x, b)
	}
	for _, b := range last {
		x = drawKey(a, x, b)
	}
}

func keyWidth(b key.Binding) int {
	return columns(b.Help().Key) + columns(b.Help().Desc) + 3
}

func drawKey(a area, x int, b key.Binding) int {
	x = a.text(x, 0, strong, b.Help().Key)
	return a.text(x+1, 0, faint, b.Help().Desc) + 2
}

// dialog clears a box in the middle of a and returns what is inside its frame.
func dialog(a area, name string, w, h int) area {
	w, h = min(w, a.w), min(h, a.h)
	box := a.sub((a.w-w)/2, (a.h-h)/2, w, h)
	box.fill(plain, " ")
	return box.panel(name, "")
}

func (m *model) drawQuestion(a area) {
	in := dialog(a, "End mining?", 44, 6)
	in.text(0, 1, plain, "Shares that were found are still sent.")
	x := in.text(0, 3, strong, "y")
	x = in.text(x+1, 3, faint, "yes") + 3
	x = in.text(x, 3, strong, "any other key")
	in.text(x+1, 3, faint, "no")
}

func (m *model) drawHelp(a area) {
	columns := helpColumns()
	rows := 0
	for _, c := range columns {
		rows = max(rows, len(c))
	}
	const width = 32
	if a.w < 2*width+4 { // one column, as far as it goes
		var all []key.Binding
		for _, c := range columns {
			all = append(all, c...)
		}
		columns, rows = [][]key.Binding{all}, len(all)
	}
	in := dialog(a, "Keys", min(len(columns)*width+4, a.w), rows+4)
	each := in.w / len(columns)
	for i, c := range columns {
		for y, b := range c {
			at := in.sub(i*each, y+1, each, 1)
			at.right(5, 0, strong, b.Help().Key)
			at.text(6, 0, plain, b.Help().Desc)
		}
	}
}

// pair is a line of a panel: a name and what it is.
type pair struct {
	name, value string
	style       style
}

// pairs draws lines whose values begin at one column, as many as fit.
func (a area) pairs(lines []pair) {
	const column = 12
	for y, l := range lines {
		if y >= a.h {
			return
		}
		a.sub(0, y, column-1, 1).text(0, 0, faint, l.name)
		a.text(column, y, l.style, l.value)
	}
}

// ago says how long before now t was.
func (m *model) ago(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return units.Span(max(m.now.Sub(t).Truncate(time.Second), 0)) + " ago"
}

// percent writes a part of a whole.
func percent(part, whole float64) string {
	if whole <= 0 {
		return "–"
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", 100*part/whole), ".0") + " %"
}

// wait writes how long something of that difficulty takes at rate H/s on average.
func wait(difficulty, rate float64) string {
	if rate <= 0 || difficulty <= 0 {
		return "–"
	}
	s := difficulty * (1 << 32) / rate
	switch {
	case s < 10:
		return fmt.Sprintf("%.1f s", s)
	case s < 100*24*3600:
		return units.Span(time.Duration(s * 1e9))
	}
	const year = 365.25 * 24 * 3600
	if s < 2*year {
		return fmt.Sprintf("%.0f days", s/24/3600)
	}
	return units.Number(s/year) + " years"
}
