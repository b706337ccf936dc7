package tui

import (
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"gominer/internal/units"
	"gominer/miner"
)

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
	stateReady  = state{"·", "ready", faint}
)

// standing says how mining stands, and where.
func (m *model) standing() (state, string) {
	s := &m.snap
	if s.Paused && len(s.Devices) > 0 {
		return statePaused, "space resumes"
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
			if in := r.RetryIn(m.now); in > time.Second {
				return stateDown, r.Name + ", again in " + units.Span(in.Truncate(time.Second))
			}
			return stateDown, r.Name + ", trying again"
		}
	}
	return stateWaits, "for a pool"
}

// drawTabs draws the first line: the pages, and the time.
func (m *model) drawTabs(a area) {
	x := 1
	if a.w >= 72 {
		x = a.text(x, 0, accent, m.cfg.Title) + 2
	}
	for p, name := range pageNames {
		label := fmt.Sprintf("%d %s", p+1, name)
		if a.w < 60 && page(p) != m.page {
			label = fmt.Sprint(p + 1)
		}
		from := x
		if page(p) == m.page {
			x = a.text(x, 0, tabEdge, "▐")
			x = a.text(x, 0, tabOn, label)
			x = a.text(x, 0, tabEdge, "▌")
		} else {
			x = a.text(x+1, 0, tabOff, label) + 1
		}
		a.sub(from, 0, x-from, 1).zone(page(p))
	}
	now := m.now.Local().Format("15:04:05")
	up := "up " + units.Span(m.snap.Elapsed.Truncate(time.Second))
	switch room := a.w - 1 - x; {
	case room > len(up)+len(now)+4:
		a.right(a.w-1, 0, faint, up+"   "+now)
	case room > len(up)+1:
		a.right(a.w-1, 0, faint, up)
	}
}

// drawFeast draws a block that was found, over the tabs: nothing else is hidden.
func (m *model) drawFeast(a area) {
	a.fill(festive, " ")
	text := "  BLOCK FOUND  "
	for i := len(m.snap.Blocks) - 1; i >= 0; i-- {
		if b := &m.snap.Blocks[i]; b.Err == nil {
			if b.Height > 0 {
				text = fmt.Sprintf("  BLOCK %s FOUND  ", units.Count(uint64(b.Height)))
			}
			if a.w >= 110 {
				text += b.Hash.String() + "  "
			}
			break
		}
	}
	from := max((a.w-columns(text))/2, 0)
	a.text(from, 0, festive, text)
	for x := range a.w {
		if x < from || x >= from+columns(text) {
			a.text(x, 0, festive, glitter(x, m.frame()))
		}
	}
}

// frame counts the changes of a feast's glitter.
func (m *model) frame() int64 { return m.now.UnixMilli() / 500 }

// glitter returns what is at column x of a feast: most of it stays dark.
func glitter(x int, frame int64) string {
	h := fnv.New32a()
	_, _ = fmt.Fprint(h, x, frame)
	switch h.Sum32() % 9 {
	case 0:
		return "★"
	case 1:
		return "✦"
	case 2, 3:
		return "·"
	}
	return " "
}

const bigHeader = 4 // lines

// drawFigures draws the hash rate in large figures, and what matters most beside
// it.
func (m *model) drawFigures(a area) {
	r, t := &m.snap.Rate, &m.snap.Shares
	number, unit, _ := strings.Cut(units.Hashrate(r.S10), " ")
	st := accent
	if r.S10 == 0 {
		st = faint
	}
	a.digits(2, 1, st, number)
	a.text(2+bigWidth, 2, st, unit)

	means := a.sub(26, 1, 20, 3)
	means.figures([]figure{
		{"1 min", units.Hashrate(r.S60), plain}, {"15 min", units.Hashrate(r.M15), plain}, {"average", units.Hashrate(r.Avg), plain},
	})
	a.rule(48)
	counts := a.sub(51, 1, 20, 3)
	counts.figures([]figure{
		{"✓ accepted", units.Count(t.Accepted), good},
		{"✗ rejected", units.Count(t.Rejected), onOff(t.Rejected > 0, bad, plain)},
		{"★ blocks", units.Count(t.Blocks), onOff(t.Blocks > 0, accent, plain)},
	})
	a.rule(73)
	side := a.sub(76, 1, a.w-77, 3)
	state, where := m.standing()
	x := side.text(0, 0, state.style, state.sign+" "+state.word)
	side.text(x+2, 0, strong, where)
	if r := m.current(); r != nil {
		side.text(0, 1, plain, connection(r))
	}
	x = 0
	for _, p := range []pair{{"last share", m.ago(m.snap.LastAccepted), plain}, {"next", m.nextShare(), plain}, {"luck", m.luck(), plain}} {
		if x+columns(p.name)+columns(p.value)+2 > side.w {
			break
		}
		x = side.text(x, 2, faint, p.name) + 1
		x = side.text(x, 2, p.style, p.value) + 3
	}
}

// rule draws a line from top to bottom between parts of the header.
func (a area) rule(x int) {
	for y := 1; y < 4; y++ {
		a.text(x, y, border, "│")
	}
}

// figure is a line with a figure at its end.
type figure struct {
	name, value string
	style       style
}

func (a area) figures(lines []figure) {
	for y, l := range lines {
		a.text(0, y, faint, l.name)
		a.right(a.w, y, l.style, l.value)
	}
}

// drawLine is drawFigures in one line.
func (m *model) drawLine(a area) {
	s := &m.snap
	x := a.text(1, 0, onOff(s.Rate.S10 == 0, faint, accent), fmt.Sprintf("%9s", units.Hashrate(s.Rate.S10)))
	state, where := m.standing()
	parts := []struct {
		text  string
		style style
	}{
		{"✓ " + units.Count(s.Shares.Accepted), good},
		{"✗ " + units.Count(s.Shares.Rejected), onOff(s.Shares.Rejected > 0, bad, faint)},
		{"★ " + units.Count(s.Shares.Blocks), onOff(s.Shares.Blocks > 0, accent, faint)},
	}
	for _, p := range parts {
		if x+3+columns(p.text) < a.w-columns(state.word)-6 {
			x = a.text(x+3, 0, p.style, p.text)
		}
	}
	room := a.w - x - 4 - columns(state.word) - 2
	if columns(Clean(where)) > room-2 {
		where = cut(where, room-2)
	}
	at := a.w - 1 - columns(Clean(where))
	a.text(at, 0, strong, where)
	if where != "" {
		at--
	}
	a.right(at, 0, state.style, state.sign+" "+state.word)
}

// drawTiny says the most important, a line each.
func (m *model) drawTiny(a area) {
	s := &m.snap
	if m.asking {
		a.text(0, 0, strong, "Stop mining?")
		a.text(0, 1, plain, "y yes, else no")
		return
	}
	state, where := m.standing()
	x := a.text(0, 0, accent, units.Hashrate(s.Rate.S10))
	if x+3+columns(state.word) < a.w {
		a.text(x+2, 0, state.style, state.sign+" "+state.word)
	} else {
		a.text(x+1, 0, state.style, state.sign)
	}
	x = a.text(0, 1, good, "✓ "+units.Count(s.Shares.Accepted))
	x = a.text(x+2, 1, bad, "✗ "+units.Count(s.Shares.Rejected))
	if s.Shares.Blocks > 0 {
		a.text(x+2, 1, accent, "★ "+units.Count(s.Shares.Blocks))
	}
	a.text(0, 2, plain, where)
	a.text(0, 3, faint, "up "+units.Span(s.Elapsed.Truncate(time.Second)))
	if m.now.Before(m.noticeTill) {
		a.text(0, 3, accent, m.notice)
	}
	if a.h > 4 {
		span := spans[m.span()].seconds
		a.sub(0, 4, a.w, a.h-4).chart(m.past.total.columns(2*a.w, span), ceiling(m.past.total.most(span)))
	}
}

func (m *model) drawFooter(a area) {
	switch {
	case m.filtering:
		x := a.text(1, 0, accent, "filter ")
		x = a.text(x, 0, strong, m.filter)
		a.text(x, 0, accent, "▏")
		a.right(a.w-1, 0, faint, "enter keeps it, esc clears it")
		return
	case m.now.Before(m.noticeTill):
		a.text(1, 0, accent, m.notice)
		return
	}
	last := []hint{hintOf(keys.help), hintOf(keys.quit)} // always there
	room := a.w
	for _, h := range last {
		room -= h.width()
	}
	x := 1
	for _, h := range m.page.footer() {
		if x+h.width() > room {
			break
		}
		x = a.hint(x, h)
	}
	for _, h := range last {
		x = a.hint(x, h)
	}
}

// width is how many columns h takes, with the space to the next.
func (h hint) width() int {
	w := columns(h.does) + 2
	for _, b := range h.keys {
		w += columns(b.Help().Key) + 1
	}
	return w
}

// hint draws keys and what they do, and makes them work by a click.
func (a area) hint(x int, h hint) int {
	for i, b := range h.keys {
		from := x
		x = a.text(x, 0, strong, b.Help().Key) + 1
		if i == len(h.keys)-1 {
			x = a.text(x, 0, faint, h.does)
		}
		a.sub(from, 0, x-from, 1).zone(b)
	}
	return x + 2
}

// bigWidth is how many columns three figures and a point take.
const bigWidth = 14

// bigFigures are the figures of drawFigures, three lines high.
var bigFigures = map[rune][3]string{
	'0': {"█▀█", "█ █", "▀▀▀"}, '1': {"▀█ ", " █ ", "▀▀▀"}, '2': {"▀▀█", "█▀▀", "▀▀▀"}, '3': {"▀▀█", " ▀█", "▀▀▀"},
	'4': {"█ █", "▀▀█", "  ▀"}, '5': {"█▀▀", "▀▀█", "▀▀▀"}, '6': {"█▀▀", "█▀█", "▀▀▀"}, '7': {"▀▀█", "  █", "  ▀"},
	'8': {"█▀█", "█▀█", "▀▀▀"}, '9': {"█▀█", "▀▀█", "▀▀▀"}, '.': {" ", " ", "▀"},
}

// digits writes a number in large figures.
func (a area) digits(x, y int, st style, number string) {
	for _, r := range number {
		f, ok := bigFigures[r]
		if !ok {
			continue
		}
		end := x
		for i, part := range f {
			end = a.text(x, y+i, st, part)
		}
		x = end + 1
	}
}
