package emulate

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"gominer/hasher"
	"gominer/hasher/asic/frame"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pipe is a Line without a terminal, and the host's end of it.
type pipe struct {
	io.Reader
	io.Writer
	baud  int
	close sync.Once
	ends  []io.Closer
}

func (p *pipe) Baud() int { return p.baud }

func (p *pipe) Close() error {
	p.close.Do(func() {
		for _, e := range p.ends {
			_ = e.Close()
		}
	})
	return nil
}

// host is a board that has power, and the host's end of its line.
type host struct {
	t *testing.T
	*Emulator
	to      io.Writer
	from    io.Reader
	line    *pipe
	refused refusals
}

// refusals is a log that tells of them.
type refusals chan struct{}

func (r refusals) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }
func (r refusals) WithAttrs([]slog.Attr) slog.Handler               { return r }
func (r refusals) WithGroup(string) slog.Handler                    { return r }

func (r refusals) Handle(context.Context, slog.Record) error {
	r <- struct{}{}
	return nil
}

func power(t *testing.T, cfg Config) *host {
	t.Helper()
	refused := make(refusals, 100)
	cfg.Log = slog.New(refused)
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	toChips, fromHost := io.Pipe()
	toHost, fromChips := io.Pipe()
	line := &pipe{Reader: toChips, Writer: fromChips, ends: []io.Closer{toChips, fromHost, toHost, fromChips}}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := e.Serve(ctx, line); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	return &host{t, e, fromHost, toHost, line, refused}
}

func (h *host) send(b []byte) {
	h.t.Helper()
	if _, err := h.to.Write(b); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) read(n int) []byte {
	h.t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(h.from, b); err != nil {
		h.t.Fatal(err)
	}
	return b
}

// work returns that of the n-th of some headers, and the header.
func work(n int, id byte) (frame.IcarusWork, hasher.Header) {
	var h hasher.Header
	h.SetVersion(0x20000000)
	h.SetTime(uint32(1_700_000_000 + n))
	var p hasher.Prep
	p.Prepare(&h, 0)
	return frame.IcarusWork{Mid: p.Mid[0], Tail: [12]byte(h[64:76]), ID: id}, h
}

func TestGolden(t *testing.T) {
	for chip, want := range map[string]string{"icarus": "\x00\x01\x87\xa2", "erupter": "\x00\x01\x87\xa2", "u1": "\x00\x01\x87\xa2\x00", "u3": "\x00\x01\x87\xa2\x00"} {
		h := power(t, Config{Chip: chip})
		h.send(frame.IcarusGolden.Append(nil))
		if got := h.read(len(want)); string(got) != want {
			t.Errorf("%s: % x", chip, got)
		}
	}
	h := power(t, Config{Chip: "u1", Faults: []Fault{WrongChip}})
	h.send(frame.IcarusGolden.Append(nil))
	if got := h.read(5); bytes.HasPrefix(got, frame.IcarusGoldenNonce[:]) {
		t.Errorf("another chip finds % x", got)
	}
}

// TestHashes has nonces that hold, newer work at once in place of older, and all
// that is hashed reported.
func TestHashes(t *testing.T) {
	const bits = 10
	var mu sync.Mutex
	hashed := map[[3]uint32]uint64{}
	h := power(t, Config{Chip: "u1", ZeroBits: bits, Rate: 1e6, Hashed: func(r Range) {
		mu.Lock()
		defer mu.Unlock()
		if uint64(r.First) != hashed[r.Tail] {
			t.Errorf("%d nonces from %d, after %d", r.Count, r.First, hashed[r.Tail])
		}
		hashed[r.Tail] += uint64(r.Count)
	}})
	for n := range 4 {
		w, header := work(n, byte(n+1))
		h.send(w.Append(nil))
		for right := 0; right < 3; {
			b := h.read(5)
			if b[4] != byte(n+1) {
				continue // of the work before, on its way
			}
			right++
			header.SetNonce(binary.LittleEndian.Uint32(b))
			if hash := header.Hash(); zeros(&hash) < bits {
				t.Fatalf("nonce % x gives %v", b, hash)
			}
		}
	}
	s, refusal := h.Stats()
	if s.Works != 4 || s.Refused != 0 || s.Nonces < 12 || s.Hashes == 0 || s.Lost != 0 {
		t.Errorf("%+v, %s", s, refusal)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(hashed) != 4 {
		t.Errorf("%d headers were hashed", len(hashed))
	}
}

// TestRefuses sends what no host may send; the board goes on after it.
func TestRefuses(t *testing.T) {
	good, _ := work(1, 3)
	long := good.Append(nil)
	long[40] = 1
	for name, c := range map[string]struct {
		chip string
		sent []byte
		want string
	}{
		"garbage between": {"u1", long, "with 01 at 40"},
		"an id":           {"erupter", good.Append(nil), "which this board does not know"},
		"a clock":         {"erupter", frame.IcarusClock(0x0783), "a clock, or part of work?"},
		"a wrong CRC":     {"u1", []byte{0x82, 7, 0x83, 0}, "wrong checksum"},
		"a part":          {"u1", long[:10], "the rest of it is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			h := power(t, Config{Chip: c.chip})
			h.send(c.sent)
			<-h.refused
			if s, text := h.Stats(); s.Refused != 1 || !strings.Contains(text, c.want) {
				t.Errorf("%d refused, %q, want %q", s.Refused, text, c.want)
			}
		})
	}
	h := power(t, Config{Chip: "u1"})
	h.send(frame.IcarusClock(0x0783))
	h.send(frame.IcarusGolden.Append(nil))
	if got := h.read(5); !bytes.HasPrefix(got, frame.IcarusGoldenNonce[:]) {
		t.Errorf("after a clock: % x", got)
	}
}

func TestFaults(t *testing.T) {
	for _, fault := range []Fault{Split, Merge, Noise, Duplicate, Stale, WrongNonce, MissingChip} {
		t.Run(string(fault), func(t *testing.T) {
			h := power(t, Config{Chip: "u3", ZeroBits: 10, Rate: 1e6, Faults: []Fault{fault}})
			w, _ := work(1, 3)
			h.send(w.Append(nil))
			all := h.read(60)
			w, _ = work(2, 4)
			h.send(w.Append(nil))
			all = append(all, h.read(60)...)
			s, _ := h.Stats()
			if fault != MissingChip && s.Faults == 0 {
				t.Errorf("%+v: no fault", s)
			}
			if fault == MissingChip {
				for i := 0; i < len(all); i += 5 {
					if all[i] >= 192 {
						t.Errorf("the missing chip says % x", all[i:i+5])
					}
				}
			}
		})
	}
}

// TestWrongBaud has a host at another rate understood by nobody.
func TestWrongBaud(t *testing.T) {
	h := power(t, Config{Chip: "u1"})
	h.line.baud = 9600
	h.send(frame.IcarusGolden.Append(nil))
	<-h.refused
	if _, text := h.Stats(); !strings.Contains(text, "at 9600 baud, where the chips are at 115200") {
		t.Error(text)
	}
}

func TestNew(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{Config{Chip: "bm1"}, `no chip "bm1"; there are `},
		{Config{Chip: "u1", Chips: 2}, "2 chips: a board of Antminer U1 has 1 to 1"},
		{Config{Chip: "u1", ZeroBits: 40}, "40 zero bits: want 1 to 32"},
		{Config{Chip: "u1", Faults: []Fault{"rust"}}, `no fault "rust"`},
		{Config{Chip: "u1", Faults: []Fault{BadCRC}}, "the fault bad-crc can't be with 1 × Antminer U1"},
		{Config{Chip: "icarus", Chips: 1, Faults: []Fault{MissingChip}}, "the fault missing-chip can't be with 1 × Icarus"},
	} {
		if _, err := New(c.cfg); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.cfg, err, c.want)
		}
	}
	for _, chip := range Chips() {
		for _, f := range Faults(chip) {
			if f.Fault == MissingChip && kinds[chip].chips == 1 {
				continue
			}
			if _, err := New(Config{Chip: chip, Faults: []Fault{f.Fault}}); err != nil {
				t.Errorf("%s is offered for %s: %v", f.Fault, chip, err)
			}
		}
	}
	if got := len(Faults("")); got != len(faults) {
		t.Errorf("%d faults in all, want %d", got, len(faults))
	}
}

// TestPTY plays on a pseudo-terminal, by a link that goes with it.
func TestPTY(t *testing.T) {
	e, err := New(Config{Chip: "u1"})
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "miner")
	for range 2 { // the second finds the link of the first gone
		ctx, cancel := context.WithCancel(t.Context())
		path := make(chan string, 1)
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := e.Run(ctx, link, func(p string) { path <- p }); err != nil {
				if os.Getenv("GOMINER_CI") == "" && strings.Contains(err.Error(), "pseudo-terminal") {
					t.Log(err)
				} else {
					t.Error(err)
				}
				close(path)
			}
		})
		p, ok := <-path
		if !ok {
			wg.Wait()
			cancel()
			t.Skip("there are no pseudo-terminals here")
		}
		if p != link {
			t.Errorf("to be opened at %s", p)
		}
		if to, err := os.Readlink(link); err != nil || !strings.HasPrefix(to, "/dev/") {
			t.Errorf("the link leads to %q, %v", to, err)
		}
		cancel()
		wg.Wait()
		if _, err := os.Lstat(link); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the link stays: %v", err)
		}
	}
	if err := os.WriteFile(link, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := e.Run(t.Context(), link, func(string) { t.Error("served") }); err == nil || !strings.Contains(err.Error(), "no symbolic link") {
		t.Error(err)
	}
}

// FuzzIcarus sends anything.
func FuzzIcarus(f *testing.F) {
	w, _ := work(1, 3)
	f.Add("u1", append(frame.IcarusClock(0x0783), w.Append(nil)...))
	f.Add("icarus", []byte{0x82})
	f.Fuzz(func(t *testing.T, chip string, b []byte) {
		e, err := New(Config{Chip: chip})
		if err != nil {
			return
		}
		wire := newWire(e, &pipe{})
		wire.chips = e.kind.create(wire)
		for len(b) > 0 {
			n := min(len(b), 100)
			wire.receive(b[:n])
			b = b[n:]
		}
		wire.giveUp()
	})
}
