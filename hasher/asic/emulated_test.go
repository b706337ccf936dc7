package asic_test

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gominer/hasher"
	"gominer/hasher/asic"
	"gominer/hasher/asic/emulate"
	"gominer/hasher/asic/usb"
	"gominer/hasher/cpu"
	"gominer/miner"
	"gominer/miner/minertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// zeroBits is what the chips of these tests ask of a nonce, and rate how fast they
// are: hundreds of nonces a second, and dozens on a slow processor.
const (
	zeroBits = 13
	rate     = 2e6
)

// jobsEvery is how often the pool has a clean job. A board without ids knows the
// works of some of them: so long a test may be held up.
const jobsEvery = 500 * time.Millisecond

// job returns a job whose shares are what such chips find.
func job(n uint32) *miner.Job {
	j := minertest.Job(n)
	j.VersionMask = 0x1fffe000
	j.Target = hasher.MaxTarget
	j.Target[31], j.Target[30] = 0, 0xff>>(zeroBits-8)
	return j
}

// board is a board in software, plugged in at a path.
type board struct {
	*emulate.Emulator
	link string
}

// plug powers a board up at link, for as long as the test takes or until unplug is
// called.
func plug(t *testing.T, cfg emulate.Config, link string) (b *board, unplug func()) {
	t.Helper()
	cfg.ZeroBits, cfg.Rate = zeroBits, rate
	e, err := emulate.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ready := make(chan struct{}, 1)
	var wg sync.WaitGroup
	wg.Go(func() {
		err := e.Run(ctx, link, func(string) { ready <- struct{}{} })
		if err != nil && ctx.Err() == nil {
			t.Error(err)
			close(ready)
		}
	})
	if _, ok := <-ready; !ok {
		t.Fatal("no board")
	}
	unplug = sync.OnceFunc(func() { cancel(); wg.Wait() })
	t.Cleanup(unplug)
	return &board{e, link}, unplug
}

// device returns that which drives the chip at a path.
func device(t *testing.T, name, chip, path string) *asic.Device {
	t.Helper()
	frequency := 0.0
	if strings.HasPrefix(chip, "bm") {
		frequency = 60 // is soon reached
	}
	d, err := asic.New(asic.Config{
		Name: name, Chip: chip, Frequency: frequency, ZeroBits: zeroBits,
		Open: func(context.Context) (*asic.Board, error) {
			p, err := usb.Open(path, 115200)
			if err != nil {
				return nil, err
			}
			return &asic.Board{Port: p}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// needPTY skips a test where there are no pseudo-terminals.
func needPTY(t *testing.T) {
	t.Helper()
	p, err := emulate.OpenPTY()
	if err == nil {
		err = p.Close()
	}
	if err != nil && os.Getenv("GOMINER_CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// pool returns one that has a new clean job now and then, and tells of accepted
// shares, if somebody wants to know.
func pool(accepted chan<- struct{}) *minertest.Source {
	return &minertest.Source{Label: "pool", Script: func(ctx context.Context, s *miner.Session) error {
		var wg sync.WaitGroup
		defer wg.Wait()
		wg.Go(func() {
			for n := uint32(1); ctx.Err() == nil; n++ {
				s.Publish(job(n))
				select {
				case <-ctx.Done():
				case <-time.After(jobsEvery):
				}
			}
		})
		for {
			select {
			case sh := <-s.Shares():
				s.Report(sh, nil)
				select {
				case accepted <- struct{}{}:
				default:
				}
			case <-ctx.Done():
				return nil
			}
		}
	}}
}

// mine mines until there are so many shares, and returns how things stand.
func mine(t *testing.T, shares uint64, devices ...miner.Device) miner.Snapshot {
	t.Helper()
	m := miner.New(miner.Config{Source: pool(nil), Devices: devices, Until: miner.Until{Shares: shares}})
	if err := m.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return m.Snapshot()
}

// TestEmulated mines with each kind of chip in software, on a pseudo-terminal.
func TestEmulated(t *testing.T) {
	needPTY(t)
	for _, chip := range emulate.Chips() {
		switch chip {
		case "bm1362", "bm1366", "bm1368", "bm1397":
			continue // these differ from the BM1370 and the BM1387 in little that a terminal notices; package emulate tries all
		}
		t.Run(chip, func(t *testing.T) {
			t.Parallel() // they wait, most of the time
			b, _ := plug(t, emulate.Config{Chip: chip}, filepath.Join(t.TempDir(), "miner"))
			s := mine(t, 100, device(t, "usb0", chip, b.link))
			d := s.Devices[0]
			if d.Shares.HardwareErrors+d.Shares.Duplicates+d.Shares.Rejected != 0 {
				t.Errorf("%+v", d.Shares)
			}
			model, chips := b.Model()
			if !strings.HasPrefix(d.Info.Model, model) {
				t.Errorf("model %q, want %q", d.Info.Model, model)
			}
			if got := len(d.Health.Chips); got != chips && got != 1 {
				t.Errorf("%d chips, want %d", got, chips)
			}
			if st, refusal := b.Stats(); st.Refused > 0 {
				t.Errorf("%d messages were refused: %s", st.Refused, refusal)
			}
		})
	}
}

// TestFaults mines on in spite of each fault that a line can have.
func TestFaults(t *testing.T) {
	needPTY(t)
	for _, c := range []struct {
		chip   string
		faults []emulate.Fault
	}{
		{"u1", []emulate.Fault{emulate.Split, emulate.Merge, emulate.Noise, emulate.Duplicate, emulate.Stale, emulate.WrongNonce}},
		{"icarus", []emulate.Fault{emulate.Noise}},
		{"u3", []emulate.Fault{emulate.MissingChip}},
		{"bm1387", []emulate.Fault{emulate.BadCRC}},
		{"bm1370", []emulate.Fault{emulate.BadCRC, emulate.Noise, emulate.Stale, emulate.WrongNonce}},
	} {
		for _, fault := range c.faults {
			t.Run(c.chip+" "+string(fault), func(t *testing.T) {
				t.Parallel() // they wait, most of the time
				b, _ := plug(t, emulate.Config{Chip: c.chip, Faults: []emulate.Fault{fault}}, filepath.Join(t.TempDir(), "miner"))
				shares := uint64(40)
				if fault == emulate.Stale {
					shares = 300 // until a job is replaced
				}
				d := mine(t, shares, device(t, "usb0", c.chip, b.link)).Devices[0]
				if st, _ := b.Stats(); st.Faults == 0 && fault != emulate.MissingChip {
					t.Errorf("no fault was made: %+v", st)
				}
				if d.Shares.Rejected != 0 {
					t.Errorf("%+v", d.Shares)
				}
			})
		}
	}
}

// failures is a log that tells of devices that fail.
type failures chan string

func (f failures) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelError }
func (f failures) WithAttrs([]slog.Attr) slog.Handler               { return f }
func (f failures) WithGroup(string) slog.Handler                    { return f }

func (f failures) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "error" {
			select {
			case f <- a.Value.String():
			default:
			}
		}
		return true
	})
	return nil
}

// TestReplugged pulls the board out and plugs it in again: what else stands at its
// path meanwhile is nothing.
func TestReplugged(t *testing.T) {
	needPTY(t)
	link := filepath.Join(t.TempDir(), "miner")
	cfg := emulate.Config{Chip: "u1"}
	_, unplug := plug(t, cfg, link)
	failed, shares := make(failures, 16), make(chan struct{})
	m := miner.New(miner.Config{Source: pool(shares), Devices: []miner.Device{device(t, "usb0", "u1", link)}, Log: slog.New(failed)})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := m.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	accepted := func() {
		for range 10 {
			<-shares
		}
	}
	accepted()
	unplug()
	if why := <-failed; !strings.Contains(why, "unplugged") {
		t.Errorf("after it was pulled out: %s", why)
	}
	if why := <-failed; !strings.Contains(why, link) || !strings.Contains(why, "no such file") && !strings.Contains(why, "does not exist") {
		t.Errorf("while it is not there: %s", why)
	}
	plug(t, cfg, link)
	accepted()
}

// tried keeps all that was hashed, by header.
type tried struct {
	mu     sync.Mutex
	ranges map[string][]emulate.Range
}

func (l *tried) add(r emulate.Range) {
	key := fmt.Sprintf("%x %x", r.Mid, r.Tail)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ranges[key] = append(l.ranges[key], r)
}

// watched returns k, telling l of all that it hashes.
func (l *tried) watched(k hasher.Kernel) hasher.Kernel {
	find := k.Find
	k.Find = func(p *hasher.Prep, first, count uint32, found []hasher.Candidate) []hasher.Candidate {
		for _, mid := range p.Mid {
			l.add(emulate.Range{Mid: mid, Tail: p.Tail, First: first, Count: count})
		}
		return find(p, first, count, found)
	}
	return k
}

// TestUnique has eight boards and the processor mine together, while jobs come and
// go: no header is tried twice, by whomsoever.
func TestUnique(t *testing.T) {
	needPTY(t)
	shares := uint64(1500)
	if n, err := strconv.Atoi(os.Getenv("GOMINER_UNIQUE_SHARES")); err == nil {
		shares = uint64(n)
	}
	l := &tried{ranges: map[string][]emulate.Range{}}
	var devices []miner.Device
	chips := emulate.Chips()
	for i := range 8 {
		chip := chips[i%len(chips)]
		b, _ := plug(t, emulate.Config{Chip: chip, Hashed: l.add}, filepath.Join(t.TempDir(), "miner"))
		devices = append(devices, device(t, fmt.Sprint("usb", i), chip, b.link))
	}
	cfg := cpu.Config{Threads: 2, Throttle: cpu.Throttle{Rate: 2 * rate}}
	for _, k := range hasher.Kernels() {
		if k.Versions == 1 && cfg.Kernel.Find == nil {
			cfg.Kernel = l.watched(k)
		}
		if k.Versions > 1 && cfg.VersionKernel.Find == nil {
			cfg.VersionKernel = l.watched(k)
		}
	}
	processor, err := cpu.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := mine(t, shares, append(devices, processor)...)
	for _, d := range s.Devices {
		if d.Shares.Duplicates+d.Shares.HardwareErrors+d.Shares.Rejected != 0 || d.Err != nil {
			t.Errorf("%s: %v, %+v", d.Info.Name, d.Err, d.Shares)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	headers := uint64(0)
	for key, ranges := range l.ranges {
		slices.SortFunc(ranges, func(a, b emulate.Range) int { return cmp.Compare(a.First, b.First) })
		end := uint64(0)
		for _, r := range ranges {
			if uint64(r.First) < end {
				t.Fatalf("%s: nonces from %d were tried before, up to %d", key, r.First, end)
			}
			end = uint64(r.First) + uint64(r.Count)
			headers += uint64(r.Count)
		}
	}
	t.Logf("%d headers of %d midstates, none twice; %d shares", headers, len(l.ranges), s.Shares.Accepted)
}
