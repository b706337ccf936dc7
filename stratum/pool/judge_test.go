package pool

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"gominer/hasher"
	"gominer/stratum/v1"
)

func testJob(t *testing.T, bits hasher.Bits) *job {
	t.Helper()
	j, err := newJob(&Template{
		Version: 4, PrevHash: hasher.Hash{9}, Bits: bits, Time: 1_700_000_000,
		Prefix: []byte{1, 2}, Suffix: []byte{3}, Branch: []hasher.Hash{{7}},
	}, 4, 0)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// TestTargets: a hash that is the target passes, one above it does not; the same
// for the network's.
func TestTargets(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	c := claim{
		share: share{extranonce1: []byte{1, 2, 3, 4}, extranonce2: []byte{}, version: 4, ntime: 1_700_000_000, nonce: 5},
		job:   testJob(t, 0x1d00ffff),
	}
	hash := c.job.build(&c.share).hash
	below := func(h hasher.Hash) hasher.Target { // one less
		for i := range h {
			h[i]--
			if h[i] != 0xff {
				break
			}
		}
		return hasher.Target(h)
	}
	for _, tt := range []struct {
		name            string
		target, network hasher.Target
		code            int
		block           bool
	}{
		{"at the target", hasher.Target(hash), hasher.Target{}, 0, false},
		{"above the target", below(hash), hasher.Target{}, v1.CodeLowDifficulty, false},
		{"at the network's", hasher.Target(hash), hasher.Target(hash), 0, true},
		{"above the network's", hasher.Target(hash), below(hash), 0, false},
		{"at the network's, above its own", below(hash), hasher.Target(hash), 0, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, j := c, *c.job
			c.target, j.network = tt.target, tt.network
			c.job = &j
			if v := judge(&c, new(session), fresh, 0, now); v.code != tt.code || v.block != tt.block || v.found.hash != hash {
				t.Errorf("code %d (%s), block %v; want code %d, block %v", v.code, v.reason, v.block, tt.code, tt.block)
			}
		})
	}
}

func TestStale(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	c := claim{
		share:  share{extranonce2: []byte{}, ntime: 1_700_000_000},
		job:    testJob(t, 0x207fffff),
		target: hasher.MaxTarget,
	}
	for !c.job.network.Meets(&c.job.build(&c.share).hash) {
		c.nonce++
	}
	s := new(session)
	for i := range 2 {
		if v := judge(&c, s, stale, 0, now); v.code != v1.CodeJobNotFound || v.block != (i == 0) {
			t.Errorf("code %d, block %v the %dth time", v.code, v.block, i+1)
		}
	}
}

func TestLate(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	m := moment{epoch: 7, began: now}
	for _, tt := range []struct {
		epoch uint64
		after time.Duration
		want  age
	}{
		{7, time.Hour, fresh}, {6, 0, late}, {6, time.Second, late}, {6, 2 * time.Second, stale}, {5, 0, stale}, {8, 0, stale},
	} {
		if got := m.age(&job{epoch: tt.epoch}, 2*time.Second, now.Add(tt.after)); got != tt.want {
			t.Errorf("a job of epoch %d, %v into epoch 7: %d, want %d", tt.epoch, tt.after, got, tt.want)
		}
	}
	if got := m.age(&job{epoch: 6}, 0, now); got != stale {
		t.Errorf("without a grace: %d, want %d", got, stale)
	}
	c := claim{
		share:  share{extranonce2: []byte{}, ntime: 1_700_000_000},
		job:    testJob(t, 0x1d00ffff),
		target: hasher.MaxTarget,
	}
	s := new(session)
	s.first(c.job.epoch+1, hasher.Hash{}) // the new epoch's first share came before
	for i, want := range []int{0, v1.CodeDuplicate} {
		if v := judge(&c, s, late, 0, now); v.code != want {
			t.Errorf("a late share the %dth time: code %d, want %d", i+1, v.code, want)
		}
	}
}

func TestCheckTime(t *testing.T) {
	j := testJob(t, 0x1d00ffff)
	at := func(d int64) time.Time { return time.Unix(int64(j.time)+d, 0) }
	for _, c := range []struct {
		ntime uint32
		now   time.Time
		ok    bool
	}{
		{j.time, at(0), true},
		{j.time - 1, at(0), false},
		{0, at(0), false},
		{j.time + 7200, at(0), true},
		{j.time + 7201, at(0), false},
		{j.time + 7201, at(100), false}, // more than the job's allows
		{j.time + 7100, at(-100), true},
		{j.time + 7101, at(-100), false}, // more than nodes take
		{j.time, at(-100_000), true},     // the job itself is ahead
		{j.time + 1, at(-100_000), false},
		{1<<32 - 1, at(0), false},
	} {
		if why := j.checkTime(c.ntime, c.now); (why == "") != c.ok {
			t.Errorf("ntime %+d at %v: %q, want ok %v", int64(c.ntime)-int64(j.time), c.now.Unix()-int64(j.time), why, c.ok)
		}
	}
}

func TestSeenIsBounded(t *testing.T) {
	s := new(session)
	hash := func() (h hasher.Hash) { rand.Read(h[:]); return h }
	var recent []hasher.Hash
	for range 3 * seenPerGeneration {
		h := hash()
		if !s.first(1, h) {
			t.Fatal("a new hash was taken for a duplicate")
		}
		if recent = append(recent, h); len(recent) > seenPerGeneration {
			recent = recent[1:]
		}
	}
	if n := len(s.seen) + len(s.old); n > 2*seenPerGeneration {
		t.Errorf("%d shares are remembered, want at most %d", n, 2*seenPerGeneration)
	}
	for _, h := range recent {
		if s.first(1, h) {
			t.Fatal("one of the latest shares was forgotten")
		}
	}
	h := hash()
	if !s.first(2, h) || s.first(2, h) || s.first(1, recent[len(recent)-1]) || len(s.seen) != 1 {
		t.Error("a new epoch does not begin with the shares of the last")
	}
	if s.first(3, hash()); len(s.seen)+len(s.old) != 2 {
		t.Error("shares of the epoch before the last are still remembered")
	}
}

func TestSessions(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	attach := func(s *sessions, id string, now time.Time) *session {
		t.Helper()
		n, err := s.attach(id, now)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	t.Run("resume", func(t *testing.T) {
		s := newSessions(nil)
		a := attach(s, "", now)
		if b := attach(s, a.id, now); b == a {
			t.Error("a session in use was resumed")
		}
		s.detach(a, now)
		if attach(s, a.id, now) != a || a.conns != 1 || s.idle != 0 {
			t.Error("not resumed")
		}
		s.detach(a, now)
		attach(s, "", now.Add(sessionKept/2))
		if attach(s, a.id, now.Add(sessionKept)) != a {
			t.Error("forgotten too soon")
		}
		s.detach(a, now)
		attach(s, "", now.Add(2*sessionKept+1))
		if attach(s, a.id, now) == a {
			t.Error("not forgotten")
		}
	})
	t.Run("extranonces wrap and stay unique", func(t *testing.T) {
		s := newSessions(nil)
		s.next = 1<<32 - 2
		seen := map[string]bool{}
		for range 5 {
			seen[string(s.extranonce1(attach(s, "", now)))] = true
		}
		s.next = 1<<32 - 2
		for range 5 {
			seen[string(s.extranonce1(attach(s, "", now)))] = true
		}
		if len(seen) != 10 {
			t.Errorf("%d different ones, want 10", len(seen))
		}
	})
	t.Run("renewed", func(t *testing.T) {
		s := newSessions(nil)
		a := attach(s, "", now)
		first := s.extranonce1(a)
		for i := range 2 * extranonces {
			en, gone := s.renew(a)
			if en == nil || (gone != nil) != (i >= extranonces-1) || bytes.Equal(en, first) {
				t.Fatalf("renewal %d: %x, %x", i, en, gone)
			}
		}
		if len(s.byEn) != extranonces {
			t.Errorf("%d extranonces are held, want %d", len(s.byEn), extranonces)
		}
		s.detach(a, now)
		if b := attach(s, a.id, now); b != a || bytes.Equal(s.extranonce1(b), first) {
			t.Error("resumed with the first extranonce1")
		}
		s.detach(a, now)
		attach(s, "", now.Add(2*sessionKept+1))
		if len(s.byEn) != 1 {
			t.Errorf("%d extranonces are held of a session that is gone", len(s.byEn)-1)
		}
		if en, _ := newSessions([]byte{1}).renew(a); en != nil {
			t.Error("a fixed extranonce1 changed")
		}
	})
	t.Run("bounded", func(t *testing.T) {
		s := newSessions(nil)
		for range 3 * sessionsKept {
			s.detach(attach(s, "", now), now)
		}
		if n := len(s.byID); n > sessionsKept+1 || n != len(s.byEn) || n != s.idle {
			t.Errorf("%d sessions by id, %d by extranonce, %d idle; want at most %d", n, len(s.byEn), s.idle, sessionsKept+1)
		}
	})
	t.Run("shared", func(t *testing.T) {
		s := newSessions([]byte{1})
		a := attach(s, "", now)
		if attach(s, "", now) != a || a.conns != 2 {
			t.Error("a fixed extranonce1 has two sessions")
		}
		s.detach(a, now)
		s.detach(a, now)
		if attach(s, "", now.Add(100*sessionKept)) != a || s.idle != 0 {
			t.Error("a fixed extranonce1 has a second session")
		}
	})
}

func TestLedgerIsBounded(t *testing.T) {
	l := ledger{workers: make(map[string]*worker)}
	for i := range 2 * workersKept {
		w := l.join(fmt.Sprint(i))
		if w == nil {
			t.Fatal("no room though nobody is there")
		}
		if i > 0 {
			l.leave(map[string]*worker{"": w})
		}
	}
	if len(l.workers) != workersKept || l.workers["0"] == nil {
		t.Errorf("%d workers, the connected one %v", len(l.workers), l.workers["0"])
	}
	for i := range workersKept {
		l.join(fmt.Sprint("b", i))
	}
	if l.join("one more") != nil {
		t.Error("more connected workers than are kept")
	}
	for i := range 2 * blocksKept {
		l.block(BlockStats{Height: uint32(i)})
	}
	if len(l.blocks) != blocksKept || l.blocks[blocksKept-1].Height != 2*blocksKept-1 || l.found != 2*blocksKept {
		t.Errorf("%d blocks kept of %d", len(l.blocks), l.found)
	}
}

func TestMeter(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	var m meter
	if r := m.rate(now); r != 0 {
		t.Errorf("no share: %v H/s", r)
	}
	for i := range 3600 {
		m.add(now.Add(time.Duration(i)*time.Second), 1)
		if r := m.rate(now.Add(time.Duration(i) * time.Second)); i > 10 && (r < 4.2e9 || r > 4.8e9) {
			t.Fatalf("a share of difficulty 1 each second: %v H/s after %d s", r, i)
		}
	}
	later := now.Add(2 * time.Hour)
	if r := m.rate(later); r > 1e5 {
		t.Errorf("an hour after the last share: %v H/s", r)
	}
	m.add(later, 1)
	if r := m.rate(later); r != 0 {
		t.Errorf("%v H/s at the first share after a long break", r)
	}
}
