package record

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
)

// Conn returns nc as a connection that records each line that self, this side,
// writes and that the other side sends; nc itself on a nil Tap. Closing it does
// not end the recording: Close of the Tap knows the reason.
func (t *Tap) Conn(nc net.Conn, self Side) net.Conn {
	if t == nil {
		return nc
	}
	return &conn{nc, t, self}
}

type conn struct {
	net.Conn
	tap  *Tap
	self Side
}

func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 && n <= len(b) {
		c.tap.bytes(c.self.Other(), b[:n])
	}
	switch {
	case err == nil, errors.Is(err, os.ErrDeadlineExceeded):
	case errors.Is(err, net.ErrClosed), errors.Is(err, io.ErrClosedPipe):
		c.tap.hungUp(c.self)
	default:
		c.tap.hungUp(c.self.Other())
	}
	return n, err
}

// Close notes that this side closes, unless the other was seen to have done so: a
// reader may not come to see it.
func (c *conn) Close() error {
	c.tap.hungUp(c.self)
	return c.Conn.Close()
}

// Write records before it writes, so that an answer cannot come first.
func (c *conn) Write(b []byte) (int, error) {
	c.tap.bytes(c.self, b)
	return c.Conn.Write(b)
}

// mostLine is how much of a line is kept, in bytes: more than any line that
// either side of gominer takes.
const mostLine = 1<<20 + 1

// splitter cuts a stream into lines.
type splitter struct {
	part []byte // of a line whose end has not come
	skip bool   // what comes of it is too much
}

// add calls line for each line that ends in b, and once for one that grows too
// long. The argument of line is valid until it returns.
func (s *splitter) add(b []byte, line func(b []byte, cut bool)) {
	for len(b) > 0 {
		end := bytes.IndexByte(b, '\n')
		part := b
		if end >= 0 {
			part = b[:end]
		}
		if room := mostLine - len(s.part); !s.skip && len(part) > room {
			line(append(s.part, part[:room]...), true)
			s.part, s.skip = nil, true
		}
		if end < 0 {
			if !s.skip {
				s.part = append(s.part, part...)
			}
			return
		}
		whole := part
		if len(s.part) > 0 {
			whole = append(s.part, part...)
		}
		whole = bytes.TrimRight(whole, "\r")
		if !s.skip && len(bytes.TrimSpace(whole)) > 0 {
			line(whole, false)
		}
		s.part, s.skip = nil, false
		b = b[end+1:]
	}
}

// end calls line for what has come of a line without an end.
func (s *splitter) end(line func(b []byte)) {
	if len(s.part) > 0 {
		line(s.part)
	}
	s.part = nil
}
