package node

import (
	"context"

	"gominer/hasher"
	"gominer/internal/chain"
)

// Info is the state of a node's chain.
type Info struct {
	Network         *chain.Network
	Blocks, Headers uint32 // heights of the best chain and of the best known header
	Best            hasher.Hash
}

// Info asks for the state of the chain (getblockchaininfo).
func (c *Client) Info(ctx context.Context) (*Info, error) {
	var r struct {
		Chain   string `json:"chain"`
		Blocks  uint32 `json:"blocks"`
		Headers uint32 `json:"headers"`
		Best    string `json:"bestblockhash"`
	}
	if err := c.call(ctx, c.cfg.Timeout, &r, "getblockchaininfo"); err != nil {
		return nil, err
	}
	network, err := chain.NetworkNamed(r.Chain)
	if err != nil {
		return nil, c.errorf(ErrNotRPC, err, "getblockchaininfo: %v", err)
	}
	best, err := hasher.ParseHash(r.Best)
	if err != nil {
		return nil, c.errorf(ErrNotRPC, err, "getblockchaininfo: bestblockhash: %v", err)
	}
	signet := int32(1)
	if network == chain.Signet {
		signet = 2
	}
	c.signet.Store(signet)
	return &Info{network, r.Blocks, r.Headers, best}, nil
}

// isSignet asks once whether the node is on signet.
func (c *Client) isSignet(ctx context.Context) (bool, error) {
	if c.signet.Load() == 0 {
		if _, err := c.Info(ctx); err != nil {
			return false, err
		}
	}
	return c.signet.Load() == 2, nil
}
