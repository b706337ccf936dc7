package stratum_test

import (
	"fmt"
	"io"
	"net"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"gominer/miner"
	"gominer/stratum"
)

func TestHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *stratum.Config) { c.SuggestDifficulty = 0.25 })
		p := r.accept()
		if p.addr != "pool.example.org:3333" {
			t.Errorf("dialled %q", p.addr)
		}
		// configure and subscribe come at once, without waiting for an answer.
		conf := p.expect("mining.configure")
		want := "[[version-rolling subscribe-extranonce] map[version-rolling.mask:1fffe000 version-rolling.min-bit-count:2]]"
		if got := fmt.Sprint(conf.Params); got != want {
			t.Errorf("configure %s, want %s", got, want)
		}
		sub := p.expect("mining.subscribe")
		if got := fmt.Sprint(sub.Params); got != "[gominer/test]" {
			t.Errorf("subscribe %s", got)
		}
		p.quiet()
		p.answer(conf, `{"version-rolling":true,"version-rolling.mask":"00c00000"}`)
		p.answer(sub, subscribed)
		// The difficulty is suggested before authorize; nothing waits for an answer.
		p.expect("mining.extranonce.subscribe")
		if got := fmt.Sprint(p.expect("mining.suggest_difficulty").Params); got != "[0.25]" {
			t.Errorf("suggest_difficulty %s", got)
		}
		auth := p.expect("mining.authorize")
		if got := fmt.Sprint(auth.Params); got != "[me.worker hunter2]" {
			t.Errorf("authorize %s", got)
		}
		if st := r.status(); st.State != miner.Connecting {
			t.Errorf("state %v before authorization", st.State)
		}
		p.answer(auth, "true")
		p.notify("a", true)
		st := r.status()
		if st.State != miner.Up || st.URL != "stratum+tcp://pool.example.org:3333" || st.Protocol != "stratum v1" ||
			st.User != "me.worker" || fmt.Sprint(st.Traits) != "[version-rolling 00c00000]" {
			t.Errorf("status %+v", st)
		}
		if j := r.job(); j.VersionMask != 0x00c00000 {
			t.Errorf("mask %08x, want 00c00000", j.VersionMask)
		}
		r.end()
		p.gone()
	})
}

// TestVersionMaskIsWhatWasAskedFor: a pool cannot grant more bits than that.
func TestVersionMaskIsWhatWasAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *stratum.Config) { c.VersionMask = 0x00fff000; c.MinBits = 4 })
		p := r.accept()
		conf := p.expect("mining.configure")
		if got := fmt.Sprint(conf.Params[1]); got != "map[version-rolling.mask:00fff000 version-rolling.min-bit-count:4]" {
			t.Errorf("asked for %s", got)
		}
		p.answer(conf, `{"version-rolling":true,"version-rolling.mask":"1fffe000"}`)
		p.answer(p.expect("mining.subscribe"), subscribed)
		p.expect("mining.extranonce.subscribe")
		p.answer(p.expect("mining.authorize"), "true")
		p.notify("a", true)
		if j := r.job(); j.VersionMask != 0x00ffe000 {
			t.Errorf("mask %08x, want 00ffe000", j.VersionMask)
		}
		if got := fmt.Sprint(r.status().Traits); got != "[version-rolling 00ffe000]" {
			t.Errorf("traits %s", got)
		}
		r.end()
	})
}

func TestNoVersionRolling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *stratum.Config) { c.NoVersionRolling = true })
		p := r.accept()
		p.answer(p.expect("mining.subscribe"), subscribed)
		p.expect("mining.extranonce.subscribe")
		p.answer(p.expect("mining.authorize"), "true")
		p.send(`{"id":null,"method":"mining.set_version_mask","params":["1fffe000"]}`)
		p.difficulty(easy)
		p.notify("a", true)
		if j := r.job(); j.VersionMask != 0 {
			t.Errorf("mask %08x, want none", j.VersionMask)
		}
		r.found(1)
		if q := p.expect("mining.submit"); len(q.Params) != 5 {
			t.Errorf("submit %v, want 5 parameters", q.Params)
		}
		r.end()
	})
}

// TestConfigureClosed: ckpool of 2017 hangs up when configure comes first. The
// client comes back at once without it, and remembers.
func TestConfigureClosed(t *testing.T) {
	for name, end := range map[string]func(*peer){
		"end of file": (*peer).close,
		"reset":       func(p *peer) { p.nc.(*failing).fail(syscall.ECONNRESET) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, nil)
				p := r.acceptFailing()
				p.expect("mining.configure")
				began := time.Now()
				end(p)
				p = r.accept()
				if d := time.Since(began); d != 0 {
					t.Errorf("came back after %v, want at once", d)
				}
				p.answer(p.expect("mining.subscribe"), subscribed)
				p.expect("mining.extranonce.subscribe")
				p.answer(p.expect("mining.authorize"), "true")
				p.difficulty(easy)
				p.notify("1", true)
				if got := fmt.Sprint(r.status().Traits); got != "[no configure]" {
					t.Errorf("traits %s", got)
				}
				r.found(1)
				if q := p.expect("mining.submit"); len(q.Params) != 5 {
					t.Errorf("submit %v, want 5 parameters", q.Params)
				}
				if n := len(r.failures()); n != 0 {
					t.Errorf("%d runs ended", n)
				}
				p.close()
				p = r.accept()
				p.expect("mining.subscribe") // it remembers
				r.end()
			})
		})
	}
}

// TestConfigureWasNotIt: a pool that hangs up on everything is not one that
// dislikes configure.
func TestConfigureWasNotIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p := r.accept()
		p.expect("mining.configure")
		p.close()
		p = r.accept()
		p.expect("mining.subscribe")
		p.close()
		r.wantFailure("closed the connection without a word", "TLS")
		p = r.accept()
		p.expect("mining.configure")
		r.end()
	})
}

// TestConfigureIgnored: a pool that knows nothing of configure may be silent.
// Its answer, if it comes at last, still counts.
func TestConfigureIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p := r.accept()
		conf := p.expect("mining.configure")
		p.answer(p.expect("mining.subscribe"), subscribed)
		p.expect("mining.extranonce.subscribe")
		p.answer(p.expect("mining.authorize"), "true")
		p.difficulty(easy)
		p.notify("1", true)
		if j := r.job(); j.VersionMask != 0 {
			t.Errorf("mask %08x", j.VersionMask)
		}
		if got := fmt.Sprint(r.status().Traits); got != "[configure not answered]" {
			t.Errorf("traits %s", got)
		}
		r.found(1)
		q := p.expect("mining.submit")
		if len(q.Params) != 5 {
			t.Errorf("submit %v, want 5 parameters", q.Params)
		}
		p.answer(q, "true")
		time.Sleep(20 * time.Second)
		p.answer(conf, granted)
		if j := r.job(); j.VersionMask != 0x1fffe000 || j.ID != "1" || j.Clean {
			t.Errorf("job %q with mask %08x, clean %v", j.ID, j.VersionMask, j.Clean)
		}
		r.found(1)
		if q := p.expect("mining.submit"); len(q.Params) != 6 {
			t.Errorf("submit %v, want 6 parameters", q.Params)
		}
		r.end()
	})
}

func TestConfigureRefused(t *testing.T) {
	for _, answer := range []string{
		`"result":null,"error":[20,"Not supported.",null]`,
		`"result":null,"error":{"code":-3,"message":"Method not found"}`,
		`"result":null,"error":"unknown method"`,
		`"result":false,"error":null`,
		`"result":{"version-rolling":false},"error":null`,
		`"result":{"version-rolling":"not today"},"error":null`,
		`"result":{"version-rolling":true,"version-rolling.mask":"00000000"},"error":null`,
		`"result":{},"error":null`,
		`"result":"what?","error":null`,
		`"result":[1,2,3],"error":null`,
		`"result":{"version-rolling":true,"version-rolling.mask":"xyz"},"error":null`,
	} {
		t.Run(answer, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, nil)
				p := r.accept()
				p.send(`{"id":%s,%s}`, p.expect("mining.configure").ID, answer)
				p.answer(p.expect("mining.subscribe"), subscribed)
				p.expect("mining.extranonce.subscribe")
				p.answer(p.expect("mining.authorize"), "true")
				p.notify("1", true)
				if j := r.job(); j.VersionMask != 0 {
					t.Errorf("mask %08x", j.VersionMask)
				}
				r.end()
			})
		})
	}
}

// TestSubscribeForms: a pool that does not like a session id, or an agent, is
// asked without.
func TestSubscribeForms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p := r.mining()
		p.close()
		p = r.accept()
		p.expect("mining.configure")
		for _, want := range []string{"[gominer/test s1]", "[gominer/test]", "[]"} {
			q := p.expect("mining.subscribe")
			if got := fmt.Sprint(q.Params); got != want {
				t.Errorf("subscribe %s, want %s", got, want)
			}
			if want != "[]" {
				p.refuse(q, `[20,"Too many parameters",null]`)
			} else {
				p.answer(q, subscribed)
			}
		}
		p.expect("mining.extranonce.subscribe")
		p.expect("mining.authorize")
		r.end()
	})
}

func TestSubscribeRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p := r.accept()
		p.expect("mining.configure")
		for range 2 {
			p.refuse(p.expect("mining.subscribe"), `[20,"go\u001b[31m away",null]`)
		}
		r.wantFailure("mining.subscribe refused", "go away")
		r.end()
	})
}

// TestSubscriptions: what stands for the list of subscriptions differs.
func TestSubscriptions(t *testing.T) {
	for list, session := range map[string]string{
		`[["mining.set_difficulty","d"],["mining.notify","n"]]`: "n",
		`["mining.notify","n"]`:                                 "n",
		`[["mining.notify",17]]`:                                "17",
		`[]`:                                                    "",
		`null`:                                                  "",
	} {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, nil)
			p := r.accept()
			p.handshakeAs(`[` + list + `,"08000002",8]`)
			p.notify("1", true)
			if j := r.job(); j.Coinbase.Extranonce2Size != 8 || string(j.Coinbase.Extranonce1) != "\x08\x00\x00\x02" {
				t.Errorf("%s: extranonces %x, %d", list, j.Coinbase.Extranonce1, j.Coinbase.Extranonce2Size)
			}
			p.close()
			p = r.accept()
			p.expect("mining.configure")
			want := []string{"gominer/test"}
			if session != "" {
				want = append(want, session)
			}
			if got := p.expect("mining.subscribe").texts(); !slices.Equal(got, want) {
				t.Errorf("%s: subscribed again as %q, want %q", list, got, want)
			}
			r.end()
		})
	}
}

func TestNoResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *stratum.Config) { c.NoResume = true })
		p := r.mining()
		p.close()
		p = r.accept()
		p.expect("mining.configure")
		if q := p.expect("mining.subscribe"); len(q.Params) != 1 {
			t.Errorf("subscribe %v", q.Params)
		}
		r.end()
	})
}

// TestNothingToResume: a pool that gives no extranonce at all did not resume one
// on the first connection.
func TestNothingToResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		for _, resumed := range []bool{false, true} {
			p := r.accept()
			p.handshakeAs(`[[],"",0]`)
			p.notify("1", true)
			if got := r.status().Traits; slices.Contains(got, "resumed") != resumed || !slices.Contains(got, "no session id") {
				t.Errorf("traits %q, want resumed %v", got, resumed)
			}
			p.close()
		}
		r.end()
	})
}

// TestResumeForgotten: a pool that hangs up on the session id is not shown it
// again.
func TestResumeForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		r.mining().close()
		p := r.accept()
		p.answer(p.expect("mining.configure"), granted)
		if q := p.expect("mining.subscribe"); len(q.Params) != 2 {
			t.Errorf("subscribe %v, want a session id", q.Params)
		}
		p.close()
		p = r.accept()
		p.expect("mining.configure")
		if q := p.expect("mining.subscribe"); len(q.Params) != 1 {
			t.Errorf("subscribe %v, want no session id", q.Params)
		}
		r.end()
	})
}

func TestUnauthorized(t *testing.T) {
	for answer, word := range map[string]string{
		`"result":false,"error":null`:                                    "check the user",
		`"result":null,"error":[24,"Unauthorized \u001b[2Jworker",null]`: "Unauthorized worker",
		`"result":null,"error":"no such account"`:                        "no such account",
		`"result":{"odd":1},"error":null`:                                "result",
	} {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, nil)
			p := r.accept()
			p.expect("mining.configure")
			p.answer(p.expect("mining.subscribe"), subscribed)
			p.expect("mining.extranonce.subscribe")
			p.notify("1", true)
			p.send(`{"id":%s,%s}`, p.expect("mining.authorize").ID, answer)
			r.wantFailure(`user "me.worker"`, word)
			if s := r.end(); s.Job != nil {
				t.Error("a job was mined without authorization")
			}
		})
	}
}

// TestEarlyMessages: what comes before the answer to subscribe, and before that
// to authorize, is not lost.
func TestEarlyMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p := r.accept()
		p.answer(p.expect("mining.configure"), granted)
		sub := p.expect("mining.subscribe")
		p.difficulty("2")
		p.notify("early", true)
		p.difficulty("4")
		p.answer(sub, subscribed)
		auth := p.expect("mining.authorize")
		p.notify("later", false)
		p.difficulty("8")
		if s := r.m.Snapshot(); s.Job != nil {
			t.Error("a job is mined before authorization")
		}
		p.answer(auth, "true")
		j := r.job()
		if j.ID != "later" || j.Target.Difficulty() != 4 || string(j.Coinbase.Extranonce1) != "\xf0\x00\x00\x01" || !j.Clean {
			t.Errorf("job %q at difficulty %v, extranonce1 %x, clean %v", j.ID, j.Target.Difficulty(), j.Coinbase.Extranonce1, j.Clean)
		}
		p.notify("next", false)
		if j := r.job(); j.ID != "next" || j.Target.Difficulty() != 8 {
			t.Errorf("job %q at difficulty %v", j.ID, j.Target.Difficulty())
		}
		r.end()
	})
}

// TestEarlyFlood: only so much is held.
func TestEarlyFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p := r.accept()
		p.expect("mining.configure")
		sub := p.expect("mining.subscribe")
		for i := range 1000 {
			p.notify(fmt.Sprint(i), false)
		}
		p.answer(sub, subscribed)
		p.expect("mining.extranonce.subscribe")
		p.answer(p.expect("mining.authorize"), "true")
		if j := r.job(); j.ID != "999" {
			t.Errorf("job %q, want the newest", j.ID)
		}
		r.end()
	})
}

// TestNudge: M45-goPool gives no job before the next line of the client.
func TestNudge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p := r.accept()
		p.handshake()
		began := time.Now()
		q := p.expect("mining.ping")
		if d := q.at.Sub(began); d != 500*time.Millisecond {
			t.Errorf("nudged after %v", d)
		}
		p.notify("1", true)
		r.job()
		time.Sleep(30 * time.Second)
		p.quiet() // once
		r.end()
	})
}

func TestNoNudgeWithJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p := r.mining()
		time.Sleep(time.Minute)
		p.quiet()
		r.end()
	})
}

func TestNoJobAtAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p := r.accept()
		p.handshake()
		began := time.Now()
		go func() {
			for range p.in { // alive, but without work
				_, _ = io.WriteString(p.nc, `{"id":null,"method":"mining.set_difficulty","params":[1]}`+"\n")
			}
		}()
		r.wantFailure("gave no job")
		if d := time.Since(began); d < 15*time.Second || d > 16*time.Second {
			t.Errorf("gave up after %v", d)
		}
		r.end()
	})
}

func TestHandshakeTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p := r.accept()
		began := time.Now()
		p.expect("mining.configure")
		p.expect("mining.subscribe")
		r.wantFailure("no answer to mining.subscribe within 15s")
		if d := time.Since(began); d > 16*time.Second {
			t.Errorf("gave up after %v", d)
		}
		p.gone()
		p = r.accept()
		p.expect("mining.configure")
		p.answer(p.expect("mining.subscribe"), subscribed)
		synctest.Wait()
		time.Sleep(20 * time.Second)
		r.wantFailure("no answer to mining.authorize")
		r.end()
	})
}

// TestStopInHandshake: a client that is stopped does not wait for a pool.
func TestStopInHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p := r.accept()
		p.expect("mining.configure")
		began := time.Now()
		r.end()
		if d := time.Since(began); d != 0 {
			t.Errorf("took %v to stop", d)
		}
	})
}

func TestDialErrors(t *testing.T) {
	for _, test := range []struct {
		err   error
		words []string
	}{
		{&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, []string{"connection refused", "check the port"}},
		{&net.OpError{Op: "dial", Err: syscall.ENETUNREACH}, []string{"no route"}},
		{&net.DNSError{Err: "no such host", Name: "pool.example.org", IsNotFound: true}, []string{"there is no host", "URL"}},
		{&net.DNSError{Err: "server misbehaving", Name: "pool.example.org", IsTemporary: true}, []string{"looked up", "check the network"}},
		{&net.OpError{Op: "dial", Err: syscall.ETIMEDOUT}, []string{"no answer", "firewall"}},
		{io.ErrNoProgress, []string{"connect", "multiple Read"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, nil)
			r.dialed().reply <- test.err
			r.wantFailure(test.words...)
			if st := r.status(); st.State != miner.Down || st.Err == nil {
				t.Errorf("status %+v", st)
			}
			r.end()
		})
	}
}

// failing is a connection that can be made to fail.
type failing struct {
	net.Conn
	other *failingEnd
}

// failingEnd is the client's end, whose reads return err once it is set.
type failingEnd struct {
	net.Conn
	err chan error
}

func (f *failing) fail(err error) {
	f.other.err <- err
	_ = f.Conn.Close()
}

func (e *failingEnd) Read(b []byte) (int, error) {
	n, err := e.Conn.Read(b)
	select {
	case failed := <-e.err:
		return n, &net.OpError{Op: "read", Err: failed}
	default:
		return n, err
	}
}

// acceptFailing is accept with a connection that can fail.
func (r *rig) acceptFailing() *peer {
	r.t.Helper()
	ours, theirs := net.Pipe()
	end := &failingEnd{theirs, make(chan error, 1)}
	return r.dialed().connect(r.t, &failing{ours, end}, end)
}
