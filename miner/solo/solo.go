// Package solo is a miner.Source on a Bitcoin node of one's own: block templates
// in (getblocktemplate with long polling), blocks out (submitblock). Every share
// is a block, and its coinbase pays everything to one address. The package knows
// no pool and no device; what the node says and how is internal/node's.
//
// Specifications: BIP22, BIP23 and BIP145 (getblocktemplate), BIP34 and BIP141
// (coinbase), BIP320 (version rolling).
package solo

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"gominer/hasher"
	"gominer/internal/chain"
	"gominer/internal/node"
	"gominer/miner"
)

const (
	extranonce1Size = 4 // random, so that two miners on one node and address differ
	extranonce2Size = 8

	// rollable are the version bits that BIP320 leaves to miners.
	rollable = 0x1fffe000

	// keepJobs is how many of the latest jobs can still become blocks. A device
	// leaves a job within seconds of the next, and a template may hold 4 MB.
	keepJobs = 8

	// submitGrace is how long a block may still take to be submitted when the
	// session is over.
	submitGrace = 10 * time.Second
)

// Config says what to mine on. URL and Address are required.
type Config struct {
	URL     string // of the node: http(s)://user:pass@host:port
	Address string // that the coinbase pays to

	CookieFile   string // the node's credentials, in place of those in URL; "" for none
	Tag          string // text in the coinbase; "" for none
	FixedVersion bool   // don't roll the header's version bits

	Log  *slog.Logger // nil discards
	TLS  *tls.Config  // nil: the system's roots
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Source is a node as a miner.Source. It is a miner.Keeper: a block outlives the
// node's restart.
type Source struct {
	cfg         Config
	node        *node.Client
	log         *slog.Logger
	extranonce1 []byte

	mu      sync.Mutex
	pending []pending // blocks that no node has judged, oldest first
	last    []kept    // of the last run
}

// New checks what can be checked without the node: the URL's form, the address's
// checksum, the tag's length.
func New(cfg Config) (*Source, error) {
	client, err := node.New(node.Config{URL: cfg.URL, CookieFile: cfg.CookieFile, TLS: cfg.TLS, Dial: cfg.Dial})
	if err != nil {
		return nil, err
	}
	if _, err := chain.Script(cfg.Address, chain.Mainnet); err != nil && !errors.Is(err, chain.ErrNetwork) {
		return nil, fmt.Errorf("coinbase %w", err)
	}
	probe := chain.Coinbase{
		Height: 1<<23 - 1, ExtranonceSize: extranonce1Size + extranonce2Size, Tag: cfg.Tag,
		Outputs: []chain.TxOut{{}},
	}
	if _, _, err := probe.Split(); err != nil {
		return nil, err
	}
	s := &Source{cfg: cfg, node: client, log: cfg.Log, extranonce1: make([]byte, extranonce1Size)}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	_, _ = rand.Read(s.extranonce1) // never fails
	return s, nil
}

// Name returns the node's URL without credentials.
func (s *Source) Name() string { return s.node.Name() }

// Run mines on the node until ctx ends or the node is lost. Blocks that were
// found by then are still submitted; those that the node does not judge any more
// are submitted again by the next Run.
func (s *Source) Run(ctx context.Context, sess *miner.Session) error {
	status := miner.SourceStatus{
		State: miner.Connecting, URL: s.Name(), Protocol: "getblocktemplate", User: s.cfg.Address,
	}
	sess.Status(status)
	info, err := s.node.Info(ctx)
	if err != nil {
		return err
	}
	sess.Connected()
	script, err := chain.Script(s.cfg.Address, info.Network)
	if errors.Is(err, chain.ErrNetwork) {
		return fmt.Errorf("node %s: coinbase %w: give one of %[3]s, or mine on another node", s.Name(), err, info.Network.Name)
	}
	if err != nil {
		return fmt.Errorf("node %s: coinbase %w", s.Name(), err)
	}
	s.resubmit(ctx, sess)
	r := &run{Source: s, sess: sess, script: script, solved: make(map[hasher.Hash]bool)}
	defer r.leave()

	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { r.submitShares(ctx) })
	defer wg.Wait()
	defer cancel()
	for t, err := range s.node.Templates(ctx) {
		if err != nil {
			return err
		}
		job, err := r.publish(t)
		if err != nil {
			return err
		}
		if status.State != miner.Up {
			status.State = miner.Up
			status.Traits = traits(info.Network, t, job)
			sess.Status(status)
		}
	}
	return ctx.Err()
}

func traits(n *chain.Network, t *node.Template, j *miner.Job) []string {
	list := []string{n.Name}
	if t.LongPollID == "" {
		list = append(list, "no long polling")
	}
	if j.VersionMask != 0 {
		list = append(list, fmt.Sprintf("version-rolling %08x", j.VersionMask))
	}
	return list
}

// run is one session.
type run struct {
	*Source
	sess   *miner.Session
	script []byte // that the coinbase pays to

	mu     sync.Mutex
	count  int    // jobs so far
	kept   []kept // the latest jobs, oldest first
	parent hasher.Hash
	state  state                // of the work on parent
	solved map[hasher.Hash]bool // parents that the best chain has a block on
	warned bool                 // of a commitment that differs
}

// state is how far the block on the newest parent is.
type state int

const (
	mining     state = iota
	submitting       // a block was found: no work until the node has judged it
	solved           // the best chain has one: a template on the old parent may still be under way
)

// kept is a job that can still become a block.
type kept struct {
	job      *miner.Job
	template *node.Template
}

// publish makes a job of a template, and hands it out unless a block on the same
// parent is being judged.
func (r *run) publish(t *node.Template) (*miner.Job, error) {
	coinbase := t.Coinbase(r.script)
	coinbase.Tag = r.cfg.Tag
	coinbase.ExtranonceSize = extranonce1Size + extranonce2Size
	prefix, suffix, err := coinbase.Split()
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", r.Name(), err)
	}
	job := &miner.Job{
		Version:  t.Version,
		PrevHash: t.PrevHash,
		Coinbase: &miner.Coinbase{
			Prefix: prefix, Suffix: suffix,
			Extranonce1:     r.extranonce1,
			Extranonce2Size: extranonce2Size,
			Branch:          t.Branch(),
		},
		NTime:  t.Time,
		Bits:   t.Bits,
		Target: t.Target,
		Height: t.Height,

		Value:        uint64(t.Value),
		Transactions: 1 + len(t.Txs),
	}
	if !r.cfg.FixedVersion {
		job.VersionMask = rollable &^ t.VersionBits
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if t.CommitmentDiffers && !r.warned {
		r.warned = true
		r.log.Warn("the node's witness commitment is not that of its transactions, the right one is used", "source", r.Name(), "height", t.Height)
	}
	if r.count == 0 || t.PrevHash != r.parent {
		job.Clean = true
		r.state = mining
	}
	r.parent = t.PrevHash
	r.count++
	job.ID = fmt.Sprintf("%d-%d", job.Height, r.count)
	if len(r.kept) == keepJobs {
		r.kept = append(r.kept[:0], r.kept[1:]...)
	}
	r.kept = append(r.kept, kept{job, t})
	switch r.state {
	case mining:
		delete(r.solved, t.PrevHash) // if it was, the block there is out again
		r.sess.Publish(job)
	case solved:
		r.state = mining
	}
	return job, nil
}
