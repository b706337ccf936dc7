package main

import (
	"fmt"
	"strings"
)

// table is a kernel's compile-time constants, in the order of their first use.
type table struct {
	words []uint32
	at    map[uint32]int
}

func (k *table) index(x uint32) int {
	if k.at == nil {
		k.at = map[uint32]int{}
	}
	i, ok := k.at[x]
	if !ok {
		i = len(k.words)
		k.at[x] = i
		k.words = append(k.words, x)
	}
	return i
}

// pair returns the index of two words that follow each other.
func (k *table) pair(x, y uint32) int {
	for i := 1; i < len(k.words); i++ {
		if k.words[i-1] == x && k.words[i] == y {
			return i - 1
		}
	}
	k.words = append(k.words, x, y)
	return len(k.words) - 2
}

// zmm is AVX-512: 16 lanes. Constants and the job's words are broadcast from
// memory by the instructions that use them.
type zmm struct {
	*code
	k *table // addressed by R9
}

// vec is the size of a Z register.
const vec = 64

func zmmPool() (pool []string) {
	for i := range 32 {
		pool = append(pool, fmt.Sprintf("Z%d", i))
	}
	return pool
}

func newZMM(c *code, k *kernel) lanesMachine { return &zmm{c, &k.table} }

var avx512 = vector{lanes: 16, pool: zmmPool(), machine: newZMM, split: true, regs: "Z"}

func (z *zmm) arg(v val) (suffix, arg string) {
	switch {
	case v.known:
		return ".BCST", fmt.Sprintf("%d(R9)", 4*z.k.index(v.konst))
	case v.splat:
		return ".BCST", v.arg
	case v.inJob:
		return ".BCST", fmt.Sprintf("%d(DI)", v.offset)
	}
	return "", v.arg
}

func (z *zmm) op2(op string, a string, b val) val {
	suffix, arg := z.arg(b)
	r := z.reg()
	z.emit(op+suffix, arg, a, r)
	return reg(r)
}

func (z *zmm) load(v val) val {
	r := z.reg()
	suffix, arg := z.arg(v)
	switch {
	case suffix != "":
		z.emit("VPBROADCASTD", arg, r)
	default:
		z.emit("VMOVDQA64", arg, r)
	}
	return reg(r)
}

func (z *zmm) store(m string, v val) { z.emit("VMOVDQA64", v.arg, m) }
func (z *zmm) add(a, b val) val      { return z.op2("VPADDD", a.arg, b) }

func (z *zmm) acc(x, b val) {
	suffix, arg := z.arg(b)
	z.emit("VPADDD"+suffix, arg, x.arg, x.arg)
}

func (z *zmm) rotations(x val, r1, r2, r3 int, last string) val {
	if isMemory(x.arg) {
		x = z.load(x)
	}
	t1, t2, t3 := z.reg(), z.reg(), z.reg()
	z.emit("VPRORD", imm(r1), x.arg, t1)
	z.emit("VPRORD", imm(r2), x.arg, t2)
	z.emit(last, imm(r3), x.arg, t3)
	z.emit("VPTERNLOGD", "$0x96", t3, t2, t1)
	return reg(t1)
}

func (z *zmm) sum0(x val) val   { return z.rotations(x, 2, 13, 22, "VPRORD") }
func (z *zmm) sum1(x val) val   { return z.rotations(x, 6, 11, 25, "VPRORD") }
func (z *zmm) sigma0(x val) val { return z.rotations(x, 7, 18, 3, "VPSRLD") }
func (z *zmm) sigma1(x val) val { return z.rotations(x, 17, 19, 10, "VPSRLD") }

// ch and maj are one instruction, which overwrites a source: a copy of the
// oldest, so that the copy is not in the way of e and a.
func (z *zmm) ch(e, f, g val) val {
	suffix, arg := z.arg(f)
	t := z.load(g)
	z.emit("VPTERNLOGD"+suffix, "$0xb8", arg, e.arg, t.arg) // e ? f : t
	return t
}

func (z *zmm) maj(a, b, c val) val {
	suffix, arg := z.arg(b)
	t := z.load(c)
	z.emit("VPTERNLOGD"+suffix, "$0xe8", arg, a.arg, t.arg)
	return t
}

func (z *zmm) fresh() {}

func (z *zmm) kept() *string { return nil }

func (z *zmm) loose(m string) val {
	r := z.reg()
	z.emit("VMOVDQU32", m, r)
	return reg(r)
}

func (z *zmm) spread(r string) val {
	t := z.reg()
	z.emit("VPBROADCASTD", r, t)
	return reg(t)
}

func (z *zmm) swap(x val) val {
	t := z.reg()
	z.emit("VPSHUFB", "swap<>(SB)", x.arg, t)
	return reg(t)
}

func (z *zmm) candidates(e val) {
	t := z.swap(e)
	z.emit("VPCMPUD.BCST", "$2", fmt.Sprintf("%d(DI)", jobLimit), t.arg, "K1") // at most
	z.emit("KMOVW", "K1", "AX")
}

// arithmetic counts the instructions that add, turn, shift or combine vectors.
func arithmetic(list []ins) (n int) {
	for _, in := range list {
		switch op, _, _ := strings.Cut(in.op, "."); op {
		case "VPADDD", "VPRORD", "VPSRLD", "VPTERNLOGD":
			n++
		}
	}
	return n
}

func imm(n int) string { return fmt.Sprintf("$%d", n) }

// isMemory reports whether an operand is in memory, as off(reg).
func isMemory(arg string) bool { return arg[len(arg)-1] == ')' }

func (z *zmm) unfold(int) { z.emit("LEAQ", "words<>(SB)", "R9") }
