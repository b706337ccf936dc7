// Package minertest has stand-ins for both edges of the miner, for tests of any
// package: a source that follows a script, a device whose hash rate is made of
// Sleep, and jobs to mine on. They are made for testing/synctest bubbles, where
// a day takes a moment.
package minertest

import (
	"context"
	"encoding/binary"
	"time"

	"gominer/hasher"
	"gominer/miner"
)

// Source is a miner.Source that runs a script as its session.
type Source struct {
	Label  string
	Script func(ctx context.Context, s *miner.Session) error
}

// Name returns the label.
func (s *Source) Name() string { return s.Label }

// Run runs the script.
func (s *Source) Run(ctx context.Context, sess *miner.Session) error { return s.Script(ctx, sess) }

// AcceptAll reports every share as accepted until ctx ends.
func AcceptAll(ctx context.Context, s *miner.Session) {
	for {
		select {
		case sh := <-s.Shares():
			s.Report(sh, nil)
		case <-ctx.Done():
			return
		}
	}
}

// Device is a miner.Device that tries Rate headers a second by sleeping, and
// reports the first nonce of each draw. It hashes nothing, so on jobs with
// hasher.MaxTarget each draw gives a share, and on others it shows what hardware
// errors do.
type Device struct {
	Label string
	Rate  uint64        // H/s, at least 1
	Draw  time.Duration // of work at a time; 0 is a second
}

// Info describes the device.
func (d *Device) Info() miner.Info { return miner.Info{Name: d.Label, Kind: "sim", Threads: 1} }

// Run draws and sleeps until ctx ends.
func (d *Device) Run(ctx context.Context, f *miner.Feed) error {
	draw := d.Draw
	if draw == 0 {
		draw = time.Second
	}
	var w miner.Work
	for {
		if err := f.Next(ctx, uint64(float64(d.Rate)*draw.Seconds()), &w); err != nil {
			return err
		}
		t := time.NewTimer(time.Duration(float64(w.Count) / float64(d.Rate) * float64(time.Second)))
		select {
		case <-t.C:
			f.Tried(&w, w.Count)
			f.Found(&w, w.Job.Version, w.First)
		case <-w.Done():
		case <-ctx.Done():
		}
		t.Stop()
	}
}

// Job returns a job with a coinbase and an extranonce2 of four bytes. Jobs of
// different n differ in their previous hash; every hash meets their target.
func Job(n uint32) *miner.Job {
	j := &miner.Job{
		Version: 0x20000000,
		Coinbase: &miner.Coinbase{
			Prefix:          []byte("coinbase prefix"),
			Extranonce1:     []byte{1, 2, 3, 4},
			Extranonce2Size: 4,
			Suffix:          []byte("suffix"),
			Branch:          []hasher.Hash{{1}, {2}, {3}},
		},
		NTime:  1_700_000_000,
		Bits:   0x1d00ffff,
		Target: hasher.MaxTarget,
		Clean:  true,
		Height: n,
	}
	binary.LittleEndian.PutUint32(j.PrevHash[:], n)
	j.ID = j.PrevHash.String()[56:]
	return j
}
