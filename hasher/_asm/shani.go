package main

import (
	"fmt"
	"slices"
)

// shaStream is one hash in SHA-NI: the state in two registers, words f, e, b, a
// and h, g, d, c from low to high, and four words of the schedule in each of m.
type shaStream struct {
	*code
	k    *kernel
	a, b string
	m    [4]string
	tmp  string
}

// vector returns the address of four constant words.
func (s *shaStream) vector(w [4]uint32) string { return s.k.quad(w) }

// quadAt returns the address of four constant words that follow each other.
func (k *kernel) quadAt(base string, w [4]uint32) string {
	i := slices.Index(k.quads, w)
	if i < 0 {
		i = len(k.quads)
		k.quads = append(k.quads, w)
	}
	return fmt.Sprintf("%d(%s)", 16*i, base)
}

// quad is quadAt on amd64.
func (k *kernel) quad(w [4]uint32) string { return k.quadAt("R15", w) }

func kGroup(g int) [4]uint32 { return [4]uint32(k256[4*g : 4*g+4]) }

// four emits rounds 4g to 4g+3, or the first two of them, with K + W in memory.
func (s *shaStream) four(wk string, half bool) {
	s.emit("MOVO", wk, "X0")
	s.two()
	if !half {
		s.emit("PSHUFD", "$0x0e", "X0", "X0")
		s.two()
	}
}

func (s *shaStream) two() {
	s.emit("SHA256RNDS2", "X0", s.a, s.b)
	s.a, s.b = s.b, s.a
}

// group emits rounds 4g to 4g+3, or the first two of them, on words in registers.
func (s *shaStream) group(g int, half bool) {
	s.emit("MOVO", s.m[g%4], "X0")
	s.emit("PADDL", s.vector(kGroup(g)), "X0")
	s.two()
	if !half {
		s.emit("PSHUFD", "$0x0e", "X0", "X0")
		s.two()
	}
}

// finish ends the words 4n to 4n+3, which lack W[t-7] and σ1(W[t-2]), and add
// in memory if given instead of them. The one W[t-7] that is as young as the
// words of σ1 is added last: the shortest way from group to group.
func (s *shaStream) finish(n int, add string) {
	x, c, d := s.m[n%4], s.m[(n+2)%4], s.m[(n+3)%4]
	if add != "" {
		s.emit("MOVO", add, x)
	}
	s.emit("MOVO", c, s.tmp)
	s.emit("PSRLO", "$4", s.tmp)
	s.emit("PADDL", s.tmp, x)
	s.emit("MOVO", d, s.tmp)
	s.emit("PSLLO", "$12", s.tmp)
	s.emit("SHA256MSG2", d, x)
	s.emit("PADDL", s.tmp, x)
}

// expand emits the words 4n to 4n+3 from the 16 before them.
func (s *shaStream) expand(n int) {
	s.emit("SHA256MSG1", s.m[(n+1)%4], s.m[n%4])
	s.finish(n, "")
}

// steps collects what a stream emits, a step at a time.
type steps [][]ins

func (st *steps) end(c *code) { *st = append(*st, c.take()) }

// first emits the first hash of the nonce SI + q.
func (s *shaStream) first(q int, st3, fold func(i int) string) (st steps) {
	s.emit("LEAL", fmt.Sprintf("%d(SI)", q), "AX")
	s.emit("BSWAPL", "AX")
	s.emit("MOVL", "AX", s.tmp)
	s.emit("PSHUFD", "$0x11", s.tmp, s.a) // a and e
	s.emit("PADDL", st3(0), s.a)
	s.emit("MOVO", st3(1), s.b)
	s.emit("MOVL", "AX", "BX")
	s.emit("MOVL", "AX", "DX")
	s.emit("RORL", "$7", "BX")
	s.emit("RORL", "$18", "DX")
	s.emit("XORL", "DX", "BX")
	s.emit("MOVL", "AX", "DX")
	s.emit("SHRL", "$3", "DX")
	s.emit("XORL", "DX", "BX") // σ0(W[3])
	s.emit("SHLQ", "$32", "AX")
	s.emit("ORQ", "AX", "BX")
	s.emit("MOVQ", "BX", s.m[0])
	s.emit("PSLLO", "$8", s.m[0])
	s.emit("PADDL", fold(0), s.m[0]) // W[16] to W[19]
	st.end(s.code)
	for g := 1; g < 16; g++ {
		if g < 4 {
			s.four(s.vector(paddedFirst(g)), false)
		} else {
			s.group(g, false)
		}
		switch n := g + 1; n {
		case 2, 3, 4, 16:
		case 5:
			s.emit("MOVO", fold(1), s.m[1])
			s.emit("SHA256MSG2", s.m[0], s.m[1])
		case 6:
			s.emit("MOVO", s.m[1], s.m[2])
			s.emit("PALIGNR", "$4", s.m[0], s.m[2])
			s.emit("SHA256MSG2", s.m[1], s.m[2])
		case 7:
			s.finish(n, fold(3))
		default:
			s.expand(n)
		}
		st.end(s.code)
	}
	return st
}

// second emits the second hash on the state that the first has left, with the
// midstate at mid, to where the low word of s.a is e of round 60.
func (s *shaStream) second(mid func(i int) string) (st steps) {
	s.emit("PADDL", mid(0), s.a)
	s.emit("PADDL", mid(1), s.b)
	s.emit("PSHUFD", "$0x1b", s.a, s.m[0])
	s.emit("PSHUFD", "$0x1b", s.b, s.tmp)
	s.emit("MOVO", s.m[0], s.m[1])
	s.emit("PUNPCKLQDQ", s.tmp, s.m[0])
	s.emit("PUNPCKHQDQ", s.tmp, s.m[1])
	s.emit("MOVO", s.vector([4]uint32{iv[5], iv[4], iv[1], iv[0]}), s.a)
	s.emit("MOVO", s.vector([4]uint32{iv[7], iv[6], iv[3], iv[2]}), s.b)
	st.end(s.code)
	pad := [4]uint32{0x80000000}
	length := [4]uint32{3: 256}
	for g := range 15 {
		switch g {
		case 2, 3:
			w := kGroup(g)
			for i, x := range [2][4]uint32{pad, length}[g-2] {
				w[i] += x
			}
			s.four(s.vector(w), false)
		default:
			s.group(g, false)
		}
		switch n := g + 1; n {
		case 1, 2, 3:
		case 4:
			s.emit("SHA256MSG1", s.m[1], s.m[0])
			s.emit("MOVO", s.vector(length), s.m[3])
			s.emit("SHA256MSG2", s.m[3], s.m[0]) // W[9] to W[12] are 0
		case 5:
			s.emit("SHA256MSG1", s.vector(pad), s.m[1])
			s.emit("MOVO", s.m[0], s.tmp)
			s.emit("PALIGNR", "$4", s.m[3], s.tmp)
			s.emit("PADDL", s.tmp, s.m[1])
			s.emit("SHA256MSG2", s.m[0], s.m[1])
		case 6:
			s.finish(n, s.vector(pad)) // σ0(W[9]) to σ0(W[12]) are 0
		default:
			s.expand(n)
		}
		st.end(s.code)
	}
	s.group(15, true)
	st.end(s.code)
	return st
}

// alternate merges streams step by step.
func alternate(streams ...steps) (list []ins) {
	for i := range streams[0] {
		for _, s := range streams {
			list = append(list, s[i]...)
		}
	}
	return list
}

// newSHAStreams returns two streams. X0 is K + W of both, X13 and X14 their
// temporaries.
func newSHAStreams(k *kernel) (s [2]*shaStream) {
	for q := range s {
		x := func(i int) string { return fmt.Sprintf("X%d", 1+6*q+i) }
		s[q] = &shaStream{code: &code{}, k: k, a: x(0), b: x(1), m: [4]string{x(2), x(3), x(4), x(5)}, tmp: fmt.Sprintf("X%d", 13+q)}
	}
	return s
}

// paddedFirst is K + W of rounds 4g to 4g+3 of the first hash, g from 1 to 3.
func paddedFirst(g int) [4]uint32 {
	w := kGroup(g)
	if g == 1 {
		w[0] += 0x80000000
	} else if g == 3 {
		w[3] += 640
	}
	return w
}

// shaniNonces is the kernel of SHA-NI alone whose two streams are nonces.
func shaniNonces() *kernel {
	k := &kernel{name: "searchSHANI", file: "shani", job: "job", frame: scratch{unit: 16}, pool: xmmPool(), doc: []string{
		"SHA256d of two nonces by SHA-NI, side by side.",
		fixed + ` An
instruction is two whole rounds: the second hash begins with round 0 and ends
with round 61, when e of round 60 is its f, the top word of the result; no round
can leave out its a.`,
		`W[16] to W[31] of the first hash take their constant parts from the job; two
words of the first four come from the general registers.`,
		`X0: K + W. X1-X6, X7-X12: state and 16 words of each stream. X13, X14:
temporaries. SI: nonce. R10: limit. R15: groups of constants. Scratch: the job's words, aligned.`,
	}}
	st3, mid, fold := k.frame.take(2), k.frame.take(2), k.frame.take(4)
	var streams []steps
	s := newSHAStreams(k)
	for q, s := range s {
		st := s.first(q, st3, fold)
		streams = append(streams, append(st, s.second(mid)...))
	}
	c := &code{}
	k.body = alternate(streams...)
	for q, name := range []string{"AX", "DX"} {
		top(c, s[q], name)
		c.emit("CMPL", name, "R10")
		c.emit("JLS", "hit")
	}
	c.emit("ADDL", "$2", "SI")
	c.emit("INCQ", "R11")
	c.emit("CMPQ", "R11", "CX")
	c.emit("JLT", "loop")
	c.emit("XORL", "AX", "AX")
	c.emit("JMP", "done")
	c.label("hit")
	both(c, s, "R10")
	c.label("done")
	k.tail = c.take()

	c.emit("LEAQ", "quads<>(SB)", "R15")
	stateSHA(c, jobMid, mid)
	stateSHA(c, jobMid+32, st3)
	for i := range 4 {
		c.emit("MOVOU", fmt.Sprintf("%d(DI)", jobWK+16*i), "X1")
		if i == 0 {
			c.emit("PSUBL", k.quad([4]uint32{k256[16], k256[17]}), "X1") // W[16] and W[17] alone
		}
		c.emit("MOVO", "X1", fold(i))
	}
	c.emit("MOVL", "nonce+8(FP)", "SI")
	c.emit("MOVL", fmt.Sprintf("%d(DI)", jobLimit), "R10")
	c.emit("XORQ", "R11", "R11")
	c.emit("PCALIGN", "$64")
	c.label("loop")
	k.head = c.take()
	return k
}

// stateSHA emits the way of eight words in the job to f, e, b, a and h, g, d, c.
func stateSHA(c *code, off int, to func(i int) string) {
	c.emit("MOVOU", fmt.Sprintf("%d(DI)", off), "X1")    // a, b, c, d
	c.emit("MOVOU", fmt.Sprintf("%d(DI)", off+16), "X2") // e, f, g, h
	c.emit("PSHUFD", "$0x1b", "X1", "X1")                // d, c, b, a
	c.emit("PSHUFD", "$0x1b", "X2", "X2")                // h, g, f, e
	c.emit("MOVO", "X2", "X3")
	c.emit("PUNPCKHQDQ", "X1", "X2") // f, e, b, a
	c.emit("PUNPCKLQDQ", "X1", "X3") // h, g, d, c
	c.emit("MOVO", "X2", to(0))
	c.emit("MOVO", "X3", to(1))
}

// top emits the top word of the hash of s.
func top(c *code, s *shaStream, to string) {
	c.emit("MOVL", s.a, to)
	c.emit("ADDL", fmt.Sprintf("$%#08x", iv[7]), to)
	c.emit("BSWAPL", to)
}

// both leaves in AX which of two streams are at most the limit.
func both(c *code, s [2]*shaStream, limit string) {
	for q, name := range []string{"AX", "DX"} {
		top(c, s[q], name)
		c.emit("CMPL", name, limit)
		c.emit("SETLS", name)
		c.emit("MOVBLZX", name, name)
	}
	c.emit("LEAL", "(AX)(DX*2)", "AX")
}

// shaniVersions is the kernel of SHA-NI alone whose two streams are versions.
func shaniVersions() *kernel {
	k := &kernel{name: "searchSHANIVer", file: "shani_ver", job: "job16", frame: scratch{unit: 16}, pool: xmmPool(), doc: []string{
		`SHA256d of 16 versions of one nonce by SHA-NI, two side by side. The version
changes only the midstate, so that the schedule of the first hash is one for all:
it is made for four nonces at once in the lanes of the X registers, and turned
into rows of K + W, one for each nonce. A batch is one nonce.`,
		fixed + ` An
instruction is two whole rounds: the second hash begins with round 0 and ends
with round 61, when e of round 60 is its f, the top word of the result; no round
can leave out its a.`,
		`X0: K + W. X1-X6, X7-X12: state and 16 words of each stream. X13, X14:
temporaries. R12: row of the nonce. R13: version. R14: state and midstate of the
version. R15: groups of constants. SI: candidates so far. DX, BX: temporaries.
R9, R10: constants and the job's plain words as whole vectors. Scratch: the next
nonces, schedule words, rows, the job's states aligned, those vectors.`,
	}}
	const row = 13 * 16 // nonce, rounds 16-19 to 60-63
	counter, words := k.frame.take(1), ring(k.frame.take(16))
	rowsAt := k.frame.used
	rows := func(nonce, group int) string { return fmt.Sprintf("%d(R8)", rowsAt+row*nonce+16*group) }
	k.frame.take(4 * 13)
	states := k.frame.take(4 * 16) // as the job has them

	var streams []steps
	s := newSHAStreams(k)
	for q, s := range s {
		var st steps
		s.emit("MOVO", fmt.Sprintf("%d(R14)", 32*q), s.a)
		s.emit("PADDL", "(R12)", s.a)
		s.emit("MOVO", fmt.Sprintf("%d(R14)", 32*q+16), s.b)
		st.end(s.code)
		for g := 1; g < 16; g++ {
			if g < 4 {
				s.four(s.vector(paddedFirst(g)), false)
			} else {
				s.four(fmt.Sprintf("%d(R12)", 16*(g-3)), false)
			}
			st.end(s.code)
		}
		mid := func(i int) string { return fmt.Sprintf("%d(R14)", 16*32+32*q+16*i) }
		streams = append(streams, append(st, s.second(mid)...))
	}
	k.body = alternate(streams...)

	c := &code{}
	k.tail = shaVersionsTail(s, row, rows(4, 0))

	x := newXMM(&code{name: "s"}, k).(*xmm)
	schedule := shaRows(x, counter, words, rows)
	sse2.start(k, counter, "iota")
	x.unfold(jobMid / 4)
	c.list = append(c.list, allocate(x.take(), k.pool)...)
	c.emit("LEAQ", "quads<>(SB)", "R15")
	c.emit("XORL", "AX", "AX")
	c.emit("LEAQ", states(0), "BX")
	c.label("copy")
	c.emit("MOVOU", fmt.Sprintf("%d(DI)(AX*1)", jobSHA), "X0")
	c.emit("MOVO", "X0", "(BX)(AX*1)")
	c.emit("ADDL", "$16", "AX")
	c.emit("CMPL", "AX", imm(2*16*32))
	c.emit("JLT", "copy")
	c.label("schedule")
	k.head = append(append(k.head, c.take()...), schedule...)
	c.emit("LEAQ", rows(0, 0), "R12")
	c.label("nonce")
	c.emit("LEAQ", states(0), "R14")
	c.emit("XORL", "R13", "R13")
	c.emit("XORL", "SI", "SI")
	c.emit("PCALIGN", "$64")
	c.label("loop")
	k.head = append(k.head, c.take()...)
	return k
}

// shaRows emits the schedules of the next four nonces, in the lanes of x, and
// turns them into a row for each: the nonce, and K + W of four rounds at a time.
func shaRows(x *xmm, counter, words func(i int) string, rows func(nonce, group int) string) []ins {
	w3 := sse2.count(x, counter)
	for i, op := range []string{"PUNPCKLLQ", "PUNPCKHLQ"} {
		pair := x.load(konst(0))
		x.emit(op, w3.arg, pair.arg)
		for j, lanes := range []string{"$0x44", "$0xee"} {
			r := x.reg()
			x.emit("PSHUFD", lanes, pair.arg, r)
			x.store(rows(2*i+j, 0), reg(r)) // 0, nonce, 0, nonce
		}
	}
	s := firstSchedule(x, w3, words)
	s.lean = true
	s.set(3, w3)
	for g := 4; g < 16; g++ {
		var v [4]val
		for i := range v {
			v[i] = x.load(s.addends(4*g + i)[0])
		}
		for i, r := range x.transpose(v) {
			x.store(rows(i, g-3), r)
		}
	}
	return allocate(x.take(), x.k.pool)
}

// shaVersionsTail emits what follows two versions of a nonce: the comparison, the
// next versions, the next nonce. row is the size of a row, end that of all.
func shaVersionsTail(s [2]*shaStream, row int, end string) []ins {
	c := &code{}
	limit := fmt.Sprintf("%d(DI)", jobLimit)
	for q, name := range []string{"AX", "DX"} {
		top(c, s[q], name)
		c.emit("CMPL", name, limit)
		c.emit("JLS", "mark")
	}
	c.label("marked")
	c.emit("ADDQ", "$64", "R14")
	c.emit("ADDL", "$2", "R13")
	c.emit("CMPL", "R13", "$16")
	c.emit("JLT", "loop")
	c.emit("MOVL", "SI", "AX")
	c.emit("TESTL", "AX", "AX")
	c.emit("JNZ", "done")
	c.emit("INCQ", "R11")
	c.emit("CMPQ", "R11", "CX")
	c.emit("JGE", "done")
	c.emit("ADDQ", imm(row), "R12")
	c.emit("LEAQ", end, "AX")
	c.emit("CMPQ", "R12", "AX")
	c.emit("JNE", "nonce")
	c.emit("JMP", "schedule")
	c.label("mark")
	both(c, s, limit)
	c.emit("MOVQ", "CX", "BX")
	c.emit("MOVL", "R13", "CX")
	c.emit("SHLL", "CX", "AX")
	c.emit("MOVQ", "BX", "CX")
	c.emit("ORL", "AX", "SI")
	c.emit("JMP", "marked")
	c.label("done")
	return c.list
}
