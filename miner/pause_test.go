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

// inBackground runs a miner in a bubble until stop is called.
func inBackground(t *testing.T, cfg miner.Config) (m *miner.Miner, stop func() miner.Snapshot) {
	t.Helper()
	m = miner.New(cfg)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- m.Run(ctx) }()
	return m, func() miner.Snapshot {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		return m.Snapshot()
	}
}

// accepting is a source with one job that accepts every share.
func accepting(label string) *minertest.Source {
	return &minertest.Source{Label: label, Script: func(ctx context.Context, s *miner.Session) error {
		s.Status(miner.SourceStatus{State: miner.Up, URL: "stratum+tcp://" + label})
		s.Publish(minertest.Job(1))
		minertest.AcceptAll(ctx, s)
		return errors.New("connection lost")
	}}
}

// TestPause takes one of two devices off its work, in the middle of a draw, and
// lets it go on.
func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, stop := inBackground(t, miner.Config{Source: accepting("pool"), Devices: []miner.Device{
			&minertest.Device{Label: "a", Rate: 100, Draw: time.Minute}, &minertest.Device{Label: "b", Rate: 100},
		}})
		hashes := func() [2]uint64 {
			s := m.Snapshot()
			return [2]uint64{s.Devices[0].Hashes, s.Devices[1].Hashes}
		}
		pause := func(device int, paused bool) {
			t.Helper()
			if err := m.Pause(device, paused); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		time.Sleep(90*time.Second + time.Millisecond)
		pause(0, true)
		if s := m.Snapshot(); !s.Devices[0].Paused || s.Devices[1].Paused || s.Paused {
			t.Errorf("paused: %v, %v, all %v; want the first", s.Devices[0].Paused, s.Devices[1].Paused, s.Paused)
		}
		time.Sleep(30 * time.Second)
		if got, want := hashes(), [2]uint64{6000, 12000}; got != want {
			t.Errorf("hashes %v, want %v: the draw that was paused is given up", got, want)
		}
		pause(1, true)
		if s := m.Snapshot(); !s.Paused {
			t.Error("both devices are paused, the miner is not")
		}
		time.Sleep(time.Hour)
		if got, want := hashes(), [2]uint64{6000, 12000}; got != want {
			t.Errorf("hashes %v, want %v after a pause", got, want)
		}
		pause(0, false)
		pause(0, false)
		time.Sleep(2*time.Minute + time.Millisecond)
		if got, want := hashes(), [2]uint64{18000, 12000}; got != want {
			t.Errorf("hashes %v, want %v after going on", got, want)
		}
		for _, device := range []int{-1, 2} {
			if m.Pause(device, true) == nil {
				t.Errorf("device %d can be paused", device)
			}
		}
		if s := stop(); s.Shares.Stale != 0 || s.Shares.Lost != 0 {
			t.Errorf("%+v: a pause makes nothing stale", s.Shares)
		}
	})
}

// TestPauseBeforeRun: a device that is paused at the start waits.
func TestPauseBeforeRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := miner.New(miner.Config{
			Source: accepting("pool"), Devices: []miner.Device{&minertest.Device{Label: "a", Rate: 100}},
			Until: miner.Until{Time: time.Minute},
		})
		if err := m.Pause(0, true); err != nil {
			t.Fatal(err)
		}
		if err := m.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s := m.Snapshot(); s.Hashes != 0 || !s.Paused {
			t.Errorf("%d hashes, paused: %v", s.Hashes, s.Paused)
		}
	})
}

// TestFoundInAPausedBatch: the batch that a device is in when it is paused ends
// in order, and what it found counts.
func TestFoundInAPausedBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		drawn := make(chan struct{})
		device := reporting{func(ctx context.Context, f *miner.Feed) error {
			var w miner.Work
			if err := f.Next(ctx, 10, &w); err != nil {
				return err
			}
			close(drawn)
			<-w.Done()
			if !w.Stale() {
				t.Error("work is done, but not stale")
			}
			f.Tried(&w, 1)
			f.Found(&w, w.Job.Version, w.First)
			err := f.Next(ctx, 10, &w)
			if err == nil {
				t.Error("a paused device got work")
			}
			return err
		}}
		m, stop := inBackground(t, miner.Config{Source: accepting("pool"), Devices: []miner.Device{device}})
		<-drawn
		if err := m.Pause(0, true); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		s := stop()
		if want := (miner.Tally{Accepted: 1}); counts(s.Shares) != want {
			t.Errorf("%+v, want %+v", s.Shares, want)
		}
		if s.Sources[0].Hashes != 1 {
			t.Errorf("%d hashes for the source, want 1", s.Sources[0].Hashes)
		}
	})
}
