package pool

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"gominer/hasher"
	"gominer/internal/chain"
)

// Simulated is a Source: a chain of its own that lives in memory, with real
// headers, coinbases and transactions. A client's block that passes all its
// checks becomes the tip; other blocks come "from the network", regularly and
// without proof of work. The fields are set before the pool runs.
type Simulated struct {
	Bits         hasher.Bits   // network target
	BlockEvery   time.Duration // a block of the network comes this often; 0: never
	Transactions int           // in each block, behind the coinbase
	Tag          string        // text in the coinbase

	mu      sync.Mutex // guards the rest
	publish func(*Template) error
	tip     hasher.Hash
	times   []uint32 // of the last 11 blocks, the tip's last
	current *Template
}

const (
	// simulatedBits are difficulty 1/4: a CPU of some cores finds a block in
	// seconds to a minute.
	simulatedBits = 0x1d03ffff
	simulatedTxs  = 5

	simulatedVersion = 0x20000000 // no deployments (BIP9)
	simulatedFee     = 2_500      // satoshis for each transaction
	medianSpan       = 11         // blocks in the median time past

	maxSimulatedTxs = 10_000
)

// regtestGenesis is the block that the simulated chain stands on.
var regtestGenesis = hasher.Hash{
	0x06, 0x22, 0x6e, 0x46, 0x11, 0x1a, 0x0b, 0x59, 0xca, 0xaf, 0x12, 0x60, 0x43, 0xeb, 0x5b, 0xbf,
	0x28, 0xc3, 0x4f, 0x3a, 0x5e, 0x33, 0x2a, 0x1f, 0xc7, 0xb2, 0xb7, 0x3c, 0xf1, 0x88, 0x91, 0x0f,
}

// NewSimulated returns a chain of difficulty 1/4 with a few transactions in each
// block, on which only the clients find blocks.
func NewSimulated() *Simulated {
	return &Simulated{Bits: simulatedBits, Transactions: simulatedTxs, Tag: "/gominer/"}
}

// Run publishes a template for each tip.
func (s *Simulated) Run(ctx context.Context, publish func(*Template) error) error {
	if _, err := s.Bits.Target(); err != nil {
		return fmt.Errorf("simulated chain: %w", err)
	}
	if s.Transactions < 0 || s.Transactions > maxSimulatedTxs {
		return fmt.Errorf("simulated chain: %d transactions in a block, want 0 to %d", s.Transactions, maxSimulatedTxs)
	}
	if s.BlockEvery < 0 {
		return fmt.Errorf("simulated chain: a block every %v, want a time above 0", s.BlockEvery)
	}
	if err := s.begin(publish); err != nil {
		return fmt.Errorf("simulated chain: %w", err)
	}
	if s.BlockEvery == 0 {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(s.BlockEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := s.foreign(); err != nil {
				return fmt.Errorf("simulated chain: %w", err)
			}
		}
	}
}

func (s *Simulated) begin(publish func(*Template) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.publish = publish
	if s.current == nil {
		s.tip = regtestGenesis
		for i := range medianSpan {
			s.times = append(s.times, uint32(time.Now().Unix())-uint32(60*(medianSpan-i)))
		}
		return s.nextLocked(1)
	}
	return publish(s.current)
}

// foreign grows the chain by a block of the network.
func (s *Simulated) foreign() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.current
	c := t.Coinbase
	c.Tag = "/network/"
	prefix, suffix, err := c.Split()
	if err != nil {
		return err
	}
	var h hasher.Header
	h.SetVersion(t.Version)
	h.SetPrevHash(t.PrevHash)
	h.SetMerkleRoot(chain.FoldBranch(hasher.DoubleSum(slices.Concat(prefix, suffix)), t.Branch))
	h.SetTime(max(t.Time, uint32(time.Now().Unix())))
	h.SetBits(t.Bits)
	return s.growLocked(&h)
}

// growLocked makes a block the tip and publishes the next template.
func (s *Simulated) growLocked(h *hasher.Header) error {
	s.tip = h.Hash()
	s.times = append(s.times[1:], h.Time())
	return s.nextLocked(s.current.Height + 1)
}

// medianLocked returns the median time past (BIP113).
func (s *Simulated) medianLocked() uint32 {
	sorted := slices.Sorted(slices.Values(s.times))
	return sorted[len(sorted)/2]
}

// nextLocked publishes the template of the block on the tip.
func (s *Simulated) nextLocked(height uint32) error {
	txs, txids, wtxids := simulateTxs(height, s.Transactions)
	value := chain.Subsidy(height, chain.Mainnet) + simulatedFee*int64(len(txs))
	t := &Template{
		Height:   height,
		Version:  simulatedVersion,
		PrevHash: s.tip,
		Bits:     s.Bits,
		Time:     max(s.medianLocked()+1, uint32(time.Now().Unix())),
		Coinbase: chain.Coinbase{
			Height: height,
			Tag:    s.Tag,
			Outputs: []chain.TxOut{
				{Value: value, Script: opTrue},
				{Script: chain.CommitmentScript(chain.WitnessCommitment(wtxids))},
			},
		},
		Branch: chain.MerkleBranch(txids),
		Txs:    txs,
	}
	s.current = t
	return s.publish(t)
}

var opTrue = []byte{0x51} // a script that everybody can spend

// simulateTxs makes the transactions of a block: they spend outputs that never
// were, every other one with a witness.
func simulateTxs(height uint32, n int) (txs [][]byte, txids, wtxids []hasher.Hash) {
	for i := range n {
		var seed [8]byte
		binary.BigEndian.PutUint32(seed[:], height)
		binary.BigEndian.PutUint32(seed[4:], uint32(i))
		t := chain.Tx{
			Version: 2,
			In:      []chain.TxIn{{Prev: chain.OutPoint{Hash: hasher.DoubleSum(seed[:])}, Sequence: 0xfffffffe}},
			Out:     []chain.TxOut{{Value: 100_000 + int64(i), Script: opTrue}},
		}
		if i%2 == 0 {
			t.In[0].Witness = [][]byte{seed[:]}
		}
		txs = append(txs, t.Bytes())
		txids = append(txids, t.TxID())
		wtxids = append(wtxids, t.WTxID())
	}
	return txs, txids, wtxids
}

// Submit checks a block as a node would, but for scripts and signatures, and
// makes it the tip.
func (s *Simulated) Submit(_ context.Context, b *Block) error {
	raw, err := b.Bytes()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil {
		return errors.New("the chain has not begun")
	}
	if err := s.checkHeaderLocked(&b.Header); err != nil {
		return err
	}
	if err := s.checkBodyLocked(b, raw); err != nil {
		return err
	}
	return s.growLocked(&b.Header)
}

func (s *Simulated) checkHeaderLocked(h *hasher.Header) error {
	target, err := h.Bits().Target()
	if err != nil {
		return err
	}
	hash, now := h.Hash(), time.Now().Unix()
	switch {
	case h.Bits() != s.Bits:
		return fmt.Errorf("bad-diffbits: %v, want %v", h.Bits(), s.Bits)
	case !target.Meets(&hash):
		return errors.New("high-hash: the proof of work is too small")
	case h.PrevHash() != s.tip:
		return errors.New("stale: another block was faster")
	case h.Time() <= s.medianLocked():
		return fmt.Errorf("time-too-old: %d, median time past is %d", h.Time(), s.medianLocked())
	case int64(h.Time()) > now+maxAhead:
		return fmt.Errorf("time-too-new: %d, now is %d", h.Time(), now)
	case int32(h.Version()) < 4:
		return fmt.Errorf("bad-version: %08x", h.Version())
	}
	return nil
}

// checkBodyLocked checks the coinbase and the merkle root against the
// transactions of the template, not by the branch that the clients got.
func (s *Simulated) checkBodyLocked(b *Block, raw []byte) error {
	coinbase, err := chain.ParseTx(b.Coinbase)
	if err != nil {
		return fmt.Errorf("coinbase: %w", err)
	}
	t := s.current
	var value int64
	for _, out := range coinbase.Out {
		value += out.Value
	}
	ids := []hasher.Hash{coinbase.TxID()}
	var wtxids []hasher.Hash
	for _, tx := range t.Txs {
		parsed, err := chain.ParseTx(tx)
		if err != nil {
			return err
		}
		ids = append(ids, parsed.TxID())
		wtxids = append(wtxids, parsed.WTxID())
	}
	height, ok := coinbase.CoinbaseHeight()
	commitment, committed := coinbase.Commitment()
	switch most := chain.Subsidy(t.Height, chain.Mainnet) + simulatedFee*int64(len(t.Txs)); {
	case !coinbase.IsCoinbase():
		return errors.New("bad-cb-missing: the first transaction is no coinbase")
	case !ok || height != t.Height:
		return fmt.Errorf("bad-cb-height: %d, want %d", height, t.Height)
	case value > most:
		return fmt.Errorf("bad-cb-amount: %d, at most %d", value, most)
	case !committed || commitment != chain.WitnessCommitment(wtxids):
		return errors.New("bad-witness-merkle-match")
	case merkleRoot(ids) != b.Header.MerkleRoot():
		return errors.New("bad-txnmrklroot")
	case len(raw) > maxBlock:
		return fmt.Errorf("bad-blk-length: %d bytes", len(raw))
	}
	return nil
}

const maxBlock = 4_000_000 // bytes; the weight of a block is at most 4 000 000 (BIP141)

// merkleRoot hashes the whole tree.
func merkleRoot(level []hasher.Hash) hasher.Hash {
	for len(level) > 1 {
		if len(level)%2 == 1 {
			level = append(level, level[len(level)-1])
		}
		for i := 0; i < len(level); i += 2 {
			level[i/2] = hasher.DoubleSum(slices.Concat(level[i][:], level[i+1][:]))
		}
		level = level[:len(level)/2]
	}
	return level[0]
}
