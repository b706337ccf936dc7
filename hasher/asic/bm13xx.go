package asic

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/bits"
	"time"

	"gominer/hasher"
	"gominer/hasher/asic/frame"
	"gominer/miner"
)

const (
	// rolled are the bits of a header's version that the chips can roll by
	// themselves.
	rolled = 0x1fffe000

	// rampFrom, rampBy and rampWait are how the clock is raised: a step at a time,
	// since the current jumps with it. MHz.
	rampFrom = 56.25
	rampBy   = 6.25
	rampWait = 100 * time.Millisecond

	// leastMHz and mostMHz bound what a user may ask for.
	leastMHz = 50
	mostMHz  = 800

	// answerWait is how long the chips of a chain take to say what they are: with
	// 128 of them it takes 0.2 s.
	answerWait = 500 * time.Millisecond

	// askedTimes is how often they are asked before they are given up.
	askedTimes = 3

	// mostChips have addresses two apart, as chips expect.
	mostChips = 128

	// nonceRate is how many nonces a second chips are to report: enough to see that
	// they are well. Where shares are easier than that would ask for, up to
	// nonceRateMost are taken in: 2.8 kB/s of a line that carries 11.5.
	nonceRate     = 1
	nonceRateMost = 256

	// midstateMargin is the part of the time for all nonces and midstates after
	// which a BM1397 gets its next job: its cores are not a power of two, and some
	// are through before the others.
	midstateMargin = 0.5

	// epochMargin is the same for chips that roll the version: their clock and
	// ours are not the same.
	epochMargin = 0.8

	// fastBaud is what a BM1397's line is raised to: 64 kB/s of midstates may be
	// due. The chip makes 1.5625 Mbaud; FTDI's parts can't.
	fastBaud   = 1_500_000
	fastDivide = 0x00006131 // register 18: 25 MHz / 8 / (1+1)
	slowBaud   = 115_200    // what chips begin with, to 0.5 %

	// fastWait is how long the command to go faster may take to get to the last
	// chip, before the port's rate is changed under it.
	fastWait = 250 * time.Millisecond
)

// bm13xx drives a chain of BM1397, BM1362, BM1366, BM1368 or BM1370.
type bm13xx struct {
	bm13xxChip
	cfg  *Config
	log  *slog.Logger
	prep hasher.Prep // for midstates

	// Since the latest bringUp.
	chips  int
	long   bool   // replies have 11 bytes
	clock  uint32 // word of the PLL register
	rate   float64
	hcn    uint32      // hash counting number
	mask   uint32      // version bits that the chips roll
	ticket int         // bits of the ticket mask
	id     byte        // of the latest job
	heard  frame.Reply // the latest register
	odd    []bool      // chips whose clock is not as it was set, which was told
	polls  polls
}

func newBM13xx(cfg *Config) (family, error) {
	c := &bm13xx{bm13xxChip: bm13xxChips[cfg.Chip], cfg: cfg, log: cfg.Log}
	if cfg.Frequency != 0 {
		_, ok := c.chip.PLL(cfg.Frequency)
		if !ok || cfg.Frequency < leastMHz || cfg.Frequency > mostMHz {
			return nil, fmt.Errorf("a clock of %v MHz: a %v takes %d to %d", cfg.Frequency, c.chip, leastMHz, mostMHz)
		}
		c.mhz = cfg.Frequency
	}
	return c, nil
}

// bringUp counts the chips, gives them addresses and goes through the steps that
// their kind needs.
func (c *bm13xx) bringUp(ctx context.Context, l *line) (chain, error) {
	*c = bm13xx{bm13xxChip: c.bm13xxChip, cfg: c.cfg, log: c.log}
	if err := c.count(ctx, l); err != nil {
		return chain{}, err
	}
	c.rate = float64(c.chips) * c.chip.Hashrate(c.mhz)
	c.ticket = c.ticketFor(nonceRate)
	c.odd = make([]bool, c.chips)
	for i := 0; i < len(c.init); {
		n := 1
		for c.init[i].do == writeEach && i+n < len(c.init) && c.init[i+n].do == writeEach {
			n++
		}
		if err := c.take(ctx, l, c.init[i:i+n]); err != nil {
			return chain{}, err
		}
		i += n
	}
	l.flush()
	most := uint64(1) << 16
	if c.chip.HostMidstates() {
		most = 4
	}
	return chain{
		model: c.chip.String(), chips: c.chips, rate: c.rate, bits: c.cfg.ZeroBits + c.ticket,
		versions: most, tend: pollEvery,
	}, nil
}

// ticketFor returns the ticket mask's bits with which the chips report about as
// many nonces a second.
func (c *bm13xx) ticketFor(perSecond float64) int {
	return max(0, int(math.Round(math.Log2(c.rate/perSecond/math.Exp2(32)))))
}

// count finds out how many chips there are, and what.
func (c *bm13xx) count(ctx context.Context, l *line) error {
	for try := range askedTimes {
		if try == askedTimes-1 && c.usesFast() { // as an earlier run may have left them
			if err := speedUp(l); err != nil {
				return err
			}
		}
		n, err := c.ask(ctx, l)
		if err != nil || n > 0 {
			c.chips = n
			return err
		}
	}
	return noAnswer(fmt.Sprintf("the question for %v", c.chip))
}

func (c *bm13xx) usesFast() bool {
	for _, s := range c.init {
		if s.do == fast {
			return true
		}
	}
	return false
}

func speedUp(l *line) error {
	if err := l.board.SetBaud(fastBaud); err != nil {
		return fmt.Errorf("set %d baud: %w", fastBaud, err)
	}
	l.flush()
	return nil
}

// ask asks all chips once for their id, and returns how many say the right one.
// Until they are counted it takes its time.
func (c *bm13xx) ask(ctx context.Context, l *line) (n int, err error) {
	l.flush()
	if !c.chip.HostMidstates() {
		// Also says that replies are to have the long form, whose version field is
		// why: three times, as everybody does.
		for range 3 {
			c.mask = rolled
			if err := c.write(ctx, l, frame.Command{Op: frame.WriteRegister, All: true, Reg: frame.RegVersion, Value: frame.Versions(c.mask)}, bm13xxWait); err != nil {
				return 0, err
			}
		}
		c.long = true
	}
	if err := c.write(ctx, l, frame.Command{Op: frame.ReadRegister, All: true, Reg: frame.RegChipID}, 0); err != nil {
		return 0, err
	}
	var other frame.Chip
	err = l.collect(ctx, answerWait, c.scan, func(r reply) bool {
		if r.kind == register && c.heard.Reg == frame.RegChipID {
			if id := frame.Chip(c.heard.Value >> 16); id == c.chip {
				n++
			} else {
				other = id
			}
		}
		return c.chips > 0 && n == c.chips
	})
	if r, _, ok := frame.ScanReply(l.held, false); ok && !r.IsNonce { // a chip that has no long form
		other = frame.Chip(r.Value >> 16)
	}
	switch {
	case err != nil:
		return 0, err
	case n == 0 && other != 0:
		return 0, fmt.Errorf("a %v answers, not a %v: say what it is", other, c.chip)
	case n > mostChips:
		return 0, fmt.Errorf("%d chips answer: a chain has at most %d", n, mostChips)
	}
	return n, nil
}

// write sends a command and waits.
func (c *bm13xx) write(ctx context.Context, l *line, cmd frame.Command, wait time.Duration) error {
	if err := l.send(cmd.Append(nil)); err != nil {
		return err
	}
	return l.pause(ctx, wait)
}

// take takes a step, or several in a row that each chip is to take.
func (c *bm13xx) take(ctx context.Context, l *line, steps []bm13xxStep) error {
	s := steps[0]
	wait := max(s.wait, bm13xxWait)
	cmd := frame.Command{Op: frame.WriteRegister, All: true, Reg: s.reg, Value: s.value}
	switch s.do {
	case writeFirst:
		cmd.All = false
	case writeEach:
		return c.takeEach(ctx, l, steps)
	case inactive:
		cmd = frame.Command{Op: frame.Inactive}
	case addresses:
		for i := range c.chips {
			if err := c.write(ctx, l, frame.Command{Op: frame.SetAddress, Addr: c.address(i)}, bm13xxWait); err != nil {
				return err
			}
		}
		return nil
	case ticket:
		cmd = c.ticketCommand()
	case versions:
		c.mask = rolled
		cmd = c.versionCommand()
	case fast:
		cmd.Reg, cmd.Value = frame.RegMiscControl, fastDivide
		if err := c.write(ctx, l, cmd, wait); err != nil {
			return err
		}
		if err := speedUp(l); err != nil {
			return err
		}
		if n, err := c.ask(ctx, l); err != nil || n > 0 {
			return err
		}
		return fmt.Errorf("nothing answers at %d baud, where something did at %d", fastBaud, slowBaud)
	case ramp:
		return c.raise(ctx, l)
	case sweep:
		return c.share(ctx, l)
	}
	return c.write(ctx, l, cmd, wait)
}

func (c *bm13xx) takeEach(ctx context.Context, l *line, steps []bm13xxStep) error {
	for i := range c.chips {
		for _, s := range steps {
			cmd := frame.Command{Op: frame.WriteRegister, Addr: c.address(i), Reg: s.reg, Value: s.value}
			if err := c.write(ctx, l, cmd, max(s.wait, bm13xxWait)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *bm13xx) interval() int { return 256 / c.chips }

func (c *bm13xx) address(i int) byte { return byte(i * c.interval()) }

func (c *bm13xx) ticketCommand() frame.Command {
	return frame.Command{Op: frame.WriteRegister, All: true, Reg: frame.RegTicketMask, Value: frame.TicketMask(c.ticket)}
}

func (c *bm13xx) versionCommand() frame.Command {
	return frame.Command{Op: frame.WriteRegister, All: true, Reg: frame.RegVersion, Value: frame.Versions(c.mask)}
}

// raise brings the clock up to what is wanted.
func (c *bm13xx) raise(ctx context.Context, l *line) error {
	for mhz := min(rampFrom, c.mhz); ; mhz = min(mhz+rampBy, c.mhz) {
		p, ok := c.chip.PLL(mhz)
		if ok {
			if err := c.setClock(ctx, l, p); err != nil {
				return err
			}
		}
		if mhz == c.mhz {
			c.rate = float64(c.chips) * c.chip.Hashrate(p.MHz())
			c.hcn = c.chip.HashCountingNumber(p, c.chips)
			return nil
		}
	}
}

// setClock writes the PLL's registers, as often as is done to each kind of chip.
func (c *bm13xx) setClock(ctx context.Context, l *line, p frame.PLL) error {
	c.clock = p.Word(c.chip)
	divider, times := false, 1
	switch c.chip {
	case frame.BM1397:
		divider, times = true, 2
	case frame.BM1362:
		divider = true
	}
	for range times {
		if !divider {
			break
		}
		cmd := frame.Command{Op: frame.WriteRegister, All: true, Reg: frame.RegPLLDivider, Value: 0x0f0f0f00}
		if err := c.write(ctx, l, cmd, bm13xxWait); err != nil {
			return err
		}
	}
	for range times {
		cmd := frame.Command{Op: frame.WriteRegister, All: true, Reg: frame.RegPLL, Value: c.clock}
		if err := c.write(ctx, l, cmd, bm13xxWait); err != nil {
			return err
		}
	}
	return l.pause(ctx, rampWait-bm13xxWait)
}

// share tells the cores how far to go through the nonces, and on chips that don't
// know it by their address, where to begin.
func (c *bm13xx) share(ctx context.Context, l *line) error {
	cmd := frame.Command{Op: frame.WriteRegister, All: true, Reg: frame.RegHCN, Value: c.hcn}
	if err := c.write(ctx, l, cmd, bm13xxWait); err != nil {
		return err
	}
	if c.chips == 1 || c.chip != frame.BM1368 && c.chip != frame.BM1370 {
		return nil
	}
	for i := range c.chips {
		offset := uint32(i * 65536 / c.chips)
		cmd := frame.Command{Op: frame.WriteRegister, Addr: c.address(i), Reg: frame.RegNonceOffset, Value: 1<<31 | offset}
		if err := c.write(ctx, l, cmd, bm13xxWait); err != nil {
			return err
		}
	}
	return nil
}

// encode gives the chips a job, before it the version bits that they are to roll,
// and around it a new ticket mask, if those change.
func (c *bm13xx) encode(dst []byte, j *job) ([]byte, time.Duration) {
	was := c.ticket
	c.ticket = c.ticketOf(j)
	if c.ticket > was {
		dst = c.ticketCommand().Append(dst)
	}
	var lasts time.Duration
	c.id = (c.id + c.step) % 128
	j.id = int(c.id)
	if c.chip.HostMidstates() {
		dst, lasts = c.midstates(dst, j)
	} else {
		dst, lasts = c.whole(dst, j)
	}
	if c.ticket < was { // only now: a nonce of the job before is held to what was asked then
		dst = c.ticketCommand().Append(dst)
	}
	j.bits = c.cfg.ZeroBits + c.ticket
	return dst, lasts
}

// ticketOf returns the bits of the ticket mask for a job: by the hash rate, but
// fewer where they would keep shares away.
func (c *bm13xx) ticketOf(j *job) int {
	target := j.work.Job.Target
	return max(c.ticketFor(nonceRateMost), min(c.ticketFor(nonceRate), zeros((*hasher.Hash)(&target))-c.cfg.ZeroBits))
}

// whole appends a job for chips that roll the version by themselves.
func (c *bm13xx) whole(dst []byte, j *job) ([]byte, time.Duration) {
	// Of a power of two of versions that are numbered from a multiple of it on, some
	// bits differ, in all ways. Where there are bits among them that the chips can't
	// roll, fewer versions are sent at once.
	j.count = 1 << (bits.Len64(j.count) - 1)
	roll := func() uint32 { return j.version(j.count-1) ^ j.version(0) }
	for j.first%j.count != 0 || roll()&^rolled != 0 {
		j.count /= 2
	}
	if mask := roll(); mask != c.mask {
		c.mask = mask
		dst = c.versionCommand().Append(dst)
	}
	dst = (&frame.Job{ID: c.id, Header: j.header(0)}).Append(dst)
	epoch := time.Duration(epochMargin * float64(c.chip.Epoch(c.hcn, j.count)))
	return dst, min(c.every, epoch)
}

// midstates appends a job for chips that are given midstates.
func (c *bm13xx) midstates(dst []byte, j *job) ([]byte, time.Duration) {
	m := midstateJob(&c.prep, j, c.id)
	return m.Append(dst), min(c.every, midstateTime(j, c.rate))
}

// scan reads a reply.
func (c *bm13xx) scan(b []byte) (reply, int) {
	f, n, ok := frame.ScanReply(b, c.long)
	switch {
	case !ok:
		return reply{}, n
	case !f.IsNonce:
		c.heard = f
		c.answered(&f)
		return reply{kind: register}, n
	}
	id, sub := c.chip.Job(f.Result)
	r := reply{kind: nonce, id: int(id), nonce: f.Nonce, chip: c.chip.Index(f.Nonce, c.chips)}
	if c.chip.HostMidstates() {
		r.index = uint64(sub)
	} else {
		r.roll = uint32(f.Version) << bits.TrailingZeros32(rolled)
	}
	return r, n
}

// answered takes in the answer to a poll.
func (c *bm13xx) answered(f *frame.Reply) {
	if f.Reg != frame.RegPLL || c.chips == 0 {
		return
	}
	c.polls.answered()
	i := int(f.Addr) / c.interval()
	if i >= len(c.odd) {
		return
	}
	const dividers = 0xffffff // the flags above may say more when they are read
	if odd := (f.Value^c.clock)&dividers != 0; odd != c.odd[i] {
		c.odd[i] = odd
		c.log.Warn("a chip's clock is not as it was set", "chip", i, "of", c.chips, "register", fmt.Sprintf("%08x", f.Value), "set", fmt.Sprintf("%08x", c.clock), "mended", !odd)
	}
}

// tend asks all chips for the setting of their clock.
func (c *bm13xx) tend(l *line, _ *miner.Health) error {
	if err := c.polls.next(); err != nil {
		return err
	}
	return l.send(frame.Command{Op: frame.ReadRegister, All: true, Reg: frame.RegPLL}.Append(nil))
}
