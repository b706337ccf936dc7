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
	for y, l := range lines {
		in.logLine(y, &l, m.filter)
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
