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
	lines []line // a ring once it is full
	n     uint64 // lines so far
}

// line is one line of the log.
type line struct {
	at    time.Time
	level slog.Level
	text  string // cleaned
}

const logLines = 2000 // kept

// Add adds a line.
func (l *Log) Add(at time.Time, level slog.Level, text string) {
	added := line{at, level, Clean(text)}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lines) < logLines {
		l.lines = append(l.lines, added)
	} else {
		l.lines[l.n%logLines] = added
	}
	l.n++
}

// count returns how many lines have come.
func (l *Log) count() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.n
}

// newest is an end that moves with the lines that come.
const newest = ^uint64(0)

// latest returns up to n lines that wanted takes, of those before end, the oldest
// first. Lines are numbered as they come, from 0.
func (l *Log) latest(n int, end uint64, wanted func(*line) bool) []line {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []line
	for i := min(end, l.n); i > l.firstLocked() && len(out) < n; i-- {
		if line := &l.lines[(i-1)%logLines]; wanted(line) {
			out = append(out, *line)
		}
	}
	slices.Reverse(out)
	return out
}

// firstLocked returns the number of the oldest line that is kept. The caller holds
// mu.
func (l *Log) firstLocked() uint64 { return l.n - uint64(len(l.lines)) }

// move returns an end that is by lines further on than end, or back where by is
// below 0, of those that wanted takes; at least keep of them stay before it.
func (l *Log) move(end uint64, by, keep int, wanted func(*line) bool) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := l.firstLocked()
	end = max(min(end, l.n), first)
	for ; by > 0 && end < l.n; end++ {
		if wanted(&l.lines[end%logLines]) {
			by--
		}
	}
	if end == l.n && by >= 0 {
		return newest
	}
	var before []uint64 // the ends behind lines that are wanted, the newest first
	for i := end; i > first; i-- {
		if wanted(&l.lines[(i-1)%logLines]) {
			before = append(before, i)
		}
	}
	back := min(-by, len(before)-keep)
	if back <= 0 || by >= 0 {
		return end
	}
	return before[back]
}
