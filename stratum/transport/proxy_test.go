package transport_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"gominer/stratum/transport"
)

// join copies between two connections until one ends.
func join(a, b net.Conn) {
	var wg sync.WaitGroup
	for _, p := range [][2]net.Conn{{a, b}, {b, a}} {
		wg.Go(func() {
			_, _ = io.Copy(p[0], p[1])
			_ = a.Close()
			_ = b.Close()
		})
	}
	wg.Wait()
}

// socksProxy plays a SOCKS5 proxy that knows one user and sends everybody to the
// same server. It tells which hosts it was asked for.
func socksProxy(t *testing.T, user, password, server string, asked chan<- string) net.Listener {
	t.Helper()
	l := listen(t)
	serve(t, l, func(nc net.Conn) {
		read := func(n int) []byte {
			b := make([]byte, n)
			_, _ = io.ReadFull(nc, b)
			return b
		}
		offered := read(int(read(2)[1]))
		switch {
		case user == "" && bytes.IndexByte(offered, 0) >= 0:
			_, _ = nc.Write([]byte{5, 0})
		case user != "" && bytes.IndexByte(offered, 2) >= 0:
			_, _ = nc.Write([]byte{5, 2})
			name := read(int(read(2)[1]))
			secret := read(int(read(1)[0]))
			if string(name) != user || string(secret) != password {
				_, _ = nc.Write([]byte{1, 1})
				return
			}
			_, _ = nc.Write([]byte{1, 0})
		default:
			_, _ = nc.Write([]byte{5, 0xff})
			return
		}
		var host string
		switch kind := read(4)[3]; kind {
		case 1:
			host = net.IP(read(4)).String()
		case 4:
			host = net.IP(read(16)).String()
		case 3:
			host = string(read(int(read(1)[0])))
		}
		port := read(2)
		asked <- fmt.Sprint(host, " ", int(port[0])<<8|int(port[1]))
		to, err := net.Dial("tcp", server)
		if err != nil {
			_, _ = nc.Write([]byte{5, 5, 0, 1, 0, 0, 0, 0, 0, 0})
			return
		}
		// Some say a name as the address they connect from. The server's first words
		// may come with it.
		_, _ = nc.Write([]byte("\x05\x00\x00\x03\x05proxy\x12\x34"))
		join(nc, to)
	})
	return l
}

// tunnelProxy plays an HTTP proxy likewise.
func tunnelProxy(t *testing.T, user, password, server string, asked chan<- string) net.Listener {
	t.Helper()
	l := listen(t)
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			http.Error(w, "what?", http.StatusBadRequest)
			return
		}
		r.Header.Set("Authorization", r.Header.Get("Proxy-Authorization"))
		if name, secret, _ := r.BasicAuth(); name != user || secret != password {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		asked <- strings.Replace(r.Host, ":", " ", 1)
		to, err := net.Dial("tcp", server)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		nc, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(nc, "HTTP/1.1 200 Go ahead\r\nX: y\r\n\r\n")
		join(nc, to)
	})}
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.Serve(l) })
	t.Cleanup(func() { _ = s.Close(); wg.Wait() })
	return l
}

// TestProxies: every protocol by either kind of proxy; the name is looked up by
// the proxy alone.
func TestProxies(t *testing.T) {
	ca := issue(t, nil, nil)
	id := issue(t, ca, nil)
	cert, key := id.files(t)
	for _, protocol := range []transport.Protocol{transport.TCP, transport.TLS, transport.WebSocket, transport.SecureWebSocket} {
		for scheme, proxy := range map[string]func(t *testing.T, user, password, server string, asked chan<- string) net.Listener{
			"socks5": socksProxy, "http": tunnelProxy,
		} {
			for _, auth := range []string{"", "bob:p%40ss%3a%2f@"} {
				t.Run(fmt.Sprintf("%v %s %s", protocol, scheme, auth), func(t *testing.T) {
					l := listen(t)
					cfg := transport.ServerConfig{Identity: identityOf(t, cert, key)}
					var err error
					if protocol.Encrypted() {
						if l, err = transport.ListenTLS(l, cfg); err != nil {
							t.Fatal(err)
						}
					}
					if protocol == transport.WebSocket || protocol == transport.SecureWebSocket {
						if l, err = transport.ListenWebSocket(l, cfg); err != nil {
							t.Fatal(err)
						}
					}
					serve(t, l, echo)
					asked := make(chan string, 1)
					user, password := "", ""
					if auth != "" {
						user, password = "bob", "p@ss:/"
					}
					p := proxy(t, user, password, l.Addr().String(), asked)
					c, err := dial(t, transport.Config{
						Proxy: scheme + "://" + auth + p.Addr().String(),
						TLS:   transport.TLSConfig{Pins: []string{id.pin()}},
					}, transport.Endpoint{Protocol: protocol, Host: "pool.invalid", Port: 3333})
					if err != nil {
						t.Fatal(err)
					}
					exchange(t, c, line)
					if got := <-asked; got != "pool.invalid 3333" {
						t.Errorf("the proxy was asked for %s", got)
					}
					if i := c.Info(); i.Proxy != scheme+"://"+p.Addr().String() || i.Remote != p.Addr().String() {
						t.Errorf("info %+v", i)
					}
				})
			}
		}
	}
}

// TestProxyAddresses: IP addresses go to the proxy as such.
func TestProxyAddresses(t *testing.T) {
	server := listen(t)
	serve(t, server, func(nc net.Conn) { _, _ = io.WriteString(nc, "first"); echo(nc) })
	asked := make(chan string, 1)
	p := socksProxy(t, "", "", server.Addr().String(), asked)
	for host, want := range map[string]string{
		"192.0.2.7": "192.0.2.7 3333", "2001:db8::7": "2001:db8::7 3333", "::ffff:192.0.2.7": "192.0.2.7 3333", "pool.invalid.": "pool.invalid 3333",
	} {
		c, err := dial(t, transport.Config{Proxy: "socks5h://" + p.Addr().String()}, transport.Endpoint{Host: host, Port: 3333})
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 5)
		if _, err := io.ReadFull(c, b); err != nil || string(b) != "first" {
			t.Errorf("%s: %q, %v", host, b, err)
		}
		if got := <-asked; got != want {
			t.Errorf("%s: the proxy was asked for %s, want %s", host, got, want)
		}
	}
	for host, words := range map[string]string{"fe80::1%eth0": "holds on this machine only", strings.Repeat("x", 300): "300 bytes cannot be told"} {
		_, err := dial(t, transport.Config{Proxy: "socks5://" + p.Addr().String()}, transport.Endpoint{Host: host, Port: 3333})
		wantError(t, err, words, "proxy "+p.Addr().String())
	}
}

// TestProxyErrors: what is said about proxies that give no connection.
func TestProxyErrors(t *testing.T) {
	nobody := listen(t)
	_ = nobody.Close()
	for name, test := range map[string]struct {
		url    string // without the address
		answer string // to everything
		words  string
	}{
		"HTTP, not SOCKS":         {"socks5://", "HTTP/1.1 400 Bad Request\r\n\r\n", "it does not speak SOCKS5: check its scheme and port"},
		"wants a password":        {"socks5://", "\x05\xff", "it wants a user and a password: socks5://USER"},
		"wants something else":    {"socks5://bob:hunter2@", "\x05\xff", "it takes no authentication that is offered"},
		"wants what is not there": {"socks5://", "\x05\x02", "an authentication that was not offered (0x02)"},
		"a wrong password":        {"socks5://bob:hunter2@", "\x05\x02\x01\x01", "it refuses the user or the password"},
		"a strange answer":        {"socks5://bob:hunter2@", "\x05\x02\x07\x00", "not that of SOCKS5 (0x07)"},
		"a failure":               {"socks5://", "\x05\x00\x05\x01", "failed to connect to the server"},
		"its rules":               {"socks5://", "\x05\x00\x05\x02", "its rules do not allow"},
		"no such host":            {"socks5://", "\x05\x00\x05\x04", "it cannot reach the server, or there is no such host"},
		"refused":                 {"socks5://", "\x05\x00\x05\x05", "the server refused its connection"},
		"no onion":                {"socks5://", "\x05\x00\x05\xf0", "there is no such onion service"},
		"a strange reply":         {"socks5://", "\x05\x00\x05\x77", "(code 0x77)"},
		"another version":         {"socks5://", "\x05\x00\x04\x00", "not that of SOCKS5 (0x04)"},
		"a strange address":       {"socks5://", "\x05\x00\x05\x00\x00\x09", "unknown kind of address (0x09)"},
		"cut":                     {"socks5://", "\x05\x00\x05\x00\x00\x01\x7f", "the proxy closed the connection in its handshake"},
		"cut at once":             {"socks5://", "", "the proxy closed the connection in its handshake"},
		"SOCKS, not HTTP":         {"http://", "\x05\xff", "it does not speak HTTP"},
		"no HTTP":                 {"http://", "220 mail.example.org ESMTP\x1b[31m\r\n", "it does not speak HTTP: check its scheme and port"},
		"407":                     {"http://", "HTTP/1.1 407 No\r\n\r\n", "it wants a user and a password: http://USER"},
		"407 again":               {"http://bob:hunter2@", "HTTP/1.1 407 No\r\n\r\n", "it refuses the user or the password"},
		"403":                     {"http://", "HTTP/1.1 403 No\r\n\r\n", "does not allow connections to this host and port (HTTP 403)"},
		"502":                     {"http://", "HTTP/1.1 502 No\r\n\r\n", "cannot reach the server (HTTP 502)"},
		"404":                     {"http://", "HTTP/1.1 404 No\r\n\r\n", "is it a proxy?"},
		"302":                     {"http://", "HTTP/1.1 302 No\r\nLocation: http://evil/\r\n\r\n", "it answers with HTTP 302"},
		"an endless header":       {"http://", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 100_000), "its answer has more than 16384 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			p := listen(t)
			serve(t, p, func(nc net.Conn) {
				_, _ = nc.Read(make([]byte, 4096))
				_, _ = io.WriteString(nc, test.answer)
				if c, ok := nc.(*net.TCPConn); ok {
					_ = c.CloseWrite()
				}
				_, _ = io.Copy(io.Discard, nc)
			})
			_, err := dial(t, transport.Config{Proxy: test.url + p.Addr().String()}, transport.Endpoint{Host: "pool.invalid", Port: 3333})
			wantError(t, err, test.words, "proxy "+p.Addr().String()+": ")
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error %q", err)
			}
		})
	}
	t.Run("nobody", func(t *testing.T) {
		_, err := dial(t, transport.Config{Proxy: "socks5://" + nobody.Addr().String()}, transport.Endpoint{Host: "pool.invalid", Port: 3333})
		wantError(t, err, "proxy "+nobody.Addr().String()+": connection refused: nothing listens there: check the port, or wait for the proxy")
	})
	t.Run("silence", func(t *testing.T) {
		for _, scheme := range []string{"socks5", "http"} {
			p := listen(t)
			serve(t, p, func(nc net.Conn) { _, _ = io.Copy(io.Discard, nc) })
			_, err := dial(t, transport.Config{Proxy: scheme + "://" + p.Addr().String(), Timeouts: transport.Timeouts{Proxy: 50 * time.Millisecond}},
				transport.Endpoint{Host: "pool.invalid", Port: 3333})
			wantError(t, err, "no answer of the proxy in its handshake")
		}
	})
	t.Run("a client that gives up", func(t *testing.T) {
		p := listen(t)
		ctx, cancel := context.WithCancel(t.Context())
		serve(t, p, func(nc net.Conn) { cancel(); _, _ = io.Copy(io.Discard, nc) })
		d, err := transport.New(transport.Config{Proxy: "socks5://" + p.Addr().String()})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Dial(ctx, transport.Endpoint{Host: "pool.invalid", Port: 3333}); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want the context's", err)
		}
	})
}

// TestBadProxies: URLs that are none.
func TestBadProxies(t *testing.T) {
	for url, words := range map[string]string{
		"127.0.0.1:9050":                    "no scheme: want one like socks5://",
		"socks4://127.0.0.1:9050":           `scheme "socks4" is not spoken`,
		"https://127.0.0.1:9050":            `scheme "https" is not spoken`,
		"\x1b[31m://127.0.0.1:9050":         "is not spoken",
		"socks5://127.0.0.1":                "is not host:port",
		"socks5://:9050":                    "is not host:port",
		"socks5://2001:db8::7:9050":         "is not host:port",
		"socks5://127.0.0.1:9050/path":      `port "9050/path"`,
		"socks5://a b:9050":                 "is not host:port",
		"socks5://127.0.0.1:0":              "from 1 to 65535",
		"socks5://127.0.0.1:65536":          "from 1 to 65535",
		"socks5://bob:hunter2%@127.0.0.1:1": "write %25",
		"socks5://:hunter2@127.0.0.1:1":     "no user",
		"http://b%3ab:hunter2@127.0.0.1:1":  "a colon",
		"socks5://bob:hunter2" + strings.Repeat("x", 255) + "@127.0.0.1:1": "room for",
		"socks5://bob:hunter2@127.0.0.1":                                   "is not host:port",
	} {
		_, err := transport.New(transport.Config{Proxy: url})
		t.Run(url, func(t *testing.T) {
			wantError(t, err, words)
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error %q", err)
			}
		})
	}
	if _, err := transport.New(transport.Config{Proxy: "SOCKS5://[::1]:9050/"}); err != nil {
		t.Error(err)
	}
}

// FuzzProxyAnswers: whatever a proxy answers, it is read within bounds, and
// nothing of the server's is taken for the proxy's.
func FuzzProxyAnswers(f *testing.F) {
	f.Add([]byte("\x05\x00\x05\x00\x00\x01\x7f\x00\x00\x01\x12\x34{}"), byte(0))
	f.Add([]byte("\x05\x02\x01\x00\x05\x00\x00\x03\x05proxy\x12\x34{}"), byte(1))
	f.Add([]byte("\x05\x00\x05\x00\x00\x03\xff"), byte(0))
	f.Add([]byte("\x05\xff"), byte(1))
	f.Add([]byte("HTTP/1.1 200 OK\r\nX: y\r\n\r\n{}"), byte(2))
	f.Add([]byte("HTTP/1.0 407 \r\nContent-Length: 9999999999999999999999\r\n\r\n"), byte(3))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n"), byte(2))
	f.Fuzz(func(t *testing.T, answer []byte, kind byte) {
		url := []string{"socks5://", "socks5://bob:hunter2@", "http://", "http://bob:hunter2@"}[kind%4] + "192.0.2.1:1080"
		nc := &scripted{answer: bytes.NewReader(answer)}
		d, err := transport.New(transport.Config{Proxy: url, Dial: func(context.Context, string, string) (net.Conn, error) { return nc, nil }})
		if err != nil {
			t.Fatal(err)
		}
		c, err := d.Dial(t.Context(), transport.Endpoint{Host: "pool.invalid", Port: 3333})
		if err != nil {
			wantError(t, err, "proxy 192.0.2.1:1080: ")
			if strings.Contains(err.Error(), "hunter2") || !nc.closed {
				t.Errorf("error %q, closed: %v", err, nc.closed)
			}
			return
		}
		rest, err := io.ReadAll(c)
		if err != nil || !bytes.HasSuffix(answer, rest) || len(rest) == len(answer) {
			t.Errorf("%q, %v is what the server says in %q", rest, err, answer)
		}
	})
}

// scripted is a connection whose other side has said everything beforehand.
type scripted struct {
	net.Conn
	answer *bytes.Reader
	closed bool
}

func (s *scripted) Read(b []byte) (int, error)         { return s.answer.Read(b) }
func (s *scripted) Write(b []byte) (int, error)        { return len(b), nil }
func (s *scripted) Close() error                       { s.closed = true; return nil }
func (s *scripted) SetDeadline(t time.Time) error      { return nil }
func (s *scripted) SetReadDeadline(t time.Time) error  { return nil }
func (s *scripted) SetWriteDeadline(t time.Time) error { return nil }
func (s *scripted) RemoteAddr() net.Addr               { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1080} }
