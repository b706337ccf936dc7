package main

import "fmt"

// Registers of the AVX-512 and AVX2 kernels: DI the job, R8 scratch aligned to
// 64 bytes, R9 the constants, R11 batches done, CX batches to do.

const vec = 64

func zmmPool() (pool []string) {
	for i := range 32 {
		pool = append(pool, fmt.Sprintf("Z%d", i))
	}
	return pool
}

// slots keeps the words of a schedule in 16 places of scratch.
func slots(base, size int) func(int) string {
	return func(t int) string { return fmt.Sprintf("%d(R8)", base+size*(t%16)) }
}

// avx512 is the kernel whose lanes are nonces. The second hash of a batch runs
// beside the first hash of the next: two independent streams hide latency, where
// one would wait for each round's e.
func avx512() *kernel {
	const (
		counter  = 0 // nonces of the next first hash
		handover = counter + vec
		ring1    = handover + 8*vec
		ring2    = ring1 + 16*vec
		scratch  = ring2 + 16*vec
	)
	k := &kernel{name: "searchAVX512", file: "avx512", job: "job", pool: zmmPool(), scratch: scratch, doc: []string{
		`SHA256d of 16 nonces, one in each 32-bit lane of the Z registers. The job holds
the state after round 3 without the nonce, the schedule words that no nonce
changes and the constant part of those that it changes in part. The second hash
begins after its round 0 and ends with e of round 60, the top word of the
result; its last rounds compute no a.`,
		`The second hash of a batch runs beside the first hash of the next, instruction
by instruction: two independent streams, so that one does not wait for each
round's e. The loop runs once more than there are batches, and what the first
pass compares is not looked at.`,
		`Z0-Z31: state of both streams, last two schedule words, temporaries, wherever
free. Scratch: nonces, first hash's results, 16 schedule words for each stream.`,
	}}
	words := [8]val{}
	for i := range words {
		words[i] = mem(fmt.Sprintf("%d(R8)", handover+vec*i))
	}
	m := &zmm{code: &code{name: "a"}, k: &k.table}
	compare(m, second(m, words, &schedule{slot: slots(ring2, vec)}), 0)
	body2 := m.take()

	m = &zmm{code: &code{name: "b"}, k: &k.table}
	slot := slots(ring1, vec)
	n := m.load(mem(fmt.Sprintf("%d(R8)", counter)))
	w3 := m.reg()
	m.emit("VPSHUFB", "swap<>(SB)", n.arg, w3)
	m.acc(n, konst(16))
	m.store(fmt.Sprintf("%d(R8)", counter), n)
	m.store(slot(3), reg(w3))
	var st [8]val
	for i := range st {
		w := jobWord(jobMid + 4*(8+i))
		if i%4 == 0 {
			st[i] = m.add(reg(w3), w)
		} else {
			st[i] = m.load(w)
		}
	}
	st = first(m, st, firstSchedule(m, mem(slot(3)), slot))
	for i := range st {
		m.acc(st[i], jobWord(jobMid+4*i))
		m.store(words[i].arg, st[i])
	}
	k.body = interleave(body2, m.take())

	c := &code{}
	c.emit("MOVL", "nonce+8(FP)", "AX")
	c.emit("VPBROADCASTD", "AX", "Z0")
	c.emit("VPADDD", "iota<>(SB)", "Z0", "Z0")
	c.emit("VMOVDQA64", "Z0", fmt.Sprintf("%d(R8)", counter))
	c.emit("MOVQ", "$-1", "R11")
	c.emit("PCALIGN", "$64")
	c.label("loop")
	k.head = c.take()
	gatherMasks(c, 1)
	c.emit("JNZ", "hit")
	c.label("next")
	c.emit("INCQ", "R11")
	c.emit("CMPQ", "R11", "CX")
	c.emit("JL", "loop")
	c.emit("XORL", "AX", "AX")
	c.emit("JMP", "done")
	c.label("hit")
	c.emit("TESTQ", "R11", "R11") // before the first batch's first hash there is nothing to hit
	c.emit("JS", "next")
	c.label("done")
	k.tail = c.take()
	return k
}

// avx512Ver is the kernel whose lanes are 16 versions of one nonce. What the
// schedule of the first hash adds is the same for all of them: it is made for 16
// nonces at a time, and each round adds its word to all lanes.
func avx512Ver() *kernel {
	const (
		counter  = 0 // the next 16 nonces
		handover = counter + vec
		ring1    = handover + 8*vec
		ring2    = ring1 + 16*vec
		mid      = ring2 + 16*vec
		rows     = mid + 16*vec
		scratch  = rows + 47*vec
	)
	at := func(base, i int) string { return fmt.Sprintf("%d(R8)", base+vec*i) }
	k := &kernel{name: "searchAVX512Ver", file: "avx512_ver", job: "job16", pool: zmmPool(), scratch: scratch, doc: []string{
		`SHA256d of 16 versions of one nonce, one in each 32-bit lane of the Z registers.
The version changes only the midstate, so that the schedule of the first hash is
one for all lanes: it is made for 16 nonces at once, as rows of K + W in scratch,
and each round adds its word of the row to all lanes.`,
		`The second hash of a nonce runs beside the first hash of the next, as in
avx512_amd64.s, and ends as there. A batch is one nonce.`,
		`Z0-Z31: state of both streams, last two schedule words, temporaries, wherever
free. R12: the nonce's place in its row. Scratch: the next nonces, first hash's
results, schedule words, the job aligned, the rows.`,
	}}
	words := [8]val{}
	for i := range words {
		words[i] = mem(at(handover, i))
	}
	m := &zmm{code: &code{name: "a"}, k: &k.table}
	compare(m, second(m, words, &schedule{slot: slots(ring2, vec)}), 0)
	body2 := m.take()

	// The row of a word, at the place of the nonce that R12 points to.
	row := func(t int) val {
		if t == 3 {
			return word("(R12)")
		}
		return word(fmt.Sprintf("%d(R12)", vec*(t-17)))
	}
	m = &zmm{code: &code{name: "b"}, k: &k.table}
	var st [8]val
	for i := range st {
		st[i] = m.load(mem(at(mid, 8+i)))
	}
	m.acc(st[0], row(3))
	m.acc(st[4], row(3))
	shared := firstSchedule(m, val{}, nil)
	shared.row = row
	m.fresh()
	st = shared.rounds(st, 4, 64)
	for i := range st {
		m.acc(st[i], mem(at(mid, i)))
		m.store(words[i].arg, st[i])
	}
	k.body = interleave(body2, m.take())

	c := &code{}
	for i := range 16 {
		c.emit("VMOVDQU32", fmt.Sprintf("%d(DI)", jobMid+vec*i), "Z0")
		c.emit("VMOVDQA64", "Z0", at(mid, i))
	}
	c.emit("MOVL", "nonce+8(FP)", "AX")
	c.emit("VPBROADCASTD", "AX", "Z0")
	c.emit("VPADDD", "iota<>(SB)", "Z0", "Z0")
	c.emit("VMOVDQA64", "Z0", at(counter, 0))
	c.emit("MOVQ", "$-1", "R11")
	c.label("schedule")
	m = &zmm{code: &code{name: "s"}, k: &k.table}
	slot := slots(ring1, vec)
	n := m.load(mem(at(counter, 0)))
	w3 := m.reg()
	m.emit("VPSHUFB", "swap<>(SB)", n.arg, w3)
	m.acc(n, konst(16))
	m.store(at(counter, 0), n)
	m.store(at(rows, 0), reg(w3))
	s := firstSchedule(m, reg(w3), slot)
	s.set(3, reg(w3))
	for t := 18; t < 64; t++ {
		m.store(at(rows, t-17), s.addends(t)[0])
	}
	c.list = append(c.list, allocate(m.take(), k.pool)...)
	c.emit("LEAQ", at(rows, 0), "R12")
	c.emit("PCALIGN", "$64")
	c.label("loop")
	k.head = c.take()

	gatherMasks(c, 1)
	c.emit("JNZ", "hit")
	c.label("next")
	c.emit("INCQ", "R11")
	c.emit("CMPQ", "R11", "CX")
	c.emit("JGE", "none")
	c.emit("ADDQ", "$4", "R12")
	c.emit("LEAQ", at(rows, 1), "AX")
	c.emit("CMPQ", "R12", "AX")
	c.emit("JNE", "loop")
	c.emit("JMP", "schedule")
	c.label("none")
	c.emit("XORL", "AX", "AX")
	c.emit("JMP", "done")
	c.label("hit")
	c.emit("TESTQ", "R11", "R11") // before the first batch's first hash there is nothing to hit
	c.emit("JS", "next")
	c.label("done")
	k.tail = c.take()
	return k
}

// compare leaves in K1+q the lanes whose hash's top word is at most the limit.
func compare(m *zmm, e val, q int) {
	m.acc(e, konst(k256[60]+iv[7]))
	m.emit("VPSHUFB", "swap<>(SB)", e.arg, e.arg)
	m.emit("VPCMPUD.BCST", "$2", fmt.Sprintf("%d(DI)", jobLimit), e.arg, fmt.Sprintf("K%d", 1+q))
}

// gatherMasks combines the streams' lanes in AX and sets the zero flag if there
// are none.
func gatherMasks(c *code, streams int) {
	if streams == 2 {
		c.emit("KUNPCKWD", "K1", "K2", "K1")
		c.emit("KMOVD", "K1", "AX")
	} else {
		c.emit("KMOVW", "K1", "AX")
	}
	c.emit("TESTL", "AX", "AX")
}
