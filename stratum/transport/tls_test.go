package transport_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"gominer/stratum/transport"
)

// TestTLS: who is trusted, over real sockets.
func TestTLS(t *testing.T) {
	ca, other := issue(t, nil, nil), issue(t, nil, nil)
	good := issue(t, ca, nil)
	alone := issue(t, nil, nil) // signed by itself
	expired := issue(t, ca, func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2021, 2, 3, 4, 5, 0, 0, time.UTC)
	})
	early := issue(t, ca, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) })
	elsewhere := issue(t, ca, func(c *x509.Certificate) {
		c.DNSNames, c.IPAddresses = []string{"a.example.org", "b\x1b[31m.example.org", "c", "d"}, nil
	})
	caFile, otherFile := file(t, ca.pem), file(t, other.pem)

	for name, test := range map[string]struct {
		server *identity
		client transport.TLSConfig
		trust  transport.Trust
		words  []string // of the error; none: it works
		pin    string   // that the error names; not looked at if empty
	}{
		"by its authority":           {server: good, client: transport.TLSConfig{CAFile: caFile}, trust: transport.Verified},
		"by itself":                  {server: alone, client: transport.TLSConfig{CAFile: file(t, alone.pem)}, trust: transport.Verified},
		"by its key":                 {server: good, client: transport.TLSConfig{Pins: []string{good.pin()}}, trust: transport.Pinned},
		"by one of two keys":         {server: good, client: transport.TLSConfig{Pins: []string{alone.pin(), good.pin()}}, trust: transport.Pinned},
		"by its key, as curl has it": {server: good, client: transport.TLSConfig{Pins: []string{strings.Replace(good.pin(), "/", "//", 1)}}, trust: transport.Pinned},
		"by its key, though expired": {server: expired, client: transport.TLSConfig{Pins: []string{expired.pin()}}, trust: transport.Pinned},
		"by both":                    {server: good, client: transport.TLSConfig{CAFile: caFile, Pins: []string{good.pin()}}, trust: transport.Pinned},
		"by nothing":                 {server: alone, client: transport.TLSConfig{Insecure: true}, trust: transport.Unverified},
		"the system does not":        {server: good, words: []string{"unknown authority"}, pin: good.pin()},
		"another authority":          {server: good, client: transport.TLSConfig{CAFile: otherFile}, words: []string{"unknown authority"}, pin: good.pin()},
		"another key":                {server: good, client: transport.TLSConfig{Pins: []string{ca.pin()}}, words: []string{"not a pinned one", good.pin()}},
		"the key, another authority": {server: good, client: transport.TLSConfig{CAFile: otherFile, Pins: []string{good.pin()}}, words: []string{"unknown authority"}},
		"the authority, another key": {server: good, client: transport.TLSConfig{CAFile: caFile, Pins: []string{ca.pin()}}, words: []string{"not a pinned one"}},
		"expired":                    {server: expired, client: transport.TLSConfig{CAFile: caFile}, words: []string{"expired on 2021-02-03 04:05 UTC"}, pin: expired.pin()},
		"not valid yet":              {server: early, client: transport.TLSConfig{CAFile: caFile}, words: []string{"not valid before", "clock"}},
		"another host":               {server: elsewhere, client: transport.TLSConfig{CAFile: caFile}, words: []string{`for "a.example.org", "b`, "and 1 more", `not for "127.0.0.1"`}, pin: elsewhere.pin()},
	} {
		t.Run(name, func(t *testing.T) {
			cert, key := test.server.files(t)
			l, err := transport.ListenTLS(listen(t), transport.ServerConfig{Identity: identityOf(t, cert, key)})
			if err != nil {
				t.Fatal(err)
			}
			serve(t, l, echo)
			c, err := dial(t, transport.Config{TLS: test.client}, endpoint(l, transport.TLS))
			if len(test.words) > 0 {
				wantError(t, err, test.words...)
				var failed *transport.Error
				if errors.As(err, &failed); test.pin != "" && (failed == nil || failed.Pin != test.pin) {
					t.Errorf("error %#v has not the pin %s", failed, test.pin)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			exchange(t, c, line)
			info := c.Info()
			if info.TLS == nil || info.TLS.Version != "TLS 1.3" || info.TLS.Trust != test.trust || info.TLS.Pin != test.server.pin() ||
				!strings.HasPrefix(info.TLS.Cipher, "TLS_") || info.TLS.Name != test.server.cert.Subject.CommonName ||
				!info.TLS.Expires.Equal(test.server.cert.NotAfter) || info.Remote != l.Addr().String() || info.Protocol != transport.TLS || info.Proxy != "" {
				t.Errorf("info %+v, %+v", info, info.TLS)
			}
			if got := info.Encryption(); got != "TLS 1.3, "+strings.TrimPrefix(info.TLS.Cipher, "TLS_")+", "+test.trust.String() {
				t.Errorf("encryption %q", got)
			}
		})
	}
}

// wantError checks that err is a sentence that has all the words and can be
// shown.
func wantError(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", words)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q lacks %q", err, w)
		}
	}
	if i := strings.IndexFunc(err.Error(), func(r rune) bool { return r < ' ' || r == 0x7f }); i >= 0 {
		t.Errorf("error %q has a control character", err)
	}
	if len(err.Error()) > 600 {
		t.Errorf("error of %d bytes", len(err.Error()))
	}
}

// TestTLSVersions: the better version is taken, and the least one is insisted on
// by either side.
func TestTLSVersions(t *testing.T) {
	ca := issue(t, nil, nil)
	cert, key := issue(t, ca, nil).files(t)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		server uint16 // the newest it speaks
		least  string
		got    string
		words  string
	}{
		"1.2 will do":         {server: tls.VersionTLS12, got: "TLS 1.2"},
		"1.2 will not do":     {server: tls.VersionTLS12, least: "1.3", words: "does not speak a version of TLS that is new enough"},
		"1.1 never does":      {server: tls.VersionTLS11, words: "does not speak a version of TLS that is new enough"},
		"1.3 where it can be": {server: tls.VersionTLS13, least: "1.2", got: "TLS 1.3"},
	} {
		t.Run(name, func(t *testing.T) {
			l := tls.NewListener(listen(t), &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS10, MaxVersion: test.server})
			serve(t, l, echo)
			c, err := dial(t, transport.Config{TLS: transport.TLSConfig{CAFile: file(t, ca.pem), Min: test.least}}, endpoint(l, transport.TLS))
			if test.words != "" {
				wantError(t, err, test.words)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			exchange(t, c, line)
			if got := c.Info().TLS.Version; got != test.got {
				t.Errorf("%s, want %s", got, test.got)
			}
		})
	}

	t.Run("the server insists", func(t *testing.T) {
		l, err := transport.ListenTLS(listen(t), transport.ServerConfig{Identity: identityOf(t, cert, key), Min: "1.3"})
		if err != nil {
			t.Fatal(err)
		}
		serve(t, l, echo)
		if c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}); err == nil {
			_ = c.Close()
			t.Error("it speaks TLS 1.2 with a server that wants 1.3")
		}
	})
}

// TestClientCertificate: a server that demands certificates, under both versions
// of TLS: in 1.3 a client learns of a refusal only after its handshake.
func TestClientCertificate(t *testing.T) {
	ca, clients, other := issue(t, nil, nil), issue(t, nil, nil), issue(t, nil, nil)
	member, stranger := issue(t, clients, asClient), issue(t, other, asClient)
	late := issue(t, clients, func(c *x509.Certificate) {
		asClient(c)
		c.NotBefore, c.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
	})
	cert, key := issue(t, ca, nil).files(t)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	members := x509.NewCertPool()
	members.AddCert(clients.cert)
	for name, test := range map[string]struct {
		client *identity
		words  string // of the client's error
		server string // of the server's
	}{
		"a member":         {client: member},
		"nobody":           {words: "wants a client certificate", server: "didn't provide a certificate"},
		"a stranger":       {client: stranger, words: "does not know the authority that signed the client certificate", server: "is signed by an unknown authority"},
		"one who is late":  {client: late, words: "client certificate has expired", server: "is not valid"},
		"another's server": {client: issue(t, clients, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), words: "the server refuses the client certificate", server: "is not valid"},
	} {
		tc := transport.TLSConfig{CAFile: file(t, ca.pem)}
		if test.client != nil {
			tc.CertFile, tc.KeyFile = test.client.files(t)
		}
		t.Run(name, func(t *testing.T) {
			l, err := transport.ListenTLS(listen(t), transport.ServerConfig{Identity: identityOf(t, cert, key), ClientCAFile: file(t, clients.pem)})
			if err != nil {
				t.Fatal(err)
			}
			type view struct {
				err  error
				info transport.Info
			}
			seen := make(chan view, 1)
			serve(t, l, func(nc net.Conn) {
				_, err := io.CopyN(nc, nc, int64(len(line)))
				seen <- view{err, transport.InfoOf(nc)}
			})
			err = talk(t, tc, l)
			v := <-seen
			if test.words == "" {
				if i := v.info; err != nil || v.err != nil || i.TLS == nil || i.TLS.Trust != transport.Verified || i.TLS.Pin != member.pin() || i.TLS.Name != member.cert.Subject.CommonName {
					t.Errorf("errors %v and %v; the server knows %+v", err, v.err, i.TLS)
				}
				return
			}
			wantError(t, v.err, test.server)
			wantError(t, err, test.words)
		})
		t.Run(name+", 1.2", func(t *testing.T) {
			l := tls.NewListener(listen(t), &tls.Config{
				Certificates: []tls.Certificate{pair}, MaxVersion: tls.VersionTLS12, ClientCAs: members, ClientAuth: tls.RequireAndVerifyClientCert,
			})
			serve(t, l, echo)
			err := talk(t, tc, l)
			if test.words != "" {
				wantError(t, err, test.words)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// talk connects, sends a line and waits for what comes back.
func talk(t *testing.T, cfg transport.TLSConfig, l net.Listener) error {
	c, err := dial(t, transport.Config{TLS: cfg}, endpoint(l, transport.TLS))
	if err != nil {
		return err
	}
	if _, err := io.WriteString(c, line); err != nil {
		return err
	}
	_, err = io.ReadFull(c, make([]byte, len(line)))
	return err
}

// TestNoTLS: what answers on ports that don't speak TLS.
func TestNoTLS(t *testing.T) {
	for name, test := range map[string]struct {
		answer string
		hang   bool
		words  string
	}{
		"a web server":        {answer: "HTTP/1.1 400 Bad Request\r\n\r\n", words: "does not speak TLS there, but HTTP: check scheme and port"},
		"a pool":              {answer: `{"id":null,"error":"what?"}`, words: "does not speak TLS there, but plain text"},
		"SSH":                 {answer: "SSH-2.0-OpenSSH_9.2\r\n", words: "does not speak TLS there, but SSH"},
		"something":           {answer: "\x00\x01\x02\x03\x04\x05\x06\x07", words: "does not speak TLS there: check"},
		"one that hangs up":   {words: "closed the connection in the TLS handshake: is this a TLS port?"},
		"one that is silent":  {hang: true, words: "no answer to the TLS handshake within 50ms: is this a TLS port?"},
		"one that says alert": {answer: "\x15\x03\x01\x00\x02\x02\x28", words: "no way of encryption in common"},
		"one that says more":  {answer: "\x15\x03\x01\x00\x02\x02\x50", words: "the server ended TLS: internal error"},
	} {
		t.Run(name, func(t *testing.T) {
			l := listen(t)
			serve(t, l, func(nc net.Conn) {
				b := make([]byte, 4096)
				_, _ = nc.Read(b)
				_, _ = io.WriteString(nc, test.answer)
				for test.hang {
					if _, err := nc.Read(b); err != nil {
						return
					}
				}
			})
			cfg := transport.Config{}
			if test.hang {
				cfg.Timeouts.Handshake = 50 * time.Millisecond
			}
			_, err := dial(t, cfg, endpoint(l, transport.TLS))
			wantError(t, err, test.words)
		})
	}

	t.Run("a client that gives up", func(t *testing.T) {
		l := listen(t)
		ctx, cancel := context.WithCancel(t.Context())
		serve(t, l, func(nc net.Conn) {
			cancel()
			_, _ = io.Copy(io.Discard, nc)
		})
		d, err := transport.New(transport.Config{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Dial(ctx, endpoint(l, transport.TLS)); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want the context's", err)
		}
	})
}

// TestTLSServer: what a server says of clients that don't get TLS.
func TestTLSServer(t *testing.T) {
	cert, key := issue(t, nil, nil).files(t)
	for name, test := range map[string]struct {
		play  func(net.Conn)
		words string
	}{
		"plain text": {func(nc net.Conn) { _, _ = io.WriteString(nc, line) }, "the client does not speak TLS, but plain text"},
		"nothing":    {func(nc net.Conn) { _ = nc.Close() }, "the client closed the connection in the TLS handshake"},
		"silence":    {func(nc net.Conn) { _, _ = io.Copy(io.Discard, nc) }, "the client did not shake hands within 100ms"},
		"mistrust":   {func(nc net.Conn) { _ = tls.Client(nc, &tls.Config{ServerName: "localhost"}).Handshake() }, "the client ended TLS: "},
		"a giant":    {func(nc net.Conn) { _, _ = nc.Write([]byte("\x16\x03\x01\xff\xff")) }, "the client does not speak TLS"},
		"old versions": {func(nc net.Conn) {
			_ = tls.Client(nc, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}).Handshake()
		}, "version"},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := transport.ListenTLS(listen(t), transport.ServerConfig{Identity: identityOf(t, cert, key), Handshake: 100 * time.Millisecond})
			if name != "silence" {
				l, err = transport.ListenTLS(listen(t), transport.ServerConfig{Identity: identityOf(t, cert, key)})
			}
			if err != nil {
				t.Fatal(err)
			}
			seen := make(chan error, 1)
			serve(t, l, func(nc net.Conn) {
				_, err := nc.Read(make([]byte, 1))
				if _, again := nc.Write([]byte("x")); again != err {
					t.Errorf("then %v", again)
				}
				seen <- err
			})
			nc, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			go test.play(nc)
			wantError(t, <-seen, test.words)
		})
	}
}

// TestBadTLSConfigs: what is wrong is found before anything is connected to.
func TestBadTLSConfigs(t *testing.T) {
	id := issue(t, nil, nil)
	cert, key := id.files(t)
	_, otherKey := issue(t, nil, nil).files(t)
	broken := file(t, []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	for name, test := range map[string]struct {
		cfg   transport.TLSConfig
		words string
	}{
		"an old version":       {transport.TLSConfig{Min: "1.0"}, "TLS 1.0 is not secure"},
		"no version":           {transport.TLSConfig{Min: "TLSv1.3"}, "want 1.2 or 1.3"},
		"no CA file":           {transport.TLSConfig{CAFile: "/does/not/exist"}, "CA file: "},
		"a CA file without":    {transport.TLSConfig{CAFile: key}, "no certificate in it"},
		"a broken CA file":     {transport.TLSConfig{CAFile: broken}, "certificate 1 cannot be read"},
		"a certificate alone":  {transport.TLSConfig{CertFile: cert}, "needs both files"},
		"a key alone":          {transport.TLSConfig{KeyFile: key}, "needs both files"},
		"another's key":        {transport.TLSConfig{CertFile: cert, KeyFile: otherKey}, "private key does not match public key"},
		"no certificate file":  {transport.TLSConfig{CertFile: "/does/not/exist", KeyFile: key}, "certificate: "},
		"no key file":          {transport.TLSConfig{CertFile: cert, KeyFile: "/does/not/exist"}, "key: "},
		"insecure, with pins":  {transport.TLSConfig{Insecure: true, Pins: []string{id.pin()}}, "choose"},
		"insecure, with a CA":  {transport.TLSConfig{Insecure: true, CAFile: cert}, "choose"},
		"a pin of another sum": {transport.TLSConfig{Pins: []string{"sha1/AAAA"}}, "want sha256/"},
		"a short pin":          {transport.TLSConfig{Pins: []string{"sha256/AAAA"}}, "3 bytes, want the 32"},
		"no base64":            {transport.TLSConfig{Pins: []string{"sha256/\x1b[31m"}}, "not base64"},
	} {
		_, err := transport.New(transport.Config{TLS: test.cfg})
		t.Run(name, func(t *testing.T) { wantError(t, err, test.words) })
	}
	for name, cfg := range map[string]transport.ServerConfig{
		"needs a certificate":  {},
		"is not secure":        {Identity: identityOf(t, cert, key), Min: "1.1"},
		"no certificate in it": {Identity: identityOf(t, cert, key), ClientCAFile: key},
		"below 0":              {Identity: identityOf(t, cert, key), Handshake: -1},
	} {
		_, err := transport.ListenTLS(nil, cfg)
		t.Run(name, func(t *testing.T) { wantError(t, err, name) })
	}
	for words, files := range map[string][2]string{"give both files": {cert, ""}, "does not match": {cert, otherKey}, "key: ": {cert, "/does/not/exist"}} {
		_, err := transport.ReadIdentity(files[0], files[1])
		t.Run(words, func(t *testing.T) { wantError(t, err, words) })
	}
	if !(transport.TLSConfig{}).IsZero() || (transport.TLSConfig{Min: "1.3"}).IsZero() {
		t.Error("IsZero")
	}
}

// TestNewIdentity: a server without files is known by its pin, and serves those
// for whom that is not enough too.
func TestNewIdentity(t *testing.T) {
	id, err := transport.NewIdentity("127.0.0.1", "localhost")
	if err != nil {
		t.Fatal(err)
	}
	l, err := transport.ListenTLS(listen(t), transport.ServerConfig{Identity: id})
	if err != nil {
		t.Fatal(err)
	}
	serve(t, l, echo)
	c, err := dial(t, transport.Config{TLS: transport.TLSConfig{Pins: []string{id.Pin()}, Min: "1.3"}}, endpoint(l, transport.TLS))
	if err != nil {
		t.Fatal(err)
	}
	exchange(t, c, line)
	if i := c.Info(); i.TLS.Pin != id.Pin() || i.TLS.Name != "gominer" {
		t.Errorf("%+v", i.TLS)
	}
	nc, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	cert := nc.ConnectionState().PeerCertificates[0]
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	for _, host := range []string{"127.0.0.1", "localhost"} {
		if _, err := cert.Verify(x509.VerifyOptions{DNSName: host, Roots: roots}); err != nil {
			t.Error(err)
		}
	}
	if other, err := transport.NewIdentity(); err != nil || other.Pin() == id.Pin() {
		t.Errorf("the same key again, or %v", err)
	}
}

// TestRenewal: certificates that are renewed count from the next connection on, at
// both ends; what is half written does not.
func TestRenewal(t *testing.T) {
	clients := issue(t, nil, nil)
	before, after := issue(t, nil, nil), issue(t, nil, nil)
	memberBefore, memberAfter := issue(t, clients, asClient), issue(t, clients, asClient)
	cert, key := before.files(t)
	memberCert, memberKey := memberBefore.files(t)
	l, err := transport.ListenTLS(listen(t), transport.ServerConfig{Identity: identityOf(t, cert, key), ClientCAFile: file(t, clients.pem)})
	if err != nil {
		t.Fatal(err)
	}
	members := make(chan string, 1)
	serve(t, l, func(nc net.Conn) {
		_, _ = io.CopyN(nc, nc, int64(len(line)))
		members <- transport.InfoOf(nc).TLS.Pin
	})
	d, err := transport.New(transport.Config{TLS: transport.TLSConfig{Pins: []string{before.pin(), after.pin()}, CertFile: memberCert, KeyFile: memberKey}})
	if err != nil {
		t.Fatal(err)
	}
	want := func(server, member *identity) {
		t.Helper()
		c, err := d.Dial(t.Context(), endpoint(l, transport.TLS))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		exchange(t, c, line)
		if c.Info().TLS.Pin != server.pin() {
			t.Error("the server shows the wrong certificate")
		}
		if <-members != member.pin() {
			t.Error("the client shows the wrong certificate")
		}
	}
	// replace writes a file as it will be in an hour: clocks of file systems are coarse.
	replace := func(name string, by *identity, isKey bool) {
		t.Helper()
		newCert, newKey := by.files(t)
		if isKey {
			newCert = newKey
		}
		data, err := os.ReadFile(newCert)
		if err == nil {
			err = os.WriteFile(name, data, 0o600)
		}
		if err == nil {
			err = os.Chtimes(name, time.Now(), time.Now().Add(time.Hour))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	want(before, memberBefore)
	replace(cert, after, false)
	replace(memberKey, memberAfter, true)
	want(before, memberBefore)
	replace(key, after, true)
	want(after, memberBefore)
	replace(memberCert, memberAfter, false)
	want(after, memberAfter)
	if err := os.Remove(cert); err != nil {
		t.Fatal(err)
	}
	want(after, memberAfter)
}

// asClient makes a certificate one of a client.
func asClient(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }

// FuzzPins: no pin is taken that is not written as it is shown.
func FuzzPins(f *testing.F) {
	for _, s := range []string{
		"sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		"sha256//////////////////////////////////////////////8=", "sha256/", "sha256/AAAA", "sha1/AAAA", "", "sha256/\x00",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := transport.ParsePin(s)
		if err != nil {
			wantError(t, err, "pin ")
			return
		}
		if s != p && s != strings.Replace(p, "/", "//", 1) {
			t.Errorf("%q is read as %q", s, p)
		}
		if again, err := transport.ParsePin(p); err != nil || again != p {
			t.Errorf("%q is read as %q, %v", p, again, err)
		}
	})
}
