package solo

import (
	"context"
	"testing"

	"gominer/hasher"
	"gominer/internal/node"
	"gominer/miner"
	"gominer/miner/minertest"
)

// inSession calls f with a session of a running miner.
func inSession(t *testing.T, f func(m *miner.Miner, r *run)) {
	t.Helper()
	src, err := New(Config{URL: "http://127.0.0.1:8332", Address: payee})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var m *miner.Miner
	m = miner.New(miner.Config{
		Devices: []miner.Device{watcher{make(chan *miner.Job, 100)}},
		Source: &minertest.Source{Script: func(_ context.Context, s *miner.Session) error {
			defer cancel()
			f(m, &run{Source: src, sess: s, solved: make(map[hasher.Hash]bool)})
			return nil
		}},
	})
	if err := m.Run(ctx); err != nil {
		t.Error(err)
	}
}

// TestHalt follows the work on one parent while blocks on it are judged.
func TestHalt(t *testing.T) {
	bits := hasher.Bits(0x1d00ffff)
	target, err := bits.Target()
	if err != nil {
		t.Fatal(err)
	}
	template := func(parent byte) *node.Template {
		return &node.Template{Height: 20, PrevHash: hasher.Hash{parent}, Bits: bits, Target: target, Time: 1}
	}
	inSession(t, func(m *miner.Miner, r *run) {
		publish := func(parent byte) *miner.Job {
			job, err := r.publish(template(parent))
			if err != nil {
				t.Error(err)
			}
			return job
		}
		mines := func(step string, want *miner.Job) {
			t.Helper()
			var got *miner.Job
			if s := m.Snapshot().Job; s != nil {
				got = s.Job
			}
			if got != want {
				t.Errorf("%s: mines %+v, want %+v", step, got, want)
			}
		}
		first := publish(1)
		mines("a template", first)
		if tpl, err := r.halt(first); err != nil || tpl.PrevHash != first.PrevHash {
			t.Errorf("halt: %+v, %v", tpl, err)
		}
		mines("a block is found", nil)
		second := publish(1)
		mines("a template meanwhile", nil)
		r.judged(first.PrevHash, false)
		mines("the block is refused", second)

		_, _ = r.halt(second)
		r.judged(second.PrevHash, true)
		mines("the block is accepted", nil)
		publish(1)
		mines("a template that was under way", nil)
		if _, err := r.halt(first); err != errSolved {
			t.Errorf("another block on the same parent: %v", err)
		}
		third := publish(1)
		mines("the node has thrown the block out", third)

		_, _ = r.halt(third)
		next := publish(2)
		mines("the next block is known before the answer", next)
		r.judged(third.PrevHash, true)
		mines("the answer", next)
		r.judged(third.PrevHash, false)
		mines("another answer", next)

		for range keepJobs {
			publish(2)
		}
		if _, err := r.halt(next); err != errOld {
			t.Errorf("a block of an old template: %v", err)
		}
		if len(r.kept) != keepJobs {
			t.Errorf("%d templates are held", len(r.kept))
		}
	})
}
