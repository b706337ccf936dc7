package miner_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"gominer/miner"
	"gominer/miner/minertest"
)

// hoarder takes shares for a while, then loses its connection. It reports them
// in its next run, if there is one.
type hoarder struct {
	label   string
	lasts   time.Duration
	jobs    uint32
	taken   []miner.Share
	settled int
}

func (h *hoarder) Name() string { return h.label }

func (h *hoarder) Run(ctx context.Context, s *miner.Session) error {
	h.report(s)
	h.jobs++
	s.Publish(minertest.Job(h.jobs))
	end := time.After(h.lasts)
	for {
		select {
		case sh := <-s.Shares():
			h.taken = append(h.taken, sh)
		case <-end:
			return errors.New("connection lost")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (h *hoarder) report(s *miner.Session) {
	for _, sh := range h.taken {
		s.Report(sh, errors.New("not answered"))
	}
	h.taken = nil
}

func (h *hoarder) Settle(s *miner.Session) {
	h.settled++
	h.report(s)
}

// TestSettle: shares that a source kept are counted, whether it is run again, is
// only tried again, or is not in use when the miner ends.
func TestSettle(t *testing.T) {
	for _, span := range []time.Duration{15 * time.Second, 55 * time.Second, 10 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			a := &hoarder{label: "a", lasts: 10_007 * time.Millisecond}
			b := &hoarder{label: "b", lasts: 100_007 * time.Millisecond, jobs: 1 << 16}
			s := run(t, span, miner.Config{
				Source:  miner.Failover(a, b),
				Devices: []miner.Device{&minertest.Device{Label: "dev", Rate: 100}},
			})
			if a.settled != 1 || b.settled != 1 {
				t.Errorf("%v: settled %d and %d times, want once each", span, a.settled, b.settled)
			}
			// Every draw that was tried in full gave a share.
			if want := s.Hashes / 100; s.Shares.Lost+s.Shares.Stale != want || want == 0 {
				t.Errorf("%v: %d lost and %d stale, want %d in all", span, s.Shares.Lost, s.Shares.Stale, want)
			}
			for _, src := range s.Sources {
				if src.Shares.Lost == 0 {
					t.Errorf("%v: no share of %s counted as lost", span, src.Name)
				}
			}
		})
	}
}
