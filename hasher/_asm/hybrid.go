package main

import "fmt"

// hybrid says how a kernel divides the work between SHA-NI and AVX-512.
type hybrid struct {
	name, file string
	doc        string   // what the two variants differ in
	from       int      // first round of the first hash that is done in Z registers
	streams    int      // SHA-NI streams side by side
	pool       []string // Z registers
	split      bool     // the two hashes are streams of their own
}

// shaFront emits rounds 4 to from-1 of lanes first hashes, streams at a time.
// start gives the state after round 3, pair the place of K + W of two rounds.
func shaFront(c *code, from, streams int, pair func(t, lane int) string, out int) {
	for lane := 0; lane < 16; lane += streams {
		n := min(streams, 16-lane)
		c.emit("MOVDDUP", pair(2, lane), "X0")
		var a, b []string
		for q := range n {
			a = append(a, fmt.Sprintf("X%d", 1+2*q))
			b = append(b, fmt.Sprintf("X%d", 2+2*q))
			c.emit("MOVOU", fmt.Sprintf("%d(DI)", jobSHA+32*(lane+q)), a[q])
			c.emit("PADDD", "X0", a[q])
			c.emit("MOVOU", fmt.Sprintf("%d(DI)", jobSHA+32*(lane+q)+16), b[q])
		}
		for t := 4; t < from; t += 2 {
			c.emit("MOVQ", pair(t, lane), "X0")
			for q := range n {
				c.emit("SHA256RNDS2", "X0", a[q], b[q])
				a[q], b[q] = b[q], a[q]
			}
		}
		for q := range n {
			v := lane + q
			at := out + 16*(v%4*4+v/4) // where turn expects it
			c.emit("MOVOU", a[q], fmt.Sprintf("%d(R8)", at))
			c.emit("MOVOU", b[q], fmt.Sprintf("%d(R8)", at+256))
		}
	}
}

// turn emits the way back from 16 pairs of registers f, e, b, a and h, g, d, c
// to a vector for each word.
func turn(m *zmm, in int) (st [8]val) {
	for half, words := range [][4]int{{5, 4, 1, 0}, {7, 6, 3, 2}} {
		at := func(i int) string { return fmt.Sprintf("%d(R8)", in+256*half+64*i) }
		two := func(op string, a, b string) string {
			r := m.reg()
			m.emit(op, b, a, r)
			return r
		}
		x, y := m.load(mem(at(0))), m.load(mem(at(2)))
		t0 := two("VPUNPCKLDQ", x.arg, at(1))
		t1 := two("VPUNPCKHDQ", x.arg, at(1))
		t2 := two("VPUNPCKLDQ", y.arg, at(3))
		t3 := two("VPUNPCKHDQ", y.arg, at(3))
		st[words[0]] = reg(two("VPUNPCKLQDQ", t0, t2))
		st[words[1]] = reg(two("VPUNPCKHQDQ", t0, t2))
		st[words[2]] = reg(two("VPUNPCKLQDQ", t1, t3))
		st[words[3]] = reg(two("VPUNPCKHQDQ", t1, t3))
	}
	return st
}

func (h hybrid) kernel() *kernel {
	const (
		counter  = 0
		handover = counter + vec
		ring1    = handover + 8*vec
		ring2    = ring1 + 16*vec
		mid      = ring2 + 16*vec
		turned   = mid + 8*vec
		rows     = turned + 8*vec
		pairRow  = 2 * vec
		buffer   = 24 * pairRow // rounds 2-3, 18-19 to 62-63
		scratch  = rows + 2*buffer
	)
	at := func(base, i int) string { return fmt.Sprintf("%d(R8)", base+vec*i) }
	k := &kernel{name: h.name, file: h.file, job: "job16", pool: h.pool, scratch: scratch, doc: []string{
		fmt.Sprintf(`SHA256d of 16 versions of one nonce. SHA-NI does rounds 4 to %d of the first
hash, version by version, while the Z registers, a version in each 32-bit lane,
do what comes after that for an earlier nonce; the instructions alternate. The
schedule of the first hash is made as in avx512_ver_amd64.s, as rows of K + W of
two rounds. A batch is one nonce.`, h.from-1),
		h.doc,
		`R12, R13: the nonce's place in the rows, of the vectors and of SHA-NI. R14, R15:
the rows of these 16 nonces and of the other, BX the end of the first row.
Scratch: the next nonces, first hash's results, schedule words, the midstates
aligned, what SHA-NI hands over, the rows twice.`,
	}}
	rowOf := func(t int) int {
		if t < 4 {
			return 0
		}
		return (t/2 - 8) * pairRow
	}

	// The first hash from round h.from on, and the second.
	m := &zmm{code: &code{name: "b"}, k: &k.table}
	st := turn(m, turned)
	shared := firstSchedule(m, val{}, nil)
	shared.row = func(t int) val { return word(fmt.Sprintf("%d(R12)", rowOf(t)+4*(t%2))) }
	st = shared.rounds(st, h.from, 64)
	var words [8]val
	for i := range st {
		m.acc(st[i], mem(at(mid, i)))
		words[i] = mem(at(handover, i))
		m.store(words[i].arg, st[i])
	}
	first := m.take()
	m = &zmm{code: &code{name: "a"}, k: &k.table}
	compare(m, second(m, words, &schedule{slot: slots(ring2, vec)}), 0)
	vector := append(first, m.take()...)
	lag := 1
	if h.split {
		vector = weave(len(h.pool), vector[len(first):], first)
		lag = 2
	}
	c := &code{}
	shaFront(c, h.from, h.streams, func(t, lane int) string {
		switch {
		case t >= 4 && t < 16:
			wk := k256[t]
			if t == 4 {
				wk += 0x80000000
			}
			wk2 := k256[t+1]
			if t == 14 {
				wk2 += 640
			}
			return fmt.Sprintf("%d(R9)", 4*k.table.pair(wk, wk2))
		case t == 16:
			return fmt.Sprintf("%d(DI)", jobWK)
		}
		return fmt.Sprintf("%d(R13)", rowOf(t))
	}, turned)
	k.body = weave(len(h.pool), vector, c.take())

	c.emit("VZEROUPPER")
	for i := range 8 {
		c.emit("VMOVDQU32", fmt.Sprintf("%d(DI)", jobMid+vec*i), "Z16")
		c.emit("VMOVDQA64", "Z16", at(mid, i))
	}
	c.emit("MOVL", "nonce+8(FP)", "AX")
	c.emit("VPBROADCASTD", "AX", "Z16")
	c.emit("VPADDD", "places<>(SB)", "Z16", "Z16")
	c.emit("VMOVDQA64", "Z16", at(counter, 0))
	c.emit("MOVQ", imm(-lag), "R11")
	c.emit("LEAQ", at(rows, 0), "R14")
	c.emit("LEAQ", fmt.Sprintf("%d(R8)", rows+buffer), "R15")
	c.emit("MOVQ", "R14", "R12")
	c.label("schedule")
	c.emit("XCHGQ", "R14", "R15")
	m = &zmm{code: &code{name: "s"}, k: &k.table}
	pairs := func(t int, even, odd val) {
		lo, hi := m.reg(), m.reg()
		m.emit("VPUNPCKLDQ", odd.arg, even.arg, lo)
		m.store(fmt.Sprintf("%d(R14)", rowOf(t)), reg(lo))
		m.emit("VPUNPCKHDQ", odd.arg, even.arg, hi)
		m.store(fmt.Sprintf("%d(R14)", rowOf(t)+vec), reg(hi))
	}
	n := m.load(mem(at(counter, 0)))
	w3 := m.reg()
	m.emit("VPSHUFB", "swap<>(SB)", n.arg, w3)
	m.acc(n, konst(16))
	m.store(at(counter, 0), n)
	zero := m.load(konst(0))
	pairs(2, zero, reg(w3))
	s := firstSchedule(m, reg(w3), slots(ring1, vec))
	s.set(3, reg(w3))
	for t := 18; t < 64; t += 2 {
		even := s.addends(t)[0]
		pairs(t, even, s.addends(t + 1)[0])
	}
	c.list = append(c.list, allocate(m.take(), k.pool)...)
	c.emit("MOVQ", "R14", "R13")
	c.emit("LEAQ", fmt.Sprintf("%d(R14)", pairRow), "BX")
	c.emit("PCALIGN", "$64")
	c.label("loop")
	k.head = c.take()

	gatherMasks(c, 1)
	c.emit("JNZ", "hit")
	c.label("next")
	c.emit("INCQ", "R11")
	c.emit("CMPQ", "R11", "CX")
	c.emit("JGE", "none")
	c.emit("MOVQ", "R13", "R12")
	c.emit("ADDQ", "$8", "R13")
	c.emit("CMPQ", "R13", "BX")
	c.emit("JNE", "loop")
	c.emit("JMP", "schedule")
	c.label("none")
	c.emit("XORL", "AX", "AX")
	c.emit("JMP", "done")
	c.label("hit")
	c.emit("TESTQ", "R11", "R11") // before the first batch has come this far there is nothing to hit
	c.emit("JS", "next")
	c.label("done")
	k.tail = c.take()
	return k
}
