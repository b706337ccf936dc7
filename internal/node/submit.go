package node

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gominer/hasher"
)

// Refusal is a node's reason against a block: its own words but for control
// characters ("bad-cb-amount", "inconclusive").
type Refusal struct {
	Reason string
	Stale  bool // nothing is wrong with the block but that another was faster
}

func (r *Refusal) Error() string { return r.Reason }

// notBest is the reason against a block that the node took without a word,
// but that is not in its best chain: btcd does so with stale blocks and orphans.
const notBest = "not in the node's best chain: another block was faster"

const (
	submitTries = 5
	firstRetry  = 500 * time.Millisecond // doubles
)

// Submit hands a block to the node and returns nil once it is in the node's best
// chain, a *Refusal if the node does not want it, and another error if that
// could not be found out. A block is worth some patience: a node that does not
// answer is asked again, for as long as ctx lasts, at most 5 times.
func (c *Client) Submit(ctx context.Context, block []byte, workID string) error {
	var header hasher.Header
	if len(block) < len(header) {
		return fmt.Errorf("a block of %d bytes has no header", len(block))
	}
	copy(header[:], block)
	params := []any{hex.EncodeToString(block)}
	if workID != "" {
		params = append(params, map[string]string{"workid": workID})
	}
	var reason string
	err := c.retry(ctx, func() (err error) {
		reason, err = c.submit(ctx, params)
		return err
	})
	switch rpc, judged := judgement(err); {
	case judged:
		return &Refusal{Reason: rpc.Message}
	case err != nil:
		return err
	}
	switch reason {
	case "", "duplicate", "inconclusive", "duplicate-inconclusive":
		// Taken, now or by an earlier try whose answer was lost.
	default:
		return &Refusal{Reason: reason}
	}
	var best bool
	err = c.retry(ctx, func() (err error) {
		best, err = c.inBestChain(ctx, header.Hash())
		return err
	})
	switch {
	case err != nil:
		return fmt.Errorf("the block was handed over, but not whether it is in the best chain: %w", err)
	case best:
		return nil
	case reason == "":
		return &Refusal{notBest, true}
	}
	return &Refusal{reason, true}
}

// submit calls submitblock and returns the reason against the block, "" for
// none.
func (c *Client) submit(ctx context.Context, params []any) (string, error) {
	var raw json.RawMessage
	if err := c.call(ctx, c.cfg.Timeout, &raw, "submitblock", params...); err != nil {
		return "", err
	}
	var reason *string
	if err := json.Unmarshal(raw, &reason); err != nil {
		return clean(string(raw)), nil // whatever it is, it is not null
	}
	if reason == nil {
		return "", nil
	}
	if text := clean(*reason); text != "" {
		return text, nil
	}
	return "refused without a reason", nil
}

// inBestChain reports whether the node's best chain has the block.
func (c *Client) inBestChain(ctx context.Context, block hasher.Hash) (bool, error) {
	var best string
	if err := c.call(ctx, c.cfg.Timeout, &best, "getbestblockhash"); err != nil {
		return false, err
	}
	if best == block.String() {
		return true, nil
	}
	// Another block may stand on it already.
	var header struct {
		Confirmations int64 `json:"confirmations"` // -1 in Bitcoin Core for a block beside the best chain
	}
	err := c.call(ctx, c.cfg.Timeout, &header, "getblockheader", block.String(), true)
	if _, judged := judgement(err); judged { // btcd for such a block; any node for an unknown one
		return false, nil
	}
	return err == nil && header.Confirmations > 0, err
}

// judgement returns the node's own error in err, false if there is none or it
// says only that the node is starting, which is no word on a block.
func judgement(err error) (rpc *RPCError, judged bool) {
	judged = errors.As(err, &rpc) && !errors.Is(err, ErrWarmup)
	return rpc, judged
}

// retry calls f again while the node is out of reach.
func (c *Client) retry(ctx context.Context, f func() error) error {
	wait := firstRetry
	for try := 1; ; try++ {
		err := f()
		if err == nil || try == submitTries || ctx.Err() != nil ||
			!errors.Is(err, ErrDown) && !errors.Is(err, ErrBusy) && !errors.Is(err, ErrWarmup) {
			return err
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return err
		case <-t.C:
		}
		wait *= 2
	}
}
