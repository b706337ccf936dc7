package transport

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// proxy connects to servers for us, and looks up their names.
type proxy struct {
	scheme   string // socks5 or http
	at       Endpoint
	user     string // empty: it does not ask
	password string
}

const (
	schemeSOCKS5 = "socks5"
	schemeHTTP   = "http"
)

// String returns the proxy's URL without secrets.
func (p *proxy) String() string { return p.scheme + "://" + p.at.String() }

// parseProxy reads the URL of a proxy. Its errors repeat nothing that may be a
// password.
func parseProxy(s string) (*proxy, error) {
	const example = "socks5://127.0.0.1:9050 or http://proxy.example.org:3128"
	scheme, rest, found := strings.Cut(s, "://")
	if !found {
		return nil, errors.New("proxy URL: no scheme: want one like " + example)
	}
	p := &proxy{}
	switch strings.ToLower(scheme) {
	case schemeSOCKS5, "socks5h": // curl's word for what is always done here
		p.scheme = schemeSOCKS5
	case schemeHTTP:
		p.scheme = schemeHTTP
	default:
		return nil, fmt.Errorf("proxy URL: scheme %s is not spoken: want one like %s", quote(scheme), example)
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		name, secret, _ := strings.Cut(rest[:i], ":")
		rest = rest[i+1:]
		var err, err2 error
		p.user, err = url.PathUnescape(name)
		p.password, err2 = url.PathUnescape(secret)
		if err != nil || err2 != nil {
			return nil, errors.New("proxy URL: what stands before the @ has a % that begins no escape: write %25")
		}
		if err := p.checkCredentials(); err != nil {
			return nil, fmt.Errorf("proxy URL: %w", err)
		}
	}
	rest = strings.TrimSuffix(rest, "/")
	host, port, err := net.SplitHostPort(rest)
	if err != nil || host == "" || strings.ContainsAny(host, "/?# ") || strings.ContainsFunc(host, unicode.IsControl) {
		return nil, fmt.Errorf("proxy URL: %s is not host:port: want one like %s, with an IPv6 address in brackets", quote(rest), example)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return nil, fmt.Errorf("proxy URL: port %s is not a number from 1 to 65535", quote(port))
	}
	p.at.Host, p.at.Port = host, uint16(n)
	return p, nil
}

// checkCredentials finds what the proxy's protocol has no room for.
func (p *proxy) checkCredentials() error {
	switch {
	case p.user == "":
		return errors.New("there is an @, and no user before it")
	case p.scheme == schemeHTTP && strings.Contains(p.user, ":"):
		return errors.New("a user with a colon cannot be told to an HTTP proxy")
	case p.scheme == schemeSOCKS5 && max(len(p.user), len(p.password)) > mostSOCKSText:
		return fmt.Errorf("user or password have more than the %d bytes that SOCKS5 has room for", mostSOCKSText)
	}
	return nil
}

// connect returns a connection to the server by the proxy.
func (p *proxy) connect(ctx context.Context, dial func(ctx context.Context, network, addr string) (net.Conn, error), to Endpoint, limit time.Duration) (net.Conn, error) {
	nc, err := dial(ctx, "tcp", p.at.String())
	if err != nil {
		return nil, p.explain(explainConnect(p.at.Host, "proxy", err))
	}
	ask := p.socks
	if p.scheme == schemeHTTP {
		ask = p.tunnel
	}
	var through net.Conn
	err = within(ctx, nc, limit, func() error {
		through, err = ask(nc, to)
		return err
	})
	if err != nil {
		_ = nc.Close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var ours *Error
		if cut := explainCut(err, "proxy", "its handshake"); cut != nil && !errors.As(err, &ours) {
			err = cut
		}
		return nil, p.explain(err)
	}
	return through, nil
}

// explain says that an error is about the proxy.
func (p *proxy) explain(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return errorf(err, "proxy %v: %s", p.at, quoteSpared(err))
}

// quoteSpared returns the text of an error, fit to be shown.
func quoteSpared(err error) string {
	var ours *Error
	if errors.As(err, &ours) {
		return err.Error()
	}
	return quoteBare(err.Error())
}

// within runs f, whose reads and writes of nc end when ctx does or limit is
// over.
func within(ctx context.Context, nc net.Conn, limit time.Duration, f func() error) error {
	if err := nc.SetDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
	err := f()
	if !stop() {
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	return nc.SetDeadline(time.Time{})
}

// mostAnswer bounds what is read of an HTTP answer, in bytes.
const mostAnswer = 16 << 10

// tunnel asks an HTTP proxy for a connection to the server.
func (p *proxy) tunnel(nc net.Conn, to Endpoint) (net.Conn, error) {
	auth := ""
	if p.user != "" {
		auth = "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(p.user+":"+p.password)) + "\r\n"
	}
	if _, err := fmt.Fprintf(nc, "CONNECT %v HTTP/1.1\r\nHost: %v\r\n%s\r\n", to, to, auth); err != nil {
		return nil, err
	}
	rest, err := readTunnel(nc, p.user != "")
	if err != nil {
		return nil, err
	}
	return &headed{Conn: nc, head: rest}, nil
}

// readTunnel reads the answer to CONNECT, and returns what came after it: the
// server's first words.
func readTunnel(r io.Reader, asked bool) (rest []byte, err error) {
	limited := &io.LimitedReader{R: r, N: mostAnswer}
	br := bufio.NewReader(limited)
	resp, err := http.ReadResponse(br, &http.Request{Method: http.MethodConnect})
	var cut net.Error
	switch {
	case err != nil && limited.N == 0:
		return nil, errorf(err, "its answer has more than %d bytes", mostAnswer)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &cut):
		return nil, err
	case err != nil:
		return nil, errorf(err, "it does not speak HTTP: check its scheme and port")
	}
	switch code := resp.StatusCode; {
	case code/100 == 2:
		rest, _ = br.Peek(br.Buffered())
		return rest, nil
	case code == http.StatusProxyAuthRequired && asked:
		return nil, errorf(nil, "it refuses the user or the password")
	case code == http.StatusProxyAuthRequired:
		return nil, errorf(nil, "it wants a user and a password: http://USER:PASSWORD@host:port")
	case code == http.StatusForbidden, code == http.StatusMethodNotAllowed:
		return nil, errorf(nil, "it does not allow connections to this host and port (HTTP %d)", code)
	case code == http.StatusBadGateway, code == http.StatusServiceUnavailable, code == http.StatusGatewayTimeout:
		return nil, errorf(nil, "it cannot reach the server (HTTP %d)", code)
	case code == http.StatusBadRequest, code == http.StatusNotFound:
		return nil, errorf(nil, "it does not connect to others (HTTP %d): is it a proxy?", code)
	default:
		return nil, errorf(nil, "it answers with HTTP %d", code)
	}
}

// headed is a connection of which something has been read already.
type headed struct {
	net.Conn
	head []byte
}

func (c *headed) Read(b []byte) (int, error) {
	if len(c.head) > 0 {
		n := copy(b, c.head)
		c.head = c.head[n:]
		return n, nil
	}
	return c.Conn.Read(b)
}
