package main

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"gominer/bench"
	"gominer/internal/units"
)

// benchProgress shows on the screen's last line how far a benchmark has come.
type benchProgress struct {
	screen *screen

	mu    sync.Mutex
	now   bench.Step
	since time.Time // of now
}

func newBenchProgress(s *screen) *benchProgress { return &benchProgress{screen: s} }

// step takes the next step.
func (b *benchProgress) step(s bench.Step) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now, b.since = s, time.Now()
}

// progressEach is how often the line is written: seldom enough not to be
// measured.
const progressEach = 250 * time.Millisecond

// show shows the progress until stop is called.
func (b *benchProgress) show() (stop func()) {
	if b.screen.width() == 0 {
		return func() {}
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		t := time.NewTicker(progressEach)
		defer t.Stop()
		for {
			select {
			case <-done:
				return
			case now := <-t.C:
				b.mu.Lock()
				line := progressLine(b.now, now.Sub(b.since))
				b.mu.Unlock()
				b.screen.setStatus(line)
			}
		}
	})
	return func() {
		close(done)
		wg.Wait()
		b.screen.setStatus("")
	}
}

// progressLine says how far a run of benchmarks is, with so much of the step
// gone by.
func progressLine(s bench.Step, gone time.Duration) string {
	if s.Total <= 0 {
		return ""
	}
	done := min(s.Done+min(gone, s.Takes), s.Total)
	const width = 20
	part := float64(done) / float64(s.Total)
	full := int(part * width)
	return fmt.Sprintf("[%s%s] %3.0f%%, %s left: %s", strings.Repeat("=", full), strings.Repeat(" ", width-full),
		100*part, units.Span(s.Total-done), s.What)
}
