package stratum_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gominer/stratum"
)

// refusing finds a share every d and refuses it with answer, until the client is
// gone or n shares were refused. It returns how many were.
func (r *rig) refusing(p *peer, n int, d time.Duration, answer func(i int, q *request) string) int {
	r.t.Helper()
	for i := range n {
		select {
		case r.find <- uint64(r.count.Load()):
		case <-time.After(time.Minute):
			return i
		}
		synctest.Wait()
		select {
		case q, ok := <-p.in:
			if !ok {
				return i
			}
			p.send(`{"id":%s,%s}`, q.ID, answer(i, q))
		case <-time.After(time.Second):
			return i
		}
		time.Sleep(d)
		if len(r.failures()) > 0 {
			return i + 1
		}
	}
	return n
}

// TestRejecting: a pool that refuses right shares for no reason that the miner
// can see is left; one that has a reason is not.
func TestRejecting(t *testing.T) {
	always := func(err string) func(int, *request) string {
		return func(int, *request) string { return `"result":null,"error":` + err }
	}
	for name, test := range map[string]struct {
		answer func(i int, q *request) string
		every  time.Duration
		set    func(*stratum.Config)
		n      int // refused before it is left, of 60; 60: it is not
		words  string
	}{
		"other":            {always(`[20,"no \u001b[1mluck",null]`), time.Second, nil, 10, "for no reason that could be seen, 10 in a row, the last with: no luck (code 20)"},
		"false":            {func(int, *request) string { return `"result":false` }, time.Second, nil, 10, "refused without a reason"},
		"no answer at all": {func(int, *request) string { return `"result":[1]` }, time.Second, nil, 10, "10 in a row"},
		"the newest job":   {always(`[21,"Job not found",null]`), time.Second, nil, 10, "Job not found"},
		"good enough":      {always(`"Above target"`), time.Second, nil, 10, "Above target"},
		"sent once":        {always(`[22,"duplicate",null]`), time.Second, nil, 10, "duplicate"},
		"many at once":     {always(`[20,"x",null]`), 100 * time.Millisecond, nil, 21, "21 in a row"},
		"a burst":          {always(`[20,"x",null]`), 10 * time.Millisecond, nil, 60, ""},
		"now and then": {func(i int, q *request) string {
			if i%9 == 8 {
				return `"result":true`
			}
			return `"error":[20,"x",null]`
		}, time.Second, nil, 60, ""},
		"unauthorized":   {always(`[24,"Unauthorized worker",null]`), time.Millisecond, nil, 3, `user "me.worker" is not allowed to mine here: Unauthorized worker`},
		"stranger":       {always(`{"code":0,"message":"worker not authorized"}`), time.Millisecond, nil, 3, "not authorized"},
		"not subscribed": {always(`[25,"Not subscribed",null]`), time.Millisecond, nil, 3, "it does not know this connection any more: Not subscribed (code 25)"},
		"any number":     {always(`[20,"x",null]`), time.Second, func(c *stratum.Config) { c.Rejects = -1 }, 60, ""},
		"another number": {always(`[20,"x",null]`), time.Second, func(c *stratum.Config) { c.Rejects = 30 }, 30, "30 in a row"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, test.set)
				p := r.mining()
				if n := r.refusing(p, 60, test.every, test.answer); n != test.n {
					t.Errorf("%d shares refused, want %d: %v", n, test.n, r.failures())
				}
				if test.words != "" {
					r.wantFailure(test.words)
					p.gone()
				} else if n := len(r.failures()); n != 0 {
					t.Errorf("left: %v", r.failures())
				}
				r.end()
			})
		})
	}
}

// TestRejectedForAReason: shares that were right when they were found, and not
// when they came, say nothing about the pool.
func TestRejectedForAReason(t *testing.T) {
	for name, play := range map[string]func(p *peer, q *request){
		"stale": func(p *peer, q *request) {
			p.notify(string(q.ID), true)
			p.refuse(q, `[21,"stale",null]`)
		},
		"too low": func(p *peer, q *request) {
			p.difficulty("1000000")
			p.refuse(q, `[23,"low difficulty",null]`)
			p.difficulty(easy)
			p.notify("1", true)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, nil)
				p := r.mining()
				for range 30 {
					r.found(1)
					play(p, p.expect("mining.submit"))
					time.Sleep(time.Second)
				}
				if n := len(r.failures()); n != 0 {
					t.Errorf("left: %v", r.failures())
				}
				r.end()
			})
		})
	}
}

// TestDifficultyAtOnce: a pool that refuses a share of the job in progress for
// the difficulty that it set since is believed: the job gets the harder target,
// and what was found before and misses it is not sent.
func TestDifficultyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p := r.mining()
		p.difficulty("1e6")
		if d := r.job().Target.Difficulty(); d > 1 {
			t.Fatalf("difficulty %g at once, without a reason", d)
		}
		r.keep()
		r.found(1)
		p.refuse(p.expect("mining.submit"), `[23,"Difficulty too low",null]`)
		j := r.job()
		if d := j.Target.Difficulty(); d != 1e6 || j.ID != "1" || j.Clean {
			t.Errorf("job %q of difficulty %g, clean %v", j.ID, d, j.Clean)
		}
		if got := r.status().Traits; !slices.Contains(got, "difficulty at once") {
			t.Errorf("traits %q", got)
		}
		r.late() // of the same work: the pool would refuse it
		p.quiet()
		p.difficulty("1e7")
		if d := r.job().Target.Difficulty(); d != 1e7 {
			t.Errorf("difficulty %g, want 1e7 at once", d)
		}
		p.difficulty(easy) // easier: that can wait for the next job
		if d := r.job().Target.Difficulty(); d != 1e7 {
			t.Errorf("difficulty %g, want 1e7 still", d)
		}
		p.notify("2", true)
		if d := r.job().Target.Difficulty(); d > 1 {
			t.Errorf("difficulty %g", d)
		}
		if !strings.Contains(r.log.String(), "enforces a difficulty at once") {
			t.Errorf("not said:\n%s", r.log)
		}
		p.close()
		p = r.mining() // the same pool: it is remembered
		p.difficulty("1e6")
		if d := r.job().Target.Difficulty(); d != 1e6 {
			t.Errorf("difficulty %g on the next connection", d)
		}
		if s := r.end(); s.Shares.Rejected != 1 || s.Shares.Stale != 1 {
			t.Errorf("%+v", s.Shares)
		}
	})
}

// TestDifficultyNotAtOnce: refusals for other reasons show nothing of the kind.
func TestDifficultyNotAtOnce(t *testing.T) {
	for name, play := range map[string]func(r *rig, p *peer){
		"another reason": func(r *rig, p *peer) {
			p.difficulty("1e6")
			r.found(1)
			p.refuse(p.expect("mining.submit"), `[21,"Job not found",null]`)
		},
		"no change": func(r *rig, p *peer) {
			r.found(1)
			p.refuse(p.expect("mining.submit"), `[23,"low",null]`)
			p.difficulty("1e6")
		},
		"easier": func(r *rig, p *peer) {
			p.difficulty("1e-11")
			r.found(1)
			p.refuse(p.expect("mining.submit"), `[23,"low",null]`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, nil)
				p := r.mining()
				play(r, p)
				if got := r.status().Traits; slices.Contains(got, "difficulty at once") || r.job().Target.Difficulty() > 1 {
					t.Errorf("traits %q, difficulty %g", got, r.job().Target.Difficulty())
				}
				r.end()
			})
		})
	}
}
