package stratum

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"gominer/stratum/transport"
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
	var carrier *transport.Error
	switch {
	case errors.As(err, &bad):
		return c.errorf("%w%s", err, hint(bad.Line))
	case errors.As(err, &limit):
		return c.errorf("connection dropped: %w", err)
	case errors.As(err, &carrier): // of TLS, say: the pool knows no better
		return c.errorf("%w", carrier)
	case c.hatesConfigure():
		return errWithoutConfigure
	}
	said := ""
	if c.lastWord != "" {
		said = ", after it said: " + c.lastWord
	}
	end := endText(err)
	switch {
	case !c.anything && c.at.protocol != transport.TCP:
		return c.errorf("%s without a word: is this a Stratum V1 port?", end)
	case !c.anything:
		return c.errorf("%s without a word: is this a Stratum V1 port, and not a TLS one?", end)
	case !c.authorized:
		return c.errorf("%s during the handshake%s", end, said)
	}
	return c.errorf("%s%s", end, said)
}

// endOf returns how the connection ended, given the error of reading: a reset is
// told once, and it may have been told to who wrote.
func (c *conn) endOf(err error) error {
	if err != io.EOF {
		return err
	}
	select {
	case c.writeFailed = <-c.failed:
	default:
	}
	if errors.Is(c.writeFailed, syscall.ECONNRESET) {
		return c.writeFailed
	}
	return err
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
		return " (that is a TLS port: write stratum+tls://)"
	case strings.HasPrefix(start, "SSH-"):
		return " (that is an SSH server)"
	}
	return ""
}
