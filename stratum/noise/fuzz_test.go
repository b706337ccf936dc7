package noise

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// FuzzAct1 gives a server any first message: all of them stand for a key, so
// there is an answer, and only who made the message can read it.
func FuzzAct1(f *testing.F) {
	v := vectors().Handshake
	f.Add([]byte(v.Act1))
	f.Add(make([]byte, ellSize))
	f.Add(bytes.Repeat([]byte{0xff}, ellSize))
	f.Add([]byte("{\"id\": 1, \"method\": \"mining.subscribe\"}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var sent bytes.Buffer
		c, err := server(&wire{Reader: bytes.NewReader(b), Writer: &sent}, fixedIdentity(), fixedResponder())
		if err != nil {
			var h *HandshakeError
			if !errors.As(err, &h) || len(b) >= ellSize && !isText(b[:ellSize]) || sent.Len() > 0 {
				t.Fatalf("%d bytes: %v, %d bytes sent", len(b), err, sent.Len())
			}
			return
		}
		if c == nil || sent.Len() != len(act2{}) {
			t.Fatalf("%d bytes sent", sent.Len())
		}
		i := newInitiator(fixedInitiator())
		i.act1()
		second := act2(sent.Bytes())
		if _, err := i.readAct2(&second); (err == nil) != bytes.Equal(b[:ellSize], v.Act1) {
			t.Fatalf("%x: %v", b, err)
		}
	})
}

// FuzzAct2 gives a client any answer: it takes that of the server alone.
func FuzzAct2(f *testing.F) {
	v := vectors().Handshake
	f.Add([]byte(v.Act2))
	f.Add([]byte(v.Act2[:200]))
	f.Add(make([]byte, len(act2{})))
	f.Add(slices.Concat([]byte(v.Act2[:ellSize]), make([]byte, 170)))
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	now := func() time.Time { return time.Unix(int64(v.CertFrom), 0) }
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := client(&wire{Reader: bytes.NewReader(b), Writer: io.Discard}, trusting(), fixedInitiator(), now)
		if good := bytes.HasPrefix(b, v.Act2); good != (err == nil) {
			t.Fatalf("%x: %v", b, err)
		}
		var h *HandshakeError
		if err != nil && !errors.As(err, &h) {
			t.Fatalf("%T %v", err, err)
		}
	})
}

// FuzzAct2Sealed gives a client any certificate, and any key, from a server that
// knows how to seal them.
func FuzzAct2Sealed(f *testing.F) {
	v := vectors().Handshake
	f.Add([]byte(v.StaticPub), []byte(v.CertMessage), int64(v.CertFrom))
	f.Add([]byte(v.ResponderPub), []byte(v.CertMessage), int64(v.CertFrom))
	f.Add([]byte(v.StaticPub), make([]byte, certificateSize), int64(0))
	f.Add(bytes.Repeat([]byte{0xff}, ellSize), bytes.Repeat([]byte{0xff}, certificateSize), int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, static, cert []byte, now int64) {
		if len(static) != ellSize || len(cert) != certificateSize {
			return
		}
		i := newInitiator(fixedInitiator())
		first := i.act1()
		// The fixed key shares nothing with a key that it is not the secret of, so
		// es is what the client will compute.
		r := newResponder(fixedResponder(), nil)
		r.mixHash(first[:])
		r.mixHash(nil)
		var m act2
		*m.ephemeral() = r.e.pub
		r.mixHash(r.e.pub[:])
		ee, err := r.e.ecdh((*[ellSize]byte)(&first), false)
		if err != nil {
			t.Fatal(err)
		}
		r.mixKey(&ee)
		r.sealAndHash(m.static(), static)
		es, err := fixedInitiator().ecdh((*[ellSize]byte)(static), true)
		if err != nil {
			t.Fatal(err)
		}
		r.mixKey(&es)
		r.sealAndHash(m.certificate(), cert)

		got, err := i.readAct2(&m)
		if err != nil {
			t.Fatal(err)
		}
		if b := got.bytes(); !bytes.Equal(b[:], cert) {
			t.Fatalf("certificate %x, want %x", b, cert)
		}
		err = got.verify(fixedAuthority().Public(), time.Unix(now, 0), DefaultLeeway)
		good := bytes.Equal(cert, v.CertMessage) && bytes.Equal(got.Server[:], v.StaticX) &&
			now >= int64(v.CertFrom)-10 && now <= int64(v.CertUntil)+10
		if good != (err == nil) {
			t.Fatalf("certificate %x at %d: %v", cert, now, err)
		}
		var refused *CertificateError
		if err != nil && !errors.As(err, &refused) {
			t.Fatalf("%T %v", err, err)
		}
	})
}

// FuzzHandshake runs both roles against each other with a server whose
// certificate is any, and sends a frame each way.
func FuzzHandshake(f *testing.F) {
	f.Add(int64(0), int64(math.MaxUint32), 10, true)
	f.Add(int64(1700000000), int64(1700003600), 0, true)
	f.Add(int64(-5), int64(7), 70000, false)
	f.Fuzz(func(t *testing.T, from, until int64, size int, insecure bool) {
		id, err := NewIdentity(fixedAuthority(), time.Unix(from, 0), time.Unix(until, 0))
		if ok := from >= 0 && until >= from && until <= math.MaxUint32; ok != (err == nil) {
			t.Fatalf("from %d until %d: %v", from, until, err)
		}
		if err != nil {
			return
		}
		cfg := Config{Authority: id.cert.Server} // of nobody who signs
		if insecure {
			cfg = Config{Insecure: true}
		}
		a, b := net.Pipe()
		want := frame(int(uint8(size)) * 300)
		var wg sync.WaitGroup
		wg.Go(func() {
			c, err := Server(context.Background(), b, id, Config{})
			if err != nil {
				t.Error(err)
				return
			}
			got := make([]byte, len(want))
			if _, err := io.ReadFull(c, got); insecure && (err != nil || !bytes.Equal(got, want)) {
				t.Errorf("server: %v", err)
			}
			c.Write(got)
			c.Close()
		})
		c, err := Client(context.Background(), a, cfg)
		if insecure != (err == nil) {
			t.Errorf("insecure %v: %v", insecure, err)
		}
		if err == nil {
			c.Write(want)
			got := make([]byte, len(want))
			if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, want) {
				t.Errorf("client: %v", err)
			}
			c.Close()
		}
		wg.Wait()
	})
}

// FuzzRead reads a stream of which a part is changed: what is read is what was
// sealed, up to the change.
func FuzzRead(f *testing.F) {
	f.Add([]byte(nil), 0, 0)
	f.Add([]byte("x"), 3, 1)
	f.Add([]byte("frame"), 25, 5)
	f.Add([]byte(nil), 40, 22)
	want := bytes.Join([][]byte{frame(0), frame(10), frame(300), frame(1)}, nil)
	wire := sealed(f, frame(0), frame(10), frame(300), frame(1))
	f.Fuzz(func(t *testing.T, insert []byte, at, drop int) {
		at = min(max(at, 0), len(wire))
		drop = min(max(drop, 0), len(wire)-at)
		stream := bytes.Join([][]byte{wire[:at], insert, wire[at+drop:]}, nil)
		c, _ := reading(t, bytes.NewReader(stream))
		got, err := io.ReadAll(c)
		switch {
		case !bytes.HasPrefix(want, got):
			t.Fatalf("read %x", got)
		case bytes.HasPrefix(stream, wire) && len(got) < len(want):
			t.Fatalf("read %d bytes of %d: %v", len(got), len(want), err)
		case err != nil && err != io.ErrUnexpectedEOF && !errors.Is(err, errTag):
			t.Fatalf("%T %v", err, err)
		}
	})
}

// FuzzWrite writes anything: frames arrive as they are, and nothing else is
// sent.
func FuzzWrite(f *testing.F) {
	f.Add(frame(0))
	f.Add(append(frame(3), frame(20)...))
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, p []byte) {
		var sent bytes.Buffer
		n, err := writing(t, &sent).Write(p)
		if err != nil && (n != 0 || sent.Len() > 0 || !errors.Is(err, ErrFrame)) {
			t.Fatalf("%d, %v, %d bytes sent", n, err, sent.Len())
		}
		if err != nil {
			return
		}
		c, _ := reading(t, &sent)
		got, err := io.ReadAll(c)
		if err != nil || !bytes.Equal(got, p) {
			t.Fatalf("%x, %v; want %x", got, err, p)
		}
	})
}

// FuzzKeys reads the text of keys: what is taken is written the same.
func FuzzKeys(f *testing.F) {
	for _, v := range vectors().Keys {
		f.Add(v.Text)
		f.Add(v.Secret)
	}
	f.Add("EguTM8URcZDQVeEBsM4B5vg9weqEUnufA8pm85fG4bZd")
	f.Add("1111111111111111111114oLvT2")
	f.Fuzz(func(t *testing.T, s string) {
		if k, err := ParsePublicKey(s); err == nil && k.String() != s {
			t.Errorf("%q is written %v", s, k)
		}
		if k, err := ParsePrivateKey(s); err == nil && k.Encode() != s {
			t.Errorf("%q is written %s", s, k.Encode())
		}
		b, err := decodeBase58Check(s)
		if err == nil && encodeBase58Check(b) != s {
			t.Errorf("%q holds %x, which is written %s", s, b, encodeBase58Check(b))
		}
	})
}
