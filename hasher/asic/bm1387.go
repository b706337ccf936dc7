package asic

import (
	"context"
	"fmt"
	"math"
	"time"

	"gominer/hasher"
	"gominer/hasher/asic/frame"
	"gominer/miner"
)

const (
	// default1387 is the clock unless the user says otherwise, most1387 the most
	// that he may, MHz.
	default1387 = 200
	most1387    = 800

	// open1387 is how many jobs of nothing are sent so that each core has one: the
	// cores start one after the other, as the supply could not stand all at once.
	open1387  = 115
	openEvery = 10 * time.Millisecond

	// fastDivide1387 makes 1.5625 Mbaud, where FTDI's parts make fastBaud.
	fastDivide1387 = 1

	// addressWait is what a BM1384 or BM1387 needs to take its address.
	addressWait = 5 * time.Millisecond

	// unmarkedQuiet is how far apart the bytes of a reply can't be. Nothing marks
	// where one begins.
	unmarkedQuiet = 200 * time.Millisecond
)

// bm1387 drives the BM1387s of a NewPac or R606. They are given midstates, and
// report every nonce whose hash has 32 zero bits.
type bm1387 struct {
	cfg   *Config
	mhz   float64
	chips int
	rate  float64 // H/s
	id    byte    // of the latest job
	polls polls
	heard frame.Reply // the latest that is no nonce
	prep  hasher.Prep
}

func newBM1387(cfg *Config) (family, error) {
	c := &bm1387{cfg: cfg, mhz: default1387}
	if cfg.Frequency != 0 {
		if !(cfg.Frequency >= leastMHz && cfg.Frequency <= most1387) {
			return nil, fmt.Errorf("a clock of %v MHz: a BM1387 takes %d to %d", cfg.Frequency, leastMHz, most1387)
		}
		c.mhz = cfg.Frequency
	}
	return c, nil
}

// bringUp counts the chips, gives them addresses, makes the line faster, opens
// their cores and raises the clock.
func (c *bm1387) bringUp(ctx context.Context, l *line) (chain, error) {
	*c = bm1387{cfg: c.cfg, mhz: c.mhz}
	for try := range askedTimes {
		if try == askedTimes-1 { // as an earlier run may have left them
			if err := speedUp(l); err != nil {
				return chain{}, err
			}
		}
		n, err := c.ask(ctx, l)
		if err != nil {
			return chain{}, err
		}
		if c.chips = n; n > 0 {
			break
		}
	}
	if c.chips == 0 {
		return chain{}, noAnswer("the question for BM1387")
	}
	for _, do := range []func(context.Context, *line) error{c.address, c.hurry, c.open, c.raise} {
		if err := do(ctx, l); err != nil {
			return chain{}, err
		}
	}
	l.flush()
	return chain{
		model: frame.BM1387.String(), chips: c.chips, rate: c.rate, bits: c.cfg.ZeroBits,
		versions: 4, quiet: unmarkedQuiet, tend: pollEvery,
	}, nil
}

func (c *bm1387) write(ctx context.Context, l *line, cmd frame.Command, wait time.Duration) error {
	if err := l.send(cmd.Append1387(nil)); err != nil {
		return err
	}
	return l.pause(ctx, wait)
}

// ask asks all chips for their id, and returns how many say the right one.
func (c *bm1387) ask(ctx context.Context, l *line) (n int, err error) {
	l.flush()
	if err := c.write(ctx, l, frame.Command{Op: frame.ReadRegister, All: true, Reg: frame.RegChipID}, 0); err != nil {
		return 0, err
	}
	err = l.collect(ctx, answerWait, c.scan, func(r reply) bool {
		if r.kind == register && frame.Chip(c.heard.Value>>16) == frame.BM1387 {
			n++
		}
		return c.chips > 0 && n == c.chips
	})
	if n > mostChips {
		return 0, fmt.Errorf("%d chips answer: a chain has at most %d", n, mostChips)
	}
	return n, err
}

func (c *bm1387) address(ctx context.Context, l *line) error {
	for range 3 {
		if err := c.write(ctx, l, frame.Command{Op: frame.Inactive}, addressWait); err != nil {
			return err
		}
	}
	for i := range c.chips {
		if err := c.write(ctx, l, frame.Command{Op: frame.SetAddress, Addr: byte(i * (256 / c.chips))}, addressWait); err != nil {
			return err
		}
	}
	return nil
}

// hurry makes the line faster: two kilobytes a second of midstates may be due for
// each chip.
func (c *bm1387) hurry(ctx context.Context, l *line) error {
	cmd := frame.Command{Op: frame.WriteRegister, All: true, Reg: frame.Reg1387Misc, Value: frame.Misc1387(fastDivide1387, false)}
	if err := c.write(ctx, l, cmd, fastWait); err != nil {
		return err
	}
	if err := speedUp(l); err != nil {
		return err
	}
	n, err := c.ask(ctx, l)
	switch {
	case err != nil:
		return err
	case n == 0:
		return fmt.Errorf("nothing answers at %d baud, where something did at %d", fastBaud, slowBaud)
	}
	cmd.Value = frame.Misc1387(fastDivide1387, true)
	return c.write(ctx, l, cmd, bm13xxWait)
}

// open starts one core of each chip after the other.
func (c *bm1387) open(ctx context.Context, l *line) error {
	j := frame.MidstateJob{Mid: make([][8]uint32, 4)}
	for i := range j.Tail {
		j.Tail[i] = 0xff
	}
	for i := range open1387 {
		j.ID = byte(4 * i % 128)
		if err := l.send(j.Append1387(nil)); err != nil {
			return err
		}
		if err := l.pause(ctx, openEvery); err != nil {
			return err
		}
	}
	return nil
}

func (c *bm1387) raise(ctx context.Context, l *line) error {
	for mhz := min(rampFrom, c.mhz); ; mhz = min(mhz+rampBy, c.mhz) {
		if p, ok := frame.BM1387.PLL(mhz); ok {
			cmd := frame.Command{Op: frame.WriteRegister, All: true, Reg: frame.Reg1387PLL, Value: p.Word(frame.BM1387)}
			if err := c.write(ctx, l, cmd, rampWait); err != nil {
				return err
			}
			c.rate = float64(c.chips) * frame.BM1387.Hashrate(p.MHz())
		}
		if mhz == c.mhz {
			return nil
		}
	}
}

// encode gives the chips the midstates of four versions, or of one.
func (c *bm1387) encode(dst []byte, j *job) ([]byte, time.Duration) {
	c.id = (c.id + 4) % 128
	j.id = int(c.id)
	m := midstateJob(&c.prep, j, c.id)
	return m.Append1387(dst), midstateTime(j, c.rate)
}

// midstateJob returns j as chips take it that are given midstates: of four
// versions, or, where there are not as many, of one.
func midstateJob(p *hasher.Prep, j *job, id byte) frame.MidstateJob {
	if j.count < 4 {
		j.count = 1
	}
	var list [4]uint32
	for i := range j.count {
		list[i] = j.version(i)
	}
	p.Prepare(&j.work.Header, 0, list[:j.count]...)
	return frame.MidstateJob{ID: id, Tail: [12]byte(j.work.Header[64:76]), Mid: p.Mid}
}

// midstateTime returns how long chips have enough of j.
func midstateTime(j *job, rate float64) time.Duration {
	all := math.Exp2(32) * float64(j.count) / rate
	return time.Duration(midstateMargin * all * float64(time.Second))
}

// scan reads a reply.
func (c *bm1387) scan(b []byte) (reply, int) {
	f, n, ok := frame.ScanReply1387(b)
	switch {
	case !ok:
		return reply{}, n
	case !f.IsNonce:
		c.heard = f
		c.polls.answered()
		return reply{kind: register}, n
	}
	return reply{
		kind: nonce, id: int(f.Result &^ 3), index: uint64(f.Result & 3), nonce: f.Nonce,
		chip: frame.BM1387.Index(f.Nonce, c.chips),
	}, n
}

// tend asks all chips for the setting of their clock.
func (c *bm1387) tend(l *line, _ *miner.Health) error {
	if err := c.polls.next(); err != nil {
		return err
	}
	return l.send(frame.Command{Op: frame.ReadRegister, All: true, Reg: frame.Reg1387PLL}.Append1387(nil))
}
