package v1

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
)

const (
	bufferSize = 4 << 10  // of a fresh read buffer: most lines fit
	bufferKept = 64 << 10 // a buffer that a giant line made larger is let go
	emptyReads = 100      // reads of nothing in a row before io.ErrNoProgress
)

// Conn reads and writes messages, one to a line. One goroutine may read while
// any number write.
type Conn struct {
	rw     io.ReadWriter
	limits Limits // without zeros

	// Owned by the reader.
	buf     []byte // bytes read; those before start are done with
	start   int    // where the current line begins
	scanned int    // no line end stands between start and here
	pending error  // came along with the last bytes
	broken  error  // a ProtocolError or LimitError: reading is over

	awaited atomic.Pointer[ID] // of an answer that may be long; nil for none

	mu       sync.Mutex // guards the rest
	out      []byte     // the line being written
	writeErr error      // a line may have been cut: writing is over
}

// NewConn returns a Conn over rw. The limits bind both directions; a zero
// Limits stands for DefaultLimits. Closing rw, deadlines and TLS are the
// caller's.
func NewConn(rw io.ReadWriter, limits Limits) *Conn {
	return &Conn{rw: rw, limits: limits.withDefaults()}
}

// Read returns the next message. Lines end in \n or \r\n; white space before one
// is skipped, and with it empty lines.
//
// After a *FieldError the next call reads the next line. A *ProtocolError or a
// *LimitError is final: every later call returns it again. An error of the
// underlying reader, a deadline for instance, is returned as it came and loses
// no bytes, so that reading may be taken up again. The end of the stream is
// io.EOF between two lines and io.ErrUnexpectedEOF inside one, even if all but
// its line end has come.
//
// A line that does not begin as an object is refused at its first byte, without
// waiting for its end: a TLS client or a browser on a plain port may send none.
func (c *Conn) Read() (Message, error) {
	if c.broken != nil {
		return nil, c.broken
	}
	line, err := c.readLine()
	if err == nil {
		var m Message
		if m, err = c.parse(line); err == nil {
			return m, nil
		}
	}
	var p *ProtocolError
	var l *LimitError
	if errors.As(err, &p) || errors.As(err, &l) {
		c.broken, c.buf = err, nil
	}
	return nil, err
}

// Await lets the answer to the request id, until it has come, be a line as long
// as Limits.Transactions: that to GetTransactions. AbsentID ends the wait. It may
// be called while another goroutine reads.
func (c *Conn) Await(id ID) {
	if id == AbsentID {
		c.awaited.Store(nil)
		return
	}
	c.awaited.Store(&id)
}

// parse is Parse for a line that readLine returned: one above the cap has to be
// what Await named.
func (c *Conn) parse(line []byte) (Message, error) {
	m, err := parse(line, &c.limits)
	want := c.awaited.Load()
	r, answer := m.(*Response)
	switch {
	case want != nil && answer && sameRequest(r.ID, *want):
		c.awaited.CompareAndSwap(want, nil)
	case len(line) > c.limits.Line:
		return nil, tooLong(c.limits.Line)
	}
	return m, err
}

// sameRequest reports whether an answer with the id a is for the request b.
func sameRequest(a, b ID) bool {
	n, ok := a.Number()
	m, ok2 := b.Number()
	return a == b || ok && ok2 && n == m
}

// longest returns how many bytes the line being read may have.
func (c *Conn) longest() int {
	if c.awaited.Load() != nil {
		return max(c.limits.Line, c.limits.Transactions)
	}
	return c.limits.Line
}

// readLine returns the next line without its end. It is valid until the next
// call.
func (c *Conn) readLine() ([]byte, error) {
	for {
		c.skipSpace()
		if i := bytes.IndexByte(c.buf[c.scanned:], '\n'); i >= 0 {
			line := bytes.TrimSuffix(c.buf[c.start:c.scanned+i], []byte("\r"))
			c.start = c.scanned + i + 1
			c.scanned = c.start
			if most := c.longest(); len(line) > most {
				return nil, tooLong(most)
			}
			return line, nil
		}
		c.scanned = len(c.buf)

		part := c.buf[c.start:]
		if len(part) > 0 && part[0] != '{' {
			return nil, notObject(part)
		}
		if most := c.longest(); len(part) > most+len("\r") {
			return nil, tooLong(most)
		}
		if err := c.pending; err != nil {
			c.pending = nil
			if err == io.EOF && len(part) > 0 {
				return nil, io.ErrUnexpectedEOF
			}
			return nil, err
		}
		if err := c.fill(); err != nil {
			return nil, err
		}
	}
}

// skipSpace moves start to the first byte of a line.
func (c *Conn) skipSpace() {
	for c.start < len(c.buf) && isSpace(c.buf[c.start]) {
		c.start++
	}
	c.scanned = max(c.scanned, c.start)
	if c.start == len(c.buf) {
		c.start, c.scanned = 0, 0
		if c.buf = c.buf[:0]; cap(c.buf) > bufferKept {
			c.buf = nil
		}
	}
}

func tooLong(most int) error { return &LimitError{Where: "line", Cap: "line", Max: most} }

// fill reads at least one byte, or sets pending.
func (c *Conn) fill() error {
	if c.start > 0 {
		n := copy(c.buf, c.buf[c.start:])
		c.buf = c.buf[:n]
		c.scanned -= c.start
		c.start = 0
	}
	if len(c.buf) == cap(c.buf) {
		// With room for a line end, readLine can tell that a line is too long.
		size := max(bufferSize, min(2*cap(c.buf), c.longest()+len("\r\n")))
		c.buf = append(make([]byte, 0, size), c.buf...)
	}
	for range emptyReads {
		n, err := c.rw.Read(c.buf[len(c.buf):cap(c.buf)])
		if n < 0 || n > cap(c.buf)-len(c.buf) {
			return fmt.Errorf("read: reader returned %d bytes", n)
		}
		c.buf = c.buf[:len(c.buf)+n]
		c.pending = err
		if n > 0 || err != nil {
			return nil
		}
	}
	return io.ErrNoProgress
}

// Write sends m as one line, in one call of the underlying writer. A message
// that cannot be written is refused and leaves the connection as it was; after
// an error of the writer, which may have cut the line, every later call returns
// that error.
func (c *Conn) Write(m Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writeErr != nil {
		return c.writeErr
	}
	b, err := Append(c.out[:0], m)
	if err != nil {
		return err
	}
	if len(b) > c.limits.Line {
		return &LimitError{Where: nameOf(m), Cap: "line", Max: c.limits.Line}
	}
	b = append(b, '\n')
	if c.out = b; cap(b) > bufferKept {
		c.out = nil
	}
	n, err := c.rw.Write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	c.writeErr = err
	return err
}
