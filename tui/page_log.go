package tui

import (
	"log/slog"
	"strings"
)

func (m *model) drawLog(a area) {
	note := strings.ToLower(m.level.String()) + " and graver, l changes it"
	if f := m.filter; f != "" {
		note = "with “" + f + "”, " + note
	}
	in := a.panel("Log", note)
	if m.cfg.Log == nil || in.h == 0 {
		return
	}
	filter := strings.ToLower(m.filter)
	lines := m.cfg.Log.latest(in.h, m.row[logPage], func(l *line) bool {
		return l.level >= m.level && strings.Contains(strings.ToLower(l.text), filter)
	})
	if len(lines) == 0 {
		in.text(0, 0, faint, "nothing to show")
	}
	for y, l := range lines {
		in.logLine(y, &l)
	}
	if m.row[logPage] > 0 {
		in.right(in.w, in.h-1, accent, " ↓ newer ")
	}
}

// logLine draws one line of the log.
func (a area) logLine(y int, l *line) {
	x := a.text(0, y, faint, l.at.Local().Format("15:04:05"))
	word, st := "", plain
	switch {
	case l.level >= slog.LevelError:
		word, st = "ERROR ", bad
	case l.level >= slog.LevelWarn:
		word, st = "WARN ", warn
	case l.level < slog.LevelInfo:
		word, st = "debug ", faint
	}
	x = a.text(x+1, y, st, word)
	if st == bad {
		st = plain
	}
	a.text(x, y, st, l.text)
}
