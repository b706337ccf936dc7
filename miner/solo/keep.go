package solo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gominer/internal/node"
	"gominer/miner"
)

// pending is a block that no node has judged: none answered, or it was found too
// late for its run.
type pending struct {
	share  miner.Share
	block  []byte // nil: it can't be made any more
	workID string
	err    error // why it is not judged
}

const (
	// keepPending is how many such blocks are kept. More of them means a chain
	// whose blocks cost nothing.
	keepPending = 16

	// settleTime is how long they may take in the end, when no run will follow.
	settleTime = 5 * time.Second
)

// leave ends a run: the Source keeps its templates, for what was found on them
// and has not arrived yet.
func (r *run) leave() {
	r.mu.Lock()
	templates := r.kept
	r.mu.Unlock()
	r.Source.mu.Lock()
	defer r.Source.mu.Unlock()
	r.Source.last = slices.Clone(templates)
}

// Keep takes in a block that was found too late for its run.
func (s *Source) Keep(sh miner.Share) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := pending{share: sh, err: errOld}
	if i := slices.IndexFunc(s.last, func(k kept) bool { return k.job == sh.Job }); i >= 0 {
		t := s.last[i].template
		p.workID, p.err = t.WorkID, errUnsent
		if p.block, p.err = serialize(t, &sh); p.err == nil {
			p.err = errUnsent
		}
	}
	s.pending = append(s.pending, p)
}

var errUnsent = errors.New("the node was lost before the block was submitted")

// postpone keeps a block that could not be judged, and reports whether there was
// room for it.
func (s *Source) postpone(p pending) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.pending) >= keepPending {
		return false
	}
	s.pending = append(s.pending, p)
	return true
}

// resubmit submits what earlier runs left. What the node does not judge now
// either stays for the next run.
func (s *Source) resubmit(ctx context.Context, sess *miner.Session) {
	s.mu.Lock()
	list := s.pending
	s.pending = nil
	s.mu.Unlock()
	for _, p := range list {
		if p.block == nil {
			sess.Report(p.share, p.err)
			continue
		}
		s.log.Info("submitting a block that the node has not judged", "source", s.Name(), "hash", p.share.Hash, "height", p.share.Job.Height)
		p.share.Sent = time.Now()
		p.err = s.node.Submit(ctx, p.block, p.workID)
		if unjudged(p.err) && s.postpone(p) {
			continue
		}
		sess.Report(p.share, outcome(p.err))
	}
}

// Settle tries for the last time, and reports all that is left as lost.
func (s *Source) Settle(sess *miner.Session) {
	s.mu.Lock()
	none := len(s.pending) == 0
	s.mu.Unlock()
	if none {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), settleTime)
	defer cancel()
	s.resubmit(ctx, sess)
	s.mu.Lock()
	list := s.pending
	s.pending = nil
	s.mu.Unlock()
	for _, p := range list {
		sess.Report(p.share, fmt.Errorf("no node has judged it: %w", p.err))
	}
}

// unjudged reports whether what Submit says leaves open what becomes of a block.
func unjudged(err error) bool {
	var refused *node.Refusal
	return err != nil && !errors.As(err, &refused)
}

// outcome returns what Submit says as the miner is told it.
func outcome(err error) error {
	var refused *node.Refusal
	if errors.As(err, &refused) {
		return &miner.Reject{Reason: refused.Reason}
	}
	return err
}
