package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gominer/internal/units"
	"gominer/miner"
	"gominer/tui"
)

// output says how a verb that goes on for a while is shown.
type output struct {
	json  bool
	noTUI bool
	plain bool
	level *slog.Level // nil: info, or warn beside --json, where stdout says all
	log   logOptions
}

func (o *output) flags(f *pflag.FlagSet) {
	f.BoolVar(&o.json, "json", false, "write what happens as JSON lines to stdout; the last is the summary")
	f.BoolVar(&o.noTUI, "no-tui", false, "log lines only: nothing on the terminal is written over")
	f.BoolVar(&o.plain, "plain", false, "log lines, and answers to the dashboard's keys, each followed by enter: for screen readers; ? lists them")
	valueVar(f, &o.level, "log-level", "", "", "what stderr says: `LEVEL` is "+strings.Join(levels, ", ")+
		" (default info; warn with --json)", func(s string) (*slog.Level, error) {
		l, err := parseLevel(s)
		return &l, err
	})
	exclusive(f, "plain", "json", "no-tui")
	o.log.flags(f)
}

func (o *output) check() error { return o.log.check() }

func (o *output) completions(cmd *cobra.Command) {
	complete(cmd, "log-level", func() []string { return levels })
	complete(cmd, "log-format", logFormats.words)
}

func (o *output) logLevel() slog.Level {
	switch {
	case o.level != nil:
		return *o.level
	case o.json:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// display is what a run is told to: people on stderr, scripts on stdout.
type display struct {
	p      *process
	screen *screen
	line   bool         // the screen's last line shows how things stand
	tui    *tui.Log     // the dashboard's log; nil: there is no dashboard
	plain  bool         // the dashboard answers in lines
	muted  *atomic.Bool // the dashboard has the terminal
	events *events      // nil: no script reads
	audit  *auditing    // nil: no audit log is kept
	log    *slog.Logger

	dashboard func(context.Context, tui.Config) error // shows it
}

// show returns the display. cancel is called if nobody reads stdout any more.
func (p *process) show(o *output, cancel context.CancelCauseFunc) *display {
	d := &display{p: p, screen: newScreen(p)}
	d.line = d.screen.width() > 0 && !p.fixed && !o.noTUI && !o.plain && !o.json
	d.plain, d.dashboard = o.plain, tui.Run
	if o.plain { // which works on any terminal, and without one
		d.dashboard = tui.Lines
	}
	d.muted = new(atomic.Bool)
	handler := o.log.handler(d, o.logLevel())
	if file := o.log.open(o.logLevel()); file != nil {
		handler = slog.NewMultiHandler(handler, file)
	}
	if (p.dashboard || o.plain) && !o.noTUI && !o.json {
		d.tui = new(tui.Log)
		handler = slog.NewMultiHandler(handler, &watched{log: d.tui})
	}
	if o.json {
		d.events = newEvents(p.stdout, cancel)
		handler = slog.NewMultiHandler(handler, d.events)
	}
	d.log = slog.New(handler)
	return d
}

// mine runs the miner until it is done or ctx ends, and shows how it goes. The
// summary comes last, whatever happens. The functions beside it run until then.
func (d *display) mine(ctx context.Context, cfg miner.Config, beside ...func(context.Context, *miner.Miner)) error {
	cfg.Log = d.log
	m := miner.New(cfg)
	defer d.watchPayees(ctx, m.Snapshot)()
	besides, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	for _, f := range beside {
		wg.Go(func() { f(besides, m) })
	}
	if d.tui != nil {
		return d.mineWatched(ctx, m)
	}
	stop := d.watch(ctx, func() string { s := m.Snapshot(); return statusLine(&s) }, func() {
		s := m.Snapshot()
		d.log.Info("progress", "rate", rates(&s.Rate), "accepted", s.Shares.Accepted, "rejected", s.Shares.Rejected,
			"uptime", units.Span(s.Elapsed))
	})
	err := m.Run(ctx)
	stop()
	return d.end(ctx, m, err)
}

// end summarizes a run that ended with err and returns what the verb returns.
func (d *display) end(ctx context.Context, m *miner.Miner, err error) error {
	why := err
	if why == nil {
		why = context.Cause(ctx)
	}
	if e := d.summarize(m.Snapshot(), why); err == nil && !errors.Is(e, syscall.EIO) { // the terminal may be gone
		err = e
	}
	if err == nil {
		err = why
	}
	return err
}

const (
	statusEvery   = time.Second // the status line
	progressEvery = time.Minute // a log line where there is none
)

// watch shows the status line now and then, or else calls progress, until ctx
// ends or stop is called.
func (d *display) watch(ctx context.Context, status func() string, progress func()) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	every, tell := progressEvery, progress
	if d.line {
		every, tell = statusEvery, func() { d.screen.setStatus(status()) }
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		t := time.NewTicker(every)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
				tell()
			}
		}
	})
	return func() {
		cancel()
		wg.Wait()
		d.screen.setStatus("")
	}
}

// statusLine says in one line how things stand.
func statusLine(s *miner.Snapshot) string {
	parts := []string{
		units.Span(s.Elapsed), rates(&s.Rate),
		fmt.Sprintf("%s accepted, %s rejected", units.Count(s.Shares.Accepted), units.Count(s.Shares.Rejected)),
	}
	if s.Job != nil {
		parts = append(parts, "difficulty "+units.Difficulty(s.Job.Job.Target.Difficulty()))
	}
	if where := standing(s); where != "" {
		parts = append(parts, where)
	}
	return escape(strings.Join(parts, " · "))
}

// standing says which source is in use and how it is.
func standing(s *miner.Snapshot) string {
	if s.Job != nil {
		return s.Job.Source
	}
	var latest *miner.SourceReport
	for i := range s.Sources {
		if r := &s.Sources[i]; latest == nil || r.Since.After(latest.Since) {
			latest = r
		}
	}
	switch {
	case latest == nil:
		return ""
	case latest.Status.State == miner.Down:
		if in := latest.RetryIn(time.Now()); in > time.Second {
			return latest.Name + " is down, trying again in " + units.Span(in.Truncate(time.Second))
		}
		return latest.Name + " is down, trying again"
	case latest.Status.State == miner.Connecting:
		return "connecting to " + latest.Name
	}
	return "waiting for a job of " + latest.Name
}

// rates writes a rate over its spans in one unit: "3.21 MH/s (60s 3.2, avg 3.19)".
func rates(r *miner.Rate) string {
	now := units.Hashrate(r.S10)
	number, unit, _ := strings.Cut(now, " ")
	short := func(v float64) string {
		s := units.Hashrate(v)
		if n, u, _ := strings.Cut(s, " "); u == unit {
			return n
		}
		return s
	}
	return fmt.Sprintf("%s %s (60s %s, avg %s)", number, unit, short(r.S60), short(r.Avg))
}

// summarize says what came of the run, and why it ended: the last that stdout
// gets.
func (d *display) summarize(s miner.Snapshot, why error) error {
	attrs := summaryAttrs(&s)
	if why == nil {
		why = errUntil
	}
	sealed := d.endAudit(attrs, why)
	if d.events != nil {
		return d.events.out.write(time.Now(), "summary", append(attrs, sealed.attrs()...))
	}
	_, err := io.WriteString(d.p.stdout, summaryText(&s)+sealed.text())
	return err
}

var errUntil = errors.New("the limit of --until was reached")

func summaryAttrs(s *miner.Snapshot) []slog.Attr {
	attrs := []slog.Attr{
		slog.Float64("elapsed_s", s.Elapsed.Seconds()),
		slog.Uint64("hashes", s.Hashes),
		slog.Float64("hs_avg", s.Rate.Avg),
		slog.Uint64("accepted", s.Shares.Accepted),
		slog.Uint64("rejected", s.Shares.Rejected),
		slog.Uint64("stale", s.Shares.Stale),
		slog.Uint64("lost", s.Shares.Lost),
		slog.Uint64("hardware_errors", s.Shares.HardwareErrors),
		slog.Uint64("duplicates", s.Shares.Duplicates),
		slog.Float64("best_difficulty", s.Best),
		slog.Uint64("blocks", s.Shares.Blocks),
	}
	if len(s.Reasons) > 0 {
		attrs = append(attrs, slog.Any("reasons", s.Reasons))
	}
	if chips := chipReports(s); len(chips) > 0 {
		attrs = append(attrs, slog.Any("chips", chips))
	}
	return attrs
}

// chipReport is what the summary says of one chip.
type chipReport struct {
	Nonces     uint64 `json:"nonces"` // that were right
	Errors     uint64 `json:"errors"`
	Duplicates uint64 `json:"duplicates"`
	Silent     bool   `json:"silent"`
}

// chipReports are by device, of those that have chips.
func chipReports(s *miner.Snapshot) map[string][]chipReport {
	all := make(map[string][]chipReport)
	for _, d := range s.Devices {
		for _, c := range d.Health.Chips {
			all[d.Info.Name] = append(all[d.Info.Name], chipReport(c))
		}
	}
	return all
}

// jobless reports whether nothing was mined because no source was ever up.
func jobless(s *miner.Snapshot) bool {
	return s.Hashes == 0 && len(s.Sources) > 0 && !slices.ContainsFunc(s.Sources, func(r miner.SourceReport) bool { return r.Connects > 0 })
}

// whyJobless says what is known of why a source gave no job.
func whyJobless(r *miner.SourceReport) string {
	switch {
	case r.Failure == nil && r.Since.IsZero():
		return r.Name + ": it was not tried"
	case r.Failure == nil:
		return r.Name + ": it did not answer in that time"
	}
	return r.Name + ": " + withoutSource(r.Failure.Error(), r.Name)
}

func summaryText(s *miner.Snapshot) string {
	var b strings.Builder
	if jobless(s) {
		fmt.Fprintf(&b, "nothing was mined in %s: no pool gave a job\n", units.Span(s.Elapsed))
		for i := range s.Sources {
			b.WriteString("  " + escape(whyJobless(&s.Sources[i])) + "\n")
		}
	} else {
		fmt.Fprintf(&b, "mined for %s at %s: %s hashes\n", units.Span(s.Elapsed), units.Hashrate(s.Rate.Avg), units.Number(float64(s.Hashes)))
	}
	t := &s.Shares
	fmt.Fprintf(&b, "shares: %s accepted, %s rejected", units.Count(t.Accepted), units.Count(t.Rejected))
	for _, n := range []struct {
		count uint64
		what  string
	}{{t.Stale, "stale"}, {t.Lost, "lost"}, {t.Duplicates, "duplicate"}} {
		if n.count > 0 {
			fmt.Fprintf(&b, ", %s %s", units.Count(n.count), n.what)
		}
	}
	b.WriteByte('\n')
	for _, reason := range sortedReasons(s.Reasons) {
		fmt.Fprintf(&b, "  rejected %s: %s\n", times(s.Reasons[reason]), escape(reason))
	}
	if t.HardwareErrors > 0 {
		fmt.Fprintf(&b, "hardware errors: %s\n", units.Count(t.HardwareErrors))
	}
	for _, d := range s.Devices {
		for i, c := range d.Health.Chips {
			if c.Silent || c.Errors > 0 {
				fmt.Fprintf(&b, "%s: chip %d of %d: %s right, %s wrong%s\n", d.Info.Name, i, len(d.Health.Chips),
					units.Plural(c.Nonces, "nonce"), units.Count(c.Errors), map[bool]string{true: ", silent"}[c.Silent])
			}
		}
	}
	if s.Best > 0 {
		fmt.Fprintf(&b, "best difficulty: %s\n", units.Difficulty(s.Best))
	}
	if t.Blocks > 0 {
		fmt.Fprintf(&b, "blocks found: %s\n", units.Count(t.Blocks))
	}
	return b.String()
}
