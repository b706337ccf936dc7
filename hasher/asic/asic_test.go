package asic

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gominer/hasher"
	"gominer/hasher/asic/frame"
	"gominer/miner"
	"gominer/miner/minertest"
)

// testBits is how many zero bits the boards of these tests demand: few enough
// that a bubble, whose time stands still meanwhile, finds a nonce at once.
const testBits = 6

// board plays an Antminer or a Block Erupter in a bubble: for each work it finds
// the first nonces, one each second.
type board struct {
	ids   bool
	deaf  bool                               // nothing is said
	wrong func(n int, nonce []byte) [][]byte // what becomes of the n-th nonce; nil: it is said

	mu     sync.Mutex
	works  []frame.IcarusWork
	clocks []uint16
	began  time.Time
	sent   []string // each message with its time
	toHost chan []byte
	closed chan struct{}
	once   sync.Once
	newest chan frame.IcarusWork
	nonces int
	held   []byte
}

func newBoard(ids bool) *board {
	return &board{ids: ids, began: time.Now(), toHost: make(chan []byte, 64), closed: make(chan struct{}), newest: make(chan frame.IcarusWork, 16)}
}

func (b *board) SetBaud(int) error { return nil }

func (b *board) Close() error { b.once.Do(func() { close(b.closed) }); return nil }

func (b *board) Read(p []byte) (int, error) {
	if len(b.held) == 0 {
		select {
		case b.held = <-b.toHost:
		case <-b.closed:
			return 0, io.EOF
		}
	}
	n := copy(p, b.held)
	b.held = b.held[n:]
	return n, nil
}

func (b *board) Write(p []byte) (int, error) {
	select {
	case <-b.closed:
		return 0, io.ErrClosedPipe
	default:
	}
	b.mu.Lock()
	note := func(what string) {
		b.sent = append(b.sent, fmt.Sprintf("%8.3f s  %X  %s", time.Since(b.began).Seconds(), p, what))
	}
	if word, err := frame.ParseIcarusClock(p); err == nil {
		defer b.mu.Unlock()
		b.clocks = append(b.clocks, word)
		note(fmt.Sprintf("clock %04X", word))
		return len(p), nil
	}
	w, err := frame.ParseIcarusWork(p)
	if err != nil {
		b.mu.Unlock()
		return 0, err
	}
	if w == frame.IcarusGolden {
		note("work of block 171874: what are you?")
		b.mu.Unlock()
		b.say(w.ID, frame.IcarusGoldenNonce[:])
		return len(p), nil
	}
	note(fmt.Sprintf("work %02X", w.ID))
	b.works = append(b.works, w)
	b.mu.Unlock()
	b.newest <- w
	return len(p), nil
}

func (b *board) say(id byte, nonce []byte) {
	if b.deaf {
		return
	}
	if b.ids {
		nonce = append(nonce[:4:4], id)
	}
	select {
	case b.toHost <- nonce:
	case <-b.closed:
	}
}

// hash says the nonces of the newest work until the board is closed.
func (b *board) hash() {
	var w frame.IcarusWork
	has, next := false, uint32(0)
	each := time.NewTicker(time.Second)
	defer each.Stop()
	for {
		select {
		case w = <-b.newest:
			has, next = true, 0
		case <-b.closed:
			return
		case <-each.C:
			if !has {
				continue
			}
			p := hasher.Prep{Mid: [][8]uint32{w.Mid}}
			for i := range p.Tail {
				p.Tail[i] = binary.BigEndian.Uint32(w.Tail[4*i:])
			}
			for h := p.Hash(0, next); zeros(&h) < testBits; h = p.Hash(0, next) {
				next++
			}
			var n [4]byte
			binary.LittleEndian.PutUint32(n[:], next)
			next++
			b.nonces++
			say := [][]byte{n[:]}
			if b.wrong != nil {
				say = b.wrong(b.nonces, n[:])
			}
			for _, s := range say {
				b.say(w.ID, s)
			}
		}
	}
}

// mineFor mines with a device on the boards, one for each time that it is opened, for
// as long, and returns how things stand then.
func mineFor(t *testing.T, d time.Duration, cfg Config, open func() (*board, error)) miner.Snapshot {
	t.Helper()
	return mineOn(t, pool, d, cfg, open)
}

func mineOn(t *testing.T, source miner.Source, d time.Duration, cfg Config, open func() (*board, error)) miner.Snapshot {
	t.Helper()
	var wg sync.WaitGroup
	defer wg.Wait()
	cfg.Name, cfg.ZeroBits = "usb0", testBits
	cfg.Open = func(context.Context) (*Board, error) {
		b, err := open()
		if err != nil {
			return nil, err
		}
		wg.Go(b.hash)
		return &Board{Port: b}, nil
	}
	device, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	m := miner.New(miner.Config{Source: source, Devices: []miner.Device{device}})
	ctx, cancel := context.WithCancel(t.Context())
	wg.Go(func() {
		if err := m.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	time.Sleep(d)
	s := m.Snapshot()
	cancel()
	return s
}

// pool has one job.
var pool = &minertest.Source{Label: "pool", Script: func(ctx context.Context, s *miner.Session) error {
	s.Publish(testJob(1))
	minertest.AcceptAll(ctx, s)
	return nil
}}

// testJob returns a job whose shares are the nonces that boards find.
func testJob(n uint32) *miner.Job {
	j := minertest.Job(n)
	j.Target[31] >>= testBits
	return j
}

func TestMines(t *testing.T) {
	for _, c := range []struct {
		chip, model string
		ids         bool
		clocks      int
	}{{"icarus", "Icarus", false, 0}, {"erupter", "Block Erupter", false, 0}, {"u2", "Antminer U2", true, 1}, {"icarus", "Antminer U1", true, 1}} {
		synctest.Test(t, func(t *testing.T) {
			b := newBoard(c.ids)
			s := mineFor(t, 5*time.Minute, Config{Chip: c.chip}, func() (*board, error) { return b, nil })
			d := s.Devices[0]
			if d.Err != nil || d.Info.Model != c.model || d.Info.Kind != "asic" {
				t.Errorf("%s: %+v", c.chip, d)
			}
			if n := d.Shares.Accepted; n < 200 || d.Shares.HardwareErrors+d.Shares.Duplicates+d.Shares.Stale > 0 {
				t.Errorf("%s: %+v", c.chip, d.Shares)
			}
			if want := d.Shares.Accepted << testBits; d.Hashes < want-64 || d.Hashes > want+64 {
				t.Errorf("%s: %d hashes for %d nonces of %d", c.chip, d.Hashes, d.Shares.Accepted, want)
			}
			if len(b.clocks) != c.clocks {
				t.Errorf("%s: clocks %04x", c.chip, b.clocks)
			}
			seen := map[[8]uint32]bool{}
			for _, w := range b.works {
				if seen[w.Mid] {
					t.Fatalf("%s: the same header twice", c.chip)
				}
				seen[w.Mid] = true
			}
		})
	}
}

// TestIcarusSession holds what is sent to each board against what was sent when it
// was last looked at: finding out what it is, its clock, and work, in time and at
// once when a job is replaced.
func TestIcarusSession(t *testing.T) {
	for chip, lasts := range map[string]time.Duration{
		"icarus": 11 * time.Second, "erupter": 13 * time.Second, "u1": 2700 * time.Millisecond, "u2": 2200 * time.Millisecond, "u3": 61 * time.Millisecond,
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBoard(chip[0] == 'u')
			source := &minertest.Source{Label: "pool", Script: func(ctx context.Context, s *miner.Session) error {
				time.Sleep(2 * time.Second)
				for i := range uint32(2) {
					s.Publish(testJob(i))
					time.Sleep(lasts * 3 / 2)
				}
				<-ctx.Done()
				return nil
			}}
			mineOn(t, source, 2*time.Second+3*lasts, Config{Chip: chip}, func() (*board, error) { return b, nil })
			b.mu.Lock()
			defer b.mu.Unlock()
			golden(t, chip, b.sent)
		})
	}
}

// TestErrsTooMuch lets every third nonce be wrong: the device is reset some times,
// then left out, and says why.
func TestErrsTooMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opened := 0
		s := mineFor(t, time.Hour, Config{Chip: "u1"}, func() (*board, error) {
			opened++
			b := newBoard(true)
			b.wrong = func(n int, nonce []byte) [][]byte {
				if n%3 == 0 {
					nonce[3] ^= 0x80
				}
				return [][]byte{nonce}
			}
			return b, nil
		})
		d := s.Devices[0]
		if opened != 1+mostResets {
			t.Errorf("opened %d times, want %d", opened, 1+mostResets)
		}
		if d.Err == nil || !strings.Contains(d.Err.Error(), "errs too much") || !strings.Contains(d.Err.Error(), "after 3 resets") {
			t.Errorf("error %v", d.Err)
		}
		if d.Shares.HardwareErrors < 4*wrongMost || d.Shares.Accepted == 0 {
			t.Errorf("%+v", d.Shares)
		}
	})
}

// TestDuplicates lets every nonce be said twice: that is counted, and no reason to
// stop.
func TestDuplicates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard(false)
		b.wrong = func(_ int, nonce []byte) [][]byte { return [][]byte{nonce, nonce} }
		d := mineFor(t, 5*time.Minute, Config{Chip: "erupter"}, func() (*board, error) { return b, nil }).Devices[0]
		if d.Err != nil || d.Shares.Accepted < 200 || d.Shares.Duplicates+1 < d.Shares.Accepted || d.Shares.HardwareErrors != 0 {
			t.Errorf("%v, %+v", d.Err, d.Shares)
		}
		if want := d.Shares.Accepted << testBits; d.Hashes > want+1<<testBits {
			t.Errorf("%d hashes for %d nonces: duplicates count", d.Hashes, d.Shares.Accepted)
		}
		c := d.Health.Chips
		if len(c) != 1 || c[0].Duplicates+1 < c[0].Nonces || c[0].Nonces < 200 || c[0].Errors != 0 || c[0].Silent {
			t.Errorf("chips %+v", c)
		}
	})
}

// TestSilentChip has an Icarus of which one half says nothing, on a board that
// should have three.
func TestSilentChip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard(false)
		b.wrong = func(_ int, nonce []byte) [][]byte {
			if nonce[0]>>7 == 1 {
				return nil
			}
			return [][]byte{nonce}
		}
		var log bytes.Buffer // which one goroutine writes, and that is over when it is read
		d := mineFor(t, 10*time.Minute, Config{Chip: "icarus", Chips: 3, Log: slog.New(slog.NewTextHandler(&log, nil))},
			func() (*board, error) { return b, nil }).Devices[0]
		for _, want := range []string{"some chips do not answer", "chips=2 of=3", `says nothing any more" device=usb0 chip=1 of=2`} {
			if n := strings.Count(log.String(), want); n != 1 {
				t.Errorf("%q is said %d times in\n%s", want, n, log.String())
			}
		}
		c := d.Health.Chips
		if d.Err != nil || len(c) != 2 || c[0].Silent || c[0].Nonces < 100 || !c[1].Silent || c[1].Nonces != 0 {
			t.Errorf("%v, chips %+v", d.Err, c)
		}
	})
}

// TestUnplugged takes the board away, and brings it back after a while.
func TestUnplugged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var plugged *board
		go func() {
			for range 2 {
				b := newBoard(true)
				mu.Lock()
				plugged = b
				mu.Unlock()
				time.Sleep(time.Minute)
				mu.Lock()
				plugged = nil
				mu.Unlock()
				b.Close()
				time.Sleep(10 * time.Minute)
			}
		}()
		d := mineFor(t, 22*time.Minute, Config{Chip: "u1"}, func() (*board, error) {
			mu.Lock()
			defer mu.Unlock()
			if plugged == nil {
				return nil, &fs.PathError{Op: "open", Path: "/dev/ttyUSB0", Err: fs.ErrNotExist}
			}
			return plugged, nil
		}).Devices[0]
		if n := d.Shares.Accepted; n < 2*55 || n > 2*60 {
			t.Errorf("%+v: want it to mine within 5 s, twice", d.Shares)
		}
		if d.Err == nil || !strings.Contains(d.Err.Error(), "/dev/ttyUSB0") {
			t.Errorf("error %v", d.Err)
		}
	})
}

// TestNothingAnswers meets a line where nobody is, one where somebody else is, and
// a board that falls silent.
func TestNothingAnswers(t *testing.T) {
	deaf := func() *board { b := newBoard(true); b.deaf = true; return b }
	for name, c := range map[string]struct {
		chip string
		open func() (*board, error)
		want string
	}{
		"nobody":   {"u1", func() (*board, error) { return deaf(), nil }, "nothing answers to work that any Antminer U1"},
		"other":    {"erupter", func() (*board, error) { return newBoard(true), nil }, "no Block Erupter: it sends nonces with ids"},
		"no board": {"u1", func() (*board, error) { return nil, fs.ErrPermission }, "permission denied"},
		"mute": {"u1", func() (*board, error) {
			b := newBoard(true)
			b.wrong = func(int, []byte) [][]byte { return nil }
			return b, nil
		}, "says nothing any more"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				after := 3500 * time.Millisecond
				if name == "mute" {
					after = silentLimit + 1700*time.Millisecond
				}
				d := mineFor(t, after, Config{Chip: c.chip}, c.open).Devices[0]
				if d.Err == nil || !strings.Contains(d.Err.Error(), c.want) {
					t.Errorf("error %v, want %q", d.Err, c.want)
				}
			})
		})
	}
}

// TestCleanJob has the chips given new work at once, though the range that they
// are in takes long.
func TestCleanJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard(false)
		works := func() int {
			synctest.Wait()
			b.mu.Lock()
			defer b.mu.Unlock()
			return len(b.works)
		}
		source := &minertest.Source{Label: "pool", Script: func(ctx context.Context, s *miner.Session) error {
			time.Sleep(3 * time.Second) // until the board is known
			for i := range uint32(20) {
				before := works()
				s.Publish(testJob(i))
				if n := works(); n != before+1 {
					t.Errorf("%d works after a new job, want one", n-before)
				}
				time.Sleep(1500 * time.Millisecond)
			}
			minertest.AcceptAll(ctx, s)
			return nil
		}}
		if d := mineOn(t, source, time.Minute, Config{Chip: "erupter"}, func() (*board, error) { return b, nil }).Devices[0]; d.Err != nil {
			t.Error(d.Err)
		}
	})
}

// TestPaused has a paused device tell nothing, though its chips hash on, and mine
// again at once.
func TestPaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard(true)
		device, err := New(Config{Name: "usb0", Chip: "u1", ZeroBits: testBits, Open: func(context.Context) (*Board, error) { return &Board{Port: b}, nil }})
		if err != nil {
			t.Fatal(err)
		}
		m := miner.New(miner.Config{Source: pool, Devices: []miner.Device{device}})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(b.hash)
		wg.Go(func() {
			if err := m.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		after := func(d time.Duration) uint64 {
			time.Sleep(d)
			synctest.Wait()
			return m.Snapshot().Shares.Accepted
		}
		mined := after(time.Minute)
		if err := m.Pause(0, true); err != nil {
			t.Fatal(err)
		}
		soon := after(lateLimit + time.Second)
		if later := after(time.Hour); mined < 50 || soon > mined+6 || later != soon {
			t.Errorf("%d shares, %d soon after the pause, %d after an hour of it", mined, soon, later)
		}
		if err := m.Pause(0, false); err != nil {
			t.Fatal(err)
		}
		if again := after(time.Minute); again < soon+55 {
			t.Errorf("%d shares in the minute after the pause", again-soon)
		}
		if err := m.Snapshot().Devices[0].Err; err != nil {
			t.Error(err)
		}
		cancel()
		wg.Wait()
	})
}

// FuzzIcarusScan has every byte taken once, whatever comes.
func FuzzIcarusScan(f *testing.F) {
	f.Add("u1", []byte{0, 1, 0x87, 0xa2, 3, 0xff})
	f.Add("icarus", []byte{1, 2, 3, 4, 5, 6, 7, 8, 9})
	f.Fuzz(func(t *testing.T, chip string, b []byte) {
		model, ok := icarusModels[chip]
		if !ok {
			return
		}
		c := &icarus{cfg: &Config{Chip: chip, ZeroBits: 1}, model: model, rate: 1e9}
		for i := range uint64(2 * triedJobs) {
			_, _ = c.encode(nil, &job{work: miner.Work{Job: minertest.Job(1), Extranonce2: i}, count: 1})
		}
		for {
			r, n := c.scan(b)
			if n == 0 {
				break
			}
			if n < 0 || n > len(b) || r.kind == nonce && (r.chip >= model.chips || r.id > 31) {
				t.Fatalf("%d of %d bytes: %+v", n, len(b), r)
			}
			b = b[n:]
		}
		if len(b) > 4 {
			t.Fatalf("%d bytes are left", len(b))
		}
	})
}

func TestNew(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{Config{Name: "usb0", Chip: "bm9"}, `usb0: no driver for the chip "bm9"; there are `},
		{Config{Name: "usb0", Chip: "u1", Frequency: 1000}, "usb0: a clock of 1000 MHz: an Antminer U1 takes 50 to 300"},
		{Config{Name: "usb0", Chip: "erupter", Frequency: 100}, "usb0: the clock of a Block Erupter can't be set"},
		{Config{Name: "usb0", Chip: "u1", ZeroBits: 33}, "usb0: 33 zero bits: want 1 to 32"},
	} {
		if _, err := New(c.cfg); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.cfg, err, c.want)
		}
	}
}
