package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"gominer/hasher/cpu"
	"gominer/internal/units"
	"gominer/miner"
	"gominer/tui"
)

// errDone ends a run that the user ended on the dashboard, with exit code 0.
var errDone = errors.New("done")

// errStuck says that the terminal takes nothing any more, so that it can't be said
// there.
var errStuck = errors.New("the terminal takes nothing")

// stuckAfter is how long a terminal may take to show the end of the dashboard. One
// that Ctrl-S has stopped, or whose other end has stopped reading, would never.
const stuckAfter = 5 * time.Second

// mineWatched runs m below the dashboard. If the terminal is lost, mining goes on
// with log lines.
func (d *display) mineWatched(ctx context.Context, m *miner.Miner) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watching, stop := context.WithCancel(ctx)
	defer d.p.outlive()()
	d.muted.Store(!d.plain && d.screen.width() > 0) // a file takes the log all the same
	d.screen.setStatus("")
	over := make(chan struct{})
	go func() {
		defer close(over)
		err := d.dashboard(watching, tui.Config{
			Title: "gominer", Snapshot: m.Snapshot, Log: d.tui, Controls: controls(m), Environment: d.p.environ,
		})
		d.muted.Store(false)
		switch {
		case errors.Is(err, tui.ErrQuit):
			d.p.asked.Store(true)
			cancel(errDone)
		case errors.Is(err, tui.ErrInterrupted):
			d.p.asked.Store(true)
			cancel(interrupted{os.Interrupt})
		case err != nil && d.plain:
			d.log.Info("nobody asks any more, mining goes on")
		case err != nil:
			d.log.Warn("there is no dashboard any more, mining goes on", "error", err)
		}
	}()
	err := m.Run(ctx)
	stop()
	select {
	case <-over:
		err = d.end(ctx, m, err)
	case <-time.After(stuckAfter):
		err = d.endUnseen(ctx, m, err)
	}
	if errors.Is(err, errDone) {
		return nil
	}
	return err
}

// endUnseen is end for a terminal that takes nothing.
func (d *display) endUnseen(ctx context.Context, m *miner.Miner, err error) error {
	why := err
	if why == nil {
		why = context.Cause(ctx)
	}
	s := m.Snapshot()
	reason := why
	if reason == nil {
		reason = errUntil
	}
	d.endAudit(summaryAttrs(&s), reason)
	if err != nil {
		return errors.Join(errStuck, err)
	}
	return why
}

// controls are what keys of the dashboard do.
func controls(m *miner.Miner) tui.Controls {
	processor := func(i int) (*cpu.Device, error) {
		device := m.Device(i)
		if d, ok := device.(*cpu.Device); ok {
			return d, nil
		}
		return nil, fmt.Errorf("%s has no threads and no throttle of its own: p rests it", device.Info().Name)
	}
	return tui.Controls{
		Pause:  m.Pause,
		Switch: m.Prefer,
		Threads: func(i, more int) error {
			d, err := processor(i)
			if err != nil {
				return err
			}
			n := d.Threads() + more
			if n < 1 || n > cpu.MaxThreads {
				return fmt.Errorf("%s mines with %s: p rests it", d.Info().Name, units.Plural(uint64(d.Threads()), "thread"))
			}
			return d.SetThreads(n)
		},
		Throttle: func(i int, more float64) error {
			d, err := processor(i)
			if err != nil {
				return err
			}
			t := d.Throttle()
			if t.Percent == 0 {
				t.Percent = 100
			}
			t.Percent = min(max(t.Percent+more, 10), 100)
			return d.SetThrottle(t)
		},
	}
}

// watched is a slog.Handler for the dashboard's log.
type watched struct {
	log *tui.Log
	with
}

// Enabled reports true: which lines are shown is chosen on the dashboard.
func (h *watched) Enabled(context.Context, slog.Level) bool { return true }

func (h *watched) WithAttrs(attrs []slog.Attr) slog.Handler { return &watched{h.log, h.and(attrs)} }

// WithGroup ignores the group: a line has no room for depth.
func (h *watched) WithGroup(string) slog.Handler { return h }

func (h *watched) Handle(_ context.Context, r slog.Record) error {
	all := h.record(&r)
	var b strings.Builder
	b.WriteString(escape(r.Message))
	for _, a := range brief(all) {
		b.WriteString("  " + label(a.Key) + "=" + humane(a))
	}
	h.log.Add(r.Time, r.Level, b.String())
	return nil
}
