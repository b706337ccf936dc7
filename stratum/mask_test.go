package stratum_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"gominer/stratum"
)

// TestPasswordIsNotRepeated: what a pool says is shown and logged, but for a
// password in it.
func TestPasswordIsNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *stratum.Config) {
			c.Workers = []stratum.Worker{{User: "me.other", Pass: "correct horse"}}
		})
		p := r.mining()
		p.answer(p.expect("mining.authorize"), "true")
		p.send(`{"id":null,"method":"client.show_message","params":["welcome, hunter2 and hun\u001b[1mter2 and correct horse"]}`)
		r.found(1)
		p.send(`{"id":%s,"result":null,"error":[20,"hunter2 has no luck",null]}`, p.expect("mining.submit").ID)
		p.send(`{"id":7777,"result":null,"error":[20,"bye, hunter2",null]}`)
		p.send(`{"id":null,"method":"hunter2","params":[]}`)
		p.send(`{"id":null,"method":"client.reconnect","params":["hunter2.example.com",1,0]}`)
		synctest.Wait()
		s := r.m.Snapshot()
		if len(s.Messages) != 1 || s.Messages[0].Text != "welcome, *** and *** and ***" {
			t.Errorf("messages %q", s.Messages)
		}
		if s.Reasons["*** has no luck (code 20)"] != 1 {
			t.Errorf("reasons %v", s.Reasons)
		}
		p.close()
		r.wantFailure("after it said: bye, ***")
		if strings.Contains(r.failure().Error(), "hunter2") || strings.Contains(r.log.String(), "correct horse") {
			t.Errorf("error %q; log\n%s", r.failure(), r.log)
		}
		r.end() // which looks for it in the log
	})

	// What is no secret, or is part of every other word, stays.
	for _, pass := range []string{"x", "d=500", "password", "me.worker", "worker"} {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, func(c *stratum.Config) { c.Pass = pass })
			p := r.mining()
			p.send(`{"id":null,"method":"client.show_message","params":["%s: check user and password of me.worker"]}`, pass)
			synctest.Wait()
			if s := r.m.Snapshot(); len(s.Messages) != 1 || s.Messages[0].Text != pass+": check user and password of me.worker" {
				t.Errorf("%q: messages %q", pass, s.Messages)
			}
			r.end()
		})
	}
}
