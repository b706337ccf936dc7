package pool

import (
	"context"

	"gominer/hasher"
	"gominer/internal/chain"
)

// Source is where templates come from and blocks go: *Simulated, *Node or
// *Fixed.
type Source interface {
	// Run hands every new template to publish until ctx ends, and leaves no
	// goroutine behind. A template of nil says that there is no work any more:
	// clients are sent away until there is some. An error of publish says that the
	// template cannot be used. Run returns nil once ctx has ended, and an error if
	// there will never be work.
	Run(ctx context.Context, publish func(*Template) error) error

	// Submit hands over a block and returns nil if it is the chain's tip now. It
	// may be called from any goroutine.
	Submit(ctx context.Context, b *Block) error
}

// Template is what jobs are made from. It does not change once published.
type Template struct {
	Height   uint32 // 0: not known
	Version  uint32 // of the header
	PrevHash hasher.Hash
	Bits     hasher.Bits

	// VersionBits have a meaning to the network: clients may not roll them.
	VersionBits uint32

	// Time is the least time of a header, Unix seconds. It goes on with the clock
	// from job to job unless TimeFixed.
	Time      uint32
	TimeFixed bool

	// Coinbase is split around the pool's extranonces, whose size the pool fills
	// in. Where Prefix is not nil, Prefix and Suffix are the parts already.
	Coinbase       chain.Coinbase
	Prefix, Suffix []byte

	Branch []hasher.Hash // merkle path of the coinbase, leaf to root
	Txs    [][]byte      // serialized, those behind the coinbase, in block order

	WorkID string // of a node, to be handed back with the block
}

// Block is a header that meets the network's target, with what belongs to it.
type Block struct {
	Header   hasher.Header
	Coinbase []byte // serialized, without witness
	Template *Template
}

// Bytes returns the serialized block.
func (b *Block) Bytes() ([]byte, error) {
	return chain.Block(&b.Header, b.Coinbase, b.Template.Txs)
}

// Fixed is a Source of one template that no block ends: for tests and replays.
type Fixed struct{ Template Template }

// Run publishes the template.
func (f *Fixed) Run(ctx context.Context, publish func(*Template) error) error {
	t := f.Template
	t.TimeFixed = true
	if err := publish(&t); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// Submit takes every block.
func (f *Fixed) Submit(context.Context, *Block) error { return nil }
