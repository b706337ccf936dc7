package asic

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"gominer/hasher"
	"gominer/hasher/asic/frame"
	"gominer/miner"
)

// icarusModel is a kind of board that is spoken to as the Icarus was, an FPGA
// miner of 2011: a packet of 64 bytes is work, and replaces what the chips work
// on; what comes back is a nonce, and from Antminers the id of its work. There is
// no checksum, no chip id and no word for the end of the nonces, so work is sent
// again before it can be through.
type icarusModel struct {
	name   string
	chips  int     // that a nonce tells apart
	hashes float64 // a second and MHz; with clock 0: a second
	mhz    float64 // of the clock unless the user says otherwise; 0: it has none to set
	most   float64 // MHz that it takes
	ids    bool    // nonces say their work's id
	rests  bool    // after a nonce
	word   func(mhz float64) (word uint16, actual float64)
}

// icarusModels are by Config.Chip. The Antminers' clocks and rates are those of
// their makers' tables.
var icarusModels = map[string]icarusModel{
	"icarus":  {name: "Icarus", chips: 2, hashes: 400e6, rests: true},
	"erupter": {name: "Block Erupter", chips: 1, hashes: 336e6},
	"u1":      {name: "Antminer U1", chips: 1, hashes: 8e6, mhz: 200, most: 300, ids: true, word: frame.ClockWord1380},
	"u2":      {name: "Antminer U2", chips: 1, hashes: 8e6, mhz: 250, most: 350, ids: true, word: frame.ClockWord1380},
	"u3":      {name: "Antminer U3", chips: 1, hashes: 311e6, mhz: 225, most: 275, ids: true, word: frame.ClockWord}, // its four chips can't be told apart
}

const (
	// goldenWait is how long the golden work may take: its nonce is among the first
	// of any board.
	goldenWait = time.Second

	// goldenTries are more than one, since a nonce of earlier work may cut in.
	goldenTries = 3

	// idWait is how long the byte behind the golden nonce may take to come, which
	// only Antminers send: it takes 0.1 ms.
	idWait = 100 * time.Millisecond

	// clockWait is how long a new clock takes to be steady.
	clockWait = 100 * time.Millisecond

	// icarusQuiet is how far apart the bytes of a nonce can't be.
	icarusQuiet = 200 * time.Millisecond

	// icarusMargin is the part of the time for all nonces after which the next work
	// is sent.
	icarusMargin = 0.9
)

// icarus is a family.
type icarus struct {
	cfg   *Config
	model icarusModel
	rate  float64 // H/s
	id    byte    // of the latest work
	probe []byte  // what came while the golden nonce is waited for

	latest [triedJobs]hasher.Prep // of works, to know a nonce by
	ids    [triedJobs]byte
	sent   int
}

func newIcarus(cfg *Config) (family, error) {
	m := icarusModels[cfg.Chip]
	if cfg.Frequency != 0 && m.mhz == 0 && cfg.Chip != "icarus" {
		return nil, fmt.Errorf("the clock of a %s can't be set: leave freq out", m.name)
	}
	if m.mhz > 0 && cfg.Frequency != 0 && !(cfg.Frequency >= 50 && cfg.Frequency <= m.most) {
		return nil, fmt.Errorf("a clock of %v MHz: an %s takes 50 to %v", cfg.Frequency, m.name, m.most)
	}
	return &icarus{cfg: cfg}, nil
}

// bringUp sends work whose nonce is known, which a board finds at once, and sets
// the clock.
func (c *icarus) bringUp(ctx context.Context, l *line) (chain, error) {
	c.model = icarusModels[c.cfg.Chip]
	ids, err := c.golden(ctx, l)
	if err != nil {
		return chain{}, err
	}
	switch {
	case ids && c.cfg.Chip == "icarus": // any of the family, that is
		c.model = icarusModels["u1"]
	case ids != c.model.ids:
		return chain{}, fmt.Errorf("what answers is no %s: it sends nonces %s; say icarus to find out what it is", c.model.name, onOff(ids, "with ids", "without ids"))
	}
	m := &c.model
	c.rate = m.hashes
	if m.mhz > 0 {
		mhz := m.mhz
		if c.cfg.Frequency > 0 {
			mhz = min(c.cfg.Frequency, m.most)
		}
		word, actual := m.word(mhz)
		if err := l.send(frame.IcarusClock(word)); err != nil {
			return chain{}, err
		}
		if err := l.pause(ctx, clockWait); err != nil {
			return chain{}, err
		}
		l.flush()
		c.rate *= actual
	}
	return chain{
		model: m.name, chips: m.chips, rate: c.rate, bits: c.cfg.ZeroBits,
		versions: 1, rests: m.rests, quiet: icarusQuiet,
	}, nil
}

func onOff(on bool, a, b string) string {
	if on {
		return a
	}
	return b
}

// golden has the board find the nonce of block 171874, and reports whether nonces
// come with ids.
func (c *icarus) golden(ctx context.Context, l *line) (ids bool, err error) {
	packet := frame.IcarusGolden.Append(nil)
	for range goldenTries {
		l.flush()
		c.probe = c.probe[:0]
		if err := l.send(packet); err != nil {
			return false, err
		}
		at := -1
		err := l.collect(ctx, goldenWait, c.keep, func(reply) bool {
			at = bytes.Index(c.probe, frame.IcarusGoldenNonce[:])
			return at >= 0
		})
		if err != nil {
			return false, err
		}
		if at < 0 {
			continue
		}
		err = l.collect(ctx, idWait, c.keep, func(reply) bool { return false })
		more := len(c.probe) - at - len(frame.IcarusGoldenNonce) // nonces behind it, if they have no ids, are whole
		return more%len(frame.IcarusGoldenNonce) != 0, err
	}
	if len(c.probe) > 0 {
		return false, fmt.Errorf("what answers is no %s: it does not find the nonce of the work that all of them are tested with", c.model.name)
	}
	return false, noAnswer("work that any " + c.model.name + " is through with at once")
}

// keep takes all bytes that came into probe.
func (c *icarus) keep(b []byte) (reply, int) {
	c.probe = append(c.probe, b...)
	return reply{}, len(b)
}

func (c *icarus) encode(dst []byte, j *job) ([]byte, time.Duration) {
	j.count = 1
	h := j.header(0)
	p := &c.latest[c.sent%triedJobs]
	p.Prepare(&h, 0)
	w := frame.IcarusWork{Mid: p.Mid[0], Tail: [12]byte(h[64:76])}
	if c.model.ids {
		c.id = (c.id + 1) % (frame.IcarusMostID + 1)
		w.ID, j.id = c.id, int(c.id)
	}
	c.ids[c.sent%triedJobs] = w.ID
	c.sent++
	return w.Append(dst), time.Duration((1 << 32) / c.rate * icarusMargin * float64(time.Second))
}

// scan takes the bytes as they come, as nothing marks where a nonce begins. Where
// they make none, but would further on, those before are garbage.
func (c *icarus) scan(b []byte) (r reply, n int) {
	n = 4
	if c.model.ids {
		n = 5
	}
	if len(b) < n {
		return reply{}, 0
	}
	for at := range min(len(b)-n, n-1) + 1 {
		if !c.holds(b[at : at+n]) {
			continue
		}
		if at > 0 {
			return reply{kind: garbage}, at
		}
		break
	}
	r = reply{kind: nonce, id: noID, nonce: binary.LittleEndian.Uint32(b)}
	if c.model.ids {
		r.id = int(b[4] & 0x1f)
	}
	if c.model.chips == 2 { // each searches one half
		r.chip = int(b[0] >> 7)
	}
	return r, n
}

// holds reports whether b is a nonce of one of the latest works.
func (c *icarus) holds(b []byte) bool {
	for i := range min(c.sent, triedJobs) {
		if c.model.ids && c.ids[i] != b[4]&0x1f {
			continue
		}
		h := c.latest[i].Hash(0, binary.LittleEndian.Uint32(b))
		if zeros(&h) >= c.cfg.ZeroBits {
			return true
		}
	}
	return false
}

func (c *icarus) tend(*line, *miner.Health) error { return nil }
