package stratum_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gominer/miner"
	"gominer/stratum"
)

// TestRequests: what a pool may ask of its client, with ids that are in use for
// requests of the client's own.
func TestRequests(t *testing.T) {
	for _, test := range []struct{ line, id, result, err string }{
		{`{"id":1,"method":"mining.ping","params":[]}`, "1", "pong", "<nil>"},
		{`{"id":"p","method":"mining.ping"}`, `"p"`, "pong", "<nil>"},
		{`{"id":2,"method":"client.get_version","params":[]}`, "2", "gominer/test", "<nil>"},
		{`{"id":3,"method":"client.show_message","params":["hello"]}`, "3", "true", "<nil>"},
		{`{"id":4,"method":"client.reconnect","params":["elsewhere.net",3333,0]}`, "4", "true", "<nil>"},
		{`{"id":5,"method":"mining.mind_reading","params":[{}]}`, "5", "<nil>", "[-3 Method not found <nil>]"},
		{`{"id":6,"method":"mining.submit","params":["a","b","00","00000000","00000000"]}`, "6", "<nil>", "[-3 Method not found <nil>]"},
		{`{"id":7,"method":"mining.subscribe","params":[]}`, "7", "<nil>", "[-3 Method not found <nil>]"},
		{`{"id":"8","method":"mining.get_transactions","params":["1"]}`, `"8"`, "<nil>", "[-3 Method not found <nil>]"},
		{`{"id":9,"method":"mining.set_extranonce","params":["zz",4]}`, "9", "<nil>", `[20 mining.set_extranonce: extranonce1 is "zz", want hex of 0 to 32 bytes <nil>]`},
		{`{"id":10,"method":"client.reconnect","params":["pool.example.org",-1]}`, "10", "<nil>",
			"[20 client.reconnect: port is -1, want a whole number from 0 to 65535 <nil>]"},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, nil)
			p := r.mining()
			p.send("%s", test.line)
			q := p.expect("")
			if string(q.ID) != test.id || fmt.Sprint(q.Result) != test.result || fmt.Sprint(q.Error) != test.err {
				t.Errorf("%s: answered %s %v %v", test.line, q.ID, q.Result, q.Error)
			}
			r.found(1)
			p.answer(p.expect("mining.submit"), "true") // nothing was confused
			if s := r.end(); s.Shares.Accepted != 1 {
				t.Errorf("%+v", s.Shares)
			}
		})
	}
}

// TestNotifications: what wants no answer gets none, whatever it is.
func TestNotifications(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p := r.mining()
		for _, line := range []string{
			`{"id":null,"method":"mining.mind_reading","params":[]}`,
			`{"method":"mining.ping","params":[]}`,
			`{"id":null,"method":"client.get_version","params":[]}`,
			`{"id":null,"method":"mining.set_goal","params":["bitcoin",{"malgo":"sha256D"}]}`,
			`{"id":null,"method":"mining.set_goal","params":["bitcoin"]}`,
			`{"id":null,"method":"mining.submit","params":["a","b","00","00000000","00000000"]}`,
			`{"id":null,"method":"client.show_message","params":[7]}`,
			`{"id":12345,"result":true,"error":null}`,
			`{"id":null,"result":null,"error":[20,"odd",null]}`,
			``, `   `,
		} {
			p.send("%s", line)
		}
		p.quiet()
		r.end()
	})
}

func TestShowMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p := r.mining()
		message := func() string {
			synctest.Wait()
			return r.m.Snapshot().Sources[0].Message
		}
		p.send(`{"id":null,"method":"client.show_message","params":["\u001b]0;owned\u0007hello\u001b[2J\n\u202ethere"]}`)
		if got := message(); got != "hello there" {
			t.Errorf("message %q", got)
		}
		for i := range 100 { // a flood is not shown
			p.send(`{"id":null,"method":"client.show_message","params":["flood %d"]}`, i)
		}
		if got := message(); got != "hello there" {
			t.Errorf("message %q", got)
		}
		time.Sleep(2 * time.Second)
		p.send(`{"id":null,"method":"client.show_message","params":["%s"]}`, strings.Repeat("x", 5000))
		if got := message(); len(got) > 1024 || len(got) < 1000 {
			t.Errorf("message of %d bytes", len(got))
		}
		r.end()
	})
}

func TestSetGoal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p := r.mining()
		p.send(`{"id":null,"method":"mining.set_goal","params":["doge",{"malgo":"scrypt\u001b[31m"}]}`)
		r.wantFailure("scrypt", "SHA256d", "another pool")
		r.end()
	})
}

// TestReconnect: where a pool may send its clients.
func TestReconnect(t *testing.T) {
	for _, test := range []struct {
		policy stratum.ReconnectPolicy
		params string
		to     string // empty: nowhere
		wait   time.Duration
	}{
		{0, `[]`, "pool.example.org:3333", 0},
		{0, `["",0,0]`, "pool.example.org:3333", 0}, // port 0 stands for the same one
		{0, `["eu1.example.org","0"]`, "eu1.example.org:3333", 0},
		{0, `["pool.example.org",4444]`, "pool.example.org:4444", 0},
		{0, `["POOL.EXAMPLE.ORG.","4444","5"]`, "POOL.EXAMPLE.ORG.:4444", 5 * time.Second},
		{0, `["eu1.example.org",3333,3]`, "eu1.example.org:3333", 3 * time.Second},
		{0, `[null,null,100000]`, "pool.example.org:3333", time.Minute},
		{0, `["example.org",3333]`, "example.org:3333", 0},
		{0, `["evil.net",3333]`, "", 0},
		{0, `["pool.example.org.evil.net",3333]`, "", 0},
		{0, `["evilexample.org",3333]`, "", 0},
		{0, `["192.0.2.1",3333]`, "", 0},
		{0, `["[::1]",3333]`, "", 0},
		{0, `["org",3333]`, "", 0},
		{0, `["pool.example.org",-1]`, "", 0},
		{0, `["pool.example.org",65536]`, "", 0},
		{0, `["pool.example.org",33.5]`, "", 0},
		{0, `["pool.example.org",3333,-1]`, "", 0},
		{0, `["pool.example.org\u0000",3333]`, "", 0},
		{0, `["a b.example.org",3333]`, "", 0},
		{0, `["x@y.example.org",3333]`, "", 0},
		{0, `["` + strings.Repeat("a", 256) + `",3333]`, "", 0},
		{0, `["` + strings.Repeat("a.", 65536) + `example.org",3333]`, "", 0},
		{0, `{"host":"pool.example.org"}`, "", 0},
		{0, `[["pool.example.org"]]`, "", 0},
		{stratum.ReconnectRefuse, `[]`, "", 0},
		{stratum.ReconnectAllow, `["evil.net",1]`, "evil.net:1", 0},
		{stratum.ReconnectAllow, `["[2001:db8::1]",1]`, "[2001:db8::1]:1", 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, func(c *stratum.Config) { c.Reconnect = test.policy })
			p := r.mining()
			p.send(`{"id":null,"method":"client.reconnect","params":%s}`, test.params)
			if test.to == "" {
				p.quiet()
				p.notify("still", true)
				r.job()
				r.end()
				return
			}
			p.gone()
			if j := r.m.Snapshot().Job; j != nil {
				t.Errorf("%s: goes on mining", test.params)
			}
			began := time.Now()
			d := r.dialed()
			if d.addr != test.to {
				t.Errorf("%s: connects to %s, want %s", test.params, d.addr, test.to)
			}
			if w := time.Since(began); w != test.wait {
				t.Errorf("%s: waited %v, want %v", test.params, w, test.wait)
			}
			p = r.acceptDialed(d)
			conf := p.expect("mining.configure")
			p.answer(conf, granted)
			p.answer(p.expect("mining.subscribe"), subscribed)
			if q := p.expect("mining.authorize"); q.texts()[0] != "me.worker" {
				t.Errorf("%s: authorizes %v", test.params, q.Params)
			}
			away := 0 // a long wait is left to the other pools
			if test.wait > 5*time.Second {
				away = 1
			}
			if n := len(r.failures()); n != away {
				t.Errorf("%s: the run ended %d times, want %d: %v", test.params, n, away, r.failures())
			}
			r.end()
		})
	}
}

// TestReconnectResends: shares in flight go along to the same site only.
func TestReconnectResends(t *testing.T) {
	for host, same := range map[string]bool{"b.example.org": true, "evil.net": false} {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, func(c *stratum.Config) { c.Reconnect = stratum.ReconnectAllow })
			p := r.mining()
			r.found(1)
			p.expect("mining.submit")
			p.send(`{"id":null,"method":"client.reconnect","params":[%q]}`, host)
			p = r.accept()
			p.answer(p.expect("mining.configure"), granted)
			sub := p.expect("mining.subscribe")
			if got := len(sub.Params) == 2; got != same {
				t.Errorf("%s: subscribe %v", host, sub.Params)
			}
			p.answer(sub, subscribed) // the very extranonce
			p.answer(p.expect("mining.authorize"), "true")
			if same {
				p.answer(p.expect("mining.submit"), "true")
			}
			p.quiet()
			s := r.end()
			if want := (miner.Tally{Accepted: 1}); same && s.Shares != want {
				t.Errorf("%+v, want %+v", s.Shares, want)
			}
			if want := (miner.Tally{Lost: 1}); !same && s.Shares != want {
				t.Errorf("%+v, want %+v", s.Shares, want)
			}
		})
	}
}

// TestHomeAgain: what was in flight to a pool abroad does not come back to the
// one that sent its clients there, whether that one is sent to or fallen back to.
func TestHomeAgain(t *testing.T) {
	for _, sent := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, func(c *stratum.Config) { c.Reconnect = stratum.ReconnectAllow })
			p := r.mining()
			p.send(`{"id":null,"method":"client.reconnect","params":["abroad.net"]}`)
			p = r.mining()
			time.Sleep(20 * time.Second)
			r.found(1)
			p.expect("mining.submit")
			if sent {
				p.send(`{"id":null,"method":"client.reconnect","params":["pool.example.org"]}`)
			} else {
				p.close()
			}
			p = r.accept()
			if p.addr != "pool.example.org:3333" {
				t.Errorf("connects to %s", p.addr)
			}
			p.answer(p.expect("mining.configure"), granted)
			sub := p.expect("mining.subscribe")
			if len(sub.Params) != 1 {
				t.Errorf("subscribe %v", sub.Params)
			}
			p.answer(sub, subscribed)
			p.answer(p.expect("mining.authorize"), "true")
			p.quiet()
			if s := r.end(); s.Shares.Lost != 1 {
				t.Errorf("%+v", s.Shares)
			}
		})
	}
}

// TestReconnectRate: not more than one in ten seconds.
func TestReconnectRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p := r.mining()
		p.send(`{"id":null,"method":"client.reconnect","params":[]}`)
		p = r.mining()
		p.send(`{"id":null,"method":"client.reconnect","params":[]}`)
		p.quiet()
		time.Sleep(10 * time.Second)
		p.send(`{"id":null,"method":"client.reconnect","params":[]}`)
		p.gone()
		r.mining()
		r.end()
	})
}

// TestReconnectFails: where a pool sent its clients is forgotten when it does
// not work.
func TestReconnectFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p := r.mining()
		p.send(`{"id":null,"method":"client.reconnect","params":["b.example.org",1]}`)
		p = r.accept()
		if p.addr != "b.example.org:1" {
			t.Errorf("connects to %s", p.addr)
		}
		p.expect("mining.configure")
		p.answer(p.expect("mining.subscribe"), subscribed)
		p.close()
		if p = r.accept(); p.addr != "pool.example.org:3333" {
			t.Errorf("connects to %s", p.addr)
		}
		r.end()
	})
}

// TestReconnectStops: a client that is stopped does not wait for the reconnect.
func TestReconnectStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p := r.mining()
		p.send(`{"id":null,"method":"client.reconnect","params":[null,null,60]}`)
		p.gone()
		began := time.Now()
		r.end()
		if d := time.Since(began); d != 0 {
			t.Errorf("took %v to stop", d)
		}
	})
}

// TestAsksWithoutListening: a pool that asks and asks but reads nothing is let
// go before its questions fill the memory.
func TestAsksWithoutListening(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p, gate := r.acceptGate()
		p.handshake()
		gate.shut()
		for range 2000 {
			if _, err := fmt.Fprintln(p.nc, `{"id":1,"method":"mining.ping"}`); err != nil {
				break
			}
		}
		gate.open()
		r.wantFailure("does not read")
		r.end()
	})
}
