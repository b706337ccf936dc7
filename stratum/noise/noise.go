// Package noise is the encryption of Stratum V2: the handshake
// Noise_NX_Secp256k1+EllSwift_ChaChaPoly_SHA256 in both roles, the certificate
// by which a server proves whose it is, and the connection that follows, which
// seals each frame. Stratum V2 specification, section 4.
//
// Client and Server turn a net.Conn into a Conn, whose plaintext is a stream of
// frames. Of frames the package knows only the header's length field; what is
// in them is for stratum/v2. It starts no goroutine that outlives a call, knows
// no URL and does not reconnect.
//
// # Secrets in memory
//
// Ephemeral keys, shared secrets and chaining keys are overwritten as soon as
// they have been used, as far as they are in this package's hands: the copies
// inside of a cipher are let go, by Close at the latest. Arithmetic on the curve
// takes a time that depends on the key. Where one key serves many connections,
// that of an Identity, it is split at random for each.
package noise

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
	"unicode"
)

// ErrNoAuthority says that there is no key to know the server by.
var ErrNoAuthority = errors.New("no authority key to know the server by: add the pool's key to its URL, or allow an insecure connection")

// Config says whom to trust and how long to wait.
type Config struct {
	// Authority is the key that must have signed the server's certificate. A
	// client without one refuses to connect. A server does not use it.
	Authority PublicKey

	// Insecure lets a client without an Authority take any server for the right
	// one: whoever is on the way can read everything and take every share. It
	// changes nothing where there is an Authority.
	Insecure bool

	// Leeway is how far the clocks of client and server may be apart when the
	// client looks whether a certificate is valid; 0 stands for DefaultLeeway.
	Leeway time.Duration

	// Timeout bounds the whole handshake; 0 stands for DefaultTimeout.
	Timeout time.Duration
}

// What zeros in a Config stand for.
const (
	DefaultLeeway  = 10 * time.Second
	DefaultTimeout = 10 * time.Second
)

func (c Config) withDefaults() Config {
	if c.Leeway == 0 {
		c.Leeway = DefaultLeeway
	}
	if c.Timeout <= 0 {
		c.Timeout = DefaultTimeout
	}
	return c
}

// HandshakeError says that the handshake failed: the peer speaks another
// protocol, fell silent or left, or somebody changed bytes on the way.
type HandshakeError struct {
	Act int // the message that failed: 1 is the client's, 2 the server's
	Err error
}

func (e *HandshakeError) Error() string {
	return fmt.Sprintf("noise handshake, act %d: %v", e.Act, e.Err)
}

// Unwrap returns e.Err.
func (e *HandshakeError) Unwrap() error { return e.Err }

// Client runs the handshake as the side that opened conn. The error is
// ErrNoAuthority, a *HandshakeError or a *CertificateError.
//
// For the time of the handshake the deadlines of conn are Client's; afterwards
// there are none. On an error conn is closed.
func Client(ctx context.Context, conn net.Conn, cfg Config) (*Conn, error) {
	cfg = cfg.withDefaults()
	return run(ctx, conn, cfg.Timeout, func() (*Conn, error) {
		if cfg.Authority == (PublicKey{}) && !cfg.Insecure {
			return nil, ErrNoAuthority
		}
		e, err := newClientKey()
		if err != nil {
			return nil, err
		}
		return client(conn, cfg, e, time.Now)
	})
}

// Server runs the handshake as the side that accepted conn, with id to prove
// who it is. The error is a *HandshakeError. Deadlines and errors are dealt with
// as by Client. A silent peer holds Server for cfg.Timeout: call it from a
// goroutine of the connection, not from the one that accepts.
func Server(ctx context.Context, conn net.Conn, id *Identity, cfg Config) (*Conn, error) {
	cfg = cfg.withDefaults()
	return run(ctx, conn, cfg.Timeout, func() (*Conn, error) {
		e, err := newKeyPair()
		if err != nil {
			return nil, err
		}
		return server(conn, id, e)
	})
}

// run runs a handshake that ends with ctx or after timeout, whichever is first.
func run(ctx context.Context, conn net.Conn, timeout time.Duration, handshake func() (*Conn, error)) (*Conn, error) {
	var c *Conn
	err := conn.SetDeadline(time.Now().Add(timeout))
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { _ = conn.Close(); close(closed) })
	if err == nil {
		c, err = handshake()
	}
	if !stop() {
		<-closed
		err = &HandshakeError{Act: actOf(err), Err: context.Cause(ctx)}
	}
	if err == nil {
		_ = conn.SetDeadline(time.Time{}) // fails on a closed connection alone, which the next read will tell
		return c, nil
	}
	if c != nil {
		_ = c.Close()
	} else {
		_ = conn.Close()
	}
	return nil, err
}

// actOf returns the act that err is about, the last one if it is about none.
func actOf(err error) int {
	var h *HandshakeError
	if errors.As(err, &h) {
		return h.Act
	}
	return 2
}

// client is Client with its ephemeral key e and its clock.
func client(conn net.Conn, cfg Config, e *keyPair, now func() time.Time) (*Conn, error) {
	i := newInitiator(e)
	defer i.wipe()
	first := i.act1()
	if err := writeAct(conn, first[:]); err != nil {
		return nil, &HandshakeError{1, err}
	}
	var second act2
	if err := readAct(conn, second[:]); err != nil {
		return nil, &HandshakeError{2, err}
	}
	cert, err := i.readAct2(&second)
	if err != nil {
		return nil, &HandshakeError{2, err}
	}
	if cfg.Authority != (PublicKey{}) {
		if err := cert.verify(cfg.Authority, now(), cfg.Leeway); err != nil {
			return nil, err
		}
	}
	send, receive, err := i.split()
	if err != nil {
		return nil, &HandshakeError{2, err}
	}
	return newConn(conn, cert, send, receive), nil
}

// server is Server with its ephemeral key e.
func server(conn net.Conn, id *Identity, e *keyPair) (*Conn, error) {
	r := newResponder(e, id)
	defer r.wipe()
	var first act1
	if err := readAct(conn, first[:]); err != nil {
		return nil, &HandshakeError{1, err}
	}
	second, err := r.act2(&first)
	if err != nil {
		return nil, &HandshakeError{2, err}
	}
	if err := writeAct(conn, second[:]); err != nil {
		return nil, &HandshakeError{2, err}
	}
	receive, send, err := r.split()
	if err != nil {
		return nil, &HandshakeError{2, err}
	}
	return newConn(conn, id.cert, send, receive), nil
}

// writeAct sends msg whole.
func writeAct(conn net.Conn, msg []byte) error {
	n, err := conn.Write(msg)
	if err == nil && n < len(msg) {
		err = io.ErrShortWrite
	}
	return err
}

// ErrText says that the peer sends text.
var ErrText = errors.New("the peer sends text: it speaks another protocol, Stratum V1 perhaps")

// readAct fills msg.
func readAct(conn net.Conn, msg []byte) error {
	n, err := io.ReadFull(conn, msg)
	switch {
	case isText(msg[:n]):
		return ErrText
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%d of %d bytes came in time: %w", n, len(msg), err)
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		return fmt.Errorf("the peer closed the connection after %d of %d bytes (%w)", n, len(msg), err)
	}
	return fmt.Errorf("after %d of %d bytes: %w", n, len(msg), err)
}

// isText reports whether b is a few characters of ASCII, which random bytes are
// with a chance of one in a thousand millions at most.
func isText(b []byte) bool {
	for _, c := range b {
		if c > unicode.MaxASCII || c < ' ' && c != '\n' && c != '\r' && c != '\t' {
			return false
		}
	}
	return len(b) >= 22 // (98/256)^22 is 7e-10
}
