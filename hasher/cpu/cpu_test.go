package cpu_test

import (
	"context"
	"math"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gominer/hasher"
	"gominer/hasher/cpu"
	"gominer/miner"
	"gominer/miner/minertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// easy is a job whose shares come every few thousand hashes.
func easy(n uint32, mask uint32) *miner.Job {
	j := minertest.Job(n)
	j.VersionMask = mask
	j.Target, _ = hasher.TargetFromDifficulty(1e-6)
	return j
}

// mine runs d on jobs until enough shares were accepted, and returns them.
func mine(t *testing.T, d *cpu.Device, shares uint64, mask uint32, then func(int)) ([]miner.Share, miner.Snapshot) {
	t.Helper()
	var got []miner.Share
	source := &minertest.Source{Label: "script", Script: func(ctx context.Context, s *miner.Session) error {
		s.Publish(easy(1, mask))
		for n := 1; ; n++ {
			select {
			case sh := <-s.Shares():
				got = append(got, sh)
				s.Report(sh, nil)
				if then != nil {
					then(n)
				}
				if n%50 == 0 {
					s.Publish(easy(uint32(n), mask))
				}
			case <-ctx.Done():
				return nil
			}
		}
	}}
	m := miner.New(miner.Config{Source: source, Devices: []miner.Device{d}, Until: miner.Until{Shares: shares}})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := m.Run(ctx); err != nil {
		t.Fatal(err)
	}
	s := m.Snapshot()
	if s.Shares.Accepted < shares {
		t.Fatalf("%d shares accepted, want %d", s.Shares.Accepted, shares)
	}
	if s.Shares.HardwareErrors != 0 || s.Shares.Duplicates != 0 {
		t.Fatalf("%+v: want no hardware errors and no duplicates", s.Shares)
	}
	return got, s
}

func TestEveryKernelMines(t *testing.T) {
	base := hasher.Kernels()[len(hasher.Kernels())-1]
	for _, k := range hasher.Kernels() {
		t.Run(k.Name, func(t *testing.T) {
			cfg := cpu.Config{Threads: 2, Kernel: k, Pin: true}
			mask := uint32(0)
			if k.Versions > 1 {
				cfg.Kernel, cfg.VersionKernel, mask = base, k, 0x1fffe000
			}
			d, err := cpu.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			got, s := mine(t, d, 200, mask, nil)
			rolled := map[uint32]bool{}
			for _, sh := range got {
				rolled[sh.Version] = true
				h := sh.Header(sh.Job.Coinbase.MerkleRoot(sh.Extranonce2))
				if h.Hash() != sh.Hash {
					t.Fatalf("share %+v: its header hashes to %v", sh, h.Hash())
				}
			}
			if want := k.Versions > 1; len(rolled) > 1 != want {
				t.Errorf("shares of %d versions, kernel takes %d", len(rolled), k.Versions)
			}
			// One hash in 2^32 × 10^-6 is a share: the count of hashes must fit, the
			// last batches aside, whose shares came too late to be judged.
			found := s.Shares.Accepted + s.Shares.Stale + s.Shares.Lost
			if per := float64(s.Hashes) / float64(found); per < 2000 || per > 10000 {
				t.Errorf("%.0f hashes a share, want about 4295", per)
			}
		})
	}
}

// generic is slow enough that throttles bite everywhere.
func generic() hasher.Kernel {
	k, _ := hasher.KernelByName("generic")
	return k
}

func TestThreadsAndThrottleChangeLive(t *testing.T) {
	d, err := cpu.New(cpu.Config{Threads: 1, Kernel: generic()})
	if err != nil {
		t.Fatal(err)
	}
	mine(t, d, 300, 0, func(n int) {
		switch n {
		case 50:
			d.SetThreads(3)
		case 100:
			d.SetThrottle(cpu.Throttle{Percent: 50})
		case 150:
			d.SetThreads(1)
		case 200:
			d.SetThrottle(cpu.Throttle{Rate: 1})
			d.SetThrottle(cpu.Throttle{})
		case 250:
			d.SetThreads(0)
			d.SetThreads(2)
		}
	})
	if got := d.Threads(); got != 2 {
		t.Errorf("%d threads at the end, want 2", got)
	}
}

func TestConfigIsChecked(t *testing.T) {
	many := hasher.Kernel{Name: "many", Lanes: 16, Versions: 16, Find: generic().Find}
	for name, cfg := range map[string]cpu.Config{
		"negative threads":     {Threads: -1},
		"too many threads":     {Threads: cpu.MaxThreads + 1},
		"negative percent":     {Throttle: cpu.Throttle{Percent: -1}},
		"percent above 100":    {Throttle: cpu.Throttle{Percent: 101}},
		"percent not a number": {Throttle: cpu.Throttle{Percent: math.NaN()}},
		"negative rate":        {Throttle: cpu.Throttle{Rate: -5}},
		"infinite rate":        {Throttle: cpu.Throttle{Rate: math.Inf(1)}},
		"version kernel alone": {Kernel: many},
	} {
		if _, err := cpu.New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
