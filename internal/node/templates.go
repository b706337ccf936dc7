package node

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"
)

const (
	pollEvery  = 5 * time.Second        // templates of a node without long polling
	firstPause = 100 * time.Millisecond // after a long poll that brought nothing new; doubles

	firstBackoff = time.Second // doubles
	mostBackoff  = 30 * time.Second
)

// Templates returns the node's templates as they come, for ever: the first at
// once, then each that a long poll brings, and one every Config.Refresh in any
// case (every 5 s from a node without long polling). An error comes in place of a
// template; whoever goes on after it gets the next try after a while. The
// sequence ends when ctx does.
//
// At most one long poll is open, and it is not given up for a refresh: Bitcoin
// Core keeps a thread busy for each one until a block is found, whether the
// caller is there or not.
func (c *Client) Templates(ctx context.Context) iter.Seq2[*Template, error] {
	return func(yield func(*Template, error) bool) {
		wait := firstBackoff
		for ctx.Err() == nil {
			err := c.templates(ctx, func(t *Template) bool {
				wait = firstBackoff
				return yield(t, nil)
			})
			if err == errStopped || ctx.Err() != nil || !yield(nil, err) || !sleep(ctx, wait) {
				return
			}
			wait = min(2*wait, mostBackoff)
		}
	}
}

var errStopped = errors.New("no more templates wanted")

type polled struct {
	t   *Template
	err error
}

// templates goes on until the first error, or until yield wants no more.
func (c *Client) templates(ctx context.Context, yield func(*Template) bool) error {
	pollCtx, cancel := context.WithCancel(ctx)
	var poll chan polled // of the long poll that is open; nil: none
	defer func() {
		cancel()
		if poll != nil {
			<-poll
		}
	}()
	var last *Template
	next := func(t *Template) error {
		t.shareTxs(last)
		last = t
		if !yield(t) {
			return errStopped
		}
		return ctx.Err()
	}
	t, err := c.Template(ctx, "")
	if err != nil {
		return err
	}
	if err := next(t); err != nil {
		return err
	}
	pause := time.Duration(0) // before the next long poll
	for {
		wait := c.cfg.Refresh
		switch {
		case last.LongPollID == "":
			wait = min(wait, pollEvery)
		case poll == nil:
			poll = make(chan polled)
			go func(id string, answer chan<- polled, pause time.Duration) {
				sleep(pollCtx, pause)
				t, err := c.Template(pollCtx, id)
				answer <- polled{t, err}
			}(last.LongPollID, poll, pause)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case p := <-poll:
			timer.Stop()
			poll = nil
			t, err = p.t, p.err
			if err == nil && t.LongPollID != last.LongPollID {
				pause = 0
				break
			}
			// Nothing new: btcd answers so when a block comes in beside the best
			// chain. Or the poll was cut off on its way, or the node is gone, which a
			// plain call tells.
			pause = min(max(2*pause, firstPause), pollEvery)
			if err != nil {
				t, err = c.Template(ctx, "")
			}
		case <-timer.C:
			t, err = c.Template(ctx, "")
		}
		if err != nil {
			return err
		}
		if err := next(t); err != nil {
			return err
		}
	}
}

// shareTxs lets go of t's transactions if they are those of last, so that a
// hundred templates between two blocks don't hold them a hundred times.
func (t *Template) shareTxs(last *Template) {
	if last == nil {
		return
	}
	same := slices.EqualFunc(t.Txs, last.Txs, func(a, b Tx) bool { return a.WTxID == b.WTxID })
	if same {
		t.Txs = last.Txs
	}
}

// sleep reports whether ctx lasted.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
