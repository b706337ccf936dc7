package main

import "fmt"

// sha2Stream is one hash in the SHA-2 instructions of arm64: words a to d and e
// to h of the state, low to high, and four words of the schedule in each of m.
type sha2Stream struct {
	*code
	k        *kernel
	a, b     string
	m        [4]string
	wk, copy string
}

func (s *sha2Stream) quad(w [4]uint32) string { return s.k.quadAt("R12", w) }

// mix emits an instruction that mixes four words, x and y into z.
func (s *sha2Stream) mix(op string, x, y, z string) { s.emit(op, x+".S4", y+".S4", z+".S4") }

// four emits four rounds on K + W in wk.
func (s *sha2Stream) four() {
	s.emit("VMOV", s.a+".B16", s.copy+".B16")
	s.emit("SHA256H", s.wk+".S4", s.b, s.a)
	s.emit("SHA256H2", s.wk+".S4", s.copy, s.b)
}

// group emits rounds 4g to 4g+3 on the schedule; K stands in V16 to V31.
func (s *sha2Stream) group(g int) {
	s.keyed(g)
	s.four()
}

// keyed emits K + W of rounds 4g to 4g+3.
func (s *sha2Stream) keyed(g int) { s.mix("VADD", fmt.Sprintf("V%d", 16+g), s.m[g%4], s.wk) }

// known emits four rounds on constants.
func (s *sha2Stream) known(kw [4]uint32) {
	s.emit("FMOVQ", s.quad(kw), s.wk)
	s.four()
}

// finish ends the words 4n to 4n+3, which hold W[t-16] + σ0(W[t-15]).
func (s *sha2Stream) finish(n int) {
	s.mix("SHA256SU1", s.m[(n+3)%4], s.m[(n+2)%4], s.m[n%4])
}

// expand emits the words 4n to 4n+3 from the 16 before them.
func (s *sha2Stream) expand(n int) {
	s.emit("SHA256SU0", s.m[(n+1)%4]+".S4", s.m[n%4]+".S4")
	s.finish(n)
}

// first emits the first hash of the nonce R14 + q.
func (s *sha2Stream) first(q int, st3, fold func(i int) string) (st steps) {
	s.emit("ADDW", imm(q), "R14", "R4")
	s.emit("REVW", "R4", "R4")
	s.emit("FMOVS", "R4", "F"+s.copy[1:]) // to a and e
	s.emit("FMOVQ", st3(0), s.a)
	s.emit("FMOVQ", st3(1), s.b)
	s.mix("VADD", s.copy, s.a, s.a)
	s.mix("VADD", s.copy, s.b, s.b)
	s.emit("RORW", "$7", "R4", "R5")
	s.emit("EORW", "R4@>18", "R5")
	s.emit("EORW", "R4>>3", "R5") // σ0(W[3])
	s.emit("ORR", "R4<<32", "R5")
	s.emit("VEOR", s.copy+".B16", s.copy+".B16", s.copy+".B16")
	s.emit("VMOV", "R5", s.copy+".D[1]")
	s.emit("FMOVQ", fold(0), s.m[0])
	s.mix("VADD", s.copy, s.m[0], s.m[0]) // W[16] to W[19]
	st.end(s.code)
	for g := 1; g < 16; g++ {
		if g < 4 {
			s.known(paddedFirst(g))
		} else {
			s.group(g)
		}
		switch n := g + 1; n {
		case 2, 3, 4, 16:
		case 5: // W[12] to W[15] are the length's
			s.emit("FMOVQ", s.quad([4]uint32{0x80000000}), s.m[1])
			s.emit("FMOVQ", s.quad([4]uint32{3: 640}), s.m[3])
			s.finish(n)
		case 6:
			s.emit("VEOR", s.m[2]+".B16", s.m[2]+".B16", s.m[2]+".B16")
			s.finish(n)
		case 7:
			s.emit("FMOVQ", fold(1), s.m[3])
			s.finish(n)
		default:
			s.expand(n)
		}
		st.end(s.code)
	}
	return st
}

// second emits the second hash, to where the last word of s.b is e of round 60.
func (s *sha2Stream) second(mid func(i int) string) (st steps) {
	s.emit("FMOVQ", mid(0), s.m[0])
	s.emit("FMOVQ", mid(1), s.m[1])
	s.mix("VADD", s.a, s.m[0], s.m[0])
	s.mix("VADD", s.b, s.m[1], s.m[1])
	s.emit("FMOVQ", s.quad([4]uint32(iv[:4])), s.a)
	s.emit("FMOVQ", s.quad([4]uint32(iv[4:])), s.b)
	s.emit("FMOVQ", s.quad([4]uint32{0x80000000}), s.m[2])
	s.emit("FMOVQ", s.quad([4]uint32{3: 256}), s.m[3])
	st.end(s.code)
	for g := range 15 {
		s.group(g)
		switch n := g + 1; {
		case n < 4:
		case n == 6: // σ0(W[9]) to σ0(W[12]) are 0
			s.finish(n)
		default:
			s.expand(n)
		}
		st.end(s.code)
	}
	s.keyed(15)
	s.emit("SHA256H2", s.wk+".S4", s.a, s.b) // e to h; a to d are not wanted
	st.end(s.code)
	return st
}

// sha2Nonces is the kernel on the SHA-2 instructions of arm64.
func sha2Nonces() *kernel {
	k := &kernel{name: "searchSHA2", file: "sha2", job: "job", frame: scratch{unit: 16}, pool: neonPool(), doc: []string{
		"SHA256d of two nonces by the SHA-2 instructions, side by side.",
		fixed + ` Two
instructions are four whole rounds: the second hash begins with round 0 and ends
with round 63, when e of round 60 is its h, the top word of the result. Of the
last four rounds only that half is computed, of all others also every a.`,
		`W[16] to W[19] and W[28] to W[31] of the first hash take their constant parts
from the job; two words of the first four come from the general registers.`,
		`V0-V7, V8-V15: state, 16 words, K + W and a copy of each stream. V16-V31: K.
R12: groups of constants. R13: limit. R14: nonce. Scratch: the job's words.`,
	}}
	st3, mid, fold := k.frame.take(2), k.frame.take(2), k.frame.take(2)
	var streams []steps
	for q := range 2 {
		v := func(i int) string { return fmt.Sprintf("V%d", 8*q+i) }
		s := &sha2Stream{code: &code{}, k: k, a: v(0), b: v(1), m: [4]string{v(2), v(3), v(4), v(5)}, wk: v(6), copy: v(7)}
		streams = append(streams, append(s.first(q, st3, fold), s.second(mid)...))
	}
	k.body = alternate(streams...)

	c := &code{}
	for q, to := range []string{"R4", "R5"} {
		c.emit("VMOV", fmt.Sprintf("V%d.S[3]", 8*q+1), to)
		c.emit("ADDW", "R15", to)
		c.emit("REVW", to, to)
		c.emit("CMPW", "R13", to)
		c.emit("CSET", "LS", to)
	}
	c.emit("ORR", "R5<<1", "R4")
	c.emit("CBNZ", "R4", "done")
	c.emit("ADDW", "$2", "R14")
	c.emit("ADD", "$1", "R11")
	c.emit("CMP", "R3", "R11")
	c.emit("BLT", "loop")
	c.label("done")
	k.tail = c.take()

	move := func(off int, to string) {
		c.emit("ADD", imm(off), "R0", "R1")
		c.emit("VLD1", "(R1)", "[V0.S4]")
		c.emit("FMOVQ", "V0", to)
	}
	c.emit("MOVD", "$quads<>(SB)", "R12")
	for i := range 2 {
		move(jobMid+16*i, mid(i))
		move(jobMid+32+16*i, st3(i))
	}
	move(jobFold+4*(28-18), fold(1))
	c.emit("VLD1", "(R0)", "[V0.S4]") // K + W[16], K + W[17], parts of W[18] and W[19]
	c.emit("FMOVQ", k.quadAt("R12", [4]uint32{k256[16], k256[17]}), "V1")
	c.emit("VSUB", "V1.S4", "V0.S4", "V0.S4")
	c.emit("FMOVQ", "V0", fold(0))
	for g := range 16 {
		c.emit("FMOVQ", k.quadAt("R12", kGroup(g)), fmt.Sprintf("V%d", 16+g))
	}
	c.emit("MOVWU", "nonce+8(FP)", "R14")
	c.emit("MOVWU", fmt.Sprintf("%d(R0)", jobLimit), "R13")
	c.emit("MOVW", fmt.Sprintf("$%#08x", iv[7]), "R15")
	c.label("loop")
	k.head = c.take()
	return k
}
