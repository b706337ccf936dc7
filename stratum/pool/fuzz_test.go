package pool_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"gominer/stratum/pool"
)

// FuzzConn sends a whole connection's bytes and waits for its end: whatever they
// are, the pool lives and lets go of the connection.
func FuzzConn(f *testing.F) {
	const (
		subscribe = `{"id":1,"method":"mining.subscribe","params":["x"]}` + "\n"
		authorize = `{"id":2,"method":"mining.authorize","params":["w","x"]}` + "\n"
	)
	for _, s := range []string{
		"", "\n", "{}\n", "\x16\x03\x01\x02\x00\x01", "GET / HTTP/1.1\r\n\r\n",
		subscribe + authorize + `{"id":3,"method":"mining.submit","params":["w","1","00000000","65a0f2c0","00000000"]}` + "\n",
		subscribe + authorize + `{"id":3,"method":"mining.submit","params":["w","1","00000000","65a0f2c0","00000000","1fffe000"]}` + "\n",
		`{"id":1,"method":"mining.configure","params":[["version-rolling","minimum-difficulty","x"],{"version-rolling.mask":"ffffffff","minimum-difficulty.value":1e70}]}` + "\n" + subscribe + authorize,
		subscribe + subscribe + authorize + authorize + `{"id":{},"method":"mining.ping","params":null}` + "\n",
		authorize + `{"method":"mining.suggest_difficulty","params":[1e-300]}` + "\n" + subscribe,
		subscribe + authorize + `{"id":4,"method":"mining.suggest_target","params":["` + strings.Repeat("0", 64) + `"]}` + "\n",
		subscribe + authorize + `{"id":4,"method":"mining.get_transactions","params":["1"]}` + "\n" + `{"id":5,"result":true}` + "\n",
		`{"id":1,"method":"mining.capabilities","params":[{"suggested_target":"ff"}]}` + "\n",
	} {
		f.Add([]byte(s))
	}
	cfg := easy()
	cfg.Vardiff = 6000
	gone := make(farewells, 1)
	cfg.Log = slog.New(gone)
	l := newPipes()
	r := startOn(f, cfg, l)
	f.Fuzz(func(t *testing.T, b []byte) {
		nc := l.dial()
		nc.SetDeadline(time.Now().Add(20 * time.Second))
		done := make(chan error, 1)
		go func() {
			_, err := io.Copy(io.Discard, nc)
			done <- err
		}()
		io.Copy(nc, bytes.NewReader(b)) // the pool may close before the end
		io.WriteString(nc, "\n}\n")     // no JSON: it certainly does now
		if err := <-done; err != nil {
			t.Errorf("the pool did not close: %v", err)
		}
		<-gone
		if n := len(r.Stats().Conns); n > 0 {
			t.Errorf("%d connections are still counted", n)
		}
	})
}

// farewells is a slog.Handler that passes on the event "disconnected".
type farewells chan struct{}

func (f farewells) Enabled(context.Context, slog.Level) bool { return true }

func (f farewells) WithGroup(string) slog.Handler { return f }

func (f farewells) WithAttrs([]slog.Attr) slog.Handler { return f }

func (f farewells) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "event" && a.Value.String() == "disconnected" {
			f <- struct{}{}
		}
		return true
	})
	return nil
}

// TestOneByteReads sends a dialogue byte by byte.
func TestOneByteReads(t *testing.T) {
	r := start(t, easy())
	nc, err := net.Dial("tcp", r.l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	m := newMiner(t, slowly{nc})
	m.login()
	w := m.next(1)
	m.want(m.submit(w, m.share(w, 0)), 0)
}

// slowly writes byte by byte.
type slowly struct{ net.Conn }

func (s slowly) Write(b []byte) (int, error) {
	for i := range b {
		if _, err := s.Conn.Write(b[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(b), nil
}

func BenchmarkShare(b *testing.B) {
	cfg := pool.DefaultConfig()
	cfg.Difficulty = 1e-8
	cfg.Source = chainOf(hardBits)
	m := start(b, cfg).dial(b).login()
	m.nc.SetDeadline(time.Time{})
	w := m.next(1)
	s := m.share(w, 0)
	for b.Loop() {
		m.submit(w, s)
	}
}
