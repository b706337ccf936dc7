package stratum_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gominer/miner"
	"gominer/stratum"
)

func TestSubmit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p := r.mining()
		r.found(3)
		ids := map[string]bool{}
		for i := range 3 {
			q := p.expect("mining.submit")
			sh := q.texts()
			want := []string{"me.worker", "1", fmt.Sprintf("%08x", 0), "65000000", fmt.Sprintf("%08x", i), fmt.Sprintf("%08x", i<<13)}
			if !slices.Equal(sh, want) {
				t.Errorf("submit %q, want %q", sh, want)
			}
			if ids[string(q.ID)] {
				t.Errorf("id %s twice", q.ID)
			}
			ids[string(q.ID)] = true
			time.Sleep(5 * time.Millisecond)
			p.answer(q, "true")
		}
		s := r.end()
		if s.Shares.Accepted != 3 {
			t.Errorf("%+v", s.Shares)
		}
		for i, o := range s.Recent {
			if want := time.Duration(i+1) * 5 * time.Millisecond; o.After != want {
				t.Errorf("share %d: latency %v, want %v", i, o.After, want)
			}
		}
	})
}

// TestVersionBits: bits that the pool preset inside the mask stay, the others are
// rolled; what is sent are the bits of the header under the mask.
func TestVersionBits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p := r.accept()
		p.handshake()
		p.difficulty(easy)
		p.send(`{"id":null,"method":"mining.notify","params":["1","%s","%s","%s",[],"3fff0004","1d00ffff","65000000",true]}`, prev, coinb1, coinb2)
		j := r.job()
		r.found(2)
		for i := range uint64(2) {
			got := p.expect("mining.submit").texts()[5]
			if want := fmt.Sprintf("%08x", j.RolledVersion(i)&0x1fffe000); got != want {
				t.Errorf("bits %s, want %s", got, want)
			}
		}
		r.end()
	})
}

// TestAnswers: each shape of an answer to a share, in an order of its own, with
// ids as numbers and as strings.
func TestAnswers(t *testing.T) {
	answers := []struct {
		rest   string
		reject *miner.Reject
	}{
		{`"result":true,"error":null`, nil},
		{`"result":true`, nil},
		{`"result":true,"error":[]`, nil},
		{`"result":false,"error":[23,"Above target",null]`, &miner.Reject{Code: 23, Reason: "Above target"}},
		{`"result":null,"error":[21,"Job not found",""]`, &miner.Reject{Code: 21, Reason: "Job not found"}},
		{`"result":null,"error":{"code":22,"message":"Duplicate"}`, &miner.Reject{Code: 22, Reason: "Duplicate"}},
		{`"result":null,"error":"bad share"`, &miner.Reject{Reason: "bad share"}},
		{`"reject-reason":"Above target","result":false,"error":null`, &miner.Reject{Reason: "Above target"}},
		{`"result":false,"error":null`, &miner.Reject{Reason: "rejected without a reason"}},
		{`"result":null,"error":[-32601,"\u001b[31mno\u0007such\nmethod",null]`, &miner.Reject{Code: -32601, Reason: "nosuch method"}},
		{`"result":false,"error":[20,"` + strings.Repeat("x", 5000) + `",null]`, &miner.Reject{Code: 20, Reason: strings.Repeat("x", 125) + "…"}},
	}
	for _, id := range []string{"%s", `"%s"`, "%s.0"} {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, nil)
			p := r.mining()
			r.found(len(answers))
			var qs []*request
			for range answers {
				qs = append(qs, p.expect("mining.submit"))
			}
			for i := range answers {
				i = (i*7 + 3) % len(answers)
				p.send(`{"id":`+id+`,%s}`, qs[i].ID, answers[i].rest)
				p.send(`{"id":`+id+`,%s}`, qs[i].ID, answers[0].rest) // it counts once
			}
			s := r.end()
			for i, a := range answers {
				j := slices.IndexFunc(s.Recent, func(o miner.Outcome) bool { return fmt.Sprintf("%08x", o.Share.Nonce) == qs[i].texts()[4] })
				if j < 0 {
					t.Fatalf("%s: not reported", a.rest)
				}
				var got *miner.Reject
				if err := s.Recent[j].Err; err != nil && !errors.As(err, &got) {
					t.Errorf("%s: %v", a.rest, err)
				}
				if (got == nil) != (a.reject == nil) || got != nil && *got != *a.reject {
					t.Errorf("%s: %+v, want %+v", a.rest, got, a.reject)
				}
			}
		})
	}
}

// TestOddAnswer: a share whose answer makes no sense is not waited for.
func TestOddAnswer(t *testing.T) {
	for _, rest := range []string{`"result":{}`, `"result":"ok","error":null`, `"result":NaN`, `"nothing":1`} {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, nil)
			p := r.mining()
			r.found(1)
			p.send(`{"id":%s,%s}`, p.expect("mining.submit").ID, rest)
			if s := r.m.Snapshot(); s.Shares.Rejected != 1 {
				t.Errorf("%s: %+v", rest, s.Shares)
			}
			r.end()
		})
	}
}

// TestResend: shares in flight when the connection breaks are sent again if the
// pool resumes the extranonce, once, and under ids of the new connection.
func TestResend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p := r.mining()
		r.found(3)
		first := p.expect("mining.submit")
		p.answer(first, "true")
		a, b := p.expect("mining.submit"), p.expect("mining.submit")
		p.close()

		p = r.accept()
		p.answer(p.expect("mining.configure"), granted)
		sub := p.expect("mining.subscribe")
		if got := fmt.Sprint(sub.Params); got != "[gominer/test s1]" {
			t.Errorf("subscribe %s", got)
		}
		p.answer(sub, `[[["mining.notify","s2"]],"f0000001",4]`)
		auth := p.expect("mining.authorize")
		p.quiet() // nothing before authorization
		p.answer(auth, "true")
		for _, q := range []*request{a, b} {
			again := p.expect("mining.submit")
			if !slices.Equal(again.texts(), q.texts()) {
				t.Errorf("sent again as %v, was %v", again.Params, q.Params)
			}
			p.refuse(again, `[21,"Job not found",null]`)
		}
		p.quiet()
		p.notify("2", true)
		if got := fmt.Sprint(r.status().Traits); got != "[version-rolling 1fffe000 subscribe-extranonce resumed]" {
			t.Errorf("traits %s", got)
		}
		p.close()
		p = r.accept()
		p.expect("mining.configure")
		if got := fmt.Sprint(p.expect("mining.subscribe").Params); got != "[gominer/test s2]" {
			t.Errorf("subscribe %s", got)
		}
		s := r.end()
		if s.Shares.Accepted != 1 || s.Shares.Rejected != 2 || s.Shares.Lost != 0 {
			t.Errorf("%+v", s.Shares)
		}
	})
}

// TestResendOnce: a share that breaks two connections is not tried on a third.
func TestResendOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p := r.mining()
		r.found(1)
		p.expect("mining.submit")
		p.close()
		p = r.accept()
		p.handshake()
		p.expect("mining.submit")
		p.close()
		p = r.accept()
		p.handshake()
		p.notify("9", true)
		p.quiet()
		s := r.end()
		if s.Shares.Lost != 1 || !strings.Contains(s.Recent[0].Err.Error(), "twice") {
			t.Errorf("%+v, %v", s.Shares, s.Recent[0].Err)
		}
	})
}

// TestNotResumed: with another extranonce, shares in flight are lost, and at
// once said to be.
func TestNotResumed(t *testing.T) {
	for name, answer := range map[string]string{
		"another extranonce1": `[[["mining.notify","s2"]],"f0000002",4]`,
		"another size":        `[[["mining.notify","s1"]],"f0000001",8]`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, nil)
				p := r.mining()
				r.found(2)
				p.expect("mining.submit")
				p.close()
				p = r.accept()
				p.handshakeAs(answer)
				p.quiet()
				s := r.m.Snapshot()
				if s.Shares.Lost != 2 || !strings.Contains(s.Recent[0].Err.Error(), "did not resume") {
					t.Errorf("%+v %v", s.Shares, s.Recent)
				}
				p.difficulty(easy)
				p.notify("1", true)
				r.found(1)
				p.answer(p.expect("mining.submit"), "true")
				if s := r.end(); s.Shares.Accepted != 1 {
					t.Errorf("%+v", s.Shares)
				}
			})
		})
	}
}

// TestNeverAgain: shares in flight are lost if the pool never comes back.
func TestNeverAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p := r.mining()
		r.found(2)
		p.expect("mining.submit")
		p.close()
		for range 5 {
			r.dialed().reply <- errors.New("down")
		}
		if s := r.m.Snapshot(); s.Shares.Lost != 0 {
			t.Errorf("given up early: %+v", s.Shares)
		}
		if s := r.end(); s.Shares.Lost != 2 {
			t.Errorf("%+v", s.Shares)
		}
	})
}

// TestBlocksFirst: a block overtakes the shares that wait to be sent.
func TestBlocksFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p, gate := r.acceptGate()
		p.handshake()
		p.difficulty(easy)
		p.notify("share", true)
		r.job()
		gate.shut()
		r.found(3)
		p.notifyBits("block", "2100ffff", false)
		r.job()
		r.found(2)
		gate.open()
		var order []string
		for range 5 {
			q := p.expect("mining.submit")
			order = append(order, q.texts()[1])
			p.answer(q, "true")
		}
		// Two were on their way already: one read, one being written.
		if want := []string{"share", "share", "block", "block", "share"}; !slices.Equal(order, want) {
			t.Errorf("sent %v, want %v", order, want)
		}
		if s := r.end(); s.Shares.Blocks != 2 {
			t.Errorf("%+v", s.Shares)
		}
	})
}

// TestShutdown: what was found is sent, and the answers have two seconds.
func TestShutdown(t *testing.T) {
	for _, late := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, nil)
			p := r.mining()
			r.found(2)
			p.expect("mining.submit")
			p.expect("mining.submit")
			began := time.Now()
			r.stop()
			synctest.Wait()
			want := miner.Tally{Lost: 2}
			wantTime := 2 * time.Second
			if !late {
				time.Sleep(1500 * time.Millisecond)
				p.send(`{"id":4,"result":true}`)
				p.send(`{"id":5,"result":true}`)
				want, wantTime = miner.Tally{Accepted: 2}, 1500*time.Millisecond
			}
			s := r.end()
			if s.Shares != want || late && !strings.Contains(s.Recent[0].Err.Error(), "before the end") {
				t.Errorf("%+v, want %+v; %v", s.Shares, want, s.Recent)
			}
			if d := time.Since(began); d != wantTime {
				t.Errorf("took %v, want %v", d, wantTime)
			}
		})
	}
}

// TestShutdownSendsWhatStands: also what no pool had room for yet.
func TestShutdownSendsWhatStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p, gate := r.acceptGate()
		p.handshake()
		p.difficulty(easy)
		p.notify("1", true)
		r.job()
		gate.shut()
		const n = 300
		r.found(n)
		r.stop()
		synctest.Wait()
		gate.open()
		for range n {
			p.answer(p.expect("mining.submit"), "true")
		}
		if s := r.end(); s.Shares.Accepted != n {
			t.Errorf("%+v", s.Shares)
		}
	})
}

// TestLateShare: work that a device finishes late is submitted under the mask
// that it was made with, and not at all over a connection that knows nothing of
// it.
func TestLateShare(t *testing.T) {
	submitStale := func(c *miner.Config) { c.SubmitStale = true }
	t.Run("mask", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := startWith(t, nil, submitStale)
			p := r.mining()
			r.keep()
			p.send(`{"id":null,"method":"mining.set_version_mask","params":["0000e000"]}`)
			r.late()
			if q := p.expect("mining.submit"); q.texts()[5] != "1fffe000" {
				t.Errorf("submit %v", q.Params)
			}
			r.end()
		})
	})
	for _, test := range []struct{ to, extranonce1 string }{
		{"pool.example.org", "f0000002"}, {"evil.net", "f0000002"},
	} {
		t.Run(test.to, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := startWith(t, func(c *stratum.Config) { c.Reconnect = stratum.ReconnectAllow }, submitStale)
				p := r.mining()
				r.keep()
				p.send(`{"id":null,"method":"client.reconnect","params":[%q]}`, test.to)
				p = r.accept()
				p.handshakeAs(`[[],"` + test.extranonce1 + `",4]`)
				p.notify("1", true)
				r.job()
				r.late()
				p.quiet()
				if s := r.end(); s.Shares.Stale != 1 {
					t.Errorf("%+v", s.Shares)
				}
			})
		})
	}
	t.Run("found while away", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := startWith(t, func(c *stratum.Config) { c.Reconnect = stratum.ReconnectAllow }, submitStale)
			p := r.mining()
			r.keep()
			p.send(`{"id":null,"method":"client.reconnect","params":["evil.net",1,5]}`)
			p.gone()
			r.late()
			p = r.accept()
			p.handshake() // the same extranonce, of another pool
			p.notify("1", true)
			p.quiet()
			if s := r.end(); s.Shares.Stale != 1 {
				t.Errorf("%+v", s.Shares)
			}
		})
	})
}

// TestManyExtranonces: however often a pool changes it, the shares of the newest
// are sent.
func TestManyExtranonces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p := r.mining()
		for i := range 200 {
			p.send(`{"id":null,"method":"mining.set_extranonce","params":["%08x",4]}`, i)
		}
		p.notify("2", true)
		r.job()
		r.found(1)
		if q := p.expect("mining.submit"); q.texts()[1] != "2" {
			t.Errorf("submit %v", q.Params)
		}
		r.end()
	})
}

// TestBackpressure: a pool that reads nothing makes the devices wait; memory
// does not grow, and nothing is lost when it goes on.
func TestBackpressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *stratum.Config) { c.Timeouts.Submit = time.Hour; c.Timeouts.Silent = time.Hour })
		p, gate := r.acceptGate()
		p.handshake()
		p.difficulty(easy)
		p.notify("1", true)
		r.job()
		gate.shut()
		stuck := 0
		for stuck < 3 {
			select {
			case r.find <- 0:
			case <-time.After(time.Second):
				stuck++
			}
		}
		n := int(r.count.Load())
		if n < 256 || n > 1000 {
			t.Errorf("%d shares were taken", n)
		}
		gate.open()
		for range n {
			p.answer(p.expect("mining.submit"), "true")
		}
		if s := r.end(); s.Shares.Accepted != uint64(n) {
			t.Errorf("%+v, want %d accepted", s.Shares, n)
		}
	})
}

// TestEachShareOnce plays pools that do anything at any time, and wants every
// share reported once: rig.end counts.
func TestEachShareOnce(t *testing.T) {
	const rounds = 300
	for seed := range uint64(rounds) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 7))
			r := start(t, func(c *stratum.Config) { c.Reconnect = stratum.ReconnectPolicy(rnd.IntN(3)) })
			for range 1 + rnd.IntN(4) {
				fickle(r, rnd)
			}
			if rnd.IntN(2) == 0 {
				time.Sleep(time.Duration(rnd.IntN(3000)) * time.Millisecond)
			}
			r.end()
			if t.Failed() {
				t.Fatalf("seed %d; runs ended with %v; log:\n%s", seed, r.failures(), r.log)
			}
		})
	}
}

// fickle is a pool that does a few random things on one connection.
func fickle(r *rig, rnd *rand.Rand) {
	d := r.dialed()
	if rnd.IntN(8) == 0 {
		d.reply <- errors.New("down")
		return
	}
	p := r.acceptDialed(d)
	defer p.close()
	if rnd.IntN(10) == 0 {
		return
	}
	if p.next().Method == "mining.configure" {
		p.next()
	}
	if rnd.IntN(10) == 0 {
		return
	}
	// The ids are known: 1 for configure, if it was sent, and so on.
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(p.nc, format+"\n", args...); synctest.Wait() }
	for id := range 2 {
		say(`{"id":%d,"result":[[["mining.notify","s"]],"f000000%d",4]}`, 1+id, rnd.IntN(2))
	}
	if rnd.IntN(10) == 0 {
		return
	}
	for id := range 3 {
		say(`{"id":%d,"result":true}`, 2+id)
	}
	say(`{"method":"mining.set_difficulty","params":[%s]}`, easy)
	say(`{"method":"mining.notify","params":["0","%s","%s","%s",[],"20000000","1d00ffff","65000000",true]}`, prev, coinb1, coinb2)
	synctest.Wait()
	if r.m.Snapshot().Job == nil {
		return
	}
	for i := range rnd.IntN(30) {
		switch rnd.IntN(10) {
		case 0, 1, 2, 3:
			select {
			case r.find <- uint64(i):
			case <-time.After(10 * time.Millisecond):
			}
		case 4, 5, 6:
			select {
			case q := <-p.in:
				if q != nil && q.Method == "mining.submit" {
					say(`{"id":%s,"result":%v}`, q.ID, rnd.IntN(4) > 0)
				}
			default:
			}
		case 7:
			bits := []string{"1d00ffff", "2100ffff"}[rnd.IntN(2)]
			say(`{"method":"mining.notify","params":["%d","%s","%s","%s",[],"20000000","%s","6500%04x",%v]}`,
				i, prev, coinb1, coinb2, bits, i, rnd.IntN(3) == 0)
		case 8:
			say(`{"method":"mining.set_extranonce","params":["f000000%d",4]}`, rnd.IntN(3))
		case 9:
			time.Sleep(time.Duration(rnd.IntN(40)) * time.Second)
		}
		if rnd.IntN(60) == 0 {
			say(`{"method":"client.reconnect","params":["%s",3333,%d]}`, []string{"", "b.example.org", "evil.net"}[rnd.IntN(3)], rnd.IntN(4))
			return
		}
	}
}
