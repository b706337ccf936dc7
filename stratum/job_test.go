package stratum_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"gominer/hasher"
	"gominer/internal/mainnet"
	"gominer/miner"
	"gominer/stratum"
)

// winner is a device that tries the one nonce that wins.
type winner struct{ version, nonce uint32 }

func (winner) Info() miner.Info { return miner.Info{Name: "winner", Kind: "sim"} }

func (d winner) Run(ctx context.Context, f *miner.Feed) error {
	var w miner.Work
	if err := f.Next(ctx, 1, &w); err != nil {
		return err
	}
	f.Found(&w, d.version, d.nonce)
	<-ctx.Done()
	return ctx.Err()
}

// TestMainnetBlocks gives the client the jobs of real blocks. The header that
// comes of each must be the block's, bit for bit, and so must what is submitted.
func TestMainnetBlocks(t *testing.T) {
	for _, b := range mainnet.Jobs() {
		t.Run(strconv.Itoa(int(b.Height)), func(t *testing.T) { mineBlock(t, b) })
	}
}

func mineBlock(t *testing.T, b mainnet.Job) {
	want, err := hasher.ParseHeader(b.Header)
	if err != nil {
		t.Fatal(err)
	}
	extranonce2, err := strconv.ParseUint(b.Extranonce2, 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	const mask = 0x1fffe000
	// The last of the blocks was found under a rolled version: the pool presets
	// other bits in the mask.
	preset := want.Version()
	rolled := preset&mask != 0
	notify := string(b.Params())
	if rolled {
		preset = 0x20a00004
		notify = strings.Replace(notify, fmt.Sprintf("%08x", want.Version()), "20a00004", 1)
	}
	synctest.Test(t, func(t *testing.T) {
		r := startWith(t, nil, func(c *miner.Config) {
			c.Start = miner.Start{Extranonce2: extranonce2, Nonce: want.Nonce()}
			c.Devices = []miner.Device{winner{want.Version(), want.Nonce()}}
		})
		p := r.accept()
		conf := p.expect("mining.configure")
		if rolled {
			p.answer(conf, granted)
		} else {
			p.answer(conf, `{"version-rolling":false,"subscribe-extranonce":true}`)
		}
		p.answer(p.expect("mining.subscribe"), fmt.Sprintf(`[[],%q,%d]`, b.Extranonce1, len(b.Extranonce2)/2))
		p.answer(p.expect("mining.authorize"), "true")
		r.count.Store(1)
		p.difficulty("1024.5")
		p.send(`{"id":null,"method":"mining.notify","params":%s}`, notify)

		j := r.job()
		got := (&miner.Share{
			Job: j, Version: want.Version(), NTime: want.Time(), Nonce: want.Nonce(),
		}).Header(j.Coinbase.MerkleRoot(extranonce2))
		if got != want {
			t.Errorf("header\n%x, want\n%x", got, want)
		}
		if j.Version != preset || j.Bits != want.Bits() || j.PrevHash != want.PrevHash() || j.NTime != want.Time() || !j.Clean {
			t.Errorf("job %+v", j)
		}
		if j.Height != b.Height {
			t.Errorf("height %d, want %d", j.Height, b.Height)
		}
		if target, _ := hasher.TargetFromDifficulty(1024.5); j.Target != target {
			t.Errorf("target %v, want %v", j.Target, target)
		}
		submit := []string{"me.worker", j.ID, b.Extranonce2, b.NTime, b.Nonce}
		if rolled {
			submit = append(submit, "1fffe000")
		}
		q := p.expect("mining.submit")
		if got := q.texts(); !slices.Equal(got, submit) {
			t.Errorf("submit %q, want %q", got, submit)
		}
		p.answer(q, "true")
		s := r.end()
		if s.Shares.Accepted != 1 || s.Shares.Blocks != 1 || s.Recent[0].Share.Hash.String() != b.BlockHash {
			t.Errorf("%+v, share %+v", s.Shares, s.Recent)
		}
		if s.Recent[0].Share.Sent.IsZero() {
			t.Error("the time of sending is missing")
		}
	})
}

// TestSetDifficulty: from the next job on, and whatever is wrong leaves the
// previous.
func TestSetDifficulty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p := r.accept()
		p.handshake()
		p.notify("first", true)
		want := func(id string, d float64) {
			t.Helper()
			target, err := hasher.TargetFromDifficulty(d)
			if err != nil {
				t.Fatal(err)
			}
			if j := r.job(); j.ID != id || j.Target != target {
				t.Errorf("job %q with target %v, want %q with %v", j.ID, j.Target, id, target)
			}
		}
		want("first", 1) // nothing was said
		for i, d := range []string{"2", "0.0050000000000000001", "1000000.0", `"4.5"`, "3.644660123190655e-3"} {
			before := r.job()
			p.difficulty(d)
			if r.job() != before {
				t.Errorf("difficulty %s changed the job in progress", d)
			}
			for _, bad := range []string{"0", "-1", "NaN", "Infinity", "-Infinity", "1e300", "null", "[]", `""`, "1e999", "2.7e67"} {
				p.difficulty(bad)
			}
			p.notify(strconv.Itoa(i), false)
			f, _ := strconv.ParseFloat(strings.Trim(d, `"`), 64)
			want(strconv.Itoa(i), f)
		}
		p.difficulty("1e-300") // all hashes meet it
		p.notify("last", false)
		if j := r.job(); j.ID != "last" || j.Target != hasher.MaxTarget {
			t.Errorf("target %v", j.Target)
		}
		r.end()
	})
}

// TestDifficultyNow: the job in progress comes again with the new target, and
// what it was mined for stays.
func TestDifficultyNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *stratum.Config) { c.DifficultyNow = true })
		p := r.accept()
		p.handshake()
		p.notify("1", true)
		before := r.job()
		p.difficulty("8")
		j := r.job()
		if j == before || j.ID != "1" || j.Clean || j.Target.Difficulty() != 8 || j.Coinbase != before.Coinbase {
			t.Errorf("job %+v", j)
		}
		p.difficulty("8")
		if r.job() != j {
			t.Error("the same difficulty made a new job")
		}
		if before.Target.Difficulty() != 1 {
			t.Error("the published job was changed")
		}
		r.end()
	})
}

func TestSetExtranonce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p := r.mining()
		before := r.job()
		p.send(`{"id":null,"method":"mining.set_extranonce","params":["aabb",2]}`)
		if r.job() != before {
			t.Error("the job in progress changed")
		}
		for _, bad := range []string{`["zz",2]`, `["aabbcc",17]`, `["aabbcc",-1]`, `["aabbcc",2.5]`, `["aabbcc","8"]`, `["aab",2]`, `[]`, `["aabbcc",99999999999999999999]`} {
			p.send(`{"id":null,"method":"mining.set_extranonce","params":%s}`, bad)
		}
		r.found(1)
		p.notify("2", false)
		if c := r.job().Coinbase; hex.EncodeToString(c.Extranonce1) != "aabb" || c.Extranonce2Size != 2 {
			t.Errorf("extranonces %x, %d", c.Extranonce1, c.Extranonce2Size)
		}
		r.found(1)
		// Both jobs are still good, each with its own extranonce2.
		if q := p.expect("mining.submit"); q.texts()[1] != "1" || len(q.texts()[2]) != 8 {
			t.Errorf("submit %v", q.Params)
		}
		if q := p.expect("mining.submit"); q.texts()[1] != "2" || len(q.texts()[2]) != 4 {
			t.Errorf("submit %v", q.Params)
		}
		r.end()
	})
}

// TestExtranonce2Sizes: from none to 16 bytes.
func TestExtranonce2Sizes(t *testing.T) {
	for _, size := range []int{0, 1, 8, 16} {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, nil)
			p := r.accept()
			p.handshakeAs(fmt.Sprintf(`[[],"01",%d]`, size))
			p.difficulty(easy)
			p.notify("1", true)
			r.job()
			r.found(2)
			p.expect("mining.submit")
			q := p.expect("mining.submit")
			want := strings.Repeat("00", size)
			if got := q.texts()[2]; got != want {
				t.Errorf("size %d: extranonce2 %q, want %q", size, got, want)
			}
			r.end()
		})
	}
}

// TestSetVersionMask: at once, for the job in progress; bits that are taken away
// end the work that rolls them.
func TestSetVersionMask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p := r.mining()
		for _, test := range []struct {
			sent  string
			mask  uint32
			clean bool
		}{
			{`["00ffe000"]`, 0x00ffe000, true},
			{`["1fffe000"]`, 0x1fffe000, false},
			{`["1fffe000"]`, 0x1fffe000, false},
			{`["zzz"]`, 0x1fffe000, false},
			{`[]`, 0x1fffe000, false},
			{`["ffffffff"]`, 0x1fffe000, false},
			{`["0"]`, 0, true},
		} {
			p.send(`{"id":null,"method":"mining.set_version_mask","params":%s}`, test.sent)
			if j := r.job(); j.ID != "1" || j.VersionMask != test.mask || j.Clean != test.clean {
				t.Errorf("%s: job %q, mask %08x, clean %v", test.sent, j.ID, j.VersionMask, j.Clean)
			}
		}
		p.notify("2", false)
		if j := r.job(); j.VersionMask != 0 {
			t.Errorf("mask %08x after rolling ended", j.VersionMask)
		}
		if got := fmt.Sprint(r.status().Traits); got != "[version-rolling ended subscribe-extranonce]" {
			t.Errorf("traits %s", got)
		}
		r.found(1)
		if q := p.expect("mining.submit"); len(q.Params) != 6 || q.Params[5] != "00000000" {
			t.Errorf("submit %v: it was granted, so the bits are named", q.Params)
		}
		r.end()
	})
}

// TestInvalidNotify: the previous job stays, it is counted, and mining goes on.
func TestInvalidNotify(t *testing.T) {
	good := []string{`"bad"`, `"` + prev + `"`, `"` + coinb1 + `"`, `"` + coinb2 + `"`, `[]`, `"20000000"`, `"1d00ffff"`, `"65000000"`, `true`}
	var lines []string
	for i := range good {
		for _, v := range []string{`null`, `7`, `{}`, `"xyz"`, `"` + strings.Repeat("a", 63) + `"`, `""`, `[["x"]]`} {
			if i == 0 && v[0] == '"' || i == 8 && v == "true" || (i == 2 || i == 3) && v == `""` {
				continue // is a job id; is an empty part
			}
			if i == 8 && v == "null" {
				continue
			}
			bad := append([]string(nil), good...)
			bad[i] = v
			lines = append(lines, "["+strings.Join(bad, ",")+"]")
		}
		lines = append(lines, "["+strings.Join(good[:i], ",")+"]")
	}
	lines = append(lines, `{}`, `null`, `"x"`)
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p := r.mining()
		before := r.job()
		for _, params := range lines {
			p.send(`{"id":null,"method":"mining.notify","params":%s}`, params)
			if r.job() != before {
				t.Fatalf("%s became a job", params)
			}
			if got := r.status().Traits; !slices.Contains(got, "invalid jobs") {
				t.Fatalf("%s: traits %q", params, got)
			}
		}
		if n := strings.Count(r.log.String(), "invalid job ignored"); n == 0 || n > 10 {
			t.Errorf("%d of %d logged", n, len(lines))
		}
		p.notify("2", false)
		if j := r.job(); j.ID != "2" {
			t.Errorf("job %q", j.ID)
		}
		r.found(1)
		p.answer(p.expect("mining.submit"), "true")
		if s := r.end(); s.Shares.Accepted != 1 {
			t.Errorf("%+v", s.Shares)
		}
	})
}

// TestOlderJobs: a share of an earlier job is sent while no clean one came.
func TestOlderJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p := r.mining()
		r.found(1)
		p.notify("2", false)
		r.found(1)
		for _, id := range []string{"1", "2"} {
			q := p.expect("mining.submit")
			if q.texts()[1] != id {
				t.Errorf("submit %v, want job %s", q.Params, id)
			}
			p.answer(q, "true")
		}
		if s := r.end(); s.Shares.Accepted != 2 {
			t.Errorf("%+v", s.Shares)
		}
	})
}
