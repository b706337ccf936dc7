package stratum_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gominer/stratum"
)

// crew gives a rig workers besides "me.worker".
func crew(c *stratum.Config) {
	c.Workers = []stratum.Worker{{User: "b"}, {User: "c", Pass: "secret", Weight: 2}}
}

// mates takes the other workers' requests to authorize, by name.
func (p *peer) mates(n int) map[string]*request {
	p.t.Helper()
	all := map[string]*request{}
	for range n {
		q := p.expect("mining.authorize")
		all[q.texts()[0]] = q
	}
	return all
}

// TestWorkers: many workers share one connection, each with its part of the
// shares; the first is enough to begin.
func TestWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, crew)
		p := r.mining()
		mates := p.mates(2)
		if got := mates["b"].texts(); !slices.Equal(got, []string{"b", "hunter2"}) {
			t.Errorf("b authorizes with %q", got)
		}
		if got := mates["c"].texts(); !slices.Equal(got, []string{"c", "secret"}) {
			t.Errorf("c authorizes with %q", got)
		}
		var order []string
		submit := func(n int) {
			for range n {
				r.found(1)
				q := p.expect("mining.submit")
				order = append(order, q.texts()[0])
				p.answer(q, "true")
			}
		}
		submit(2)
		p.answer(mates["c"], "true")
		submit(6)
		p.answer(mates["b"], "true")
		submit(8)
		want := "me.worker me.worker c me.worker c c me.worker c c me.worker b c c me.worker b c"
		if got := strings.Join(order, " "); got != want {
			t.Errorf("shares of\n%s, want\n%s", got, want)
		}
		if got := r.status(); !slices.Contains(got.Traits, "workers 3 of 3") || got.User != "me.worker" {
			t.Errorf("status %+v", got)
		}
		if s := r.end(); s.Shares.Accepted != 16 {
			t.Errorf("%+v", s.Shares)
		}
	})
}

// TestWorkersRefused: a worker that is refused is left out, at first or later; if
// all are, it is the end.
func TestWorkersRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, crew)
		p := r.accept()
		p.answer(p.expect("mining.configure"), granted)
		p.answer(p.expect("mining.subscribe"), subscribed)
		p.refuse(p.expect("mining.authorize"), `[24,"who is that?",null]`)
		p.notify("0", true)
		p.difficulty(easy)
		mates := p.mates(2)
		if s := r.m.Snapshot(); s.Job != nil {
			t.Error("mines for nobody")
		}
		p.answer(mates["c"], "true")
		p.answer(mates["b"], "false")
		p.notify("1", true)
		if got := r.status().Traits; !slices.Contains(got, "workers 1 of 3") {
			t.Errorf("traits %q", got)
		}
		for range 3 {
			r.found(1)
			q := p.expect("mining.submit")
			if q.texts()[0] != "c" {
				t.Errorf("a share of %v", q.Params)
			}
			p.refuse(q, `[24,"no longer",null]`)
		}
		r.wantFailure(`user "c" is not allowed to mine here: no longer (code 24)`)
		for name, text := range map[string]string{"me.worker": "who is that?", "b": "refused without a reason"} {
			if !strings.Contains(r.log.String(), fmt.Sprintf("worker=%s error=%q", name, text)) && !strings.Contains(r.log.String(), "worker="+name) {
				t.Errorf("%s is not in the log:\n%s", name, r.log)
			}
		}

		p = r.accept()
		p.answer(p.expect("mining.configure"), granted)
		p.answer(p.expect("mining.subscribe"), subscribed)
		p.answer(p.expect("mining.authorize"), "false")
		for _, q := range p.mates(2) {
			p.answer(q, "false")
		}
		r.wantFailure("is not allowed to mine here")
		r.end()
	})
}

// TestWorkersResend: a share is sent again for the worker that it was found for,
// once that one is authorized, and for no other.
func TestWorkersResend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *stratum.Config) {
			c.Workers = []stratum.Worker{{User: "b"}, {User: "c"}}
		})
		p := r.mining()
		for _, q := range p.mates(2) {
			p.answer(q, "true")
		}
		var sent []string
		r.found(3)
		for range 3 {
			sent = append(sent, fmt.Sprint(p.expect("mining.submit").Params))
		}
		p.close()
		p = r.accept()
		p.notify("2", false)
		p.handshake()
		again := []string{fmt.Sprint(p.expect("mining.submit").Params)}
		mates := p.mates(2)
		time.Sleep(time.Second)
		p.quiet()
		p.answer(mates["c"], "true")
		again = append(again, fmt.Sprint(p.expect("mining.submit").Params))
		p.refuse(mates["b"], `"gone"`)
		p.quiet()
		if want := []string{sent[0], sent[2]}; !slices.Equal(again, want) {
			t.Errorf("sent again\n%q, want\n%q", again, want)
		}
		if s := r.m.Snapshot(); s.Shares.Lost != 1 {
			t.Errorf("%+v", s.Shares)
		}
		r.end()
	})
}

// TestWorkersSilent: pools that know one worker a connection do not answer for
// the others (ckpool).
func TestWorkersSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, crew)
		p := r.mining()
		p.mates(2)
		for range 20 {
			time.Sleep(5 * time.Second)
			r.found(1)
			q := p.expect("mining.submit")
			if q.texts()[0] != "me.worker" {
				t.Errorf("a share of %v", q.Params)
			}
			p.answer(q, "true")
		}
		if got := r.status().Traits; !slices.Contains(got, "workers 1 of 3") {
			t.Errorf("traits %q", got)
		}
		r.end()
	})
}

// TestSpreadByDevice: the first device's shares are the first worker's.
func TestSpreadByDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *stratum.Config) { crew(c); c.Spread = stratum.SpreadByDevice })
		p := r.mining()
		for _, q := range p.mates(2) {
			p.answer(q, "true")
		}
		for range 5 {
			r.found(1) // the rig has one device
			q := p.expect("mining.submit")
			if q.texts()[0] != "me.worker" {
				t.Errorf("a share of %v", q.Params)
			}
			p.answer(q, "true")
		}
		r.end()
	})
}
