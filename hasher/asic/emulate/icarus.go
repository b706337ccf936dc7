package emulate

import (
	"encoding/binary"

	"gominer/hasher/asic/frame"
)

var (
	golden      = frame.IcarusGolden
	goldenNonce = binary.LittleEndian.Uint32(frame.IcarusGoldenNonce[:])
)

// icarus is a board of the Icarus family: work of 64 bytes, at once in place of
// the work before; nonces of four bytes, from Antminers with the work's id behind.
type icarus struct {
	w     *wire
	ids   bool
	rests bool // after a nonce
}

func newIcarus(w *wire) chips {
	chip := w.e.cfg.Chip
	return &icarus{w: w, ids: chip[0] == 'u', rests: chip == "icarus"}
}

func (c *icarus) receive(b []byte) int {
	// Nothing marks where a message begins. A command is one that fits, and that
	// leaves whole work behind it.
	if len(b)%frame.IcarusSize == frame.IcarusClockSize && b[0] == 0x82 {
		if _, err := frame.ParseIcarusClock(b[:frame.IcarusClockSize]); err != nil || !c.ids {
			c.w.refuse("% x: a clock, or part of work? (%v)", b[:frame.IcarusClockSize], err)
		}
		return frame.IcarusClockSize
	}
	if len(b) < frame.IcarusSize {
		return 0
	}
	work, err := frame.ParseIcarusWork(b[:frame.IcarusSize])
	switch {
	case err != nil:
		c.w.refuse("%v", err)
		return frame.IcarusSize
	case work.ID != 0 && !c.ids:
		c.w.refuse("work with id %02x, which this board does not know", work.ID)
	}
	c.w.begin(&task{
		id: int(work.ID), bits: c.w.e.cfg.ZeroBits, once: c.rests,
		mids: [][8]uint32{work.Mid}, tail: tailOf(work.Tail[:]),
	})
	return frame.IcarusSize
}

func (c *icarus) reply(t *task, _ int, nonce uint32) ([]byte, int) {
	b := binary.LittleEndian.AppendUint32(nil, nonce)
	if t.mids[0] == golden.Mid && c.w.has(WrongChip) {
		b[0] ^= 0xff // another kind of chip makes something else of this work
	}
	chip := int(b[0]) * c.w.board / 256
	if c.ids {
		b = append(b, byte(t.id))
	}
	return b, chip
}
