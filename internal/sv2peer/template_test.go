package sv2peer

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"gominer/hasher"
	"gominer/internal/chain"
	"gominer/stratum/noise"
	"gominer/stratum/v2"
)

// templates is a template provider of a chain of its own: empty blocks, each on
// the last that was found.
type templates struct {
	t    *testing.T
	addr string
	key  noise.PublicKey
	bits hasher.Bits

	mu     sync.Mutex
	height uint32
	tip    hasher.Hash
	blocks int // found so far
}

// startTemplates serves templates on loopback until the test ends. It knows the
// blocks of bits.
func startTemplates(t *testing.T, bits hasher.Bits) *templates {
	t.Helper()
	secret, public := keys(t)
	id, err := noise.NewIdentity(secret, time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &templates{t: t, addr: l.Addr().String(), key: public, bits: bits, height: 200, tip: hasher.Hash{1, 2, 3}}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				conn, err := noise.Server(ctx, nc, id, noise.Config{})
				if err != nil {
					return
				}
				stop := context.AfterFunc(ctx, func() { conn.Close() })
				defer stop()
				if err := s.serve(v2.NewConn(conn, 0)); err != nil && ctx.Err() == nil {
					t.Logf("template provider: %v", err)
				}
				conn.Close()
			})
		}
	})
	t.Cleanup(func() {
		cancel()
		l.Close()
		wg.Wait()
	})
	return s
}

// serve talks to one client.
func (s *templates) serve(c *v2.Conn) error {
	for {
		m, err := c.Read()
		if err != nil {
			return err
		}
		switch m := m.(type) {
		case *v2.SetupConnection:
			if m.Protocol != v2.TemplateDistribution {
				return fmt.Errorf("protocol %d is asked for", m.Protocol)
			}
			err = c.Write(&v2.SetupConnectionSuccess{UsedVersion: 2})
		case *v2.CoinbaseOutputConstraints:
			err = s.announce(c)
		case *v2.RequestTransactionData:
			err = c.Write(&v2.RequestTransactionDataSuccess{TemplateID: m.TemplateID, ExcessData: make([]byte, 32)})
		case *v2.SubmitSolution:
			if err := s.solved(m); err != nil {
				s.t.Errorf("a solution is wrong: %v", err)
				continue
			}
			err = s.announce(c)
		default:
			return fmt.Errorf("%v was not expected", m.Type())
		}
		if err != nil {
			return err
		}
	}
}

// commitment is that of a block without transactions.
var commitment = chain.CommitmentScript(chain.WitnessCommitment([]hasher.Hash{{}}))

// announce sends the template of the next block, with the block to mine it on.
func (s *templates) announce(c *v2.Conn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	height := binary.LittleEndian.AppendUint32([]byte{2}, s.height)[:3]
	output := append(make([]byte, 8), byte(len(commitment)))
	target, err := s.bits.Target()
	if err != nil {
		return err
	}
	return c.Write(
		&v2.NewTemplate{
			TemplateID: uint64(s.height), FutureTemplate: true, Version: 0x20000000,
			CoinbaseTxVersion: 2, CoinbasePrefix: height, CoinbaseTxInputSequence: 0xffffffff,
			CoinbaseTxValueRemaining: 50_0000_0000, CoinbaseTxOutputsCount: 1, CoinbaseTxOutputs: append(output, commitment...),
		},
		&v2.SetNewTemplatePrevHash{
			TemplateID: uint64(s.height), PrevHash: s.tip, HeaderTimestamp: uint32(time.Now().Unix()), Bits: s.bits, Target: target,
		},
	)
}

// solved checks a block and makes it the tip. One of an old template is only
// late.
func (s *templates) solved(m *v2.SubmitSolution) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.TemplateID != uint64(s.height) {
		return nil
	}
	tx, err := chain.ParseTx(m.CoinbaseTx)
	if err != nil {
		return err
	}
	if height, ok := tx.CoinbaseHeight(); !ok || height != s.height {
		return fmt.Errorf("its height is %d, want %d", height, s.height)
	}
	if !bytes.Contains(m.CoinbaseTx, commitment) {
		return errors.New("the witness commitment is missing")
	}
	var h hasher.Header
	h.SetVersion(m.Version)
	h.SetPrevHash(s.tip)
	h.SetMerkleRoot(tx.TxID())
	h.SetTime(m.HeaderTimestamp)
	h.SetBits(s.bits)
	h.SetNonce(m.HeaderNonce)
	hash := h.Hash()
	target, err := s.bits.Target()
	if err != nil {
		return err
	}
	if !target.Meets(&hash) {
		return fmt.Errorf("hash %v misses the target of %v", hash, s.bits)
	}
	s.tip = hash
	s.height++
	s.blocks++
	return nil
}

// found returns how many blocks there were.
func (s *templates) found() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.blocks
}
