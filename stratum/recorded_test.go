package stratum_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"gominer/hasher"
	"gominer/miner"
	"gominer/stratum"
	"gominer/stratum/record"
)

// said is a line of a recording.
type said struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  json.RawMessage `json:"error"`
	raw    string
	miner  bool
	after  time.Duration // since the connection began
}

// overtaken reports whether l submits a share that was on its way when another
// job came.
func (l *said) overtaken(before *said) bool {
	var job, next []any
	return l.Method == "mining.submit" && before.Method == "mining.notify" &&
		json.Unmarshal(l.Params, &job) == nil && json.Unmarshal(before.Params, &next) == nil && job[1] != next[0]
}

// pastShare is a share as it was submitted.
type pastShare struct {
	job         string
	extranonce2 uint64
	version     uint32 // in the header
	nonce       uint32
}

// pastDevice finds the shares of a recording again: it draws work up to the
// extranonce2 that it is told when a job comes, and claims in it what it is asked for.
type pastDevice struct {
	job   chan uint64
	share chan pastShare
	t     *testing.T
}

func (*pastDevice) Info() miner.Info { return miner.Info{Name: "past", Kind: "sim"} }

func (d *pastDevice) Run(ctx context.Context, feed *miner.Feed) error {
	var drawn []miner.Work
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case last := <-d.job:
			for more := true; more; {
				var w miner.Work
				if err := feed.Next(ctx, 1<<32, &w); err != nil {
					return err
				}
				drawn = append(drawn, w)
				more = w.Extranonce2 < last
			}
		case sh := <-d.share:
			i := slices.IndexFunc(drawn, func(w miner.Work) bool { return w.Job.ID == sh.job && w.Extranonce2 == sh.extranonce2 })
			if i < 0 {
				d.t.Errorf("no work for the share %+v", sh)
				continue
			}
			w := &drawn[i]
			feed.Tried(w, 1)
			feed.Found(w, sh.version, sh.nonce)
		}
	}
}

// past is a recorded pool in a bubble.
type past struct {
	r      *rig
	device *pastDevice
	pongs  bool // it answers mining.ping
	found  map[pastShare]bool
	traits string // in the end

	versions map[string]uint32 // of the jobs so far, and of the one that comes
}

// wait takes in what the client sends until done reports true, or until end if
// done is nil.
func (h *past) wait(p *peer, asked map[string][]*request, end time.Time, done func() bool) {
	h.r.t.Helper()
	for timer := time.NewTimer(time.Until(end)); done == nil || !done(); {
		select {
		case <-timer.C:
			if done != nil {
				h.r.t.Fatalf("the client does not ask what it asked then; errors %v", h.r.failures())
			}
			return
		case q, ok := <-p.in:
			switch {
			case !ok:
				h.r.t.Fatalf("the client hung up: %v", h.r.failures())
			case q.Method != "mining.ping":
				asked[q.Method] = append(asked[q.Method], q)
			case h.pongs:
				p.answer(q, `"pong"`)
			}
		}
	}
}

// play plays a connection, and reports how many shares were accepted in it.
func (h *past) play(lines []said) (accepted int) {
	t, p := h.r.t, h.r.accept()
	began := time.Now()
	asked := make(map[string][]*request) // by the client now, by method
	then := make(map[string][]said)      // by the client then
	var difficulty float64
	for i, l := range lines {
		h.wait(p, asked, began.Add(l.after), nil)
		got := func(method string, n int) *request {
			h.wait(p, asked, time.Now().Add(10*time.Second), func() bool { return len(asked[method]) > n })
			return asked[method][n]
		}
		switch {
		case l.miner && l.Method == "mining.submit":
			n := len(then[l.Method])
			then[l.Method] = append(then[l.Method], l)
			h.find(l)
			h.same(l, got(l.Method, n))
		case l.miner:
			then[l.Method] = append(then[l.Method], l)
			if l.Method == "mining.configure" || l.Method == "mining.subscribe" || l.Method == "mining.suggest_difficulty" {
				h.same(l, got(l.Method, len(then[l.Method])-1))
			}
		case l.Method != "":
			p.send("%s", l.raw)
			switch l.Method {
			case "mining.set_difficulty":
				var params []float64
				if err := json.Unmarshal(l.Params, &params); err != nil {
					t.Fatal(err)
				}
				difficulty = params[0]
			case "mining.notify":
				var job []any
				if err := json.Unmarshal(l.Params, &job); err != nil {
					t.Fatal(err)
				}
				version, err := strconv.ParseUint(job[5].(string), 16, 32)
				if err != nil {
					t.Fatal(err)
				}
				h.versions[job[0].(string)] = uint32(version)
				h.onJob(lines[i:], difficulty)
			}
		default:
			method, n := requestOf(lines[:i], l.ID)
			if method == "mining.ping" {
				continue
			}
			q := got(method, n)
			p.send(`{"id":%s,"result":%s,"error":%s}`, q.ID, l.Result, cmp.Or(string(l.Error), "null"))
			if method == "mining.submit" && string(l.Result) == "true" {
				accepted++
			}
			if method == "mining.authorize" {
				h.onJob(lines[i:], 0)
			}
		}
	}
	h.traits = fmt.Sprint(h.r.status().Traits)
	p.close()
	return accepted
}

// onJob has the device draw from a new job what shares were found in, and checks
// the difficulty where that is known.
func (h *past) onJob(rest []said, difficulty float64) {
	synctest.Wait()
	s := h.r.m.Snapshot()
	if s.Job == nil {
		return // it is not authorized yet
	}
	if want, err := hasher.TargetFromDifficulty(difficulty); difficulty != 0 && (err != nil || s.Job.Job.Target != want) {
		h.r.t.Errorf("job %q of difficulty %v, want %v", s.Job.Job.ID, s.Job.Job.Target.Difficulty(), difficulty)
	}
	for _, l := range slices.Backward(rest) {
		if sh := h.share(l); sh != nil && sh.job == s.Job.Job.ID && !h.found[*sh] {
			h.device.job <- sh.extranonce2
			synctest.Wait()
			return
		}
	}
}

// share returns the share that a line submits, nil if it does not.
func (h *past) share(l said) *pastShare {
	if !l.miner || l.Method != "mining.submit" {
		return nil
	}
	var params []string
	if err := json.Unmarshal(l.Params, &params); err != nil || len(params) != 6 {
		h.r.t.Fatalf("%s: want six parameters", l.raw)
	}
	number := func(s string, bits int) uint64 {
		n, err := strconv.ParseUint(s, 16, bits)
		if err != nil {
			h.r.t.Fatal(err)
		}
		return n
	}
	// Whatever the parameter is taken for: preset bits stay, others are added.
	version := h.versions[params[1]] | uint32(number(params[5], 32))
	return &pastShare{params[1], number(params[2], 64), version, uint32(number(params[4], 32))}
}

// find has the device find the share again, unless it is one that is sent again.
func (h *past) find(l said) {
	sh := *h.share(l)
	if h.found[sh] {
		return
	}
	h.found[sh] = true
	h.r.count.Add(1)
	h.device.share <- sh
	synctest.Wait()
}

// same checks that the client asks what it asked then.
func (h *past) same(l said, q *request) {
	h.r.t.Helper()
	var want []any
	if err := json.Unmarshal(l.Params, &want); err != nil {
		h.r.t.Fatal(err)
	}
	if fmt.Sprint(q.Params) != fmt.Sprint(want) {
		h.r.t.Errorf("%s %v, want %v", q.Method, q.Params, want)
	}
}

// requestOf returns which request an answer is for: its method, and how many of
// that method came before it.
func requestOf(before []said, id json.RawMessage) (method string, n int) {
	count := make(map[string]int)
	for _, l := range before {
		if l.miner {
			method, n = l.Method, count[l.Method]
			count[l.Method]++
			if string(l.ID) == string(id) {
				return method, n
			}
		}
	}
	return "", 0
}

// pastLines returns the lines of a recording, connection by connection.
func pastLines(t testing.TB, path string) (sessions [][]said) {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := record.Sessions(record.NewReader(f))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		var lines []said
		for _, e := range s.Entries {
			if e.Kind != record.Line {
				continue
			}
			l := said{raw: string(e.Data), miner: e.From == record.Miner, after: e.Time.Sub(s.Entries[0].Time)}
			if err := json.Unmarshal(e.Data, &l); err != nil {
				t.Fatal(err)
			}
			if n := len(lines); n > 0 && l.overtaken(&lines[n-1]) {
				l.after = lines[n-1].after
				lines = slices.Insert(lines, n-1, l)
				continue
			}
			lines = append(lines, l)
		}
		sessions = append(sessions, lines)
	}
	return sessions
}

// userOf returns whom the shares of a connection are for.
func userOf(t *testing.T, lines []said) string {
	for _, l := range lines {
		var params []string
		if l.Method == "mining.authorize" && json.Unmarshal(l.Params, &params) == nil {
			return params[0]
		}
	}
	t.Fatal("nobody is authorized")
	return ""
}

// TestRecordedPools: three real pools were mined on, the connection was cut, and
// they were mined on again. Played once more in the same time, what they said
// makes the client say the same, and the same proofs of work make the same
// shares, which were accepted.
func TestRecordedPools(t *testing.T) {
	for name, want := range map[string]struct {
		suggest float64
		shares  int
		pongs   bool
		traits  string
	}{
		"ckpool":      {0.001, 88, false, "[version-rolling 1fffe000 ping ignored suggested difficulty taken work before the authorize answer resumed]"},
		"m45-gopool":  {0.002, 25, true, "[version-rolling 1fffe000 subscribe-extranonce ping version bits as a change first job after another line]"},
		"public-pool": {0.002, 27, false, "[version-rolling 1fffe000 ping ignored suggested difficulty taken version bits as a change new blocks without clean jobs]"},
	} {
		t.Run(name, func(t *testing.T) {
			sessions := pastLines(t, filepath.Join("testdata/pools", name+".jsonl"))
			synctest.Test(t, func(t *testing.T) {
				device := &pastDevice{job: make(chan uint64), share: make(chan pastShare), t: t}
				r := startWith(t, func(c *stratum.Config) {
					c.User, c.Agent, c.SuggestDifficulty, c.Timeouts.Ping = userOf(t, sessions[0]), "gominer/devel", want.suggest, 0
				}, func(c *miner.Config) { c.Devices = []miner.Device{device} })
				h := &past{r: r, device: device, pongs: want.pongs, found: make(map[pastShare]bool), versions: make(map[string]uint32)}
				accepted := 0
				for _, lines := range sessions {
					accepted += h.play(lines)
				}
				if h.traits != want.traits {
					t.Errorf("traits %s, want %s", h.traits, want.traits)
				}
				s := r.end()
				if s.Shares.Accepted != uint64(accepted) || accepted != want.shares || s.Shares.Rejected != 0 {
					t.Errorf("%+v, %d accepted then, want %d", s.Shares, accepted, want.shares)
				}
			})
		})
	}
}
