package opencl

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gominer/hasher"
	"gominer/kernels"
	"gominer/miner"
	"gominer/miner/minertest"
)

// easy is a job whose shares come every few thousand hashes.
func easy(n, mask uint32) *miner.Job {
	j := minertest.Job(n)
	j.VersionMask = mask
	j.Target, _ = hasher.TargetFromDifficulty(1e-6)
	return j
}

// newDevice returns a device of two kernels that are built fast.
func newDevice(t *testing.T, change func(*Config)) *Device {
	t.Helper()
	tuning := Tuning{One: shape(16, 1, 1), Many: shape(16, 4, 2)}
	cfg := Config{Name: "opencl0", Device: *device(t), Batch: 2 * time.Millisecond, Tuning: &tuning}
	if change != nil {
		change(&cfg)
	}
	d, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// mine runs d until shares are accepted or it has failed, and returns the shares
// and the last state.
func mine(t *testing.T, d *Device, shares uint64, mask uint32) ([]miner.Share, miner.Snapshot, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var got []miner.Share
	source := &minertest.Source{Label: "script", Script: func(ctx context.Context, s *miner.Session) error {
		s.Publish(easy(1, mask))
		for n := uint32(1); ; n++ {
			select {
			case sh := <-s.Shares():
				got = append(got, sh)
				s.Report(sh, nil)
				if n%50 == 0 { // some are clean jobs
					j := easy(n, mask)
					j.Clean = n%2500 == 0
					s.Publish(j)
				}
			case <-ctx.Done():
				return nil
			}
		}
	}}
	f := &failing{Device: d, end: cancel}
	m := miner.New(miner.Config{Source: source, Devices: []miner.Device{f}, Until: miner.Until{Shares: shares}})
	if err := m.Run(ctx); err != nil {
		t.Fatal(err)
	}
	return got, m.Snapshot(), f.err
}

// failing ends the run when the device fails, and keeps the reason.
type failing struct {
	*Device
	end func()
	err error
}

func (f *failing) Run(ctx context.Context, feed *miner.Feed) error {
	if err := f.Device.Run(ctx, feed); err != nil {
		f.err = err
		f.end()
	}
	return nil
}

func TestMines(t *testing.T) {
	for _, c := range []struct {
		name, kernel string
		mask         uint32
	}{
		{"one version", "opencl-16x1", 0},
		{"many versions", "opencl-16x4", 0x1fffe000},
		{"too few bits", "opencl-16x1", 0x2000},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDevice(t, nil)
			got, s, err := mine(t, d, 5000, c.mask)
			if err != nil || s.Shares.Accepted < 5000 || s.Shares.HardwareErrors != 0 || s.Shares.Duplicates != 0 {
				t.Errorf("%v, %+v: want 5000 accepted, no hardware errors, no duplicates", err, s.Shares)
			}
			if k := d.Info().Kernel; k != c.kernel {
				t.Errorf("kernel %q, want %q", k, c.kernel)
			}
			rolled := make(map[uint32]bool)
			for _, sh := range got {
				rolled[sh.Version] = true
			}
			if many := len(rolled) > 1; many != strings.HasSuffix(c.kernel, "x4") {
				t.Errorf("%d versions in %d shares", len(rolled), len(got))
			}
			// What is counted as tried must be what the shares say; at the end some are tried for nothing.
			if per := float64(s.Hashes) / float64(s.Shares.Accepted); per < 1e-6*(1<<32)*0.9 || per > 1e-6*(1<<32)*4 {
				t.Errorf("%.0f hashes a share, want about %.0f", per, 1e-6*(1<<32))
			}
		})
	}
}

// Each way in which a device can fail ends its run with a sentence that says
// what happened. The faults are real: the kernel's source is changed so that it
// errs where a start of the device does not look.
func TestFaults(t *testing.T) {
	low := "(nonce > 1000 && nonce < 0x40000000u)" // not where a start looks
	for _, c := range []struct {
		name, old, new string
		want           string
	}{
		{"does not build", "__kernel void", "__kernel voyd", "build the kernel 16x1: clBuildProgram: CL_BUILD_PROGRAM_FAILURE (-11)"},
		{"wrong from the start", "0x5be0cd19u", "0x5be0cd18u", "the kernel 16x1 finds something else than crypto/sha256"},
		{"wrong results", "found[1 + 2 * i] = nonce;", "found[1 + 2 * i] = nonce ^ " + low + ";", "returns wrong results"},
		{"results of nowhere", "found[2 + 2 * i] = version;", "found[2 + 2 * i] = version + 77 * " + low + ";", "returns wrong results"},
		{"finds too little", "const uint i = atomic_inc(found);", "if (" + low + " && nonce % 4) return; const uint i = atomic_inc(found);", "finds too little"},
		{"counts too much", "atomic_inc(found)", "atomic_add(found, " + low + " ? 5000u : 1u)", "returns wrong results"},
		{"hangs from the start", "const uint limit = job[0];", "const uint limit = job[0]; for (volatile uint z = 0; z < 10000000u; z++);", "hangs: a launch that should take"},
		{"hangs", "const uint limit = job[0];", "const uint limit = job[0]; if (first > 1000 && first < 0x40000000u) for (volatile uint z = 0; z < 30000000u; z++);", "hangs: a launch that should take"},
	} {
		t.Run(c.name, func(t *testing.T) {
			source := strings.Replace(kernels.Source, c.old, c.new, 1)
			if source == kernels.Source {
				t.Fatalf("the kernel has no %q", c.old)
			}
			d := newDevice(t, func(cfg *Config) { cfg.source = source })
			switch c.name {
			case "hangs":
				d.hang = 100 * time.Millisecond
			case "hangs from the start":
				d.first = time.Millisecond
			}
			_, s, err := mine(t, d, 1e9, 0)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), d.cfg.Device.Name) {
				t.Errorf("error %v, want one of %s that contains %q", err, d.cfg.Device.Name, c.want)
			}
			if s.Shares.Rejected != 0 || s.Shares.Duplicates != 0 {
				t.Errorf("%+v: want none rejected, no duplicates", s.Shares)
			}
		})
	}
}

// A device that hangs while it is tried does not keep the program from ending.
func TestEndsWhileItHangs(t *testing.T) {
	source := strings.Replace(kernels.Source, "const uint limit = job[0];", "const uint limit = job[0]; for (volatile uint z = 0; z < 10000000u; z++);", 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := open(ctx, plan{device: device(t), source: source, first: time.Hour}, shape(16, 1, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want that it was cancelled", err)
	}
}

// probe is a device whose run can be looked at.
type probe struct {
	*Device
	run *run
}

func (p *probe) Run(ctx context.Context, f *miner.Feed) error {
	e, err := open(ctx, plan{device: &p.cfg.Device, source: p.cfg.source, first: p.first}, p.tuning.One, p.tuning.Many)
	if err != nil {
		return err
	}
	defer e.close()
	e.patience = p.hang
	p.run = &run{d: p.Device, f: f, e: e}
	return p.run.mine(ctx)
}

// Where every hash is a share launches are short, and over long before the pool
// has taken what they found. That must not pass for speed: the first launch at a
// higher difficulty would take as long as it likes.
func TestRateOfShortLaunches(t *testing.T) {
	p := &probe{Device: newDevice(t, nil)}
	source := &minertest.Source{Label: "script", Script: func(ctx context.Context, s *miner.Session) error {
		j := minertest.Job(1)
		j.Target = hasher.MaxTarget
		s.Publish(j)
		for n := 1; ; n++ {
			select {
			case sh := <-s.Shares():
				if n%100 == 0 {
					<-time.After(time.Millisecond)
				}
				s.Report(sh, nil)
			case <-ctx.Done():
				return nil
			}
		}
	}}
	m := miner.New(miner.Config{Source: source, Devices: []miner.Device{p}, Until: miner.Until{Shares: 20_000}})
	if err := m.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p.run.rate > 1e12 {
		t.Errorf("the device is taken for one of %.3g H/s", p.run.rate)
	}
}

// A device that is too hot rests until it is cooler by some degrees.
func TestRestsWhileHot(t *testing.T) {
	temperatures := []float64{60, 95, 86, 85, 84.9, 70}
	asked := 0
	d := newDevice(t, func(cfg *Config) {
		cfg.MaxTemperature = 90
		cfg.Sensor = func() (miner.Health, error) {
			h := miner.Health{Temperature: temperatures[min(asked, len(temperatures)-1)]}
			if asked++; asked == len(temperatures)+1 {
				return h, errors.New("the sensor is gone")
			}
			return h, nil
		}
	})
	d.sensorEvery = time.Millisecond
	var log bytes.Buffer
	d.log = slog.New(slog.NewTextHandler(&log, nil))
	_, s, err := mine(t, d, 50, 0)
	if err != nil || s.Shares.Accepted < 50 {
		t.Errorf("%v, %+v", err, s.Shares)
	}
	out := log.String()
	if !strings.Contains(out, `msg="too hot, rests" temperature=95 limit=90`) || !strings.Contains(out, `msg="cool again" temperature=84.9`) {
		t.Errorf("logged:\n%s", out)
	}
	if got := s.Devices[0].Health.Temperature; got != 70 {
		t.Errorf("%v °C in the snapshot, want 70", got)
	}
}

// Built kernels and tunings are kept, and what is broken is made anew.
func TestFolder(t *testing.T) {
	d, folder := device(t), filepath.Join(t.TempDir(), "new")
	var steps int
	tuned, err := Tune(t.Context(), d, folder, 10*time.Millisecond, func(done, all int, m Measured) {
		if steps++; done != steps || done > all || m.Rate == 0 || m.Err != "" {
			t.Errorf("step %d of %d: %+v", done, all, m)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := LoadTuning(folder, d); !ok || got != tuned {
		t.Errorf("kept %+v, %v; want %+v", got, ok, tuned)
	}
	binaries, _ := filepath.Glob(filepath.Join(folder, "kernel-*.bin"))
	if len(binaries) != steps {
		t.Errorf("%d kernels kept, want %d", len(binaries), steps)
	}
	for _, name := range binaries {
		if err := os.WriteFile(name, []byte("not a kernel"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(tuningFile(folder, d), []byte(`{"one":{"width":3}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, ok := LoadTuning(folder, d); ok {
		t.Errorf("a broken tuning was read as %+v", got)
	}
	e, err := open(t.Context(), plan{device: d, source: kernels.Source, folder: folder, first: firstLimit}, tuned.One)
	if err != nil {
		t.Fatal(err)
	}
	e.close()
	again, err := open(t.Context(), plan{device: d, source: kernels.Source, folder: folder, first: firstLimit}, tuned.One)
	if err != nil {
		t.Fatal(err)
	}
	again.close()
}

func TestConfigIsChecked(t *testing.T) {
	good, bad := Tuning{One: shape(16, 1, 1), Many: shape(16, 4, 2)}, Tuning{One: shape(16, 2, 1), Many: shape(16, 4, 2)}
	power := func() (miner.Health, error) { return miner.Health{Power: 100}, nil } // as some GPUs have it, and no more
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{Config{Name: "opencl0", Batch: time.Minute}, "opencl0: a batch takes 1ms to 1s, not 1m0s"},
		{Config{Name: "opencl0", Tuning: &bad}, "opencl0: the kernel for one version has 2"},
		{Config{Name: "opencl0", Tuning: &good, MaxTemperature: 80}, "opencl0: its temperature can't be read: a limit of 80 °C would do nothing"},
		{Config{Name: "opencl0", Tuning: &good, MaxTemperature: 80, Sensor: power}, "opencl0: its temperature can't be read: a limit of 80 °C would do nothing"},
	} {
		if _, err := New(c.cfg); err == nil || err.Error() != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

func TestHealth(t *testing.T) {
	var h health
	for range 1000 { // a right device is never accused
		if err := h.add(10, 10); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.add(64, 16); err != nil {
		t.Errorf("6 standard deviations below: %v", err)
	}
	h = health{}
	if err := h.add(64, 15); err == nil {
		t.Error("more than 6 standard deviations below: no error")
	}
}
