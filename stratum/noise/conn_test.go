package noise

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

// boundaries are payloads around what a block holds.
var boundaries = []int{0, 1, 65518, 65519, 65520, 131038, 131039}

// N5: payloads are cut into blocks as the specification says, and arrive whole
// however the bytes come.
func TestN5Boundaries(t *testing.T) {
	for _, v := range vectors().CiphertextLen {
		if got := len(sealed(t, frame(v.Pt))) - headerBox; got != v.Ct {
			t.Errorf("%d bytes become %d, want %d", v.Pt, got, v.Ct)
		}
	}
	ways := map[string]func(io.Reader) io.Reader{
		"at once":             func(r io.Reader) io.Reader { return r },
		"byte by byte":        iotest.OneByteReader,
		"half reads":          iotest.HalfReader,
		"error with the data": iotest.DataErrReader,
	}
	for _, n := range boundaries {
		frames := [][]byte{frame(n), frame(3), frame(n)}
		wire, want := sealed(t, frames...), bytes.Join(frames, nil)
		for way, wrap := range ways {
			c, _ := reading(t, wrap(bytes.NewReader(wire)))
			if err := iotest.TestReader(c, want); err != nil {
				t.Errorf("%d bytes, %s: %v", n, way, err)
			}
		}
		if at := sealed(t, want); !bytes.Equal(at, wire) {
			t.Errorf("%d bytes: three frames in one write are not what three writes send", n)
		}
	}
}

// N5: the largest payload that a header can tell.
func TestN5Largest(t *testing.T) {
	want := frame(1<<24 - 1)
	c, _ := reading(t, bytes.NewReader(sealed(t, want)))
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%v", err)
	}
	if n, err := c.Read(got); n != 0 || err != io.EOF {
		t.Errorf("afterwards %d, %v", n, err)
	}
}

// N6: what the peer did not seal ends the connection; what came before it is
// still read.
func TestN6Tampered(t *testing.T) {
	first, second := frame(30), frame(65519+7)
	wire := sealed(t, first, second)
	one := headerBox + 30 + tagSize
	blocks := [][]byte{wire[:headerBox], wire[headerBox:one], wire[one : one+headerBox], wire[one+headerBox : one+headerBox+maxBox], wire[one+headerBox+maxBox:]}
	flip := func(at int) []byte {
		b := bytes.Clone(wire)
		b[at] ^= 0x80
		return b
	}
	join := func(order ...int) []byte {
		var b []byte
		for _, i := range order {
			b = append(b, blocks[i]...)
		}
		return append(b, make([]byte, 2*maxBox)...)
	}
	for _, c := range []struct {
		name string
		sent []byte
		good int // bytes that are read before
	}{
		{"first header", flip(0), 0},
		{"mark of the first header", flip(headerBox - 1), 0},
		{"first payload", flip(headerBox), headerSize},
		{"mark of the first payload", flip(one - 1), headerSize},
		{"second header", flip(one), len(first)},
		{"first block", flip(one + headerBox), len(first) + headerSize},
		{"last block", flip(one + headerBox + maxBox), len(first) + headerSize + maxPlain},
		{"last byte", flip(len(wire) - 1), len(first) + headerSize + maxPlain},
		{"header twice", join(0, 0), headerSize},
		{"frame twice", join(0, 1, 0, 1), len(first)},
		{"frame left out", join(2, 3, 4), 0},
		{"block left out", join(0, 1, 2, 4), len(first) + headerSize},
		{"blocks swapped", join(0, 1, 2, 4, 3), len(first) + headerSize},
		{"zeros", make([]byte, 100), 0},
		{"plaintext", bytes.Repeat([]byte("frame"), 20), 0},
	} {
		conn, w := reading(t, bytes.NewReader(c.sent))
		got, err := io.ReadAll(conn)
		want := append(bytes.Clone(first), second...)[:c.good]
		if !errors.Is(err, errTag) || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v; want %d, %v", c.name, len(got), err, c.good, errTag)
		}
		if !w.closed || conn.rx.cipher.aead != nil || conn.rx.buf != nil {
			t.Errorf("%s: the connection is open, or holds its key", c.name)
		}
		if _, again := conn.Read(make([]byte, 10)); again != err {
			t.Errorf("%s: then %v, first %v", c.name, again, err)
		}
	}
}

// The end of the stream is one only between frames.
func TestReadCut(t *testing.T) {
	frames := [][]byte{frame(0), frame(40), frame(65519 + 3), frame(5)}
	wire := sealed(t, frames...)
	whole := map[int]bool{0: true}
	for at, i := 0, 0; i < len(frames); i++ {
		at += len(sealed(t, frames[i]))
		whole[at] = true
	}
	step := 1
	for n := 0; n <= len(wire); n += step {
		step = 1
		if n > 300 && n < len(wire)-300 && n%maxBox > 400 {
			step = 97 // in the middle of a large block each byte is like the other
		}
		c, _ := reading(t, bytes.NewReader(wire[:n]))
		_, err := io.Copy(io.Discard, c)
		if want := io.ErrUnexpectedEOF; whole[n] && err != nil || !whole[n] && err != want {
			t.Fatalf("cut at %d of %d: %v, whole %v", n, len(wire), err, whole[n])
		}
	}
}

// stutter gives an error between any two bytes.
type stutter struct {
	data  []byte
	calls int
}

func (s *stutter) Read(p []byte) (int, error) {
	if s.calls++; s.calls%2 == 1 {
		return 0, os.ErrDeadlineExceeded
	}
	if len(s.data) == 0 {
		return 0, io.EOF
	}
	p[0] = s.data[0]
	s.data = s.data[1:]
	return 1, nil
}

// Reading goes on where a deadline cut it, inside of a block too.
func TestReadAfterDeadline(t *testing.T) {
	want := append(frame(100), frame(0)...)
	c, _ := reading(t, &stutter{data: sealed(t, want)})
	var got []byte
	for p := make([]byte, 50); ; {
		n, err := c.Read(p)
		got = append(got, p[:n]...)
		if err == io.EOF {
			break
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
	}
	checkBytes(t, "what was read", got, want)
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
		conn, _ := reading(t, c.f)
		if _, err := conn.Read(make([]byte, 1)); err == nil || c.want != nil && err != c.want {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	conn, _ := reading(t, readFunc(func([]byte) (int, error) { t.Error("it was read"); return 0, nil }))
	if n, err := conn.Read(nil); n != 0 || err != nil {
		t.Errorf("a read of nothing: %d, %v", n, err)
	}
}

// A large block does not hold its memory once it is read.
func TestReadLetsGo(t *testing.T) {
	pr, pw := io.Pipe()
	wire, small := sealed(t, frame(1<<20), frame(1)), len(sealed(t, frame(1)))
	var wg sync.WaitGroup
	wg.Go(func() {
		pw.Write(wire[:len(wire)-small])
		pw.Write(wire[len(wire)-small:])
		pw.Close()
	})
	c, _ := reading(t, pr)
	if _, err := io.Copy(io.Discard, c); err != nil {
		t.Error(err)
	}
	if cap(c.rx.buf) > bufferSize {
		t.Errorf("the buffer still has %d bytes", cap(c.rx.buf))
	}
	wg.Wait()
}

// writes records each call of Write.
type writes [][]byte

func (w *writes) Write(p []byte) (int, error) {
	*w = append(*w, bytes.Clone(p))
	return len(p), nil
}

func TestWrite(t *testing.T) {
	var out writes
	c := writing(t, &out)
	for _, n := range []int{0, 5, 65519} {
		c.Write(frame(n))
	}
	if len(out) != 3 {
		t.Errorf("%d writes for 3 frames of at most one block", len(out))
	}

	// What is no frame leaves the connection as it was.
	for _, p := range [][]byte{{1}, frame(5)[:5], frame(5)[:10], append(frame(5), 0), append(frame(5), frame(6)[:11]...)} {
		if n, err := c.Write(p); n != 0 || !errors.Is(err, ErrFrame) {
			t.Errorf("%x: %d, %v", p, n, err)
		}
	}
	if n, err := c.Write(nil); n != 0 || err != nil {
		t.Errorf("nothing: %d, %v", n, err)
	}
	if len(out) != 3 {
		t.Errorf("%x was sent", out[3:])
	}
	want := frame(77)
	if _, err := c.Write(want); err != nil {
		t.Fatal(err)
	}
	r, _ := reading(t, bytes.NewReader(bytes.Join(out, nil)))
	got, err := io.ReadAll(r)
	if err != nil || !bytes.HasSuffix(got, want) {
		t.Errorf("the other end reads %d bytes, %v", len(got), err)
	}
}

type writeFunc func(p []byte) (int, error)

func (f writeFunc) Write(p []byte) (int, error) { return f(p) }

// After a write that failed no other is tried: the peer could not make sense of
// what follows.
func TestWriteBroken(t *testing.T) {
	for name, c := range map[string]struct {
		f    writeFunc
		want error
	}{
		"short":   {func(p []byte) (int, error) { return len(p) - 1, nil }, io.ErrShortWrite},
		"cut":     {func(p []byte) (int, error) { return 3, os.ErrDeadlineExceeded }, os.ErrDeadlineExceeded},
		"nothing": {func(p []byte) (int, error) { return 0, net.ErrClosed }, net.ErrClosed},
	} {
		for _, size := range []int{10, 200000} {
			calls := 0
			conn := writing(t, writeFunc(func(p []byte) (int, error) { calls++; return c.f(p) }))
			for range 3 {
				if n, err := conn.Write(frame(size)); n != 0 || err != c.want {
					t.Errorf("%s: %d, %v, want %v", name, n, err, c.want)
				}
			}
			if calls != 1 {
				t.Errorf("%s: %d writes after the frame was cut", name, calls-1)
			}
		}
	}
}

// A peer that does not read holds a writer until the deadline, and then for
// good.
func TestWriteDeadline(t *testing.T) {
	lasting()
	synctest.Test(t, func(t *testing.T) {
		client, _ := connected(t)
		client.SetWriteDeadline(time.Now().Add(time.Minute))
		for range 2 {
			if _, err := client.Write(frame(10)); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error(err)
			}
			client.SetWriteDeadline(time.Time{})
		}
	})
}

// The last nonce is never used, in either direction.
func TestNonceCeiling(t *testing.T) {
	for left, want := range map[uint64]int{0: 0, 1: headerSize, 2: headerSize + 8, 3: headerSize + 8} {
		var out bytes.Buffer
		c := writing(t, &out)
		c.tx.cipher.n = math.MaxUint64 - left
		var err error
		for range 2 {
			_, err = c.Write(frame(8))
		}
		_, again := c.Write(frame(8))
		if !errors.Is(err, errExhausted) || again != err {
			t.Errorf("%d left: %v, then %v", left, err, again)
		}

		r, _ := reading(t, &out)
		r.rx.cipher.n = math.MaxUint64 - left
		got, err := io.ReadAll(r)
		if left >= 2 && (len(got) != want || err != nil) {
			t.Errorf("%d left: %d bytes, %v, want %d", left, len(got), err, want)
		}
	}
	r, w := reading(t, strings.NewReader(strings.Repeat("x", 100)))
	r.rx.cipher.n = math.MaxUint64
	if _, err := r.Read(make([]byte, 9)); !errors.Is(err, errExhausted) || !w.closed {
		t.Errorf("a read without nonces: %v", err)
	}
}

// Frames of several writers do not mix, while the other end reads and writes
// too.
func TestConcurrent(t *testing.T) {
	const writers, each = 4, 40
	a, b := connected(t)
	var wg sync.WaitGroup
	for _, ends := range [][2]*Conn{{a, b}, {b, a}} {
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					if _, err := ends[0].Write(frame(1000*w + 100*i)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Go(func() {
			for range writers * each {
				header := make([]byte, headerSize)
				if _, err := io.ReadFull(ends[1], header); err != nil {
					t.Error(err)
					return
				}
				payload := make([]byte, payloadSize(header))
				if _, err := io.ReadFull(ends[1], payload); err != nil {
					t.Error(err)
					return
				}
				if !bytes.Equal(append(header, payload...), frame(len(payload))) {
					t.Errorf("mixed up: %x", header)
				}
			}
		})
	}
	wg.Wait()
}

// Close ends what is under way and leaves no key.
func TestClose(t *testing.T) {
	lasting()
	synctest.Test(t, func(t *testing.T) {
		client, server := connected(t)
		errs := make(chan error, 2)
		go func() { _, err := client.Read(make([]byte, 1)); errs <- err }()
		go func() { _, err := client.Write(frame(10)); errs <- err }()
		synctest.Wait()
		if err := client.Close(); err != nil {
			t.Error(err)
		}
		for range 2 {
			if err := <-errs; err == nil {
				t.Error("a call went on")
			}
		}
		if client.rx.cipher.aead != nil || client.tx.cipher.aead != nil {
			t.Error("a key is still there")
		}
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read: %v", err)
		}
		if _, err := client.Write(frame(1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("write: %v", err)
		}
		if _, err := server.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the other end reads %v", err)
		}
	})
}

// A real socket, for what a pipe does not have.
func TestTCP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var wg sync.WaitGroup
	wg.Go(func() {
		conn, err := l.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		c, err := Server(t.Context(), conn, lasting(), Config{})
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		got := make([]byte, headerSize+1<<20)
		if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, frame(1<<20)) {
			t.Error(err)
		}
		c.Write(frame(3))
	})
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := Client(t.Context(), conn, trusting())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got, want := fmt.Sprint(c.RemoteAddr(), c.LocalAddr()), fmt.Sprint(conn.RemoteAddr(), conn.LocalAddr()); got != want {
		t.Errorf("addresses %s, want %s", got, want)
	}
	c.Write(frame(1 << 20))
	if err := iotest.TestReader(c, frame(3)); err != nil {
		t.Error(err)
	}
	wg.Wait()
}

// A connection allocates nothing for a frame but what the cipher does: nothing
// where x/crypto has assembly, something where it has none.
func TestAllocates(t *testing.T) {
	var out bytes.Buffer
	c := writing(t, &out)
	r, _ := reading(t, &out)
	small, got := frame(500), make([]byte, headerSize+500)
	frames := testing.AllocsPerRun(100, func() { c.Write(small); io.ReadFull(r, got) })

	aead, nonce, box := c.tx.cipher.aead, c.tx.cipher.nonce[:], make([]byte, 0, maxBox)
	blocks := testing.AllocsPerRun(100, func() {
		for _, plain := range [][]byte{small[:headerSize], small[headerSize:]} {
			sealed := aead.Seal(box[:0], nonce, plain, nil)
			if _, err := aead.Open(sealed[:0], nonce, sealed, nil); err != nil {
				t.Fatal(err)
			}
		}
	})
	if frames != blocks {
		t.Errorf("%v allocations for a frame, want the cipher's %v", frames, blocks)
	}
}
