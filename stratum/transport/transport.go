// Package transport is everything between the URL of a server and a net.Conn:
// addresses that are raced (RFC 8305), keepalive that notices a host that has
// vanished, TLS 1.2 and 1.3 (RFC 8446), WebSocket (RFC 6455), and proxies that
// speak SOCKS5 (RFC 1928, 1929) or HTTP CONNECT (RFC 9110 §9.3.6). New makes
// the client's side; ListenTLS and ListenWebSocket are the server's.
//
// What is said over a connection it does not know, but for one thing: over
// WebSocket go lines of JSON, which others cut into messages in many ways.
//
// It never speaks in the clear what should have been encrypted, tries nothing
// again, follows no redirect, and writes no password anywhere.
package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Protocol is what carries a connection.
type Protocol int

// The protocols.
const (
	TCP             Protocol = iota
	TLS                      // over TCP
	WebSocket                // over TCP
	SecureWebSocket          // over TLS
)

// protocolNames has the names of a protocol, the usual one first.
var protocolNames = [][]string{
	TCP:             {"tcp"},
	TLS:             {"tls", "ssl", "tcps"},
	WebSocket:       {"ws"},
	SecureWebSocket: {"wss"},
}

// ParseProtocol returns the protocol of a name as URLs have it: tcp, tls (or
// ssl, tcps), ws, wss, in any case of letters.
func ParseProtocol(name string) (p Protocol, ok bool) {
	for p, names := range protocolNames {
		for _, n := range names {
			if strings.EqualFold(n, name) {
				return Protocol(p), true
			}
		}
	}
	return TCP, false
}

// String returns the usual name of p.
func (p Protocol) String() string {
	if p < 0 || int(p) >= len(protocolNames) {
		return "protocol " + strconv.Itoa(int(p))
	}
	return protocolNames[p][0]
}

// Encrypted reports whether p includes TLS.
func (p Protocol) Encrypted() bool { return p == TLS || p == SecureWebSocket }

// web reports whether p includes WebSocket.
func (p Protocol) web() bool { return p == WebSocket || p == SecureWebSocket }

// Endpoint is where a server is, and how it is spoken to.
type Endpoint struct {
	Protocol Protocol
	Host     string // a name, or an IP address without brackets
	Port     uint16
	Path     string // of a WebSocket, with the query if there is one; empty for "/"
}

// String returns host:port, with brackets around an IPv6 address.
func (e Endpoint) String() string {
	return net.JoinHostPort(e.Host, strconv.Itoa(int(e.Port)))
}

// Validate says what is wrong with e. Hosts it leaves to those who look them up.
func (e Endpoint) Validate() error {
	bad := func(r rune) bool { return r <= ' ' || r > '~' || r == '#' }
	switch {
	case e.Protocol < TCP || e.Protocol > SecureWebSocket:
		return fmt.Errorf("unknown %v", e.Protocol)
	case e.Host == "":
		return errors.New("no host")
	case e.Port == 0:
		return errors.New("no port")
	case e.Path == "":
		return nil
	case !e.Protocol.web():
		return fmt.Errorf("a path goes with ws and wss, not with %v", e.Protocol)
	case len(e.Path) > mostPath:
		return fmt.Errorf("the path has %d bytes: at most %d", len(e.Path), mostPath)
	case e.Path[0] != '/' || strings.ContainsFunc(e.Path, bad):
		return errors.New("the path must begin with a slash, and have what is no printable ASCII escaped with %")
	}
	if _, err := url.ParseRequestURI(e.Path); err != nil {
		return errors.New("the path has a % that begins no escape: write %25")
	}
	return nil
}

// mostPath is the longest path, in bytes: what HTTP servers take.
const mostPath = 2 << 10

// Config says how to reach servers. The zero value reaches them over TCP, and
// over TLS if a system that they trust vouches for them.
type Config struct {
	TLS TLSConfig // for TLS and SecureWebSocket

	// Proxy is the URL of a proxy that connects to the server and looks up its
	// name: socks5://host:port or http://host:port (CONNECT), with user:password@
	// before the host if it wants to know. Empty for none.
	Proxy string

	Timeouts Timeouts

	// Dial makes the TCP connection, to the server or to the proxy; network is
	// "tcp", addr host:port. The default looks the name up, races its addresses and
	// keeps the connection alive.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Timeouts are the times that a connection has. A field that is zero stands for
// its default.
type Timeouts struct {
	Connect   time.Duration // for each address, unless Config.Dial is set; default 5 s
	Proxy     time.Duration // for the proxy to reach the server; default 30 s, as Tor is slow
	Handshake time.Duration // for that of TLS, and for that of WebSocket; default 5 s, and 30 s by proxy

	// Vanished is how long a host may give no sign of life until the connection is
	// taken for lost; default 4 s, and no less than that where systems count in
	// seconds. Only Linux keeps to it while something that was sent is not
	// confirmed. It is not used if Config.Dial is set.
	Vanished time.Duration

	// Heartbeat is the time between two pings of a WebSocket, and for the answer
	// to one; default 15 s. Less than 0: none.
	Heartbeat time.Duration
}

// DefaultTimeouts are the times of a zero Timeouts. Handshake is that without a
// proxy.
var DefaultTimeouts = Timeouts{
	Connect:   5 * time.Second,
	Proxy:     30 * time.Second,
	Handshake: 5 * time.Second,
	Vanished:  4 * time.Second,
	Heartbeat: 15 * time.Second,
}

// withDefaults returns t with its zeros filled in.
func (t Timeouts) withDefaults(proxied bool) Timeouts {
	d := DefaultTimeouts
	if proxied {
		d.Handshake = d.Proxy
	}
	for _, f := range []struct {
		v   *time.Duration
		def time.Duration
	}{
		{&t.Connect, d.Connect},
		{&t.Proxy, d.Proxy},
		{&t.Handshake, d.Handshake},
		{&t.Vanished, d.Vanished},
		{&t.Heartbeat, d.Heartbeat},
	} {
		if *f.v == 0 {
			*f.v = f.def
		}
	}
	return t
}

// Dialer connects to servers.
type Dialer struct {
	times Timeouts
	tls   *clientTLS
	proxy *proxy // nil for none
	dial  func(ctx context.Context, network, addr string) (net.Conn, error)
}

// New checks cfg, reads the files that it names and returns a Dialer. Its errors
// name the field in the words of cfg and repeat nothing that may be a password.
func New(cfg Config) (*Dialer, error) {
	d := &Dialer{dial: cfg.Dial}
	var err error
	if cfg.Proxy != "" {
		if d.proxy, err = parseProxy(cfg.Proxy); err != nil {
			return nil, err
		}
	}
	d.times = cfg.Timeouts.withDefaults(d.proxy != nil)
	if t := &d.times; min(t.Connect, t.Proxy, t.Handshake, t.Vanished) < 0 {
		return nil, errors.New("a time-out is below 0")
	}
	if d.tls, err = cfg.TLS.client(); err != nil {
		return nil, err
	}
	if d.dial == nil {
		d.dial = newRacer(d.times.Connect, d.times.Vanished).connect
	}
	return d, nil
}

// Dial connects to a server. The error is a sentence for people that says what
// happened and what to do; it does not repeat host and port.
//
// ctx bounds the attempt alone. A connection has no goroutine of its own unless
// it is a WebSocket; Close ends those.
func (d *Dialer) Dial(ctx context.Context, to Endpoint) (*Conn, error) {
	if err := to.Validate(); err != nil {
		return nil, err
	}
	info := Info{Protocol: to.Protocol}
	nc, err := d.connect(ctx, to)
	if err != nil {
		return nil, err
	}
	info.Remote = nc.RemoteAddr().String()
	if d.proxy != nil {
		info.Proxy = d.proxy.String()
	}
	if to.Protocol.Encrypted() {
		if nc, info.TLS, err = d.tls.handshake(ctx, nc, to, d.times.Handshake); err != nil {
			return nil, err
		}
	}
	if to.Protocol.web() {
		if nc, err = dialWebSocket(ctx, nc, to, &d.times); err != nil {
			return nil, err
		}
	}
	return &Conn{nc, info}, nil
}

// connect returns a TCP connection that leads to the server.
func (d *Dialer) connect(ctx context.Context, to Endpoint) (net.Conn, error) {
	if d.proxy != nil {
		return d.proxy.connect(ctx, d.dial, to, d.times.Proxy)
	}
	nc, err := d.dial(ctx, "tcp", to.String())
	if err != nil {
		return nil, explainConnect(to.Host, "server", err)
	}
	return nc, nil
}

// Conn is a connection to a server.
type Conn struct {
	net.Conn
	info Info
}

// Info says how the connection goes.
func (c *Conn) Info() Info { return c.info }

// Info says how a connection goes, for people.
type Info struct {
	Protocol Protocol
	Remote   string   // IP address and port at the other end of the TCP connection; by proxy, the proxy's
	Proxy    string   // URL of the proxy, without secrets; empty for none
	TLS      *TLSInfo // nil without TLS
}

// Encryption says in a few words how the connection is encrypted and whether the
// other side is known to be the right one; empty if it is not encrypted.
func (i Info) Encryption() string {
	if i.TLS == nil {
		return ""
	}
	return i.TLS.Version + ", " + strings.TrimPrefix(i.TLS.Cipher, "TLS_") + ", " + i.TLS.Trust.String()
}

// TLSInfo says what a handshake came to.
type TLSInfo struct {
	Version string // "TLS 1.3"
	Cipher  string // "TLS_AES_128_GCM_SHA256"
	Trust   Trust
	Pin     string    // of the other side's key, as TLSConfig.Pins has it; empty without a certificate
	Name    string    // whom the other side's certificate is made out to, fit to be shown; may be empty
	Expires time.Time // the other side's certificate
}

// Trust is why the other side is taken for who it claims to be.
type Trust int

// The reasons.
const (
	Unverified Trust = iota // none: whoever is on the way can read and change everything
	Anonymous               // none is needed: a client that shows no certificate
	Verified                // an authority that is trusted signed its certificate
	Pinned                  // its key is one of those that were given
)

// String returns the words for t.
func (t Trust) String() string {
	switch t {
	case Anonymous:
		return "no certificate"
	case Verified:
		return "verified"
	case Pinned:
		return "pinned"
	}
	return "not verified"
}
