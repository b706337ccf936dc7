package jsonline

import (
	"log/slog"
	"math"
	"time"
)

// AppendAttr adds an attribute of a log record to b as a member of an object:
// "key":value. What JSON has no form for is written as null, a time as RFC 3339
// in UTC, a duration as Go writes it, an error as its text.
func AppendAttr(b []byte, a slog.Attr) []byte {
	b = appendOrNull(b, a.Key)
	return appendOrNull(append(b, ':'), plain(a.Value))
}

func appendOrNull(b []byte, v any) []byte {
	out, err := Append(b, v)
	if err != nil {
		return append(b, "null"...)
	}
	return out
}

// plain returns v as what JSON has.
func plain(v slog.Value) any {
	switch v = v.Resolve(); v.Kind() {
	case slog.KindFloat64:
		if f := v.Float64(); math.IsInf(f, 0) || math.IsNaN(f) {
			return nil // JSON has neither
		}
	case slog.KindDuration:
		return v.Duration().String()
	case slog.KindTime:
		return v.Time().UTC().Format(time.RFC3339Nano)
	case slog.KindAny:
		if err, ok := v.Any().(error); ok {
			return err.Error()
		}
	}
	return v.Any()
}
