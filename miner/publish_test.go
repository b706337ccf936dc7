package miner_test

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"gominer/miner"
	"gominer/miner/minertest"
)

// TestJobsByDevice: each device mines its own job, its shares go to the session,
// and the session can tell how fast each device is.
func TestJobsByDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		jobs := []*miner.Job{minertest.Job(1), minertest.Job(2)}
		rates := []float64{1e6, 3e6}
		found := map[int]int{}
		source := &minertest.Source{Label: "pool", Script: func(ctx context.Context, s *miner.Session) error {
			if h := s.Hashrates(); len(h) != 2 || h[0] != 0 || h[1] != 0 {
				t.Errorf("hash rates %v before any work", h)
			}
			for device, j := range jobs {
				s.PublishTo(device, j)
			}
			for {
				select {
				case sh := <-s.Shares():
					if sh.Job != jobs[sh.Device] {
						t.Errorf("device %d found a share of job %s", sh.Device, sh.Job.ID)
					}
					found[sh.Device]++
					s.Report(sh, nil)
				case <-ctx.Done():
					for i, h := range s.Hashrates() {
						if math.Abs(h-rates[i]) > rates[i]/50 {
							t.Errorf("device %d makes %v H/s, want %v", i, h, rates[i])
						}
					}
					return ctx.Err()
				}
			}
		}}
		m := miner.New(miner.Config{Source: source, Devices: []miner.Device{
			&minertest.Device{Label: "a", Rate: uint64(rates[0])}, &minertest.Device{Label: "b", Rate: uint64(rates[1])},
		}, Until: miner.Until{Time: 2 * time.Minute}})
		if err := m.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if found[0] < 100 || found[1] < 100 {
			t.Errorf("shares by device: %v", found)
		}
	})
}
