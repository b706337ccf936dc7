package noise

import (
	"io"
	"testing"
)

// looped is a reader that gives the same bytes over and over, and a writer that
// drops everything.
type looped struct {
	data []byte
	at   int
}

func (l *looped) Read(p []byte) (int, error) {
	n := copy(p, l.data[l.at:])
	l.at = (l.at + n) % len(l.data)
	return n, nil
}

func (l *looped) Write(p []byte) (int, error) { return len(p), nil }

// sizes are those of a share, of an extended job, and of many transactions.
var sizes = []struct {
	name string
	n    int
}{{"32B", 32}, {"1KiB", 1 << 10}, {"1MiB", 1 << 20}}

func BenchmarkWrite(b *testing.B) {
	for _, s := range sizes {
		b.Run(s.name, func(b *testing.B) {
			c, f := writing(b, new(looped)), frame(s.n)
			b.SetBytes(int64(len(f)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Write(f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	for _, s := range sizes {
		b.Run(s.name, func(b *testing.B) {
			c, _ := reading(b, &looped{data: sealed(b, frame(s.n))})
			p := make([]byte, headerSize+s.n)
			b.SetBytes(int64(len(p)))
			b.ReportAllocs()
			for b.Loop() {
				c.rx.cipher.n = 0 // the same bytes again
				if _, err := io.ReadFull(c, p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRoundTrip sends a frame to the other end of a pipe, which sends it
// back.
func BenchmarkRoundTrip(b *testing.B) {
	for _, s := range sizes {
		b.Run(s.name, func(b *testing.B) {
			client, server := connected(b)
			f := frame(s.n)
			go func() {
				p := make([]byte, len(f))
				for {
					if _, err := io.ReadFull(server, p); err != nil {
						return
					}
					if _, err := server.Write(p); err != nil {
						return
					}
				}
			}()
			p := make([]byte, len(f))
			b.SetBytes(2 * int64(len(f)))
			for b.Loop() {
				if _, err := client.Write(f); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(client, p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkAccept is a server's share of a handshake, which decides how many
// miners can come back at the same time.
func BenchmarkAccept(b *testing.B) {
	first := act1(vectors().Handshake.Act1)
	id := lasting()
	for b.Loop() {
		e, err := newKeyPair()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := newResponder(e, id).act2(&first); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkConnect is a client's, the certificate included.
func BenchmarkConnect(b *testing.B) {
	v := vectors().Handshake
	authority := fixedAuthority().Public()
	for b.Loop() {
		if _, err := newKeyPair(); err != nil {
			b.Fatal(err)
		}
		i := newInitiator(fixedInitiator())
		i.act1()
		second := act2(v.Act2)
		cert, err := i.readAct2(&second)
		if err != nil || !cert.signedBy(authority) {
			b.Fatal(err)
		}
	}
}
