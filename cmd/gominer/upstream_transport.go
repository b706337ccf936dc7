package main

import (
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"gominer/stratum/transport"
)

// transportOptions are what is said of the way to a pool, and is not bound right
// into its Config.
type transportOptions struct {
	proxyFile string
	trusted   [sha256.Size]byte // what stands in the file of --tls-ca, as its hash; zero for nothing
}

var (
	tlsFlags   = []string{"tls-min", "tls-ca", "tls-pin", "tls-cert", "tls-key", "tls-insecure"}
	proxyFlags = []string{"proxy", "proxy-file"}
)

// annotationTLS marks flags for pools alone whose URL asks for TLS.
const annotationTLS = "tls"

// transportFlags defines how a pool is reached.
func (u *upstream) transportFlags(f *pflag.FlagSet) {
	c, t := &u.pool, &u.pool.TLS
	valueVar(f, &t.Min, "tls-min", "", "1.2", "insist on TLS `VERSION` at least: 1.2 or 1.3", parseTLSVersion)
	f.StringVar(&t.CAFile, "tls-ca", "", "trust the authorities whose certificates are in `FILE` (PEM), not those of the system; a pool's own certificate will do")
	valueVar(f, &t.Pins, "tls-pin", "", "", "take a pool for the right one by its key alone, whoever signed it: `PIN` is sha256/ and the hash of the key in base64; several with commas between", parsePins)
	f.StringVar(&t.CertFile, "tls-cert", "", "show the pool the client certificate in `FILE` (PEM)")
	f.StringVar(&t.KeyFile, "tls-key", "", "its private key is in `FILE` (PEM)")
	f.BoolVar(&t.Insecure, "tls-insecure", false, "take any pool for the right one: whoever is on the way can mine in your name")
	f.StringVar(&c.Proxy, "proxy", "", "go through the proxy at `URL`, which looks the pool's name up: socks5://host:port (Tor: socks5://127.0.0.1:9050) or http://host:port; user:password@ before host if it wants that")
	f.StringVar(&u.transport.proxyFile, "proxy-file", "", "that URL is the first line of `FILE`")
	for _, name := range slices.Concat(tlsFlags, proxyFlags) {
		annotate(f.Lookup(name), annotationSection, "TLS and proxies")
	}
	annotate(f.Lookup("tls-pin"), annotationCommas)
	exclusive(f, "proxy-file", "proxy")
	exclusive(f, "tls-insecure", "tls-ca", "tls-pin")
}

func parseTLSVersion(s string) (string, error) {
	if s != "1.2" && s != "1.3" {
		return "", errors.New("want 1.2 or 1.3")
	}
	return s, nil
}

// parsePins parts pins; what each has to look like is known to package transport.
func parsePins(s string) (pins []string, err error) {
	for pin := range strings.SplitSeq(s, ",") {
		pins = append(pins, strings.TrimSpace(pin))
	}
	return pins, nil
}

// settleTransport works out what the flags come to.
func (u *upstream) settleTransport() (err error) {
	for _, pair := range [][2]string{{"tls-cert", "tls-key"}, {"tls-key", "tls-cert"}} {
		one, ok := u.said[pair[0]]
		if _, other := u.said[pair[1]]; ok && !other {
			return usagef("%s: a client certificate takes two files: add --%s FILE", one.from.named(pair[0]), pair[1])
		}
	}
	if u.transport.proxyFile != "" {
		if u.pool.Proxy, err = firstLine(u.transport.proxyFile); err != nil {
			return usagef("%s: %w", u.said["proxy-file"].from.named("proxy-file"), err)
		}
	}
	if u.pool.TLS.CAFile != "" {
		if u.transport.trusted, err = sumOf(u.pool.TLS.CAFile); err != nil {
			return usagef("%s: %w", u.said["tls-ca"].from.named("tls-ca"), err)
		}
	}
	return nil
}

// sumOf returns the hash of a file.
func sumOf(name string) (sum [sha256.Size]byte, err error) {
	f, err := os.Open(name)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, io.LimitReader(f, mostTrusted))
	h.Sum(sum[:0])
	return sum, err
}

// mostTrusted is more than a file of authorities has, in bytes.
const mostTrusted = 8 << 20

// advice says what a user can do about a server that is not trusted, in the words
// of where he has configured it.
func (u *upstream) advice(err error) string {
	var failed *transport.Error
	if !errors.As(err, &failed) || failed.Pin == "" {
		return ""
	}
	ca, pin := "--tls-ca FILE", "--tls-pin "+failed.Pin
	if u.said["url"].from.layer == fromTable {
		ca, pin = `tls-ca = "FILE"`, `tls-pin = "`+failed.Pin+`"`
	}
	if errors.As(err, new(x509.UnknownAuthorityError)) {
		return ": " + ca + " trusts that authority, or a certificate that signs itself; " + pin + " trusts this key alone, if you know that it is the pool's"
	}
	return "; " + pin + " takes it all the same, if you know that the key is the pool's"
}
