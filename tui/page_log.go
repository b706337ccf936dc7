package tui

import (
	"fmt"
	"log/slog"
	"strings"
	"time"
)

func (m *model) drawLog(a area) {
	note := levelName(m.level) + " and above"
	if m.filter != "" {
		note = "with “" + m.filter + "”, " + note
	}
	in := a.panel("Log", note)
	if m.cfg.Log == nil {
		return
	}
	lines := m.cfg.Log.latest(in.h, m.logEnd, m.wanted())
	if len(lines) == 0 {
		in.text(0, 0, faint, "nothing to show")
	}
	from := in.h // upwards: of lines that take more than one, the newest are whole
	for i := len(lines) - 1; i >= 0 && from > 0; i-- {
		from = in.wrapped(from, &lines[i], m.filter)
	}
	if from > 0 { // there is room: they begin at the top
		in.lift(from)
	}
	if m.logEnd != newest {
		a.right(a.w-3, a.h-1, accent, " ↓ newer, End follows ")
	}
}

// wanted returns which lines of the log are shown.
func (m *model) wanted() func(*line) bool {
	filter, level := strings.ToLower(m.filter), m.level
	return func(l *line) bool {
		return l.level >= level && strings.Contains(strings.ToLower(l.text), filter)
	}
}

func levelName(l slog.Level) string { return strings.ToLower(l.String()) }

// logLine draws one line of the log, and what is looked for in it.
func (a area) logLine(y int, l *line, find string) {
	x := a.text(0, y, faint, l.at.Local().Format(time.TimeOnly))
	word, st := "", plain
	switch {
	case l.level >= slog.LevelError:
		word, st = "error", bad
	case l.level >= slog.LevelWarn:
		word, st = "warn", warn
	case l.level < slog.LevelInfo:
		word, st = "debug", faint
	default:
		word, st = "info", faint
	}
	a.text(x+1, y, st, fmt.Sprintf("%-5s", word))
	x += 7
	st = onOff(l.level < slog.LevelInfo, faint, plain)
	if i := strings.Index(strings.ToLower(l.text), strings.ToLower(find)); find != "" && i >= 0 && i+len(find) <= len(l.text) {
		x = a.text(x, y, st, l.text[:i])
		x = a.text(x, y, accent, l.text[i:i+len(find)])
		a.text(x, y, st, l.text[i+len(find):])
		return
	}
	for i, part := range strings.Split(l.text, "  ") { // a text, then attributes
		key, value, found := strings.Cut(part, "=")
		if i == 0 || !found {
			x = a.text(x, y, st, part) + 2
			continue
		}
		x = a.text(x, y, faint, key+"=")
		x = a.text(x, y, st, value) + 2
	}
}

// wrapped draws a line of the log so that it ends above line below, in as many
// lines as it takes, and returns the first of them.
func (a area) wrapped(below int, l *line, find string) int {
	const indent = 15 // behind the time and the level
	long := newCanvas(indent+columns(l.text), 1)
	long.all().logLine(0, l, find)
	var starts []int // of its parts
	for x := 0; x < long.w; {
		starts = append(starts, x)
		x = long.breakAt(x, x+max(a.w-onOff(x > 0, indent, 0), 2))
	}
	for i, x := range starts {
		end := long.w
		if i+1 < len(starts) {
			end = starts[i+1]
		}
		at := onOff(i > 0, indent, 0)
		if y := below - len(starts) + i; y >= 0 && at < a.w {
			copy(a.c.cells[(a.y+y)*a.c.w+a.x+at:][:a.w-at], long.cells[x:end])
		}
	}
	return max(below-len(starts), 0)
}

// breakAt returns where a line of one row that begins at from, and has room up to
// to, is gone on with in the next: behind an attribute, or else a word, if that
// leaves not too much room.
func (c *canvas) breakAt(from, to int) int {
	if to >= c.w {
		return c.w
	}
	blank := func(x int) bool { return c.cells[x].text == " " }
	for _, gap := range []int{2, 1} {
		for x := to; x > (from+to)/2; x-- {
			if blank(x-1) && (gap == 1 || blank(x-2)) && !blank(x) {
				return x
			}
		}
	}
	for c.cells[to].text == "" { // not between the halves of a character
		to--
	}
	return to
}

// lift moves what is drawn in a by n lines up.
func (a area) lift(n int) {
	for y := range a.h {
		row := a.c.cells[(a.y+y)*a.c.w+a.x:][:a.w]
		if y+n < a.h {
			copy(row, a.c.cells[(a.y+y+n)*a.c.w+a.x:][:a.w])
		} else {
			a.sub(0, y, a.w, 1).fill(plain, " ")
		}
	}
}
