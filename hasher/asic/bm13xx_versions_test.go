package asic

import (
	"context"
	"log/slog"
	"math/bits"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gominer/hasher/asic/frame"
	"gominer/miner"
	"gominer/miner/minertest"
)

// TestBM13xxVersions has a pool that lets bits be rolled which the chips can't roll
// by themselves: every version has its turn, once.
func TestBM13xxVersions(t *testing.T) {
	f, err := newBM13xx(&Config{Chip: "bm1370"})
	if err != nil {
		t.Fatal(err)
	}
	c := f.(*bm13xx)
	c.chips, c.rate, c.hcn = 1, 1e12, 1000
	for _, mask := range []uint32{0, 0x1fffe000, 0x00006000, 0x0000e020, 0xc0006000, 0x20002000} {
		j := job{work: miner.Work{Job: minertest.Job(1)}}
		j.work.Job.VersionMask = mask
		versions := map[uint32]bool{}
		total := j.work.Job.Versions()
		for j.first < total {
			j.count = min(1<<16, total-j.first)
			b, _ := c.encode(nil, &j)
			r, n, err := frame.ScanRequest(b, false)
			for ; err == nil && r.Job == nil; r, n, err = frame.ScanRequest(b, false) {
				b = b[n:]
			}
			if err != nil {
				t.Fatal(err)
			}
			base := r.Job.Header.Version()
			if base&c.mask != 0 || 1<<bits.OnesCount32(c.mask) != j.count {
				t.Fatalf("mask %08x: %d versions of %08x by rolling %08x", mask, j.count, base, c.mask)
			}
			for i := range j.count {
				v := j.version(i)
				if v&^c.mask != base || versions[v] {
					t.Fatalf("mask %08x: version %08x, of %08x by rolling %08x, twice: %v", mask, v, base, c.mask, versions[v])
				}
				versions[v] = true
			}
			j.first += j.count
		}
		if uint64(len(versions)) != total {
			t.Errorf("mask %08x: %d versions of %d", mask, len(versions), total)
		}
	}
}

// warnings is a log that keeps what is worth one.
type warnings struct {
	slog.Handler
	list *[]string
}

func (w warnings) Handle(_ context.Context, r slog.Record) error {
	if r.Level == slog.LevelWarn {
		*w.list = append(*w.list, r.Message)
	}
	return nil
}

func (w warnings) Enabled(context.Context, slog.Level) bool { return true }
func (w warnings) WithAttrs([]slog.Attr) slog.Handler       { return w }

// TestBM13xxOddClock has a chip that forgets how its clock was set: that is told
// once, and once more when it is well again.
func TestBM13xxOddClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		c := newChips(frame.BM1366, 1)
		log := slog.New(warnings{slog.DiscardHandler, &told})
		c.on(t, pool, Config{Chip: "bm1366", Log: log}, func(m *miner.Miner) {
			time.Sleep(20 * time.Second)
			c.mu.Lock()
			was := c.regs[frame.RegPLL]
			c.regs[frame.RegPLL] = 0xc0680040 // and flags that only a read has
			c.mu.Unlock()
			time.Sleep(time.Minute)
			c.mu.Lock()
			c.regs[frame.RegPLL] = was | 1<<31
			c.mu.Unlock()
			time.Sleep(time.Minute)
			if d := m.Snapshot().Devices[0]; d.Err != nil {
				t.Error(d.Err)
			}
		})
		if len(told) != 2 || !strings.Contains(told[0], "clock is not as it was set") {
			t.Errorf("told %q", told)
		}
	})
}
