package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"

	"github.com/spf13/pflag"
	"gopkg.in/natefinch/lumberjack.v2"
)

// logFormat is how log lines are written.
type logFormat int

const (
	logAuto   logFormat = iota // text on a terminal, journal below systemd, else logfmt
	logText                    // for people
	logLogfmt                  // key=value
	logJSON                    // an object a line
)

var logFormats = choices[logFormat]{{"auto", logAuto}, {"text", logText}, {"logfmt", logLogfmt}, {"json", logJSON}}

// logOptions say how the log is written, and where else than to stderr.
type logOptions struct {
	format logFormat
	file   string
	size   int64 // of the file, bytes
	keep   int   // older files
}

const (
	defaultLogSize = "10MB"
	defaultLogKeep = 5
)

func (o *logOptions) flags(f *pflag.FlagSet) {
	o.size, _ = parseSize(defaultLogSize) // a constant
	valueVar(f, &o.format, "log-format", "", "auto", "write the log as `FORMAT` "+logFormats.list()+"; auto is text on a terminal and logfmt elsewhere", logFormats.parse)
	f.StringVar(&o.file, "log-file", "", "write the log to `FILE` too, as logfmt or JSON")
	valueVar(f, &o.size, "log-file-size", "", defaultLogSize, "at `SIZE` that file is renamed by its date and begun anew", parseSize)
	f.IntVar(&o.keep, "log-file-keep", defaultLogKeep, "keep `N` older files of it, 0 for all")
	annotate(f.Lookup("log-file"), annotationFile)
	annotate(f.Lookup("log-file"), annotationSpaces)
}

func (o *logOptions) check() error {
	const megabyte = 1_000_000
	switch {
	case o.size < megabyte:
		return usagef("--log-file-size: want 1MB or more")
	case o.keep < 0:
		return usagef("--log-file-keep %d: want 0 or more", o.keep)
	case o.file == "":
		return nil
	}
	f, err := os.OpenFile(o.file, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600) // what can't be written is said now
	if err != nil {
		return unwritable("log-file", err)
	}
	return f.Close()
}

// handler returns the handler for stderr.
func (o *logOptions) handler(d *display, level slog.Level) slog.Handler {
	format := o.format
	if format == logAuto {
		format = logLogfmt
		if d.screen.width() > 0 {
			format = logText
		}
	}
	opts := &slog.HandlerOptions{Level: level}
	w := &screenWriter{d.screen}
	switch {
	case format == logText:
		return &people{screen: d.screen, level: level, muted: d.muted}
	case format == logJSON:
		return &lined{slog.NewJSONHandler(w, opts), level, d.muted}
	case o.format == logAuto && d.p.journal:
		return &lined{newJournalHandler(w, opts), level, d.muted}
	}
	return &lined{slog.NewTextHandler(w, opts), level, d.muted}
}

// open returns a handler that writes to the log's file, nil if there is none.
func (o *logOptions) open(level slog.Level) slog.Handler {
	if o.file == "" {
		return nil
	}
	const mebibyte = 1 << 20 // which lumberjack counts in
	w := &lumberjack.Logger{Filename: o.file, MaxSize: max(1, int(o.size/mebibyte)), MaxBackups: o.keep}
	opts := &slog.HandlerOptions{Level: level}
	if o.format == logJSON {
		return &lined{slog.NewJSONHandler(w, opts), level, nil}
	}
	return &lined{slog.NewTextHandler(w, opts), level, nil}
}

// screenWriter writes lines to the screen.
type screenWriter struct{ screen *screen }

func (w *screenWriter) Write(b []byte) (int, error) {
	return len(b), w.screen.print(string(b))
}

// lined leaves out of a log of lines what stands in others.
type lined struct {
	slog.Handler
	level slog.Level
	muted *atomic.Bool // nil: never
}

// Enabled reports whether the dashboard has not got the terminal, too.
func (h *lined) Enabled(ctx context.Context, l slog.Level) bool {
	return h.Handler.Enabled(ctx, l) && (h.muted == nil || !h.muted.Load())
}

// Handle leaves out the hash rates of the devices: the progress says them.
func (h *lined) Handle(ctx context.Context, r slog.Record) error {
	if h.level >= slog.LevelInfo && eventOf(&r) == "hashrate" {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

func (h *lined) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &lined{h.Handler.WithAttrs(attrs), h.level, h.muted}
}

func (h *lined) WithGroup(name string) slog.Handler {
	return &lined{h.Handler.WithGroup(name), h.level, h.muted}
}

// eventOf returns the name of the event that a record tells of, "" for none.
func eventOf(r *slog.Record) (name string) {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "event" {
			name = a.Value.String()
		}
		return name == ""
	})
	return name
}

// journalHandler writes lines as systemd's journal reads them from stderr: the
// level goes before each as sd-daemon(3) has it, and the journal knows the time.
type journalHandler struct {
	slog.Handler
	out *journalLine
}

// journalLine is where all handlers of one journal write.
type journalLine struct {
	w   io.Writer
	mu  sync.Mutex
	buf bytes.Buffer
}

func newJournalHandler(w io.Writer, opts *slog.HandlerOptions) *journalHandler {
	out := &journalLine{w: w}
	o := *opts
	o.ReplaceAttr = func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
			return slog.Attr{}
		}
		return a
	}
	return &journalHandler{slog.NewTextHandler(&out.buf, &o), out}
}

func (h *journalHandler) Handle(ctx context.Context, r slog.Record) error {
	h.out.mu.Lock()
	defer h.out.mu.Unlock()
	h.out.buf.Reset()
	switch {
	case r.Level >= slog.LevelError:
		h.out.buf.WriteString("<3>")
	case r.Level >= slog.LevelWarn:
		h.out.buf.WriteString("<4>")
	case r.Level >= slog.LevelInfo:
		h.out.buf.WriteString("<6>")
	default:
		h.out.buf.WriteString("<7>")
	}
	if err := h.Handler.Handle(ctx, r); err != nil {
		return err
	}
	_, err := h.out.w.Write(h.out.buf.Bytes())
	return err
}

func (h *journalHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &journalHandler{h.Handler.WithAttrs(attrs), h.out}
}

func (h *journalHandler) WithGroup(name string) slog.Handler {
	return &journalHandler{h.Handler.WithGroup(name), h.out}
}
