package stratum_test

import (
	"strings"
	"testing"
	"time"
)

// outcome is what a client has to make of a hostile pool.
type outcome int

const (
	leaves outcome = iota // it goes to the next pool by itself
	mines                 // it mines on until the pool is gone: the attack is harmless
	waits                 // it stays, though nothing comes of it, until the pool is gone
	either                // it leaves or waits
)

// attack is a hostile pool.
type attack struct {
	faults string // with " + " in between
	says   string // what is shown of it
	does   outcome
	within time.Duration // of leaving; default 5 s
	every  time.Duration // a share is found this often; default 250 ms
}

// TestHostilePools lets a real client meet real pools that attack it. Whatever
// they do it lives, its memory stays small, nothing unfit to be shown is shown,
// it says what happened, and the next pool takes over.
func TestHostilePools(t *testing.T) {
	all := attacks
	for _, p := range stray {
		for _, when := range []string{"hello", "subscribe", "authorize", "job"} {
			c := attack{faults: p.name + "=" + when, says: p.says, does: p.does}
			if p.does == mines && (when == "subscribe" || when == "authorize") { // the answer is missing
				c.says, c.does, c.within = "no answer to mining."+when+" within 15s", leaves, 20*time.Second
			}
			if p.name == "drip" {
				c.says, c.within = "no answer to mining.|no answer to a share", 20*time.Second
				if when == "job" {
					c.says, c.within = "no answer to a share", 35*time.Second
				}
			}
			all = append(all, c)
		}
	}
	for _, c := range all {
		t.Run(c.faults, c.run)
	}
	if len(all) < 60 {
		t.Errorf("%d attacks", len(all))
	}
}

func (c attack) run(t *testing.T) {
	if c.within == 0 {
		c.within = 5 * time.Second
		if strings.HasPrefix(c.faults, "flood=") {
			c.within = 1500 * time.Millisecond // twice 10000 lines
		}
	}
	if c.every == 0 {
		c.every = 250 * time.Millisecond
	}
	inBubble(t, func(t *testing.T, g *gauge) {
		a := enter(t, c.every, strings.Split(c.faults, " + ")...)
		left := a.await(c.within)
		if left != (c.does == leaves) && c.does != either {
			t.Errorf("after %v it has left: %v; want %v", c.within, left, c.does == leaves)
		}
		if n := a.hostile.Stats().Total.Accepted; c.does == mines && n == 0 {
			t.Errorf("nothing was mined")
		}
		held := g.held()
		if held > mostHeld {
			t.Errorf("%d KiB more are in use, want %d at most", held>>10, mostHeld>>10)
		}
		if !left {
			a.hostile.shut()
			if !a.await(5*time.Second + 3*c.every) {
				t.Errorf("the next pool did not take over")
			}
		}
		// The next pool may be mined on before it is clear what is wrong with the first.
		for end := time.Now().Add(c.within); left && !a.said.said(c.says) && time.Now().Before(end); {
			time.Sleep(100 * time.Millisecond)
		}
		s := a.leave()
		t.Logf("in use %d KiB, heap at most %d KiB; %+v", held>>10, g.above()>>10, s.Shares)
		if !a.said.said(c.says) {
			t.Errorf("%q was not shown, but\n%.3000s", c.says, strings.Join(a.said.texts, "\n"))
		}
		if text := a.said.unfit(); text != "" {
			t.Errorf("%.300q was shown", text)
		}
		if n := a.said.shown.Load(); n > mostShown {
			t.Errorf("%d bytes were logged, want %d at most", n, mostShown)
		}
	})
}

// mostShown is how much a pool may fill the log with, in some seconds.
const mostShown = 128 << 10

// stray are lines that come at any time.
var stray = []struct {
	name, says string
	does       outcome
}{
	{"giant-line", "line is above the line cap of 1048576", leaves},
	{"endless-line", "line is above the line cap of 1048576", leaves},
	{"deep-json", "line is above the JSON depth cap of 16", leaves},
	{"deep-objects", "line is above the JSON depth cap of 16", leaves},
	{"duplicate-keys", "key id twice in one object", leaves},
	{"nul-bytes", "not a JSON object: \\u0000", leaves},
	{"invalid-utf8", "invalid UTF-8 at byte 21", leaves},
	{"bom", "not a JSON object: \\ufeff", leaves},
	{"truncated-json", "ends where a comma or ] should stand", leaves},
	{"json-array", "not a JSON object: [", leaves},
	{"two-values", "want the end of the line", leaves},
	{"tuple", "'(' at byte 30, want a JSON value", leaves},
	{"huge-numbers", "id is above the text cap of 1024", leaves},
	{"http", "that is a web server", leaves},
	{"tls", "that is a TLS port", leaves},
	{"ssh", "that is an SSH server", leaves},
	{"noise", "not a Stratum V1 line|no text, and so not Stratum V1", leaves},
	{"drip", "", leaves},
	{"nan", "mining.set_difficulty: difficulty is NaN", mines},
	{"surrogates", " half ", mines},
}

// attacks are all others.
var attacks = []attack{
	// Answers to mining.subscribe and mining.configure.
	{faults: "subscribe-result", says: "extranonce1 is missing"},
	{faults: "subscribe-result={}", says: "mining.subscribe answer: result is {}"},
	{faults: `subscribe-result="x"`, says: "mining.subscribe answer: result is \"x\""},
	{faults: "subscribe-result=[[],null,4]", says: "extranonce1 is null"},
	{faults: "extranonce1", says: "want hex of 0 to 32 bytes"},
	{faults: `extranonce1="0"`, says: "want hex of 0 to 32 bytes"},
	{faults: "extranonce2-size", says: "extranonce2_size is -1, want a whole number from 0 to 16"},
	{faults: "extranonce2-size=9223372036854775808", says: "extranonce2_size is 9223372036854775808"},
	{faults: "extranonce2-size=1e9", says: "extranonce2_size is 1e9"},
	{faults: "subscription-bomb", does: mines},
	{faults: "mask", does: mines},
	{faults: "mask=xyz", does: mines},
	{faults: "deny=\x1b[2Jgo away", says: "not allowed to mine here: go away (code 24)"},

	// Jobs and what belongs to them.
	{faults: "wrong-types", says: "invalid job ignored, the previous one stays", does: mines},
	{faults: "wrong-types=mining.set_difficulty", says: "message ignored", does: either},
	{faults: "wrong-types=mining.set_extranonce", says: "message ignored", does: either},
	{faults: "wrong-types=mining.set_version_mask", says: "message ignored", does: mines},
	{faults: "wrong-types=mining.set_goal", says: "message ignored", does: mines},
	{faults: "wrong-types=client.reconnect", says: "client.reconnect not followed", does: mines},
	{faults: "wrong-types=client.show_message", says: "message ignored", does: mines},
	{faults: "long-texts=mining.notify", says: "job id is above the job id cap of 256"},
	{faults: "long-texts=mining.set_extranonce", says: "message ignored", does: mines},
	{faults: "long-texts", says: "client.reconnect not followed", does: mines},
	{faults: "long-texts=mining.set_goal", says: "above the text cap of 1024"},
	{faults: "long-texts=client.show_message", does: mines},
	{faults: "broken-jobs", says: "invalid job ignored", does: mines},
	{faults: "nbits", says: "no job within", within: 110 * time.Second},
	{faults: "nbits=01800000", says: "invalid job ignored"},
	{faults: "nbits=ff7fffff", says: "invalid job ignored"},
	{faults: "ntime", does: either},
	{faults: "ntime=00000000", does: either},
	{faults: "difficulty", says: "mining.set_difficulty: difficulty is -1", does: waits},
	{faults: "difficulty=0", says: "mining.set_difficulty: difficulty is 0", does: waits},
	{faults: "difficulty=1e-300", does: mines},
	{faults: "difficulty=1e300", says: "mining.set_difficulty", does: waits},
	{faults: `difficulty="x"`, says: "mining.set_difficulty: difficulty is \"x\"", does: waits},
	{faults: "same-job-id", does: either},
	{faults: "job-id-bomb", says: "job id is above the job id cap of 256"},
	{faults: "merkle-bomb", says: "merkle branch is above the merkle branch cap of 32"},
	{faults: "coinbase-bomb", says: "line is above the line cap of 1048576"},
	{faults: "coinbase-bomb=524000", does: either},
	{faults: "huge-coinbase=500000", does: mines},
	{faults: "goal", says: "it wants \"scrypt\" mined, and this miner does SHA256d"},
	{faults: "stale-jobs + repeat-jobs", does: mines},
	{faults: "flap-difficulty=1000000 + flap-mask", does: mines},
	{faults: "no-jobs", says: "no job within", within: 110 * time.Second},

	// Answers.
	{faults: "id-collisions", does: mines},
	{faults: "double-answers", does: mines},
	{faults: "wrong-ids", says: "no answer to a share", within: 35 * time.Second},
	{faults: "mute-shares", says: "no answer to a share", within: 35 * time.Second},
	{faults: "escapes", says: "hello evil", does: either},
	{faults: "reasons", says: "reason 1", does: either},
	{faults: "reason-bomb", says: "rrrr…", does: either},
	{faults: "weird-errors", does: either},

	// Floods.
	{faults: "flood=jobs", does: either},
	{faults: "flood=clean-jobs", does: either},
	{faults: "flood=difficulties", does: waits},
	{faults: "flood=extranonces", does: either},
	{faults: "flood=masks", does: mines},
	{faults: "flood=messages", says: "message 0", does: mines},
	{faults: "flood=pings", does: either},
	{faults: "flood=versions", does: either},
	{faults: "flood=unknown", does: either},
	{faults: "flood=reconnects", says: "another site than the pool's", does: mines},
	{faults: "flood=answers", does: mines},
	{faults: "flood=errors", does: mines},
	{faults: "flood=malformed", says: "invalid job ignored", does: mines},
	{faults: "flood=blanks", does: mines},

	// The connection.
	{faults: "silent", says: "no answer to a share", within: 35 * time.Second},
	{faults: "silent + mute-shares", says: "no answer to a share", within: 35 * time.Second},
	{faults: "half-open", says: "no answer to a share", within: 35 * time.Second},
	{faults: "slow=20ms", does: mines, within: time.Minute, every: 20 * time.Second},
	{faults: "slow=1s", says: "no answer to mining.", within: 20 * time.Second},
	{faults: "close=1", says: "the pool closed the connection"},
	{faults: "truncate=1", says: "the pool closed the connection"},
	{faults: "farewell=\x1b]0;x\abye", says: "the pool closed the connection, after it said: bye (code 20)"},
	{faults: "reconnect=evil.example.net:3333", says: "another site than the pool's", does: mines},
	{faults: "reconnect=127.0.0.1:3333", says: "another site than the pool's", does: mines},
	{faults: "reconnect-storm", says: "too soon after the last", does: mines, within: 15 * time.Second},
	{faults: "reconnect-wait", says: "the pool sends its clients away for 1m0s"},
	{faults: "reconnect-wait=1", says: "the pool asks to reconnect", does: mines},
}
