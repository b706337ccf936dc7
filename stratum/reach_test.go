package stratum_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"math/big"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"gominer/miner"
	"gominer/stratum"
	"gominer/stratum/transport"
)

// TestTransportURLs: what the URLs of TLS and WebSocket lead to.
func TestTransportURLs(t *testing.T) {
	for url, want := range map[string]string{
		"stratum+tls://pool.example.org:3333":                  "stratum+tls://pool.example.org:3333",
		"stratum+ssl://pool.example.org:3333/":                 "stratum+tls://pool.example.org:3333",
		"STRATUM+TCPS://pool.example.org:3333":                 "stratum+tls://pool.example.org:3333",
		"stratums://bob:x@pool.example.org:3333#xnsub":         "stratum+tls://pool.example.org:3333",
		"stratum+ws://pool.example.org":                        "stratum+ws://pool.example.org:80",
		"stratum+ws://[::1]":                                   "stratum+ws://[::1]:80",
		"stratum+wss://pool.example.org":                       "stratum+wss://pool.example.org:443",
		"stratum+wss://pool.example.org:8443/a/b?token=secret": "stratum+wss://pool.example.org:8443/a/b",
		"stratum+wss://pool.example.org?token=secret":          "stratum+wss://pool.example.org:443/",
	} {
		over := make(chan struct{}, 100)
		refused := errors.New("refused by the test")
		s, err := stratum.New(stratum.Config{URL: url, User: "me", Dial: func(context.Context, string, string) (net.Conn, error) { return nil, refused }})
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		m := miner.New(miner.Config{Source: tapped{s, over}, Devices: []miner.Device{idle{}}})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- m.Run(ctx) }()
		<-over
		cancel()
		<-done
		if got := m.Snapshot().Sources[0].Status.URL; got != want {
			t.Errorf("%s: status %q, want %q", url, got, want)
		}
	}
	for url, words := range map[string]string{
		"stratum+tls://pool.example.org:3333/path":        "has a path",
		"stratum+tls://pool.example.org":                  "has no port",
		"stratum+udp://pool.example.org:1":                "only stratum+tcp, stratum+tls, stratum+ws and stratum+wss are",
		"tls://pool.example.org:1":                        "is not spoken",
		"stratum+wss://pool.example.org/%zz?token=secret": "write %25",
		"stratum+wss://:1?token=secret":                   "neither a host name",
		"stratum+wss://::1/a?token=secret":                "in brackets",
	} {
		_, err := stratum.New(stratum.Config{URL: url, User: "me"})
		if err == nil || !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: error %v, want one with %q", url, err, words)
		}
	}
	for url, want := range map[string]bool{"stratum+ssl://a:1": true, "stratum+wss://a": true, "stratum+ws://a": false, "a:1": false, "stratum2+tcp://a:1": false} {
		if got := stratum.IsTLS(url); got != want {
			t.Errorf("%s asks for TLS: %v", url, got)
		}
	}
}

// tapped tells when a Run of a source is over.
type tapped struct {
	*stratum.Source
	over chan<- struct{}
}

func (s tapped) Run(ctx context.Context, ms *miner.Session) error {
	err := s.Source.Run(ctx, ms)
	s.over <- struct{}{}
	return err
}

// idle is a device that does nothing.
type idle struct{}

func (idle) Info() miner.Info { return miner.Info{Name: "idle", Kind: "sim"} }
func (idle) Run(ctx context.Context, _ *miner.Feed) error {
	<-ctx.Done()
	return ctx.Err()
}

// TestBadTransports: settings that don't go with the URL are refused at once.
func TestBadTransports(t *testing.T) {
	for name, test := range map[string]struct {
		cfg   stratum.Config
		words string
	}{
		"TLS without TLS":     {stratum.Config{URL: "stratum+ws://a:1", TLS: transport.TLSConfig{Min: "1.3"}}, "for a pool that is reached over TLS"},
		"TLS over Stratum V2": {stratum.Config{URL: "stratum2+tcp://127.0.0.1:1", TLS: transport.TLSConfig{Min: "1.3"}}, "for a pool that is reached over TLS"},
		"a wrong pin":         {stratum.Config{URL: "stratum+tls://a:1", TLS: transport.TLSConfig{Pins: []string{"x"}}}, "want sha256/"},
		"a wrong proxy":       {stratum.Config{URL: "a:1", Proxy: "ftp://bob:hunter2@a:1"}, `scheme "ftp"`},
		"V2 by a wrong proxy": {stratum.Config{URL: "stratum2+tcp://127.0.0.1:1", Proxy: "bob:hunter2@a:1", V2: stratum.V2Config{Insecure: true}}, "no scheme"},
	} {
		test.cfg.User = "me"
		_, err := stratum.NewSource(test.cfg)
		if err == nil || !strings.Contains(err.Error(), test.words) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: error %v, want one with %q", name, err, test.words)
		}
	}
}

// tlsPool returns how a pool meets its clients over TLS, and the pin of its key.
func tlsPool(t *testing.T) (*tls.Config, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"pool.example.org"}}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, "sha256/" + base64.StdEncoding.EncodeToString(sum[:])
}

// acceptTLS takes the next connection, which must speak TLS.
func (r *rig) acceptTLS(conf *tls.Config) *peer {
	r.t.Helper()
	ours, theirs := net.Pipe()
	return r.dialed().connect(r.t, tls.Server(ours, conf), theirs)
}

// TestTLSStays: a pool that sends its clients elsewhere can't talk them out of
// TLS, nor give them another key.
func TestTLSStays(t *testing.T) {
	conf, pin := tlsPool(t)
	other, _ := tlsPool(t)
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *stratum.Config) { c.URL, c.TLS.Pins = "stratum+tls://pool.example.org:3333", []string{pin} })
		p := r.acceptTLS(conf)
		p.handshake()
		p.notify("a", true)
		st := r.status()
		if st.State != miner.Up || st.URL != "stratum+tls://pool.example.org:3333" || st.Protocol != "stratum v1" ||
			!strings.HasPrefix(st.Encryption, "TLS 1.3, ") || !strings.HasSuffix(st.Encryption, ", pinned") {
			t.Errorf("status %+v", st)
		}
		if !strings.Contains(r.log.String(), "event=tls") || !strings.Contains(r.log.String(), pin) {
			t.Errorf("nothing of TLS in the log:\n%s", r.log)
		}
		p.send(`{"id":null,"method":"client.reconnect","params":["eu.pool.example.org",3334,0]}`)
		p.gone()
		q := r.acceptTLS(conf)
		if q.addr != "eu.pool.example.org:3334" {
			t.Errorf("dialled %s", q.addr)
		}
		q.handshake()
		q.notify("a", true)
		if st := r.status(); st.State != miner.Up || st.URL != "stratum+tls://eu.pool.example.org:3334" || !strings.HasSuffix(st.Encryption, ", pinned") {
			t.Errorf("status %+v", st)
		}
		q.close()
		r.acceptTLS(other).gone()
		synctest.Wait()
		r.wantFailure("not a pinned one")
		r.end()
	})
}

// TestTLSRefusals: what is said where TLS fails behind the handshake, or was not
// asked for.
func TestTLSRefusals(t *testing.T) {
	conf, pin := tlsPool(t)
	strict := conf.Clone()
	strict.ClientAuth = tls.RequireAnyClientCert
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *stratum.Config) { c.URL, c.TLS.Pins = "stratum+tls://pool.example.org:3333", []string{pin} })
		r.acceptTLS(strict).gone()
		r.wantFailure("the server wants a client certificate")
		if strings.Contains(r.failure().Error(), "without a word") {
			t.Errorf("error %q", r.failure())
		}
		r.end()
	})
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *stratum.Config) { c.URL, c.TLS.Insecure = "stratum+tls://pool.example.org:3333", true })
		p := r.acceptTLS(conf)
		p.handshake()
		p.notify("a", true)
		if st := r.status(); !strings.HasSuffix(st.Encryption, ", not verified") {
			t.Errorf("status %+v", st)
		}
		if !strings.Contains(r.log.String(), "level=WARN msg=\"not verified: whoever is on the way") {
			t.Errorf("no warning in the log:\n%s", r.log)
		}
		r.end()
		p.gone()
	})
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		for range 2 { // the first time it may have been mining.configure
			p := r.acceptTLS(conf)
			p.gone()
			p.close()
		}
		r.wantFailure("closed the connection without a word", "TLS")
		r.end()
	})
}
