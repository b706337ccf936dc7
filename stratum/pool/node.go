package pool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"gominer/internal/chain"
	"gominer/internal/node"
)

// Node is a Source: a real Bitcoin node.
type Node struct {
	Client  *node.Client
	Address string // that the coinbase pays, of the node's network
	Tag     string // text in the coinbase

	// Patience is how long the last template is served while the node doesn't
	// answer; then clients are sent away. 0: 2 min.
	Patience time.Duration

	Log *slog.Logger // nil: discarded
}

const defaultPatience = 2 * time.Minute

// Run publishes the node's templates. While the node is out of reach it goes on
// trying; it ends with an error if, at its beginning, what is wrong does not mend
// itself: the credentials, the address, a rule of the network.
func (n *Node) Run(ctx context.Context, publish func(*Template) error) error {
	log, patience := n.Log, n.Patience
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	log = log.With("event", "node", "node", n.Client.Name())
	if patience == 0 {
		patience = defaultPatience
	}
	ctx, cancel := context.WithCancel(ctx)
	answers := make(chan answer)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { n.ask(ctx, answers) })

	var script []byte
	var giveUp <-chan time.Time // while the node is down
	up, down := false, false    // there was a template once; the last answer was an error
	for {
		var a answer
		select {
		case <-ctx.Done():
			return nil
		case <-giveUp:
			log.Error("no template for too long: clients are sent away", "patience", patience)
			publish(nil) // never refused
			giveUp = nil
			continue
		case a = <-answers:
		}
		if a.err == nil && script == nil {
			script, a.err = n.script(ctx)
		}
		if a.err == nil {
			a.err = publish(n.template(a.t, script))
		}
		if ctx.Err() != nil {
			return nil
		}
		if a.err == nil {
			if down {
				log.Info("the node answers again")
			}
			up, down, giveUp = true, false, nil
			continue
		}
		if !up && !passing(a.err) {
			return a.err
		}
		log.Warn("no template from the node", "error", a.err)
		if up && !down {
			giveUp = time.After(patience)
		}
		down = true
	}
}

// answer is a template of the node, or why there is none.
type answer struct {
	t   *node.Template
	err error
}

// ask passes on the node's answers as they come.
func (n *Node) ask(ctx context.Context, answers chan<- answer) {
	for t, err := range n.Client.Templates(ctx) {
		select {
		case answers <- answer{t, err}:
		case <-ctx.Done():
			return
		}
	}
}

// passing reports whether an error of the node may mend itself.
func passing(err error) bool {
	for _, e := range []error{node.ErrDown, node.ErrBusy, node.ErrWarmup, node.ErrSyncing, node.ErrNoPeers} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// script returns what pays to the address on the node's network.
func (n *Node) script(ctx context.Context) ([]byte, error) {
	info, err := n.Client.Info(ctx)
	if err != nil {
		return nil, err
	}
	script, err := chain.Script(n.Address, info.Network)
	if err != nil {
		return nil, fmt.Errorf("coinbase %w", err)
	}
	return script, nil
}

func (n *Node) template(t *node.Template, script []byte) *Template {
	out := &Template{
		Height:      t.Height,
		Version:     t.Version,
		VersionBits: t.VersionBits,
		PrevHash:    t.PrevHash,
		Bits:        t.Bits,
		Time:        t.Time,
		Coinbase:    t.Coinbase(script),
		Branch:      t.Branch(),
		WorkID:      t.WorkID,
	}
	out.Coinbase.Tag = n.Tag
	for _, tx := range t.Txs {
		out.Txs = append(out.Txs, tx.Data)
	}
	return out
}

// Submit hands a block to the node.
func (n *Node) Submit(ctx context.Context, b *Block) error {
	raw, err := b.Bytes()
	if err != nil {
		return err
	}
	return n.Client.Submit(ctx, raw, b.Template.WorkID)
}
