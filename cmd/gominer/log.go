package main

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"gominer/internal/units"
)

// people is a slog.Handler for those who watch: a line with the time, the level
// where it is not the ordinary one, the text, and the attributes in units that
// can be read at a glance.
type people struct {
	screen *screen
	level  slog.Level
	muted  *atomic.Bool // nil: never
	with
}

func (h *people) Enabled(_ context.Context, l slog.Level) bool {
	return l >= h.level && (h.muted == nil || !h.muted.Load())
}

func (h *people) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &people{h.screen, h.level, h.muted, h.and(attrs)}
}

// WithGroup ignores the group: a line has no room for depth.
func (h *people) WithGroup(string) slog.Handler { return h }

func (h *people) Handle(_ context.Context, r slog.Record) error {
	all := h.record(&r)
	if all.event == "hashrate" && h.level >= slog.LevelInfo {
		return nil // the progress says it
	}
	return h.screen.print(h.line(&r, all))
}

const (
	textWidth   = 14 // of the text, with which the attributes of all lines begin at one column
	prefixWidth = 15 // of time and level on a terminal
)

func (h *people) line(r *slog.Record, all with) string {
	paint := painter(h.screen.colour)
	var b strings.Builder
	if h.screen.width() > 0 {
		b.WriteString(paint(dim, r.Time.Local().Format("15:04:05")))
	} else {
		b.WriteString(r.Time.UTC().Format(time.RFC3339))
	}
	b.WriteByte(' ')
	switch {
	case r.Level >= slog.LevelError:
		b.WriteString(paint(red, "ERROR") + " ")
	case r.Level >= slog.LevelWarn:
		b.WriteString(paint(yellow, "WARN") + "  ")
	case r.Level < slog.LevelInfo:
		b.WriteString(paint(dim, "DEBUG") + " ")
	default:
		b.WriteString("INFO  ")
	}
	text := escape(r.Message)
	if sgr := eventColours[all.event]; sgr != "" && (sgr == red || r.Level < slog.LevelWarn) {
		b.WriteString(paint(sgr, text))
	} else {
		b.WriteString(text)
	}
	fields := all.attrs
	if h.level > slog.LevelDebug {
		fields = brief(all)
	}
	column := prefixWidth + utf8.RuneCountInString(text)
	if len(fields) > 0 {
		pad := max(0, textWidth-utf8.RuneCountInString(text))
		b.WriteString(strings.Repeat(" ", pad))
		column += pad
	}
	for _, a := range fields {
		key, v := label(a.Key)+"=", humane(a)
		size := 2 + utf8.RuneCountInString(key+v)
		if width := h.screen.width(); width > 0 && column+size > width { // the terminal would break it inside a word
			b.WriteString("\n" + strings.Repeat(" ", prefixWidth))
			column = prefixWidth
		}
		column += size
		b.WriteString("  " + paint(dim, key) + v)
	}
	b.WriteByte('\n')
	return b.String()
}

// label returns an attribute's key as people see it. A share's line has to fit 80
// columns.
func label(key string) string {
	if key == "difficulty" {
		return "diff"
	}
	return escape(strings.TrimSuffix(strings.TrimSuffix(key, "_ms"), "_s"))
}

// eventColours are the good news, and in red what must not be overlooked.
var eventColours = map[string]string{"share": green, "block": bold + ";" + green, "insecure": red}

// brief returns the attributes that people want of an event; what only programs
// compare is shown from debug on. A share's own difficulty stands before the
// one that was asked for.
func brief(all with) (fields []slog.Attr) {
	wanted, source := "", ""
	for _, a := range all.attrs {
		switch {
		case a.Key == "source":
			source = a.Value.String()
		case all.event == "source" && a.Key == "error": // which begins with the source again
			a = slog.String(a.Key, withoutSource(a.Value.String(), source))
		}
		switch {
		case all.event == "share" && a.Key == "difficulty":
			wanted = humane(a)
			continue
		case all.event == "share" && a.Key == "share_difficulty":
			a = slog.String("difficulty", humane(a)+"/"+wanted)
		case repeated[a.Key] || unsaid[all.event+" "+a.Key]:
			continue
		}
		fields = append(fields, a)
	}
	return fields
}

// withoutSource returns the text of an error without the source that it begins
// with.
func withoutSource(text, source string) string {
	for _, lead := range []string{source + ": ", "node " + source + ": "} {
		if rest, ok := strings.CutPrefix(text, lead); ok {
			return rest
		}
	}
	return text
}

// repeated are attributes that the text says, or that nobody can compare by eye.
var repeated = map[string]bool{"hash": true, "clean": true, "result": true, "state": true, "prevhash": true}

// unsaid are attributes of one event that say what another of it says, or that
// only programs compare.
var unsaid = map[string]bool{
	"share job": true, "share source": true, "connected source": true, "connected protocol": true, "connected user": true,
	"reconnect followed": true, "reconnect reason": true,
}

// humane writes an attribute's value with a unit and few digits.
func humane(a slog.Attr) string {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindFloat64 {
		f := v.Float64()
		switch {
		case strings.HasPrefix(a.Key, "hs_"):
			return units.Hashrate(f)
		case strings.HasSuffix(a.Key, "_ms"):
			return units.Milliseconds(f)
		case strings.HasSuffix(a.Key, "_s"):
			return strconv.FormatFloat(f, 'f', -1, 64) + "s"
		}
		return units.Difficulty(f)
	}
	if v.Kind() == slog.KindDuration {
		return v.Duration().Round(time.Millisecond).String()
	}
	s := fmt.Sprint(v.Any())
	if list, ok := v.Any().([]string); ok {
		s = strings.Join(list, ", ")
	}
	if s == "" || strings.ContainsAny(s, "\"= \t\r\n") {
		if clean := escape(s); clean == s && !strings.Contains(s, `"`) {
			return `"` + s + `"`
		}
		return strconv.Quote(s)
	}
	return escape(s)
}

// The colours, as SGR parameters.
const (
	dim    = "2"
	bold   = "1"
	red    = "31"
	green  = "32"
	yellow = "33"
)

// painter returns a function that colours text, or one that does not.
func painter(colour bool) func(sgr, text string) string {
	if !colour {
		return func(_, text string) string { return text }
	}
	return func(sgr, text string) string { return "\x1b[" + sgr + "m" + text + "\x1b[0m" }
}

// levels are the names that --log-level takes.
var levels = []string{"debug", "info", "warn", "error"}

func parseLevel(s string) (slog.Level, error) {
	var l slog.Level
	for _, name := range levels {
		if strings.EqualFold(s, name) {
			return l, l.UnmarshalText([]byte(s))
		}
	}
	return l, fmt.Errorf("want one of %s%s", strings.Join(levels, ", "), didYouMean(s, levels))
}
