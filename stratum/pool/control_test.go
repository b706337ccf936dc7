package pool_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gominer/stratum/pool"
)

// TestExtranonceChanges: who understands it gets another extranonce1 with the
// next job; shares of before still count, and who comes back finds the latest.
func TestExtranonceChanges(t *testing.T) {
	for name, ask := range map[string]func(m *miner){
		"configure": func(m *miner) { m.ok("mining.configure", []string{"subscribe-extranonce"}, map[string]any{}) },
		"subscribe": func(m *miner) { m.ok("mining.extranonce.subscribe") },
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, easy())
			m, other := r.dial(t), r.dial(t).login()
			ask(m)
			m.login()
			old := m.next(1)
			r.RenewExtranonces()
			w := m.next(2)
			if bytes.Equal(w.en1, old.en1) || len(w.en1) != 4 || w.clean || w.id == old.id || m.en2Size != 4 {
				t.Fatalf("then came extranonce1 %x after %x, clean %v, size %d", w.en1, old.en1, w.clean, m.en2Size)
			}
			m.want(m.submit(old, m.share(old, 1)), 0)
			s := m.share(w, 1)
			m.want(m.submit(w, s), 0)
			m.want(m.submit(w, s), 22)
			mixed := *w
			mixed.en1 = old.en1
			bad := m.share(&mixed, 2)
			for n := uint64(3); number(double(m.header(w, &bad))).Cmp(targetOf(w.difficulty)) <= 0; n++ { // by chance
				bad = m.share(&mixed, n)
			}
			m.want(m.submit(w, bad), 23)
			for range 20 { // more than are remembered
				n := len(m.jobs)
				r.RenewExtranonces()
				m.next(n + 1)
			}
			m.want(m.submit(old, m.share(old, 3)), 21)

			last := m.en1
			m.nc.Close()
			r.events.await(t, "disconnected", 1)
			again := r.dial(t)
			again.subscribe("raw/1", m.session)
			if !bytes.Equal(again.en1, last) {
				t.Errorf("resumed with extranonce1 %x, want %x", again.en1, last)
			}
			again.ok("mining.authorize", "w", "x")
			w = m.next(len(m.jobs))
			again.want(again.submit(w, m.share(w, 9)), 0)

			other.ok("mining.ping")
			if len(other.jobs) != 1 || len(other.asked) != 0 {
				t.Errorf("who didn't ask got %d jobs and %v", len(other.jobs), other.asked)
			}
			if s := r.Stats(); s.Total.Accepted != 3 {
				t.Errorf("%d accepted, want 3", s.Total.Accepted)
			}
		})
	}
}

// TestExtranonceEvery: regularly, if the settings say so.
func TestExtranonceEvery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := easy()
		cfg.Republish, cfg.ExtranonceEvery = 0, time.Minute
		l := newPipes()
		r := startOn(t, cfg, l)
		m := newMiner(t, l.dial())
		m.ok("mining.extranonce.subscribe")
		m.login()
		began := time.Now()
		m.next(4)
		if d := time.Since(began); d != 3*time.Minute || bytes.Equal(m.jobs[2].en1, m.jobs[3].en1) {
			t.Errorf("three changes took %v: %x, %x", d, m.jobs[2].en1, m.jobs[3].en1)
		}
		m.nc.Close()
		r.stop()
	})
}

// TestVersionMaskChanges: the mask may shrink, go and come back; shares that are
// on their way count.
func TestVersionMaskChanges(t *testing.T) {
	r := start(t, easy())
	m, plain := r.dial(t), r.dial(t).login()
	m.configure(0x1fffe000, 0)
	m.login()
	rolled := func(w *work, en2 uint64, bits uint32) try {
		s := m.blank(w, en2)
		s.version |= bits
		return m.mine(w, s, targetOf(w.difficulty), nil)
	}
	first := m.next(1)
	m.want(m.submit(first, rolled(first, 1, 0x10000000), 0x10000000), 0)
	for i, mask := range []uint32{0x0000e000, 0, 0x1fffe000} {
		r.SetVersionMask(mask)
		w := m.next(2 + i)
		if m.mask != mask || w.clean {
			t.Fatalf("mask %08x, clean %v; want %08x", m.mask, w.clean, mask)
		}
		m.want(m.submit(w, rolled(w, uint64(10*i+10), 0), 0), 0)
		if mask != 0 {
			m.want(m.submit(w, rolled(w, uint64(10*i+11), 0x2000), 0x2000), 0)
		}
		if mask != 0x1fffe000 {
			m.want(m.submit(w, rolled(w, 3, 0x10000000), 0x10000000), 20)
			m.want(m.submit(first, rolled(first, uint64(4+i), 0x10000000), 0x10000000), 0)
		}
	}
	plain.ok("mining.ping")
	if len(plain.asked) != 0 || plain.mask != 0 {
		t.Errorf("who rolls nothing got %v", plain.asked)
	}
	r.SetVersionMask(0x00ffe000)
	if c := r.dial(t); !c.configure(0xffffffff, 0) || c.mask != 0x00ffe000 {
		t.Errorf("granted %08x, want 00ffe000", c.mask)
	}
}

// TestMessages: what is shown to people, and where clients are sent.
func TestMessages(t *testing.T) {
	cfg := easy()
	cfg.Message, cfg.Successor = "welcome \"all\"", "other.example.org:4444"
	r := start(t, cfg)
	m := r.dial(t)
	m.ok("mining.ping")
	if len(m.asked) != 0 {
		t.Errorf("before it is a worker's, it is told %v", m.asked)
	}
	m.login()
	if l := m.said("client.show_message"); l.params() != `["welcome \"all\""]` || l.ID != nil {
		t.Errorf("greeted with %s, id %v", l.params(), l.ID)
	}
	r.Show("a break at noon")
	if l := m.said("client.show_message"); l.params() != `["a break at noon"]` {
		t.Errorf("shown %s", l.params())
	}
	for _, c := range []struct {
		host string
		port uint16
		wait time.Duration
		want string
	}{{"a.example.org", 1, 5 * time.Second, `["a.example.org",1,5]`}, {"", 0, 0, `[]`}, {"b", 0, 0, `["b"]`}} {
		r.Reconnect(c.host, c.port, c.wait)
		if l := m.said("client.reconnect"); l.params() != c.want {
			t.Errorf("sent to %s, want %s", l.params(), c.want)
		}
	}
	m.want(m.submit(m.next(1), m.share(m.next(1), 0)), 0)
	go r.stop()
	if l := m.said("client.reconnect"); l.params() != `["other.example.org",4444]` {
		t.Errorf("at the end sent to %s", l.params())
	}
}

// TestManyMessages: those that nobody reads don't pile up.
func TestManyMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := easy()
		cfg.Republish = 0
		l := newPipes()
		r := startOn(t, cfg, l)
		m := newMiner(t, l.dial()).login()
		for i := range 1000 {
			r.Show(fmt.Sprint(i))
		}
		n := 1
		for m.said("client.show_message").params() != `["999"]` {
			n++
		}
		if n > 40 {
			t.Errorf("%d messages came, want a few, and the latest", n)
		}
		r.stop()
	})
}

// TestGetVersion: who doesn't say what it is, is asked.
func TestGetVersion(t *testing.T) {
	r := start(t, easy())
	m := r.dial(t)
	m.subscribe()
	m.ok("mining.authorize", "w", "x")
	q := m.said("client.get_version")
	if q.ID == nil || q.params() != "[]" {
		t.Errorf("asked %v %s", q.ID, q.params())
	}
	m.write(fmt.Sprintf(`{"id":%v,"result":["no","text"],"error":null}`, 1<<20+7)) // that wasn't asked
	m.write(fmt.Sprintf(`{"id":%.0f,"result":"cgminer/4.11.1\u001b[2J","error":null}`, q.ID))
	m.write(fmt.Sprintf(`{"id":%.0f,"result":"liar/1","error":null}`, q.ID)) // once is enough
	m.write(`{"id":5,"result":NaN,"error":null}`)
	m.ok("mining.ping")
	if c := r.Stats().Conns[0]; c.Agent != "cgminer/4.11.1" {
		t.Errorf("agent %q", c.Agent)
	}
	if n := len(m.asked); n != 0 {
		t.Errorf("asked %v besides", m.asked)
	}
	polite := r.dial(t).login()
	polite.ok("mining.ping")
	if len(polite.asked) != 0 {
		t.Errorf("who said it is asked %v", polite.asked)
	}
}

// TestInfo: what a client says of itself is kept, fit to be shown.
func TestInfo(t *testing.T) {
	r := start(t, easy())
	m := r.dial(t)
	m.ok("mining.configure", []string{"info"}, map[string]any{
		"info.connection-url": "stratum+tcp://pool", "info.hw-version": "S9\x1b[31m", "info.sw-version": strings.Repeat("v", 500), "info.hw-id": "7",
	})
	want := pool.ClientInfo{ConnectionURL: "stratum+tcp://pool", HWVersion: "S9", SWVersion: strings.Repeat("v", 97) + "…", HWID: "7"}
	if c := r.Stats().Conns[0]; c.Info == nil || *c.Info != want {
		t.Errorf("kept %+v, want %+v", c.Info, want)
	}
}

// TestCapabilities: a goal is told to who wants to know it.
func TestCapabilities(t *testing.T) {
	for name, early := range map[string]bool{"before the first job": true, "after it": false} {
		t.Run(name, func(t *testing.T) {
			m := start(t, easy()).dial(t)
			if !early {
				m.login()
			}
			m.ok("mining.capabilities", map[string]any{
				"notify": []any{}, "set_difficulty": map[string]any{}, "set_goal": map[string]any{},
				"suggested_target": fmt.Sprintf("%064x", targetOf(1e-9)),
			})
			if early {
				m.login()
			}
			if l := m.said("mining.set_goal"); l.params() != `["Bitcoin",{"malgo":"SHA256d"}]` {
				t.Errorf("told %s", l.params())
			}
			for m.difficulty > 1.01e-9 {
				m.read()
			}
		})
	}
}

// TestPing: a silent client is asked for a sign of life; one that gave it once
// has to go on doing so.
func TestPing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := easy()
		cfg.Republish, cfg.PingEvery = 0, time.Minute
		l := newPipes()
		r := startOn(t, cfg, l)
		m := newMiner(t, l.dial()).login()
		began := time.Now()
		for range 5 { // it doesn't know the method
			m.said("mining.ping")
		}
		time.Sleep(30 * time.Second)
		m.write(`{"id":77,"method":"mining.ping","params":[]}`) // not silent now
		q := m.said("mining.ping")
		if d := time.Since(began); d != 7*time.Minute {
			t.Errorf("asked for the sixth time after %v, want 7m", d)
		}
		m.write(fmt.Sprintf(`{"id":%.0f,"result":"pong","error":null}`, q.ID))
		m.said("mining.ping")
		began = time.Now()
		if ev := r.events.awaitFor(t, time.Hour, "disconnected", 1); ev["reason"] != "it no longer answers mining.ping" {
			t.Errorf("event %v", ev)
		}
		if d := time.Since(began); d != time.Minute {
			t.Errorf("dropped %v after the question, want 1m", d)
		}
		r.stop()
	})
}

func TestSuccessorConfig(t *testing.T) {
	for _, s := range []string{"host", "host:0", "host:70000", ":3333", "host:http"} {
		cfg := easy()
		cfg.Successor = s
		if _, err := pool.New(cfg); err == nil || !strings.Contains(err.Error(), "successor") {
			t.Errorf("%q: %v", s, err)
		}
	}
}
