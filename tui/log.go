package tui

import (
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Log keeps the latest lines of the log for the dashboard. The zero value is
// ready; its methods may be called from any goroutine.
type Log struct {
	mu    sync.Mutex
	lines []line // at most logLines
	n     uint64 // lines so far
}

// line is one line of the log.
type line struct {
	at    time.Time
	level slog.Level
	text  string // cleaned
}

const logLines = 2000

// Add adds a line.
func (l *Log) Add(at time.Time, level slog.Level, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	added := line{at, level, Clean(text)}
	if len(l.lines) < logLines {
		l.lines = append(l.lines, added)
	} else {
		l.lines[l.n%logLines] = added
	}
	l.n++
}

// latest returns up to n lines that wanted takes, the oldest first, leaving out the
// newest skip of them.
func (l *Log) latest(n, skip int, wanted func(*line) bool) []line {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []line
	for i := uint64(1); i <= min(l.n, logLines) && len(out) < n; i++ {
		line := &l.lines[(l.n-i)%logLines]
		if !wanted(line) {
			continue
		}
		if skip > 0 {
			skip--
			continue
		}
		out = append(out, *line)
	}
	slices.Reverse(out)
	return out
}
