package main

import "fmt"

// xmm is SSE2: 4 lanes, two operands. Rotations are two shifts, and constants
// and the job's words stand in the frame as whole vectors, as its operands in
// memory have to be aligned.
type xmm struct {
	*code
	k  *kernel
	bc string // b ^ c of the next maj, "" at the start of a hash
}

func xmmPool() (pool []string) {
	for i := range 16 {
		pool = append(pool, fmt.Sprintf("X%d", i))
	}
	return pool
}

func newXMM(c *code, k *kernel) lanesMachine { return &xmm{code: c, k: k} }

var sse2 = vector{lanes: 4, pool: xmmPool(), machine: newXMM, lean: true, regs: "X"}

func (x *xmm) arg(v val) string {
	switch {
	case v.known:
		return fmt.Sprintf("%d(R9)", 16*x.k.table.index(v.konst))
	case v.inJob:
		return fmt.Sprintf("%d(R10)", 4*v.offset)
	}
	return v.arg
}

func (x *xmm) load(v val) val {
	r := x.reg()
	if v.splat {
		x.emit("MOVSS", v.arg, r)
		x.emit("PSHUFD", "$0", r, r)
	} else {
		x.emit("MOVO", x.arg(v), r)
	}
	return reg(r)
}

func (x *xmm) store(m string, v val) { x.emit("MOVO", v.arg, m) }

func (x *xmm) add(a, b val) val {
	t := x.load(a)
	x.acc(t, b)
	return t
}

func (x *xmm) acc(s, b val) {
	if b.splat {
		b = x.load(b)
	}
	x.emit("PADDL", x.arg(b), s.arg)
}

// shifts is the exclusive or of s shifted right by each of right, rising, and
// left by each of left. Each shift goes on from the one before.
func (x *xmm) shifts(s val, right, left []int) val {
	r := x.load(s)
	l := x.load(r)
	x.emit("PSRLL", imm(right[0]), r.arg)
	sum := x.load(r)
	for i, n := range right[1:] {
		x.emit("PSRLL", imm(n-right[i]), r.arg)
		x.emit("PXOR", r.arg, sum.arg)
	}
	before := 0
	for _, n := range left {
		x.emit("PSLLL", imm(n-before), l.arg)
		x.emit("PXOR", l.arg, sum.arg)
		before = n
	}
	return sum
}

func (x *xmm) sum0(s val) val   { return x.shifts(s, []int{2, 13, 22}, []int{10, 19, 30}) }
func (x *xmm) sum1(s val) val   { return x.shifts(s, []int{6, 11, 25}, []int{7, 21, 26}) }
func (x *xmm) sigma0(s val) val { return x.shifts(s, []int{3, 7, 18}, []int{14, 25}) }
func (x *xmm) sigma1(s val) val { return x.shifts(s, []int{10, 17, 19}, []int{13, 15}) }

// ch is ((f ^ g) & e) ^ g.
func (x *xmm) ch(e, f, g val) val {
	t := x.either(f, g)
	x.emit("PAND", e.arg, t.arg)
	x.emit("PXOR", x.arg(g), t.arg)
	return t
}

// either is a ^ b.
func (x *xmm) either(a, b val) val {
	if a.known && b.known {
		return x.load(konst(a.konst ^ b.konst))
	}
	t := x.load(a)
	x.emit("PXOR", x.arg(b), t.arg)
	return t
}

// maj is ((a ^ b) & (b ^ c)) ^ b, where b ^ c was a ^ b a round before.
func (x *xmm) maj(a, b, c val) val {
	ab := x.either(a, b)
	t := val{arg: x.bc}
	if x.bc == "" {
		t = x.either(b, c)
	}
	x.emit("PAND", ab.arg, t.arg)
	x.emit("PXOR", x.arg(b), t.arg)
	x.bc = ab.arg
	return t
}

func (x *xmm) fresh() { x.bc = "" }

func (x *xmm) kept() *string { return &x.bc }

func (x *xmm) loose(m string) val {
	r := x.reg()
	x.emit("MOVOU", m, r)
	return reg(r)
}

func (x *xmm) spread(r string) val {
	t := x.reg()
	x.emit("MOVL", r, t)
	x.emit("PSHUFD", "$0", t, t)
	return reg(t)
}

// swap exchanges the bytes of each half word, then the half words of each word.
func (x *xmm) swap(s val) val {
	t := x.load(s)
	u := x.load(s)
	x.emit("PSRLW", "$8", t.arg)
	x.emit("PSLLW", "$8", u.arg)
	x.emit("POR", u.arg, t.arg)
	x.emit("PSHUFLW", "$0xb1", t.arg, t.arg)
	x.emit("PSHUFHW", "$0xb1", t.arg, t.arg)
	return t
}

// candidates compares with the sign turned, as there are only signed
// comparisons.
func (x *xmm) candidates(e val) {
	sign := x.arg(konst(0x80000000))
	t := x.swap(e)
	limit := x.load(jobWord(jobLimit))
	x.emit("PXOR", sign, t.arg)
	x.emit("PXOR", sign, limit.arg)
	x.emit("PCMPGTL", limit.arg, t.arg)
	x.emit("MOVMSKPS", t.arg, "AX")
	x.emit("XORL", "$15", "AX")
}

func (x *xmm) unfold(job int) {
	unfold(x.code, x.k, job, 16, "MOVSS", "MOVO", ins{"PSHUFD", []string{"$0", "X0", "X0"}})
}

// transpose turns four vectors of four lanes.
func (x *xmm) transpose(v [4]val) [4]val {
	both := func(lo, hi string, a, b val) (l, h val) {
		h = x.load(a)
		x.emit(lo, b.arg, a.arg)
		x.emit(hi, b.arg, h.arg)
		return a, h
	}
	a, b := both("PUNPCKLLQ", "PUNPCKHLQ", v[0], v[1])
	c, d := both("PUNPCKLLQ", "PUNPCKHLQ", v[2], v[3])
	v[0], v[1] = both("PUNPCKLQDQ", "PUNPCKHQDQ", a, c)
	v[2], v[3] = both("PUNPCKLQDQ", "PUNPCKHQDQ", b, d)
	return v
}
