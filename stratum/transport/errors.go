package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Error is why there is no connection, or no longer one: a sentence for people,
// without control characters.
type Error struct {
	// Pin is, as TLSConfig.Pins has it, that of a server whose certificate is not
	// trusted; empty if the error is about something else.
	Pin string

	text string
	err  error // what caused it; may be nil
}

func (e *Error) Error() string { return e.text }

// Unwrap returns what caused it.
func (e *Error) Unwrap() error { return e.err }

func errorf(cause error, format string, args ...any) *Error {
	return &Error{text: fmt.Sprintf(format, args...), err: cause}
}

// shownText is how much of a text from outside is shown, in bytes.
const shownText = 120

// quote returns a text from outside in quotes, so that it can be shown: what
// does not print is escaped, and a long one is cut.
func quote(s string) string {
	if len(s) > shownText {
		s = s[:shownText]
		return strings.TrimSuffix(strconv.Quote(s), `"`) + `…"`
	}
	return strconv.Quote(s)
}

// quoteBare is quote without the quotes.
func quoteBare(s string) string {
	q := quote(s)
	return q[1 : len(q)-1]
}

// library returns the text of an error of crypto/tls or crypto/x509, fit to be
// shown.
func library(err error) string {
	return strings.TrimPrefix(strings.TrimPrefix(quoteBare(err.Error()), "tls: "), "x509: ")
}

// explainConnect says why there is no TCP connection to what is at host: a
// "server" or a "proxy".
func explainConnect(host, what string, err error) error {
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &dns) && dns.IsNotFound && isOnion(host):
		return errorf(err, "%s can only be reached through Tor: give its proxy, mostly socks5://127.0.0.1:9050", quote(host))
	case errors.As(err, &dns) && dns.IsNotFound:
		return errorf(err, "there is no host %s: check the %s's URL", quote(host), what)
	case errors.As(err, &dns):
		return errorf(err, "the name cannot be looked up: check the network: %s", quoteBare(err.Error()))
	case errors.Is(err, syscall.ECONNREFUSED):
		return errorf(err, "connection refused: nothing listens there: check the port, or wait for the %s", what)
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return errorf(err, "no route to the %s: check the network", what)
	case errors.As(err, &timeout) && timeout.Timeout():
		return errorf(err, "no answer to the attempt to connect: check host, port and firewall")
	}
	return errorf(err, "connect: %s", quoteBare(err.Error()))
}

func isOnion(host string) bool {
	return strings.HasSuffix(strings.ToLower(strings.TrimSuffix(host, ".")), ".onion")
}

// explainCut says why the other side is gone in the middle of something, or
// returns nil if the error is not about that.
func explainCut(err error, who, during string) error {
	var timeout net.Error
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.EPIPE):
		return errorf(err, "the %s closed the connection in %s", who, during)
	case errors.Is(err, syscall.ECONNRESET):
		return errorf(err, "the %s reset the connection in %s", who, during)
	case errors.As(err, &timeout) && timeout.Timeout():
		return errorf(err, "no answer of the %s in %s", who, during)
	}
	return nil
}

// explain says why a handshake of TLS failed.
func (c *clientTLS) explain(err error, host string, limit time.Duration) error {
	var mismatch *pinError
	var plain tls.RecordHeaderError
	var unverified *tls.CertificateVerificationError
	switch {
	case errors.As(err, &mismatch):
		return errorf(err, "%v", mismatch)
	case errors.As(err, &plain):
		return errorf(err, "the server does not speak TLS there%s: check scheme and port", speaks(plain.RecordHeader))
	case errors.As(err, &unverified):
		return explainCertificate(unverified, host)
	case errors.Is(err, context.DeadlineExceeded):
		return errorf(err, "no answer to the TLS handshake within %v: is this a TLS port?", limit)
	}
	if alert := explainAlert(err, c.certified); alert != err {
		return alert
	}
	if cut := explainCut(err, "server", "the TLS handshake"); cut != nil {
		return errorf(err, "%v: is this a TLS port?", cut)
	}
	return errorf(err, "TLS handshake: %s", library(err))
}

// speaks recognizes what answers in the place of TLS by its first bytes.
func speaks(header [5]byte) string {
	switch start := string(header[:]); {
	case start == "HTTP/":
		return ", but HTTP"
	case start[0] == '{':
		return ", but plain text"
	case strings.HasPrefix(start, "SSH-"):
		return ", but SSH"
	}
	return ""
}

// explainCertificate says what is wrong with a server's certificate.
func explainCertificate(e *tls.CertificateVerificationError, host string) error {
	err := errorf(e, "the server's certificate is not valid: %s", library(e.Err))
	var name x509.HostnameError
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(e, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil:
		if now := time.Now(); now.Before(invalid.Cert.NotBefore) {
			return errorf(e, "the server's certificate is not valid before %s: check this machine's clock", day(invalid.Cert.NotBefore))
		}
		err = errorf(e, "the server's certificate expired on %s: its operator has to renew it, unless this machine's clock is wrong", day(invalid.Cert.NotAfter))
	case errors.As(e, &name):
		err = errorf(e, "the server's certificate is for %s and not for %s: check the host", certNames(name.Certificate), quote(host))
	case errors.As(e, &unknown):
		err = errorf(e, "the server's certificate is signed by an unknown authority")
	}
	if len(e.UnverifiedCertificates) > 0 {
		err.Pin = pinOf(e.UnverifiedCertificates[0]).String()
	}
	return err
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// certNames lists whom a certificate is for.
func certNames(cert *x509.Certificate) string {
	var names []string
	for _, n := range cert.DNSNames {
		names = append(names, quote(n))
	}
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	switch n := len(names); {
	case n == 0:
		return "no host at all"
	case n > mostNames:
		return strings.Join(names[:mostNames], ", ") + fmt.Sprintf(" and %d more", n-mostNames)
	}
	return strings.Join(names, ", ")
}

// alerts are those of RFC 8446 §6 that say more than that something failed: what
// they mean to a client that showed a certificate, and to one that did not.
var alerts = []struct {
	code       tls.AlertError
	with, none string
}{
	{40, "the server offers no way of encryption in common", "the server offers no way of encryption in common, or it wants a client certificate"},
	{42, "the server refuses the client certificate", "the server wants a client certificate"},
	{43, "the server cannot use the kind of the client certificate", ""},
	{44, "the server says that the client certificate was revoked", ""},
	{45, "the server says that the client certificate has expired", ""},
	{46, "the server refuses the client certificate", "the server wants a client certificate"},
	{48, "the server does not know the authority that signed the client certificate", ""},
	{49, "the server does not let the client certificate in", "the server lets nobody in without a client certificate"},
	{70, "the server does not speak a version of TLS that is new enough", "the server does not speak a version of TLS that is new enough"},
	{112, "the server does not know the host name", "the server does not know the host name"},
	{116, "the server wants a client certificate", "the server wants a client certificate"},
}

// explainAlert says what an alert of the other side means; other errors are
// returned as they came.
func explainAlert(err error, hasCert bool) error {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" {
		return err
	}
	said := op.Err.Error()
	for _, a := range alerts {
		// crypto/tls does not export the type of what it has received.
		if said != a.code.Error() {
			continue
		}
		if hasCert && a.with != "" {
			return errorf(err, "%s", a.with)
		}
		if !hasCert && a.none != "" {
			return errorf(err, "%s", a.none)
		}
	}
	return errorf(err, "the server ended TLS: %s", library(op.Err))
}
