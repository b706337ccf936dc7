package emulate

import (
	"fmt"
	"math/bits"

	"gominer/hasher"
	"gominer/hasher/asic/frame"
)

// bm13xx is a chain of BM1384, BM1387, BM1397, BM1362, BM1366, BM1368 or BM1370. It
// hashes only for hosts that have brought it up as such chips demand, and says
// what is missing.
type bm13xx struct {
	w      *wire
	chip   frame.Chip
	chain  []link
	taking bool   // addresses: the chain was made inactive
	long   bool   // replies have 11 bytes
	mask   uint32 // version bits that are rolled
	ticket int    // zero bits more than Config.ZeroBits
	opened int    // cores, on a BM1384 or BM1387: one by each work of nothing
}

// link is one chip of a chain.
type link struct {
	addr      byte
	addressed bool
	regs      map[byte]uint32
	clocked   bool // its PLL is set
	cores     bool // they are enabled
	reports   bool // nonces
}

// bm13xxKinds are the chips of the family by their names.
var bm13xxKinds = map[string]frame.Chip{
	"bm1384": frame.BM1384, "bm1387": frame.BM1387, "bm1397": frame.BM1397, "bm1362": frame.BM1362, "bm1366": frame.BM1366, "bm1368": frame.BM1368, "bm1370": frame.BM1370,
}

func newBM13xx(w *wire) chips {
	c := &bm13xx{w: w, chip: bm13xxKinds[w.e.cfg.Chip]}
	n := w.board
	if w.has(MissingChip) {
		n--
	}
	for range n {
		regs := map[byte]uint32{frame.RegFastUART: 0x01301a00, frame.RegMiscControl: 0x0000c100, frame.RegSoftReset: 0x00070000}
		switch c.chip {
		case frame.BM1384, frame.BM1387:
			regs = map[byte]uint32{}
		case frame.BM1397:
			regs = map[byte]uint32{frame.RegMiscControl: 0x00007a31}
		}
		c.chain = append(c.chain, link{regs: regs})
	}
	return c
}

func (c *bm13xx) receive(b []byte) int {
	var r frame.Request
	var n int
	var err error
	switch c.chip {
	case frame.BM1384:
		return c.receive1384(b)
	case frame.BM1387:
		r, n, err = frame.ScanRequest1387(b)
	default:
		r, n, err = frame.ScanRequest(b, c.chip.HostMidstates())
	}
	switch {
	case err != nil:
		c.w.refuse("%v", err)
	case r.Command != nil:
		c.command(r.Command)
	case r.Job != nil:
		c.job(r.Job)
	case r.Midstate != nil:
		c.midstates(r.Midstate)
	}
	return n
}

func (c *bm13xx) command(m *frame.Command) {
	switch m.Op {
	case frame.Inactive:
		c.taking = true
		for i := range c.chain {
			c.chain[i].addressed = false
		}
		return
	case frame.SetAddress:
		c.address(m.Addr)
		return
	}
	met := false
	for i := range c.chain {
		if l := &c.chain[i]; m.All || l.addressed && l.addr == m.Addr {
			met = true
			if m.Op == frame.ReadRegister {
				c.read(l, m.Reg)
			} else {
				c.write(l, m.Reg, m.Value)
			}
		}
	}
	if !met {
		c.w.refuse("%v: no chip has that address", m)
	} else if m.Op == frame.WriteRegister {
		c.written(m)
	}
}

// address gives the first chip that has no address this one.
func (c *bm13xx) address(addr byte) {
	if !c.taking {
		c.w.refuse("address %02x, while the chain is active", addr)
		return
	}
	for i := range c.chain {
		l := &c.chain[i]
		switch {
		case !l.addressed:
			l.addr, l.addressed = addr, true
			return
		case l.addr == addr:
			c.w.refuse("address %02x for a second chip", addr)
			return
		}
	}
	c.w.refuse("address %02x, and no chip left to take it", addr)
}

func (c *bm13xx) read(l *link, reg byte) {
	r := frame.Reply{Value: l.regs[reg], Addr: l.addr, Reg: reg}
	if reg == frame.RegChipID {
		id := c.chip
		if c.w.has(WrongChip) {
			id = frame.BM1366
			if c.chip == id {
				id = frame.BM1368
			}
		}
		r.Value = uint32(id)<<16 | uint32(l.addr)
	}
	c.w.answer(c.append(&r))
}

// append returns the frame of r.
func (c *bm13xx) append(r *frame.Reply) []byte {
	switch c.chip {
	case frame.BM1384:
		return r.Append1384(nil)
	case frame.BM1387:
		return r.Append1387(nil)
	}
	return r.Append(nil, c.long)
}

// write has one chip take a value in.
func (c *bm13xx) write(l *link, reg byte, value uint32) {
	l.regs[reg] = value
	if c.old() {
		c.writeOld(l, reg, value)
		return
	}
	switch reg {
	case frame.RegPLL:
		_, err := c.chip.ParsePLL(value)
		if err != nil {
			c.w.refuse("%v", err)
		}
		l.clocked = err == nil
	case frame.RegMiscControl:
		l.reports = value>>28 != 0
	case frame.RegCoreMailbox:
		switch value {
		case 0x800082aa: // enables all cores, from the BM1362 on
			l.cores = true
		case 0x80008074: // on the BM1397 what comes closest
			l.cores = c.chip == frame.BM1397
		}
	}
}

// written is what a value does to the whole chain.
func (c *bm13xx) written(m *frame.Command) {
	switch c.chip {
	case frame.BM1384:
		return
	case frame.BM1387:
		if m.Reg == frame.Reg1387Misc {
			c.w.bauds(25_000_000 / 8 / (int(m.Value>>8&0x1f) + 1))
		}
		return
	}
	switch m.Reg {
	case frame.RegVersion:
		c.long = !c.chip.HostMidstates()
		if !c.long || m.Value>>16 != 0x9000 {
			c.w.refuse("%v: no way to have versions rolled", m)
		}
		c.mask = m.Value & 0xffff << 13
	case frame.RegTicketMask:
		n, ok := frame.TicketBits(m.Value)
		if !ok {
			c.w.refuse("%v: a mask with a hole", m)
		}
		c.ticket = n
	case frame.RegMiscControl:
		if c.chip == frame.BM1397 {
			c.w.bauds(25_000_000 / 8 / (int(m.Value>>8&0x1f) + 1))
		}
	case frame.RegFastUART:
		if c.chip != frame.BM1397 {
			c.w.bauds(25_000_000 / 8 / (int(m.Value>>8&0xff) + 1))
		}
	}
}

// lacks says what is missing until the chips can hash, "" for nothing.
func (c *bm13xx) lacks() string {
	midstates := c.chip == frame.BM1384 || c.chip.HostMidstates()
	for i := range c.chain {
		l := &c.chain[i]
		switch {
		case !l.addressed:
			return "a chip has no address"
		case !l.clocked:
			return "the PLL is not set"
		case c.old():
			if cores := c.chip.Geometry().Cores; c.opened < cores {
				return fmt.Sprintf("%d of %d cores are open", c.opened, cores)
			}
		case !l.cores:
			return "the cores are not enabled"
		case !midstates && !l.reports:
			return "no nonce may be reported"
		case !midstates && l.regs[frame.RegHCN] == 0:
			return "the hash counting number is 0"
		case !midstates && !c.long:
			return "version rolling is not set up"
		}
		if len(c.chain) > 1 && (c.chip == frame.BM1368 || c.chip == frame.BM1370) && l.regs[frame.RegNonceOffset] != 1<<31|uint32(i*65536/len(c.chain)) {
			return "the chips would all try the same nonces"
		}
	}
	return ""
}

// ready reports whether the chips can take a job with that id.
func (c *bm13xx) ready(id byte) bool {
	if c.chip == frame.BM1387 && id&3 != 0 {
		c.w.refuse("job %02x, of whose answers some have the id of another", id)
		return false
	}
	if back, _ := c.chip.Job(c.chip.Result(id, 0)); !c.old() && back != id {
		c.w.refuse("job %02x, which would come back as %02x", id, back)
		return false
	}
	if what := c.lacks(); what != "" {
		c.w.refuse("a job, and %s", what)
		return false
	}
	return true
}

func (c *bm13xx) job(j *frame.Job) {
	if !c.ready(j.ID) {
		return
	}
	base, mask := j.Header.Version(), c.mask
	if base&mask != 0 {
		c.w.refuse("a job with version %08x, of which %08x is to be rolled", base, mask)
		return
	}
	c.w.begin(&task{
		id: int(j.ID), bits: c.w.e.cfg.ZeroBits, header: j.Header,
		versions: func(i uint64) uint32 { return base | deposit(i, mask) },
		count:    1 << bits.OnesCount32(mask),
	})
}

// deposit puts the lower bits of i where mask has ones.
func deposit(i uint64, mask uint32) (v uint32) {
	for ; mask != 0; mask &= mask - 1 {
		if i&1 != 0 {
			v |= mask & -mask
		}
		i >>= 1
	}
	return v
}

func (c *bm13xx) midstates(j *frame.MidstateJob) {
	if c.chip == frame.BM1387 && j.Tail == nothing {
		c.opened++
		return
	}
	if !c.ready(j.ID) {
		return
	}
	c.w.begin(&task{id: int(j.ID), bits: c.w.e.cfg.ZeroBits, mids: j.Mid, tail: tailOf(j.Tail[:])})
}

// reply leaves unsaid what the ticket mask keeps away. It is looked at now, not
// when the task began: it is a register of its own.
func (c *bm13xx) reply(t *task, index int, nonce uint32) ([]byte, int) {
	r := frame.Reply{IsNonce: true, Nonce: nonce}
	var hash hasher.Hash
	if t.mids != nil {
		p := hasher.Prep{Mid: t.mids, Tail: t.tail}
		hash = p.Hash(index, nonce)
		r.Result = c.chip.Result(byte(t.id), byte(index))
		if c.old() {
			r.Result = byte(t.id + index)
		}
	} else {
		h := t.header
		h.SetVersion(t.versions(uint64(index)))
		h.SetNonce(nonce)
		hash = h.Hash()
		r.Version = uint16((h.Version() ^ t.header.Version()) >> 13)
		r.Result = c.chip.Result(byte(t.id), byte(r.Version))
		r.Excess = excess(&hash, t.bits+c.ticket)
	}
	chip := c.chip.Index(nonce, len(c.chain))
	if z := zeros(&hash); z >= t.bits && z < t.bits+c.ticket { // fewer are of a nonce made wrong, which is to be said
		return nil, chip
	}
	return c.append(&r), chip
}

// excess returns twice the zero bits of h that were not asked for.
func excess(h *hasher.Hash, asked int) byte { return byte(2 * max(zeros(h)-asked, 0)) }
