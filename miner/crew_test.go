package miner_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gominer/miner"
	"gominer/miner/minertest"
)

// TestDevicesComeAndGo adds and removes devices while the miner runs, and before.
func TestDevicesComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dev := func(label string) *minertest.Device { return &minertest.Device{Label: label, Rate: 1000} }
		first := miner.Config{Source: accepting("pool"), Devices: []miner.Device{dev("a")}}
		m, stop := inBackground(t, first)
		state := func() (list []miner.DeviceState) {
			time.Sleep(10*time.Second + time.Millisecond)
			return m.Snapshot().Devices
		}
		if got := state(); len(got) != 1 || got[0].Hashes != 10_000 {
			t.Fatalf("at first %+v", got)
		}
		if i := m.AddDevice(dev("b")); i != 1 {
			t.Fatalf("index %d", i)
		}
		if got := state(); len(got) != 2 || got[0].Hashes != 20_000 || got[1].Hashes != 10_000 || got[1].Shares.Accepted != 10 || got[1].Rate.S10 < 900 {
			t.Errorf("with another %+v", got)
		}
		if err := m.RemoveDevice(0); err != nil {
			t.Error(err)
		}
		got := state()
		if !got[0].Gone || got[0].Paused || got[0].Hashes != 20_000 || got[1].Gone || got[1].Hashes != 20_000 {
			t.Errorf("without the first %+v", got)
		}
		for _, wrong := range []int{0, -1, 2} {
			if m.RemoveDevice(wrong) == nil || m.Pause(wrong, true) == nil {
				t.Errorf("device %d is removed, or paused", wrong)
			}
		}
		if s := m.Snapshot(); s.Paused {
			t.Error("all is paused, though one mines")
		}
		if i := m.AddDevice(dev("b")); i != 2 {
			t.Errorf("another of the same name has index %d", i)
		}
		if i := m.AddDevice(dev("a")); i != 0 {
			t.Errorf("the one that comes back has index %d", i)
		}
		if got := state(); got[0].Gone || got[0].Hashes != 30_000 || got[2].Hashes != 10_000 {
			t.Errorf("in the end %+v", got)
		}
		if s := stop(); s.Shares.Lost+s.Shares.Stale+s.Shares.HardwareErrors != 0 {
			t.Errorf("%+v", s.Shares)
		}
		m.AddDevice(dev("late")) // does nothing any more
	})
}

// stubborn is a device that takes its time to end.
type stubborn struct {
	minertest.Device
	running, most *int
}

func (d *stubborn) Run(ctx context.Context, f *miner.Feed) error {
	*d.running++
	*d.most = max(*d.most, *d.running)
	_ = d.Device.Run(ctx, f)
	<-time.After(time.Second)
	*d.running--
	return errors.New("over")
}

// TestDeviceIsRemovedForGood: RemoveDevice returns when the device has ended, and
// whatever comes in its place waits for that.
func TestDeviceIsRemovedForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		running, most := 0, 0
		d := &stubborn{minertest.Device{Label: "a", Rate: 10}, &running, &most}
		m, stop := inBackground(t, miner.Config{Source: accepting("pool"), Devices: []miner.Device{d}})
		for range 5 {
			time.Sleep(2500 * time.Millisecond)
			if err := m.RemoveDevice(0); err != nil || running != 0 {
				t.Errorf("%d run after it was removed, %v", running, err)
			}
			m.AddDevice(d)
		}
		stop()
		if running != 0 || most != 1 {
			t.Errorf("%d run in the end, %d at once", running, most)
		}
	})
}

// failing is a device whose every Run fails at once.
type failing struct {
	err  error
	runs atomic.Int32
}

func (f *failing) Info() miner.Info { return miner.Info{Name: "failing"} }

func (f *failing) Run(context.Context, *miner.Feed) error {
	f.runs.Add(1)
	return f.err
}

// TestFailureSaysWhen has devices that fail tried again when they say, once a
// second or never, and otherwise after waits that grow.
func TestFailureSaysWhen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		each := &failing{err: &miner.Failure{Err: broken, After: time.Second}}
		never := &failing{err: &miner.Failure{Err: broken, After: -1}}
		grows := &failing{err: broken}
		log := &countingLog{}
		m, stop := inBackground(t, miner.Config{Source: accepting("pool"), Devices: []miner.Device{each, never, grows}, Log: slog.New(log)})
		time.Sleep(time.Minute + time.Millisecond)
		for i, want := range []struct {
			f           *failing
			least, most int32
		}{{each, 61, 61}, {never, 1, 1}, {grows, 5, 7}} {
			if n := want.f.runs.Load(); n < want.least || n > want.most {
				t.Errorf("device %d was run %d times", i, n)
			}
			if err := m.Snapshot().Devices[i].Err; !errors.Is(err, broken) {
				t.Errorf("device %d: %v", i, err)
			}
		}
		if n := log.n.Load(); n != 3 {
			t.Errorf("%d errors are logged, want one of each device", n)
		}
		if err := m.RemoveDevice(1); err != nil {
			t.Error(err)
		}
		stop()
	})
}

// countingLog counts the errors that are logged.
type countingLog struct{ n atomic.Int32 }

func (l *countingLog) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelError
}
func (l *countingLog) Handle(context.Context, slog.Record) error { l.n.Add(1); return nil }
func (l *countingLog) WithAttrs([]slog.Attr) slog.Handler        { return l }
func (l *countingLog) WithGroup(string) slog.Handler             { return l }
