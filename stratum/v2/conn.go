package v2

import (
	"fmt"
	"io"
	"sync"
)

const (
	bufferSize = 4 << 10  // of a fresh read buffer: most frames fit
	bufferKept = 64 << 10 // a buffer that a giant frame made larger is let go
	emptyReads = 100      // reads of nothing in a row before io.ErrNoProgress
)

// Conn reads and writes messages. One goroutine may read while any number write.
type Conn struct {
	rw  io.ReadWriter
	max int // bytes of payload

	// Owned by the reader.
	in      coder  // of the frame being read
	buf     []byte // bytes read; those before start are done with
	start   int    // where the current frame begins
	pending error  // came along with the last bytes
	broken  error  // a *LimitError: reading is over

	mu       sync.Mutex // guards the rest
	coder    coder      // of the frame being written
	out      []byte     // the frames to write
	writeErr error      // a frame may have been cut: writing is over
}

// NewConn returns a Conn over rw, which takes and sends no payload of more than
// maxPayload bytes; 0 stands for DefaultPayload. However large it is, no message
// may be larger than its fields can be. Closing rw, deadlines and encryption are
// the caller's.
func NewConn(rw io.ReadWriter, maxPayload int) *Conn {
	if maxPayload <= 0 {
		maxPayload = DefaultPayload
	}
	return &Conn{rw: rw, max: min(maxPayload, MaxPayload)}
}

// Read returns the next message; one whose type is unknown comes as an *Unknown.
//
// After a *FieldError the next call reads the next frame. A *LimitError is final:
// every later call returns it again. An error of the underlying reader, a
// deadline for instance, is returned as it came and loses no bytes, so that
// reading may be taken up again. The end of the stream is io.EOF between two
// frames and io.ErrUnexpectedEOF inside one.
func (c *Conn) Read() (Message, error) {
	if c.broken != nil {
		return nil, c.broken
	}
	if err := c.need(headerSize); err != nil {
		return nil, err
	}
	h := parseHeader(c.buf[c.start:])
	if err := h.check(c.max); err != nil {
		if limit, ok := err.(*LimitError); ok {
			limit.Text = isText(c.buf[c.start:][:headerSize])
		}
		c.broken, c.buf = err, nil
		return nil, err
	}
	if err := c.need(headerSize + h.length); err != nil {
		return nil, err
	}
	payload := c.buf[c.start+headerSize:][:h.length]
	c.start += headerSize + h.length
	m, err := c.in.message(h, payload)
	c.in = coder{} // holds nothing of m
	return m, err
}

// need reads until n bytes of the current frame are there.
func (c *Conn) need(n int) error {
	for len(c.buf)-c.start < n {
		if err := c.pending; err != nil {
			c.pending = nil
			if err == io.EOF && len(c.buf) > c.start {
				return io.ErrUnexpectedEOF
			}
			return err
		}
		if err := c.fill(n); err != nil {
			return err
		}
	}
	return nil
}

// fill reads at least one byte, or sets pending. The buffer grows towards a
// frame of n bytes as they come, not because they were announced.
func (c *Conn) fill(n int) error {
	kept := c.buf[c.start:]
	switch {
	case cap(c.buf) == 0, len(kept) == 0 && cap(c.buf) > bufferKept:
		c.buf = make([]byte, 0, bufferSize)
	case c.start > 0:
		c.buf = c.buf[:copy(c.buf, kept)]
	case len(kept) == cap(c.buf):
		c.buf = append(make([]byte, 0, min(2*cap(c.buf), n)), kept...)
	}
	c.start = 0
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

// isText reports whether b is printable ASCII, as the start of another protocol
// would be.
func isText(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// Write sends messages, each as a frame, in one call of the underlying writer.
// If one of them cannot be written none is, and the connection is as it was;
// after an error of the writer, which may have cut a frame, every later call
// returns that error.
func (c *Conn) Write(ms ...Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writeErr != nil {
		return c.writeErr
	}
	b := c.out[:0]
	for _, m := range ms {
		start, err := len(b), error(nil)
		b, err = c.coder.frame(b, m)
		c.coder = coder{} // holds nothing of m
		if err != nil {
			return err
		}
		if n := len(b) - start - headerSize; n > c.max {
			return &LimitError{Type: m.Type(), Size: n, Max: c.max}
		}
	}
	if c.out = b; cap(b) > bufferKept {
		c.out = nil
	}
	if len(b) == 0 {
		return nil
	}
	n, err := c.rw.Write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	c.writeErr = err
	return err
}
