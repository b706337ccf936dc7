package journal

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// logged collects what is logged.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logged) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func gap(n uint64) []byte { return fmt.Appendf(nil, "gap %d", n) }

func open(t *testing.T, cfg Config) *File {
	t.Helper()
	if cfg.What == "" {
		cfg.What = "the file"
	}
	f, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func closed(t *testing.T, f *File) {
	t.Helper()
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestAppend(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	f := open(t, Config{Path: path, Resume: func(*Old) error { return errors.New("there was nothing") }})
	f.Write([]byte("one"))
	f.Write([]byte("two"))
	closed(t, f)
	f.Write([]byte("too late"))
	if n := f.Lost(); n != 1 {
		t.Errorf("%d lines lost, want the one after Close", n)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: want a file that is the user's alone", info.Mode(), err)
	}

	// Goes on where it ended, and cuts off what a crash left.
	if err := os.WriteFile(path, []byte("one\ntwo\nthree\nfou"), 0o600); err != nil {
		t.Fatal(err)
	}
	var old Old
	f = open(t, Config{Path: path, Resume: func(o *Old) error { old = *o; return nil }})
	f.Write([]byte("five"))
	closed(t, f)
	if string(old.First) != "one" || string(bytes.Join(old.Last, []byte("|"))) != "two|three" || string(old.Torn) != "fou" {
		t.Errorf("old %q", old)
	}
	if got, want := content(t, path), "one\ntwo\nthree\nfive\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// A file that is refused stays as it is.
func TestResumeRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes")
	const notes = "milk\nbread"
	if err := os.WriteFile(path, []byte(notes), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(Config{Path: path, What: "the file", Resume: func(*Old) error { return errors.New("it holds something else") }})
	if want := "the file " + path + ": it holds something else"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if got := content(t, path); got != notes {
		t.Errorf("it holds %q now", got)
	}
	if _, err := Open(Config{Path: filepath.Dir(path), What: "the file"}); err == nil {
		t.Error("a directory was opened")
	}
	if _, err := Open(Config{Path: filepath.Join(path, "x"), What: "the file"}); err == nil || strings.Count(err.Error(), path) != 1 {
		t.Errorf("a file below a file: %v, want the path once", err)
	}
}

func TestReadOld(t *testing.T) {
	long := strings.Repeat("x", tailChunk)
	for _, c := range []struct {
		text        string
		last, first string
		torn        int
	}{
		{"a\n", "a", "a", 0},
		{"a", "", "a", 1},
		{"\n", "", "", 0},
		{"a\nb", "a", "a", 1},
		{"a\nb\nc\n", "b|c", "a", 0},
		{"a\n" + long + "\n" + long + "\n" + long, long + "|" + long, "a", tailChunk},
		{long + long + "\n" + long + long + "\nz", long + long + "|" + long + long, long[:mostFirst], 1},
	} {
		old, err := readOld(strings.NewReader(c.text), int64(len(c.text)))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(bytes.Join(old.Last, []byte("|"))); got != c.last || string(old.First) != c.first || len(old.Torn) != c.torn {
			t.Errorf("%.10q…: last %.10q (%d bytes), first %.10q, %d bytes torn", c.text, got, len(got), old.First, len(old.Torn))
		}
	}
}

func TestRotate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	part := 1
	f := open(t, Config{Path: path, Max: 21, Begin: func() []byte { part++; return fmt.Appendf(nil, "part %d", part) }})
	for i := range 9 {
		f.Write(fmt.Appendf(nil, "line %d", i))
	}
	closed(t, f)
	if got, want := content(t, path), "part 4\nline 7\nline 8\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := content(t, path+".1"), "part 3\nline 5\nline 6\n"; got != want {
		t.Errorf("%q before it, want %q", got, want)
	}
}

// What can't be put aside is not written over, and is gone on with later.
func TestRotateFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	var log logged
	f := open(t, Config{Path: path, Max: 10, Gap: gap, Log: log.logger()})
	if err := os.MkdirAll(path+".1/x", 0o700); err != nil {
		t.Fatal(err)
	}
	f.Write([]byte("12345678"))
	f.Write([]byte("lost"))
	f.Write([]byte("lost too"))
	if err := f.Close(); err == nil || !strings.Contains(err.Error(), "lacks 2 of its lines") {
		t.Errorf("%v, want two lines missing", err)
	}
	if got := content(t, path); got != "12345678\n" {
		t.Errorf("%q", got)
	}
	if n := strings.Count(log.String(), "can't be written"); n != 1 {
		t.Errorf("said %d times that it can't be written:\n%s", n, log.String())
	}
}

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	f := open(t, Config{Path: path})
	defer closed(t, f)
	if _, err := Open(Config{Path: path, What: "the file"}); err == nil || !strings.Contains(err.Error(), "another gominer writes to it") {
		t.Errorf("opened twice: %v", err)
	}
}

// A disk that is full from the start costs lines and nothing else.
func TestFull(t *testing.T) {
	const path = "/dev/full"
	if _, err := os.Stat(path); err != nil {
		t.Skip(err)
	}
	var log logged
	f := open(t, Config{Path: path, Gap: gap, Log: log.logger()})
	for range 100 {
		f.Write([]byte("x"))
	}
	if err := f.Close(); err == nil || !strings.Contains(err.Error(), "lacks 100 of its lines") {
		t.Errorf("%v, want all lines missing", err)
	}
	if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "no space left on device") {
		t.Errorf("log: %s, want one line that says why", got)
	}
}

// fifo makes a pipe with a name and returns a function that opens it to read.
func fifo(t *testing.T) (path string, reader func() *os.File) {
	path = filepath.Join(t.TempDir(), "pipe")
	if err := mkfifo(path); err != nil {
		t.Skip(err)
	}
	return path, func() *os.File {
		r, err := os.OpenFile(path, os.O_RDONLY, 0)
		if err != nil {
			t.Error(err)
		}
		return r
	}
}

// A reader that goes away and comes back: what was lost in between is said, and
// only what was written counts as written.
func TestGap(t *testing.T) {
	path, reader := fifo(t)
	came := make(chan *os.File, 1)
	go func() { came <- reader() }()
	var log logged
	var mu sync.Mutex
	n := 0
	f := open(t, Config{
		Path: path, Gap: gap, Log: log.logger(),
		Frame:   func(b, line []byte) []byte { mu.Lock(); defer mu.Unlock(); return fmt.Appendf(b, "%d %s", n, line) },
		Written: func([]byte) { mu.Lock(); defer mu.Unlock(); n++ },
	})
	r := <-came
	in := bufio.NewReader(r)
	f.Write([]byte("a"))
	if got, err := in.ReadString('\n'); got != "0 a\n" || err != nil {
		t.Fatalf("%q, %v", got, err)
	}
	r.Close()
	f.Write([]byte("b"))
	f.Write([]byte("c"))
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for f.Lost() < 2 {
		<-tick.C
	}
	r = reader()
	in = bufio.NewReader(r)
	f.Write([]byte("d"))
	for _, want := range []string{"1 gap 2\n", "2 d\n"} {
		if got, err := in.ReadString('\n'); got != want || err != nil {
			t.Fatalf("%q, %v; want %q", got, err, want)
		}
	}
	if err := f.Close(); err == nil || !strings.Contains(err.Error(), "lacks 2 of its lines") {
		t.Errorf("%v", err)
	}
	if got := log.String(); !strings.Contains(got, "nobody reads it any more") || !strings.Contains(got, "written again") ||
		!strings.Contains(got, "lines_lost=2") || strings.Count(got, "\n") != 2 {
		t.Errorf("log:\n%s", got)
	}
	r.Close()
}

// A disk that hangs holds nobody up, and takes bounded memory.
func TestHangs(t *testing.T) {
	path, reader := fifo(t)
	came := make(chan *os.File, 1)
	go func() { came <- reader() }()
	var log logged
	f := open(t, Config{Path: path, Gap: gap, Log: log.logger()})
	r := <-came
	line := bytes.Repeat([]byte("x"), 1<<20)
	const written = 20
	for range written {
		f.Write(line)
	}
	lost := f.Lost()
	if lost == 0 || lost >= written {
		t.Errorf("%d of %d lines lost, with room for %d bytes", lost, written, mostWaiting)
	}
	f.mu.Lock()
	if f.waiting > mostWaiting {
		t.Errorf("%d bytes wait", f.waiting)
	}
	f.mu.Unlock()
	if !strings.Contains(log.String(), "the disk does not keep up") {
		t.Errorf("log: %s", log.String())
	}
	var said []byte
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		said, _ = io.ReadAll(r)
	}()
	if err := f.Close(); err == nil {
		t.Error("nothing is missing")
	}
	<-ended
	r.Close()
	if want := fmt.Sprintf("\ngap %d\n", lost); !bytes.HasSuffix(said, []byte(want)) {
		t.Errorf("it ends in %q, want %q", said[len(said)-20:], want)
	}
}
