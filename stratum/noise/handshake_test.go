package noise

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

// N3: a byte that was changed in either message ends the handshake.
func TestN3Tamper(t *testing.T) {
	v := vectors().Handshake
	clientReads := func(second act2) error {
		i := newInitiator(fixedInitiator())
		i.act1()
		_, err := i.readAct2(&second)
		return err
	}
	if err := clientReads(act2(v.Act2)); err != nil {
		t.Fatal(err)
	}
	if len(v.Act2) != 234 {
		t.Fatalf("act 2 has %d bytes, want 234", len(v.Act2))
	}
	for n := range v.Act2 {
		second := act2(v.Act2)
		second[n] ^= 1 << (n % 8)
		if err := clientReads(second); !errors.Is(err, errTag) {
			t.Errorf("act 2 with byte %d changed: %v, want %v", n, err, errTag)
		}
	}
	for n := range v.Act1 {
		first := act1(v.Act1)
		first[n] ^= 1 << (n % 8)
		second, err := newResponder(fixedResponder(), fixedIdentity()).act2(&first)
		if err != nil {
			t.Fatal(err)
		}
		if err := clientReads(second); !errors.Is(err, errTag) {
			t.Errorf("act 1 with byte %d changed: %v, want %v", n, err, errTag)
		}
	}
}

// N4: what a client thinks of certificates.
func TestN4Certificate(t *testing.T) {
	authority := fixedAuthority()
	other, err := GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	issue := func(version uint16, from, until uint32) Certificate {
		v := vectors().Handshake
		id, err := certify(fixedPair(v.StaticPriv, v.StaticPub), Certificate{Version: version, ValidFrom: from, NotValidAfter: until}, authority, [32]byte{})
		if err != nil {
			t.Fatal(err)
		}
		return id.cert
	}
	changed := func(c Certificate, f func(*Certificate)) Certificate { f(&c); return c }
	good := issue(0, 1000, 2000)
	for _, c := range []struct {
		name      string
		cert      Certificate
		authority PublicKey
		now       int64
		leeway    time.Duration
		want      string // part of the reason; empty if the certificate is good
	}{
		{"in the middle", good, authority.Public(), 1500, 10 * time.Second, ""},
		{"begins", good, authority.Public(), 1000, 0, ""},
		{"ends", good, authority.Public(), 2000, 0, ""},
		{"10 s early", good, authority.Public(), 990, 10 * time.Second, ""},
		{"10 s late", good, authority.Public(), 2010, 10 * time.Second, ""},
		{"11 s early", good, authority.Public(), 989, 10 * time.Second, "from 1970-01-01T00:16:40Z on, and here it is 1970-01-01T00:16:29Z: check the clock"},
		{"11 s late", good, authority.Public(), 2011, 10 * time.Second, "until 1970-01-01T00:33:20Z, and here it is 1970-01-01T00:33:31Z"},
		{"no leeway, early", good, authority.Public(), 999, -1, "check the clock"},
		{"no leeway, late", good, authority.Public(), 2001, -1, "check the clock"},
		{"for all times, first", issue(0, 0, math.MaxUint32), authority.Public(), 0, 10 * time.Second, ""},
		{"for all times, last", issue(0, 0, math.MaxUint32), authority.Public(), math.MaxUint32 + 10, 10 * time.Second, ""},
		{"after all times", issue(0, 0, math.MaxUint32), authority.Public(), math.MaxUint32 + 11, 10 * time.Second, "until 2106"},
		{"version 1", issue(1, 1000, 2000), authority.Public(), 1500, 0, "version 1"},
		{"wrong authority", good, other.Public(), 1500, 0, other.Public().String() + " has not signed it"},
		{"no point", good, PublicKey{31: 5}, 1500, 0, "has not signed it"},
		{"longer than signed", changed(good, func(c *Certificate) { c.NotValidAfter = 9000 }), authority.Public(), 1500, 0, "has not signed it"},
		{"another server's", changed(good, func(c *Certificate) { c.Server = other.Public() }), authority.Public(), 1500, 0, "has not signed it"},
		{"first half of the signature too large", changed(good, func(c *Certificate) { copy(c.Signature[:], strings.Repeat("\xff", 32)) }), authority.Public(), 1500, 0, "has not signed it"},
		{"second half too large", changed(good, func(c *Certificate) { copy(c.Signature[32:], strings.Repeat("\xff", 32)) }), authority.Public(), 1500, 0, "has not signed it"},
	} {
		err := c.cert.verify(c.authority, time.Unix(c.now, 0), c.leeway)
		var refused *CertificateError
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && !errors.As(err, &refused):
			t.Errorf("%s: %v, want a CertificateError", c.name, err)
		case c.want != "" && (!strings.Contains(err.Error(), c.want) || refused.Certificate != c.cert):
			t.Errorf("%s: %v, want %q in it", c.name, err, c.want)
		}
	}
}

// N4: the same through a connection, by the clock. Without an authority nothing
// is looked at.
func TestN4Client(t *testing.T) {
	now := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // what a bubble's clock shows
	authority := fixedAuthority()
	other, err := GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name        string
		from, until time.Time
		cfg         Config
		ok          bool
	}{
		{"valid", now.Add(-time.Hour), now.Add(time.Hour), Config{Authority: authority.Public()}, true},
		{"begins in 10 s", now.Add(10 * time.Second), now.Add(time.Hour), Config{Authority: authority.Public()}, true},
		{"begins in 11 s", now.Add(11 * time.Second), now.Add(time.Hour), Config{Authority: authority.Public()}, false},
		{"begins in 11 s, more leeway", now.Add(11 * time.Second), now.Add(time.Hour), Config{Authority: authority.Public(), Leeway: time.Minute}, true},
		{"ended 10 s ago", now.Add(-time.Hour), now.Add(-10 * time.Second), Config{Authority: authority.Public()}, true},
		{"ended 11 s ago", now.Add(-time.Hour), now.Add(-11 * time.Second), Config{Authority: authority.Public()}, false},
		{"wrong authority", now.Add(-time.Hour), now.Add(time.Hour), Config{Authority: other.Public()}, false},
		{"a key is checked even so", now.Add(-time.Hour), now.Add(time.Hour), Config{Authority: other.Public(), Insecure: true}, false},
		{"insecure", now.Add(-2 * time.Hour), now.Add(-time.Hour), Config{Insecure: true}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			id, err := NewIdentity(authority, c.from, c.until)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) {
				a, b := net.Pipe()
				var wg sync.WaitGroup
				wg.Go(func() {
					server, err := Server(t.Context(), b, id, Config{})
					if err != nil {
						t.Errorf("server: %v", err)
						return
					}
					_, err = server.Read(make([]byte, 1))
					if err != io.EOF {
						t.Errorf("server: %v, want the end", err)
					}
					server.Close()
				})
				client, err := Client(t.Context(), a, c.cfg)
				var refused *CertificateError
				if (err == nil) != c.ok || err != nil && !errors.As(err, &refused) {
					t.Errorf("%v, want ok %v", err, c.ok)
				}
				if err == nil {
					if client.Certificate() != id.cert {
						t.Errorf("certificate %+v, want %+v", client.Certificate(), id.cert)
					}
					client.Close()
				}
				wg.Wait()
			})
		})
	}
}

func TestNoAuthority(t *testing.T) {
	a, b := net.Pipe()
	_, err := Client(context.Background(), a, Config{})
	if err != ErrNoAuthority {
		t.Errorf("%v, want %v", err, ErrNoAuthority)
	}
	if n, err := b.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the server reads %d bytes, %v", n, err)
	}
}

func TestNewIdentityRefuses(t *testing.T) {
	day := time.Unix(1700000000, 0)
	for _, c := range [][2]time.Time{
		{time.Unix(-1, 0), day}, {day, time.Unix(1<<32, 0)}, {day, day.Add(-1)}, {},
	} {
		if _, err := NewIdentity(fixedAuthority(), c[0], c[1]); err == nil {
			t.Errorf("a certificate from %v until %v was issued", c[0], c[1])
		}
	}
}

// drip writes one byte of b each second until that fails.
func drip(conn net.Conn, b []byte) {
	for i := range b {
		time.Sleep(time.Second)
		if _, err := conn.Write(b[i : i+1]); err != nil {
			return
		}
	}
}

// N8: a peer that is silent or slow holds neither side for longer than the
// time-out, and the connection is closed then.
func TestN8Slow(t *testing.T) {
	v := vectors().Handshake
	client := func(ctx context.Context, conn net.Conn, cfg Config) error {
		cfg.Authority = fixedAuthority().Public()
		_, err := Client(ctx, conn, cfg)
		return err
	}
	server := func(ctx context.Context, conn net.Conn, cfg Config) error {
		_, err := Server(ctx, conn, lasting(), cfg)
		return err
	}
	skip := func(peer net.Conn, n int) { io.ReadFull(peer, make([]byte, n)) }
	fixedIdentity()
	lasting()
	for _, c := range []struct {
		name string
		side func(context.Context, net.Conn, Config) error
		peer func(net.Conn)
		cfg  Config
		act  int
		want time.Duration
	}{
		{"client, nobody reads", client, func(net.Conn) {}, Config{}, 1, 10 * time.Second},
		{"client, act 1 half read", client, func(p net.Conn) { skip(p, 30) }, Config{}, 1, 10 * time.Second},
		{"client, silence", client, func(p net.Conn) { skip(p, 64) }, Config{}, 2, 10 * time.Second},
		{"client, a byte a second", client, func(p net.Conn) { skip(p, 64); drip(p, v.Act2) }, Config{}, 2, 10 * time.Second},
		{"client, shorter", client, func(p net.Conn) { skip(p, 64); drip(p, v.Act2) }, Config{Timeout: 3 * time.Second}, 2, 3 * time.Second},
		{"server, silence", server, func(net.Conn) {}, Config{}, 1, 10 * time.Second},
		{"server, a byte a second", server, func(p net.Conn) { drip(p, v.Act1) }, Config{}, 1, 10 * time.Second},
		{"server, nobody reads", server, func(p net.Conn) { p.Write(v.Act1) }, Config{}, 2, 10 * time.Second},
		{"server, longer", server, func(net.Conn) {}, Config{Timeout: time.Minute}, 1, time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := net.Pipe()
				var wg sync.WaitGroup
				wg.Go(func() { c.peer(b) })
				began := time.Now()
				err := c.side(t.Context(), a, c.cfg)
				if took := time.Since(began); took != c.want {
					t.Errorf("it took %v, want %v", took, c.want)
				}
				var h *HandshakeError
				if !errors.As(err, &h) || h.Act != c.act || !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("%v, want the time to be over in act %d", err, c.act)
				}
				wg.Wait()
				if _, err := b.Write([]byte{0}); err != io.ErrClosedPipe {
					t.Errorf("the connection is open: %v", err)
				}
			})
		})
	}
}

// N8: afterwards there is no deadline left.
func TestN8NoDeadlineAfter(t *testing.T) {
	lasting()
	synctest.Test(t, func(t *testing.T) {
		client, server := connected(t)
		var wg sync.WaitGroup
		wg.Go(func() {
			time.Sleep(24 * time.Hour)
			if _, err := client.Write(frame(5)); err != nil {
				t.Error(err)
			}
		})
		if _, err := io.ReadFull(server, make([]byte, headerSize+5)); err != nil {
			t.Error(err)
		}
		wg.Wait()
	})
}

func TestHandshakeContext(t *testing.T) {
	lasting()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("enough"))
		defer cancel()
		for act, side := range map[int]func(net.Conn) (*Conn, error){
			1: func(conn net.Conn) (*Conn, error) { return Server(ctx, conn, lasting(), Config{}) },
			2: func(conn net.Conn) (*Conn, error) { return Client(ctx, conn, trusting()) },
		} {
			a, b := net.Pipe()
			go io.Copy(io.Discard, b)
			c, err := side(a)
			var h *HandshakeError
			if c != nil || !errors.As(err, &h) || !strings.Contains(err.Error(), "enough") {
				t.Errorf("act %d: %v", act, err)
			}
			b.Close()
		}
	})
}

// A peer that speaks something else, or leaves, is told apart.
func TestHandshakeWithSomethingElse(t *testing.T) {
	subscribe := `{"id": 1, "method": "mining.subscribe", "params": ["x"]}` + "\n"
	for _, c := range []struct {
		name, sent string
		client     string // part of the error
		server     string
	}{
		{"stratum v1", subscribe, "Stratum V1", "Stratum V1"},
		{"more of it", subscribe + subscribe + subscribe + subscribe + subscribe, "Stratum V1", "Stratum V1"},
		{"http", "HTTP/1.1 400 Bad Request\r\n\r\n", "sends text", "sends text"},
		{"nothing", "", "after 0 of 234 bytes (EOF)", "after 0 of 64 bytes"},
		{"a few bytes", "\x01\x02\x03", "after 3 of 234 bytes", "after 3 of 64 bytes"},
		{"noise", strings.Repeat("\x00\xff", 117), "mark of its sender", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for side, want := range map[string]string{"client": c.client, "server": c.server} {
				a, b := net.Pipe()
				var wg sync.WaitGroup
				wg.Go(func() {
					if side == "client" {
						io.ReadFull(b, make([]byte, ellSize))
					}
					if side == "server" && want == "" {
						io.WriteString(b, c.sent[:ellSize])
						io.ReadFull(b, make([]byte, 234))
					} else {
						io.WriteString(b, c.sent)
					}
					b.Close()
				})
				var err error
				if side == "client" {
					_, err = Client(context.Background(), a, trusting())
				} else {
					_, err = Server(context.Background(), a, lasting(), Config{})
				}
				wg.Wait()
				switch {
				case want == "" && err == nil:
				case want == "" || err == nil || !strings.Contains(err.Error(), want):
					t.Errorf("%s: %v, want %q in it", side, err, want)
				}
			}
		})
	}
}

// A message that is cut at any byte is no message.
func TestHandshakeCut(t *testing.T) {
	v := vectors().Handshake
	check := func(err error, act, n int) {
		t.Helper()
		var h *HandshakeError
		if !errors.As(err, &h) || h.Act != act || !strings.Contains(err.Error(), fmt.Sprintf("after %d of", n)) {
			t.Errorf("act %d after %d bytes: %v", act, n, err)
		}
	}
	for n := range v.Act1 {
		w := &wire{Reader: strings.NewReader(string(v.Act1[:n])), Writer: io.Discard}
		_, err := server(w, fixedIdentity(), fixedResponder())
		check(err, 1, n)
	}
	for n := range v.Act2 {
		w := &wire{Reader: strings.NewReader(string(v.Act2[:n])), Writer: io.Discard}
		_, err := client(w, trusting(), fixedInitiator(), time.Now)
		check(err, 2, n)
	}
}

// Both messages may come in pieces.
func TestHandshakeOneByte(t *testing.T) {
	v := vectors().Handshake
	read := func(b []byte) *wire {
		return &wire{Reader: iotest.OneByteReader(strings.NewReader(string(b))), Writer: io.Discard}
	}
	if _, err := server(read(v.Act1), fixedIdentity(), fixedResponder()); err != nil {
		t.Error(err)
	}
	now := func() time.Time { return time.Unix(int64(v.CertFrom), 0) }
	if _, err := client(read(v.Act2), trusting(), fixedInitiator(), now); err != nil {
		t.Error(err)
	}
}

// Neither side keeps its ephemeral key, whatever the handshake came to.
func TestHandshakeWipes(t *testing.T) {
	v := vectors().Handshake
	for _, b := range [][]byte{nil, v.Act1, v.Act2, make([]byte, 234)} {
		i, r := fixedInitiator(), fixedResponder()
		client(&wire{Reader: strings.NewReader(string(b)), Writer: io.Discard}, trusting(), i, time.Now)
		server(&wire{Reader: strings.NewReader(string(b)), Writer: io.Discard}, fixedIdentity(), r)
		if !i.priv.Key.IsZero() || !r.priv.Key.IsZero() {
			t.Errorf("after %d bytes a key is still there", len(b))
		}
	}
	if fixedIdentity().static.priv.Key.IsZero() {
		t.Error("the identity lost its key")
	}
}

// Several connections may use one identity at the same time, each with keys of
// its own.
func TestIdentityShared(t *testing.T) {
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			a, b := connected(t)
			wg.Go(func() { a.Write(frame(1)) })
			if _, err := io.ReadFull(b, make([]byte, headerSize+1)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// A message that is sent in part ends the handshake, though the connection calls
// it a success.
func TestHandshakeShortWrite(t *testing.T) {
	v := vectors().Handshake
	short := writeFunc(func(p []byte) (int, error) { return len(p) - 1, nil })
	_, err1 := client(&wire{Reader: strings.NewReader(string(v.Act2)), Writer: short}, trusting(), fixedInitiator(), time.Now)
	_, err2 := server(&wire{Reader: strings.NewReader(string(v.Act1)), Writer: short}, fixedIdentity(), fixedResponder())
	for i, err := range []error{err1, err2} {
		var h *HandshakeError
		if !errors.As(err, &h) || h.Act != i+1 || !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("act %d: %v", i+1, err)
		}
	}
}
