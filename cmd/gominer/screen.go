package main

import (
	"io"
	"strings"
	"sync"
	"unicode/utf8"
)

// screen is stderr with, on a terminal, a line at its end that is written anew
// while everything else scrolls above it.
type screen struct {
	mu     sync.Mutex
	w      io.Writer
	width  func() int // columns, 0 where it is no terminal
	colour bool
	fixed  bool   // it is a terminal that can only print: there is no such line
	status string // the line; "" for none
}

func newScreen(p *process) *screen {
	return &screen{w: p.stderr, width: p.width, colour: p.colour, fixed: p.fixed}
}

// clearLine goes to the first column and clears to the last.
const clearLine = "\r\x1b[K"

// print writes text, whole lines, above the status line.
func (s *screen) print(text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.status != "" {
		text = clearLine + text + s.statusLocked()
	}
	_, err := io.WriteString(s.w, text)
	return err
}

// setStatus replaces the status line; "" takes it away. It does nothing where
// there is no terminal.
func (s *screen) setStatus(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fixed || s.width() == 0 || line == "" && s.status == "" {
		return
	}
	s.status = line
	_, _ = io.WriteString(s.w, clearLine+s.statusLocked())
}

// statusLocked returns the status line cut to the terminal. The caller holds mu.
func (s *screen) statusLocked() string {
	if s.status == "" {
		return ""
	}
	return painter(s.colour)(bold, cut(s.status, s.width()-1))
}

// cut shortens line to width columns; every rune that gominer writes there takes
// one.
func cut(line string, width int) string {
	if width <= 0 || utf8.RuneCountInString(line) <= width {
		return line
	}
	var b strings.Builder
	for _, r := range line {
		if width--; width == 0 {
			break
		}
		b.WriteRune(r)
	}
	return b.String() + "…"
}
