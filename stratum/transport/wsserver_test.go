package transport_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gominer/stratum/transport"
)

const upgrade = "GET /x HTTP/1.1\r\nHost: pool\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"

// TestWebSocketServer: what a server says to clients that get no WebSocket, and
// of them.
func TestWebSocketServer(t *testing.T) {
	for name, test := range map[string]struct {
		request string
		status  int    // 0: it is not answered
		words   string // of the server's error
	}{
		"a browser":      {"GET /x HTTP/1.1\r\nHost: pool\r\n\r\n", 426, `asked for no WebSocket, but with HTTP for "GET /x"`},
		"a form":         {"POST /x HTTP/1.1\r\nHost: pool\r\nContent-Length: 3\r\n\r\na=b", 426, `"POST /x"`},
		"no path at all": {strings.Replace(upgrade, "/x", "/y\x7f", 1) + "\r\n", 0, "does not speak HTTP"},
		"a wrong path":   {strings.Replace(upgrade, "/x", "/y", 1) + "\r\n", 404, `asked for "/y", where there is no WebSocket`},
		"another site":   {upgrade + "Origin: http://evil.example.org\r\n\r\n", 403, "asked for no WebSocket"},
		"a pool's miner": {line, 0, "does not speak HTTP, and so no WebSocket"},
		"a giant":        {"GET /x HTTP/1.1\r\nX: " + strings.Repeat("x", 100_000), 0, "the client"},
		"nothing":        {"", 0, "the client closed the connection in the WebSocket handshake"},
	} {
		t.Run(name, func(t *testing.T) {
			l := listenWS(t, nil, transport.ServerConfig{Path: "/x"})
			seen := make(chan error, 1)
			serve(t, l, func(nc net.Conn) {
				_, err := nc.Read(make([]byte, 1))
				if _, again := nc.Write([]byte("x")); again != err {
					t.Errorf("then %v", again)
				}
				seen <- err
			})
			nc, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			_, _ = io.WriteString(nc, test.request)
			_ = nc.(*net.TCPConn).CloseWrite()
			wantError(t, <-seen, test.words)
			resp, err := http.ReadResponse(bufio.NewReader(nc), nil)
			if (err == nil) != (test.status != 0) {
				t.Fatalf("answer %v, %v", resp, err)
			}
			if err == nil {
				if resp.StatusCode != test.status || !resp.Close {
					t.Errorf("HTTP %d, close %v, want %d", resp.StatusCode, resp.Close, test.status)
				}
				_ = resp.Body.Close()
			}
		})
	}
	for path, words := range map[string]string{"x": "begin with a slash", "/x?y": "no query"} {
		_, err := transport.ListenWebSocket(nil, transport.ServerConfig{Path: path})
		wantError(t, err, words)
	}
	_, err := transport.ListenWebSocket(nil, transport.ServerConfig{Handshake: -1})
	wantError(t, err, "below 0")
}

// TestWebSocketDeadlines: both ends keep to their deadlines; what arrives after
// one is read by the next.
func TestWebSocketDeadlines(t *testing.T) {
	l := listenWS(t, nil, transport.ServerConfig{})
	late := make(chan error, 1)
	serve(t, l, func(nc net.Conn) {
		exchanged := make([]byte, len(line))
		_, err := io.ReadFull(nc, exchanged)
		_ = nc.SetDeadline(time.Unix(1, 0))
		_, err1 := nc.Read(exchanged[:1])
		_, err2 := nc.Write([]byte("x"))
		_ = nc.SetDeadline(time.Time{})
		late <- errors.Join(err, expired(err1), expired(err2))
		_, _ = nc.Write(exchanged)
		echo(nc)
	})
	c, err := dial(t, transport.Config{}, endpoint(l, transport.WebSocket))
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Unix(1, 0))
	_, err1 := c.Read(make([]byte, 1))
	_, err2 := c.Write([]byte("x"))
	if err := errors.Join(expired(err1), expired(err2)); err != nil {
		t.Error(err)
	}
	_ = c.SetDeadline(time.Now().Add(time.Hour))
	exchange(t, c, line)
	if err := <-late; err != nil {
		t.Error(err)
	}
	exchange(t, c, line)
}

// expired returns what is wrong with an error that should be a deadline's.
func expired(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return errors.Join(errors.New("not the deadline"), err)
}

// one is a listener that gives one connection.
type one struct {
	net.Listener
	nc net.Conn
}

func (o one) Accept() (net.Conn, error) { return o.nc, nil }

// upgraded is a connection to a server that gives a WebSocket and has said
// everything beforehand.
type upgraded struct {
	scripted
	frames []byte
	once   sync.Once
	begun  chan struct{} // closed when answer is there
}

func (u *upgraded) Write(b []byte) (int, error) {
	u.once.Do(func() {
		head := ""
		if req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b))); err == nil {
			sum := sha1.Sum([]byte(req.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
			head = "HTTP/1.1 101 OK\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " +
				base64.StdEncoding.EncodeToString(sum[:]) + "\r\n\r\n"
		}
		u.answer = bytes.NewReader(append([]byte(head), u.frames...))
		close(u.begun)
	})
	return len(b), nil
}

func (u *upgraded) Read(b []byte) (int, error) {
	<-u.begun
	return u.answer.Read(b)
}

// Close wakes nobody: what was said beforehand ends by itself.
func (u *upgraded) Close() error { return nil }

var frames = []string{
	"\x81\x02{}", "\x01\x01{\x80\x02}\n", "\x82\x00", "\x89\x04ping\x81\x02[]", "\x88\x02\x03\xe8", "\x88\x09\x03\xf0\x1b[31mno",
	"\x81\x7e\xff\xff{", "\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff", "\x81\x7f\x00\x00\x00\x00\x00\x50\x00\x00x", "\xf1\x02{}", "\x83\x00", "\x80\x01x", "\x88\x01\x03",
}

// FuzzWebSocketClient: whatever frames a server sends, there are bytes to read,
// then one error that can be shown.
func FuzzWebSocketClient(f *testing.F) {
	for _, s := range frames {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, frames []byte) {
		nc := &upgraded{frames: frames, begun: make(chan struct{})}
		d, err := transport.New(transport.Config{Dial: func(context.Context, string, string) (net.Conn, error) { return nc, nil }})
		if err != nil {
			t.Fatal(err)
		}
		c, err := d.Dial(t.Context(), transport.Endpoint{Protocol: transport.WebSocket, Host: "pool.invalid", Port: 80})
		if err != nil {
			t.Fatal(err)
		}
		drain(t, c, len(frames))
	})
}

// FuzzWebSocketServer: the same for what clients send, their request included.
func FuzzWebSocketServer(f *testing.F) {
	for _, s := range frames {
		b := []byte(s)
		b[1] |= 0x80 // masked, with zeros
		size := 2
		switch b[1] & 0x7f {
		case 126:
			size = 4
		case 127:
			size = 10
		}
		f.Add(slices.Concat([]byte(upgrade+"\r\n"), b[:size], make([]byte, 4), b[size:]))
	}
	f.Add([]byte(line))
	f.Add([]byte("GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: -1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, said []byte) {
		l, err := transport.ListenWebSocket(one{nc: &scripted{answer: bytes.NewReader(said)}}, transport.ServerConfig{})
		if err != nil {
			t.Fatal(err)
		}
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		drain(t, c, len(said))
	})
}

// drain reads everything and closes c. size is how much was sent.
func drain(t *testing.T, c net.Conn, size int) {
	n, err := io.Copy(io.Discard, c)
	if n > 2*int64(size) {
		t.Errorf("%d bytes out of %d", n, size)
	}
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		wantError(t, err, "the ")
	}
	_ = c.Close()
}
