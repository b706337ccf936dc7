package bench

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"sync"

	"gominer/hasher"
	"gominer/hasher/cpu"
	"gominer/miner"
)

// scripted is a miner.Source that hands out jobs as script says and takes every
// share.
type scripted struct {
	script func(ctx context.Context, s *miner.Session)
}

func (scripted) Name() string { return "bench" }

func (src scripted) Run(ctx context.Context, s *miner.Session) error {
	var wg sync.WaitGroup
	wg.Go(func() { src.script(ctx, s) })
	for ctx.Err() == nil {
		select {
		case sh := <-s.Shares():
			s.Report(sh, nil)
		case <-ctx.Done():
		}
	}
	wg.Wait()
	return ctx.Err()
}

// What a job of a large pool is like.
const (
	coinbaseBytes   = 200
	coinbaseBranch  = 12         // merkle path of a block with 2^11 to 2^12 transactions
	coinbaseNonces  = 4          // bytes of each extranonce
	coinbasePrefix  = 60         // bytes before the extranonces
	jobVersionMask  = 0x1fffe000 // BIP 320
	jobTime         = 1_700_000_000
	jobBits         = hasher.Bits(0x1702905c) // a mainnet target: no block is found
	bytesOfPrevHash = 8                       // that number the job
)

// job returns the n-th job, of shares with target t. Its number can be read from
// its headers, which no other job has.
func job(n uint64, t hasher.Target) *miner.Job {
	j := &miner.Job{
		ID:          "bench",
		Version:     0x20000000,
		VersionMask: jobVersionMask,
		Coinbase: &miner.Coinbase{
			Prefix:          make([]byte, coinbasePrefix),
			Extranonce1:     make([]byte, coinbaseNonces),
			Extranonce2Size: coinbaseNonces,
			Suffix:          make([]byte, coinbaseBytes-coinbasePrefix-2*coinbaseNonces),
			Branch:          make([]hasher.Hash, coinbaseBranch),
		},
		NTime:  jobTime,
		Bits:   jobBits,
		Target: t,
		Clean:  true,
	}
	for i := range j.PrevHash {
		j.PrevHash[i] = byte(rand.Uint32())
	}
	binary.LittleEndian.PutUint64(j.PrevHash[:bytesOfPrevHash], n)
	return j
}

// jobNumber returns which job a header is of.
func jobNumber(h *hasher.Header) uint64 {
	prev := h.PrevHash()
	return binary.LittleEndian.Uint64(prev[:bytesOfPrevHash])
}

// device returns the processor as the miner has it, with c's kernel.
func (c *Case) device() (*cpu.Device, error) {
	cfg := cpu.Config{Threads: c.Threads}
	if c.Kernel.Versions > 1 {
		cfg.VersionKernel = c.Kernel
	} else {
		cfg.Kernel = c.Kernel
	}
	return cpu.New(cfg)
}

// mine runs a miner on the device and the script until stop is called, which
// waits for its end.
func mine(ctx context.Context, d miner.Device, script func(ctx context.Context, s *miner.Session)) (m *miner.Miner, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	m = miner.New(miner.Config{Source: scripted{script}, Devices: []miner.Device{d}})
	var wg sync.WaitGroup
	wg.Go(func() { _ = m.Run(ctx) }) // it has a source and a device, so it has no other end than ctx's
	return m, func() {
		cancel()
		wg.Wait()
	}
}
