package solo

import (
	"context"
	"errors"
	"testing"

	"gominer/internal/node"
	"gominer/miner"
)

// finder is a device that finds one block for each word it gets.
type finder struct {
	find  chan struct{}
	found chan struct{}
}

func (finder) Info() miner.Info { return miner.Info{Name: "finder"} }

func (d finder) Run(ctx context.Context, f *miner.Feed) error {
	var w miner.Work
	for {
		if err := f.Next(ctx, 64, &w); err != nil {
			return err
		}
		select {
		case <-d.find:
		case <-w.Done():
			continue
		case <-ctx.Done():
			return ctx.Err()
		}
		h := w.Header
		for i := range w.Count {
			h.SetNonce(w.First + uint32(i))
			if hash := h.Hash(); w.Job.Target.Meets(&hash) {
				f.Found(&w, w.Job.Version, w.First+uint32(i))
				break
			}
		}
		d.found <- struct{}{}
	}
}

// next waits for the job that follows the first block.
func next(m *miner.Miner) {
	for s := m.Snapshot(); s.Shares.Blocks == 0 || s.Job == nil || s.Job.Job.Height < 2; s = m.Snapshot() {
	}
}

// TestBlockOutlivesTheNode finds a block while the node judges nothing. It is
// submitted to the node that comes back.
func TestBlockOutlivesTheNode(t *testing.T) {
	n, url := newTestNode(t)
	d := finder{make(chan struct{}), make(chan struct{})}
	m, ended, stop := start(t, Config{URL: url, Address: payee, Tag: "/test/"}, miner.Until{}, d)
	password := func(to string) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.password = to
	}
	d.find <- struct{}{}
	<-d.found
	next(m)

	password("changed")
	d.find <- struct{}{}
	<-d.found
	n.change(func() {}) // the long poll ends, and with it the session
	if err := <-ended; !errors.Is(err, node.ErrAuth) {
		t.Errorf("the run ended with %v", err)
	}
	if s := m.Snapshot().Shares; s.Lost != 0 || s.Blocks != 1 {
		t.Errorf("before the node is back: %+v", s)
	}
	password("pass")
	for n := uint64(1); n == 1; n = m.Snapshot().Shares.Blocks {
	}
	s := stop()
	n.mu.Lock()
	defer n.mu.Unlock()
	if s.Shares.Blocks != 2 || s.Shares.Lost != 0 || n.accepted != 2 || len(n.seen) > 0 {
		t.Errorf("%+v; the node took %d, refused %q", s.Shares, n.accepted, n.seen)
	}
}

// TestSettle: a block that no node judges until the end is lost, once, and not
// silently; one that is found too late for its run is submitted in the end.
func TestSettle(t *testing.T) {
	for _, back := range []bool{false, true} {
		n, url := newTestNode(t)
		d := finder{make(chan struct{}), make(chan struct{})}
		m, ended, stop := start(t, Config{URL: url, Address: payee, Tag: "/test/"}, miner.Until{}, d)
		d.find <- struct{}{}
		<-d.found
		next(m)
		n.mu.Lock()
		n.password = "changed"
		n.mu.Unlock()
		d.find <- struct{}{}
		<-d.found
		n.change(func() {})
		<-ended
		if back {
			n.mu.Lock()
			n.password = "pass"
			n.mu.Unlock()
		}
		s := stop()
		n.mu.Lock()
		if back != (s.Shares.Blocks == 2) || back != (s.Shares.Lost == 0) || n.accepted != int(s.Shares.Blocks) {
			t.Errorf("back %v: %+v, the node took %d", back, s.Shares, n.accepted)
		}
		n.mu.Unlock()
	}
}

// TestKeep takes in what its run can't any more: with the run's template it is a
// block, without it is lost.
func TestKeep(t *testing.T) {
	inSession(t, func(_ *miner.Miner, r *run) {
		job, err := r.publish(&node.Template{Height: 20, Bits: 0x1d00ffff, Time: 1})
		if err != nil {
			t.Error(err)
		}
		r.leave()
		r.Keep(miner.Share{Job: job})
		r.Keep(miner.Share{Job: &miner.Job{}})
		if p := r.pending; len(p) != 2 || p[0].block == nil || p[0].err != errUnsent || p[1].block != nil || p[1].err != errOld {
			t.Errorf("%+v", p)
		}
	})
}
