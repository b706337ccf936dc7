package e2e

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// daemon says how to start a server that others wrote.
type daemon struct {
	program string
	args    []string
	config  func(port string) string // which becomes the file "config" where it runs
	ready   string                   // a line of its stderr, once it listens
}

// running is a daemon that listens.
type running struct {
	addr string // on loopback
	dir  string
	stop func()

	mu   sync.Mutex
	said strings.Builder
}

// log returns what the daemon has written on stderr.
func (r *running) log() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.said.String()
}

// startDaemon starts a daemon that runs until the test ends. They can't be told to
// take any port that is free: where another takes it first they are started again.
func startDaemon(t *testing.T, d daemon) *running {
	t.Helper()
	path := lookUp(t, d.program)
	for range 5 {
		if r := tryDaemon(t, path, d); r != nil {
			return r
		}
	}
	t.Fatalf("%s did not start", d.program)
	return nil
}

// lookUp finds a program of Debian's.
func lookUp(t *testing.T, program string) string {
	t.Helper()
	for _, name := range []string{program, "/usr/sbin/" + program} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("GOMINER_CI") != "" {
		t.Fatalf("%s is missing", program)
	}
	t.Skipf("%s is missing", program)
	return ""
}

// tryDaemon is one attempt; nil: it ended.
func tryDaemon(t *testing.T, path string, d daemon) *running {
	t.Helper()
	r := &running{addr: freePort(t), dir: t.TempDir()}
	_, port, err := net.SplitHostPort(r.addr)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.dir, "config"), []byte(d.config(port)), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, d.args...)
	cmd.Dir = r.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // it has children
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan bool, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.read(stderr, regexp.MustCompile(d.ready), ready)
		_ = cmd.Wait()
	}()
	r.stop = sync.OnceFunc(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		kill := time.AfterFunc(10*time.Second, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
		<-ended
		kill.Stop()
		if t.Failed() {
			t.Logf("%s:\n%s", d.program, r.log())
		}
	})
	select {
	case listens := <-ready:
		if listens {
			t.Cleanup(r.stop)
			return r
		}
	case <-time.After(runTimeout):
	}
	t.Logf("%s ended:\n%s", d.program, r.log())
	r.stop()
	return nil
}

// read takes down what the daemon says, and tells whether it came to listen.
func (r *running) read(stderr io.Reader, re *regexp.Regexp, ready chan<- bool) {
	listens := false
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		r.mu.Lock()
		r.said.WriteString(lines.Text() + "\n")
		r.mu.Unlock()
		if !listens && re.MatchString(lines.Text()) {
			listens = true
			ready <- true
		}
	}
	if !listens {
		ready <- false
	}
}

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool // of its certificate alone
	file string         // likewise
}

// files are those of a certificate and its key.
type files struct{ cert, key string }

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{pool: x509.NewCertPool()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	var written files
	a.cert, a.key, written = signed(t, template, nil)
	a.file = written.cert
	a.pool.AddCert(a.cert)
	return a
}

// issue makes a certificate for loopback, as a server or a client.
func (a *authority) issue(t *testing.T, name string) files {
	t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	_, _, written := signed(t, &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a)
	return written
}

// signed makes a key and its certificate, signed by an authority (nil: by itself),
// and writes both.
func signed(t *testing.T, template *x509.Certificate, by *authority) (*x509.Certificate, *ecdsa.PrivateKey, files) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	f := files{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	for name, block := range map[string]*pem.Block{f.cert: {Type: "CERTIFICATE", Bytes: der}, f.key: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key, f
}
