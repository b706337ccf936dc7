package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 1, 2, 12, 0, 0, 6, time.UTC)

func open(t *testing.T, path string) *Log {
	t.Helper()
	l, err := Open(Config{Path: path, By: "gominer/1"})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func closed(t *testing.T, l *Log) Head {
	t.Helper()
	head, err := l.Close(slog.Int("accepted", 3))
	if err != nil {
		t.Fatal(err)
	}
	return head
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func verified(t *testing.T, log []byte, head Hash) *Report {
	t.Helper()
	r, err := Verify(bytes.NewReader(log), head)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// sound wants a log without a fault, of that head.
func sound(t *testing.T, log []byte, head Head) {
	t.Helper()
	r := verified(t, log, head.Hash)
	if len(r.Faults) > 0 || r.More > 0 || r.Torn || r.Head != head || r.Wanted != head.Lines {
		t.Errorf("%+v of head %v:\n%s", r, head, log)
	}
}

// made returns the lines of a log of n lines, and its head.
func made(t *testing.T, n int) ([]string, Head) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "audit.log")
	l := open(t, path)
	for i := range n - 2 {
		l.Event(noon, "share", slog.Int("n", i))
	}
	head := closed(t, l)
	lines := strings.SplitAfter(string(read(t, path)), "\n")
	return lines[:len(lines)-1], head
}

func TestLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	l := open(t, path)
	l.Event(noon, "share", slog.String("result", "rejected"), slog.Int("code", 23), slog.String("reason", "\x1b[2Jno"))
	l.Event(noon, "message", slog.String("text", strings.Repeat("x", mostLine)))
	first := closed(t, l)
	log := read(t, path)
	sound(t, log, first)
	lines := strings.Split(strings.TrimSuffix(string(log), "\n"), "\n")
	if first.Lines != 4 || len(lines) != 4 || first.Hash != sha256.Sum256([]byte(lines[3])) {
		t.Errorf("head %v of\n%s", first, log)
	}
	want := fmt.Sprintf(`{"seq":2,"prev":"%x","time":"2026-01-02T12:00:00.000000006Z","event":"share","result":"rejected","code":23,"reason":"\u001b[2Jno"}`,
		sha256.Sum256([]byte(lines[0])))
	if lines[1] != want {
		t.Errorf("%s\nwant %s", lines[1], want)
	}
	if !strings.Contains(lines[2], `"event":"message","bytes_left_out":6`) || !strings.Contains(lines[3], `"event":"end","accepted":3}`) {
		t.Errorf("%s\n%s", lines[2], lines[3])
	}

	// A second run goes on with the chain.
	l = open(t, path)
	second := closed(t, l)
	log = read(t, path)
	sound(t, log, second)
	if second.Lines != 6 || verified(t, log, first.Hash).Wanted != 4 {
		t.Errorf("head %v, the first run's is that of line %d", second, verified(t, log, first.Hash).Wanted)
	}
}

// A crash inside a line: it is cut off, and the log says so.
func TestTorn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	closed(t, open(t, path))
	torn := `{"seq":3,"prev":"00`
	if err := os.WriteFile(path, append(read(t, path), torn...), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := verified(t, read(t, path), Hash{}); !r.Torn || len(r.Faults) > 0 || r.Head.Lines != 2 {
		t.Errorf("%+v", r)
	}
	l := open(t, path)
	head := closed(t, l)
	log := read(t, path)
	sound(t, log, head)
	if want := fmt.Sprintf(`"event":"torn","bytes":%d,"sha256":"%x"}`, len(torn), sha256.Sum256([]byte(torn))); !strings.Contains(string(log), want) || head.Lines != 5 {
		t.Errorf("want %s in\n%s", want, log)
	}
}

// What does not fit is not gone on with, and not touched.
func TestOpenRefuses(t *testing.T) {
	lines, before := made(t, 5)
	changed := strings.Replace(lines[4], "accepted", "rejected", 1)
	for name, log := range map[string]string{
		"no audit log": "milk\n",
		"no line":      lines[0][:40],
		"recording":    `{"time":"2026-01-01T00:00:00Z","event":"start"}` + "\n",
		"no chain":     lines[0] + lines[2],
		"number":       lines[0] + strings.Replace(lines[1], `"seq":2`, `"seq":3`, 1),
		"last but one": strings.Join(lines[:3], "") + strings.Replace(lines[3], "share", "spare", 1) + lines[4],
		"last is none": strings.Join(lines, "") + "x\n",
		"second alone": lines[1],
	} {
		path := filepath.Join(t.TempDir(), "audit.log")
		if err := os.WriteFile(path, []byte(log), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(Config{Path: path}); err == nil {
			t.Errorf("%s: gone on with", name)
		}
		if got := read(t, path); string(got) != log {
			t.Errorf("%s: it is now\n%s", name, got)
		}
	}
	// A last line that was changed looks like any other: what shows it is the head
	// that was kept elsewhere.
	path := filepath.Join(t.TempDir(), "audit.log")
	if err := os.WriteFile(path, []byte(strings.Join(lines[:4], "")+changed), 0o600); err != nil {
		t.Fatal(err)
	}
	after := closed(t, open(t, path))
	log := read(t, path)
	sound(t, log, after)
	if n := verified(t, log, before.Hash).Wanted; n != 0 {
		t.Errorf("the head of before is said to be that of line %d", n)
	}
}

// A flood costs bounded space, its size is kept, and other events come through.
func TestFlood(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	l := open(t, path)
	const flood = 10000
	for i := range flood {
		l.Event(noon.Add(time.Duration(i)*time.Millisecond), "share", slog.Int("n", i))
	}
	l.Event(noon, "connected")
	for i := range 2 * mostNames {
		l.Event(noon, fmt.Sprint("name", i))
	}
	head := closed(t, l)
	log := read(t, path)
	sound(t, log, head)
	count := map[string]int{}
	skipped := 0
	for line := range strings.Lines(string(log)) {
		var e struct {
			Event, Of string
			Events    int
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		count[e.Event]++
		if e.Of == "share" {
			skipped += e.Events
		}
	}
	if n := count["share"]; n < burst || n > burst+flood/1000*perSecond+1 || n+skipped != flood {
		t.Errorf("%d shares and %d skipped, of %d", n, skipped, flood)
	}
	if count["connected"] != 1 || len(l.buckets) > mostNames+1 {
		t.Errorf("%v, %d buckets", count, len(l.buckets))
	}
}

func TestConcurrent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	l := open(t, path)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 50 {
				l.Event(time.Now(), fmt.Sprint("event", i), slog.Int("n", n))
			}
		})
	}
	wg.Wait()
	head := closed(t, l)
	sound(t, read(t, path), head)
	if head.Lines != 8*50+2 {
		t.Errorf("%d lines", head.Lines)
	}
}

// forge makes a line that fits behind before.
func forge(before string, seq int) string {
	return fmt.Sprintf(`{"seq":%d,"prev":"%x","time":"2026-01-02T12:00:00Z","event":"share","forged":true}`+"\n", seq, sha256.Sum256([]byte(strings.TrimSuffix(before, "\n"))))
}

func TestVerifyTells(t *testing.T) {
	a, head := made(t, 9)
	l := func(n ...int) (s []string) { // lines by number
		for _, i := range n {
			s = append(s, a[i-1])
		}
		return s
	}
	change := func(n int, old, by string) []string {
		b := slices.Clone(a)
		b[n-1] = strings.Replace(b[n-1], old, by, 1)
		return b
	}
	insert := func(at int, line string) []string { return slices.Insert(slices.Clone(a), at-1, line) }
	for _, c := range []struct {
		name string
		log  []string
		want string // line and kind of each fault
	}{
		{"nothing", a, ""},
		{"a value", change(4, `"share"`, `"spare"`), "4 changed"},
		{"a space", change(4, `"event"`, ` "event"`), "4 changed"},
		{"the first", change(1, "gominer/1", "gominer/2"), "1 changed"},
		{"the last but one", change(8, "share", "spare"), "8 changed"},
		{"a number", change(4, `"seq":4`, `"seq":5`), "4 changed"},
		{"a hash", change(4, `"prev":"`, `"prev":"0`), "4 changed"},
		{"another hash", append(append(l(1, 2, 3), strings.Replace(a[3], a[3][16:40], strings.Repeat("a", 24), 1)), l(5, 6, 7, 8, 9)...), "4 changed"},
		{"no JSON", change(4, `}`, `]`), "4 changed"},
		{"the head cut", a[2:], "1 cut"},
		{"one line out", l(1, 2, 3, 5, 6, 7, 8, 9), "4 cut"},
		{"three lines out", l(1, 2, 3, 7, 8, 9), "4 cut"},
		{"two places", l(1, 3, 4, 5, 7, 8, 9), "2 cut, 5 cut"},
		{"two swapped", l(1, 2, 4, 3, 5, 6, 7, 8, 9), "3 reordered"},
		{"the last swapped", l(1, 2, 3, 4, 5, 6, 7, 9, 8), "8 reordered"},
		{"one moved up", l(1, 2, 7, 3, 4, 5, 6, 8, 9), "3 reordered"},
		{"one moved down", l(1, 2, 4, 5, 3, 6, 7, 8, 9), "3 reordered, 4 reordered"},
		{"a copy", insert(6, a[2]), "6 inserted"},
		{"the same twice", insert(6, a[4]), "6 inserted"},
		{"a forged one", insert(6, forge(a[0], 6)), "6 inserted"},
		{"a forged one that fits", insert(6, forge(a[4], 6)), "7 inserted"},
		{"something else", insert(6, "hello\n"), "6 inserted"},
		{"an empty line", insert(6, "\n"), "6 inserted"},
		{"something before", insert(1, "hello\n"), "1 inserted"},
		{"another log behind", append(slices.Clone(a), a...), "10 inserted"},
		{"changed and cut", slices.Delete(change(3, "share", "spare"), 5, 7), "3 changed, 6 cut"},
		{"not a log", []string{"milk\n", "bread\n"}, "1 changed, 2 changed"},
	} {
		r := verified(t, []byte(strings.Join(c.log, "")), head.Hash)
		var got []string
		for _, f := range r.Faults {
			got = append(got, fmt.Sprint(f.Line, " ", f.What))
		}
		if s := strings.Join(got, ", "); s != c.want {
			t.Errorf("%s: %q, want %q: %+v", c.name, s, c.want, r.Faults)
		}
	}
	// What the chain can't show, the head does.
	for name, log := range map[string][]string{"cut": a[:7], "the last changed": change(9, "end", "and")} {
		r := verified(t, []byte(strings.Join(log, "")), head.Hash)
		if len(r.Faults) > 0 || r.Wanted != 0 {
			t.Errorf("%s: %+v, want the head to be missing and nothing else", name, r)
		}
	}
	if r := verified(t, nil, head.Hash); r.Head.Lines != 0 || r.Wanted != 0 {
		t.Errorf("an empty log: %+v", r)
	}
}

// Whatever is done to a log, it is seen, if the head is known.
func TestEveryEditIsSeen(t *testing.T) {
	a, head := made(t, 12)
	log := strings.Join(a, "")
	for range 2000 {
		b := []byte(log)
		at := rand.IntN(len(b))
		switch rand.IntN(5) {
		case 0:
			b[at] ^= byte(1 + rand.IntN(255))
		case 1:
			b = slices.Delete(b, at, at+1+rand.IntN(min(300, len(b)-at)))
		case 2:
			b = slices.Insert(b, at, b[at:at+1+rand.IntN(min(300, len(b)-at))]...)
		case 3:
			b = b[:at]
		case 4:
			lines := slices.Clone(a)
			rand.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
			b = []byte(strings.Join(lines, ""))
		}
		if string(b) == log {
			continue
		}
		r := verified(t, b, head.Hash)
		if len(r.Faults) == 0 && r.Wanted != 0 && !r.Torn && r.Head == head {
			t.Fatalf("not seen:\n%s", b)
		}
	}
}

func TestVerifyReads(t *testing.T) {
	a, head := made(t, 20)
	log := strings.Join(a, "")
	whole := verified(t, []byte(log), head.Hash)
	slow, err := Verify(iotest.OneByteReader(strings.NewReader(log)), head.Hash)
	if err != nil || !reflect.DeepEqual(slow, whole) {
		t.Errorf("byte by byte: %+v, %v; want %+v", slow, err, whole)
	}
	if _, err := Verify(iotest.ErrReader(io.ErrClosedPipe), Hash{}); err != io.ErrClosedPipe {
		t.Errorf("%v", err)
	}
	// A line of many megabytes is one fault and takes no memory.
	giant := io.MultiReader(strings.NewReader(a[0]), io.LimitReader(xs{}, 50<<20), strings.NewReader("\n"+a[1]))
	if r, err := Verify(giant, Hash{}); err != nil || len(r.Faults) != 1 || r.Faults[0].Line != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	// Faults without number are counted.
	many := strings.Repeat("x\n", 3*mostFaults)
	if r := verified(t, []byte(many), Hash{}); len(r.Faults) != mostFaults || r.More != 2*mostFaults {
		t.Errorf("%d faults and %d more", len(r.Faults), r.More)
	}
}

type xs struct{}

func (xs) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'x'
	}
	return len(b), nil
}

func TestParseHash(t *testing.T) {
	h := Hash(sha256.Sum256(nil))
	if got, err := ParseHash(h.String()); err != nil || got != h {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "00", strings.Repeat("0", 63), strings.Repeat("g", 64), strings.Repeat("0", 66)} {
		if _, err := ParseHash(bad); err == nil {
			t.Errorf("%q is taken for a hash", bad)
		}
	}
}

// FuzzVerify: whatever a file holds, it is gone through; a log without a fault
// is one whose lines all fit.
func FuzzVerify(f *testing.F) {
	one := `{"seq":1,"prev":"` + strings.Repeat("0", 64) + `","time":"2026-01-02T12:00:00Z","event":"start"}` + "\n"
	two := forge(one, 2)
	f.Add([]byte(one+two), []byte{})
	f.Add([]byte(two+one), []byte("x"))
	f.Add([]byte(one+one), []byte("\n"))
	f.Add([]byte(one+two+forge(two, 3)+forge(one, 9)), []byte{})
	f.Fuzz(func(t *testing.T, log, head []byte) {
		r, err := Verify(bytes.NewReader(log), sha256.Sum256(head))
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Faults) > 0 {
			for _, f := range r.Faults {
				if f.Line == 0 || f.Line > r.Head.Lines+1 || f.What == "" || f.Text == "" {
					t.Fatalf("%+v of %d lines", f, r.Head.Lines)
				}
			}
			return
		}
		var before Hash
		n := uint64(0)
		for line := range bytes.Lines(log) {
			if !bytes.HasSuffix(line, []byte("\n")) {
				break
			}
			n++
			if l := parse(bytes.TrimSuffix(line, []byte("\n"))); !l.ok || l.seq != n || l.prev != before {
				t.Fatalf("line %d does not fit:\n%s", n, log)
			} else {
				before = l.hash
			}
		}
		if n != r.Head.Lines || n > 0 && before != r.Head.Hash {
			t.Fatalf("%d lines, the report says %d", n, r.Head.Lines)
		}
	})
}
