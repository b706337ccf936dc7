package main

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"gominer/internal/jsonline"
	"gominer/miner"
)

// events is a slog.Handler that hands on what happens. A record is an event if it
// carries miner.EventKey, whatever its level; all others are dropped.
type events struct {
	out eventSink
	with
}

// eventSink takes events one by one, from any goroutine.
type eventSink interface {
	write(at time.Time, name string, fields []slog.Attr) error
}

// with is what With gave a handler: the name of the event that its records are,
// "" for none, and attributes.
type with struct {
	event string
	attrs []slog.Attr
}

// and returns w with more attributes; w stays as it is.
func (w with) and(attrs []slog.Attr) with {
	w.attrs = w.attrs[:len(w.attrs):len(w.attrs)]
	for _, a := range attrs {
		w.add(a)
	}
	return w
}

func (w *with) add(a slog.Attr) {
	switch a.Key {
	case miner.EventKey:
		w.event = a.Value.String()
	case "":
	default:
		w.attrs = append(w.attrs, a)
	}
}

// record returns w with the attributes of r.
func (w with) record(r *slog.Record) with {
	w.attrs = w.attrs[:len(w.attrs):len(w.attrs)]
	r.Attrs(func(a slog.Attr) bool {
		w.add(a)
		return true
	})
	return w
}

// eventWriter writes events as JSON, one object a line: "time" (RFC 3339 with
// nanoseconds, UTC), "event", then the event's fields.
type eventWriter struct {
	mu   sync.Mutex
	w    io.Writer
	err  error       // the first of w: nothing is written after it
	fail func(error) // told of it
	buf  []byte
}

// newEvents returns a handler that writes to w, and calls fail once if w takes
// no more.
func newEvents(w io.Writer, fail func(error)) *events {
	return &events{out: &eventWriter{w: w, fail: fail}}
}

func (e *events) Enabled(context.Context, slog.Level) bool { return true }

func (e *events) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &events{e.out, e.and(attrs)}
}

// WithGroup ignores the group: events are flat.
func (e *events) WithGroup(string) slog.Handler { return e }

func (e *events) Handle(_ context.Context, r slog.Record) error {
	all := e.record(&r)
	if all.event == "" {
		return nil
	}
	return e.out.write(r.Time, all.event, all.attrs)
}

func (e *eventWriter) write(at time.Time, name string, fields []slog.Attr) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err != nil {
		return e.err
	}
	b := append(e.buf[:0], '{')
	b = jsonline.AppendAttr(b, slog.Time("time", at))
	b = jsonline.AppendAttr(append(b, ','), slog.String("event", name))
	for _, a := range fields {
		b = jsonline.AppendAttr(append(b, ','), a)
	}
	e.buf = append(b, "}\n"...)
	if _, err := e.w.Write(e.buf); err != nil {
		e.err = err
		e.fail(err)
	}
	return e.err
}
