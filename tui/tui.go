// Package tui is the dashboard: it draws miner.Snapshot on a terminal four times a
// second and knows nothing else of what mines. What a key does to the miner is up
// to Controls.
//
// A screen is drawn into a grid of cells (canvas.go), so that it fits whatever the
// size, and can be written as ANSI, as plain text or as SVG alike. Pages are in
// page_*.go; what they need of the past, since a Snapshot is one moment, is kept in
// history.go. Text from outside is stripped of all that a terminal would obey.
package tui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	tea "charm.land/bubbletea/v2"

	"gominer/miner"
)

// Config says what to show, and where. Snapshot is required.
type Config struct {
	Title    string // "gominer"
	Snapshot func() miner.Snapshot
	Log      *Log // nil: there is no log to show
	Controls Controls

	Input       io.Reader // nil: stdin
	Output      io.Writer // nil: stdout
	Environment []string  // nil: the process's; TERM, COLORTERM and NO_COLOR count

	Pictures string // folder for pictures of the screen; "": the current one

}

// Controls are what keys can do to the miner. One that is nil can't be done here;
// its key says so.
type Controls struct {
	Pause    func(device int, paused bool) error
	Threads  func(device, more int) error         // more or, below 0, fewer
	Throttle func(device int, more float64) error // percentage points; below 0, less
	Switch   func(source string) error            // to mine there now
}

const tick = 250 * time.Millisecond // a frame's time

// What Run returns when the user wants mining to end: by a key and a yes, or by
// Ctrl-C.
var (
	ErrQuit        = errors.New("quit")
	ErrInterrupted = errors.New("interrupted")
)

// Run shows the dashboard until ctx ends, the user quits, or the terminal is gone,
// and leaves the terminal as it was. The error is nil, ErrQuit, ErrInterrupted, or
// says what became of the terminal; mining need not end for that.
func Run(ctx context.Context, cfg Config) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	m := newModel(&cfg, time.Now())
	options := []tea.ProgramOption{tea.WithContext(ctx), tea.WithFPS(int(time.Second / tick * 2)), tea.WithoutSignalHandler()}
	switch in := cfg.Input.(type) {
	case nil:
		options = append(options, tea.WithInput(terminal{os.Stdin}))
	case *os.File:
		options = append(options, tea.WithInput(terminal{in}))
	default:
		options = append(options, tea.WithInput(in))
	}
	if cfg.Output == nil {
		cfg.Output = os.Stdout
	}
	if f, ok := cfg.Output.(*os.File); ok {
		out := &counted{File: f}
		m.revival.writes = out.n.Load
		cfg.Output = out
	}
	options = append(options, tea.WithOutput(cfg.Output))
	if cfg.Environment != nil {
		options = append(options, tea.WithEnvironment(cfg.Environment))
	}
	end, err := tea.NewProgram(m, options...).Run()
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("the dashboard has ended: %w", err)
	}
	return end.(*model).end
}

var errLost = errors.New("the terminal is gone")

// terminal is a file whose end is an error: a terminal has one only when it hangs
// up.
type terminal struct{ *os.File }

func (t terminal) Read(p []byte) (int, error) {
	n, err := t.File.Read(p)
	if err == io.EOF || errors.Is(err, syscall.EIO) {
		err = errLost
	}
	return n, err
}

// savePicture writes a picture to a new file in folder and returns its name.
func savePicture(folder, svg string, now time.Time) (string, error) {
	if folder == "" {
		folder = "."
	}
	f, err := os.CreateTemp(folder, "gominer-"+now.Format("20060102-150405")+"-*.svg")
	if err != nil {
		return "", err
	}
	_, err = io.WriteString(f, svg)
	if e := f.Close(); err == nil {
		err = e
	}
	return filepath.Clean(f.Name()), err
}
