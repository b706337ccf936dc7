package asic

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/bits"
	"os"
	"path/filepath"
	"slices"
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

var update = flag.Bool("update", false, "write the golden sessions anew")

// chips13xx plays a chain in a bubble: it answers reads, and says a nonce every
// second and job.
type chips13xx struct {
	*board // its line
	chip   frame.Chip
	n      int
	lost   func(f frame.Reply) bool // a reply that is not said

	mu    sync.Mutex
	began time.Time
	sent  []string // each frame with its time
	bauds []int
	regs  map[byte]uint32
	buf   []byte
	jobs  chan frame.Request
}

func newChips(chip frame.Chip, n int) *chips13xx {
	return &chips13xx{
		board: newBoard(false), chip: chip, n: n, began: time.Now(), regs: map[byte]uint32{},
		lost: func(frame.Reply) bool { return false }, jobs: make(chan frame.Request, 16),
	}
}

func (c *chips13xx) SetBaud(baud int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bauds = append(c.bauds, baud)
	c.note("", fmt.Sprintf("the line is set to %d baud", baud))
	return nil
}

func (c *chips13xx) note(hex, what string) {
	c.sent = append(c.sent, strings.TrimSpace(fmt.Sprintf("%8.3f s  %s  %s", time.Since(c.began).Seconds(), hex, what)))
}

func (c *chips13xx) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.closed:
		return 0, io.ErrClosedPipe
	default:
	}
	c.buf = append(c.buf, p...)
	for {
		r, n, err := c.scan(c.buf)
		if err != nil {
			return 0, err
		}
		if n == 0 {
			return len(p), nil
		}
		c.request(fmt.Sprintf("%X", c.buf[:n]), r)
		c.buf = c.buf[n:]
	}
}

// scan reads what the host sends.
func (c *chips13xx) scan(b []byte) (frame.Request, int, error) {
	switch c.chip {
	case frame.BM1387:
		return frame.ScanRequest1387(b)
	case frame.BM1384:
		if len(b) >= frame.IcarusSize {
			w, err := frame.ParseWork1384(b[:frame.IcarusSize])
			c.regs[frame.RegTicketMask] = frame.TicketMask(w.Ticket)
			return frame.Request{Midstate: &frame.MidstateJob{ID: w.ID, Tail: w.Tail, Mid: [][8]uint32{w.Mid}}}, frame.IcarusSize, err
		}
		if len(b) < 4 {
			return frame.Request{}, 0, nil
		}
		m, err := frame.ParseCommand1384(b[:4])
		return frame.Request{Command: &m}, 4, err
	}
	return frame.ScanRequest(b, c.chip.HostMidstates())
}

// append appends a reply.
func (c *chips13xx) append(b []byte, f *frame.Reply) []byte {
	switch c.chip {
	case frame.BM1387:
		return f.Append1387(b)
	case frame.BM1384:
		return f.Append1384(b)
	}
	_, long := c.regs[frame.RegVersion]
	return f.Append(b, long && !c.chip.HostMidstates())
}

// result is the result byte of a midstate's nonce.
func (c *chips13xx) result(id, index byte) byte {
	if c.chip == frame.BM1384 || c.chip == frame.BM1387 {
		return id + index
	}
	return c.chip.Result(id, index)
}

func (c *chips13xx) request(hex string, r frame.Request) {
	switch {
	case r.Command == nil:
		if r.Job != nil {
			c.note(hex, fmt.Sprintf("job %02X, version %08X", r.Job.ID, r.Job.Header.Version()))
		} else {
			c.note(hex, fmt.Sprintf("job %02X, %d midstates", r.Midstate.ID, len(r.Midstate.Mid)))
		}
		c.jobs <- r
	case r.Command.Op == frame.WriteRegister:
		c.note(hex, r.Command.String()+": "+meaning(c.chip, r.Command))
		c.regs[r.Command.Reg] = r.Command.Value
	case r.Command.Op == frame.ReadRegister:
		c.note(hex, r.Command.String()+": "+meaning(c.chip, r.Command))
		var all []frame.Reply
		for i := range c.n {
			f := frame.Reply{Value: c.regs[r.Command.Reg], Addr: byte(i * 256 / c.n), Reg: r.Command.Reg}
			if f.Reg == frame.RegChipID {
				f.Value, f.Addr = uint32(c.chip)<<16, 0
			}
			all = append(all, f)
		}
		c.say(all...)
	default:
		c.note(hex, r.Command.String())
	}
}

func (c *chips13xx) say(all ...frame.Reply) {
	var b []byte
	for _, f := range all {
		if !c.lost(f) {
			b = c.append(b, &f)
		}
	}
	select {
	case c.toHost <- b:
	case <-c.closed:
	}
}

// hash says nonces of the newest job until the line is closed.
func (c *chips13xx) hash() {
	each := time.NewTicker(time.Second / 2)
	defer each.Stop()
	var r frame.Request
	for n := uint32(0); ; {
		select {
		case r = <-c.jobs:
		case <-c.closed:
			return
		case <-each.C:
			if r.Job != nil || r.Midstate != nil {
				n = c.find(r, n+1)
			}
		}
	}
}

// find says the first nonce from n on that is worth it, in a version that
// changes with n.
func (c *chips13xx) find(r frame.Request, n uint32) uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	ticket, ok := frame.TicketBits(c.regs[frame.RegTicketMask])
	if !ok {
		return n
	}
	core := uint32(n%uint32(c.chip.Geometry().Cores)) & 127
	for ; ; n++ {
		wire := core<<25 | n<<7&(1<<25-1)
		f := frame.Reply{IsNonce: true, Nonce: bits.ReverseBytes32(wire)}
		var hash hasher.Hash
		if m := r.Midstate; m != nil {
			i := n % uint32(len(m.Mid))
			p := hasher.Prep{Mid: m.Mid}
			for k := range p.Tail {
				p.Tail[k] = binary.BigEndian.Uint32(m.Tail[4*k:])
			}
			hash = p.Hash(int(i), f.Nonce)
			f.Result = c.result(m.ID, byte(i))
		} else {
			f.Version = uint16(n) & uint16(c.regs[frame.RegVersion])
			h := r.Job.Header
			h.SetVersion(h.Version() | uint32(f.Version)<<13)
			h.SetNonce(f.Nonce)
			hash = h.Hash()
			f.Result = c.chip.Result(r.Job.ID, byte(f.Version))
		}
		if zeros(&hash) >= testBits+ticket {
			c.say(f)
			return n
		}
	}
}

// on mines with the chain until done returns.
func (c *chips13xx) on(t *testing.T, source miner.Source, cfg Config, done func(m *miner.Miner)) {
	t.Helper()
	var wg sync.WaitGroup
	defer wg.Wait()
	cfg.Name, cfg.ZeroBits = "usb0", testBits
	cfg.Open = func(context.Context) (*Board, error) {
		wg.Go(c.hash)
		return &Board{Port: c}, nil
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
	done(m)
	cancel()
}

// meaning says what a command is for.
func meaning(chip frame.Chip, c *frame.Command) string {
	switch {
	case chip == frame.BM1384 && c.Reg == frame.Reg1384PLL, chip == frame.BM1387 && c.Reg == frame.Reg1387PLL:
		if c.Op == frame.ReadRegister {
			return "are you well?"
		}
		if chip == frame.BM1384 {
			m, n, od := c.Value>>7&0x7f, c.Value>>2&0x1f, c.Value&3
			return fmt.Sprintf("clock %.2f MHz", 50*float64(m+1)/float64((n+1)<<od))
		}
		p, _ := chip.ParsePLL(c.Value)
		return fmt.Sprintf("clock %.2f MHz", p.MHz())
	case chip == frame.BM1387 && c.Reg == frame.Reg1387Misc:
		return fmt.Sprintf("%d baud", 25_000_000/8/(c.Value>>8&0x1f+1))
	}
	switch c.Reg {
	case frame.RegChipID:
		return "what are you?"
	case frame.RegPLL:
		if c.Op == frame.ReadRegister {
			return "are you well?"
		}
		if p, err := chip.ParsePLL(c.Value); err == nil {
			return fmt.Sprintf("clock %.2f MHz", p.MHz())
		}
	case frame.RegMiscControl:
		if chip == frame.BM1397 {
			return "1.5625 Mbaud"
		}
		return "misc control: which cores report nonces"
	case frame.RegTicketMask:
		n, _ := frame.TicketBits(c.Value)
		return fmt.Sprintf("report nonces with %d more zero bits", n)
	case frame.RegVersion:
		return fmt.Sprintf("roll version bits %08X", c.Value<<13&rolled)
	case frame.RegHCN:
		return fmt.Sprintf("sweeps of %d ticks of 25 MHz", c.Value)
	case frame.RegNonceOffset:
		return fmt.Sprintf("begin at %04X of 10000", c.Value&0xffff)
	}
	return map[byte]string{
		frame.RegClockEnable: "ordered clock enable", frame.RegClockOrder0: "clock order", frame.RegClockOrder1: "clock order",
		frame.RegFastUART: "fast UART", frame.RegUARTRelay: "UART relay", frame.RegCoreMailbox: "a register of the cores",
		frame.RegAnalogMux: "analog mux", frame.RegIODrive: "strength of the pins", frame.RegPLL3: "PLL3",
		frame.RegPLLDivider: "divider of the PLL", frame.RegSoftReset: "soft reset", frame.RegMiscSettings: "misc settings",
	}[c.Reg]
}

// TestBM13xxSession holds what is sent to each chip against what was sent when it
// was last looked at: all of getting a chip ready, and jobs with changes of their
// version mask and difficulty.
func TestBM13xxSession(t *testing.T) {
	names := slices.Sorted(maps.Keys(bm13xxChips))
	for _, name := range append(names, "bm1384", "bm1387") {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				chips := 1
				if name == "bm1384" || name == "bm1387" {
					chips = 2 // as a 2Pac and a NewPac have
				}
				c := newChips(chipOf(name), chips)
				lasts := 32 * time.Millisecond
				if name == "bm1384" || name == "bm1387" {
					lasts = 300 * time.Millisecond
				}
				source := &minertest.Source{Label: "pool", Script: func(ctx context.Context, s *miner.Session) error {
					time.Sleep(30 * time.Second)
					for i, mask := range []uint32{0x1fffe000, 0x1fffe000, 0x00006000} {
						j := minertest.Job(uint32(i))
						j.VersionMask = mask
						if i != 1 { // easy
							j.Target[31], j.Target[30] = 0, 0
						}
						s.Publish(j)
						time.Sleep(lasts / 2)
					}
					<-ctx.Done()
					return nil
				}}
				c.on(t, source, Config{Chip: name}, func(*miner.Miner) { time.Sleep(30*time.Second + 3*lasts) })
				golden(t, name, c.sent)
			})
		})
	}
}

// chipOf returns the chip of that name.
func chipOf(name string) frame.Chip {
	switch name {
	case "bm1384":
		return frame.BM1384
	case "bm1387":
		return frame.BM1387
	}
	return bm13xxChips[name].chip
}

func golden(t *testing.T, name string, lines []string) {
	t.Helper()
	got := strings.Join(lines, "\n") + "\n"
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not what is sent now (make golden writes it anew):\n%s", file, got)
	}
}

// TestBM13xxMines has chains of each kind mine at a job that lets them report all
// they find, then at one that does not.
func TestBM13xxMines(t *testing.T) {
	for _, test := range []struct {
		name  string
		chips int
	}{{"bm1384", 2}, {"bm1387", 12}, {"bm1397", 6}, {"bm1362", 12}, {"bm1366", 1}, {"bm1368", 2}, {"bm1370", 1}, {"bm1370", 65}} {
		t.Run(fmt.Sprintf("%s-%d", test.name, test.chips), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newChips(chipOf(test.name), test.chips)
				versions := map[uint32]bool{}
				source := &minertest.Source{Label: "pool", Script: func(ctx context.Context, s *miner.Session) error {
					j := testJob(1)
					j.VersionMask = 0x1fffe000
					s.Publish(j)
					for {
						select {
						case sh := <-s.Shares():
							versions[sh.Version] = true
							s.Report(sh, nil)
						case <-ctx.Done():
							return nil
						}
					}
				}}
				var s miner.Snapshot
				c.on(t, source, Config{Chip: test.name}, func(m *miner.Miner) {
					time.Sleep(2 * time.Minute)
					s = m.Snapshot()
				})
				d := s.Devices[0]
				if d.Err != nil || d.Info.Model != c.chip.String() || len(d.Health.Chips) != test.chips {
					t.Errorf("%v, %+v, %d chips", d.Err, d.Info, len(d.Health.Chips))
				}
				if sh := d.Shares; sh.Accepted < 100 || sh.HardwareErrors+sh.Duplicates+sh.AboveTarget > 0 {
					t.Errorf("%+v", sh)
				}
				if len(versions) < 4 {
					t.Errorf("%d versions in the shares", len(versions))
				}
				ticket, ok := frame.TicketBits(c.regs[frame.RegTicketMask])
				if want := d.Shares.Accepted << (testBits + ticket); !ok || d.Hashes < want || d.Hashes > want+want/50 {
					t.Errorf("%d hashes for %d nonces with %d bits more", d.Hashes, d.Shares.Accepted, ticket)
				}
			})
		})
	}
}

// TestBM13xxCount meets chains that are not what they are said to be.
func TestBM13xxCount(t *testing.T) {
	for _, test := range []struct {
		chip frame.Chip
		n    int
		name string
		want string
	}{
		{frame.BM1370, 0, "bm1370", "nothing answers to the question for BM1370"},
		{frame.BM1366, 1, "bm1370", "a BM1366 answers, not a BM1370"},
		{frame.BM1397, 1, "bm1362", "a BM1397 answers, not a BM1362"},
		{frame.BM1362, 1, "bm1397", "a BM1362 answers, not a BM1397"},
		{frame.BM1384, 0, "bm1384", "nothing answers to the question for BM1384"},
		{frame.BM1387, 0, "bm1387", "nothing answers to the question for BM1387"},
		{frame.BM1384, 129, "bm1384", "129 chips answer: a chain has at most 128"},
		{frame.BM1387, 129, "bm1387", "129 chips answer: a chain has at most 128"},
		{frame.BM1362, 129, "bm1362", "129 chips answer: a chain has at most 128"},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := newChips(test.chip, test.n)
			c.on(t, pool, Config{Chip: test.name}, func(m *miner.Miner) {
				time.Sleep(time.Second)
				if test.n == 0 {
					time.Sleep(time.Second)
				}
				if d := m.Snapshot().Devices[0]; d.Err == nil || !strings.Contains(d.Err.Error(), test.want) {
					t.Errorf("%v as %s: error %v, want %q", test.chip, test.name, d.Err, test.want)
				}
			})
		})
	}
}

// TestSilentAtFast has chips that do not take part when the line is made faster.
func TestSilentAtFast(t *testing.T) {
	for _, name := range []string{"bm1387", "bm1397"} {
		synctest.Test(t, func(t *testing.T) {
			c := newChips(chipOf(name), 1)
			c.lost = func(frame.Reply) bool { return slices.Contains(c.bauds, fastBaud) }
			c.on(t, pool, Config{Chip: name}, func(m *miner.Miner) {
				time.Sleep(2100 * time.Millisecond)
				if d := m.Snapshot().Devices[0]; d.Err == nil || !strings.Contains(d.Err.Error(), "nothing answers at 1500000 baud") {
					t.Errorf("%s: error %v", name, d.Err)
				}
			})
		})
	}
}

// TestBM13xxLeftFast finds a chain that a run before left at a faster line.
func TestBM13xxLeftFast(t *testing.T) {
	for _, name := range []string{"bm1387", "bm1397"} {
		synctest.Test(t, func(t *testing.T) {
			c := newChips(chipOf(name), 1)
			c.lost = func(frame.Reply) bool { return !slices.Contains(c.bauds, fastBaud) }
			c.on(t, pool, Config{Chip: name}, func(m *miner.Miner) {
				time.Sleep(time.Minute)
				if d := m.Snapshot().Devices[0]; d.Err != nil || d.Shares.Accepted == 0 {
					t.Errorf("%s: %v, %+v", name, d.Err, d.Shares)
				}
			})
		})
	}
}

// TestBM13xxGone has all chips stop answering polls, as after their power failed:
// they are brought up anew.
func TestBM13xxGone(t *testing.T) {
	for _, name := range []string{"bm1370", "bm1384", "bm1387"} {
		synctest.Test(t, func(t *testing.T) {
			c := newChips(chipOf(name), 1)
			polls := 0
			c.lost = func(f frame.Reply) bool {
				if f.IsNonce || f.Reg == frame.RegChipID {
					return false
				}
				polls++
				return polls > 3
			}
			c.on(t, pool, Config{Chip: name}, func(m *miner.Miner) {
				d := m.Snapshot().Devices[0]
				for began := time.Now(); d.Err == nil && time.Since(began) < 2*time.Minute; d = m.Snapshot().Devices[0] {
					time.Sleep(100 * time.Millisecond)
				}
				if d.Err == nil || !strings.Contains(d.Err.Error(), "no chip answers any more") {
					t.Errorf("%s: error %v", name, d.Err)
				}
			})
		})
	}
}

func TestBM13xxFrequency(t *testing.T) {
	for name, list := range map[string]map[float64]bool{
		"bm1366": {0: true, 50: true, 485: true, 800: true, 801: false, 49: false, -1: false},
		"bm1384": {0: true, 6.25: true, 500: true, 501: false, 6: false, -1: false},
		"bm1387": {0: true, 50: true, 800: true, 801: false, 49: false, -1: false},
	} {
		for mhz, ok := range list {
			if _, err := New(Config{Name: "usb0", Chip: name, Frequency: mhz}); (err == nil) != ok {
				t.Errorf("%s at %v MHz: %v", name, mhz, err)
			}
		}
	}
}
