package transport

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"os"
	"sync"
	"time"
)

// Identity is a certificate, with the chain to its authority if there is one, and
// its private key. One that stands in files follows them: a certificate that is
// renewed counts from the next connection on.
type Identity struct {
	certFile, keyFile string // empty: it was made

	mu   sync.Mutex // guards the rest
	cert *tls.Certificate
	read [2]stamp // the states of the files that cert is of
}

// stamp is what tells one state of a file from another.
type stamp struct {
	size int64
	time time.Time
}

// stampOf returns the zero stamp for a file that is not there.
func stampOf(name string) stamp {
	info, err := os.Stat(name)
	if err != nil {
		return stamp{}
	}
	return stamp{info.Size(), info.ModTime()}
}

// ReadIdentity reads an identity from files in PEM. Its errors hold nothing of
// the key.
func ReadIdentity(certFile, keyFile string) (*Identity, error) {
	if certFile == "" || keyFile == "" {
		return nil, errors.New("TLS needs a certificate and its key: give both files")
	}
	i := &Identity{certFile: certFile, keyFile: keyFile}
	i.read = i.stamps()
	cert, err := readPair(certFile, keyFile)
	if err != nil {
		return nil, err
	}
	i.cert = &cert
	return i, nil
}

func (i *Identity) stamps() [2]stamp { return [2]stamp{stampOf(i.certFile), stampOf(i.keyFile)} }

// current returns the certificate as it is now. What is wrong with files that have
// changed leaves it as it was: they may be in the making.
func (i *Identity) current() *tls.Certificate {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.certFile == "" {
		return i.cert
	}
	now := i.stamps() // before they are read: a later change is seen the next time
	if now == i.read {
		return i.cert
	}
	if cert, err := readPair(i.certFile, i.keyFile); err == nil {
		i.cert, i.read = &cert, now
	}
	return i.cert
}

// NewIdentity makes a key, and a certificate for hosts that the key signs itself:
// clients can know it by its pin alone.
func NewIdentity(hosts ...string) (*Identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	cert := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "gominer"},
		NotBefore:             time.Now().Add(-24 * time.Hour), // for clocks that run late
		NotAfter:              noExpiry,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true, // it can be given as an authority too
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			cert.IPAddresses = append(cert.IPAddresses, ip)
		} else {
			cert.DNSNames = append(cert.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &Identity{cert: &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}}, nil
}

// noExpiry is the end of a certificate that has none (RFC 5280 §4.1.2.5).
var noExpiry = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

// Pin returns the pin of the key, as TLSConfig.Pins has it.
func (i *Identity) Pin() string { return pinOf(i.current().Leaf).String() }

// TrustedAt reports whether a client that trusts what this system does takes i for
// the server at host.
func (i *Identity) TrustedAt(host string) bool {
	cert := i.current()
	between := x509.NewCertPool()
	for _, der := range cert.Certificate[1:] {
		if c, err := x509.ParseCertificate(der); err == nil {
			between.AddCert(c)
		}
	}
	_, err := cert.Leaf.Verify(x509.VerifyOptions{DNSName: serverName(host), Intermediates: between})
	return err == nil
}

// Expires returns the date up to which the certificate is valid.
func (i *Identity) Expires() time.Time { return i.current().Leaf.NotAfter }
