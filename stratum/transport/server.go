package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"sync"
	"time"
)

// ServerConfig says how a server meets its clients.
type ServerConfig struct {
	Identity *Identity // the server's; ListenTLS needs it

	// ClientCAFile holds, in PEM, the authorities one of which must have signed a
	// client's certificate. Without it clients need none.
	ClientCAFile string

	Min string // the least version of TLS: "1.2" (the default) or "1.3"

	// Path is where ListenWebSocket has its WebSocket; empty for any.
	Path string

	// Handshake is how long a client may take for that of TLS, and for that of
	// WebSocket; 0 stands for DefaultServerHandshake.
	Handshake time.Duration

	// Heartbeat is the time between two pings of a WebSocket, and for the answer
	// to one; 0 stands for DefaultServerHeartbeat, less for none.
	Heartbeat time.Duration
}

// What zeros in a ServerConfig stand for.
const (
	DefaultServerHandshake = 10 * time.Second
	DefaultServerHeartbeat = 30 * time.Second
)

// InfoOf says how a connection goes that Dial, or a listener of ListenTLS or
// ListenWebSocket, has returned; on a server, as soon as something was read. Any
// other counts as TCP.
func InfoOf(nc net.Conn) Info {
	if c, ok := nc.(interface{ Info() Info }); ok {
		return c.Info()
	}
	return Info{Remote: nc.RemoteAddr().String()}
}

// ListenTLS returns a listener of connections over TLS, which shake hands when
// they are first read from or written to: whoever accepts them decides first
// whether a client is welcome, and the handshake costs nobody else time.
//
// Errors name the field of cfg that is wrong.
func ListenTLS(l net.Listener, cfg ServerConfig) (net.Listener, error) {
	conf, err := cfg.tls()
	if err != nil {
		return nil, err
	}
	limit := cfg.Handshake
	if limit == 0 {
		limit = DefaultServerHandshake
	}
	return &tlsListener{l, conf, limit}, nil
}

// tls checks c and reads its file.
func (c *ServerConfig) tls() (*tls.Config, error) {
	if c.Identity == nil {
		return nil, errors.New("TLS needs a certificate and its key")
	}
	if c.Handshake < 0 {
		return nil, errors.New("a time-out is below 0")
	}
	least, err := parseTLSVersion(c.Min)
	if err != nil {
		return nil, err
	}
	id := c.Identity
	conf := &tls.Config{
		MinVersion:     least,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return id.current(), nil },
	}
	if c.ClientCAFile != "" {
		if conf.ClientCAs, err = readPool(c.ClientCAFile); err != nil {
			return nil, err
		}
		conf.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return conf, nil
}

type tlsListener struct {
	net.Listener
	conf  *tls.Config
	limit time.Duration
}

func (l *tlsListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &tlsServerConn{Conn: tls.Server(nc, l.conf), below: nc, limit: l.limit}, nil
}

// tlsServerConn is a server's end of TLS.
type tlsServerConn struct {
	*tls.Conn
	below net.Conn
	limit time.Duration

	once   sync.Once
	failed error // why there is no TLS
}

// shake shakes hands, the first time.
func (c *tlsServerConn) shake() error {
	c.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), c.limit)
		defer cancel()
		if err := c.HandshakeContext(ctx); err != nil {
			c.failed = explainClient(err, c.limit)
			_ = c.below.Close()
		}
	})
	return c.failed
}

func (c *tlsServerConn) Read(b []byte) (int, error) {
	if err := c.shake(); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

func (c *tlsServerConn) Write(b []byte) (int, error) {
	if err := c.shake(); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// Info says how the connection goes, once hands are shaken.
func (c *tlsServerConn) Info() Info {
	info := Info{Protocol: TLS, Remote: c.RemoteAddr().String()}
	if cs := c.ConnectionState(); cs.HandshakeComplete {
		info.TLS = tlsInfo(cs)
		info.TLS.Trust = Anonymous
		if len(cs.VerifiedChains) > 0 {
			info.TLS.Trust = Verified
		}
	}
	return info
}

// explainClient says why a client got no TLS.
func explainClient(err error, limit time.Duration) error {
	var plain tls.RecordHeaderError
	var unverified *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	var op *net.OpError
	switch {
	case errors.As(err, &plain):
		return errorf(err, "the client does not speak TLS%s", speaks(plain.RecordHeader))
	case errors.As(err, &unverified):
		name := ""
		if certs := unverified.UnverifiedCertificates; len(certs) > 0 {
			name = " of " + quote(certName(certs[0]))
		}
		if errors.As(err, &unknown) {
			return errorf(err, "the client's certificate%s is signed by an unknown authority", name)
		}
		return errorf(err, "the client's certificate%s is not valid: %s", name, library(unverified.Err))
	case errors.Is(err, context.DeadlineExceeded):
		return errorf(err, "the client did not shake hands within %v", limit)
	case errors.As(err, &op) && op.Op == "remote error":
		return errorf(err, "the client ended TLS: %s", library(op.Err))
	}
	if cut := explainCut(err, "client", "the TLS handshake"); cut != nil {
		return cut
	}
	return errorf(err, "TLS handshake: %s", library(err))
}
