package miner

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"gominer/hasher"
)

// TestJudgeComparesInFull takes a hash whose top word equals the limit and puts
// the target one below it, at it, and one above: the limit alone says nothing.
func TestJudgeComparesInFull(t *testing.T) {
	g := newGenerator(Start{}, 0, 1)
	j := &Job{Bits: 0x207fffff, Target: hasher.MaxTarget}
	g.publish(mining(g), j)
	var w Work
	if err := g.next(t.Context(), 0, 1, &w); err != nil {
		t.Fatal(err)
	}
	hash := w.Header.Hash()
	one := func(step int) hasher.Target {
		v := hasher.Target(hash)
		for i := range v {
			v[i] += byte(step)
			if step > 0 && v[i] != 0 || step < 0 && v[i] != 0xff {
				break
			}
		}
		return v
	}
	for _, tt := range []struct {
		name   string
		target hasher.Target
		want   Verdict
	}{
		{"one below", one(-1), AboveTarget},
		{"equal", hasher.Target(hash), Good},
		{"one above", one(+1), Good},
	} {
		job := *j
		job.Target = tt.target
		work := w
		work.Job, work.Limit = &job, tt.target.Limit()
		seen := recent{at: map[hasher.Hash]struct{}{}}
		sh, got := judge(&found{work: work, version: job.Version}, &seen, false)
		if got != tt.want || sh.Hash != hash {
			t.Errorf("target %s: verdict %v of %v, want %v", tt.name, got, sh.Hash, tt.want)
		}
		network, _ := j.Bits.Target()
		if want := got == Good && network.Meets(&hash); sh.Block != want {
			t.Errorf("target %s: block %v, want %v", tt.name, sh.Block, want)
		}
	}
}

// TestJudgeLooksInOrder reports one hash twice, and nonces around a range.
func TestJudgeLooksInOrder(t *testing.T) {
	w := Work{Job: &Job{Bits: 0x207fffff}, First: 10, Count: 5, Limit: 1<<32 - 1, lease: newLease(newTip(nil, 1))}
	seen := recent{at: map[hasher.Hash]struct{}{}}
	for _, tt := range []struct {
		nonce uint32
		want  Verdict
	}{
		{9, HardwareError}, {10, AboveTarget}, {14, AboveTarget}, {15, HardwareError}, {10, Duplicate},
	} {
		if _, got := judge(&found{work: w, nonce: tt.nonce}, &seen, false); got != tt.want {
			t.Errorf("nonce %d of [10, 15): verdict %d, want %d", tt.nonce, got, tt.want)
		}
	}
}

// TestJudgeKeepsBlocks: a share of a job that was cleaned is stale, a block is sent
// all the same.
func TestJudgeKeepsBlocks(t *testing.T) {
	for _, tt := range []struct {
		bits hasher.Bits
		want Verdict
	}{{0x2100ffff, Good}, {0x1d00ffff, Stale}} {
		tip := newTip(&Session{src: pool{}}, 1)
		tip.kill()
		w := Work{Job: &Job{Bits: tt.bits, Target: hasher.MaxTarget}, Count: 1, Limit: 1<<32 - 1, lease: tip.leases[0]}
		w.Header.SetMerkleRoot(hasher.Hash{1})
		seen := recent{at: map[hasher.Hash]struct{}{}}
		if sh, got := judge(&found{work: w}, &seen, false); got != tt.want || sh.Block != (got == Good) {
			t.Errorf("bits %v: verdict %v, block %v", tt.bits, got, sh.Block)
		}
	}
}

// TestDeliver hands a share to sessions that can't take it.
func TestDeliver(t *testing.T) {
	lost, stale, taken := Tally{Lost: 1}, Tally{Stale: 1}, Tally{}
	for _, tt := range []struct {
		name        string
		queued      int // shares that wait already
		submitStale bool
		then        func(s *Session, t *tip, end func())
		want        Tally
	}{
		{"over, with room", 0, false, func(s *Session, _ *tip, _ func()) { close(s.done) }, lost},
		{"over", shareQueue, false, func(s *Session, _ *tip, _ func()) { close(s.done) }, lost},
		{"full when the run ends", shareQueue, false, func(_ *Session, _ *tip, end func()) { end() }, lost},
		{"full until the job is cleaned", shareQueue, false, func(_ *Session, t *tip, _ func()) { t.kill() }, stale},
		{"full for a while", shareQueue, false, func(s *Session, _ *tip, _ func()) { <-s.shares }, taken},
		{"full for a while, stale shares wanted", shareQueue, true, func(s *Session, t *tip, _ func()) {
			t.kill()
			synctest.Wait()
			<-s.shares
		}, taken},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := New(Config{Devices: []Device{idle{}}, SubmitStale: tt.submitStale})
				s := newSession(m, nil, pool{}, "pool")
				for range tt.queued {
					s.shares <- Share{Job: &Job{}}
				}
				tip := newTip(s, 1)
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan struct{})
				if tt.queued == 0 {
					tt.then(s, tip, cancel)
				}
				go func() {
					defer close(done)
					m.deliver(ctx, tip, Share{Job: &Job{ID: "late"}})
				}()
				if tt.queued > 0 {
					synctest.Wait()
					tt.then(s, tip, cancel)
				}
				synctest.Wait()
				select {
				case <-done:
				default:
					t.Error("the collector still waits")
				}
				cancel()
				<-done
				if got := m.ledger.tally; got != tt.want {
					t.Errorf("counted %+v, want %+v", got, tt.want)
				}
			})
		})
	}
}

// TestDeliverToWhoHasSettled: what is found for a source that is no longer run, and
// has settled, is looked after all the same.
func TestDeliverToWhoHasSettled(t *testing.T) {
	m := New(Config{Devices: []Device{idle{}}})
	src := &keeper{}
	s := newSession(m, nil, src, "keeper")
	close(s.done)
	one := Share{Job: &Job{}}
	m.deliver(t.Context(), newTip(s, 1), one)
	if got := m.ledger.tally; got != (Tally{}) || len(src.kept) != 1 {
		t.Errorf("%d kept, counted %+v", len(src.kept), got)
	}
	var wg sync.WaitGroup
	m.settleBeside(&wg, src, "keeper")
	m.deliver(t.Context(), newTip(s, 1), one)
	wg.Wait()
	m.deliver(t.Context(), newTip(s, 1), one)
	if got := m.ledger.tally; got != (Tally{Lost: 3}) || len(src.kept) != 0 {
		t.Errorf("%d kept, counted %+v", len(src.kept), got)
	}
}

type keeper struct {
	pool
	mu   sync.Mutex
	kept []Share
}

func (k *keeper) Keep(sh Share) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.kept = append(k.kept, sh)
}

func (k *keeper) Settle(s *Session) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, sh := range k.kept {
		s.Report(sh, errUnsent)
	}
	k.kept = nil
}

type pool struct{}

func (pool) Name() string { return "pool" }

func (pool) Run(context.Context, *Session) error { return nil }

type idle struct{}

func (idle) Info() Info { return Info{Name: "idle"} }

func (idle) Run(ctx context.Context, _ *Feed) error { <-ctx.Done(); return ctx.Err() }

// TestJobOfAnotherSource keeps the job of a source when another's ends.
func TestJobOfAnotherSource(t *testing.T) {
	m := New(Config{Devices: []Device{idle{}}})
	m.ledger.job("a", &Job{}, m.ledger.started)
	m.ledger.job("b", nil, m.ledger.started)
	if m.Snapshot().Job == nil {
		t.Error("the end of b took the job of a")
	}
}

func TestRecentForgetsTheOldest(t *testing.T) {
	r := recent{at: map[hasher.Hash]struct{}{}}
	hash := func(i int) hasher.Hash { return hasher.Hash{byte(i), byte(i >> 8), byte(i >> 16)} }
	for i := range rememberHashes + 10 {
		if r.before(hash(i)) {
			t.Fatalf("hash %d is said to have come before", i)
		}
	}
	if len(r.at) != rememberHashes {
		t.Errorf("%d hashes remembered, want %d", len(r.at), rememberHashes)
	}
	if !r.before(hash(rememberHashes)) || r.before(hash(0)) {
		t.Error("the latest must be remembered, the oldest forgotten")
	}
}
