package stratum_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"gominer/stratum"
)

// pings lets the client of a rig ask as it does by default.
func pings(c *stratum.Config) { c.Timeouts.Ping = 0 }

// wantAfter checks how long ago something happened.
func (r *rig) wantAfter(what string, began time.Time, want time.Duration) {
	r.t.Helper()
	if d := time.Since(began).Round(time.Millisecond); d < want || d > want+150*time.Millisecond {
		r.t.Errorf("%s after %v, want %v; errors %v", what, d, want, r.failures())
	}
}

// drain takes in what the client says, for tests of what it does.
func (p *peer) drain() {
	go func() {
		for range p.in {
		}
	}()
}

// TestHung: a pool that says nothing more is noticed by the next share, whatever
// it knows: after 2 s it is asked for what such a pool answers, 1.5 s later it is
// left.
func TestHung(t *testing.T) {
	for name, test := range map[string]struct {
		shake func(p *peer)
		asks  []string
	}{
		"modern": {(*peer).handshake, []string{"mining.ping", "mining.configure"}},
		"old": {func(p *peer) {
			p.refuse(p.expect("mining.configure"), `[-3,"Method not found",null]`)
			p.answer(p.expect("mining.subscribe"), subscribed)
			p.expect("mining.extranonce.subscribe")
			p.answer(p.expect("mining.authorize"), "true")
		}, []string{"mining.ping", "mining.authorize"}},
		"with ping": {func(p *peer) {
			p.handshake()
			time.Sleep(600 * time.Millisecond) // no job: it is nudged
			p.answer(p.expect("mining.ping"), `"pong"`)
		}, []string{"mining.ping"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, nil)
				p := r.accept()
				test.shake(p)
				p.difficulty(easy)
				p.notify("1", true)
				time.Sleep(10 * time.Second)
				r.found(1)
				began := p.expect("mining.submit").at
				for _, method := range test.asks {
					if d := p.expect(method).at.Sub(began); d != 2*time.Second {
						t.Errorf("%s after %v, want 2s", method, d)
					}
				}
				p.quiet()
				r.wantFailure("no answer to a share", "silent for")
				r.wantAfter("left", began, 3500*time.Millisecond)
				p.gone()
				p = r.accept() // the share is kept
				p.handshake()
				p.answer(p.expect("mining.submit"), "true")
				if s := r.end(); s.Shares.Accepted != 1 || s.Shares.Lost != 0 {
					t.Errorf("%+v", s.Shares)
				}
			})
		})
	}
}

// TestAnswersPress: any line in time, and be it an error, shows that a slow pool
// lives; the answer to the share may follow.
func TestAnswersPress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p := r.mining()
		r.found(1)
		q := p.expect("mining.submit")
		p.expect("mining.ping")
		conf := p.expect("mining.configure")
		time.Sleep(time.Second)
		p.refuse(conf, `[20,"once is enough",null]`)
		time.Sleep(400 * time.Millisecond)
		p.answer(q, "true") // after 3.4 s
		if got := fmt.Sprintf("%08x", r.job().VersionMask); got != "1fffe000" {
			t.Errorf("mask %s", got)
		}
		r.found(1) // from now on the pool is known to be slow
		q = p.expect("mining.submit")
		time.Sleep(10 * time.Second)
		p.quiet()
		p.answer(q, "true")
		if n := len(r.failures()); n != 0 {
			t.Errorf("left: %v", r.failures())
		}
		if s := r.end(); s.Shares.Accepted != 2 {
			t.Errorf("%+v", s.Shares)
		}
	})
}

// TestFarPool: where every answer takes long, more time is given; not for ever.
func TestFarPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const trip = 3 * time.Second
		r := start(t, nil)
		p := r.accept()
		conf, sub := p.expect("mining.configure"), p.expect("mining.subscribe")
		time.Sleep(trip)
		p.answer(conf, granted)
		p.answer(sub, subscribed)
		auth := p.expect("mining.authorize")
		time.Sleep(trip)
		p.answer(auth, "true")
		p.difficulty(easy)
		p.notify("1", true)
		r.job()
		for range 5 {
			r.found(1)
			q := p.expect("mining.submit")
			time.Sleep(trip)
			p.quiet()
			p.answer(q, "true")
		}
		r.found(1)
		began := p.expect("mining.submit").at
		if d := p.expect("mining.ping").at.Sub(began); d != 4*trip {
			t.Errorf("asked after %v, want %v", d, 4*trip)
		}
		p.drain()
		r.wantFailure("no answer to a share, and silent for 24s")
		r.end()
	})
}

// TestTalksOnly: a pool that sends jobs and answers no shares is left too.
func TestTalksOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p := r.mining()
		p.drain()
		r.found(1)
		began := time.Now()
		for i := range 6 {
			p.notify(fmt.Sprint(i), false)
			time.Sleep(500 * time.Millisecond)
		}
		r.wantFailure("no answer to a share within 3.5s, though it talks")
		r.wantAfter("left", began, 3500*time.Millisecond)
		r.end()
	})
}

// TestPassedOver: a share whose answer is left out while later ones are answered
// is lost, and the pool goes on; until it answers no more.
func TestPassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p := r.mining()
		r.found(1)
		over := p.expect("mining.submit")
		for range 40 {
			r.found(1)
			q := p.expect("mining.submit")
			time.Sleep(time.Second)
			p.answer(q, "true")
		}
		if s := r.m.Snapshot(); s.Shares.Lost != 1 || s.Shares.Accepted != 40 || len(r.failures()) != 0 {
			t.Errorf("%+v, failures %v", s.Shares, r.failures())
		}
		p.answer(over, "true") // too late: it was reported
		r.found(1)
		p.expect("mining.submit")
		r.found(1)
		p.answer(p.expect("mining.submit"), "true")
		r.found(1)
		p.drain()
		began := time.Now()
		r.wantFailure("no answer to a share, and silent")
		if d := time.Since(began); d > 10*time.Second {
			t.Errorf("left after %v", d)
		}
		if s := r.end(); s.Shares.Accepted != 41 || s.Shares.Lost != 3 {
			t.Errorf("%+v", s.Shares)
		}
	})
}

// TestAnswersBeforeSending: a pool that answers what it expects to come confuses
// nobody.
func TestAnswersBeforeSending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p, g := r.acceptGate()
		p.handshake()
		p.difficulty(easy)
		p.notify("1", true)
		r.job()
		g.shut()
		r.found(3) // the first is on its way, the rest wait
		for id := range 20 {
			p.send(`{"id":%d,"result":true,"error":null}`, id)
		}
		g.open()
		for range 3 {
			p.expect("mining.submit")
		}
		time.Sleep(20 * time.Second)
		p.quiet()
		if s := r.end(); s.Shares.Accepted != 3 || len(r.failures()) != 1 {
			t.Errorf("%+v, failures %v", s.Shares, r.failures())
		}
	})
}

// TestSilence: without shares, a pool that is known to answer mining.ping is
// asked after 3 s and left 1.5 s later; any line counts.
func TestSilence(t *testing.T) {
	for answer, want := range map[string]string{
		`{"id":%s,"result":"pong","error":null}`:                           "ping",
		`{"id":%s,"result":true}`:                                          "ping",
		`{"id":%s,"result":null,"error":[-32601,"method not found",null]}`: "ping refused",
	} {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, pings)
			p := r.mining()
			began := time.Now()
			for i := range 5 {
				q := p.expect("mining.ping")
				if d := q.at.Sub(began); d != time.Duration(i+1)*3*time.Second {
					t.Errorf("ping %d after %v", i, d)
				}
				p.send(answer, q.ID)
			}
			if got := r.status().Traits; !slices.Contains(got, want) {
				t.Errorf("traits %q, want %q", got, want)
			}
			began = time.Now()
			if d := p.expect("mining.ping").at.Sub(began); d != 3*time.Second {
				t.Errorf("ping after %v", d)
			}
			time.Sleep(time.Second)
			p.notify("2", false) // no pong, but a line
			began = time.Now()
			p.expect("mining.ping")
			r.wantFailure("silent for 4.5s")
			r.wantAfter("left", began, 4500*time.Millisecond)
			r.end()
		})
	}
}

// TestPingIgnored: a pool that knows no ping gets one, and is asked otherwise
// when it has said nothing for 90 s.
func TestPingIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, pings)
		p := r.mining()
		began := time.Now()
		p.expect("mining.ping")
		r.wantAfter("ping", began, 3*time.Second)
		for _, method := range []string{"mining.ping", "mining.configure"} {
			if d := p.expect(method).at.Sub(began); d != 90*time.Second {
				t.Errorf("%s after %v, want 90s", method, d)
			}
		}
		if got := r.status().Traits; !slices.Contains(got, "ping ignored") {
			t.Errorf("traits %q", got)
		}
		p.notify("2", false)
		time.Sleep(80 * time.Second)
		p.quiet()
		ping := p.expect("mining.ping")
		p.expect("mining.configure")
		p.answer(ping, `"pong"`) // it does after all
		if got := r.status().Traits; slices.Contains(got, "ping ignored") || !slices.Contains(got, "ping") {
			t.Errorf("traits %q", got)
		}
		p.expect("mining.ping")
		p.drain()
		r.wantFailure("silent for 4.5s")
		r.end()
	})
}

// stopping is a log handler in which the client is stopped for as long as a
// message says, as a process is that gets no processor.
type stopping struct{ slog.Handler }

func (stopping) Enabled(context.Context, slog.Level) bool { return true }

func (s stopping) WithAttrs([]slog.Attr) slog.Handler { return s }

func (s stopping) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "unknown method" {
		<-time.After(10 * time.Second)
	}
	return nil
}

// TestStopped: a client that did not run for a while does not take that for the
// pool's silence.
func TestStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *stratum.Config) { c.Log = slog.New(stopping{}) })
		p := r.mining()
		r.found(2)
		p.expect("mining.submit")
		p.expect("mining.submit")
		go func() {
			p.send(`{"id":null,"method":"stop","params":[]}`)
			p.send(`{"id":null,"method":"another","params":[]}`)
			p.send(`{"id":5,"result":true,"error":null}`)
			p.send(`{"id":4,"result":true,"error":null}`)
		}()
		time.Sleep(25 * time.Second)
		p.quiet()
		if s := r.end(); s.Shares.Accepted != 2 || len(r.failures()) != 1 {
			t.Errorf("%+v, failures %v", s.Shares, r.failures())
		}
	})
}
