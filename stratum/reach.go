package stratum

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"gominer/miner"
	"gominer/stratum/transport"
)

const (
	schemeV1  = "stratum+" // and a protocol of package transport
	schemeTCP = schemeV1 + "tcp"
	schemeTLS = "stratums" // what others call stratum+tls
)

// address is where a pool is, and what carries the connection there.
type address struct {
	host     string // a name, or an IP address without brackets
	port     uint16
	protocol transport.Protocol
	path     string // of a WebSocket, with the query if there is one
}

// String returns host:port.
func (a address) String() string { return net.JoinHostPort(a.host, strconv.Itoa(int(a.port))) }

// url returns the URL of the pool without secrets: a query may be one.
func (a address) url() string {
	path, _, _ := strings.Cut(a.path, "?")
	return schemeV1 + a.protocol.String() + "://" + a.String() + path
}

// endpoint returns a for package transport.
func (a address) endpoint() transport.Endpoint {
	return transport.Endpoint{Protocol: a.protocol, Host: a.host, Port: a.port, Path: a.path}
}

// speaks names what is spoken, for people.
func (a address) speaks() string {
	if a.protocol == transport.WebSocket || a.protocol == transport.SecureWebSocket {
		return protocol + " over websocket"
	}
	return protocol
}

// parseScheme returns the protocol that the scheme of a Stratum V1 URL stands
// for.
func parseScheme(scheme string) (p transport.Protocol, ok bool) {
	if strings.EqualFold(scheme, schemeTLS) {
		return transport.TLS, true
	}
	if len(scheme) < len(schemeV1) || !strings.EqualFold(scheme[:len(schemeV1)], schemeV1) {
		return p, false
	}
	return transport.ParseProtocol(scheme[len(schemeV1):])
}

// impliedPorts are those of WebSockets whose URL names none, as in browsers.
var impliedPorts = map[transport.Protocol]string{transport.WebSocket: "80", transport.SecureWebSocket: "443"}

// cutPath parts host:port from the path behind it, which is empty if it leads
// nowhere.
func cutPath(rest string) (at, path string) {
	i := strings.IndexAny(rest, "/?")
	switch {
	case i < 0:
		return rest, ""
	case rest[i:] == "/":
		return rest[:i], ""
	case rest[i] == '?':
		return rest[:i], "/" + rest[i:]
	}
	return rest[:i], rest[i:]
}

// IsTLS reports whether a pool's URL asks for TLS.
func IsTLS(url string) bool {
	scheme, _, found := strings.Cut(url, "://")
	p, ok := parseScheme(scheme)
	return found && ok && p.Encrypted()
}

// dialer returns what connects to an address of the pool.
func (c *Config) dialer(pool address) (*transport.Dialer, error) {
	if !pool.protocol.Encrypted() && !c.TLS.IsZero() {
		return nil, errors.New("settings of TLS are for a pool that is reached over TLS: stratum+tls://host:port, or stratum+wss://host:port")
	}
	return transport.New(transport.Config{
		TLS: c.TLS, Proxy: c.Proxy, Dial: c.Dial,
		Timeouts: transport.Timeouts{Connect: c.Timeouts.Connect},
	})
}

// connect connects to an address of the pool. The error is a sentence for people.
func (c *Config) connect(ctx context.Context, d *transport.Dialer, to address) (*transport.Conn, error) {
	nc, err := d.Dial(ctx, to.endpoint())
	switch {
	case errors.Is(err, context.Canceled):
		return nil, err
	case err != nil && c.Advice != nil:
		return nil, fmt.Errorf("%v: %w%s", to, err, c.Advice(err))
	case err != nil:
		return nil, fmt.Errorf("%v: %w", to, err)
	}
	if info := nc.Info(); info.TLS != nil {
		c.logTLS(to, info)
	}
	return nc, nil
}

// logTLS tells how a connection is encrypted, and aloud if nobody knows with
// whom.
func (c *Config) logTLS(to address, info transport.Info) {
	t := info.TLS
	attrs := []any{"source", to.String(), "version", t.Version, "cipher", t.Cipher, "trust", t.Trust.String(), "pin", t.Pin, "name", t.Name, "expires", t.Expires}
	if t.Trust == transport.Unverified {
		c.Log.Warn("not verified: whoever is on the way to the pool can read and change everything",
			miner.EventKey, "insecure", "source", to.String(), "pin", t.Pin)
	}
	c.Log.Debug("encrypted", append([]any{miner.EventKey, "tls"}, attrs...)...)
}
