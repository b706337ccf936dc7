package emulate

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gominer/hasher"
	"gominer/hasher/asic"
	"gominer/hasher/asic/frame"
	"gominer/miner"
	"gominer/miner/minertest"
)

// duplex is a line between a driver and a board: both ends of it.
type duplex struct {
	toChips, toHost       *io.PipeReader
	fromHost, fromChips   *io.PipeWriter
	baud                  atomic.Int64
	hostClose, chipsClose sync.Once
}

func newDuplex() *duplex {
	d := &duplex{}
	d.toChips, d.fromHost = io.Pipe()
	d.toHost, d.fromChips = io.Pipe()
	d.baud.Store(firstBaud)
	return d
}

// hostEnd is an asic.Port.
type hostEnd struct{ *duplex }

func (d hostEnd) Read(p []byte) (int, error)  { return d.toHost.Read(p) }
func (d hostEnd) Write(p []byte) (int, error) { return d.fromHost.Write(p) }
func (d hostEnd) SetBaud(baud int) error      { d.baud.Store(int64(baud)); return nil }
func (d hostEnd) Close() error {
	d.hostClose.Do(func() { d.fromHost.Close(); d.toHost.Close() })
	return nil
}

// chipsEnd is a Line.
type chipsEnd struct{ *duplex }

func (d chipsEnd) Read(p []byte) (int, error)  { return d.toChips.Read(p) }
func (d chipsEnd) Write(p []byte) (int, error) { return d.fromChips.Write(p) }
func (d chipsEnd) Baud() int                   { return int(d.baud.Load()) }
func (d chipsEnd) Close() error {
	d.chipsClose.Do(func() { d.fromChips.Close(); d.toChips.Close() })
	return nil
}

// mine mines with a board of those chips in a bubble, until done says that it is
// enough. The chips have a Config.Rate: they rest now and then, so that the
// bubble's time goes on.
func mine(t *testing.T, cfg Config, source miner.Source, done func(miner.Snapshot, Stats) bool) (miner.Snapshot, Stats, string) {
	t.Helper()
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	d, err := asic.New(asic.Config{
		Name: "usb0", Chip: cfg.Chip, ZeroBits: cfg.ZeroBits,
		Open: func(context.Context) (*asic.Board, error) {
			line := newDuplex()
			wg.Go(func() { _ = e.Serve(ctx, chipsEnd{line}) })
			return &asic.Board{Port: hostEnd{line}}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	m := miner.New(miner.Config{Source: source, Devices: []miner.Device{d}})
	wg.Go(func() { _ = m.Run(ctx) })
	for range 12_000 { // 2 minutes
		time.Sleep(10 * time.Millisecond)
		s := m.Snapshot()
		stats, refusal := e.Stats()
		if done(s, stats) {
			return s, stats, refusal
		}
	}
	s := m.Snapshot()
	stats, refusal := e.Stats()
	t.Errorf("it is not enough in 2 minutes: %+v, %v\n%+v, %s", s.Devices[0].Shares, s.Devices[0].Err, stats, refusal)
	return s, stats, refusal
}

// pool publishes a job and takes all shares, of which it tells.
func pool(j *miner.Job, share func(*miner.Share)) miner.Source {
	return &minertest.Source{Label: "pool", Script: func(ctx context.Context, s *miner.Session) error {
		s.Publish(j)
		for {
			select {
			case sh := <-s.Shares():
				share(&sh)
				s.Report(sh, nil)
			case <-ctx.Done():
				return nil
			}
		}
	}}
}

// enough is how many shares a board is to find.
const enough = 100

func found(s miner.Snapshot, _ Stats) bool {
	d := s.Devices[0]
	return d.Shares.Accepted >= enough && len(d.Health.Chips) > 0
}

// TestBM13xx has the driver of each kind of chip mine with chips that refuse what
// is not right: all of it is, all nonces are good, and nothing is hashed twice.
func TestBM13xx(t *testing.T) {
	for _, c := range []struct {
		chip  string
		chips int
		more  int // zero bits that the pool asks for
		mask  uint32
	}{
		{"bm1384", 1, 0, 0}, {"bm1384", 2, 0, 0x1fffe000}, {"bm1387", 2, 0, 0x1fffe000}, {"bm1387", 12, 0, 0},
		{"bm1397", 1, 0, 0x1fffe000}, {"bm1397", 3, 0, 0}, {"bm1362", 12, 1, 0x1fffe000}, {"bm1366", 1, 0, 0x00006000},
		{"bm1368", 2, 2, 0x1fffe000}, {"bm1370", 1, 3, 0x1fffe000}, {"bm1370", 5, 2, 0x1fffe000},
	} {
		t.Run(fmt.Sprintf("%s-%d", c.chip, c.chips), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testMines(t, c.chip, c.chips, c.more, c.mask) })
		})
	}
}

func testMines(t *testing.T, chip string, chips, more int, mask uint32) {
	const zeroBits = 10
	j := minertest.Job(1)
	j.VersionMask = mask
	j.Target[31], j.Target[30] = 0, 0xff>>(zeroBits+more-8)
	versions := map[uint32]bool{}
	ends := map[Range]uint64{} // by midstate and tail
	cfg := Config{Chip: chip, Chips: chips, ZeroBits: zeroBits, Rate: 2.5e5, Hashed: func(r Range) {
		key := Range{Mid: r.Mid, Tail: r.Tail}
		if uint64(r.First) < ends[key] {
			t.Errorf("%d nonces from %d on, though they were hashed up to %d", r.Count, r.First, ends[key])
		}
		ends[key] = uint64(r.First) + uint64(r.Count)
	}}
	s, stats, refusal := mine(t, cfg, pool(j, func(sh *miner.Share) { versions[sh.Version] = true }), found)
	d := s.Devices[0]
	if d.Err != nil || d.Shares.HardwareErrors+d.Shares.Duplicates+d.Shares.AboveTarget+d.Shares.Rejected > 0 {
		t.Errorf("%v, %+v", d.Err, d.Shares)
	}
	if stats.Refused > 0 || stats.Lost > 0 {
		t.Errorf("%+v: %s", stats, refusal)
	}
	if want := d.Shares.Accepted << (zeroBits + more); stats.Hashes > 2*want {
		t.Errorf("%d hashes for %d shares: the ticket mask keeps some away", stats.Hashes, d.Shares.Accepted)
	}
	if len(d.Health.Chips) != chips {
		t.Errorf("%d chips, want %d", len(d.Health.Chips), chips)
	}
	if mask == 0x1fffe000 != (len(versions) > 1) { // with fewer they are soon through, and in software only one has its turn
		t.Errorf("shares of %d versions with mask %08x", len(versions), mask)
	}
}

// TestBM13xxDifficulty has chips that ask as much as silicon does find what real
// ones found: a share of a BM1370, and block 0.
func TestBM13xxDifficulty(t *testing.T) {
	for chip, c := range map[string]struct {
		header string
		base   uint32
		mask   uint32
	}{
		"bm1370": {"0040b420", 0x20000000, 0x1fffe000},
		"bm1366": {"0040b420", 0x20000000, 0x1fffe000},
		"bm1397": {"01000000", 1, 0},
		"bm1387": {"01000000", 1, 0},
		"bm1384": {"01000000", 1, 0},
	} {
		t.Run(chip, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var h hasher.Header
				for _, text := range realHeaders {
					if strings.HasPrefix(text, c.header) {
						var err error
						if h, err = hasher.ParseHeader(text); err != nil {
							t.Fatal(err)
						}
						break
					}
				}
				// The header before it is left to devices that draw parts of one.
				j := &miner.Job{ID: "1", Version: c.base, VersionMask: c.mask, PrevHash: h.PrevHash(), Root: h.MerkleRoot(), NTime: h.Time() - 1, Bits: h.Bits(), Clean: true}
				var err error
				if j.Target, err = hasher.TargetFromDifficulty(2500); err != nil {
					t.Fatal(err)
				}
				got := make(chan miner.Share, 16)
				s, _, _ := mine(t, Config{Chip: chip, ZeroBits: 32, Rate: 1e5}, pool(j, func(sh *miner.Share) { got <- *sh }), func(s miner.Snapshot, _ Stats) bool {
					return s.Devices[0].Shares.Accepted == 1
				})
				if sh := <-got; sh.Version != h.Version() || sh.Nonce != h.Nonce() || sh.NTime != h.Time() || s.Devices[0].Shares.HardwareErrors > 0 {
					t.Errorf("version %08x, nonce %08x, time %d, want %08x, %08x, %d", sh.Version, sh.Nonce, sh.NTime, h.Version(), h.Nonce(), h.Time())
				}
			})
		})
	}
}

// TestBM13xxFaults has the driver go on whatever happens to messages, and say what
// is wrong where it can't.
func TestBM13xxFaults(t *testing.T) {
	for _, c := range []struct {
		chip  string
		fault Fault
		err   string // "": it goes on
	}{
		{"bm1370", BadCRC, ""}, {"bm1366", Split, ""}, {"bm1397", Merge, ""}, {"bm1370", Noise, ""}, {"bm1368", Duplicate, ""},
		{"bm1384", Split, ""}, {"bm1384", Merge, ""}, {"bm1384", Noise, ""}, {"bm1384", MissingChip, ""}, {"bm1384", WrongChip, "nothing answers"},
		{"bm1387", BadCRC, ""}, {"bm1387", Split, ""}, {"bm1387", Noise, ""}, {"bm1387", MuteAfterBaud, "nothing answers at 1500000 baud"},
		{"bm1362", Stale, ""}, {"bm1370", WrongNonce, ""}, {"bm1366", MissingChip, ""},
		{"bm1370", WrongChip, "a BM1366 answers, not a BM1370"}, {"bm1397", MuteAfterBaud, "nothing answers at 1500000 baud"},
	} {
		t.Run(c.chip+"-"+string(c.fault), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testFault(t, c.chip, c.fault, c.err) })
		})
	}
}

func testFault(t *testing.T, chip string, fault Fault, err string) {
	const zeroBits = 10
	j := minertest.Job(1)
	j.VersionMask = 0x1fffe000
	j.Target[31], j.Target[30] = 0, 0xff>>(zeroBits-8)
	cfg := Config{Chip: chip, Chips: 2, ZeroBits: zeroBits, Rate: 2.5e5, Faults: []Fault{fault}}
	s, stats, refusal := mine(t, cfg, pool(j, func(*miner.Share) {}), func(s miner.Snapshot, stats Stats) bool {
		if err != "" {
			return s.Devices[0].Err != nil
		}
		return found(s, stats) && (stats.Faults > 0 || fault == MissingChip)
	})
	d := s.Devices[0]
	switch {
	case err != "":
		if d.Err == nil || !strings.Contains(d.Err.Error(), err) {
			t.Errorf("error %v, want %q", d.Err, err)
		}
	case d.Err != nil && fault != WrongNonce || stats.Refused > 0:
		t.Errorf("%v, %+v, %s", d.Err, stats, refusal)
	case fault == Noise && chip == "bm1384": // whose nonces have no checksum
	case (fault == WrongNonce) != (d.Shares.HardwareErrors > 0) || (fault == Duplicate) != (d.Shares.Duplicates > 0) || d.Shares.Rejected > 0:
		t.Errorf("%+v", d.Shares)
	case fault == MissingChip && len(d.Health.Chips) != 1:
		t.Errorf("%d chips", len(d.Health.Chips))
	}
}

// TestBM13xxRefuses sends what is no message, or comes before its time.
func TestBM13xxRefuses(t *testing.T) {
	write := func(reg byte, value uint32) []byte {
		return frame.Command{Op: frame.WriteRegister, All: true, Reg: reg, Value: value}.Append(nil)
	}
	job := func(id byte) []byte { return (&frame.Job{ID: id}).Append(nil) }
	for _, c := range []struct {
		chip string
		sent []byte
		want string
	}{
		{"bm1370", []byte("hello"), "no preamble"},
		{"bm1370", job(0x18)[:20], "the rest of it is missing"},
		{"bm1370", job(0x18), "a job, and a chip has no address"},
		{"bm1370", job(0x1a), "job 1a, which would come back as 18"},
		{"bm1370", frame.Command{Op: frame.SetAddress}.Append(nil), "while the chain is active"},
		{"bm1370", frame.Command{Op: frame.ReadRegister, Addr: 4}.Append(nil), "no chip has that address"},
		{"bm1370", write(frame.RegPLL, 0x40ff0240), "is out of range"},
		{"bm1370", write(frame.RegTicketMask, 0x0f), "a mask with a hole"},
		{"bm1370", write(frame.RegVersion, 0xffff), "no way to have versions rolled"},
		{"bm1397", write(frame.RegVersion, 0x9000ffff), "no way to have versions rolled"},
		{"bm1397", (&frame.MidstateJob{ID: 4, Mid: make([][8]uint32, 4)}).Append(nil), "a job, and a chip has no address"},
		{"bm1387", (&frame.MidstateJob{ID: 4, Mid: make([][8]uint32, 4)}).Append1387(nil), "a job, and a chip has no address"},
		{"bm1387", (&frame.MidstateJob{ID: 5, Mid: make([][8]uint32, 4)}).Append1387(nil), "some have the id of another"},
		{"bm1387", frame.Command{Op: frame.WriteRegister, All: true, Reg: frame.Reg1387PLL, Value: 1}.Append1387(nil), "is out of range"},
		{"bm1384", (&frame.Work1384{IcarusWork: golden}).Append(nil), "a job, and a chip has no address"},
		{"bm1384", bytes.Repeat([]byte{0x84}, frame.IcarusSize), "hole"},
		{"bm1384", frame.Command{Op: frame.WriteRegister, All: true, Reg: frame.Reg1384PLL, Value: 0x3f80}.Append1384(nil), "a clock of 6400 MHz"},
	} {
		h := power(t, Config{Chip: c.chip})
		h.send(c.sent)
		<-h.refused
		if _, text := h.Stats(); !strings.Contains(text, c.want) {
			t.Errorf("%s: %q, want %q", c.chip, text, c.want)
		}
	}
}

// TestBM13xxChecksum changes a byte: both the message and what is left of it
// without its preamble are refused.
func TestBM13xxChecksum(t *testing.T) {
	h := power(t, Config{Chip: "bm1366"})
	b := frame.Command{Op: frame.WriteRegister, All: true, Reg: frame.RegHCN, Value: 5}.Append(nil)
	b[7]++
	h.send(b)
	<-h.refused
	<-h.refused
	if s, text := h.Stats(); s.Refused != 2 || !strings.Contains(text, "no preamble") {
		t.Errorf("%d refused, %s", s.Refused, text)
	}
}

// TestBM13xxAnswers reads the id before and after a chip was told of versions.
func TestBM13xxAnswers(t *testing.T) {
	ask := frame.Command{Op: frame.ReadRegister, All: true}.Append(nil)
	h := power(t, Config{Chip: "bm1370"})
	h.send(ask)
	if r, n, ok := frame.ScanReply(h.read(9), false); !ok || n != 9 || r.Value != 0x13700000 {
		t.Errorf("%+v, %d, %v", r, n, ok)
	}
	h.send(frame.Command{Op: frame.WriteRegister, All: true, Reg: frame.RegVersion, Value: 0x9000ffff}.Append(nil))
	h.send(ask)
	if got := fmt.Sprintf("%X", h.read(11)); got != "AA55137000000000000010" {
		t.Error(got)
	}
}

// FuzzBM13xx sends anything to a chain.
func FuzzBM13xx(f *testing.F) {
	f.Add("bm1370", []byte("\x55\xaa\x52\x05\x00\x00\x0a"))
	f.Add("bm1384", append(frame.Command{Op: frame.Inactive}.Append1384(nil), (&frame.Work1384{}).Append(nil)...))
	f.Add("bm1387", frame.Command{Op: frame.SetAddress, Addr: 2}.Append1387(frame.Command{Op: frame.Inactive}.Append1387(nil)))
	f.Add("bm1397", (&frame.MidstateJob{ID: 4, Mid: make([][8]uint32, 4)}).Append(nil))
	f.Add("bm1362", append(frame.Command{Op: frame.Inactive}.Append(nil), frame.Command{Op: frame.SetAddress, Addr: 2}.Append(nil)...))
	f.Fuzz(func(t *testing.T, chip string, b []byte) {
		if _, ok := bm13xxKinds[chip]; !ok {
			return
		}
		e, err := New(Config{Chip: chip, Chips: 3})
		if err != nil {
			t.Fatal(err)
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
