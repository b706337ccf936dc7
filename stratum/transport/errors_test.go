package transport_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"gominer/stratum/transport"
)

// TestConnectErrors: what is said when there is no TCP connection.
func TestConnectErrors(t *testing.T) {
	op := func(err error) error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", err)}
	}
	for name, test := range map[string]struct {
		host  string
		err   error
		words string
	}{
		"refused":      {err: op(syscall.ECONNREFUSED), words: "connection refused: nothing listens there: check the port, or wait for the server"},
		"no route":     {err: op(syscall.EHOSTUNREACH), words: "no route to the server: check the network"},
		"no network":   {err: op(syscall.ENETUNREACH), words: "no route to the server: check the network"},
		"no answer":    {err: &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}, words: "no answer to the attempt to connect: check host, port and firewall"},
		"no such host": {err: &net.DNSError{Err: "no such host", Name: "pool.invalid", IsNotFound: true}, words: `there is no host "pool.invalid": check the server's URL`},
		"no onion":     {host: "abc.ONION.", err: &net.DNSError{Err: "no such host", IsNotFound: true}, words: "can only be reached through Tor: give its proxy, mostly socks5://127.0.0.1:9050"},
		"no DNS":       {err: &net.DNSError{Err: "server misbehaving", Name: "pool.invalid", IsTemporary: true}, words: "the name cannot be looked up: check the network: lookup pool.invalid"},
		"a strange":    {err: errors.New("bro\x1b[31mken"), words: `connect: bro\x1b[31mken`},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := transport.Config{Dial: func(context.Context, string, string) (net.Conn, error) { return nil, test.err }}
			host := test.host
			if host == "" {
				host = "pool.invalid"
			}
			_, err := dial(t, cfg, transport.Endpoint{Host: host, Port: 3333})
			if wantError(t, err, test.words); !errors.Is(err, test.err) {
				t.Error("what caused it is lost")
			}
		})
	}
}

// TestEndpoints: names of protocols, and what no server can be at.
func TestEndpoints(t *testing.T) {
	for name, want := range map[string]transport.Protocol{
		"tcp": transport.TCP, "TLS": transport.TLS, "ssl": transport.TLS, "tcps": transport.TLS, "ws": transport.WebSocket, "wss": transport.SecureWebSocket,
	} {
		if p, ok := transport.ParseProtocol(name); !ok || p != want {
			t.Errorf("%s is %v, %v", name, p, ok)
		}
	}
	if p, ok := transport.ParseProtocol("udp"); ok {
		t.Errorf("udp is %v", p)
	}
	for _, test := range []struct {
		at    transport.Endpoint
		words string // empty: nothing is wrong
	}{
		{transport.Endpoint{Host: "a", Port: 1}, ""},
		{transport.Endpoint{Protocol: transport.SecureWebSocket, Host: "a", Port: 1, Path: "/a%20b?c=d"}, ""},
		{transport.Endpoint{Protocol: 7, Host: "a", Port: 1}, "unknown protocol 7"},
		{transport.Endpoint{Port: 1}, "no host"},
		{transport.Endpoint{Host: "a"}, "no port"},
		{transport.Endpoint{Protocol: transport.TLS, Host: "a", Port: 1, Path: "/"}, "a path goes with ws and wss, not with tls"},
		{transport.Endpoint{Protocol: transport.WebSocket, Host: "a", Port: 1, Path: "x"}, "must begin with a slash"},
		{transport.Endpoint{Protocol: transport.WebSocket, Host: "a", Port: 1, Path: "/ä"}, "escaped with %"},
		{transport.Endpoint{Protocol: transport.WebSocket, Host: "a", Port: 1, Path: "/x y\r\nHost: b"}, "escaped with %"},
		{transport.Endpoint{Protocol: transport.WebSocket, Host: "a", Port: 1, Path: "/%zz"}, "write %25"},
		{transport.Endpoint{Protocol: transport.WebSocket, Host: "a", Port: 1, Path: "/" + strings.Repeat("x", 2048)}, "2049 bytes: at most 2048"},
	} {
		err := test.at.Validate()
		if test.words == "" && err == nil {
			continue
		}
		wantError(t, err, test.words)
		if _, err := dial(t, transport.Config{}, test.at); err == nil {
			t.Errorf("%+v was reached", test.at)
		}
	}
	if s := (transport.Endpoint{Host: "2001:db8::7", Port: 3333}).String(); s != "[2001:db8::7]:3333" {
		t.Error(s)
	}
	if _, err := transport.New(transport.Config{Timeouts: transport.Timeouts{Connect: -1}}); err == nil {
		t.Error("a time below 0 is taken")
	}
}

// TestNoWebSocket: what answers where a WebSocket was expected.
func TestNoWebSocket(t *testing.T) {
	for name, test := range map[string]struct {
		answer string
		words  string
	}{
		"another page":     {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "gives no WebSocket, but HTTP 200: check the path"},
		"no page":          {"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", "HTTP 404: check the path"},
		"a TLS port":       {"HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n", "HTTP 400: is this a TLS port?"},
		"elsewhere":        {"HTTP/1.1 302 No\r\nLocation: ws://evil.example.org/\r\nContent-Length: 0\r\n\r\n", "HTTP 302: it has moved"},
		"not for all":      {"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", "HTTP 403: it does not let everybody in"},
		"too often":        {"HTTP/1.1 429 No\r\nContent-Length: 0\r\n\r\n", "HTTP 429: wait"},
		"nothing behind":   {"HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n", "HTTP 502: what is behind it does not answer"},
		"a wrong key":      {"HTTP/1.1 101 OK\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n", "which breaks the rules of WebSocket"},
		"a pool":           {line, "does not speak HTTP there, and so no WebSocket: check scheme and port"},
		"an endless head":  {"HTTP/1.1 101 OK\r\nX: " + strings.Repeat("x", 100_000), "does not speak HTTP there"},
		"one who hangs up": {"", "closed the connection in the WebSocket handshake: is this a WebSocket port?"},
	} {
		t.Run(name, func(t *testing.T) {
			l := listen(t)
			serve(t, l, func(nc net.Conn) {
				_, _ = nc.Read(make([]byte, 4096))
				_, _ = io.WriteString(nc, test.answer)
				_ = nc.(*net.TCPConn).CloseWrite()
				_, _ = io.Copy(io.Discard, nc)
			})
			_, err := dial(t, transport.Config{}, endpoint(l, transport.WebSocket))
			wantError(t, err, test.words)
		})
	}
}
