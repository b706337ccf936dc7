package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"

	"gominer/hasher/cpu"
	"gominer/internal/units"
	"gominer/miner"
	"gominer/tui"
)

// errDone ends a run that the user ended on the dashboard, with exit code 0.
var errDone = errors.New("done")

// mineWatched runs m below the dashboard. If the terminal is lost, mining goes on
// with log lines.
func (d *display) mineWatched(ctx context.Context, m *miner.Miner) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watching, stop := context.WithCancel(ctx)
	defer d.p.outlive()()
	show := tui.Run
	if d.plain {
		show = tui.Lines
	}
	d.muted.Store(!d.plain && d.screen.width() > 0) // a file takes the log all the same
	d.screen.setStatus("")
	var wg sync.WaitGroup
	wg.Go(func() {
		err := show(watching, tui.Config{
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
		case err != nil:
			d.log.Warn("there is no dashboard any more, mining goes on", "error", err)
		}
	})
	err := m.Run(ctx)
	stop()
	wg.Wait()
	if err = d.end(ctx, m, err); errors.Is(err, errDone) {
		return nil
	}
	return err
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
