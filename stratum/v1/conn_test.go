package v1

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
)

// duplex is a reader and a writer of which a test may leave one out.
type duplex struct {
	io.Reader
	io.Writer
}

func reader(s string, l Limits) *Conn {
	return NewConn(duplex{strings.NewReader(s), nil}, l)
}

const (
	ping1 = `{"id":1,"method":"mining.ping","params":[]}`
	ping2 = `{"id":2,"method":"mining.ping","params":[]}`
	wrong = `{"id":null,"method":"mining.set_difficulty","params":[0]}`
)

// script reads c to its end and returns what came, one word a message or error.
func script(c *Conn) []string {
	var got []string
	for range 1000 {
		m, err := c.Read()
		var f *FieldError
		var p *ProtocolError
		var l *LimitError
		switch {
		case err == io.EOF:
			return append(got, "EOF")
		case err == io.ErrUnexpectedEOF:
			return append(got, "cut")
		case errors.As(err, &f):
			got = append(got, "field")
		case errors.As(err, &p):
			return append(got, "protocol")
		case errors.As(err, &l):
			return append(got, l.Cap)
		case err != nil:
			return append(got, err.Error())
		default:
			b, err := Append(nil, m)
			if err != nil {
				return append(got, err.Error())
			}
			got = append(got, string(b))
		}
	}
	return append(got, "no end")
}

func TestRead(t *testing.T) {
	giant := `{"id":1,"method":"mining.ping","params":["` + strings.Repeat("x", 1<<20) + `"]}`
	for _, c := range []struct {
		name, in string
		want     []string
	}{
		{"nothing", "", []string{"EOF"}},
		{"two lines", ping1 + "\n" + ping2 + "\n", []string{ping1, ping2, "EOF"}},
		{"crlf", ping1 + "\r\n" + ping2 + "\r\n", []string{ping1, ping2, "EOF"}},
		{"empty lines", "\n\r\n \t \r\n\n" + ping1 + "\n\n\n", []string{ping1, "EOF"}},
		{"white space around", " \t" + ping1 + " \t\r\n", []string{ping1, "EOF"}},
		{"no line end", ping1 + "\n" + ping2, []string{ping1, "cut"}},
		{"blanks at the end", ping1 + "\n  ", []string{ping1, "EOF"}},
		{"a wrong field", wrong + "\n" + ping1 + "\n", []string{"field", ping1, "EOF"}},
		{"unknown", `{"id":3,"method":"x","params":[1]}` + "\n", []string{`{"id":3,"method":"x","params":[1]}`, "EOF"}},
		{"garbage", ping1 + "\n{garbage\n" + ping2 + "\n", []string{ping1, "protocol"}},
		{"no object", "[]\n" + ping1 + "\n", []string{"protocol"}},
		{"tls without a line end", "\x16\x03\x01\x02\x00\x01\x00", []string{"protocol"}},
		{"http", "GET / HTTP/1.1\r\n\r\n", []string{"protocol"}},
		{"bytes that are not text", ping1 + "\n{\"id\":\"\xff\"}\n", []string{ping1, "protocol"}},
		{"giant line", ping1 + "\n" + giant + "\n" + ping2 + "\n", []string{ping1, "line"}},
		{"giant line without an end", ping1 + "\n" + giant, []string{ping1, "line"}},
		{"giant blank", strings.Repeat(" ", 2<<20) + ping1 + "\n", []string{ping1, "EOF"}},
		{"longest line", ping1 + strings.Repeat(" ", 1<<20-len(ping1)) + "\r\n" + ping2 + "\n", []string{ping1, ping2, "EOF"}},
		{"one byte longer", ping1 + strings.Repeat(" ", 1<<20-len(ping1)) + " \n" + ping2 + "\n", []string{"line"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, way := range []struct {
				name string
				wrap func(io.Reader) io.Reader
			}{
				{"at once", func(r io.Reader) io.Reader { return r }},
				{"byte by byte", iotest.OneByteReader},
				{"half reads", iotest.HalfReader},
				{"error with the data", iotest.DataErrReader},
			} {
				conn := NewConn(duplex{way.wrap(strings.NewReader(c.in)), nil}, Limits{})
				if got := script(conn); !reflect.DeepEqual(got, c.want) {
					t.Errorf("%s: got %.200q\nwant %.200q", way.name, got, c.want)
				}
				if len(conn.buf) > 0 && conn.broken != nil {
					t.Errorf("%s: %d bytes kept after the end", way.name, len(conn.buf))
				}
			}
		})
	}
}

// A final error stays; what follows on the wire is not looked at.
func TestReadStaysBroken(t *testing.T) {
	c := reader("[]\n"+ping1+"\n", Limits{})
	_, first := c.Read()
	for range 3 {
		if m, err := c.Read(); err == nil || err != first {
			t.Fatalf("got %v, %v; want %v again", m, err, first)
		}
	}
}

// stutter gives an error between any two bytes.
type stutter struct {
	data  string
	calls int
}

func (s *stutter) Read(p []byte) (int, error) {
	if s.calls++; s.calls%2 == 1 {
		return 0, os.ErrDeadlineExceeded
	}
	if s.data == "" {
		return 0, io.EOF
	}
	p[0] = s.data[0]
	s.data = s.data[1:]
	return 1, nil
}

func TestReadAfterDeadline(t *testing.T) {
	c := NewConn(duplex{&stutter{data: ping1 + "\n" + ping2 + "\n"}, nil}, Limits{})
	var got []string
	for range 1000 {
		m, err := c.Read()
		if err == io.EOF {
			break
		}
		if err == nil {
			b, _ := Append(nil, m)
			got = append(got, string(b))
		} else if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
	}
	if want := []string{ping1, ping2}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

type readFunc func(p []byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

func TestReadOddReaders(t *testing.T) {
	for name, c := range map[string]struct {
		f    readFunc
		want error
	}{
		"reads nothing for ever":   {func([]byte) (int, error) { return 0, nil }, io.ErrNoProgress},
		"claims a negative length": {func([]byte) (int, error) { return -1, nil }, nil},
		"claims too much":          {func(p []byte) (int, error) { return len(p) + 1, nil }, nil},
		"fails":                    {func([]byte) (int, error) { return 0, net.ErrClosed }, net.ErrClosed},
	} {
		_, err := NewConn(duplex{c.f, nil}, Limits{}).Read()
		if err == nil || c.want != nil && err != c.want {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// Messages keep nothing of the read buffer, which the next line overwrites.
func TestReadKeepsNothing(t *testing.T) {
	var in, want []string
	for _, c := range canonical(t) {
		in = append(in, c.line, strings.Repeat(" ", 3*bufferSize)) // so that lines land at the same place
		want = append(want, c.line)
	}
	c := reader(strings.Join(in, "\n")+"\n", Limits{})
	var kept []Message
	for range want {
		m, err := c.Read()
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, m)
	}
	for i := range c.buf[:cap(c.buf)] {
		c.buf[:cap(c.buf)][i] = 'X'
	}
	for i, m := range kept {
		if b, err := Append(nil, m); err != nil || string(b) != want[i] {
			t.Errorf("got %s, %v\nwant %s", b, err, want[i])
		}
	}
}

// A giant line does not hold its memory once it is read.
func TestReadLetsGo(t *testing.T) {
	c := reader(`{"id":1,"result":"`+strings.Repeat("x", 1<<19)+"\"}\n"+ping1+"\n", Limits{})
	for range 2 {
		if _, err := c.Read(); err != nil {
			t.Fatal(err)
		}
	}
	c.Read()
	if cap(c.buf) > bufferKept {
		t.Errorf("the buffer still has %d bytes", cap(c.buf))
	}
}

// TestAwait: the one answer that is awaited may be longer than a line, up to a
// cap of its own; nothing else may, and nothing once it has come.
func TestAwait(t *testing.T) {
	long := func(id string, n int) string {
		return `{"id":` + id + `,"result":["` + strings.Repeat("ab", n) + `"],"error":null}`
	}
	small := Limits{Line: 200, Transactions: 2000}
	for _, c := range []struct {
		name string
		in   []string
		wait ID
		want []string
	}{
		{"long", []string{long("7", 500), ping1}, NumberID(7), []string{long("7", 500), ping1, "EOF"}},
		{"its id as text", []string{long(`"7"`, 500)}, NumberID(7), []string{long(`"7"`, 500), "EOF"}},
		{"other lines first", []string{ping1, long("6", 50), long("7", 500)}, NumberID(7), []string{ping1, long("6", 50), long("7", 500), "EOF"}},
		{"at the cap", []string{long("7", 982)}, NumberID(7), []string{long("7", 982), "EOF"}},
		{"above the cap", []string{long("7", 983)}, NumberID(7), []string{"line"}},
		{"another answer", []string{long("8", 500)}, NumberID(7), []string{"line"}},
		{"no answer", []string{`{"id":7,"method":"x","params":["` + strings.Repeat("x", 500) + `"]}`}, NumberID(7), []string{"line"}},
		{"twice", []string{long("7", 500), long("7", 500)}, NumberID(7), []string{long("7", 500), "line"}},
		{"after a short one", []string{long("7", 5), long("7", 500)}, NumberID(7), []string{long("7", 5), "line"}},
		{"not awaited", []string{long("7", 500)}, AbsentID, []string{"line"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, wrap := range []func(io.Reader) io.Reader{func(r io.Reader) io.Reader { return r }, iotest.OneByteReader} {
				conn := NewConn(duplex{wrap(strings.NewReader(strings.Join(c.in, "\n") + "\n")), nil}, small)
				conn.Await(NumberID(1))
				conn.Await(c.wait)
				if got := script(conn); !reflect.DeepEqual(got, c.want) {
					t.Errorf("got %.300q\nwant %.300q", got, c.want)
				}
			}
		})
	}
}

// lines records each call of Write.
type lines []string

func (l *lines) Write(p []byte) (int, error) {
	*l = append(*l, string(p))
	return len(p), nil
}

func TestWrite(t *testing.T) {
	var out lines
	c := NewConn(duplex{nil, &out}, Limits{Line: 2048})
	var want lines
	for _, m := range canonical(t) {
		if err := c.Write(m.m); err != nil {
			t.Fatal(err)
		}
		want = append(want, m.line+"\n")
	}
	if !reflect.DeepEqual(out, want) {
		t.Errorf("got %q\nwant %q", out, want)
	}

	// What cannot be written leaves the connection as it was.
	var l *LimitError
	if err := c.Write(&ShowMessage{Text: strings.Repeat("x", 2048)}); !errors.As(err, &l) || l.Cap != "line" {
		t.Errorf("a line too long: %v", err)
	}
	if err := c.Write(&SetDifficulty{}); err == nil {
		t.Error("difficulty 0 was written")
	}
	if len(out) != len(want) {
		t.Errorf("%q was sent", out[len(want):])
	}
	if err := c.Write(&Ping{}); err != nil || len(out) != len(want)+1 {
		t.Errorf("after a refused message: %v", err)
	}
}

type writeFunc func(p []byte) (int, error)

func (f writeFunc) Write(p []byte) (int, error) { return f(p) }

func TestWriteBroken(t *testing.T) {
	for name, c := range map[string]struct {
		f    writeFunc
		want error
	}{
		"short":   {func(p []byte) (int, error) { return len(p) - 1, nil }, io.ErrShortWrite},
		"cut":     {func(p []byte) (int, error) { return 3, os.ErrDeadlineExceeded }, os.ErrDeadlineExceeded},
		"nothing": {func(p []byte) (int, error) { return 0, net.ErrClosed }, net.ErrClosed},
	} {
		calls := 0
		conn := NewConn(duplex{nil, writeFunc(func(p []byte) (int, error) { calls++; return c.f(p) })}, Limits{})
		for range 2 {
			if err := conn.Write(&Ping{}); err != c.want {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
		}
		if calls != 1 {
			t.Errorf("%s: %d writes after the line was cut", name, calls-1)
		}
	}
}

// Lines of several writers do not mix, while the other end reads and writes too.
func TestConcurrentWriters(t *testing.T) {
	const writers, each = 8, 50
	a, b := net.Pipe()
	left, right := NewConn(a, Limits{}), NewConn(b, Limits{})
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				job := strings.Repeat(fmt.Sprint(w), 1+i)
				if err := left.Write(&GetTransactions{ID: NumberID(uint64(i)), JobID: job}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Go(func() {
		for range writers * each {
			if _, err := left.Read(); err != nil {
				t.Error(err)
			}
		}
	})
	for range writers * each {
		m, err := right.Read()
		if err != nil {
			t.Fatal(err)
		}
		g := m.(*GetTransactions)
		if n, _ := g.ID.Number(); len(g.JobID) != int(n)+1 || strings.Trim(g.JobID, g.JobID[:1]) != "" {
			t.Errorf("mixed up: %+v", g)
		}
		if err := right.Write(Accept(g.ID)); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
	a.Close()
	b.Close()
}

func TestWriteAllocates(t *testing.T) {
	c := NewConn(new(looped), Limits{})
	m, err := Parse(realNotify(t), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	s := exampleSubmit()
	if n := testing.AllocsPerRun(100, func() { c.Write(s); c.Write(m) }); n != 0 {
		t.Errorf("%v allocations for a submit and a notify, want 0", n)
	}
}

// Peers read back what was written, through any mixture of the two ends.
func TestConnBothEnds(t *testing.T) {
	var wire bytes.Buffer
	w, r := NewConn(&wire, Limits{}), NewConn(&wire, Limits{})
	for _, c := range canonical(t) {
		if err := w.Write(c.m); err != nil {
			t.Fatal(err)
		}
		m, err := r.Read()
		if err != nil || !reflect.DeepEqual(m, c.m) {
			t.Errorf("got %+v, %v; want %+v", m, err, c.m)
		}
	}
}
