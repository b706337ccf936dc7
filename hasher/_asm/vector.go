package main

import "fmt"

// vector is an instruction set whose registers hold several lanes, and how the
// kernels on it are laid out.
type vector struct {
	lanes   int
	pool    []string
	machine func(c *code, k *kernel) lanesMachine
	split   bool // the two hashes are streams of their own
	lean    bool // registers are few, and instructions many
	regs    string
}

// lanesMachine is what a kernel on amd64 needs of a machine beside rounds.
type lanesMachine interface {
	machine
	loose(m string) val  // a vector from memory, wherever it is
	spread(r string) val // a general register in all lanes
	swap(x val) val      // the bytes of each lane in the other order
	candidates(e val)    // AX = the lanes whose swapped e is at most the limit
	unfold(job int)      // what a call needs before its loop, for a job of that many plain words
}

func (v vector) bytes() int { return 4 * v.lanes }

// scratch is a frame under construction, in units of a vector.
type scratch struct{ unit, used int }

// take returns what addresses n vectors of scratch.
func (s *scratch) take(n int) func(i int) string {
	base := s.used
	s.used += n * s.unit
	return func(i int) string { return fmt.Sprintf("%d(R8)", base+s.unit*i) }
}

// ring keeps the words of a schedule in 16 places.
func ring(at func(i int) string) func(t int) string {
	return func(t int) string { return at(t % 16) }
}

// beside explains the split.
const beside = `The second hash of a batch runs beside the first hash of the next, instruction
by instruction: two independent streams, so that one does not wait for each
round's e. The loop runs once more than there are batches, and what the first
pass compares is not looked at. For Sapphire Rapids, with its two 512-bit units,
llvm-mca estimates no gain from one hash after the other with the schedule in
registers; neither was measured there.`

// shortened explains what the kernels on plain vectors leave out.
const shortened = fixed + ` The
second hash begins after its round 0 and ends with e of round 60, the top word of
the result; its rounds from 57 on compute no a, so neither Σ0 nor maj.`

// fixed is what all kernels take from the job.
const fixed = `The job holds the state after round 3 without the nonce, the schedule words that
no nonce changes and the constant part of those that it changes in part.`

// nonces is the kernel whose lanes are nonces.
func (v vector) nonces(name, file string) *kernel {
	k := &kernel{name: name, file: file, job: "job", doc: []string{
		fmt.Sprintf("SHA256d of %d nonces, one in each 32-bit lane of the %s registers.", v.lanes, v.regs),
		shortened,
	}}
	v.plan(k, "Scratch: the next nonces, first hash's results, the schedules.")
	counter := k.frame.take(1)
	handover, ring1, ring2 := v.words(k)

	second := v.second(k, handover, ring2)
	m := v.machine(&code{name: "b"}, k)
	w3 := v.count(m, counter)
	m.store(ring1(3), w3)
	var st [8]val
	for i := range st {
		if w := jobWord(jobMid + 4*(8+i)); i%4 == 0 {
			st[i] = m.add(w3, w)
		} else {
			st[i] = m.load(w)
		}
	}
	s := firstSchedule(m, mem(ring1(3)), ring1)
	s.lean = v.lean
	if v.lean {
		s.roll = &roll{label: "first", from: 34, passes: 3, words: "R8", step: 8 * v.bytes()}
	}
	m.fresh()
	st = s.rounds(st, 4, 64)
	for i := range st {
		m.acc(st[i], jobWord(jobMid+4*i))
		m.store(handover(i), st[i])
	}
	v.merge(k, m.body().take(), second)
	v.tally(k, nil)
	v.start(k, counter, "iota")
	c := &code{}
	v.machine(c, k).unfold((jobMid + 2*8*4) / 4)
	k.loop(c, nil)
	return k
}

// versions is the kernel whose lanes are versions of one nonce.
func (v vector) versions(name, file string) *kernel {
	k := &kernel{name: name, file: file, job: "job16", doc: []string{
		fmt.Sprintf(`SHA256d of %d versions of one nonce, one in each 32-bit lane of the %s
registers. The version changes only the midstate, so that the schedule of the
first hash is one for all lanes: it is made for %d nonces at once, as rows of
K + W in scratch, and each round adds its word of the row to all lanes. A batch
is one nonce.`, v.lanes, v.regs, v.lanes),
		shortened,
	}}
	v.plan(k, `R12: the nonce's place in the rows. Scratch: the next nonces, first hash's
results, the schedules, the midstates aligned, the rows.`)
	counter := k.frame.take(1)
	handover, ring1, ring2 := v.words(k)
	mid, rows := k.frame.take(16), k.frame.take(47)

	second := v.second(k, handover, ring2)
	m := v.machine(&code{name: "b"}, k)
	row := func(t int) val { // of W[3] and of W[18] to W[63]
		return word(fmt.Sprintf("%d(R12)", v.bytes()*max(0, t-17)))
	}
	var st [8]val
	for i := range st {
		st[i] = m.load(mem(mid(8 + i)))
	}
	m.acc(st[0], row(3))
	m.acc(st[4], row(3))
	shared := firstSchedule(m, val{}, nil)
	shared.row, shared.lean = row, v.lean
	if v.lean {
		shared.roll = &roll{label: "first", from: 24, passes: 5, words: "R12", step: 8 * v.bytes()}
	}
	m.fresh()
	st = shared.rounds(st, 4, 64)
	for i := range st {
		m.acc(st[i], mem(mid(i)))
		m.store(handover(i), st[i])
	}
	v.merge(k, m.body().take(), second)

	m = v.machine(&code{name: "s"}, k)
	c := m.body()
	w3 := v.count(m, counter)
	m.store(rows(0), w3)
	s := firstSchedule(m, w3, ring1)
	s.lean = v.lean
	s.set(3, w3)
	for t := 18; t < 64; t++ {
		m.store(rows(t-17), s.addends(t)[0])
	}
	schedule := allocate(c.take(), k.pool)
	v.tally(k, schedule)

	v.start(k, counter, "iota")
	m.unfold(jobMid / 4)
	for i := range 16 {
		m.store(mid(i), m.loose(fmt.Sprintf("%d(DI)", jobMid+jobRow*i)))
	}
	c.label("schedule")
	k.head = append(append(k.head, allocate(c.take(), k.pool)...), schedule...)
	c.emit("LEAQ", rows(0), "R12")
	k.head = append(k.head, c.take()...)
	c.emit("ADDQ", "$4", "R12")
	c.emit("LEAQ", rows(1), "AX")
	c.emit("CMPQ", "R12", "AX")
	c.emit("JNE", "loop")
	c.emit("JMP", "schedule")
	step := c.take()
	k.loop(c, step)
	return k
}

// plan fills in what the kernels on v have in common.
func (v vector) plan(k *kernel, layout string) {
	k.pool = v.pool
	k.frame.unit = v.bytes()
	if v.lean {
		k.doc = append(k.doc, `Some rounds are loops of eight, for the sake of the first instruction cache: R13
and R14 follow words and constants, BX counts. R9 and R10 address constants and
the job's plain words as whole vectors in the frame.`)
	}
	if v.split {
		k.lag = 1
		k.doc = append(k.doc, beside)
	}
	keeps := "state, last two schedule words, temporaries"
	if v.lean {
		keeps = "state, the exclusive or that maj keeps, temporaries"
	}
	k.doc = append(k.doc, fmt.Sprintf("%s-%s: %s, wherever free.\n%s", v.pool[0], v.pool[len(v.pool)-1], keeps, layout))
}

// words returns where the first hash leaves its result, and where the schedules
// are: in rings, or in one line of all words that the hashes use in turn.
func (v vector) words(k *kernel) (handover, first, second func(int) string) {
	if v.lean {
		line := k.frame.take(64)
		for _, x := range k256 { // as loops expect them
			k.table.index(x)
		}
		return line, line, line
	}
	return k.frame.take(8), ring(k.frame.take(16)), ring(k.frame.take(16))
}

// second emits the second hash on what the first has left in handover, to the
// comparison.
func (v vector) second(k *kernel, handover, ring func(int) string) []ins {
	m := v.machine(&code{name: "a"}, k)
	var words [8]val
	for i := range words {
		words[i] = mem(handover(i))
	}
	s := &schedule{slot: ring, lean: v.lean}
	if v.lean {
		s.roll = &roll{label: "second", from: 32, passes: 3, words: "R8", step: 8 * v.bytes()}
	}
	e := second(m, words, s)
	m.acc(e, konst(k256[60]+iv[7]))
	m.candidates(e)
	return m.body().take()
}

// merge makes the body of the kernel of the two hashes.
func (v vector) merge(k *kernel, first, second []ins) {
	if v.split {
		k.body = weave(len(v.pool), second, first)
		return
	}
	k.body = append(first, second...)
}

// tally says what a batch of the streams costs; schedule is for as many batches
// as there are lanes.
func (v vector) tally(k *kernel, schedule []ins) {
	if v.split {
		n := arithmetic(k.body) + (arithmetic(schedule)+v.lanes-1)/v.lanes
		k.doc = append(k.doc, fmt.Sprintf(`A batch is %d instructions of arithmetic on vectors, at least %d cycles where
two units do them.`, n, (n+1)/2))
	}
}

// count emits the nonces of a batch as words of the header, and counts on.
func (v vector) count(m lanesMachine, counter func(int) string) (w3 val) {
	n := m.load(mem(counter(0)))
	w3 = m.swap(n)
	m.acc(n, konst(uint32(v.lanes)))
	m.store(counter(0), n)
	return w3
}

// start emits the first nonces.
func (v vector) start(k *kernel, counter func(int) string, order string) {
	m := v.machine(&code{name: "n"}, k)
	c := m.body()
	c.emit("MOVL", "nonce+8(FP)", "AX")
	n := m.spread("AX")
	m.acc(n, m.loose(order+"<>(SB)"))
	m.store(counter(0), n)
	c.emit("MOVQ", imm(-k.lag), "R11")
	k.head = append(k.head, allocate(c.take(), k.pool)...)
}

// loop ends the kernel: what follows the body, on the way back to it the
// instructions of step.
func (k *kernel) loop(c *code, step []ins) {
	c.emit("PCALIGN", "$64")
	c.label("loop")
	k.head = append(k.head, c.take()...)
	c.emit("TESTL", "AX", "AX")
	c.emit("JNZ", "hit")
	c.label("next")
	c.emit("INCQ", "R11")
	c.emit("CMPQ", "R11", "CX")
	if step == nil {
		c.emit("JLT", "loop")
	} else {
		c.emit("JGE", "none")
		c.list = append(c.list, step...)
		c.label("none")
	}
	c.emit("XORL", "AX", "AX")
	if k.lag > 0 {
		c.emit("JMP", "done")
		c.label("hit")
		c.emit("TESTQ", "R11", "R11") // before the first batch has come this far there is nothing to hit
		c.emit("JLT", "next")
		c.label("done")
	} else {
		c.label("hit")
	}
	k.tail = c.take()
}

// unfold emits the loops that spread the constants and the plain words of the
// job over whole vectors in the frame, which R9 and R10 then address.
func unfold(c *code, k *kernel, job, bytes int, load, store string, widen ...ins) {
	wide := fmt.Sprintf("%c0", map[int]rune{16: 'X', 32: 'Y'}[bytes])
	spread := func(from, to string, words int) {
		c.emit("LEAQ", k.frame.take(words)(0), to)
		c.emit("XORL", "AX", "AX")
		c.emit("MOVQ", to, "BX")
		c.label("unfold" + to)
		c.emit(load, "("+from+")(AX*4)", wide)
		c.list = append(c.list, widen...)
		c.emit(store, wide, "(BX)")
		c.emit("ADDQ", imm(bytes), "BX")
		c.emit("INCL", "AX")
		c.emit("CMPL", "AX", imm(words))
		c.emit("JLT", "unfold"+to)
	}
	c.emit("LEAQ", "words<>(SB)", "DX")
	spread("DX", "R9", len(k.table.words))
	spread("DI", "R10", job)
}
