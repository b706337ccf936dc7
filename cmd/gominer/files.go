package main

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gominer/internal/audit"
	"gominer/internal/units"
	"gominer/stratum/record"
)

// fileOptions say what a run leaves in files.
type fileOptions struct {
	record   record.Config
	audit    string
	settings map[string]string // for the audit log
}

// recordSize suits weeks of an ordinary pool.
const recordSize = "256MB"

func (o *fileOptions) flags(cmd *cobra.Command) {
	o.record.Max, _ = parseSize(recordSize) // a constant
	section(cmd, "Files", func(f *pflag.FlagSet) {
		f.StringVar(&o.record.Path, "record", "", "write all that pools and gominer say to each other to `FILE`, as JSON lines without passwords; gominer decode explains it")
		valueVar(f, &o.record.Max, "record-size", "", recordSize, "at `SIZE` the recording is renamed to FILE.1 and begun anew; 0 lets it grow", parseSize)
		f.BoolVar(&o.record.HideUsers, "record-hide-users", false, "write user1, user2 … in the recording for the names of users")
		f.StringVar(&o.audit, "audit", "", "write what matters to `FILE`, as JSON lines of which each carries the hash of the one before; gominer decode --verify finds what was meddled with")
	})
}

func (o *fileOptions) check() error {
	if o.record.Path == "" && o.record.HideUsers {
		return usagef("--record-hide-users goes with --record FILE")
	}
	if o.audit != "" && o.audit == o.record.Path {
		return usagef("--audit and --record both write to %s: give each its own file", o.audit)
	}
	return nil
}

// openRecord makes the recording, nil if none is wanted.
func (o *fileOptions) openRecord(log *slog.Logger) (*record.Writer, error) {
	if o.record.Path == "" {
		return nil, nil
	}
	cfg := o.record
	cfg.By, cfg.Log = agent(), log
	w, err := record.Create(cfg)
	return w, unwritable("record", err)
}

// closeFile ends a file of the run. What it lacks is said, and fails nothing.
func closeFile(log *slog.Logger, closer interface{ Close() error }) {
	if err := closer.Close(); err != nil {
		log.Warn(err.Error())
	}
}

// auditing is the audit log of a run: an eventSink.
type auditing struct {
	log  *audit.Log
	path string
}

// openAudit makes d keep the audit log, if one is wanted.
func (o *fileOptions) openAudit(d *display) error {
	if o.audit == "" {
		return nil
	}
	log, err := audit.Open(audit.Config{Path: o.audit, By: agent(), Log: d.log})
	if err != nil {
		return unwritable("audit", err)
	}
	log.Event(time.Now(), "config", slog.Any("settings", o.settings))
	d.audit = &auditing{log, o.audit}
	d.log = slog.New(slog.NewMultiHandler(d.log.Handler(), &events{out: d.audit}))
	return nil
}

// write takes every event but the hash rate, which changes all the time and
// proves nothing.
func (a *auditing) write(at time.Time, name string, fields []slog.Attr) error {
	if name != "hashrate" {
		a.log.Event(at, name, fields...)
	}
	return nil
}

// seal is what has to be kept of an audit log to see that it was cut: where it
// ended.
type seal struct {
	path string
	head audit.Head
}

// endAudit ends the audit log with what came of the run, and why it is over. The
// seal is nil if there is no log, or if it ends earlier.
func (d *display) endAudit(fields []slog.Attr, why error) *seal {
	if d.audit == nil {
		return nil
	}
	a := d.audit
	d.audit = nil
	if why != nil {
		fields = append(slices.Clone(fields), slog.String("why", why.Error()))
	}
	head, err := a.log.Close(fields...)
	if err != nil {
		d.log.Warn(err.Error())
	}
	if head == (audit.Head{}) {
		return nil
	}
	return &seal{a.path, head}
}

func (s *seal) text() string {
	if s == nil {
		return ""
	}
	return fmt.Sprintf("audit log %s: %s, head %v\n", s.path, units.Plural(s.head.Lines, "line"), s.head.Hash)
}

func (s *seal) attrs() []slog.Attr {
	if s == nil {
		return nil
	}
	return []slog.Attr{slog.Uint64("audit_lines", s.head.Lines), slog.String("audit_head", s.head.Hash.String())}
}

var sizeForm = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)\s*([kKMGT]?)(i?)[bB]?$`)

// parseSize reads a number of bytes: "256MB", "1.5G", "512KiB", "100000".
func parseSize(s string) (int64, error) {
	const form = "want a number of bytes such as 256MB or 1GiB"
	m := sizeForm.FindStringSubmatch(s)
	if m == nil || m[3] != "" && m[2] == "" {
		return 0, errors.New(form)
	}
	n, err := strconv.ParseFloat(m[1], 64)
	step := 1000.0
	if m[3] != "" {
		step = 1024
	}
	for range map[string]int{"": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4}[m[2]] {
		n *= step
	}
	if err != nil || n >= math.MaxInt64 {
		return 0, errors.New(form)
	}
	return int64(n), nil
}
