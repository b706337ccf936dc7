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
	// default1384 is the clock unless the user says otherwise, least1384 and
	// most1384 bound what he may, MHz. rampFrom1384 is where its ramp begins.
	default1384  = 150
	least1384    = 6.25
	most1384     = 500
	rampFrom1384 = 100

	// open1384 is how many works of nothing are sent so that each core has one.
	open1384 = 56

	// Ids of work are from firstID1384 to lastID1384.
	firstID1384 = 0x10
	lastID1384  = 0x1f
)

// bm1384 drives the BM1384s of a Compac, 2Pac or Terminus. Each work tells them
// how far to go and what to report.
type bm1384 struct {
	cfg   *Config
	mhz   float64
	chips int
	rate  float64 // H/s
	id    byte    // of the latest work
	polls polls
	heard frame.Reply // the latest that is no nonce
	prep  hasher.Prep
}

func newBM1384(cfg *Config) (family, error) {
	c := &bm1384{cfg: cfg, mhz: default1384}
	if cfg.Frequency != 0 {
		if !(cfg.Frequency >= least1384 && cfg.Frequency <= most1384) {
			return nil, fmt.Errorf("a clock of %v MHz: a BM1384 takes %v to %d", cfg.Frequency, least1384, most1384)
		}
		c.mhz = cfg.Frequency
	}
	return c, nil
}

// bringUp counts the chips, gives them addresses, opens their cores at a slow
// clock and raises it.
func (c *bm1384) bringUp(ctx context.Context, l *line) (chain, error) {
	*c = bm1384{cfg: c.cfg, mhz: c.mhz, id: lastID1384}
	for range askedTimes {
		n, err := c.ask(ctx, l)
		if err != nil {
			return chain{}, err
		}
		if c.chips = n; n > 0 {
			break
		}
	}
	if c.chips == 0 {
		return chain{}, noAnswer("the question for BM1384")
	}
	slow := min(rampFrom1384, c.mhz)
	if err := c.setClock(ctx, l, slow); err != nil {
		return chain{}, err
	}
	for i := range open1384 {
		w := frame.Work1384{IcarusWork: frame.IcarusWork{ID: byte(i % (lastID1384 + 1))}}
		if err := l.send(w.Append(nil)); err != nil {
			return chain{}, err
		}
		if err := l.pause(ctx, openEvery); err != nil {
			return chain{}, err
		}
	}
	for mhz := slow; mhz < c.mhz; {
		mhz = min(mhz+rampBy, c.mhz)
		if err := c.setClock(ctx, l, mhz); err != nil {
			return chain{}, err
		}
	}
	l.flush()
	return chain{
		model: frame.BM1384.String(), chips: c.chips, rate: c.rate, bits: c.cfg.ZeroBits + c.ticket(),
		versions: 1, quiet: unmarkedQuiet, tend: pollEvery,
	}, nil
}

func (c *bm1384) write(ctx context.Context, l *line, cmd frame.Command, wait time.Duration) error {
	if err := l.send(cmd.Append1384(nil)); err != nil {
		return err
	}
	return l.pause(ctx, wait)
}

// ask asks all chips for their id, and returns how many say the right one.
func (c *bm1384) ask(ctx context.Context, l *line) (n int, err error) {
	l.flush()
	if err := c.write(ctx, l, frame.Command{Op: frame.ReadRegister, All: true, Reg: frame.RegChipID}, 0); err != nil {
		return 0, err
	}
	err = l.collect(ctx, answerWait, c.scan, func(r reply) bool {
		if r.kind == register && frame.Chip(c.heard.Value>>16) == frame.BM1384 {
			n++
		}
		return false
	})
	if n > mostChips {
		return 0, fmt.Errorf("%d chips answer: a chain has at most %d", n, mostChips)
	}
	return n, err
}

// setClock sets the clock of all chips, and their addresses, which they need
// anew each time.
func (c *bm1384) setClock(ctx context.Context, l *line, mhz float64) error {
	word, actual := frame.ClockWord(mhz)
	c.rate = float64(c.chips) * frame.BM1384.Hashrate(actual)
	if err := c.write(ctx, l, frame.Command{Op: frame.WriteRegister, All: true, Reg: frame.Reg1384PLL, Value: uint32(word)}, addressWait); err != nil {
		return err
	}
	if err := c.write(ctx, l, frame.Command{Op: frame.Inactive}, addressWait); err != nil {
		return err
	}
	for i := range c.chips {
		if err := c.write(ctx, l, frame.Command{Op: frame.SetAddress, Addr: byte(i * (256 / c.chips))}, addressWait); err != nil {
			return err
		}
	}
	return l.pause(ctx, rampWait)
}

// ticket returns the ticket mask's bits with which the chips report about one or
// two nonces a second.
func (c *bm1384) ticket() int {
	return min(max(0, int(math.Ceil(math.Log2(c.rate/math.Exp2(33))))), 8)
}

// encode gives the chips work.
func (c *bm1384) encode(dst []byte, j *job) ([]byte, time.Duration) {
	if c.id++; c.id > lastID1384 {
		c.id = firstID1384
	}
	j.id = int(c.id)
	h := j.header(0)
	c.prep.Prepare(&h, 0)
	target := j.work.Job.Target
	w := frame.Work1384{
		IcarusWork: frame.IcarusWork{Mid: c.prep.Mid[0], Tail: [12]byte(h[64:76]), ID: c.id},
		Ticket:     max(0, min(c.ticket(), zeros((*hasher.Hash)(&target))-c.cfg.ZeroBits)), // it keeps no shares away
		HCN:        math.MaxUint32 / uint32(c.chips),
	}
	j.bits = c.cfg.ZeroBits + w.Ticket
	return w.Append(dst), midstateTime(j, c.rate)
}

// scan reads a reply.
func (c *bm1384) scan(b []byte) (reply, int) {
	f, n, ok := frame.ScanReply1384(b)
	switch {
	case !ok:
		return reply{}, n
	case !f.IsNonce:
		c.heard = f
		c.polls.answered()
		return reply{kind: register}, n
	}
	return reply{kind: nonce, id: int(f.Result), nonce: f.Nonce, chip: frame.BM1384.Index(f.Nonce, c.chips)}, n
}

// tend asks all chips for the setting of their clock.
func (c *bm1384) tend(l *line, _ *miner.Health) error {
	if err := c.polls.next(); err != nil {
		return err
	}
	return l.send(frame.Command{Op: frame.ReadRegister, All: true, Reg: frame.Reg1384PLL}.Append1384(nil))
}
