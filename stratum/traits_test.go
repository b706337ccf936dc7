package stratum_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gominer/hasher"
	"gominer/stratum"
	"gominer/stratum/v1"
)

// usual are the traits of the rig's pool.
var usual = []string{"version-rolling 1fffe000", "subscribe-extranonce"}

// TestTraits: what a pool does is found out, each thing by itself, and told.
func TestTraits(t *testing.T) {
	shakeWith := func(configured, subscribed string) func(r *rig, p *peer) {
		return func(r *rig, p *peer) {
			conf, sub := p.expect("mining.configure"), p.expect("mining.subscribe")
			p.answer(conf, configured)
			p.answer(sub, subscribed)
			p.answer(p.expect("mining.authorize"), "true")
			p.difficulty(easy)
			p.notify("1", true)
		}
	}
	submit := func(answer string) func(r *rig, p *peer) {
		return func(r *rig, p *peer) {
			shakeWith(granted, subscribed)(r, p)
			r.found(1)
			p.send(answer, p.expect("mining.submit").ID)
		}
	}
	after := func(lines ...string) func(r *rig, p *peer) {
		return func(r *rig, p *peer) {
			shakeWith(granted, subscribed)(r, p)
			for _, line := range lines {
				p.send("%s", line)
			}
		}
	}
	job := func(prev, coinb1, clean string) string {
		return fmt.Sprintf(`{"id":null,"method":"mining.notify","params":["2","%s","%s","%s",[],"20000000","1d00ffff","65000000",%s]}`,
			prev, coinb1, coinb2, clean)
	}
	for want, test := range map[string]struct {
		play func(r *rig, p *peer)
		set  func(*stratum.Config)
	}{
		"": {play: shakeWith(granted, subscribed)},
		"minimum-difficulty": {
			shakeWith(`{"version-rolling":true,"version-rolling.mask":"1fffe000","subscribe-extranonce":true,"minimum-difficulty":true,"info":false}`, subscribed),
			func(c *stratum.Config) { c.MinimumDifficulty = 0.5 }},
		"info": {
			shakeWith(`{"version-rolling":true,"version-rolling.mask":"1fffe000","subscribe-extranonce":true,"minimum-difficulty":"no","info":true}`, subscribed),
			func(c *stratum.Config) { c.Info.HWVersion = "cpu" }},
		"changes the extranonce":           {play: after(`{"id":null,"method":"mining.set_extranonce","params":["f0000002",4]}`)},
		"no session id":                    {play: shakeWith(granted, `[[],"f0000001",4]`)},
		"flat subscriptions":               {play: shakeWith(granted, `[["mining.notify","s1"],"f0000001",4]`)},
		"ids as text":                      {play: submit(`{"id":"%s","result":true,"error":null}`)},
		"errors as objects":                {play: submit(`{"id":%s,"result":null,"error":{"code":21,"message":"stale"}}`)},
		"errors as text":                   {play: submit(`{"id":%s,"result":null,"error":"stale"}`)},
		"reject-reason":                    {play: submit(`{"reject-reason":"Above target","id":%s,"result":false,"error":null}`)},
		"refuses without a reason":         {play: submit(`{"id":%s,"result":false,"error":null}`)},
		"odd answers":                      {play: submit(`{"id":%s,"result":"yes","error":null}`)},
		"difficulty as text":               {play: after(`{"id":null,"method":"mining.set_difficulty","params":["1e-9"]}`)},
		"new blocks without clean jobs":    {play: after(job("5"+prev[1:], coinb1, "false"))},
		"coinbase that is no transaction":  {play: after(job(prev, coinb1+"00", "true"))},
		"invalid jobs":                     {play: after(`{"id":null,"method":"mining.notify","params":[]}`)},
		"suggested difficulty taken":       {suggestedTaken, suggestTarget},
		"work before the authorize answer": {play: authorizeLater},
		"work before the subscribe answer": {play: subscribeLater},
		"first job after another line": {play: func(r *rig, p *peer) {
			p.handshake()
			p.expect("mining.ping")
			p.notify("1", true)
		}},
	} {
		t.Run(want, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, test.set)
				test.play(r, r.accept())
				found := slices.Clone(usual)
				if want != "" {
					found = append(found, want)
				}
				got := r.status().Traits
				slices.Sort(got)
				slices.Sort(found)
				if !slices.Equal(got, found) {
					t.Errorf("traits %q, want %q", got, found)
				}
				r.end()
			})
		})
	}
}

func suggestTarget(c *stratum.Config) { c.SuggestTarget, _ = hasher.TargetFromDifficulty(0.25) }

// suggestedTaken is a pool that does what suggestTarget wants.
func suggestedTaken(r *rig, p *peer) {
	p.answer(p.expect("mining.configure"), granted)
	p.answer(p.expect("mining.subscribe"), subscribed)
	p.expect("mining.suggest_target")
	p.answer(p.expect("mining.authorize"), "true")
	p.difficulty("0.25")
	p.notify("1", true)
}

// authorizeLater is a pool that sends its job before it answers authorize.
func authorizeLater(r *rig, p *peer) {
	p.answer(p.expect("mining.configure"), granted)
	p.answer(p.expect("mining.subscribe"), subscribed)
	auth := p.expect("mining.authorize")
	p.difficulty(easy)
	p.notify("1", true)
	p.answer(auth, "true")
}

// subscribeLater is a pool that sends its difficulty before it answers subscribe.
func subscribeLater(r *rig, p *peer) {
	p.answer(p.expect("mining.configure"), granted)
	p.difficulty(easy)
	p.answer(p.expect("mining.subscribe"), subscribed)
	p.answer(p.expect("mining.authorize"), "true")
	p.notify("1", true)
}

// TestExtranonceSubscribe: the answer to NiceHash's method is not waited for, and
// means what it says.
func TestExtranonceSubscribe(t *testing.T) {
	for answer, want := range map[string]bool{
		`"result":true,"error":null`:                        true,
		`"result":false,"error":null`:                       false,
		`"result":null,"error":[20,"Not supported.",false]`: false,
		``: false,
	} {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, nil)
			p := r.accept()
			p.refuse(p.expect("mining.configure"), `[20,"unknown",null]`)
			p.answer(p.expect("mining.subscribe"), subscribed)
			q := p.expect("mining.extranonce.subscribe")
			p.answer(p.expect("mining.authorize"), "true")
			p.notify("1", true)
			r.job()
			if answer != "" {
				p.send(`{"id":%s,%s}`, q.ID, answer)
			}
			if got := slices.Contains(r.status().Traits, "extranonce.subscribe"); got != want {
				t.Errorf("%s: traits %q", answer, r.status().Traits)
			}
			p.send(`{"id":null,"method":"mining.set_extranonce","params":["abcdef",5]}`)
			p.notify("2", true)
			if cb := r.job().Coinbase; fmt.Sprintf("%x", cb.Extranonce1) != "abcdef" || cb.Extranonce2Size != 5 {
				t.Errorf("coinbase %+v", cb)
			}
			r.end()
		})
	}
}

// TestNewBlock: what was found for one block is worthless for the next, whatever
// the pool says about the job.
func TestNewBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p := r.mining()
		r.keep()
		p.notify("2", false)
		r.late()
		p.answer(p.expect("mining.submit"), "true") // another job on the same block
		p.send(`{"id":null,"method":"mining.notify","params":["3","%s","%s","%s",[],"20000000","1d00ffff","65000000",false]}`,
			"5"+prev[1:], coinb1, coinb2)
		if j := r.job(); !j.Clean || j.ID != "3" {
			t.Errorf("job %q, clean %v", j.ID, j.Clean)
		}
		r.late()
		p.quiet()
		if s := r.end(); s.Shares.Accepted != 1 || s.Shares.Stale+s.Shares.Duplicates != 1 {
			t.Errorf("%+v", s.Shares)
		}
	})
}

// TestWishes: everything that a client may ask for, in the order in which pools
// want it.
func TestWishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		target, err := hasher.TargetFromDifficulty(2)
		if err != nil {
			t.Fatal(err)
		}
		r := start(t, func(c *stratum.Config) {
			c.MinimumDifficulty, c.SuggestDifficulty, c.SuggestTarget = 0.5, 3, target
			c.Capabilities = true
			c.Info = v1.Info{HWVersion: "cpu", SWVersion: "gominer/test", HWID: "rig \"1\""}
		})
		p := r.accept()
		hex := fmt.Sprintf("%v", target)
		for _, want := range []string{
			"mining.configure [[version-rolling minimum-difficulty subscribe-extranonce info] map[info.connection-url:stratum+tcp://pool.example.org:3333 " +
				"info.hw-id:rig \"1\" info.hw-version:cpu info.sw-version:gominer/test minimum-difficulty.value:0.5 " +
				"version-rolling.mask:1fffe000 version-rolling.min-bit-count:2]]",
			"mining.subscribe [gominer/test]",
			"mining.extranonce.subscribe []",
			"mining.capabilities [map[notify:map[] set_difficulty:map[] set_goal:map[] suggested_target:" + hex + "]]",
			"mining.suggest_difficulty [3]",
			"mining.suggest_target [" + hex + "]",
			"mining.authorize [me.worker hunter2]",
		} {
			q := p.next()
			if got := fmt.Sprint(q.Method, " ", q.Params); got != want {
				t.Errorf("sent %s\nwant %s", got, want)
			}
			switch q.Method {
			case "mining.configure":
				p.answer(q, `{"version-rolling":"no","minimum-difficulty":true,"info":true}`)
			case "mining.subscribe":
				p.answer(q, subscribed)
			case "mining.authorize":
				p.answer(q, "true")
			}
		}
		p.notify("1", true)
		if got := fmt.Sprint(r.status().Traits); got != "[minimum-difficulty info]" {
			t.Errorf("traits %s", got)
		}
		r.end()
	})
}

// TestCoinbaseValue: what a job's coinbase pays, and how many transactions there
// are, is known where it can be seen.
func TestCoinbaseValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p := r.mining()
		if j := r.job(); j.Value != 5_000_000_000 || j.Transactions != 1 || j.Height != 840000 {
			t.Errorf("value %d, %d transactions, height %d", j.Value, j.Transactions, j.Height)
		}
		hash := `"` + strings.Repeat("00", 32) + `"`
		const outputs = "02" + "0040075af0750700" + "00" + "0040075af0750700" + "00" // twice all the money
		for i, c := range []struct {
			coinb2, branch string
			value          uint64
			transactions   int
		}{
			{coinb2, hash, 5_000_000_000, 2},
			{coinb2, hash + "," + hash, 5_000_000_000, 0},
			{coinb2 + "00", "", 0, 1},
			{strings.Replace(coinb2, "01"+"00f2052a01000000"+"00", outputs, 1), "", 0, 1},
		} {
			p.send(`{"id":null,"method":"mining.notify","params":["%d","%s","%s","%s",[%s],"20000000","1d00ffff","65000000",false]}`,
				i, prev, coinb1, c.coinb2, c.branch)
			if j := r.job(); j.ID != fmt.Sprint(i) || j.Value != c.value || j.Transactions != c.transactions {
				t.Errorf("%d: value %d, %d transactions, want %d and %d", i, j.Value, j.Transactions, c.value, c.transactions)
			}
		}
		time.Sleep(time.Second)
		r.end()
	})
}
