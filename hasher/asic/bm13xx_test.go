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
		r, n, err := frame.ScanRequest(c.buf, c.chip.HostMidstates())
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
	_, long := c.regs[frame.RegVersion]
	var b []byte
	for _, f := range all {
		if !c.lost(f) {
			b = f.Append(b, long && !c.chip.HostMidstates())
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
			f.Result = c.chip.Result(m.ID, byte(i))
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
	for _, name := range slices.Sorted(maps.Keys(bm13xxChips)) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newChips(bm13xxChips[name].chip, 1)
				lasts := min(bm13xxChips[name].every, 32*time.Millisecond)
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
	}{{"bm1397", 6}, {"bm1362", 12}, {"bm1366", 1}, {"bm1368", 2}, {"bm1370", 1}, {"bm1370", 65}} {
		t.Run(fmt.Sprintf("%s-%d", test.name, test.chips), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newChips(bm13xxChips[test.name].chip, test.chips)
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

// TestBM13xxLeftFast finds a chain that a run before left at a faster line.
func TestBM13xxLeftFast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChips(frame.BM1397, 1)
		c.lost = func(frame.Reply) bool { return !slices.Contains(c.bauds, fastBaud) }
		c.on(t, pool, Config{Chip: "bm1397"}, func(m *miner.Miner) {
			time.Sleep(time.Minute)
			if d := m.Snapshot().Devices[0]; d.Err != nil || d.Shares.Accepted == 0 {
				t.Errorf("%v, %+v", d.Err, d.Shares)
			}
		})
	})
}

// TestBM13xxGone has all chips stop answering polls, as after their power failed:
// they are brought up anew.
func TestBM13xxGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChips(frame.BM1370, 1)
		polls := 0
		c.lost = func(f frame.Reply) bool {
			if f.IsNonce || f.Reg != frame.RegPLL {
				return false
			}
			polls++
			return polls > 3
		}
		c.on(t, pool, Config{Chip: "bm1370"}, func(m *miner.Miner) {
			time.Sleep(9*time.Second + (3+pollsMissed+1)*pollEvery)
			if d := m.Snapshot().Devices[0]; d.Err == nil || !strings.Contains(d.Err.Error(), "no chip answers any more") {
				t.Errorf("error %v", d.Err)
			}
		})
	})
}

func TestBM13xxFrequency(t *testing.T) {
	for mhz, ok := range map[float64]bool{0: true, 50: true, 485: true, 800: true, 801: false, 49: false, -1: false} {
		if _, err := New(Config{Name: "usb0", Chip: "bm1366", Frequency: mhz}); (err == nil) != ok {
			t.Errorf("%v MHz: %v", mhz, err)
		}
	}
}
