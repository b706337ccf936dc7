package transport

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// ListenWebSocket returns a listener of WebSockets over the connections of l,
// which may be one of ListenTLS, and answers everything else that is asked over
// HTTP with an error. Like ListenTLS it leaves the handshake to the first read or
// write. A page of another site that a browser shows is refused.
//
// Errors name the field of cfg that is wrong.
func ListenWebSocket(l net.Listener, cfg ServerConfig) (net.Listener, error) {
	if cfg.Path != "" {
		if err := (Endpoint{Protocol: WebSocket, Host: "localhost", Port: 1, Path: cfg.Path}).Validate(); err != nil {
			return nil, err
		}
		if strings.Contains(cfg.Path, "?") {
			return nil, errors.New("a server's path has no query")
		}
	}
	if cfg.Handshake < 0 {
		return nil, errors.New("a time-out is below 0")
	}
	w := &wsListener{Listener: l, path: cfg.Path, limit: cfg.Handshake, heartbeat: cfg.Heartbeat}
	if w.limit == 0 {
		w.limit = DefaultServerHandshake
	}
	if w.heartbeat == 0 {
		w.heartbeat = DefaultServerHeartbeat
	}
	return w, nil
}

type wsListener struct {
	net.Listener
	path      string
	limit     time.Duration
	heartbeat time.Duration
}

func (l *wsListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &wsServerConn{Conn: nc, from: l}, nil
}

// wsServerConn is a server's end of a WebSocket.
type wsServerConn struct {
	net.Conn // below
	from     *wsListener

	once   sync.Once
	failed error // why there is no WebSocket

	mu     sync.Mutex // guards the rest
	ws     *wsConn    // nil before the handshake is over
	closed bool
	until  time.Time // when the handshake has to be over; zero before and after
	read   time.Time // deadline
	write  time.Time // deadline
}

// shake shakes hands, the first time, and returns the WebSocket.
func (c *wsServerConn) shake() (*wsConn, error) {
	c.once.Do(func() {
		c.begin()
		ws, err := c.upgrade()
		c.mu.Lock()
		defer c.mu.Unlock()
		if err == nil && c.closed {
			err = net.ErrClosed
		}
		if err != nil {
			c.failed = err
			_ = c.Conn.Close()
			return
		}
		// From here on deadlines are the WebSocket's.
		c.until = time.Time{}
		_ = c.Conn.SetDeadline(time.Time{})
		c.ws = newWSConn(c.Conn, ws, true, c.from.heartbeat)
		_ = c.ws.SetReadDeadline(c.read)
		_ = c.ws.SetWriteDeadline(c.write)
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ws, c.failed
}

// begin gives the handshake its time.
func (c *wsServerConn) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until = time.Now().Add(c.from.limit)
	_ = c.Conn.SetWriteDeadline(c.until)
	c.setReadDeadline()
}

// setReadDeadline passes the deadline of reading on; c.mu is held.
func (c *wsServerConn) setReadDeadline() error {
	t := c.read
	if !c.until.IsZero() && (t.IsZero() || c.until.Before(t)) {
		t = c.until
	}
	return c.Conn.SetReadDeadline(t)
}

// upgrade reads the client's request and answers it.
func (c *wsServerConn) upgrade() (*websocket.Conn, error) {
	br := bufio.NewReader(&io.LimitedReader{R: c.Conn, N: mostAnswer})
	req, err := http.ReadRequest(br)
	if err != nil {
		return nil, explainRequest(err)
	}
	_ = req.Body.Close() // a request for a WebSocket has none, and others are not read
	w := &responder{to: c.Conn, br: br, header: make(http.Header)}
	if c.from.path != "" && req.URL.EscapedPath() != c.from.path {
		http.Error(w, "there is no WebSocket here", http.StatusNotFound)
		_ = w.finish()
		return nil, errorf(nil, "the client asked for %s, where there is no WebSocket", quote(req.URL.Path))
	}
	ws, err := websocket.Accept(w, req, nil)
	if err != nil {
		_ = w.finish()
		return nil, errorf(err, "the client asked for no WebSocket, but with HTTP for %s", quote(req.Method+" "+req.URL.Path))
	}
	return ws, nil
}

// explainRequest says why there was no request.
func explainRequest(err error) error {
	var ours *Error
	if errors.As(err, &ours) {
		return ours
	}
	if cut := explainCut(err, "client", "the WebSocket handshake"); cut != nil {
		return cut
	}
	return errorf(err, "the client does not speak HTTP, and so no WebSocket")
}

func (c *wsServerConn) Read(b []byte) (int, error) {
	ws, err := c.shake()
	if err != nil {
		return 0, err
	}
	return ws.Read(b)
}

func (c *wsServerConn) Write(b []byte) (int, error) {
	ws, err := c.shake()
	if err != nil {
		return 0, err
	}
	return ws.Write(b)
}

// Close ends the WebSocket, or the connection if there is none yet.
func (c *wsServerConn) Close() error {
	c.mu.Lock()
	ws := c.ws
	c.closed = true
	c.mu.Unlock()
	if ws != nil {
		return ws.Close()
	}
	return c.Conn.Close()
}

func (c *wsServerConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

func (c *wsServerConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read = t
	if c.ws != nil {
		return c.ws.SetReadDeadline(t)
	}
	return c.setReadDeadline()
}

func (c *wsServerConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.write = t
	if c.ws != nil {
		return c.ws.SetWriteDeadline(t)
	}
	return nil // the handshake has its own
}

// Info says how the connection goes, once hands are shaken.
func (c *wsServerConn) Info() Info {
	info := InfoOf(c.Conn)
	info.Protocol = WebSocket
	if info.TLS != nil {
		info.Protocol = SecureWebSocket
	}
	return info
}

// responder is the http.ResponseWriter of the one request of a connection.
type responder struct {
	to     net.Conn
	br     *bufio.Reader
	header http.Header
	status int
	body   bytes.Buffer
	taken  bool // what was answered is out, and the connection another's
}

func (w *responder) Header() http.Header { return w.header }

func (w *responder) WriteHeader(status int) { w.status = status }

func (w *responder) Write(b []byte) (int, error) { return w.body.Write(b) }

// Hijack answers and gives the connection away.
func (w *responder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.taken = true
	if err := w.send(); err != nil {
		return nil, nil, err
	}
	return w.to, bufio.NewReadWriter(w.br, bufio.NewWriter(w.to)), nil
}

// finish answers, unless that was done.
func (w *responder) finish() error {
	if w.taken {
		return nil
	}
	w.header.Set("Connection", "close")
	return w.send()
}

func (w *responder) send() error {
	resp := http.Response{
		StatusCode: w.status, ProtoMajor: 1, ProtoMinor: 1, Header: w.header,
		ContentLength: int64(w.body.Len()), Body: io.NopCloser(&w.body),
	}
	var out bytes.Buffer
	if err := resp.Write(&out); err != nil {
		return err
	}
	_, err := w.to.Write(out.Bytes())
	return err
}
