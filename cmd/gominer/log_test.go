package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"gominer/miner"
)

// at is when everything in these tests happens.
var at = time.Date(2026, 11, 21, 4, 53, 18, 123456789, time.UTC)

func logRecord(level slog.Level, text string, attrs ...slog.Attr) slog.Record {
	r := slog.NewRecord(at, level, text, 0)
	r.AddAttrs(attrs...)
	return r
}

func share(result string) slog.Record {
	return logRecord(slog.LevelInfo, "share "+result, slog.String(miner.EventKey, "share"),
		slog.String("device", "cpu"), slog.String("job", "j1"), slog.Float64("difficulty", 0.06),
		slog.Float64("share_difficulty", 1.98), slog.String("hash", "00ff"), slog.String("result", result),
		slog.String("source", "p:1"), slog.Float64("latency_ms", 0.1234))
}

// tell returns what a handler for people writes of r.
func tell(t *testing.T, h *people, r slog.Record) string {
	t.Helper()
	var b bytes.Buffer
	h.screen.w = &b
	if err := h.Handle(context.Background(), r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func noTerminal() int { return 0 }

func TestLinesForPeople(t *testing.T) {
	h := &people{screen: &screen{width: noTerminal}, level: slog.LevelInfo}
	for _, test := range []struct {
		name string
		r    slog.Record
		want string
	}{
		{"share", share("accepted"),
			"2026-11-21T04:53:18Z INFO  share accepted  device=cpu  diff=1.98/0.06  latency=0.123 ms\n"},
		{"warning", logRecord(slog.LevelWarn, "source down", slog.String("error", "dial tcp: refused"), slog.String("url", "")),
			"2026-11-21T04:53:18Z WARN  source down     error=\"dial tcp: refused\"  url=\"\"\n"},
		{"a pool", logRecord(slog.LevelWarn, "source down", slog.String(miner.EventKey, "source"), slog.String("source", "a:1"), slog.String("error", "a:1: refused"), slog.Float64("retry_s", 1.2)),
			"2026-11-21T04:53:18Z WARN  source down     source=a:1  error=refused  retry=1.2s\n"},
		{"a node", logRecord(slog.LevelWarn, "source down", slog.String(miner.EventKey, "source"), slog.String("source", "http://a:1"), slog.String("error", "node http://a:1: it is off")),
			"2026-11-21T04:53:18Z WARN  source down     source=http://a:1  error=\"it is off\"\n"},
		{"another source", logRecord(slog.LevelWarn, "source down", slog.String(miner.EventKey, "source"), slog.String("source", "a:1"), slog.String("error", "node b:1: it is off")),
			"2026-11-21T04:53:18Z WARN  source down     source=a:1  error=\"node b:1: it is off\"\n"},
		{"list", logRecord(slog.LevelInfo, "found out", slog.Any("traits", []string{"ids as text", "ping"}), slog.Any("none", []string(nil))),
			"2026-11-21T04:53:18Z INFO  found out       traits=\"ids as text, ping\"  none=\"\"\n"},
		{"no attributes", logRecord(slog.LevelError, "broken"),
			"2026-11-21T04:53:18Z ERROR broken\n"},
		{"pool's text", logRecord(slog.LevelInfo, "message", slog.String("text", "hello \x1b[2J\"you\"")),
			"2026-11-21T04:53:18Z INFO  message         text=\"hello \\x1b[2J\\\"you\\\"\"\n"},
		{"rates", logRecord(slog.LevelInfo, "rate", slog.Float64("hs_10s", 3.21e6), slog.Duration("wait", 1234567*time.Nanosecond)),
			"2026-11-21T04:53:18Z INFO  rate            hs_10s=3.21 MH/s  wait=1ms\n"},
		{"hash rate event", logRecord(slog.LevelInfo, "hash rate", slog.String(miner.EventKey, "hashrate")), ""},
	} {
		if got := tell(t, h, test.r); got != test.want {
			t.Errorf("%s:\n got %q\nwant %q", test.name, got, test.want)
		}
	}
	if h.Enabled(context.Background(), slog.LevelDebug) {
		t.Error("debug is enabled at level info")
	}
	with := h.WithAttrs([]slog.Attr{slog.String("by", "pool"), slog.String(miner.EventKey, "node")}).(*people)
	if got := tell(t, with, logRecord(slog.LevelInfo, "x", slog.Int("n", 1))); !strings.Contains(got, "by=pool  n=1\n") {
		t.Errorf("with attributes: %q", got)
	}
	debug := &people{screen: &screen{width: noTerminal}, level: slog.LevelDebug}
	if got := tell(t, debug, share("accepted")); !strings.Contains(got, "hash=00ff") || !strings.Contains(got, "job=j1") {
		t.Errorf("at level debug something is left out: %q", got)
	}
}

// A line too long for the terminal is broken before an attribute, never inside
// one that fits.
func TestLinesFitTheTerminal(t *testing.T) {
	r := logRecord(slog.LevelInfo, "connected", slog.String(miner.EventKey, "connected"), slog.String("source", "127.0.0.1:33971"),
		slog.String("url", "stratum+tcp://127.0.0.1:33971"), slog.String("text", "é…"), slog.Float64("latency_ms", 3))
	for width, want := range map[int]string{
		0: "INFO  connected       url=stratum+tcp://127.0.0.1:33971  text=é…  latency=3 ms\n",
		76: "INFO  connected       url=stratum+tcp://127.0.0.1:33971  text=é…\n" +
			"                 latency=3 ms\n",
		100: "INFO  connected       url=stratum+tcp://127.0.0.1:33971  text=é…  latency=3 ms\n",
		40: "INFO  connected     \n" +
			"                 url=stratum+tcp://127.0.0.1:33971\n" +
			"                 text=é…  latency=3 ms\n",
	} {
		for _, colour := range []bool{false, true} {
			h := &people{screen: &screen{width: func() int { return width }, colour: colour}, level: slog.LevelInfo}
			_, got, _ := strings.Cut(sgr.ReplaceAllString(tell(t, h, r), ""), " ")
			if got != want {
				t.Errorf("%d columns, colour %v:\n got %q\nwant %q", width, colour, got, want)
			}
		}
	}
}

// What must not be overlooked is red, though it is a warning alone.
func TestInsecureIsRed(t *testing.T) {
	h := &people{screen: &screen{width: func() int { return 80 }, colour: true}, level: slog.LevelInfo}
	got := tell(t, h, logRecord(slog.LevelWarn, "not verified: who knows", slog.String(miner.EventKey, "insecure")))
	if !strings.Contains(got, "\x1b[31mnot verified: who knows\x1b[0m") {
		t.Errorf("%q is not red", got)
	}
	if got = tell(t, h, logRecord(slog.LevelWarn, "a block, it seems", slog.String(miner.EventKey, "block"))); strings.Contains(got, "\x1b[1;32m") {
		t.Errorf("%q is good news", got)
	}
}

func TestSharesTakeOneLine(t *testing.T) {
	r := logRecord(slog.LevelInfo, "share accepted", slog.String(miner.EventKey, "share"), slog.String("device", "cpu"),
		slog.Float64("difficulty", 0.0215), slog.Float64("share_difficulty", 0.0362), slog.Float64("latency_ms", 0.178))
	h := &people{screen: &screen{width: func() int { return 80 }}, level: slog.LevelInfo}
	if got := tell(t, h, r); strings.Count(got, "\n") != 1 {
		t.Errorf("not one line of 80 columns:\n%s", got)
	}
}

func TestWelcomeFitsTheTerminal(t *testing.T) {
	for columns, most := range map[int]int{0: 80, 40: 40, 200: 80} {
		var b strings.Builder
		d := &display{screen: &screen{w: &b, width: func() int { return columns }}}
		d.welcome("127.0.0.1:33971", 0.05, 60e6)
		longest := 0
		for line := range strings.Lines(b.String()) {
			longest = max(longest, utf8.RuneCountInString(line)-1)
		}
		if longest > most || longest < most-12 {
			t.Errorf("%d columns: the longest line has %d, want nearly %d:\n%s", columns, longest, most, b.String())
		}
	}
}

var sgr = regexp.MustCompile("\x1b\\[[0-9;]*m")

func TestColoursOnlyWhereWanted(t *testing.T) {
	h := &people{screen: &screen{width: func() int { return 80 }, colour: true}}
	if got := tell(t, h, share("accepted")); !strings.Contains(got, "\x1b[32mshare accepted\x1b[0m") {
		t.Errorf("no colour: %q", got)
	}
	h.screen.colour = false
	if got := tell(t, h, share("accepted")); strings.Contains(got, "\x1b") {
		t.Errorf("colour: %q", got)
	}
}

func TestScreenKeepsTheStatusLineLast(t *testing.T) {
	var b bytes.Buffer
	s := &screen{w: &b, width: func() int { return 10 }}
	s.setStatus("") // nothing to take away
	_ = s.print("one\n")
	s.setStatus("a long status line")
	_ = s.print("two\n")
	s.setStatus("")
	want := "one\n" + "\r\x1b[Ka long s…" + "\r\x1b[Ktwo\na long s…" + "\r\x1b[K"
	if b.String() != want {
		t.Errorf(" got %q\nwant %q", b.String(), want)
	}
	b.Reset()
	s.width = noTerminal
	s.setStatus("status")
	if b.Len() > 0 {
		t.Errorf("without a terminal: %q", b.String())
	}
}

func TestEvents(t *testing.T) {
	var b bytes.Buffer
	h := newEvents(&b, func(err error) { t.Error(err) })
	log := slog.New(h.WithAttrs([]slog.Attr{slog.String("node", "n1")}))
	log.Info("not an event", "x", 1)
	_ = h.Handle(context.Background(), share("accepted"))
	_ = h.Handle(context.Background(), logRecord(slog.LevelDebug, "", slog.String(miner.EventKey, "odd"),
		slog.Float64("inf", math.Inf(1)), slog.Float64("nan", math.NaN()), slog.Any("error", errors.New("why <&>")),
		slog.Duration("d", time.Second), slog.Any("chan", make(chan int)), slog.Bool("b", true)))
	want := `{"time":"2026-11-21T04:53:18.123456789Z","event":"share","device":"cpu","job":"j1","difficulty":0.06,` +
		`"share_difficulty":1.98,"hash":"00ff","result":"accepted","source":"p:1","latency_ms":0.1234}` + "\n" +
		`{"time":"2026-11-21T04:53:18.123456789Z","event":"odd","inf":null,"nan":null,"error":"why <&>","d":"1s","chan":null,"b":true}` + "\n"
	if b.String() != want {
		t.Errorf(" got %s\nwant %s", b.String(), want)
	}
	b.Reset()
	const hostile = "\x1b[2J\n\u009b2J\u202e"
	log.Info("an event", miner.EventKey, "message", "text", hostile)
	var got map[string]any
	if err := json.Unmarshal(b.Bytes(), &got); err != nil || got["event"] != "message" || got["node"] != "n1" || got["text"] != hostile {
		t.Errorf("%v: %s", err, b.String())
	}
	if bytes.Count(b.Bytes(), []byte("\n")) != 1 || bytes.ContainsAny(b.Bytes(), "\x1b\u009b\u202e") {
		t.Errorf("not one clean line: %q", b.String())
	}
}

func TestEventsStopAtTheFirstError(t *testing.T) {
	r, w := io.Pipe()
	r.Close()
	var failures []error
	h := newEvents(w, func(err error) { failures = append(failures, err) })
	for range 3 {
		if err := h.Handle(context.Background(), share("accepted")); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("got %v, want %v", err, io.ErrClosedPipe)
		}
	}
	if len(failures) != 1 {
		t.Errorf("told %d times, want once", len(failures))
	}
}

func TestParseLevel(t *testing.T) {
	for _, name := range levels {
		if l, err := parseLevel(strings.ToUpper(name)); err != nil || !strings.EqualFold(l.String(), name) {
			t.Errorf("parseLevel(%q) = %v, %v", name, l, err)
		}
	}
	for _, bad := range []string{"", "trace", "info+2"} {
		if l, err := parseLevel(bad); err == nil {
			t.Errorf("parseLevel(%q) = %v, want an error", bad, l)
		}
	}
}
