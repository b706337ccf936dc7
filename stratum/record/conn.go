package record

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
)

// Lines returns nc as a connection that records each line of Stratum V1 that
// self, this side, writes and that the other side sends; nc itself on a nil Tap.
// Closing it does not end the recording: Close of the Tap knows the reason.
func (t *Tap) Lines(nc net.Conn, self Side) net.Conn {
	if t == nil {
		return nc
	}
	return &conn{Conn: nc, tap: t, self: self, note: t.bytesOfLines}
}

// Frames is Lines for the frames of Stratum V2, as they are before encryption.
func (t *Tap) Frames(nc net.Conn, self Side) net.Conn {
	if t == nil {
		return nc
	}
	return &conn{Conn: nc, tap: t, self: self, note: t.bytesOfFrames}
}

type conn struct {
	net.Conn
	tap  *Tap
	self Side
	note func(from Side, b []byte)
}

func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 && n <= len(b) {
		c.note(c.self.Other(), b[:n])
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
	c.note(c.self, b)
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

const (
	headerSize = 2 + 1 + 3 // bytes of a frame: extension, type, length of the payload
	channelBit = 0x8000    // of the extension: the payload begins with a channel's id

	// mostFrame is how much of a frame is kept, in bytes: more than any that either
	// side of gominer takes by default.
	mostFrame = 1 << 20
)

// framer cuts a stream into frames.
type framer struct {
	part []byte // of a frame, at most mostFrame
	size int    // of that frame, header included; 0: the header is not there yet
	came int    // bytes of it
}

// add calls frame for each frame that ends in b. The argument of frame is valid
// until it returns.
func (f *framer) add(b []byte, frame func(b []byte, cut bool)) {
	for len(b) > 0 {
		want := f.size
		if want == 0 {
			want = headerSize
		}
		n := min(want-f.came, len(b))
		f.part = append(f.part, b[:max(0, min(n, mostFrame-len(f.part)))]...)
		f.came += n
		b = b[n:]
		if f.came == headerSize && f.size == 0 {
			f.size = headerSize + int(f.part[3]) + int(f.part[4])<<8 + int(f.part[5])<<16
		}
		if f.came == f.size {
			frame(f.part, f.came > len(f.part))
			*f = framer{}
		}
	}
}

// end calls frame for what has come of a frame without its end.
func (f *framer) end(frame func(b []byte)) {
	if len(f.part) > 0 {
		frame(f.part)
	}
	*f = framer{}
}

// typeOf returns the type of a frame: its extension in the upper bits, the number
// of its message among that extension's in the lower eight. What is too short has
// none.
func typeOf(frame []byte) uint32 {
	if len(frame) < headerSize {
		return 0
	}
	extension := uint32(frame[0]) | uint32(frame[1])<<8
	return extension&^channelBit<<8 | uint32(frame[2])
}
