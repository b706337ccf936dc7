package v2

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
)

// duplex is a reader and a writer.
type duplex struct {
	io.Reader
	io.Writer
}

// A stream that ends between two frames ends; one that ends inside is cut.
func TestConnCut(t *testing.T) {
	first, second := mustAppend(t, &Reconnect{"h", 1}), mustAppend(t, &SetTarget{})
	wire := append(bytes.Clone(first), second...)
	for n := range len(wire) + 1 {
		c := NewConn(duplex{bytes.NewReader(wire[:n]), nil}, 0)
		var err error
		for err == nil {
			_, err = c.Read()
		}
		want := io.ErrUnexpectedEOF
		if n == 0 || n == len(first) || n == len(wire) {
			want = io.EOF
		}
		if err != want {
			t.Errorf("cut at %d: %v, want %v", n, err, want)
		}
	}
}

// A wrong field costs a message, not the connection.
func TestConnFieldError(t *testing.T) {
	bad := mustAppend(t, &NewMiningJob{ChannelID: 77})
	bad[headerSize+8] = 2
	good := mustAppend(t, &SetTarget{ChannelID: 5})
	c := NewConn(duplex{bytes.NewReader(append(bad, good...)), nil}, 0)
	_, err := c.Read()
	wantField(t, err, "min_ntime")
	if id := err.(*FieldError).ID; id != 77 {
		t.Errorf("it is about channel %d, want 77", id)
	}
	m, err := c.Read()
	if err != nil || m.(*SetTarget).ChannelID != 5 {
		t.Errorf("%v, %v", m, err)
	}
}

// A frame that is too large ends the connection before it is read; what is text
// is called so.
func TestConnLimit(t *testing.T) {
	for _, c := range []struct {
		name, sent string
		max        int
		text       bool
	}{
		{"longer than the message", string(frameOf(0, 0x01, make([]byte, 6+trailing+1))), 0, false},
		{"longer than wanted", string(frameOf(0, 0x74, make([]byte, 2000))), 1999, false},
		{"unknown and too long", string(frameOf(0x4000, 1, make([]byte, DefaultPayload+1))), 0, false},
		{"stratum v1", `{"id":1,"method":"mining.notify"}` + "\n", 0, true},
		{"http", "HTTP/1.1 400 Bad Request\r\n\r\n", 0, true},
	} {
		conn := NewConn(duplex{strings.NewReader(c.sent + c.sent), nil}, c.max)
		_, err := conn.Read()
		var limit *LimitError
		if !errors.As(err, &limit) || limit.Text != c.text || strings.Contains(err.Error(), "Stratum V1") != c.text {
			t.Errorf("%s: %v", c.name, err)
		}
		if _, again := conn.Read(); again != err || conn.buf != nil {
			t.Errorf("%s: then %v, holding %d bytes", c.name, again, cap(conn.buf))
		}
	}
	if conn := NewConn(nil, 1<<30); conn.max != MaxPayload {
		t.Errorf("a cap of %d", conn.max)
	}
}

// What is announced is not allocated before it comes.
func TestConnGrows(t *testing.T) {
	sent := frameOf(0, 0x74, make([]byte, 3000))
	sent[3], sent[4], sent[5] = 0xff, 0xff, 0xff
	c := NewConn(duplex{bytes.NewReader(sent), nil}, MaxPayload)
	if _, err := c.Read(); err != io.ErrUnexpectedEOF {
		t.Error(err)
	}
	if cap(c.buf) > 2*len(sent) {
		t.Errorf("%d bytes for %d", cap(c.buf), len(sent))
	}
}

// Reading goes on where a deadline cut it.
func TestConnDeadline(t *testing.T) {
	frame := mustAppend(t, &SetTarget{ChannelID: 9})
	c := NewConn(duplex{iotest.TimeoutReader(iotest.OneByteReader(bytes.NewReader(frame))), nil}, 0)
	_, err := c.Read()
	if err != iotest.ErrTimeout {
		t.Fatal(err)
	}
	m, err := c.Read()
	if err != nil || m.(*SetTarget).ChannelID != 9 {
		t.Errorf("%v, %v", m, err)
	}
}

type readFunc func(p []byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

func TestConnOddReaders(t *testing.T) {
	for name, c := range map[string]struct {
		f    readFunc
		want error
	}{
		"reads nothing for ever":   {func([]byte) (int, error) { return 0, nil }, io.ErrNoProgress},
		"claims a negative length": {func([]byte) (int, error) { return -1, nil }, nil},
		"claims too much":          {func(p []byte) (int, error) { return len(p) + 1, nil }, nil},
		"fails":                    {func([]byte) (int, error) { return 0, net.ErrClosed }, net.ErrClosed},
	} {
		if _, err := NewConn(duplex{c.f, nil}, 0).Read(); err == nil || c.want != nil && err != c.want {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

type writeFunc func(p []byte) (int, error)

func (f writeFunc) Write(p []byte) (int, error) { return f(p) }

// Several messages are one write, and either all are written or none.
func TestConnWrite(t *testing.T) {
	var writes [][]byte
	c := NewConn(duplex{nil, writeFunc(func(p []byte) (int, error) {
		writes = append(writes, bytes.Clone(p))
		return len(p), nil
	})}, 0)
	target, hello := &SetTarget{ChannelID: 1}, &Reconnect{"a", 2}
	if err := c.Write(target, hello); err != nil {
		t.Fatal(err)
	}
	want := append(mustAppend(t, target), mustAppend(t, hello)...)
	if len(writes) != 1 || !bytes.Equal(writes[0], want) {
		t.Fatalf("%x", writes)
	}
	bad := &SetExtranoncePrefix{1, make([]byte, 33)}
	wantField(t, c.Write(target, bad, hello), "extranonce_prefix")
	large := &RequestTransactionDataSuccess{TransactionList: [][]byte{make([]byte, DefaultPayload)}}
	var limit *LimitError
	if err := c.Write(hello, large); !errors.As(err, &limit) || limit.Max != DefaultPayload {
		t.Error(err)
	}
	if err := c.Write(); err != nil || len(writes) != 1 {
		t.Errorf("%v, %d writes", err, len(writes))
	}
	if err := c.Write(target); err != nil || !bytes.Equal(writes[1], mustAppend(t, target)) {
		t.Errorf("%x, %v", writes[1:], err)
	}
}

// After a write that failed no other is tried.
func TestConnWriteBroken(t *testing.T) {
	for name, c := range map[string]struct {
		f    writeFunc
		want error
	}{
		"short": {func(p []byte) (int, error) { return len(p) - 1, nil }, io.ErrShortWrite},
		"cut":   {func(p []byte) (int, error) { return 3, os.ErrDeadlineExceeded }, os.ErrDeadlineExceeded},
	} {
		calls := 0
		conn := NewConn(duplex{nil, writeFunc(func(p []byte) (int, error) { calls++; return c.f(p) })}, 0)
		for range 3 {
			if err := conn.Write(&SetTarget{}); err != c.want {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
		}
		if calls != 1 {
			t.Errorf("%s: %d writes after the frame was cut", name, calls-1)
		}
	}
}

// Messages of several writers do not mix.
func TestConnConcurrent(t *testing.T) {
	const writers, each = 4, 50
	a, b := net.Pipe()
	defer b.Close()
	w, r := NewConn(a, 0), NewConn(b, 0)
	var wg sync.WaitGroup
	for id := range writers {
		wg.Go(func() {
			for n := range each {
				if err := w.Write(&SubmitSharesError{uint32(id), uint32(n), strings.Repeat("x", n)}, &CloseChannel{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	next := make([]uint32, writers)
	for range writers * each {
		m, err := r.Read()
		if err != nil {
			t.Fatal(err)
		}
		e := m.(*SubmitSharesError)
		if e.SequenceNumber != next[e.ChannelID] || e.ErrorCode != strings.Repeat("x", int(e.SequenceNumber)) {
			t.Fatalf("%+v, want number %d", e, next[e.ChannelID])
		}
		next[e.ChannelID]++
		if m, err := r.Read(); err != nil || !reflect.DeepEqual(m, &CloseChannel{}) {
			t.Fatalf("%+v, %v", m, err)
		}
	}
	wg.Wait()
	a.Close()
}

// A frame costs its message, one copy of its bytes and its sequence, no more;
// to write one costs nothing.
func TestAllocates(t *testing.T) {
	for _, c := range []struct {
		m    Message
		want float64
	}{
		{&SubmitSharesStandard{1, 2, 3, 4, 5, 6}, 1},
		{&SubmitSharesExtended{1, 2, 3, 4, 5, 6, make([]byte, 8), nil}, 2},
		{&SubmitSharesSuccess{1, 2, 3, 4}, 1},
		{&NewMiningJob{MerkleRoot: hash(1)}, 1},
		{&NewExtendedMiningJob{MerklePath: hashesOf(1, 2, 3), CoinbaseTxPrefix: make([]byte, 60), CoinbaseTxSuffix: make([]byte, 100)}, 3},
		{&SetNewPrevHash{PrevHash: hash(2)}, 1},
	} {
		var wire bytes.Buffer
		conn := NewConn(&wire, 0)
		if err := conn.Write(c.m); err != nil {
			t.Fatal(err)
		}
		frame := bytes.Clone(wire.Bytes())
		r := bytes.NewReader(nil)
		in := NewConn(duplex{r, nil}, 0)
		got := testing.AllocsPerRun(100, func() {
			r.Reset(frame)
			if _, err := in.Read(); err != nil {
				t.Fatal(err)
			}
		})
		if got != c.want {
			t.Errorf("%v is read with %v allocations, want %v", c.m.Type(), got, c.want)
		}
		if got := testing.AllocsPerRun(100, func() { wire.Reset(); conn.Write(c.m) }); got != 0 {
			t.Errorf("%v is written with %v allocations", c.m.Type(), got)
		}
	}
}
