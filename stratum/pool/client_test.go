package pool_test

import (
	"context"
	"encoding/hex"
	"strconv"
	"testing"
	"time"

	"gominer/hasher"
	"gominer/hasher/cpu"
	"gominer/internal/mainnet"
	engine "gominer/miner"
	"gominer/stratum"
	"gominer/stratum/pool"
)

// TestMinerFindsMainnetBlocks lets gominer itself mine real jobs, from a little
// before the nonce that won, over a real socket: it must find the block, and the
// pool must call it one. With version rolling the winning version is one of those
// that are rolled.
func TestMinerFindsMainnetBlocks(t *testing.T) {
	for _, j := range mainnet.Jobs() {
		for name, mask := range map[string]uint32{"one version": 0, "rolled versions": 0x1fffe000} {
			t.Run(strconv.Itoa(int(j.Height))+" "+name, func(t *testing.T) { findBlock(t, &j, mask) })
		}
	}
}

func findBlock(t *testing.T, j *mainnet.Job, mask uint32) {
	header, err := hasher.ParseHeader(j.Header)
	if err != nil {
		t.Fatal(err)
	}
	w := (&miner{t: t, difficulty: 1}).job(j.Notify)
	tmpl := pool.Template{
		Height: j.Height, Version: w.version, PrevHash: hasher.Hash(w.prev), Bits: hasher.Bits(w.bits), Time: w.ntime,
		Prefix: w.coinb1, Suffix: w.coinb2,
	}
	for _, h := range w.branch {
		tmpl.Branch = append(tmpl.Branch, hasher.Hash(h))
	}
	src := &submitted{Fixed: pool.Fixed{Template: tmpl}}
	cfg := pool.DefaultConfig()
	cfg.Source, cfg.Difficulty, cfg.VersionMask = src, 1, mask
	if cfg.Extranonce1, err = hex.DecodeString(j.Extranonce1); err != nil {
		t.Fatal(err)
	}
	cfg.Extranonce2Size = len(j.Extranonce2) / 2
	extranonce2, err := strconv.ParseUint(j.Extranonce2, 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, cfg)

	source, err := stratum.New(stratum.Config{URL: r.l.Addr().String(), User: "w", NoVersionRolling: mask == 0})
	if err != nil {
		t.Fatal(err)
	}
	device := cpu.Config{Threads: 1}
	if k := hasher.Kernels()[0]; k.Versions > 1 {
		device.VersionKernel = k
	}
	d, err := cpu.New(device)
	if err != nil {
		t.Fatal(err)
	}
	m := engine.New(engine.Config{
		Source: source, Devices: []engine.Device{d},
		Start: engine.Start{Extranonce2: extranonce2, Nonce: header.Nonce() - 100_000},
		Until: engine.Until{Blocks: 1},
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := m.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if s := m.Snapshot(); s.Shares.Blocks != 1 || s.Shares.Rejected != 0 {
		t.Errorf("the miner counts %+v, want 1 block", s.Shares)
	}
	r.stop()
	if s := r.Stats(); s.Found != 1 || len(s.Blocks) != 1 || s.Blocks[0].Hash != j.BlockHash {
		t.Errorf("the pool counts %+v, want the block %s", s, j.BlockHash)
	}
	if len(src.blocks) != 1 || src.blocks[0].Header != header {
		t.Errorf("%d blocks reached the source, want the one with header %x", len(src.blocks), header)
	}
}
