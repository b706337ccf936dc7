package emulate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
)

// PTY is a pseudo-terminal, of which a host opens the other end by its Path as it
// would a serial port.
type PTY struct {
	file   *os.File
	path   string
	once   sync.Once
	closed chan struct{}
}

// OpenPTY makes one.
func OpenPTY() (*PTY, error) {
	ours, theirs, err := pty.Open()
	if err != nil {
		return nil, fmt.Errorf("make a pseudo-terminal: %w", err)
	}
	path := theirs.Name()
	err = theirs.Close() // it is a host's alone
	if err == nil {
		ours, err = polled(ours)
	}
	if err != nil {
		_ = ours.Close()
		return nil, fmt.Errorf("make a pseudo-terminal: %w", err)
	}
	return &PTY{file: ours, path: path, closed: make(chan struct{})}, nil
}

// Path returns where a host opens it.
func (p *PTY) Path() string { return p.path }

// hostEvery is how often is looked for a host while there is none: the system has
// no way to wait for one.
const hostEvery = 50 * time.Millisecond

// Read returns ErrNoHost, after a while, when nobody has the other end.
func (p *PTY) Read(b []byte) (int, error) {
	n, err := p.file.Read(b)
	if n > 0 || !errors.Is(err, syscall.EIO) {
		return n, err
	}
	t := time.NewTimer(hostEvery)
	defer t.Stop()
	select {
	case <-t.C:
		return 0, ErrNoHost
	case <-p.closed:
		return 0, os.ErrClosed
	}
}

// Write writes b, to nobody perhaps.
func (p *PTY) Write(b []byte) (int, error) { return p.file.Write(b) }

// Close takes it away: it is as if the board were pulled out.
func (p *PTY) Close() error {
	p.once.Do(func() { close(p.closed) })
	return p.file.Close()
}

const (
	// pluggedFor and unpluggedFor are how Unplug takes turns.
	pluggedFor   = 10 * time.Second
	unpluggedFor = 3 * time.Second
)

// Run plays the board on pseudo-terminals until ctx ends: on one, or with the
// fault Unplug on one after the other. The newest has a symbolic link at link, if
// that is not empty. ready is told of the path to open, each time that there is one.
func (e *Emulator) Run(ctx context.Context, link string, ready func(path string)) error {
	unplug := time.Duration(1<<63 - 1)
	for _, f := range e.cfg.Faults {
		if f == Unplug {
			unplug = pluggedFor
		}
	}
	for {
		if err := e.plug(ctx, link, unplug, ready); err != nil || ctx.Err() != nil {
			return err
		}
		e.count(func(s *Stats) { s.Faults++ })
		e.cfg.Log.Info("unplugged", "back_in", unpluggedFor)
		if !sleep(ctx, unpluggedFor) {
			return nil
		}
	}
}

// plug is one of Run's turns.
func (e *Emulator) plug(ctx context.Context, link string, unplug time.Duration, ready func(path string)) error {
	p, err := OpenPTY()
	if err != nil {
		return err
	}
	path := p.Path()
	if link != "" {
		if err := relink(link, path); err != nil {
			_ = p.Close()
			return err
		}
		defer os.Remove(link)
		path = link
	}
	turn, cancel := context.WithTimeout(ctx, unplug)
	defer cancel()
	ready(path)
	if err := e.Serve(turn, p); turn.Err() == nil {
		return err
	}
	return nil
}

// relink makes link a symbolic link to path. It leaves anything else alone.
func relink(link, path string) error {
	info, err := os.Lstat(link)
	switch {
	case err == nil && info.Mode()&os.ModeSymlink == 0:
		return fmt.Errorf("%s is there, and no symbolic link: name another place", link)
	case err == nil:
		if err := os.Remove(link); err != nil {
			return err
		}
	case !errors.Is(err, os.ErrNotExist):
		return err
	}
	if dir := filepath.Dir(link); dir != "." {
		if _, err := os.Stat(dir); err != nil {
			return err
		}
	}
	return os.Symlink(path, link)
}
