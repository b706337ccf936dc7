package noise

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"
)

// Sizes of §4.6. A frame is sealed as its header, and then its payload in blocks
// of as much as a Noise message holds.
const (
	headerSize = 2 + 1 + 3            // extension type, message type, length
	lengthAt   = 2 + 1                // where the length begins, little-endian
	maxBox     = 65535                // ciphertext of a block
	maxPlain   = maxBox - tagSize     // 65519
	headerBox  = headerSize + tagSize // 22
)

const (
	bufferSize = 4 << 10            // of a fresh read buffer: most frames fit
	writeSize  = headerBox + maxBox // bytes gathered before they are written
	emptyReads = 100                // reads of nothing in a row before io.ErrNoProgress
)

// ErrFrame says that what was to be written is not a sequence of whole frames.
var ErrFrame = errors.New("not whole frames")

// Conn is an encrypted connection. What is written to it and read from it is
// plaintext: frames, each a header of six bytes and the payload whose length the
// header gives.
//
// One goroutine may read while any number write; each direction has a lock of
// its own. Writes don't mix.
type Conn struct {
	conn net.Conn
	cert Certificate
	rx   receiver
	tx   sender
}

var _ net.Conn = (*Conn)(nil)

// receiver is the reading half of a Conn.
type receiver struct {
	mu      sync.Mutex // guards the rest
	cipher  cipherState
	buf     []byte // from start on: ciphertext that came and is not opened yet
	start   int
	plain   []byte // opened and not handed over yet, in buf before start
	left    int    // bytes of the payload whose blocks are not opened yet
	pending error  // came along with the last bytes
	broken  error  // reading is over
}

// sender is the writing half of a Conn.
type sender struct {
	mu     sync.Mutex // guards the rest
	cipher cipherState
	out    []byte // sealed, not written yet
	broken error  // a frame may have been cut: any write error makes all future writes fail
}

func newConn(conn net.Conn, cert Certificate, send, receive cipherState) *Conn {
	return &Conn{conn: conn, cert: cert, rx: receiver{cipher: receive}, tx: sender{cipher: send}}
}

// Certificate returns what the server showed. A client that had no
// Config.Authority has not checked it.
func (c *Conn) Certificate() Certificate { return c.cert }

// Read reads plaintext. An error of the underlying connection, such as a
// deadline that passed, is returned as it came and loses no bytes, so that
// reading may be taken up again. Bytes that the peer did not seal are final: the
// connection is closed, and every later call returns the same error. The end of
// the stream is io.EOF between two frames and io.ErrUnexpectedEOF inside one.
func (c *Conn) Read(p []byte) (int, error) {
	rx := &c.rx
	rx.mu.Lock()
	defer rx.mu.Unlock()
	if len(p) == 0 {
		return 0, rx.broken
	}
	for len(rx.plain) == 0 {
		if rx.broken != nil {
			return 0, rx.broken
		}
		if err := rx.next(c.conn); err != nil {
			return 0, err
		}
		if rx.broken != nil {
			_ = c.conn.Close()
		}
	}
	n := copy(p, rx.plain)
	rx.plain = rx.plain[n:]
	return n, nil
}

// next opens the next block, a header or a part of a payload. A block that can't
// be opened sets broken.
func (r *receiver) next(conn io.Reader) error {
	size := headerBox
	if r.left > 0 {
		size = min(r.left, maxPlain) + tagSize
	}
	for len(r.buf)-r.start < size {
		if err := r.pending; err != nil {
			r.pending = nil
			if err == io.EOF && (r.left > 0 || len(r.buf) > r.start) {
				return io.ErrUnexpectedEOF
			}
			return err
		}
		if err := r.fill(conn, size); err != nil {
			return err
		}
	}
	box := r.buf[r.start : r.start+size]
	r.start += size
	plain, err := r.cipher.open(nil, box)
	if err != nil {
		r.forget(fmt.Errorf("noise: block %d: %w", r.cipher.n, err))
		return nil
	}
	if r.left > 0 {
		r.left -= len(plain)
	} else {
		r.left = payloadSize(plain)
	}
	r.plain = plain
	return nil
}

// fill reads at least one byte, or sets pending. The buffer is made to hold a
// block of the given size, and let go when it was large and is empty.
func (r *receiver) fill(conn io.Reader, size int) error {
	kept := r.buf[r.start:]
	switch {
	case size > bufferSize && size > cap(r.buf):
		r.buf = append(make([]byte, 0, maxBox), kept...)
	case cap(r.buf) == 0, len(kept) == 0 && r.left == 0 && cap(r.buf) > bufferSize:
		r.buf = make([]byte, 0, bufferSize)
	case r.start > 0:
		r.buf = r.buf[:copy(r.buf, kept)]
	}
	r.start = 0
	for range emptyReads {
		n, err := conn.Read(r.buf[len(r.buf):cap(r.buf)])
		if n < 0 || n > cap(r.buf)-len(r.buf) {
			return fmt.Errorf("noise: reader returned %d bytes", n)
		}
		r.buf = r.buf[:len(r.buf)+n]
		r.pending = err
		if n > 0 || err != nil {
			return nil
		}
	}
	return io.ErrNoProgress
}

// forget lets go of the key and of what was received.
func (r *receiver) forget(err error) {
	clear(r.buf[:cap(r.buf)])
	r.cipher, r.buf, r.start, r.plain, r.broken = cipherState{}, nil, 0, nil, err
}

// payloadSize returns the length that a header gives.
func payloadSize(header []byte) int {
	b := header[lengthAt:headerSize]
	return int(b[0]) | int(b[1])<<8 | int(b[2])<<16
}

// Write seals and sends p, which must be one or more whole frames; otherwise
// nothing is sent and the error wraps ErrFrame. Any other error, a deadline that
// passed among them, is final: a frame may have been cut, so all later writes
// return it again.
func (c *Conn) Write(p []byte) (int, error) {
	if err := checkFrames(p); err != nil {
		return 0, err
	}
	tx := &c.tx
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.broken == nil {
		tx.broken = tx.write(c.conn, p)
		if cap(tx.out) > bufferSize {
			tx.out = nil
		}
	}
	if tx.broken != nil {
		return 0, tx.broken
	}
	return len(p), nil
}

func checkFrames(p []byte) error {
	for at := 0; at < len(p); {
		rest := p[at:]
		if len(rest) < headerSize || len(rest)-headerSize < payloadSize(rest) {
			return fmt.Errorf("noise: write of %d bytes: %w: the one at byte %d is cut", len(p), ErrFrame, at)
		}
		at += headerSize + payloadSize(rest)
	}
	return nil
}

func (s *sender) write(conn io.Writer, p []byte) error {
	for len(p) > 0 {
		payload := p[headerSize:][:payloadSize(p)]
		if err := s.seal(conn, p[:headerSize]); err != nil {
			return err
		}
		p = p[headerSize+len(payload):]
		for len(payload) > 0 {
			n := min(len(payload), maxPlain)
			if err := s.seal(conn, payload[:n]); err != nil {
				return err
			}
			payload = payload[n:]
		}
	}
	return s.flush(conn)
}

// seal adds a block to out, for which it makes room.
func (s *sender) seal(conn io.Writer, plain []byte) (err error) {
	if len(s.out)+len(plain)+tagSize > writeSize {
		if err := s.flush(conn); err != nil {
			return err
		}
	}
	s.out = slices.Grow(s.out, len(plain)+tagSize) // the cipher would by no more than it needs, each time
	s.out, err = s.cipher.seal(s.out, nil, plain)
	if err != nil {
		err = fmt.Errorf("noise: block %d: %w", s.cipher.n, err)
	}
	return err
}

func (s *sender) flush(conn io.Writer) error {
	if len(s.out) == 0 {
		return nil
	}
	n, err := conn.Write(s.out)
	if err == nil && n < len(s.out) {
		err = io.ErrShortWrite
	}
	s.out = s.out[:0]
	return err
}

func (s *sender) forget(err error) {
	s.cipher, s.out, s.broken = cipherState{}, nil, err
}

// Close closes the connection and lets go of its keys. Reads and writes that are
// under way end.
func (c *Conn) Close() error {
	err := c.conn.Close()
	c.rx.mu.Lock()
	c.rx.forget(net.ErrClosed)
	c.rx.mu.Unlock()
	c.tx.mu.Lock()
	c.tx.forget(net.ErrClosed)
	c.tx.mu.Unlock()
	return err
}

// LocalAddr returns the address of this end.
func (c *Conn) LocalAddr() net.Addr { return c.conn.LocalAddr() }

// RemoteAddr returns the address of the other end.
func (c *Conn) RemoteAddr() net.Addr { return c.conn.RemoteAddr() }

// SetDeadline sets the deadlines of reading and of writing.
func (c *Conn) SetDeadline(t time.Time) error { return c.conn.SetDeadline(t) }

// SetReadDeadline sets when a Read gives up; another may go on from there.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.conn.SetReadDeadline(t) }

// SetWriteDeadline sets when a Write gives up; there is no other after it.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.conn.SetWriteDeadline(t) }
