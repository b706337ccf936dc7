package tui

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"
)

func texts(lines []line) (all []string) {
	for _, l := range lines {
		all = append(all, l.text)
	}
	return all
}

// A flood of lines that hardly matter pushes out none that does, and lines come in
// the order in which they were added.
func TestLogKeepsWhatMatters(t *testing.T) {
	var log Log
	all := func(*line) bool { return true }
	warnings := func(l *line) bool { return l.level >= slog.LevelWarn }
	at := time.Unix(0, 0)
	log.Add(at, slog.LevelWarn, "an hour ago")
	for i := range 100_000 {
		log.Add(at, slog.LevelDebug, fmt.Sprint("debug ", i))
		if i%10 == 0 {
			log.Add(at, slog.LevelInfo, fmt.Sprint("info ", i))
		}
	}
	log.Add(at, slog.LevelError, "now")
	if got, want := texts(log.latest(9, newest, warnings)), []string{"an hour ago", "now"}; !slices.Equal(got, want) {
		t.Errorf("warnings %q, want %q", got, want)
	}
	if got, want := texts(log.latest(4, newest, all)), []string{"debug 99997", "debug 99998", "debug 99999", "now"}; !slices.Equal(got, want) {
		t.Errorf("the latest %q, want %q", got, want)
	}
	for n, level := range map[int]slog.Level{2: slog.LevelWarn, 10_002: slog.LevelInfo, 110_002: slog.LevelDebug} {
		if got := log.count(level); got != n {
			t.Errorf("%d lines of %v and above, want %d", got, level, n)
		}
	}
	kept := log.latest(1<<20, newest, all)
	if len(kept) != 2*logLines+2 || !slices.IsSortedFunc(kept, func(a, b line) int { return int(int64(a.number) - int64(b.number)) }) {
		t.Errorf("%d lines are kept", len(kept))
	}

	// From the end two warnings back, where one has to stay in sight, and on again.
	end := log.move(newest, -2, 1, warnings)
	if got := texts(log.latest(9, end, warnings)); !slices.Equal(got, []string{"an hour ago"}) {
		t.Errorf("back: %q", got)
	}
	if again := log.move(end, -1, 1, warnings); again != end {
		t.Errorf("from %d back to %d, where nothing is", end, again)
	}
	if got := log.move(end, 1, 1, warnings); got != newest {
		t.Errorf("on to %d", got)
	}
	end = log.move(newest, -3, 1, all)
	if got := texts(log.latest(1, end, all)); !slices.Equal(got, []string{"debug 99997"}) {
		t.Errorf("three back: %q", got)
	}
	if got := texts(log.latest(1, log.move(end, 2, 1, all), all)); !slices.Equal(got, []string{"debug 99999"}) {
		t.Errorf("and two on: %q", got)
	}
}

// The past of a device is as long as that of all together.
func TestDeviceSeries(t *testing.T) {
	var d deviceSeries
	for i := range 7200 {
		d.add(float64(100 + 100*(i/3600))) // an hour of 100, an hour of 200
	}
	if got := d.columns(4, 7200); !slices.Equal(got, []float64{100, 100, 200, 200}) {
		t.Errorf("two hours: %v", got)
	}
	if got := d.columns(2, 900); !slices.Equal(got, []float64{200, 200}) {
		t.Errorf("15 minutes: %v", got)
	}
	if got := d.columns(2, day); got[0] != -1 || !(got[1] >= 100) {
		t.Errorf("a day: %v", got)
	}
	m := screen(mining(), 120, 40, 12000)
	m.page = devices
	press(t, m, "x", "x", "x")
	if got := spans[m.span()].name; got != "24 h" || m.zoom != 5 {
		t.Fatalf("zoomed out to %s", got)
	}
	press(t, m, "z", "z")
	if out := m.canvas().String(); !strings.Contains(out, " 1 h ─╮") || !strings.Contains(out, "−45 min") {
		t.Errorf("the chart of a device does not show an hour:\n%s", out)
	}
}

func TestCutMiddle(t *testing.T) {
	for _, c := range []struct {
		n    int
		want string
	}{
		{42, "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"}, {99, "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"},
		{41, "bc1qw508d6qejxtdg4y5…zarvary0c5xw7kv8f3t4"}, {11, "bc1qw…8f3t4"}, {10, "bc1q…8f3t4"}, {4, "bc1…"}, {0, ""},
	} {
		if got := cutMiddle("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", c.n); got != c.want {
			t.Errorf("%d columns: %q, want %q", c.n, got, c.want)
		}
	}
}
