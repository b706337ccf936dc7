package main

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestJournalHandler: each line begins with its level, and has no time.
func TestJournalHandler(t *testing.T) {
	var b strings.Builder
	log := slog.New(newJournalHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug})).With("by", "pool")
	log.Debug("a")
	log.Info("b c", "event", "x")
	log.Warn("\x1b[2J", "error", errors.New("line\nbreak"))
	log.WithGroup("g").Error("d", "level", 1)
	want := `<7>msg=a by=pool
<6>msg="b c" by=pool event=x
<4>msg="\x1b[2J" by=pool error="line\nbreak"
<3>msg=d by=pool g.level=1
`
	if b.String() != want {
		t.Errorf("%s\nwant\n%s", b.String(), want)
	}
}

// TestIsJournal knows the journal's socket by its device and inode.
func TestIsJournal(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, stream := range []string{"", "1:2", "x"} {
		if isJournal(f, stream) {
			t.Errorf("%q is the journal", stream)
		}
	}
}

// TestLogFileRotates: a file that is full is begun anew, and only so many older
// ones are kept.
func TestLogFileRotates(t *testing.T) {
	dir := t.TempDir()
	o := logOptions{file: filepath.Join(dir, "gominer.log"), size: 1_000_000, keep: 2}
	if err := o.check(); err != nil {
		t.Fatal(err)
	}
	log := slog.New(o.open(slog.LevelInfo))
	text := strings.Repeat("x", 100<<10)
	for range 50 {
		log.Info(text)
	}
	log.Debug("not wanted")
	log.Info("hash rate", "event", "hashrate")
	log.Info("the last")
	for end := time.Now().Add(time.Minute); ; { // the library deletes by and by
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		if len(files) == 3 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d files, want 3", len(files))
		}
	}
	data, err := os.ReadFile(o.file)
	if err != nil || len(data) > 1<<20 {
		t.Fatalf("%d bytes, %v", len(data), err)
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	if last := lines[len(lines)-1]; !strings.HasSuffix(last, ` level=INFO msg="the last"`) || len(lines) < 2 || !strings.HasSuffix(lines[len(lines)-2], "x") {
		t.Errorf("the last line is %q", last)
	}
}
