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
func shaFront(c *code, from, streams int, pair func(t int) string, out func(int) string) {
	for lane := 0; lane < 16; lane += streams {
		n := min(streams, 16-lane)
		c.emit("MOVDDUP", pair(2), "X0")
		var a, b []string
		for q := range n {
			a = append(a, fmt.Sprintf("X%d", 1+2*q))
			b = append(b, fmt.Sprintf("X%d", 2+2*q))
			c.emit("MOVOU", fmt.Sprintf("%d(DI)", jobSHA+32*(lane+q)), a[q])
			c.emit("PADDD", "X0", a[q])
			c.emit("MOVOU", fmt.Sprintf("%d(DI)", jobSHA+32*(lane+q)+16), b[q])
		}
		for t := 4; t < from; t += 2 {
			c.emit("MOVQ", pair(t), "X0")
			for q := range n {
				c.emit("SHA256RNDS2", "X0", a[q], b[q])
				a[q], b[q] = b[q], a[q]
			}
		}
		for q := range n {
			v := lane + q
			at := v%4*4 + v/4 // where turn expects it
			c.emit("MOVOU", a[q], out(at))
			c.emit("MOVOU", b[q], out(16+at))
		}
	}
}

// turn emits the way back from 16 pairs of registers f, e, b, a and h, g, d, c
// to a vector for each word.
func turn(m *zmm, in func(int) string) (st [8]val) {
	for half, words := range [][4]int{{5, 4, 1, 0}, {7, 6, 3, 2}} {
		at := func(i int) string { return in(4*half + i) }
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

// pairRow is the size of a row, K + W of two rounds for 16 nonces.
const pairRow = 2 * vec

// rowOf is the place of rounds t and t+1, t even, among the rows.
func rowOf(t int) int {
	if t < 4 {
		return 0
	}
	return (t/2 - 8) * pairRow
}

// pair is the address of K + W of rounds t and t+1 for SHA-NI.
func (h hybrid) pair(k *kernel, t int) string {
	switch {
	case t >= 4 && t < 16:
		kw := paddedFirst(t / 4)
		return fmt.Sprintf("%d(R9)", 4*k.table.pair(kw[t%4], kw[t%4+1]))
	case t == 16:
		return fmt.Sprintf("%d(DI)", jobWK)
	}
	return fmt.Sprintf("%d(R13)", rowOf(t))
}

func (h hybrid) kernel() *kernel {
	v := avx512
	k := &kernel{name: h.name, file: h.file, job: "job16", pool: h.pool, frame: scratch{unit: vec}, lag: 1, doc: []string{
		fmt.Sprintf(`SHA256d of 16 versions of one nonce. SHA-NI does rounds 4 to %d of the first
hash, version by version, while the Z registers, a version in each 32-bit lane,
do what comes after that for earlier nonces; the instructions alternate. The
schedule of the first hash is made as in avx512_ver_amd64.s, as rows of K + W of
two rounds. A batch is one nonce.`, h.from-1),
		shortened,
		h.doc,
		`R12, R13: the nonce's place in the rows, of the vectors and of SHA-NI. R14, R15:
the rows of these 16 nonces and of the other, BX the end of the first row.
Scratch: the next nonces, first hash's results, schedule words, the midstates
aligned, what SHA-NI hands over, the rows twice.`,
	}}
	counter, handover := k.frame.take(1), k.frame.take(8)
	ring1, ring2 := ring(k.frame.take(16)), ring(k.frame.take(16))
	mid := k.frame.take(8)
	base := k.frame.used
	turned := k.frame.take(8)
	quarters := func(i int) string { // X registers in the same place
		return fmt.Sprintf("%d(R8)", base+16*i)
	}
	rows, others := k.frame.take(2*24), k.frame.take(2*24) // rounds 2-3, 18-19 to 62-63
	// The first hash from round h.from on, and the second.
	m := newZMM(&code{name: "b"}, k).(*zmm)
	st := turn(m, turned)
	shared := firstSchedule(m, val{}, nil)
	shared.row = func(t int) val { return word(fmt.Sprintf("%d(R12)", rowOf(t)+4*(t%2))) }
	st = shared.rounds(st, h.from, 64)
	for i := range st {
		m.acc(st[i], mem(mid(i)))
		m.store(handover(i), st[i])
	}
	first, second := m.take(), v.second(k, handover, ring2)
	vectors := append(first, second...)
	if h.split {
		vectors = weave(len(h.pool), second, first)
		k.lag = 2
	}
	c := &code{}
	shaFront(c, h.from, h.streams, func(t int) string { return h.pair(k, t) }, quarters)
	k.body = weave(len(h.pool), vectors, c.take())

	c.emit("VZEROUPPER")
	k.head = c.take()
	v.start(k, counter, "places")
	m = newZMM(c, k).(*zmm)
	m.unfold(0)
	for i := range 8 {
		m.store(mid(i), m.loose(fmt.Sprintf("%d(DI)", jobMid+jobRow*i)))
	}
	c.emit("LEAQ", rows(0), "R14")
	c.emit("LEAQ", others(0), "R15")
	c.emit("MOVQ", "R14", "R12")
	c.label("schedule")
	c.emit("XCHGQ", "R14", "R15")
	pairs := func(t int, even, odd val) {
		for i, op := range []string{"VPUNPCKLDQ", "VPUNPCKHDQ"} {
			r := m.reg()
			m.emit(op, odd.arg, even.arg, r)
			m.store(fmt.Sprintf("%d(R14)", rowOf(t)+vec*i), reg(r))
		}
	}
	w3 := v.count(m, counter)
	pairs(2, m.load(konst(0)), w3)
	s := firstSchedule(m, w3, ring1)
	s.set(3, w3)
	for t := 18; t < 64; t += 2 {
		even := s.addends(t)[0]
		pairs(t, even, s.addends(t + 1)[0])
	}
	c.emit("MOVQ", "R14", "R13")
	c.emit("LEAQ", fmt.Sprintf("%d(R14)", pairRow), "BX")
	k.head = append(k.head, allocate(c.take(), k.pool)...)
	c.emit("MOVQ", "R13", "R12")
	c.emit("ADDQ", "$8", "R13")
	c.emit("CMPQ", "R13", "BX")
	c.emit("JNE", "loop")
	c.emit("JMP", "schedule")
	step := c.take()
	k.loop(c, step)
	return k
}
