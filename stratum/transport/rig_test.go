package transport_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gominer/stratum/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// identity is a certificate with its key, and what was signed by whom.
type identity struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte // the certificate
}

var serial int64

// issue returns a certificate that by signed; nil: it signed itself. It is valid
// for an hour, for localhost and the loopback addresses, unless set changes that.
func issue(t *testing.T, by *identity, set func(*x509.Certificate)) *identity {
	t.Helper()
	serial++
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(serial),
		Subject:      pkix.Name{CommonName: "certificate " + strconv.FormatInt(serial, 10)},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
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
	if err != nil {
		t.Fatal(err)
	}
	parent, signer := cert, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	if cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return &identity{cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

// pin returns the pin of the key, computed apart from the package.
func (i *identity) pin() string {
	sum := sha256.Sum256(i.cert.RawSubjectPublicKeyInfo)
	return "sha256/" + base64.StdEncoding.EncodeToString(sum[:])
}

// files writes certificate and key.
func (i *identity) files(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(i.key)
	if err != nil {
		t.Fatal(err)
	}
	return file(t, i.pem), file(t, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// identityOf reads a server's identity.
func identityOf(t *testing.T, certFile, keyFile string) *transport.Identity {
	t.Helper()
	id, err := transport.ReadIdentity(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// file writes a file and returns its name.
func file(t *testing.T, data []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// listen returns a listener on loopback that closes with the test.
func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// serve hands every connection of l to handle until the test ends.
func serve(t *testing.T, l net.Listener, handle func(net.Conn)) {
	t.Helper()
	var wg sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	ended := false
	wg.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[nc] = true
			if ended {
				_ = nc.Close()
			}
			mu.Unlock()
			wg.Go(func() {
				handle(nc)
				_ = nc.Close()
				mu.Lock()
				delete(open, nc)
				mu.Unlock()
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		ended = true
		for nc := range open {
			go nc.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
}

// echo returns what comes.
func echo(nc net.Conn) { _, _ = io.Copy(nc, nc) }

// endpoint returns where l is.
func endpoint(l net.Listener, p transport.Protocol) transport.Endpoint {
	addr := l.Addr().(*net.TCPAddr)
	return transport.Endpoint{Protocol: p, Host: addr.IP.String(), Port: uint16(addr.Port)}
}

// dial connects and closes the connection with the test.
func dial(t *testing.T, cfg transport.Config, to transport.Endpoint) (*transport.Conn, error) {
	t.Helper()
	d, err := transport.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := d.Dial(ctx, to)
	if err == nil {
		t.Cleanup(func() { _ = c.Close() })
	}
	return c, err
}

// exchange sends a line and expects it back.
func exchange(t *testing.T, c net.Conn, line string) {
	t.Helper()
	if _, err := io.WriteString(c, line); err != nil {
		t.Fatalf("write: %v", err)
	}
	got := make([]byte, len(line))
	if _, err := io.ReadFull(c, got); err != nil {
		t.Fatalf("read: %v", err)
	}
	if string(got) != line {
		t.Fatalf("got %.200q, want %.200q", got, line)
	}
}

const line = `{"id":1,"method":"mining.subscribe","params":["gominer"]}` + "\n"
