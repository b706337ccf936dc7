package tui

import (
	"iter"
	"log/slog"
	"slices"
	"sort"
	"sync"
	"time"
)

// Log keeps the latest lines of the log for the dashboard, of each class of levels
// as many: a flood of what hardly matters pushes out nothing that does. The zero
// value is ready; its methods may be called from any goroutine.
type Log struct {
	mu    sync.Mutex
	rings [classes]ring
	n     uint64 // lines so far
}

// The classes of levels.
const (
	debugLines = iota // below info
	infoLines
	warnLines // and above
	classes
)

func classOf(l slog.Level) int {
	switch {
	case l < slog.LevelInfo:
		return debugLines
	case l < slog.LevelWarn:
		return infoLines
	}
	return warnLines
}

// line is one line of the log.
type line struct {
	number uint64 // as they came, from 0
	at     time.Time
	level  slog.Level
	text   string // cleaned
}

const logLines = 2000 // kept of a class

// ring keeps the latest lines of a class.
type ring struct {
	lines []line // once it is full, the oldest is at n%logLines
	n     int    // lines so far
}

func (r *ring) add(l line) {
	if len(r.lines) < logLines {
		r.lines = append(r.lines, l)
	} else {
		r.lines[r.n%logLines] = l
	}
	r.n++
}

// at returns the i-th line that is kept, the oldest first.
func (r *ring) at(i int) *line {
	if len(r.lines) < logLines {
		return &r.lines[i]
	}
	return &r.lines[(r.n+i)%logLines]
}

// before returns how many of the lines that are kept have a number below end.
func (r *ring) before(end uint64) int {
	return sort.Search(len(r.lines), func(i int) bool { return r.at(i).number >= end })
}

// Add adds a line.
func (l *Log) Add(at time.Time, level slog.Level, text string) {
	added := line{at: at, level: level, text: Clean(text)}
	l.mu.Lock()
	defer l.mu.Unlock()
	added.number = l.n
	l.rings[classOf(level)].add(added)
	l.n++
}

// count returns how many lines have come of the classes that hold lines of the
// level and above.
func (l *Log) count(level slog.Level) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := classOf(level); c < classes; c++ {
		n += l.rings[c].n
	}
	return n
}

// newest is an end that moves with the lines that come.
const newest = ^uint64(0)

// backLocked goes through the lines before end that are kept, the newest first.
// The caller holds mu.
func (l *Log) backLocked(end uint64) iter.Seq[*line] {
	return func(yield func(*line) bool) {
		var left [classes]int // of each ring
		for c := range l.rings {
			left[c] = l.rings[c].before(end)
		}
		for {
			var latest *line
			from := 0
			for c, n := range left {
				if n == 0 {
					continue
				}
				if x := l.rings[c].at(n - 1); latest == nil || x.number > latest.number {
					latest, from = x, c
				}
			}
			if latest == nil || !yield(latest) {
				return
			}
			left[from]--
		}
	}
}

// latest returns up to n lines that wanted takes, of those before end, the oldest
// first. Lines are numbered as they come, from 0.
func (l *Log) latest(n int, end uint64, wanted func(*line) bool) []line {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []line
	if n <= 0 {
		return nil
	}
	for x := range l.backLocked(end) {
		if !wanted(x) {
			continue
		}
		if out = append(out, *x); len(out) == n {
			break
		}
	}
	slices.Reverse(out)
	return out
}

// move returns an end that is by lines further on than end, or back where by is
// below 0, of those that wanted takes; at least keep of them stay before it.
func (l *Log) move(end uint64, by, keep int, wanted func(*line) bool) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []uint64 // the ends behind lines that are wanted, the oldest first
	for x := range l.backLocked(newest) {
		if wanted(x) {
			all = append(all, x.number+1)
		}
	}
	slices.Reverse(all)
	i, _ := slices.BinarySearchFunc(all, end, func(a, end uint64) int { // how many are before it
		if a <= end {
			return -1
		}
		return 1
	})
	to := max(i+by, min(keep, i))
	switch {
	case to >= len(all) && by >= 0:
		return newest
	case to == i || to == 0:
		return end
	}
	return all[to-1]
}
