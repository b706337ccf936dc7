package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// makeCertificates writes NAME.pem and NAME.key for: ca, which signs; pool, for
// 127.0.0.1; expired, likewise, but of another year; elsewhere, for another host;
// miner, a client; other, which signed itself, and stranger, a client that it
// signed. PIN is the pool's pin, OTHERPIN that of other.
func makeCertificates(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: certificates")
	}
	ca := issueCertificate(ts, "ca", nil, nil)
	pool := issueCertificate(ts, "pool", ca, nil)
	issueCertificate(ts, "expired", ca, func(c *x509.Certificate) { c.NotAfter = time.Date(2021, 2, 3, 4, 5, 0, 0, time.UTC) })
	issueCertificate(ts, "elsewhere", ca, func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"pool.example.org"}, nil })
	client := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }
	issueCertificate(ts, "miner", ca, client)
	other := issueCertificate(ts, "other", nil, nil)
	issueCertificate(ts, "stranger", other, client)
	ts.Setenv("PIN", pinOf(pool))
	ts.Setenv("OTHERPIN", pinOf(other))
}

// pinOf returns the pin of a certificate's key, computed apart from the program.
func pinOf(cert *tls.Certificate) string {
	sum := sha256.Sum256(cert.Leaf.RawSubjectPublicKeyInfo)
	return "sha256/" + base64.StdEncoding.EncodeToString(sum[:])
}

// issueCertificate writes a certificate that by signed (nil: it signed itself),
// and its key.
func issueCertificate(ts *testscript.TestScript, name string, by *tls.Certificate, set func(*x509.Certificate)) *tls.Certificate {
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	ts.Check(err)
	cert := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:     time.Now().Add(24 * time.Hour),
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
	if by == nil {
		cert.IsCA, cert.BasicConstraintsValid = true, true
		cert.KeyUsage |= x509.KeyUsageCertSign
	}
	if set != nil {
		set(cert)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	parent, signer := cert, any(key)
	if by != nil {
		parent, signer = by.Leaf, by.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, &key.PublicKey, signer)
	ts.Check(err)
	leaf, err := x509.ParseCertificate(der)
	ts.Check(err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(name+".pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(name+".key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600))
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}
