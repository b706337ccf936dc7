package main

import "fmt"

// ymm is AVX2: 8 lanes. It has no rotation and no broadcast operand: rotations
// are two shifts, and constants and the job's words stand in the frame as whole
// vectors.
type ymm struct {
	*code
	k  *kernel
	bc string // b ^ c of the next maj, "" at the start of a hash
}

func ymmPool() (pool []string) {
	for i := range 16 {
		pool = append(pool, fmt.Sprintf("Y%d", i))
	}
	return pool
}

func newYMM(c *code, k *kernel) lanesMachine { return &ymm{code: c, k: k} }

var avx2 = vector{lanes: 8, pool: ymmPool(), machine: newYMM, lean: true, regs: "Y"}

// arg is the operand of v, which may not be one word for all lanes.
func (y *ymm) arg(v val) string {
	switch {
	case v.known:
		return fmt.Sprintf("%d(R9)", 32*y.k.table.index(v.konst))
	case v.inJob:
		return fmt.Sprintf("%d(R10)", 8*v.offset)
	}
	return v.arg
}

func (y *ymm) three(op string, a string, b val) val {
	r := y.reg()
	y.emit(op, y.arg(b), a, r)
	return reg(r)
}

func (y *ymm) load(v val) val {
	r := y.reg()
	if v.splat {
		y.emit("VPBROADCASTD", v.arg, r)
	} else {
		y.emit("VMOVDQA", y.arg(v), r)
	}
	return reg(r)
}

func (y *ymm) store(m string, v val) { y.emit("VMOVDQA", v.arg, m) }
func (y *ymm) add(a, b val) val      { return y.three("VPADDD", a.arg, b) }

func (y *ymm) acc(x, b val) {
	if b.splat {
		b = y.load(b)
	}
	y.emit("VPADDD", y.arg(b), x.arg, x.arg)
}

// shifts is the exclusive or of x shifted right by each of right and left by
// each of left, pair by pair.
func (y *ymm) shifts(x val, right, left []int) val {
	if isMemory(x.arg) {
		x = y.load(x)
	}
	var sum string
	for i, n := range right {
		t := y.reg()
		y.emit("VPSRLD", imm(n), x.arg, t)
		if i < len(left) {
			u := y.reg()
			y.emit("VPSLLD", imm(left[i]), x.arg, u)
			y.emit("VPXOR", u, t, t)
		}
		if i == 0 {
			sum = t
		} else {
			y.emit("VPXOR", t, sum, sum)
		}
	}
	return reg(sum)
}

func (y *ymm) sum0(x val) val   { return y.shifts(x, []int{2, 13, 22}, []int{30, 19, 10}) }
func (y *ymm) sum1(x val) val   { return y.shifts(x, []int{6, 11, 25}, []int{26, 21, 7}) }
func (y *ymm) sigma0(x val) val { return y.shifts(x, []int{7, 18, 3}, []int{25, 14}) }
func (y *ymm) sigma1(x val) val { return y.shifts(x, []int{17, 19, 10}, []int{15, 13}) }

// ch is ((f ^ g) & e) ^ g.
func (y *ymm) ch(e, f, g val) val {
	var t val
	switch {
	case f.known && g.known:
		t = y.load(konst(f.konst ^ g.konst))
	case g.known:
		t = y.three("VPXOR", f.arg, g)
	default:
		t = y.three("VPXOR", g.arg, f)
	}
	y.emit("VPAND", e.arg, t.arg, t.arg)
	y.emit("VPXOR", y.arg(g), t.arg, t.arg)
	return t
}

// maj is ((a ^ b) & (b ^ c)) ^ b, where b ^ c was a ^ b a round before.
func (y *ymm) maj(a, b, c val) val {
	ab := y.three("VPXOR", a.arg, b)
	t := val{arg: y.bc}
	switch {
	case y.bc != "":
	case b.known:
		t = y.load(konst(b.konst ^ c.konst))
	default:
		t = y.three("VPXOR", b.arg, c)
	}
	y.emit("VPAND", ab.arg, t.arg, t.arg)
	y.emit("VPXOR", y.arg(b), t.arg, t.arg)
	y.bc = ab.arg
	return t
}

func (y *ymm) fresh() { y.bc = "" }

func (y *ymm) kept() *string { return &y.bc }

func (y *ymm) loose(m string) val {
	r := y.reg()
	y.emit("VMOVDQU", m, r)
	return reg(r)
}

func (y *ymm) spread(r string) val {
	t := y.reg()
	y.emit("VMOVD", r, "X0")
	y.emit("VPBROADCASTD", "X0", t)
	return reg(t)
}

func (y *ymm) swap(x val) val {
	t := y.reg()
	y.emit("VPSHUFB", "swap<>(SB)", x.arg, t)
	return reg(t)
}

func (y *ymm) candidates(e val) {
	t := y.swap(e)
	least := y.three("VPMINUD", t.arg, jobWord(jobLimit))
	y.emit("VPCMPEQD", least.arg, t.arg, t.arg)
	y.emit("VMOVMSKPS", t.arg, "AX")
}

func (y *ymm) unfold(job int) { unfold(y.code, y.k, job, 32, "VPBROADCASTD", "VMOVDQA") }
