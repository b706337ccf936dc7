package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"

	"golang.org/x/term"

	"gominer/hasher/asic/usb"
)

// process is everything that the program has of the system that runs it. It is
// made once; nothing else in the package touches the process's globals.
type process struct {
	args      []string // without the program's name
	environ   []string // NAME=value
	stdin     io.Reader
	stdout    io.Writer
	stderr    io.Writer
	signals   <-chan os.Signal
	hangups   func() (came <-chan os.Signal, stop func()) // of a terminal, or of who wants a reload
	asked     *atomic.Bool                                // to end: who asks again insists
	kill      func(code int)                              // ends the process at once
	outlive   func() func()                               // makes it go on without its terminal, until what it returns is called
	listUSB   func() ([]usb.Device, error)                // what is plugged in
	width     func() int                                  // columns of the terminal behind stderr, 0 if there is none
	journal   bool                                        // systemd's journal reads stderr
	colour    bool                                        // stderr is a terminal that shows colours, and is wanted to
	typed     bool                                        // stdin is a terminal
	dashboard bool                                        // so is stdout, and it can do more than print
	fixed     bool                                        // the terminal behind stderr can only print
}

func newProcess() *process {
	signals := make(chan os.Signal, 2) // the first asks, the second insists
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	// A reader that goes away shows as an error of the write, not as an end
	// without a summary.
	signal.Ignore(syscall.SIGPIPE)
	p := &process{
		args:    os.Args[1:],
		environ: os.Environ(),
		stdin:   os.Stdin,
		stdout:  os.Stdout,
		stderr:  os.Stderr,
		signals: signals,
		hangups: hangups,
		asked:   new(atomic.Bool),
		kill:    os.Exit,
		outlive: outliveTerminal,
		listUSB: usb.List,
		width:   stderrWidth,
		typed:   term.IsTerminal(int(os.Stdin.Fd())),
	}
	stream, _ := p.getenv("JOURNAL_STREAM")
	p.journal = isJournal(os.Stderr, stream)
	noColour, _ := p.getenv("NO_COLOR")
	kind, _ := p.getenv("TERM")
	p.dashboard = p.typed && obeys(os.Stdout, kind)
	p.fixed = !obeys(os.Stderr, kind)
	p.colour = p.width() > 0 && noColour == "" && !p.fixed
	return p
}

// outliveTerminal lets the process live when its terminal hangs up, until undo is
// called.
func outliveTerminal() (undo func()) {
	if signal.Ignored(syscall.SIGHUP) { // as nohup has it: so it stays
		return func() {}
	}
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	return func() { signal.Stop(c) }
}

// hangups returns a channel of SIGHUP, which ends the process until it is called,
// and not any more.
func hangups() (<-chan os.Signal, func()) {
	came := make(chan os.Signal, 1)
	signal.Notify(came, syscall.SIGHUP)
	return came, func() { signal.Stop(came) }
}

func stderrWidth() int {
	width, _, err := term.GetSize(int(os.Stderr.Fd()))
	switch {
	case err != nil:
		return 0
	case width == 0: // a terminal that doesn't know, such as a serial line
		return helpWidth
	}
	return width
}

// getenv looks a variable up.
func (p *process) getenv(name string) (value string, ok bool) {
	for _, kv := range p.environ {
		if k, v, _ := strings.Cut(kv, "="); k == name {
			value, ok = v, true // the last one counts
		}
	}
	return value, ok
}

// run runs the program and returns its exit code.
func (p *process) run() int {
	ctx, cancel := context.WithCancelCause(context.Background())
	done := make(chan struct{})
	defer close(done)
	go p.watchSignals(cancel, done)
	err := newRoot(p).ExecuteContext(ctx)
	var stop interrupted
	switch {
	case err == nil, errors.Is(err, syscall.EPIPE): // whoever read stdout has had enough
		return exitDone
	case errors.As(err, &stop):
		return stop.exitCode()
	case errors.Is(err, errStuck): // nobody could be told
		return exitCode(err)
	}
	fmt.Fprintf(p.stderr, "gominer: %s\n", oneLine(err.Error()))
	return exitCode(err)
}

// watchSignals cancels at the first signal and ends the process at the second,
// until the program is done.
func (p *process) watchSignals(cancel context.CancelCauseFunc, done <-chan struct{}) {
	for insisting := false; ; insisting = true {
		select {
		case s := <-p.signals:
			if insisting || p.asked.Load() {
				fmt.Fprintln(p.stderr)
				p.kill(exitInterrupted)
			}
			cancel(interrupted{s})
		case <-done:
			return
		}
	}
}
