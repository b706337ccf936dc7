package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"gominer/hasher/asic/usb"
	"gominer/miner"
	"gominer/miner/minertest"
)

// buffer can be written while it is read.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// fake is a process that touches nothing outside the test.
type fake struct {
	*process
	out, err buffer
	signals  chan os.Signal
	hangups  chan os.Signal
	killed   chan int
}

func newFake(args ...string) *fake {
	f := &fake{signals: make(chan os.Signal, 2), hangups: make(chan os.Signal), killed: make(chan int, 1)}
	f.process = &process{
		args: args, stdin: strings.NewReader(""), stdout: &f.out, stderr: &f.err,
		signals: f.signals, asked: new(atomic.Bool), kill: func(code int) { f.killed <- code }, width: noTerminal,
		hangups: func() (<-chan os.Signal, func()) { return f.hangups, func() {} },
		listUSB: func() ([]usb.Device, error) { return nil, nil },
	}
	return f
}

func TestRunInProcess(t *testing.T) {
	for _, test := range []struct {
		args []string
		code int
		err  string
	}{
		{args: []string{"version"}},
		{args: []string{"--help"}},
		{args: []string{"decode", "1d00ffff"}},
		{args: []string{"nonsense"}, code: exitUsage, err: "gominer: there is no verb"},
		{args: []string{"--nonsense"}, code: exitUsage, err: "gominer: there is no flag --nonsense (gominer --help)"},
		{args: []string{"decode", "00\n\x1b[2J"}, code: exitError, err: "gominer: decode: "},
	} {
		f := newFake(test.args...)
		if code := f.run(); code != test.code {
			t.Errorf("%q: exit code %d, want %d", test.args, code, test.code)
		}
		if got := f.err.String(); !strings.HasPrefix(got, test.err) || test.err == "" && got != "" ||
			strings.Count(got, "\n") > 1 || strings.Contains(got, "\x1b") {
			t.Errorf("%q: stderr %q, want one line that begins with %q", test.args, got, test.err)
		}
		if test.code == exitUsage && f.out.String() != "" {
			t.Errorf("%q: stdout %q, want nothing", test.args, f.out.String())
		}
	}
}

// broken takes nothing.
type broken struct{ err error }

func (b broken) Write([]byte) (int, error) { return 0, b.err }

func TestStdoutThatTakesNothing(t *testing.T) {
	f := newFake("version")
	f.stdout = broken{syscall.EPIPE}
	if code := f.run(); code != exitDone || f.err.String() != "" {
		t.Errorf("a reader that went away: code %d, stderr %q; want 0 and silence", code, f.err.String())
	}
	f = newFake("version")
	f.stdout = broken{syscall.ENOSPC}
	if code := f.run(); code != exitError || !strings.Contains(f.err.String(), "no space left") {
		t.Errorf("a full disk: code %d, stderr %q; want 1 and the reason", code, f.err.String())
	}
}

func TestSignals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		ctx, cancel := context.WithCancelCause(t.Context())
		done := make(chan struct{})
		go f.watchSignals(cancel, done)
		f.signals <- os.Interrupt
		<-ctx.Done()
		var stop interrupted
		if !errors.As(context.Cause(ctx), &stop) || stop.exitCode() != exitInterrupted {
			t.Errorf("cause %v, want an interruption", context.Cause(ctx))
		}
		f.signals <- os.Interrupt
		if code := <-f.killed; code != exitInterrupted {
			t.Errorf("killed with %d, want %d", code, exitInterrupted)
		}
		close(done)
	})
	if code := (interrupted{syscall.SIGTERM}).exitCode(); code != exitDone {
		t.Errorf("SIGTERM ends with %d, want %d", code, exitDone)
	}
}

// simulated returns what mines for as long as it is let, at 1 MH/s with a share
// a second, each a quarter after the full one.
func simulated() miner.Config {
	return miner.Config{
		Source: &minertest.Source{Label: "pool:1", Script: func(ctx context.Context, s *miner.Session) error {
			s.Status(miner.SourceStatus{State: miner.Up, URL: "stratum+tcp://pool:1"})
			time.Sleep(250 * time.Millisecond)
			s.Publish(minertest.Job(1))
			minertest.AcceptAll(ctx, s)
			return ctx.Err()
		}},
		Devices: []miner.Device{&minertest.Device{Label: "sim", Rate: 1e6}},
	}
}

// runFor mines for a while on a simulated device, under the options o, and
// returns what Ctrl-C makes of it.
func runFor(f *fake, o *output, d time.Duration) error {
	o.log.format = logText
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	time.AfterFunc(d, func() { cancel(interrupted{os.Interrupt}) })
	return f.show(o, cancel).mine(ctx, simulated())
}

func TestRunAsJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		err := runFor(f, &output{json: true}, 65500*time.Millisecond)
		if !errors.As(err, new(interrupted)) {
			t.Errorf("error %v, want the interruption", err)
		}
		if f.err.String() != "" {
			t.Errorf("stderr %q, want nothing", f.err.String())
		}
		counts := make(map[string]int)
		lines := strings.Split(strings.TrimSpace(f.out.String()), "\n")
		var last map[string]any
		for _, line := range lines {
			last = nil
			if err := json.Unmarshal([]byte(line), &last); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			if _, err := time.Parse(time.RFC3339Nano, last["time"].(string)); err != nil {
				t.Error(err)
			}
			counts[last["event"].(string)]++
		}
		want := map[string]int{"connected": 1, "source": 1, "job": 1, "share": 65, "hashrate": 6, "summary": 1}
		for event, n := range want {
			if counts[event] != n {
				t.Errorf("%d events %q, want %d; all: %v", counts[event], event, n, counts)
			}
		}
		if last["event"] != "summary" || last["accepted"] != 65.0 || last["hashes"] != 65e6 || last["elapsed_s"] != 65.5 {
			t.Errorf("the last line is %v, want the summary of 65 shares", last)
		}
		for _, key := range []string{"hs_avg", "rejected", "stale", "lost", "hardware_errors", "duplicates", "best_difficulty", "blocks"} {
			if _, ok := last[key]; !ok {
				t.Errorf("the summary has no %s", key)
			}
		}
	})
}

func TestRunForPeople(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		_ = runFor(f, &output{}, 125*time.Second)
		if n := strings.Count(f.err.String(), "INFO  progress "); n != 2 {
			t.Errorf("%d lines of progress in two minutes, want 2:\n%s", n, f.err.String())
		}
		if !strings.Contains(f.err.String(), `rate="1.00 MH/s (60s 1.00, avg 992 kH/s)"`) {
			t.Errorf("no rate in\n%s", f.err.String())
		}
		if want := "mined for 2m05s at 992 kH/s: 124 M hashes\nshares: 124 accepted, 0 rejected\n"; !strings.HasPrefix(f.out.String(), want) {
			t.Errorf("stdout %q, want %q first", f.out.String(), want)
		}
	})
}

func TestRunOnATerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.width = func() int { return 60 }
		_ = runFor(f, &output{}, 2500*time.Millisecond)
		status := regexp.MustCompile("\r\x1b\\[K(2s · [0-9.]+ k?H/s \\(.*\\) · 1 accepted, 0 rejected.*?…)\r")
		if m := status.FindStringSubmatch(f.err.String()); m == nil || utf8.RuneCountInString(m[1]) != 59 {
			t.Errorf("no status line of 59 columns in %q", f.err.String())
		}
		if !strings.HasSuffix(f.err.String(), "\r\x1b[K") {
			t.Errorf("the status line stays at the end: %q", f.err.String())
		}
		for _, o := range []*output{{noTUI: true}, {json: true}} {
			f := newFake()
			f.width = func() int { return 60 }
			_ = runFor(f, o, 2500*time.Millisecond)
			if strings.Contains(f.err.String(), "\r") {
				t.Errorf("%+v: something is written over: %q", o, f.err.String())
			}
		}
	})
}

func TestRunUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		cfg := simulated()
		cfg.Until = miner.Until{Shares: 3}
		if err := f.show(&output{}, func(error) {}).mine(context.Background(), cfg); err != nil {
			t.Errorf("error %v, want none", err)
		}
		if !strings.Contains(f.out.String(), "shares: 3 accepted") {
			t.Errorf("stdout %q", f.out.String())
		}
	})
}

func TestRunEndsWhenNobodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.stdout = broken{syscall.EPIPE}
		ctx, cancel := context.WithCancelCause(context.Background())
		defer cancel(nil)
		err := f.show(&output{json: true}, cancel).mine(ctx, simulated())
		if !errors.Is(err, syscall.EPIPE) {
			t.Errorf("error %v, want EPIPE", err)
		}
	})
}

func TestRejectsAreExplained(t *testing.T) {
	s := miner.Snapshot{
		Elapsed: time.Minute, Reasons: map[string]uint64{"stale (code 21)": 2, "odd\x1b": 1, "low": 5},
		Shares: miner.Tally{Accepted: 1000, Rejected: 8, Stale: 1, Lost: 2, HardwareErrors: 4, Blocks: 1},
	}
	want := `mined for 1m00s at 0 H/s: 0 hashes
shares: 1 000 accepted, 8 rejected, 1 stale, 2 lost
  rejected 5 times: low
  rejected twice: stale (code 21)
  rejected once: odd\x1b
hardware errors: 4
blocks found: 1
`
	if got := summaryText(&s); got != want {
		t.Errorf(" got %s\nwant %s", got, want)
	}
}

func TestNothingWasMined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := miner.SourceReport{Name: "a:1", Since: time.Now(), Failure: errors.New("a:1: connection refused\x1b"),
			Status: miner.SourceStatus{State: miner.Down, Retry: 2 * time.Hour}}
		s := miner.Snapshot{Elapsed: time.Minute, Sources: []miner.SourceReport{
			down, {Name: "b:1", Failure: errors.New("no way")}, {Name: "c:1"}, {Name: "d:1", Since: time.Now()},
		}}
		want := `nothing was mined in 1m00s: no pool gave a job
  a:1: connection refused\x1b
  b:1: no way
  c:1: it was not tried
  d:1: it did not answer in that time
shares: 0 accepted, 0 rejected
`
		if got := summaryText(&s); got != want {
			t.Errorf(" got %s\nwant %s", got, want)
		}
		if got, want := standing(&miner.Snapshot{Sources: s.Sources[:1]}), "a:1 is down, trying again in 2h00m"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		s.Sources[0].Connects = 1
		if got := summaryText(&s); !strings.HasPrefix(got, "mined for ") {
			t.Errorf("got %s", got)
		}
	})
}

func TestStanding(t *testing.T) {
	now := time.Now()
	report := func(name string, state miner.SourceState, since time.Duration) miner.SourceReport {
		return miner.SourceReport{Name: name, Status: miner.SourceStatus{State: state}, Since: now.Add(since)}
	}
	for _, test := range []struct {
		s    miner.Snapshot
		want string
	}{
		{miner.Snapshot{}, ""},
		{miner.Snapshot{Job: &miner.JobState{Job: minertest.Job(1), Source: "a"}}, "a"},
		{miner.Snapshot{Sources: []miner.SourceReport{report("a", miner.Down, -1), report("b", miner.Connecting, 0)}}, "connecting to b"},
		{miner.Snapshot{Sources: []miner.SourceReport{report("a", miner.Down, 0), report("b", miner.Down, -1)}}, "a is down, trying again"},
		{miner.Snapshot{Sources: []miner.SourceReport{report("a", miner.Up, 0)}}, "waiting for a job of a"},
	} {
		if got := standing(&test.s); got != test.want {
			t.Errorf("standing = %q, want %q", got, test.want)
		}
	}
}
