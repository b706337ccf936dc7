package solo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"gominer/hasher"
	"gominer/internal/node"
	"gominer/miner"
)

// Reasons of our own against a share that no node would make a block of.
var (
	errSolved = fmt.Errorf("%w: the best chain has a block on the same parent", miner.ErrStale)
	errOld    = fmt.Errorf("%w: its block template is no longer held", miner.ErrStale)
)

// submitShares submits blocks until ctx ends, and then those that wait.
func (r *run) submitShares(ctx context.Context) {
	submitCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		select {
		case <-ctx.Done():
		case <-done:
			return
		}
		t := time.NewTimer(submitGrace)
		defer t.Stop()
		select {
		case <-t.C:
			cancel()
		case <-done:
		}
	})
	defer wg.Wait()
	defer close(done)
	for {
		select {
		case sh := <-r.sess.Shares():
			r.submit(submitCtx, sh)
			continue
		case <-ctx.Done():
		}
		break
	}
	for {
		select {
		case sh := <-r.sess.Shares():
			r.submit(submitCtx, sh)
		default:
			return
		}
	}
}

// submit reports what the node makes of a share. Meanwhile nothing is mined on
// the share's parent: where blocks come easily the node would drown in them.
func (r *run) submit(ctx context.Context, sh miner.Share) {
	t, err := r.halt(sh.Job)
	if err != nil {
		r.sess.Report(sh, err)
		return
	}
	block, err := serialize(t, &sh)
	if err == nil {
		sh.Sent = time.Now()
		err = r.node.Submit(ctx, block, t.WorkID)
	}
	var refused *node.Refusal
	r.judged(sh.Job.PrevHash, err == nil || errors.As(err, &refused) && refused.Stale)
	if block != nil && unjudged(err) && r.postpone(pending{sh, block, t.WorkID, err}) {
		return
	}
	r.sess.Report(sh, outcome(err))
}

// serialize returns the block of a share.
func serialize(t *node.Template, sh *miner.Share) ([]byte, error) {
	c := sh.Job.Coinbase
	coinbase := slices.Concat(c.Prefix, c.Extranonce1, miner.Extranonce2Bytes(sh.Extranonce2, c.Extranonce2Size), c.Suffix)
	header := sh.Header(c.MerkleRoot(sh.Extranonce2))
	return t.Block(&header, coinbase)
}

// halt ends the work on the parent of a job for now, and returns the job's
// template.
func (r *run) halt(job *miner.Job) (*node.Template, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.kept, func(k kept) bool { return k.job == job })
	switch {
	case r.solved[job.PrevHash]:
		return nil, errSolved
	case i < 0:
		return nil, errOld
	}
	if job.PrevHash == r.parent {
		r.state = submitting
		r.sess.Publish(nil)
	}
	return r.kept[i].template, nil
}

// judged goes on after the node has judged a block on parent: with nothing if the
// best chain has a block there now, ours or a faster one, as the next template is
// on its way; else with the newest job.
func (r *run) judged(parent hasher.Hash, settled bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if settled {
		if len(r.solved) >= keepJobs {
			clear(r.solved)
		}
		r.solved[parent] = true
	}
	switch {
	case parent != r.parent || r.state != submitting:
	case settled:
		r.state = solved
	default:
		r.state = mining
		r.sess.Publish(r.kept[len(r.kept)-1].job)
	}
}
