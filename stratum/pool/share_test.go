package pool_test

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"gominer/hasher"
	"gominer/internal/mainnet"
	"gominer/stratum/pool"
)

func TestRefusals(t *testing.T) {
	r := start(t, easy())
	m := r.dial(t)
	m.configure(0x1fffe000, 0)
	if l := m.call("mining.submit", "w", "1", "00000000", "00000000", "00000000"); l.code() != 25 {
		t.Errorf("before subscribe: %v, want code 25", l.Error)
	}
	m.login()
	w := m.next(1)
	good := m.share(w, 1)
	for _, c := range []struct {
		name   string
		change func(params []any) []any
		code   int
		reason string
	}{
		{"no such job", func(p []any) []any { p[1] = "0"; return p }, 21, "job not found"},
		{"job id is no number", func(p []any) []any { p[1] = "\x1b[2J"; return p }, 21, "job not found"},
		{"job id with a zero before", func(p []any) []any { p[1] = "0" + w.id; return p }, 21, "job not found"},
		{"worker", func(p []any) []any { p[0] = "nobody"; return p }, 24, "unauthorized worker"},
		{"extranonce2 too short", func(p []any) []any { p[2] = "000001"; return p }, 20, "extranonce2 000001 has 3 bytes, want 4"},
		{"extranonce2 too long", func(p []any) []any { p[2] = "0000000001"; return p }, 20, "extranonce2 0000000001 has 5 bytes, want 4"},
		{"extranonce2 empty", func(p []any) []any { p[2] = ""; return p }, 20, "extranonce2  has 0 bytes, want 4"},
		{"ntime early", func(p []any) []any { p[3] = hex32(w.ntime - 1); return p }, 20, "ntime " + hex32(w.ntime-1) + " is 1 s before the job's"},
		{"ntime late", func(p []any) []any { p[3] = hex32(w.ntime + 7201); return p }, 20,
			"ntime " + hex32(w.ntime+7201) + " is 7201 s after the job's, at most 7200 are allowed"},
		{"ntime never", func(p []any) []any { p[3] = "ffffffff"; return p }, 20, ""},
		{"ntime is no hex", func(p []any) []any { p[3] = "xxxxxxxx"; return p }, 20, ""},
		{"nonce too short", func(p []any) []any { p[4] = "1234567"; return p }, 20, ""},
		{"nonce is a number", func(p []any) []any { p[4] = 7; return p }, 20, ""},
		{"no nonce", func(p []any) []any { return p[:4] }, 20, ""},
		{"version bits outside", func(p []any) []any { return append(p, "20002000") }, 20, "version bits 20002000 are outside the mask 1fffe000"},
		{"version bits short", func(p []any) []any { return append(p, "2000") }, 20, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m.t = t
			l := m.call("mining.submit", c.change([]any{"w", w.id, hex.EncodeToString(good.en2), hex32(good.ntime), hex32(good.nonce)})...)
			if l.code() != c.code || c.reason != "" && l.reason() != c.reason {
				t.Errorf("got %v, want code %d, %q", l.Error, c.code, c.reason)
			}
			if string(l.Result) != "null" || l.reason() == "" {
				t.Errorf("result %s, reason %q", l.Result, l.reason())
			}
		})
	}
	m.t = t
	m.want(m.submit(w, good), 0) // none of it has hurt
	m.want(m.submit(w, good), 22)
	s := r.Stats().Total
	if s.ByCode[20] != 12 || s.ByCode[21] != 3 || s.ByCode[22] != 1 || s.ByCode[24] != 1 || s.ByCode[25] != 1 || s.Accepted != 1 {
		t.Errorf("counted %+v", s)
	}
}

func hex32(n uint32) string {
	return hex.EncodeToString(binary.BigEndian.AppendUint32(nil, n))
}

// TestNTime: what a miner may do to it.
func TestNTime(t *testing.T) {
	m := start(t, easy()).dial(t).login()
	w := m.next(1)
	target := targetOf(w.difficulty)
	for _, ahead := range []uint32{0, 1, 600, 7190} { // the clock may have gone on since
		s := m.blank(w, 0)
		s.ntime += ahead
		s = m.mine(w, s, target, nil)
		m.want(m.submit(w, s), 0)
	}
}

// TestDifficultyIsExact finds the two neighbouring float64 between which a hash
// passes: at one the share is good, at the next it is not.
func TestDifficultyIsExact(t *testing.T) {
	r := start(t, easy())
	m := r.dial(t).login()
	w := m.next(1)
	for i := range uint64(8) {
		s := m.share(w, i)
		h := number(double(m.header(w, &s)))
		f, _ := new(big.Rat).SetFrac(diff1, h).Float64()
		for targetOf(f).Cmp(h) >= 0 {
			f = math.Nextafter(f, 1)
		}
		for targetOf(f).Cmp(h) < 0 {
			f = math.Nextafter(f, 0)
		}
		for _, c := range []struct {
			d    float64
			code int
		}{{math.Nextafter(f, 1), 23}, {f, 0}} {
			n := len(m.jobs)
			m.ok("mining.suggest_difficulty", c.d)
			w := m.next(n + 1)
			if w.difficulty != c.d {
				t.Fatalf("job at difficulty %v, want %v", w.difficulty, c.d)
			}
			m.want(m.submit(w, s), c.code)
		}
	}
}

// TestDifficultyOfTheJob: a share counts by what was in force when its job came.
func TestDifficultyOfTheJob(t *testing.T) {
	m := start(t, easy()).dial(t).login()
	old := m.next(1)
	s := m.mine(old, m.blank(old, 0), targetOf(1e-8), targetOf(1e-6))
	m.ok("mining.suggest_difficulty", 1e-6)
	next := m.next(2)
	if next.difficulty != 1e-6 || next.clean || next.id == old.id {
		t.Fatalf("next job %+v", next)
	}
	m.want(m.submit(next, s), 23)
	m.want(m.submit(old, s), 0)
	m.want(m.submit(old, s), 22)

	m.ok("mining.suggest_difficulty", 1e-8)
	m.next(3)
	s = m.mine(next, m.blank(next, 9), targetOf(1e-8), targetOf(1e-6))
	m.want(m.submit(next, s), 23)
	m.want(m.submit(m.next(3), s), 0)
	m.want(m.submit(next, m.share(next, 10)), 0)
}

func TestDuplicateAcrossJobs(t *testing.T) {
	m := start(t, easy()).dial(t).login()
	w := m.next(1)
	s := m.share(w, 1)
	m.want(m.submit(w, s), 0)
	m.ok("mining.suggest_difficulty", 0.9e-8)
	m.want(m.submit(m.next(2), s), 22)
}

func TestVersionRolling(t *testing.T) {
	cfg := easy()
	f := &pool.Fixed{Template: fixedTemplate()}
	f.Template.Version = 0x2000e000 // some bits of the mask are set already
	cfg.Source = f
	m := start(t, cfg).dial(t)
	m.login()
	w := m.next(1)
	plain := m.share(w, 0)
	m.want(m.submit(w, plain, 0x2000), 20) // not granted
	m.want(m.submit(w, plain, 0), 20)
	if !m.configure(0x00ffe000, 0) || m.mask != 0x00ffe000 {
		t.Fatalf("mask %08x", m.mask)
	}
	m.want(m.submit(w, plain), 0) // nothing rolled
	target := targetOf(w.difficulty)
	for i, bits := range []uint32{0, 0x2000, 0x00ffe000, 0x00abc000} {
		s := m.blank(w, uint64(i+1))
		s.version = 0x20000000 | bits
		s = m.mine(w, s, target, nil)
		m.want(m.submit(w, s, bits), 0)
		m.want(m.submit(w, s, bits), 22)
		other := s
		other.version ^= 0x4000
		if number(double(m.header(w, &other))).Cmp(target) > 0 { // as most headers
			m.want(m.submit(w, s, bits^0x4000), 23)
		}
		m.want(m.submit(w, s, bits|0x01000000), 20)
	}
	if m.configure(0x20000000, 0) {
		t.Error("a mask beside the pool's was granted")
	}
}

func TestNoVersionRolling(t *testing.T) {
	cfg := easy()
	cfg.VersionMask = 0
	m := start(t, cfg).dial(t)
	if m.configure(0xffffffff, 0) {
		t.Error("version rolling was granted")
	}
}

func TestExtranonce2Sizes(t *testing.T) {
	for _, size := range []int{0, 1, 4, 8, 16} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			cfg := easy()
			cfg.Extranonce2Size = size
			m := start(t, cfg).dial(t).login()
			if m.en2Size != size {
				t.Fatalf("size %d, want %d", m.en2Size, size)
			}
			w := m.next(1)
			for i := range 3 {
				s := m.blank(w, uint64(i))
				for j := range s.en2 {
					s.en2[j] = byte(rand.Uint32())
				}
				s.ntime += uint32(i)
				s = m.mine(w, s, targetOf(w.difficulty), nil)
				m.want(m.submit(w, s), 0)
				m.want(m.submit(w, s), 22)
				s.en2 = append(s.en2, 0)
				m.want(m.submit(w, s), 20)
			}
		})
	}
}

// TestMainnetBlocks replays four blocks that were found.
func TestMainnetBlocks(t *testing.T) {
	for _, j := range mainnet.Jobs() {
		t.Run(strconv.Itoa(int(j.Height)), func(t *testing.T) { replay(t, &j) })
	}
}

func replay(t *testing.T, j *mainnet.Job) {
	reader := &miner{t: t, difficulty: 1}
	w := reader.job(j.Notify)
	tmpl := pool.Template{
		Height: j.Height, Version: w.version, PrevHash: hasher.Hash(w.prev), Bits: hasher.Bits(w.bits), Time: w.ntime,
		Prefix: w.coinb1, Suffix: w.coinb2,
	}
	for _, h := range w.branch {
		tmpl.Branch = append(tmpl.Branch, hasher.Hash(h))
	}
	src := &submitted{Fixed: pool.Fixed{Template: tmpl}}
	cfg := pool.DefaultConfig()
	cfg.Source = src
	cfg.Difficulty = 1
	cfg.Extranonce1, _ = hex.DecodeString(j.Extranonce1)
	cfg.Extranonce2Size = len(j.Extranonce2) / 2
	r := start(t, cfg)
	m := r.dial(t).login()
	if got := m.next(1); !slices.Equal(got.prev, w.prev) || got.ntime != w.ntime || len(got.branch) != len(w.branch) {
		t.Fatalf("the job came back as %+v", got)
	}
	l := m.call("mining.submit", "w", m.next(1).id, j.Extranonce2, j.NTime, j.Nonce)
	m.want(l, 0)
	m.want(m.call("mining.submit", "w", m.next(1).id, j.Extranonce2, j.NTime, j.Nonce), 22)
	if len(src.blocks) != 1 {
		t.Fatalf("%d blocks reached the source, want 1", len(src.blocks))
	}
	b := src.blocks[0]
	if hex.EncodeToString(b.Header[:]) != j.Header || b.Header.Hash().String() != j.BlockHash {
		t.Errorf("header %x, want %s", b.Header, j.Header)
	}
	ev := r.events.await(t, "block", 1)
	if ev["hash"] != j.BlockHash || ev["accepted"] != true || ev["worker"] != "w" {
		t.Errorf("event %v", ev)
	}
	if s := r.Stats(); s.Found != 1 || s.Refused != 0 || len(s.Blocks) != 1 || s.Blocks[0].Hash != j.BlockHash || s.Blocks[0].Height != j.Height {
		t.Errorf("stats %+v", s)
	}
}

// submitted is a fixed job that keeps the blocks. A share is answered once they
// are in, so that reading needs no lock.
type submitted struct {
	pool.Fixed
	blocks []*pool.Block
	err    error
}

func (s *submitted) Submit(_ context.Context, b *pool.Block) error {
	s.blocks = append(s.blocks, b)
	return s.err
}

// fixedTemplate is a job for tests.
func fixedTemplate() pool.Template {
	return pool.Template{
		Height: 7, Version: 0x20000000, Bits: 0x1d00ffff, Time: 1_700_000_000,
		Prefix: []byte{1, 2, 3}, Suffix: []byte{4, 5}, Branch: []hasher.Hash{{1}, {2}, {3}},
	}
}
