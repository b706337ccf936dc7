package main

import (
	"fmt"
	"strings"
)

// neon is Advanced SIMD of arm64: 4 lanes. It has no operands in memory and no
// rotation; a shift that inserts serves as the second half of one.
//
// R0 is the job, R8 scratch in the frame, R9 and R10 the constants and the
// job's words as whole vectors, R11 batches done, R3 batches to do.
type neon struct {
	*code
	k *kernel
}

func neonPool() (pool []string) {
	for i := range 32 {
		pool = append(pool, fmt.Sprintf("V%d", i))
	}
	return pool
}

func (n *neon) load(v val) val {
	switch {
	case v.known:
		v.arg = fmt.Sprintf("%d(R9)", 16*n.k.table.index(v.konst))
	case v.inJob:
		v.arg = fmt.Sprintf("%d(R10)", 4*v.offset)
	}
	r := n.reg()
	if isMemory(v.arg) {
		n.emit("FMOVQ", v.arg, r)
	} else {
		n.emit("VMOV", v.arg+".B16", r+".B16")
	}
	return reg(r)
}

// in returns v in a register, that of v if it has one.
func (n *neon) in(v val) string {
	if v.known || v.inJob || isMemory(v.arg) {
		v = n.load(v)
	}
	return v.arg
}

func (n *neon) store(m string, v val) { n.emit("FMOVQ", v.arg, m) }

func (n *neon) add(a, b val) val {
	x, r := n.in(b), n.reg()
	n.emit("VADD", x+".S4", a.arg+".S4", r+".S4")
	return reg(r)
}

func (n *neon) acc(x, b val) { n.emit("VADD", n.in(b)+".S4", x.arg+".S4", x.arg+".S4") }

func (n *neon) bits(op, a, b, to string) { n.emit(op, a+".B16", b+".B16", to+".B16") }

// rotations is the exclusive or of x turned right by each of right, the last
// shifted if shift is set.
func (n *neon) rotations(x val, shift bool, right ...int) val {
	from := n.in(x)
	var sum string
	for i, by := range right {
		t := n.reg()
		n.emit("VUSHR", imm(by), from+".S4", t+".S4")
		if !shift || i < 2 {
			n.emit("VSLI", imm(32-by), from+".S4", t+".S4")
		}
		if i == 0 {
			sum = t
		} else {
			n.bits("VEOR", t, sum, sum)
		}
	}
	return reg(sum)
}

func (n *neon) sum0(x val) val   { return n.rotations(x, false, 2, 13, 22) }
func (n *neon) sum1(x val) val   { return n.rotations(x, false, 6, 11, 25) }
func (n *neon) sigma0(x val) val { return n.rotations(x, true, 7, 18, 3) }
func (n *neon) sigma1(x val) val { return n.rotations(x, true, 17, 19, 10) }

func (n *neon) ch(e, f, g val) val {
	t := n.load(e)
	n.bits("VBSL", n.in(g), n.in(f), t.arg) // t ? f : g
	return t
}

// maj is c where a and b differ, else b.
func (n *neon) maj(a, b, c val) val {
	t, other := n.reg(), n.in(b)
	n.bits("VEOR", a.arg, other, t)
	n.bits("VBSL", other, n.in(c), t)
	return reg(t)
}

func (n *neon) fresh() {}

func (n *neon) kept() *string { return nil }

func (n *neon) swap(x val) val {
	t := n.reg()
	n.emit("VREV32", x.arg+".B16", t+".B16")
	return reg(t)
}

// candidates leaves the mask in R4.
func (n *neon) candidates(e val) {
	t := n.swap(e)
	least := n.reg()
	n.emit("VUMIN", n.in(jobWord(jobLimit))+".S4", t.arg+".S4", least+".S4")
	n.emit("VCMEQ", least+".S4", t.arg+".S4", t.arg+".S4")
	bit := n.reg()
	n.emit("FMOVQ", "(R12)", bit) // 1, 2, 4, 8
	n.bits("VAND", bit, t.arg, t.arg)
	sum := n.reg()
	n.emit("VADDV", t.arg+".S4", sum)
	n.emit("VMOV", sum+".S[0]", "R4")
}

// neonNonces is the kernel on Advanced SIMD.
func neonNonces() *kernel {
	k := &kernel{name: "searchNEON", file: "neon", job: "job", frame: scratch{unit: 16}, pool: neonPool(), quads: [][4]uint32{{1, 2, 4, 8}, {0, 1, 2, 3}}, doc: []string{
		"SHA256d of 4 nonces, one in each 32-bit lane of the V registers.",
		shortened,
		`V0-V31: state, last two schedule words, temporaries, wherever free. Scratch: the
next nonces, first hash's results, 16 schedule words, the constants and the
job's words, each in all lanes. R12: bits and places of the lanes.`,
	}}
	counter, handover, words := k.frame.take(1), k.frame.take(8), ring(k.frame.take(16))
	n := &neon{code: &code{name: "b"}, k: k}
	count := n.load(mem(counter(0)))
	w3 := n.swap(count)
	n.acc(count, konst(4))
	n.store(counter(0), count)
	n.store(words(3), w3)
	var st, result [8]val
	for i := range st {
		if w := jobWord(jobMid + 4*(8+i)); i%4 == 0 {
			st[i] = n.add(w3, w)
		} else {
			st[i] = n.load(w)
		}
	}
	st = firstSchedule(n, mem(words(3)), words).rounds(st, 4, 64)
	for i := range st {
		n.acc(st[i], jobWord(jobMid+4*i))
		n.store(handover(i), st[i])
		result[i] = mem(handover(i))
	}
	e := second(n, result, &schedule{slot: words})
	n.acc(e, konst(k256[60]+iv[7]))
	n.candidates(e)
	k.body = n.take()

	c := &code{}
	spread := func(from, to string, words int) {
		c.emit("MOVD", imm(offset(k.frame.take(words)(0))), to)
		c.emit("ADD", "R8", to)
		c.emit("MOVD", to, "R5")
		c.emit("MOVD", imm(words), "R6")
		c.label("unfold" + to)
		c.emit("MOVWU.P", "4("+from+")", "R7")
		c.emit("VDUP", "R7", "V0.S4")
		c.emit("VST1.P", "[V0.S4]", "16(R5)")
		c.emit("SUBS", "$1", "R6")
		c.emit("BNE", "unfold"+to)
	}
	c.emit("MOVD", "$words<>(SB)", "R1")
	spread("R1", "R9", len(k.table.words))
	c.emit("MOVD", "R0", "R1")
	spread("R1", "R10", (jobMid+2*8*4)/4)
	c.emit("MOVD", "$quads<>(SB)", "R12")
	c.emit("MOVWU", "nonce+8(FP)", "R7")
	c.emit("VDUP", "R7", "V0.S4")
	c.emit("FMOVQ", "16(R12)", "F1")
	c.emit("VADD", "V1.S4", "V0.S4", "V0.S4")
	c.emit("FMOVQ", "F0", counter(0))
	c.label("loop")
	k.head = c.take()
	c.emit("CBNZW", "R4", "done")
	c.emit("ADD", "$1", "R11")
	c.emit("CMP", "R3", "R11")
	c.emit("BLT", "loop")
	c.label("done")
	k.tail = c.take()
	return k
}

// offset reads an address back.
func offset(arg string) (n int) {
	fmt.Sscanf(arg, "%d(", &n)
	return n
}

// contractARM64 is contract for arm64.
const contractARM64 = `Input: a job, the first nonce as in the header, and the number of batches, at
least 1. Output: the batches before the first that has a candidate, and the
candidates of that one as a bit mask; all batches and 0 if there is none. It
reads nothing but the job and constants and writes nothing but its frame.

Registers: R0 job, R8 scratch in the frame, R9 and R10 constants and job as
vectors, R11 batches done, R3 batches to do, R4 candidates.`

// writeARM64 writes the kernel for arm64.
func (k *kernel) writeARM64() {
	var b strings.Builder
	b.WriteString(generated + "//go:build !purego\n\n#include \"textflag.h\"\n\n")
	k.comment(&b, contractARM64)
	fmt.Fprintf(&b, "TEXT ·%s(SB), 0, $%d-36\n", k.name, k.frame.used+16)
	list := []ins{
		{"MOVD", []string{"j+0(FP)", "R0"}},
		{"MOVD", []string{"batches+16(FP)", "R3"}},
		{"MOVD", []string{"RSP", "R8"}},
		{"ADD", []string{"$16", "R8"}},
		{"MOVD", []string{"$0", "R11"}},
	}
	list = append(append(append(list, k.head...), allocate(k.body, k.pool)...), k.tail...)
	list = append(list, []ins{
		{"MOVD", []string{"R11", "done+24(FP)"}},
		{"MOVW", []string{"R4", "mask+32(FP)"}},
		{"RET", nil},
	}...)
	b.WriteString(text(floatNames(list)))
	k.tables(&b)
	save(k.file+"_arm64.s", b.String())
}

// floatNames gives the registers of FMOVQ the names that the assembler wants.
func floatNames(list []ins) []ins {
	for i, in := range list {
		if in.op != "FMOVQ" {
			continue
		}
		for j, a := range in.args {
			if strings.HasPrefix(a, "V") {
				list[i].args[j] = "F" + a[1:]
			}
		}
	}
	return list
}
