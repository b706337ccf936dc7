package stratum

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"gominer/stratum/v1"
)

// errorf returns an error that says which pool it is about.
func (c *conn) errorf(format string, args ...any) error {
	return fmt.Errorf("%v: %w", c.at, fmt.Errorf(format, args...))
}

// explainEnd says why the connection is over, given the error of reading or
// writing.
func (c *conn) explainEnd(err error) error {
	var bad *v1.ProtocolError
	var limit *v1.LimitError
	switch {
	case errors.As(err, &bad):
		return c.errorf("%w%s", err, hint(bad.Line))
	case errors.As(err, &limit):
		return c.errorf("connection dropped: %w", err)
	case c.hatesConfigure():
		return errWithoutConfigure
	}
	said := ""
	if c.lastWord != "" {
		said = ", after it said: " + c.lastWord
	}
	end := endText(err)
	switch {
	case !c.anything:
		return c.errorf("%s without a word: is this a Stratum V1 port, and not a TLS one?", end)
	case !c.authorized:
		return c.errorf("%s during the handshake%s", end, said)
	}
	return c.errorf("%s%s", end, said)
}

// endText says how a connection ended, given the error of reading or writing.
func endText(err error) string {
	switch {
	case err == io.EOF, err == io.ErrUnexpectedEOF, errors.Is(err, io.ErrClosedPipe), errors.Is(err, syscall.EPIPE):
		return "the pool closed the connection"
	case errors.Is(err, syscall.ECONNRESET):
		return "the pool reset the connection"
	case errors.Is(err, syscall.ETIMEDOUT):
		return "the connection timed out"
	}
	return err.Error()
}

// hint recognizes what answers on ports that are no pool's.
func hint(start string) string {
	switch {
	case strings.HasPrefix(start, "HTTP/"), strings.HasPrefix(start, "<"):
		return " (that is a web server)"
	case strings.HasPrefix(start, `\u0015\u0003`), strings.HasPrefix(start, `\u0016\u0003`):
		return " (that is a TLS port, and TLS is not spoken)"
	case strings.HasPrefix(start, "SSH-"):
		return " (that is an SSH server)"
	}
	return ""
}

// explainDial says why there is no connection.
func explainDial(at address, err error) error {
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &dns) && dns.IsNotFound:
		return fmt.Errorf("%v: there is no host %q: check the pool's URL", at, at.host)
	case errors.As(err, &dns):
		return fmt.Errorf("%v: the name cannot be looked up: check the network: %w", at, err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%v: connection refused: nothing listens there: check the port, or wait for the pool", at)
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return fmt.Errorf("%v: no route to the pool: check the network", at)
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("%v: no answer to the attempt to connect: check host, port and firewall", at)
	}
	return fmt.Errorf("%v: connect: %w", at, err)
}
