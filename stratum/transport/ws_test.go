package transport_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"gominer/stratum/transport"
)

// listenWS returns a listener of WebSockets on loopback, over TLS if id is not
// nil.
func listenWS(t *testing.T, id *identity, cfg transport.ServerConfig) net.Listener {
	t.Helper()
	l := listen(t)
	var err error
	if id != nil {
		cert, key := id.files(t)
		cfg.Identity = identityOf(t, cert, key)
		if l, err = transport.ListenTLS(l, cfg); err != nil {
			t.Fatal(err)
		}
	}
	if l, err = transport.ListenWebSocket(l, cfg); err != nil {
		t.Fatal(err)
	}
	return l
}

// TestWebSocket: both of our ends, plain and encrypted.
func TestWebSocket(t *testing.T) {
	id := issue(t, nil, nil)
	for name, test := range map[string]struct {
		id         *identity
		protocol   transport.Protocol
		path       string
		encryption string
	}{
		"ws":            {protocol: transport.WebSocket},
		"ws with path":  {protocol: transport.WebSocket, path: "/stratum"},
		"wss":           {id: id, protocol: transport.SecureWebSocket, encryption: "pinned"},
		"wss with path": {id: id, protocol: transport.SecureWebSocket, path: "/a/b", encryption: "pinned"},
	} {
		t.Run(name, func(t *testing.T) {
			l := listenWS(t, test.id, transport.ServerConfig{Path: test.path})
			infos := make(chan transport.Info, 1)
			serve(t, l, func(nc net.Conn) {
				echo(nc)
				infos <- transport.InfoOf(nc)
			})
			to := endpoint(l, test.protocol)
			if to.Path = test.path; to.Path != "" {
				to.Path += "?token=x"
			}
			c, err := dial(t, transport.Config{TLS: transport.TLSConfig{Pins: []string{id.pin()}}}, to)
			if err != nil {
				t.Fatal(err)
			}
			exchange(t, c, line)
			exchange(t, c, `{"a":"`+strings.Repeat("x", 1<<20)+`"}`+"\n")
			exchange(t, c, line+line)
			if i := c.Info(); i.Protocol != test.protocol || !strings.HasSuffix(i.Encryption(), test.encryption) || (i.TLS != nil) != (test.id != nil) || i.Remote != l.Addr().String() {
				t.Errorf("info %+v", i)
			}
			if c.RemoteAddr().String() != l.Addr().String() {
				t.Errorf("remote address %v", c.RemoteAddr())
			}
			if err := c.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
				t.Errorf("a read after the end: %v", err)
			}
			if _, err := c.Write([]byte("x")); err == nil {
				t.Error("a write after the end")
			}
			if i := <-infos; i.Protocol != test.protocol || (i.TLS != nil) != (test.id != nil) || i.Remote != c.LocalAddr().String() {
				t.Errorf("the server's info %+v", i)
			}
		})
	}
}

// foreign is a server of WebSockets that is not ours: net/http and the library
// bare. It hands each to play.
func foreign(t *testing.T, play func(ctx context.Context, ws *websocket.Conn)) net.Listener {
	t.Helper()
	l := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		wg.Add(1)
		defer wg.Done()
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Errorf("accept: %v", err)
			return
		}
		play(ctx, ws)
		_ = ws.CloseNow()
	})}
	go s.Serve(l)
	t.Cleanup(func() { cancel(); _ = s.Close(); wg.Wait() })
	return l
}

// TestFraming: lines arrive whole and at once, however a server cuts them into
// messages.
func TestFraming(t *testing.T) {
	a, b := `{"id":1,"result":["}\"{",[1,2]],"error":null}`, `{"id":null,"method":"mining.notify","params":[]}`
	for name, test := range map[string]struct {
		messages []string
		lines    []string
	}{
		"a line a message":           {[]string{a + "\n", b + "\n"}, []string{a, b}},
		"without line ends":          {[]string{a, b}, []string{a, b}},
		"two lines a message":        {[]string{a + "\n" + b + "\n"}, []string{a, b}},
		"the last without an end":    {[]string{a + "\n" + b}, []string{a, b}},
		"a line in pieces":           {[]string{a[:10], a[10:24], a[24:] + "\n" + b[:5], b[5:] + "\n"}, []string{a, b}},
		"in pieces and without ends": {[]string{a[:10], a[10:25], a[25:], b[:1], b[1:]}, []string{a, b}},
		"with other line ends":       {[]string{a + "\r\n", b + " "}, []string{a, b}},
		"an end of its own":          {[]string{a, "\n", b, "\n"}, []string{a, "", b, ""}},
		"nothing":                    {[]string{"", a, "", b}, []string{a, b}},
		"no object":                  {[]string{"hel", "lo\n", a}, []string{"hello", a}},
		"too many brackets":          {[]string{"}]", a + "\n", b}, []string{"}]" + a, b}},
	} {
		for _, typ := range []websocket.MessageType{websocket.MessageText, websocket.MessageBinary} {
			t.Run(fmt.Sprint(name, " ", typ), func(t *testing.T) {
				l := foreign(t, func(ctx context.Context, ws *websocket.Conn) {
					for _, m := range test.messages {
						if err := ws.Write(ctx, typ, []byte(m)); err != nil {
							t.Error(err)
						}
					}
					_, _, _ = ws.Read(ctx) // it stays until the client goes
				})
				c, err := dial(t, transport.Config{}, endpoint(l, transport.WebSocket))
				if err != nil {
					t.Fatal(err)
				}
				r := bufio.NewReader(c)
				for _, want := range test.lines {
					got, err := r.ReadString('\n')
					if got = strings.TrimRight(got, " \r\n"); got != want || err != nil {
						t.Fatalf("got %q, %v, want %q", got, err, want)
					}
				}
			})
		}
	}
}

// TestFrames: what is written in one call is one text message.
func TestFrames(t *testing.T) {
	got := make(chan string, 1)
	l := foreign(t, func(ctx context.Context, ws *websocket.Conn) {
		typ, b, err := ws.Read(ctx)
		got <- fmt.Sprintf("%v %q %v", typ, b, err)
	})
	c, err := dial(t, transport.Config{}, endpoint(l, transport.WebSocket))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, line); err != nil {
		t.Fatal(err)
	}
	if g, want := <-got, fmt.Sprintf("MessageText %q <nil>", line); g != want {
		t.Errorf("got %s, want %s", g, want)
	}
}

// TestGoodbyes: how a WebSocket ends, and what is said about it.
func TestGoodbyes(t *testing.T) {
	for name, test := range map[string]struct {
		play  func(ctx context.Context, ws *websocket.Conn)
		words string // empty: io.EOF
	}{
		"good-bye":   {play: func(_ context.Context, ws *websocket.Conn) { _ = ws.Close(websocket.StatusNormalClosure, "") }},
		"going away": {play: func(_ context.Context, ws *websocket.Conn) { _ = ws.Close(websocket.StatusGoingAway, "maintenance") }},
		"cut":        {play: func(_ context.Context, ws *websocket.Conn) { _ = ws.CloseNow() }},
		"banned": {play: func(_ context.Context, ws *websocket.Conn) {
			_ = ws.Close(websocket.StatusPolicyViolation, "banned\x1b[31m for a day")
		}, words: `the server closed the WebSocket (status 1008): "banned\x1b[31m for a day"`},
		"without a word": {play: func(_ context.Context, ws *websocket.Conn) {
			_ = ws.Close(websocket.StatusTryAgainLater, "")
		}, words: `the server closed the WebSocket (status 1013)`},
		"a giant": {play: func(ctx context.Context, ws *websocket.Conn) {
			_ = ws.Write(ctx, websocket.MessageText, make([]byte, 17<<20))
		}, words: "a WebSocket message of more than 16777216 bytes"},
		"a giant in fragments": {play: func(ctx context.Context, ws *websocket.Conn) {
			w, err := ws.Writer(ctx, websocket.MessageText)
			for err == nil {
				_, err = w.Write(make([]byte, 100_000))
			}
		}, words: "a WebSocket message of more than 16777216 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			l := foreign(t, test.play)
			c, err := dial(t, transport.Config{}, endpoint(l, transport.WebSocket))
			if err != nil {
				t.Fatal(err)
			}
			n, err := io.Copy(io.Discard, c)
			if test.words == "" {
				if err != nil || n != 0 {
					t.Errorf("%d bytes, then %v", n, err)
				}
				return
			}
			wantError(t, err, test.words)
		})
	}
}

// TestDeadlines: a WebSocket has the deadlines of any net.Conn, at both ends:
// reading goes on after one, and loses nothing.
func TestDeadlines(t *testing.T) {
	l := listenWS(t, nil, transport.ServerConfig{})
	ends := make(chan net.Conn, 1)
	over := make(chan struct{})
	serve(t, l, func(nc net.Conn) {
		_ = nc.SetReadDeadline(time.Unix(1, 0)) // before its handshake
		if _, err := nc.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a read that is late: %v", err)
		}
		ends <- nc
		<-over
	})
	defer close(over)
	if _, err := dial(t, transport.Config{}, endpoint(l, transport.WebSocket)); err == nil {
		t.Error("the server shook hands after its deadline")
	}
	<-ends
}

// pair returns the ends of a WebSocket in a bubble: ours, and the library bare.
// TestHeartbeat and others play with the latter.
func pair(t *testing.T, cfg transport.Config) (*transport.Conn, *websocket.Conn, net.Conn) {
	t.Helper()
	ours, theirs := net.Pipe()
	cfg.Dial = func(context.Context, string, string) (net.Conn, error) { return ours, nil }
	d, err := transport.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan *websocket.Conn, 1)
	go func() {
		br := bufio.NewReader(theirs)
		req, err := http.ReadRequest(br)
		if err != nil {
			t.Error(err)
			return
		}
		ws, err := websocket.Accept(&piped{theirs, br, http.Header{}}, req, nil)
		if err != nil {
			t.Error(err)
		}
		accepted <- ws
	}()
	c, err := d.Dial(t.Context(), transport.Endpoint{Protocol: transport.WebSocket, Host: "pool.example.org", Port: 80})
	if err != nil {
		t.Fatal(err)
	}
	return c, <-accepted, theirs
}

// piped is a responder over a pipe.
type piped struct {
	nc     net.Conn
	br     *bufio.Reader
	header http.Header
}

func (p *piped) Header() http.Header         { return p.header }
func (p *piped) Write(b []byte) (int, error) { return len(b), nil }
func (p *piped) WriteHeader(status int) {
	_, _ = fmt.Fprintf(p.nc, "HTTP/1.1 %d Switching Protocols\r\n", status)
	_ = p.header.Write(p.nc)
	_, _ = io.WriteString(p.nc, "\r\n")
}
func (p *piped) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return p.nc, bufio.NewReadWriter(p.br, bufio.NewWriter(p.nc)), nil
}

// TestHeartbeat: a server that answers pings stays, one that does not is left.
func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, ws, _ := pair(t, transport.Config{Timeouts: transport.Timeouts{Heartbeat: 10 * time.Second}})
		ctx, cancel := context.WithCancel(t.Context())
		reading := make(chan struct{})
		go func() {
			defer close(reading)
			_, _, _ = ws.Read(ctx) // answers pings
		}()
		began := time.Now()
		_ = c.SetReadDeadline(began.Add(time.Minute))
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != time.Minute {
			t.Errorf("%v after %v, want the deadline after 1m0s", err, time.Since(began))
		}
		_ = c.Close()
		cancel()
		<-reading
	})

	synctest.Test(t, func(t *testing.T) {
		c, ws, theirs := pair(t, transport.Config{Timeouts: transport.Timeouts{Heartbeat: 10 * time.Second}})
		go func() { _, _ = io.Copy(io.Discard, theirs) }() // it takes everything and says nothing
		began := time.Now()
		_, err := c.Read(make([]byte, 1))
		if wantError(t, err, "the server did not answer a ping within 10s"); time.Since(began) != 20*time.Second {
			t.Errorf("after %v, want 20s", time.Since(began))
		}
		_ = c.Close()
		_ = ws.CloseNow()
	})
}
