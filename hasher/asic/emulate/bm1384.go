package emulate

import (
	"bytes"
	"math"

	"gominer/hasher/asic/frame"
)

// nothing is the tail of a BM1387's work that only opens a core.
var nothing = [12]byte(bytes.Repeat([]byte{0xff}, 12))

// old reports whether the chips are BM1384 or BM1387, whose messages have no
// preamble and whose cores are opened by works of nothing.
func (c *bm13xx) old() bool { return c.chip == frame.BM1384 || c.chip == frame.BM1387 }

// writeOld has such a chip take a value in.
func (c *bm13xx) writeOld(l *link, reg byte, value uint32) {
	switch {
	case c.chip == frame.BM1384 && reg == frame.Reg1384PLL:
		m, n, od := value>>7&0x7f, value>>2&0x1f, value&3
		mhz := 50 * float64(m+1) / float64((n+1)<<od)
		if l.clocked = mhz <= 500; !l.clocked {
			c.w.refuse("a clock of %v MHz", mhz)
		}
		l.regs[reg] = 0x80<<24 | m<<16 | n<<8 | od
	case c.chip == frame.BM1387 && reg == frame.Reg1387PLL:
		_, err := c.chip.ParsePLL(value)
		if l.clocked = err == nil; !l.clocked {
			c.w.refuse("%v", err)
		}
		l.regs[reg] = 0x80<<24 | value
	}
}

// receive1384 is receive of BM1384s. Nothing marks where a message begins: what is
// all work counts as work, and else what has a command's checksum as one.
func (c *bm13xx) receive1384(b []byte) int {
	if len(b) >= frame.IcarusSize && len(b)%frame.IcarusSize == 0 {
		if w, err := frame.ParseWork1384(b[:frame.IcarusSize]); err == nil {
			c.work(&w)
			return frame.IcarusSize
		}
	}
	const size = 4
	if len(b) >= size {
		if m, err := frame.ParseCommand1384(b[:size]); err == nil {
			c.command(&m)
			return size
		}
	}
	if len(b) < frame.IcarusSize {
		return 0
	}
	w, err := frame.ParseWork1384(b[:frame.IcarusSize])
	if err != nil {
		c.w.refuse("%v", err)
		return frame.IcarusSize
	}
	c.work(&w)
	return frame.IcarusSize
}

// work begins a BM1384's.
func (c *bm13xx) work(w *frame.Work1384) {
	if w.Tail == [12]byte{} {
		c.opened++
		return
	}
	if !c.ready(w.ID) {
		return
	}
	if most := math.MaxUint32 / uint32(len(c.chain)); w.HCN == 0 || w.HCN > most {
		c.w.refuse("work of %08x nonces for each chip, where %08x are its own", w.HCN, most)
		return
	}
	c.w.begin(&task{
		id: int(w.ID), bits: c.w.e.cfg.ZeroBits + w.Ticket,
		mids: [][8]uint32{w.Mid}, tail: tailOf(w.Tail[:]),
	})
}
