package miner

import (
	"testing"

	"gominer/hasher"
)

// TestJudgeComparesInFull takes a hash whose top word equals the limit and puts
// the target one below it, at it, and one above: the limit alone says nothing.
func TestJudgeComparesInFull(t *testing.T) {
	g := newGenerator(Start{}, 0)
	j := &Job{Bits: 0x207fffff, Target: hasher.MaxTarget}
	g.publish(&Session{}, j)
	var w Work
	if err := g.next(t.Context(), 1, &w); err != nil {
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
