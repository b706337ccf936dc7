package miner

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
)

const (
	// loudMost is how many records of one kind people are told in a minute. The
	// rest are for those who debug, and for programs; a sum follows.
	loudMost = 20

	floodSamples = 60 // in which that minute is counted
)

// floods keeps what happens at any rate that pools and devices choose from
// drowning what else is logged. The zero value is ready.
type floods struct {
	mu   sync.Mutex
	seen map[string]flood // by the record's text, of which there are few
}

type flood struct {
	level slog.Level
	count int // in this minute
}

// level returns the level at which a record of that text is logged now.
func (f *floods) level(level slog.Level, text string) slog.Level {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.seen == nil {
		f.seen = make(map[string]flood)
	}
	n := f.seen[text].count + 1
	f.seen[text] = flood{level, n}
	if n > loudMost {
		return slog.LevelDebug
	}
	return level
}

// sum logs how many there were of what was not told one by one, and begins a new
// minute.
func (f *floods) sum(log *slog.Logger) {
	f.mu.Lock()
	seen := f.seen
	f.seen = nil
	f.mu.Unlock()
	for _, text := range slices.Sorted(maps.Keys(seen)) {
		if s := seen[text]; s.count > loudMost {
			log.Log(context.Background(), s.level, fmt.Sprintf("%s: more than %d a minute", text, loudMost), "count", s.count)
		}
	}
}
