package record_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"go.uber.org/goleak"

	"gominer/stratum/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func create(t *testing.T, cfg record.Config) *record.Writer {
	t.Helper()
	w, err := record.Create(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func finish(t *testing.T, w *record.Writer) {
	t.Helper()
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

func entries(t *testing.T, path string) (all []record.Entry) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r := record.NewReader(bytes.NewReader(b))
	for {
		e, err := r.Next()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
}

// talk lets a miner and a pool say lines to each other, in turn, over a pipe
// whose miner's end is recorded.
func talk(t *testing.T, tap *record.Tap, chunk int, lines ...string) {
	t.Helper()
	mine, theirs := net.Pipe()
	nc := tap.Lines(mine, record.Miner)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer theirs.Close()
		for _, line := range lines {
			from, text, _ := strings.Cut(line, " ")
			if from == ">" {
				if _, err := io.ReadFull(theirs, make([]byte, len(text))); err != nil {
					t.Error(err)
				}
				continue
			}
			for b := []byte(text); len(b) > 0; {
				n, err := theirs.Write(b[:min(chunk, len(b))])
				if err != nil {
					t.Error(err)
					return
				}
				b = b[n:]
			}
		}
	}()
	for _, line := range lines {
		from, text, _ := strings.Cut(line, " ")
		if from == ">" {
			if _, err := nc.Write([]byte(text)); err != nil {
				t.Error(err)
			}
			continue
		}
		if _, err := io.ReadFull(nc, make([]byte, len(text))); err != nil {
			t.Error(err)
		}
	}
	<-ended
	if _, err := nc.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	nc.Close()
}

// What is written is what was said, whatever the pieces it came in.
func TestRoundTrip(t *testing.T) {
	for _, chunk := range []int{1, 7, 1 << 20} {
		path := filepath.Join(t.TempDir(), "r.jsonl")
		w := create(t, record.Config{Path: path, By: "gominer/1"})
		began := time.Now()
		o := record.Opening{
			Source: "p:1", URL: "stratum+tls://p:1", Remote: "192.0.2.1:1", Protocol: "stratum v1",
			Encryption: "TLS 1.3", Peer: "p", User: "alice",
		}
		tap := w.Open(o)
		talk(t, tap, chunk,
			"> {\"id\":1,\"method\":\"mining.ping\"}\n",
			"< {\"id\":1,\"result\":\"pong\"}\r\n\n  \n{\"id\":null,\"method\":\"é\x1b[2J\u202e\"}\n{\"half\":",
			"< \xff\xfe\n",
			"> {\"id\":2}\n",
			"< {\"the connection ends")
		tap.Close(errors.New("192.0.2.1:1: the pool closed the connection\x1b[2J"))
		tap.Close(nil)
		finish(t, w)

		want := []record.Entry{
			{Kind: record.Start, By: "gominer/1", Part: 1},
			{Kind: record.Open, Conn: 1, Opening: o},
			{Kind: record.Line, Conn: 1, From: record.Miner, Data: []byte(`{"id":1,"method":"mining.ping"}`)},
			{Kind: record.Line, Conn: 1, From: record.Pool, Data: []byte(`{"id":1,"result":"pong"}`)},
			{Kind: record.Line, Conn: 1, From: record.Pool, Data: []byte("{\"id\":null,\"method\":\"é\x1b[2J\u202e\"}")},
			{Kind: record.Line, Conn: 1, From: record.Pool, Data: []byte("{\"half\":\xff\xfe")},
			{Kind: record.Line, Conn: 1, From: record.Miner, Data: []byte(`{"id":2}`)},
			{Kind: record.Line, Conn: 1, From: record.Pool, Data: []byte(`{"the connection ends`), Cut: true},
			{Kind: record.Close, Conn: 1, From: record.Pool, Reason: "192.0.2.1:1: the pool closed the connection"},
		}
		got := entries(t, path)
		for i, e := range got {
			if e.Time.Before(began.Add(-time.Second)) || e.Time.After(time.Now().Add(time.Second)) || e.Time.Location() != time.UTC {
				t.Errorf("entry %d is of %v", i, e.Time)
			}
			got[i].Time = time.Time{}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("in pieces of %d: got\n%+v\nwant\n%+v", chunk, got, want)
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(raw)) {
			if !json.Valid([]byte(line)) || strings.ContainsAny(line, "\x1b\u202e") {
				t.Errorf("the line %q", line)
			}
		}
	}
}

// frame returns a frame of Stratum V2 with size bytes of payload.
func frame(extension uint16, kind byte, size int) []byte {
	b := []byte{byte(extension), byte(extension >> 8), kind, byte(size), byte(size >> 8), byte(size >> 16)}
	return append(b, bytes.Repeat([]byte{kind}, size)...)
}

// Frames are found in whatever pieces they come, and giants cost bounded memory.
func TestFrames(t *testing.T) {
	frames := [][]byte{frame(0, 0x1f, 3), frame(0x8001, 7, 0), frame(0, 0x15, 1<<20), frame(2, 0, 100), frame(0, 1, 50)[:20], frame(0, 1, 50)[:4]}
	for _, chunk := range []int{5, 61, 1 << 22} {
		for _, last := range []int{4, 5} {
			path := filepath.Join(t.TempDir(), "r.jsonl")
			w := create(t, record.Config{Path: path})
			tap := w.Open(record.Opening{})
			a, b := net.Pipe()
			nc := tap.Frames(a, record.Pool)
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				_, _ = io.Copy(io.Discard, b)
			}()
			all := slices.Concat(append(slices.Clone(frames[:4]), frames[last])...)
			for part := range slices.Chunk(all, chunk) {
				if chunk < 1<<20 { // a million writes through a pipe take their time
					tap.FramesForTest(record.Pool, part)
				} else if _, err := nc.Write(part); err != nil {
					t.Fatal(err)
				}
			}
			nc.Close()
			<-ended
			tap.Close(nil)
			finish(t, w)
			got := entries(t, path)[2:]
			for i, want := range []struct {
				kind uint32
				data []byte
				cut  bool
			}{{0x1f, frames[0], false}, {0x107, frames[1], false}, {0x15, frames[2][:1<<20], true}, {0x200, frames[3], false}, {[]uint32{1, 0}[last-4], frames[last], true}} {
				if e := got[i]; e.Kind != record.Frame || e.From != record.Pool || e.Type != want.kind || !bytes.Equal(e.Data, want.data) || e.Cut != want.cut {
					t.Errorf("in pieces of %d: frame %d is of type %#x, %d bytes, cut %v", chunk, i, e.Type, len(e.Data), e.Cut)
				}
			}
		}
	}
}

// The close says which side it was.
func TestWhoCloses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.jsonl")
	w := create(t, record.Config{Path: path})
	for _, self := range []record.Side{record.Miner, record.Pool} {
		a, b := net.Pipe()
		tap := w.Open(record.Opening{})
		nc := tap.Lines(a, self)
		nc.SetReadDeadline(time.Unix(1, 0))
		nc.Read(make([]byte, 1)) // nobody has closed it
		nc.Close()
		nc.Read(make([]byte, 1))
		b.Close()
		tap.Close(nil)
	}
	finish(t, w)
	var by []record.Side
	for _, e := range entries(t, path) {
		if e.Kind == record.Close {
			by = append(by, e.From)
		}
	}
	if want := []record.Side{record.Miner, record.Pool}; !reflect.DeepEqual(by, want) {
		t.Errorf("closed by %q, want %q", by, want)
	}
}

// Without a recording all is as it was.
func TestNil(t *testing.T) {
	var w *record.Writer
	tap := w.Open(record.Opening{})
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if nc := tap.Lines(a, record.Miner); nc != a {
		t.Error("the connection is wrapped")
	}
	if nc := tap.Frames(a, record.Miner); nc != a {
		t.Error("the connection is wrapped")
	}
	tap.Close(nil)
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

// A line without an end costs bounded memory and is kept as far as that goes.
func TestGiantLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.jsonl")
	w := create(t, record.Config{Path: path})
	tap := w.Open(record.Opening{})
	talk(t, tap, 1<<16, "< "+strings.Repeat("x", 3<<20)+"\n{}\n")
	tap.Close(nil)
	finish(t, w)
	all := entries(t, path)
	if e := all[2]; len(e.Data) != 1<<20+1 || !e.Cut {
		t.Errorf("%d bytes, cut %v", len(e.Data), e.Cut)
	}
	if e := all[3]; string(e.Data) != "{}" || e.Cut {
		t.Errorf("then %q, cut %v", e.Data, e.Cut)
	}
}

// A recording is gone on with, in the next file once it is full; nothing else
// is written to.
func TestFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.jsonl")
	finish(t, create(t, record.Config{Path: path}))
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"time":"2026-01`); err != nil {
		t.Fatal(err)
	}
	f.Close()
	w := create(t, record.Config{Path: path, Max: 1000})
	tap := w.Open(record.Opening{})
	for range 10 {
		tap.FramesForTest(record.Miner, frame(0, 1, 14))
	}
	finish(t, w)
	var kinds []record.Kind
	for _, e := range append(entries(t, path+".1"), entries(t, path)...) {
		kinds = append(kinds, e.Kind)
		if e.Kind == record.Start && e.Part == 2 {
			kinds = append(kinds, "2")
		}
	}
	want := []record.Kind{"start", "lost", "start", "open", "frame", "frame", "frame", "frame", "start", "2", "frame", "frame", "frame", "frame", "frame", "frame"}
	if !reflect.DeepEqual(kinds, want) {
		t.Errorf("%q\nwant %q", kinds, want)
	}

	for _, other := range []string{"milk, bread\n", "\n", "{}\n", `{"id":1,"method":"mining.ping"}` + "\n", `{"seq":1}`} {
		path := filepath.Join(t.TempDir(), "notes")
		if err := os.WriteFile(path, []byte(other), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := record.Create(record.Config{Path: path}); err == nil || !strings.Contains(err.Error(), "no recording") {
			t.Errorf("wrote behind %q: %v", other, err)
		}
		if b, _ := os.ReadFile(path); string(b) != other {
			t.Errorf("%q became %q", other, b)
		}
	}
}

// A disk that is full loses lines, says so once, and holds up nobody.
func TestDiskFull(t *testing.T) {
	const path = "/dev/full"
	if _, err := os.Stat(path); err != nil {
		t.Skip(err)
	}
	var log bytes.Buffer
	w := create(t, record.Config{Path: path, Log: slog.New(slog.NewTextHandler(&log, nil))})
	tap := w.Open(record.Opening{})
	talk(t, tap, 10, "> {}\n", "< {}\n")
	tap.Close(nil)
	if err := w.Close(); err == nil || !strings.Contains(err.Error(), "the recording /dev/full lacks 5 of its lines") {
		t.Errorf("%v", err)
	}
	if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "all else goes on") {
		t.Errorf("log: %s", got)
	}
}

func TestReader(t *testing.T) {
	const text = `# by hand
  0.000 -> {"id":1}
1.5 < {"id":1,"result":true}

> {"id":2}
{"id":3,"method":"x"}
{"id":4, garbage
13.606 !! EOF (server closed)
15.106 == end
`
	for name, r := range map[string]io.Reader{"at once": strings.NewReader(text), "byte by byte": iotest.OneByteReader(strings.NewReader(text))} {
		in := record.NewReader(r)
		want := []record.Entry{
			{Time: time.Unix(0, 0).UTC(), Kind: record.Line, From: record.Miner, Data: []byte(`{"id":1}`)},
			{Time: time.Unix(1, 5e8).UTC(), Kind: record.Line, From: record.Pool, Data: []byte(`{"id":1,"result":true}`)},
			{Kind: record.Line, From: record.Miner, Data: []byte(`{"id":2}`)},
			{Kind: record.Line, Data: []byte(`{"id":3,"method":"x"}`)},
			{Kind: record.Line, Data: []byte(`{"id":4, garbage`)},
			{Time: time.Unix(13, 606e6).UTC(), Kind: record.Close, From: record.Pool, Reason: "EOF (server closed)"},
			{Time: time.Unix(15, 106e6).UTC(), Kind: record.Close, Reason: "end"},
		}
		for i, w := range want {
			e, err := in.Next()
			if err != nil || !reflect.DeepEqual(e, w) {
				t.Errorf("%s: entry %d is %+v, %v; want %+v", name, i, e, err, w)
			}
		}
		if _, err := in.Next(); err != io.EOF || in.Line() != 9 {
			t.Errorf("%s: at the end %v, line %d", name, err, in.Line())
		}
	}
}

func TestReaderErrors(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"hello", `line 2: "hello" is no line of a recording`},
		{"1.0 ->", "line 2: nothing stands behind the direction"},
		{`{"time":"x"}`, "line 2: no entry of a recording: "},
		{`{"time":"2026-01-01T00:00:00Z"}`, `"event" is missing`},
		{`{"time":"2026-01-01T00:00:00Z","event":"dance"}`, `event "dance" is not known`},
		{`{"time":"2026-01-01T00:00:00Z","event":"start"}`, `the format is "", want "gominer recording"`},
		{`{"time":"2026-01-01T00:00:00Z","event":"start","format":"gominer recording","version":2}`, "version 2 of the format"},
		{`{"time":"2026-01-01T00:00:00Z","event":"line","line":"x"}`, `"from" is missing`},
		{`{"time":"2026-01-01T00:00:00Z","event":"line","from":"me","line":"x"}`, `from "me"`},
		{`{"time":"2026-01-01T00:00:00Z","event":"line","from":"pool"}`, `without "line" or "hex"`},
		{`{"time":"2026-01-01T00:00:00Z","event":"line","from":"pool","hex":"0"}`, "hex: "},
		{`{"time":"2026-01-01T00:00:00Z","event":"frame","from":"pool","hex":"00"}`, `without "type"`},
		{`{"time":"2026-01-01T00:00:00Z","event":"frame","from":"pool","hex":"00","type":-1}`, "no entry of a recording"},
		{"> " + strings.Repeat("x", 8<<20), "line 2: longer than 8388608 bytes"},
	} {
		r := record.NewReader(strings.NewReader("> {}\n" + c.line + "\n> {}\n"))
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
		_, err := r.Next()
		var bad *record.LineError
		if !errors.As(err, &bad) || bad.Torn || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60s: %v, want %s", c.line, err, c.want)
		}
		if e, err := r.Next(); err != nil || string(e.Data) != "{}" || r.Line() != 3 {
			t.Errorf("%.60s: the line behind it gives %+v, %v", c.line, e, err)
		}
	}
	broken := errors.New("the disk is gone")
	r := record.NewReader(io.MultiReader(strings.NewReader("> {"), iotest.ErrReader(broken)))
	if _, err := r.Next(); err != broken {
		t.Errorf("%v, want %v", err, broken)
	}
}

func TestSessions(t *testing.T) {
	const text = `{"time":"2026-01-01T00:00:00Z","event":"start","format":"gominer recording","version":1,"part":1}
{"time":"2026-01-01T00:00:01Z","event":"open","conn":1,"source":"a"}
{"time":"2026-01-01T00:00:02Z","event":"open","conn":2,"source":"b"}
{"time":"2026-01-01T00:00:03Z","event":"line","conn":2,"from":"pool","line":"b1"}
{"time":"2026-01-01T00:00:03Z","event":"line","conn":1,"from":"pool","line":"a1"}
{"time":"2026-01-01T00:00:04Z","event":"close","conn":1,"reason":"x"}
{"time":"2026-01-01T00:00:04Z","event":"start","format":"gominer recording","version":1,"part":2}
{"time":"2026-01-01T00:00:05Z","event":"line","conn":2,"from":"miner","line":"b2"}
{"time":"2026-01-01T00:00:05Z","event":"lost","lines":3}
{"time":"2026-01-01T00:00:06Z","event":"start","format":"gominer recording","version":1,"part":1}
{"time":"2026-01-01T00:00:07Z","event":"line","conn":2,"from":"miner","line":"c1"}
{"time":"2026-01-01T00:00:08Z","ev`
	all, err := record.Sessions(record.NewReader(strings.NewReader(text)))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range all {
		said := s.Opening.Source + ":"
		for _, e := range s.Entries {
			said += " " + string(e.Kind) + " " + string(e.Data)
		}
		got = append(got, said)
	}
	want := []string{"a: line a1 close ", "b: line b1 line b2", ": line c1"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for text, want := range map[string]string{
		"> {}\n{}\n":      "line 2: it does not say who said it",
		"> {}\nwhat\n> {": "line 2: ",
	} {
		if _, err := record.Sessions(record.NewReader(strings.NewReader(text))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// FuzzReader: whatever a file holds, what is read of it can be written, and read
// again it is the same.
func FuzzReader(f *testing.F) {
	paths, err := filepath.Glob("../v1/testdata/dialogues/*.txt")
	if err != nil || len(paths) == 0 {
		f.Fatal("no dialogues", err)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"time":"2026-01-01T00:00:00.000000001Z","event":"start","format":"gominer recording","version":1,"part":1}` + "\n" +
		`{"time":"2026-01-01T00:00:00Z","event":"open","conn":1,"source":"a","url":"stratum+tcp://a:1"}` + "\n" +
		`{"time":"2026-01-01T00:00:01Z","event":"line","conn":1,"from":"pool","line":"{\"id\":1}"}` + "\n" +
		`{"time":"2026-01-01T00:00:01Z","event":"line","conn":1,"from":"pool","hex":"ff","cut":true}` + "\n" +
		`{"time":"2026-01-01T00:00:01Z","event":"frame","conn":1,"from":"miner","type":31,"hex":"00001f000000"}` + "\n" +
		`{"time":"2026-01-01T00:00:02Z","event":"close","conn":1,"from":"miner","reason":"x"}` + "\n" +
		`{"time":"2026-01-01T00:00:02Z","event":"lost","lines":1}` + "\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := record.NewReader(bytes.NewReader(b))
		for {
			e, err := r.Next()
			var bad *record.LineError
			if errors.As(err, &bad) {
				continue
			}
			if err != nil {
				break
			}
			if e.Kind == record.Line && e.From == "" || e.Time.Year() > 9999 {
				continue // these are read, but never written
			}
			line := e.AppendForTest(nil)
			again, err := record.NewReader(bytes.NewReader(line)).Next()
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			if !again.Time.Equal(e.Time) {
				t.Fatalf("%s: time %v, want %v", line, again.Time, e.Time)
			}
			again.Time = e.Time
			if e.Kind == record.Start {
				again.Part = e.Part
			}
			if !reflect.DeepEqual(again, e) {
				t.Fatalf("%s\ngives %+v\nwant  %+v (%s)", line, again, e, hex.EncodeToString(e.Data))
			}
		}
		if _, err := record.Sessions(record.NewReader(bytes.NewReader(b))); err != nil {
			return
		}
	})
}
