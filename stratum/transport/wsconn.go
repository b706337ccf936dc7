package transport

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

const (
	// mostMessage bounds a message of a WebSocket, in bytes. It is passed on as it
	// comes, whatever its size; a line's size is for the reader to bound.
	mostMessage = 16 << 20

	// chunk is how much of a message is passed on at a time, in bytes.
	chunk = 4 << 10

	// closeTime is how long the other side may take to say good-bye too.
	closeTime = 250 * time.Millisecond
)

// wsConn is a WebSocket as a net.Conn of lines. What is written in one call goes
// as one text message. What is read are the messages one after another, text or
// binary; where one ends behind a complete value of JSON without a line end, that
// is supplied.
//
// The library that speaks the protocol gives a connection up as soon as a read or
// a write is interrupted. So messages are read by a goroutine, into a pipe with
// deadlines of its own, and there is always somebody who reads pongs. Another
// goroutine sends pings. Close waits for both.
type wsConn struct {
	nc     net.Conn // below
	ws     *websocket.Conn
	server bool // its other side is a client

	out   net.Conn // end of the pipe that Read reads
	stop  context.CancelFunc
	tasks sync.WaitGroup
	close sync.Once
	after error // of Close

	write sync.Mutex // held by the Write in progress

	mu      sync.Mutex // guards the rest
	why     error      // why there is nothing more to read
	until   time.Time  // deadline of writing; zero: none
	expire  *time.Timer
	expired context.CancelCauseFunc // of the Write in progress; nil: there is none
}

// newWSConn returns ws, which speaks over nc, as a net.Conn.
func newWSConn(nc net.Conn, ws *websocket.Conn, server bool, heartbeat time.Duration) *wsConn {
	ws.SetReadLimit(mostMessage)
	ctx, stop := context.WithCancel(context.Background())
	in, out := net.Pipe()
	c := &wsConn{nc: nc, ws: ws, server: server, out: out, stop: stop}
	c.tasks.Go(func() {
		c.end(c.pump(ctx, in))
		_ = in.Close()
	})
	if heartbeat > 0 {
		c.tasks.Go(func() { c.beat(ctx, heartbeat) })
	}
	return c
}

// peer names the other side.
func (c *wsConn) peer() string {
	if c.server {
		return "client"
	}
	return "server"
}

// end notes why there is nothing more to read. The first reason counts.
func (c *wsConn) end(why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.why == nil {
		c.why = why
	}
}

// pump passes messages on until there are no more, and returns why.
func (c *wsConn) pump(ctx context.Context, to io.Writer) error {
	var lines lineEnds
	buf := make([]byte, chunk+1)
	for {
		_, message, err := c.ws.Reader(ctx)
		if err != nil {
			return c.explain(err)
		}
		for err == nil {
			var n int
			n, err = message.Read(buf[:chunk])
			lines.take(buf[:n])
			if err == io.EOF && lines.missing() {
				buf[n] = '\n'
				n++
			}
			if n == 0 {
				continue
			}
			if _, failed := to.Write(buf[:n]); failed != nil {
				return net.ErrClosed
			}
		}
		if err != io.EOF {
			return c.explain(err)
		}
	}
}

// explain says why a WebSocket has ended.
func (c *wsConn) explain(err error) error {
	var bye websocket.CloseError
	switch {
	case errors.As(err, &bye):
		switch {
		case bye.Code == websocket.StatusNormalClosure, bye.Code == websocket.StatusGoingAway, bye.Code == websocket.StatusNoStatusRcvd:
			return io.EOF
		case bye.Reason != "":
			return errorf(err, "the %s closed the WebSocket (status %d): %s", c.peer(), bye.Code, quote(bye.Reason))
		}
		return errorf(err, "the %s closed the WebSocket (status %d)", c.peer(), bye.Code)
	case errors.Is(err, websocket.ErrMessageTooBig):
		return errorf(err, "the %s sent a WebSocket message of more than %d bytes", c.peer(), mostMessage)
	case errors.Is(err, io.EOF):
		return io.EOF
	case errors.Is(err, io.ErrUnexpectedEOF):
		return io.ErrUnexpectedEOF
	}
	var op *net.OpError
	var ours *Error
	if errors.As(err, &op) || errors.As(err, &ours) || errors.Is(err, net.ErrClosed) {
		return err
	}
	text := err.Error() // of the protocol; the library wraps it in what it was doing
	if i := strings.LastIndex(text, ": "); i >= 0 {
		text = text[i+len(": "):]
	}
	return errorf(err, "the %s broke the rules of WebSocket: %s", c.peer(), quoteBare(text))
}

// beat sends pings until one is not answered in time.
func (c *wsConn) beat(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		sub, cancel := context.WithTimeout(ctx, every)
		err := c.ws.Ping(sub)
		cancel()
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			c.end(errorf(err, "the %s did not answer a ping within %v", c.peer(), every))
			_ = c.nc.Close() // wakes the pump
			return
		case err != nil: // the pump finds out why
			return
		}
	}
}

// Read reads from the messages.
func (c *wsConn) Read(b []byte) (int, error) {
	n, err := c.out.Read(b)
	if err == io.EOF {
		c.mu.Lock()
		defer c.mu.Unlock()
		err = c.why
	} else if errors.Is(err, io.ErrClosedPipe) {
		err = net.ErrClosed
	}
	return n, err
}

// Write sends b as one message. After a deadline that has passed in the middle
// nothing more can be sent, or read.
func (c *wsConn) Write(b []byte) (int, error) {
	c.write.Lock()
	defer c.write.Unlock()
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	c.mu.Lock()
	if c.isLate() {
		c.mu.Unlock()
		return 0, os.ErrDeadlineExceeded
	}
	c.expired = cancel
	c.arm()
	c.mu.Unlock()

	err := c.ws.Write(ctx, websocket.MessageText, b)

	c.mu.Lock()
	defer c.mu.Unlock()
	c.expired = nil
	c.arm()
	switch {
	case err == nil:
		return len(b), nil
	case context.Cause(ctx) != nil:
		return 0, context.Cause(ctx)
	case c.why != nil && c.why != io.EOF:
		return 0, c.why
	}
	return 0, err
}

// isLate reports whether the deadline of writing has passed; c.mu is held.
func (c *wsConn) isLate() bool { return !c.until.IsZero() && !time.Now().Before(c.until) }

// arm lets the Write in progress, if there is one, end at its deadline; c.mu is
// held.
func (c *wsConn) arm() {
	if c.expire != nil {
		c.expire.Stop()
		c.expire = nil
	}
	if c.expired != nil && !c.until.IsZero() {
		expired := c.expired
		c.expire = time.AfterFunc(time.Until(c.until), func() { expired(os.ErrDeadlineExceeded) })
	}
}

// Close says good-bye, does not wait long for the answer, and closes the
// connection.
func (c *wsConn) Close() error {
	c.close.Do(func() {
		c.end(net.ErrClosed)
		_ = c.out.Close() // a pump that nobody reads from goes on
		cut := time.AfterFunc(closeTime, func() { _ = c.nc.Close() })
		_ = c.ws.Close(websocket.StatusNormalClosure, "")
		cut.Stop()
		c.stop()
		c.after = c.nc.Close()
		if errors.Is(c.after, net.ErrClosed) { // the library has done it
			c.after = nil
		}
		c.tasks.Wait()
	})
	return c.after
}

func (c *wsConn) LocalAddr() net.Addr  { return c.nc.LocalAddr() }
func (c *wsConn) RemoteAddr() net.Addr { return c.nc.RemoteAddr() }

func (c *wsConn) SetDeadline(t time.Time) error {
	_ = c.SetWriteDeadline(t)
	return c.SetReadDeadline(t)
}

func (c *wsConn) SetReadDeadline(t time.Time) error { return c.out.SetReadDeadline(t) }

func (c *wsConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until = t
	c.arm()
	return nil
}

// lineEnds knows whether a line is an object or an array of JSON that is complete
// without having a line end.
type lineEnds struct {
	depth  int  // of brackets that are open
	text   bool // inside a string
	escape bool // behind a backslash in one
	whole  bool // the brackets have been closed
}

// take goes through the next bytes.
func (l *lineEnds) take(b []byte) {
	for _, c := range b {
		switch {
		case c == '\n': // not in a string of JSON: whatever was open, the line is over
			*l = lineEnds{}
		case l.escape:
			l.escape = false
		case l.text:
			l.escape = c == '\\'
			l.text = c != '"'
		case c == '"':
			l.text = true
		case c == '{' || c == '[':
			l.depth++
			l.whole = false
		case c == '}' || c == ']':
			l.depth--
			l.whole = l.depth == 0
		}
	}
}

// missing reports, at the end of a message, whether a line is complete but for
// its end, which counts as supplied then.
func (l *lineEnds) missing() bool {
	if !l.whole || l.text {
		return false
	}
	*l = lineEnds{}
	return true
}
