package tui

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"

	tea "charm.land/bubbletea/v2"
)

// resumedMsg says that the terminal was given away and is back, or why not.
type resumedMsg struct{ err error }

func resumed(err error) tea.Msg { return resumedMsg{err} }

// revival sees to it that the dashboard is drawn again once the terminal is back.
// Bubbletea's renderer draws at the ticks of one timer: the one that ends for a
// suspension may stop the timer late, when the one that follows has set it already,
// and then nothing is ever drawn. What was drawn is known by its count of writes.
type revival struct {
	writes func() uint64
	ticks  int // since the terminal is back; 0: drawn since
	before uint64
}

const reviveTicks = 3

// resumed begins to watch.
func (r *revival) resumed() {
	if r.writes != nil {
		r.ticks, r.before = 1, r.writes()
	}
}

// tick returns what gives the terminal away and takes it back at once, which starts
// the renderer, where nothing has been drawn for too long.
func (r *revival) tick() tea.Cmd {
	switch {
	case r.ticks == 0:
		return nil
	case r.writes() != r.before:
		r.ticks = 0
	case r.ticks == reviveTicks:
		r.ticks = 0
		return tea.Exec(noCommand{}, resumed)
	default:
		r.ticks++
	}
	return nil
}

// noCommand is a command that does nothing.
type noCommand struct{}

func (noCommand) Run() error          { return nil }
func (noCommand) SetStdin(io.Reader)  {}
func (noCommand) SetStdout(io.Writer) {}
func (noCommand) SetStderr(io.Writer) {}

// counted is a terminal that counts what is written to it.
type counted struct {
	*os.File
	n atomic.Uint64
}

func (c *counted) Write(p []byte) (int, error) {
	c.n.Add(1)
	return c.File.Write(p)
}

// back takes in that the terminal is back.
func (m *model) back(err error) {
	m.revival.resumed()
	if err != nil {
		m.note(fmt.Sprintf("the terminal was not given away or back as it should: %v", err))
	}
}
