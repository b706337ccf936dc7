package v1

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
)

const (
	bufferSize   = 4 << 10  // of a fresh read buffer: most lines fit
	bufferKept   = 64 << 10 // a buffer that a giant line made larger is let go
	emptyReads   = 100      // reads of nothing in a row before io.ErrNoProgress
	carriageLine = 1        // the \r that may stand before \n
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

// Read returns the next message. Lines end in \n or \r\n; empty ones are
// skipped.
//
// After a *FieldError the next call reads the next line. A *ProtocolError or a
// *LimitError is final: every later call returns it again. An error of the
// underlying reader, a deadline for instance, is returned as it came and loses
// no bytes, so that reading may be taken up again. The end of the stream is
// io.EOF between two lines and io.ErrUnexpectedEOF inside one, even if all but
// its line end has come.
//
// A line that does not begin as an object is refused at its first byte, without
// waiting for its end: a TLS client or a browser on a plain port sends none.
func (c *Conn) Read() (Message, error) {
	if c.broken != nil {
		return nil, c.broken
	}
	for {
		line, err := c.readLine()
		if err == nil {
			if len(line) == 0 {
				continue
			}
			var m Message
			if m, err = parse(line, &c.limits); err == nil {
				return m, nil
			}
		}
		if isFinal(err) {
			c.broken, c.buf = err, nil
		}
		return nil, err
	}
}

func isFinal(err error) bool {
	var p *ProtocolError
	var l *LimitError
	return errors.As(err, &p) || errors.As(err, &l)
}

// readLine returns the next line without its end and without white space at
// either side. It is valid until the next call.
func (c *Conn) readLine() ([]byte, error) {
	if c.start == len(c.buf) {
		c.start, c.scanned = 0, 0
		if cap(c.buf) > bufferKept {
			c.buf = nil
		}
		c.buf = c.buf[:0]
	}
	for {
		if i := bytes.IndexByte(c.buf[c.scanned:], '\n'); i >= 0 {
			line := c.buf[c.start : c.scanned+i]
			c.start = c.scanned + i + 1
			c.scanned = c.start
			return c.finish(line)
		}
		c.scanned = len(c.buf)

		part := c.buf[c.start:]
		if open := bytes.TrimLeft(part, " \t\r"); len(open) > 0 && open[0] != '{' {
			return nil, notObject(open)
		}
		if len(part) > c.limits.Line+carriageLine {
			return nil, c.tooLong()
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

func (c *Conn) finish(line []byte) ([]byte, error) {
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) > c.limits.Line {
		return nil, c.tooLong()
	}
	return bytes.Trim(line, " \t\r"), nil
}

func (c *Conn) tooLong() error {
	return &LimitError{Where: "line", Cap: "line", Max: c.limits.Line}
}

// fill reads at least one byte, or sets pending.
func (c *Conn) fill() error {
	if c.start > 0 {
		n := copy(c.buf, c.buf[c.start:])
		c.buf = c.buf[:n]
		c.scanned -= c.start
		c.start = 0
	}
	if len(c.buf) == cap(c.buf) {
		// One byte more than the longest line lets readLine see that it is too long.
		size := max(bufferSize, min(2*cap(c.buf), c.limits.Line+carriageLine+1))
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
