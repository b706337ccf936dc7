package stratum

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"gominer/stratum/noise"
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
		speaks := bad.Speaks()
		what := c.at.foreign(speaks)
		if what == "" || speaks == v1.ForeignBinary && c.anything { // it spoke Stratum V1 before
			return c.errorf("%w", err)
		}
		return c.errorf("%s", what)
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
		return c.errorf("%s without a word: is this a Stratum V1 port, and not one for TLS (%stls://) or Stratum V2 (%s://)?", end, schemeV1, schemeV2)
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

// foreign says what answers at a in the place of a pool, and what to do about it;
// "" where that is not known.
func (a address) foreign(what v1.Foreign) string {
	switch what {
	case v1.ForeignHTTP:
		node := "http"
		if a.protocol.Encrypted() {
			node = "https"
		}
		return fmt.Sprintf("that is a web server, and no Stratum pool: check host and port, which the pool's page says (a Bitcoin node is %s://user:password@%v)", node, a)
	case v1.ForeignTLS:
		return fmt.Sprintf("that is a TLS port: write %stls://%v", schemeV1, a)
	case v1.ForeignSSH:
		return "that is an SSH server, and no Stratum pool: check host and port"
	case v1.ForeignBinary:
		return fmt.Sprintf("what it sends is no text, and so not Stratum V1: a port for Stratum V2 is %s://%v/KEY, with the pool's authority key", schemeV2, a)
	}
	return ""
}

// explainNoise says why there is no encrypted connection to a pool that should
// speak Stratum V2.
func explainNoise(at address, err error) error {
	var failed *noise.HandshakeError
	if !errors.As(err, &failed) {
		return fmt.Errorf("%v: %w", at, err)
	}
	const doubt = "is this a port for Stratum V2? One for Stratum V1 is"
	switch {
	case errors.Is(err, noise.ErrText):
		return fmt.Errorf("%v: it sends text, and so not Stratum V2: a port for Stratum V1 is %s://%v", at, schemeTCP, at)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNRESET):
		return fmt.Errorf("%v: the pool closed the connection in the handshake: %s %s://%v", at, doubt, schemeTCP, at)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%v: no answer to the handshake: %s %s://%v", at, doubt, schemeTCP, at)
	}
	return fmt.Errorf("%v: %w", at, err)
}
