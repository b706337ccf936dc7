package stratum_test

import (
	"fmt"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"gominer/miner"
)

// TestADay: a day on one connection, with jobs, shares and changes of
// everything; the totals must be exact.
func TestADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p := r.mining()
		accepted := uint64(0)
		began := time.Now()
		for i := 0; time.Since(began) < 24*time.Hour; i++ {
			time.Sleep(30 * time.Second)
			switch i % 100 {
			case 20:
				p.difficulty([]string{easy, "1e-11"}[i/100%2])
			case 40:
				p.send(`{"id":null,"method":"mining.set_extranonce","params":["%08x",4]}`, i)
			case 60:
				p.send(`{"id":null,"method":"mining.set_version_mask","params":["%s"]}`, []string{"1fffe000", "00ffe000"}[i/100%2])
			}
			p.notify(fmt.Sprint(i), i%20 == 0)
			if i%3 == 0 {
				r.found(1)
				p.answer(p.expect("mining.submit"), "true")
				accepted++
			}
		}
		p.quiet()
		s := r.end()
		if want := (miner.Tally{Accepted: accepted}); s.Shares != want || accepted != 960 {
			t.Errorf("%+v, want %+v", s.Shares, want)
		}
		if n := len(r.failures()); n != 1 {
			t.Errorf("%d runs, want 1", n)
		}
	})
}

// TestEnds: how the end of a connection is told.
func TestEnds(t *testing.T) {
	for _, test := range []struct {
		name  string
		play  func(p *peer)
		words []string
	}{
		{"closed", func(p *peer) { p.handshake() }, []string{"the pool closed the connection"}},
		{"closed in the handshake", func(p *peer) {
			p.answer(p.expect("mining.configure"), granted)
		}, []string{"closed the connection during the handshake"}},
		{"said why", func(p *peer) {
			p.handshake()
			p.send(`{"id":null,"result":null,"error":[20,"banned \u001b[5mfor a week",null]}`)
		}, []string{"closed", "banned for a week"}},
		{"in the middle of a line", func(p *peer) { p.handshake(); _, _ = fmt.Fprint(p.nc, `{"id":nu`) }, []string{"closed"}},
		{"a web server", func(p *peer) { p.send("HTTP/1.1 400 Bad Request\r") }, []string{"that is a web server, and no Stratum pool: check host and port", "a Bitcoin node is http://user:password@pool.example.org:3333"}},
		{"a web server of long ago", func(p *peer) { p.send("<!DOCTYPE HTML>") }, []string{"web server"}},
		{"a TLS alert", func(p *peer) { _, _ = p.nc.Write([]byte{0x15, 3, 1, 0, 2, 2, 0x16}) }, []string{"that is a TLS port: write stratum+tls://pool.example.org:3333"}},
		{"a Stratum V2 pool", func(p *peer) { _, _ = p.nc.Write([]byte("\x9a\xf1\x00{\x80")) }, []string{"no text, and so not Stratum V1: a port for Stratum V2 is stratum2+tcp://pool.example.org:3333/KEY"}},
		{"an SSH server", func(p *peer) { p.send("SSH-2.0-OpenSSH_9.9") }, []string{"SSH"}},
		{"an echo", func(p *peer) {
			for range 2 {
				q := p.next()
				p.send(`{"id":%s,"method":%q,"params":[]}`, q.ID, q.Method)
			}
		}, []string{"closed"}},
		{"Python", func(p *peer) { p.send(`{'id': 1, 'error': (20, 'x', None)}`) }, []string{"not a Stratum V1 line"}},
		{"garbage", func(p *peer) { p.handshake(); p.send("\x00\x01\x02") }, []string{"not a Stratum V1 line"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, nil)
				p := r.accept()
				test.play(p)
				synctest.Wait()
				p.close()
				r.wantFailure(test.words...)
				r.end()
			})
		})
	}
}

// deaf is a connection whose writes fail after the first two, and whose reads
// go on for ever.
type deaf struct {
	net.Conn
	writes int
}

func (d *deaf) Write(b []byte) (int, error) {
	if d.writes++; d.writes > 2 {
		return 0, &net.OpError{Op: "write", Err: syscall.EPIPE}
	}
	return d.Conn.Write(b)
}

// TestDeaf: a connection that takes no lines is over, but what the pool said
// last is heard.
func TestDeaf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		ours, theirs := net.Pipe()
		p := r.dialed().connect(t, ours, &deaf{Conn: theirs})
		p.answer(p.expect("mining.configure"), granted)
		p.answer(p.expect("mining.subscribe"), subscribed)
		p.send(`{"id":null,"result":null,"error":"go away"}`)
		began := time.Now()
		r.wantFailure("closed the connection during the handshake", "go away")
		if d := time.Since(began); d > 2*time.Second {
			t.Errorf("noticed after %v", d)
		}
		r.end()
	})
}
