package transport

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// TLSConfig says whom a client trusts and who it is. The zero value trusts the
// authorities that the system does, for the host's name, and shows no
// certificate. Every file is in PEM and is read by New.
type TLSConfig struct {
	// CAFile holds the certificates to trust in place of the system's. A server's
	// own, if it signed it itself, will do.
	CAFile string

	// Pins are the keys that a server may have, each as "sha256/" and the SHA-256
	// of its SubjectPublicKeyInfo in base64 (RFC 7469). Given without CAFile they
	// take the place of authorities, names and dates: the key alone decides.
	Pins []string

	Min string // the least version of TLS: "1.2" (the default) or "1.3"

	// CertFile and KeyFile hold the client's own certificate, with the chain to
	// its authority if there is one, and the private key. Both or none.
	CertFile, KeyFile string

	// Insecure takes any server for the right one: whoever is on the way can read
	// and change everything.
	Insecure bool
}

// IsZero reports whether c is the default.
func (c TLSConfig) IsZero() bool {
	return c.CAFile == "" && len(c.Pins) == 0 && c.Min == "" && c.CertFile == "" && c.KeyFile == "" && !c.Insecure
}

const (
	pinPrefix = "sha256/"

	mostPEM   = 4 << 20 // bytes of a file: the system's authorities have some 200 KiB
	mostNames = 3       // of a certificate's names that are shown
)

// pin is the SHA-256 of a SubjectPublicKeyInfo.
type pin [sha256.Size]byte

func pinOf(cert *x509.Certificate) pin { return sha256.Sum256(cert.RawSubjectPublicKeyInfo) }

// String returns p as TLSConfig.Pins has it.
func (p pin) String() string { return pinPrefix + base64.StdEncoding.EncodeToString(p[:]) }

// parsePin reads a pin. It takes curl's "sha256//" too.
func parsePin(s string) (p pin, err error) {
	text, found := strings.CutPrefix(s, pinPrefix)
	if !found {
		return p, fmt.Errorf("pin %s: want sha256/ and then the SHA-256 of the server's public key in base64", quote(s))
	}
	b, err := base64.StdEncoding.Strict().DecodeString(strings.TrimPrefix(text, "/"))
	// A hash may begin with a slash itself.
	if whole, err2 := base64.StdEncoding.Strict().DecodeString(text); err2 == nil && len(whole) == len(p) {
		b, err = whole, nil
	}
	switch {
	case err != nil, strings.ContainsAny(text, "\r\n"): // which base64's decoder skips
		return p, fmt.Errorf("pin %s: what stands behind sha256/ is not base64", quote(s))
	case len(b) != len(p):
		return p, fmt.Errorf("pin %s: %d bytes, want the %d of a SHA-256", quote(s), len(b), len(p))
	}
	return pin(b), nil
}

// clientTLS is a checked TLSConfig.
type clientTLS struct {
	base      *tls.Config // without a server's name
	pins      []pin
	insecure  bool
	certified bool // it has a certificate to show
}

// client checks c and reads its files.
func (c *TLSConfig) client() (*clientTLS, error) {
	least, err := parseTLSVersion(c.Min)
	if err != nil {
		return nil, err
	}
	t := &clientTLS{base: &tls.Config{MinVersion: least}, insecure: c.Insecure}
	for _, s := range c.Pins {
		p, err := parsePin(s)
		if err != nil {
			return nil, err
		}
		t.pins = append(t.pins, p)
	}
	switch {
	case c.Insecure && len(c.Pins) > 0:
		return nil, errors.New("a pin says which server is the right one, and insecure that any is: choose")
	case c.Insecure && c.CAFile != "":
		return nil, errors.New("a CA file says which servers are the right ones, and insecure that any is: choose")
	case (c.CertFile == "") != (c.KeyFile == ""):
		return nil, errors.New("a client certificate needs both files: the certificate's and its key's")
	}
	if c.CAFile != "" {
		if t.base.RootCAs, err = readPool(c.CAFile); err != nil {
			return nil, err
		}
	}
	if c.CertFile != "" {
		id, err := ReadIdentity(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, err
		}
		t.certified = true
		// It is shown even to a server that names other authorities: what that one
		// makes of it is a better answer than that there was none.
		t.base.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return id.current(), nil }
	}
	// Without an authority to ask, the pins decide, in verify.
	t.base.InsecureSkipVerify = c.Insecure || len(t.pins) > 0 && c.CAFile == ""
	return t, nil
}

func parseTLSVersion(s string) (uint16, error) {
	switch s {
	case "", "1.2":
		return tls.VersionTLS12, nil
	case "1.3":
		return tls.VersionTLS13, nil
	case "1.0", "1.1":
		return 0, fmt.Errorf("TLS %s is not secure (RFC 8996): the least version is 1.2 or 1.3", s)
	}
	return 0, fmt.Errorf("TLS version %s: want 1.2 or 1.3", quote(s))
}

// readPool reads certificates to trust. The file may hold other things too, as
// files of certificates do.
func readPool(name string) (*x509.CertPool, error) {
	data, err := readFile(name)
	if err != nil {
		return nil, fmt.Errorf("CA file: %w", err)
	}
	pool := x509.NewCertPool()
	n := 0
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("CA file %s: certificate %d cannot be read: %w", name, n+1, err)
		}
		pool.AddCert(cert)
		n++
	}
	if n == 0 {
		return nil, fmt.Errorf("CA file %s: there is no certificate in it: want PEM, with BEGIN CERTIFICATE", name)
	}
	return pool, nil
}

// readPair reads a certificate and its key. Errors hold nothing of the key.
func readPair(certFile, keyFile string) (tls.Certificate, error) {
	certPEM, err := readFile(certFile)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate: %w", err)
	}
	keyPEM, err := readFile(keyFile)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("key: %w", err)
	}
	cert, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate %s with key %s: %s", certFile, keyFile, strings.TrimPrefix(err.Error(), "tls: "))
	}
	return cert, nil
}

// readFile reads a file of a size to be expected.
func readFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Size() > mostPEM {
		return nil, fmt.Errorf("%s has %d bytes: at most %d", name, info.Size(), mostPEM)
	}
	return os.ReadFile(name)
}

// handshake speaks TLS over nc, which it closes if that fails.
func (c *clientTLS) handshake(ctx context.Context, nc net.Conn, to Endpoint, limit time.Duration) (net.Conn, *TLSInfo, error) {
	conf := c.base.Clone()
	conf.ServerName = serverName(to.Host)
	if to.Protocol.web() {
		conf.NextProtos = []string{"http/1.1"}
	}
	conf.VerifyConnection = c.verify
	tc := tls.Client(nc, conf)
	sub, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := tc.HandshakeContext(sub); err != nil {
		_ = nc.Close()
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		return nil, nil, c.explain(err, to.Host, limit)
	}
	info := tlsInfo(tc.ConnectionState())
	switch {
	case len(c.pins) > 0:
		info.Trust = Pinned
	case !c.insecure:
		info.Trust = Verified
	}
	return &alertConn{tc, c.certified}, info, nil
}

// alertConn explains alerts that come after the handshake: a server that speaks
// TLS 1.3 says only then what it thinks of the client's certificate.
type alertConn struct {
	net.Conn
	hasCert bool
}

func (c *alertConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil {
		err = explainAlert(err, c.hasCert)
	}
	return n, err
}

// serverName returns the name that a certificate must hold.
func serverName(host string) string {
	host, _, _ = strings.Cut(host, "%") // the zone of an IPv6 address
	return strings.TrimSuffix(host, ".")
}

// verify compares the server's key with the pins.
func (c *clientTLS) verify(cs tls.ConnectionState) error {
	if len(c.pins) == 0 {
		return nil
	}
	if len(cs.PeerCertificates) == 0 {
		return &pinError{}
	}
	got := pinOf(cs.PeerCertificates[0])
	for _, p := range c.pins {
		if subtle.ConstantTimeCompare(p[:], got[:]) == 1 {
			return nil
		}
	}
	return &pinError{got}
}

// pinError says that a server has a key that is not pinned.
type pinError struct{ got pin }

func (e *pinError) Error() string {
	return fmt.Sprintf("the server's key is not a pinned one, but %v: somebody may be in between, or the server has a new key: ask its operator", e.got)
}

// tlsInfo describes a connection, but for whether the other side is trusted.
func tlsInfo(cs tls.ConnectionState) *TLSInfo {
	info := &TLSInfo{Version: tls.VersionName(cs.Version), Cipher: tls.CipherSuiteName(cs.CipherSuite)}
	if len(cs.PeerCertificates) > 0 {
		cert := cs.PeerCertificates[0]
		info.Pin = pinOf(cert).String()
		info.Name = quoteBare(certName(cert))
		info.Expires = cert.NotAfter
	}
	return info
}

// certName returns whom a certificate is made out to.
func certName(cert *x509.Certificate) string {
	switch {
	case cert.Subject.CommonName != "":
		return cert.Subject.CommonName
	case len(cert.DNSNames) > 0:
		return cert.DNSNames[0]
	case len(cert.IPAddresses) > 0:
		return cert.IPAddresses[0].String()
	}
	return ""
}
