package pool_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"gominer/hasher"
	"gominer/internal/chain"
)

func hasherBits(b uint32) hasher.Bits { return hasher.Bits(b) }

func TestHandshake(t *testing.T) {
	m := start(t, easy()).dial(t)
	if !m.configure(0xffffffff, 2) || m.mask != 0x1fffe000 {
		t.Fatalf("version rolling: mask %08x, want 1fffe000", m.mask)
	}
	m.subscribe("raw/1")
	if len(m.en1) != 4 || m.en2Size != 4 || m.session == "" {
		t.Errorf("extranonce1 %x, extranonce2 size %d, session %q", m.en1, m.en2Size, m.session)
	}
	m.ok("mining.authorize", "w", "x")
	if l := m.read(); l.Method != "mining.set_difficulty" || m.difficulty != 1e-8 {
		t.Errorf("first line after authorize is %s with difficulty %v, want set_difficulty 1e-8", l.Method, m.difficulty)
	}
	if l := m.read(); l.Method != "mining.notify" || !m.jobs[0].clean || len(m.jobs[0].branch) == 0 {
		t.Errorf("second line is %s with %+v, want a clean job with a branch", l.Method, m.jobs)
	}
	if again := m.en1; true {
		m.subscribe("raw/1")
		if !bytes.Equal(again, m.en1) {
			t.Errorf("second subscribe: extranonce1 %x, want %x again", m.en1, again)
		}
	}
}

// TestAuthorizeFirst is what some clients do: no subscription yet, so no job.
func TestAuthorizeFirst(t *testing.T) {
	m := start(t, easy()).dial(t)
	m.ok("mining.authorize", "w", "x")
	m.ok("mining.ping")
	if len(m.jobs) != 0 {
		t.Error("a job before subscribe")
	}
	m.subscribe("raw/1")
	m.want(m.submit(m.next(1), m.share(m.next(1), 0)), 0)
}

func TestMethods(t *testing.T) {
	m := start(t, easy()).dial(t).login()
	for _, c := range []struct {
		method string
		params []any
		result string
		code   int
	}{
		{"mining.ping", nil, `"pong"`, 0},
		{"client.get_version", nil, `"gominer-pool"`, 0},
		{"mining.extranonce.subscribe", nil, "true", 0},
		{"mining.suggest_difficulty", []any{1e-8}, "true", 0},
		{"mining.suggest_difficulty", []any{-1}, "null", 20},
		{"mining.suggest_target", []any{strings.Repeat("f", 64)}, "true", 0},
		{"mining.suggest_target", []any{"ff"}, "null", 20},
		{"mining.get_transactions", []any{"none"}, "null", 21},
		{"mining.multi_version", []any{4}, "null", -3},
		{"mining.no_such_method", []any{}, "null", -3},
		{"mining.notify", []any{"j", strings.Repeat("0", 64), "", "", []any{}, "20000000", "1d00ffff", "00000000", true}, "null", -3},
		{"mining.set_difficulty", []any{1}, "null", -3},
		{"mining.authorize", []any{7}, "null", 20},
		{"mining.authorize", []any{""}, "null", 24},
	} {
		l := m.call(c.method, c.params...)
		if string(l.Result) != c.result || l.code() != c.code {
			t.Errorf("%s%v: result %s, error %v; want %s and code %d", c.method, c.params, l.Result, l.Error, c.result, c.code)
		}
	}
	// Answers, notifications and empty lines are taken without a word.
	m.write(`{"id":9,"result":"cgminer/4.11.1","error":null}`)
	m.write(`{"id":null,"method":"mining.ping","params":[]}`)
	m.write(`{"method":"mining.no_such_method","params":[]}`)
	m.write("\r\n")
	m.write(`{"id":"a string","method":"mining.ping","params":[]}`)
	if l := m.read(); l.ID != "a string" {
		t.Errorf("answer to id %v, want the one with a string", l.ID)
	}
}

// TestConstantIDs is how cpuminers number their submits.
func TestConstantIDs(t *testing.T) {
	m := start(t, easy()).dial(t).login()
	w := m.next(1)
	for i := range 5 {
		s := m.share(w, uint64(i))
		m.write(fmt.Sprintf(`{"method":"mining.submit","params":["w","%s","%x","%08x","%08x"],"id":4}`, w.id, s.en2, s.ntime, s.nonce))
	}
	for range 5 {
		if l := m.read(); l.ID != 4.0 || string(l.Result) != "true" {
			t.Fatalf("answer %v %s %v", l.ID, l.Result, l.Error)
		}
	}
}

func TestConfigure(t *testing.T) {
	cfg := easy()
	cfg.VersionMask = 0x00ff0000
	cfg.MaxDifficulty = 8
	r := start(t, cfg)
	for _, c := range []struct{ name, params, want string }{
		{"mask is what both have", `[["version-rolling"],{"version-rolling.mask":"1f0f0000"}]`, `{"version-rolling":true,"version-rolling.mask":"000f0000"}`},
		{"no mask asked for", `[["version-rolling"],{}]`, `{"version-rolling":true,"version-rolling.mask":"00ff0000"}`},
		{"no bit in common", `[["version-rolling"],{"version-rolling.mask":"0000e000"}]`, `{"version-rolling":false}`},
		{"too few bits", `[["version-rolling"],{"version-rolling.min-bit-count":9}]`, `{"version-rolling":"too few bits: 8 can be rolled, 9 are wanted"}`},
		{"the others", `[["minimum-difficulty","subscribe-extranonce","info","x"],{"minimum-difficulty.value":2}]`,
			`{"minimum-difficulty":true,"subscribe-extranonce":true,"info":true,"x":false}`},
		{"minimum too high", `[["minimum-difficulty"],{"minimum-difficulty.value":9}]`, `{"minimum-difficulty":"above the pool's maximum"}`},
		{"nothing", `[[],{}]`, `{}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := r.dial(t)
			m.write(`{"id":1,"method":"mining.configure","params":` + c.params + `}`)
			if l := m.read(); string(l.Result) != c.want {
				t.Errorf("got %s %v, want %s", l.Result, l.Error, c.want)
			}
		})
	}
	t.Run("refused altogether", func(t *testing.T) {
		m := r.dial(t)
		m.write(`{"id":1,"method":"mining.configure","params":"x"}`)
		if l := m.read(); l.code() != 20 {
			t.Errorf("got %s %v", l.Result, l.Error)
		}
	})
}

func TestMinimumDifficulty(t *testing.T) {
	m := start(t, easy()).dial(t)
	m.ok("mining.configure", []string{"minimum-difficulty"}, map[string]any{"minimum-difficulty.value": 1e-6})
	m.login()
	if m.difficulty != 1e-6 {
		t.Errorf("difficulty %v, want 1e-06", m.difficulty)
	}
	m.ok("mining.suggest_difficulty", 1e-7)
	m.ok("mining.ping")
	if m.difficulty != 1e-6 {
		t.Errorf("difficulty %v after a suggestion below the minimum, want 1e-06 still", m.difficulty)
	}
}

// TestSuggestBeforeAuthorize: the first job has the difficulty asked for.
func TestSuggestBeforeAuthorize(t *testing.T) {
	cfg := easy()
	cfg.MinDifficulty, cfg.MaxDifficulty = 1e-9, 1e-7
	r := start(t, cfg)
	for _, c := range []struct{ ask, want float64 }{{5e-9, 5e-9}, {1e-12, 1e-9}, {1, 1e-7}} {
		m := r.dial(t)
		m.subscribe()
		m.ok("mining.suggest_difficulty", c.ask)
		m.ok("mining.authorize", "w", "x")
		if w := m.next(1); w.difficulty != c.want {
			t.Errorf("job 1 at difficulty %v after asking for %v, want %v", w.difficulty, c.ask, c.want)
		}
	}
}

func TestAuthorizeFunc(t *testing.T) {
	cfg := easy()
	cfg.Authorize = func(worker, password string) error {
		if password != "secret" {
			return errors.New("wrong password\x1b[31m")
		}
		return nil
	}
	m := start(t, cfg).dial(t)
	m.subscribe()
	if l := m.call("mining.authorize", "w", "x"); l.code() != 24 || l.reason() != "wrong password" {
		t.Errorf("got %s %v, want code 24 and a clean reason", l.Result, l.Error)
	}
	m.ok("mining.ping")
	if len(m.jobs) != 0 {
		t.Error("a job without a worker")
	}
	m.ok("mining.authorize", "w", "secret")
	m.next(1)
}

// TestTransactions checks that the transactions of a job have the branch that
// was sent, and that its coinbase commits to their witnesses.
func TestTransactions(t *testing.T) {
	m := start(t, easy()).dial(t).login()
	w := m.next(1)
	var raw []string
	m.parse(m.ok("mining.get_transactions", w.id).Result, &raw)
	if len(raw) != 5 {
		t.Fatalf("%d transactions, want 5", len(raw))
	}
	var txids, wtxids []hasher.Hash
	for _, s := range raw {
		b, _ := hex.DecodeString(s)
		tx, err := chain.ParseTx(b)
		if err != nil {
			t.Fatal(err)
		}
		txids, wtxids = append(txids, tx.TxID()), append(wtxids, tx.WTxID())
	}
	if slices.Equal(txids, wtxids) {
		t.Error("no transaction has a witness")
	}
	for i, h := range chain.MerkleBranch(txids) {
		if !bytes.Equal(h[:], w.branch[i]) {
			t.Errorf("branch %d is %x, the transactions have %x", i, w.branch[i], h[:])
		}
	}
	cb, err := chain.ParseTx(slices.Concat(w.coinb1, m.en1, make([]byte, m.en2Size), w.coinb2))
	if err != nil {
		t.Fatal(err)
	}
	if c, ok := cb.Commitment(); !ok || c != chain.WitnessCommitment(wtxids) {
		t.Errorf("commitment %v, the transactions have %v", c, chain.WitnessCommitment(wtxids))
	}
	if h, ok := cb.CoinbaseHeight(); !ok || h != 1 || !strings.HasSuffix(cb.CoinbaseText(), "/gominer/") {
		t.Errorf("coinbase of height %d says %q", h, cb.CoinbaseText())
	}
}

func TestResume(t *testing.T) {
	r := start(t, easy())
	a, b := r.dial(t).login(), r.dial(t).login()
	if bytes.Equal(a.en1, b.en1) {
		t.Fatalf("two connections with extranonce1 %x", a.en1)
	}
	w := a.next(1)
	s := a.share(w, 1)
	a.want(a.submit(w, s), 0)

	c := r.dial(t)
	c.subscribe("raw/1", a.session)
	if bytes.Equal(c.en1, a.en1) {
		t.Error("the extranonce1 of a living connection was given away")
	}
	a.nc.Close()
	r.events.await(t, "disconnected", 1)
	d := r.dial(t)
	d.subscribe("raw/1", a.session)
	if !bytes.Equal(d.en1, a.en1) || d.session != a.session {
		t.Fatalf("resumed with extranonce1 %x, session %s; want %x, %s", d.en1, d.session, a.en1, a.session)
	}
	d.ok("mining.authorize", "w", "x")
	d.want(d.submit(d.next(1), s), 22)    // the same header as before the break
	d.want(d.submit(w, a.share(w, 2)), 0) // found before the break, on a job of then
}

func TestWorkers(t *testing.T) {
	r := start(t, easy())
	m := r.dial(t).login()
	m.ok("mining.authorize", "second\n", "x")
	w := m.next(1)
	m.want(m.submit(w, m.share(w, 1)), 0)
	m.worker = "second\n"
	m.want(m.submit(w, m.share(w, 2)), 0)
	m.want(m.submit(w, m.share(w, 3)), 0)
	m.want(m.submit(w, m.share(w, 3)), 22)
	m.worker = "third"
	m.want(m.submit(w, m.share(w, 4)), 24)
	other := r.dial(t).login()
	other.want(other.submit(other.next(1), other.share(other.next(1), 5)), 0)

	s := r.Stats()
	if s.Total.Accepted != 4 || s.Total.Rejected != 2 || s.Total.ByCode[22] != 1 || s.Total.ByCode[24] != 1 {
		t.Errorf("total %+v", s.Total)
	}
	if len(s.Workers) != 2 || s.Workers[0].Name != "second" || s.Workers[0].Accepted != 2 || s.Workers[0].ByCode[22] != 1 ||
		s.Workers[1].Name != "w" || s.Workers[1].Accepted != 2 || s.Workers[1].Conns != 2 {
		t.Errorf("workers %+v", s.Workers)
	}
	if len(s.Conns) != 2 || s.Conns[0].Accepted != 3 || s.Conns[0].Rejected != 2 || s.Conns[0].Agent != "raw/1" ||
		!slices.Equal(s.Conns[0].Workers, []string{"second", "w"}) || s.Conns[0].Extranonce1 != hex.EncodeToString(m.en1) ||
		s.Conns[1].Accepted != 1 || s.Conns[1].Difficulty != 1e-8 {
		t.Errorf("connections %+v", s.Conns)
	}
	if s.Total.Best < 1e-8 || s.Total.Hashrate <= 0 || s.Height != 1 {
		t.Errorf("best %v, hash rate %v, height %d", s.Total.Best, s.Total.Hashrate, s.Height)
	}
	if b, err := json.Marshal(s); err != nil || !bytes.Contains(b, []byte(`"blocks":[]`)) {
		t.Errorf("%s %v", b, err)
	}
}
