package main

import (
	"math/bits"
	"strings"
)

var iv = [8]uint32{
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
}

var k256 = [64]uint32{
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
}

func ror(x uint32, n int) uint32 { return bits.RotateLeft32(x, -n) }

func sigma0(x uint32) uint32 { return ror(x, 7) ^ ror(x, 18) ^ x>>3 }
func sigma1(x uint32) uint32 { return ror(x, 17) ^ ror(x, 19) ^ x>>10 }
func sum0(x uint32) uint32   { return ror(x, 2) ^ ror(x, 13) ^ ror(x, 22) }
func sum1(x uint32) uint32   { return ror(x, 6) ^ ror(x, 11) ^ ror(x, 25) }

// val is a value of a stream: a constant, a register, or an operand in memory.
type val struct {
	arg    string
	konst  uint32
	known  bool
	splat  bool // in memory, one word for all lanes
	inJob  bool // a word of the job
	offset int  // of that
}

func konst(x uint32) val { return val{konst: x, known: true} }
func reg(r string) val   { return val{arg: r} }
func mem(m string) val   { return val{arg: m} }
func word(m string) val  { return val{arg: m, splat: true} }

// machine emits what SHA-256 consists of for one stream of lanes, in one
// instruction set. Results are fresh virtual registers.
type machine interface {
	load(v val) val // into a register that may be changed
	store(m string, v val)
	add(a, b val) val // a + b; a is in a register
	acc(x, b val)     // x += b
	sum0(x val) val   // Σ0, FIPS 180-4 section 4.1.2
	sum1(x val) val   // Σ1
	sigma0(x val) val // σ0
	sigma1(x val) val // σ1
	ch(e, f, g val) val
	maj(a, b, c val) val
	body() *code
	fresh()        // a new hash begins: forget what maj keeps
	kept() *string // the register that maj keeps from round to round
}

// round emits a whole round on the state s, a to h. wk are the addends of h:
// K and W, apart or as a sum.
func round(m machine, s [8]val, wk ...val) [8]val {
	a, b, c, d, e, f, g, h := s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]
	for _, x := range wk {
		m.acc(h, x)
	}
	m.acc(h, m.ch(e, f, g))
	m.acc(h, m.sum1(e))
	major := m.maj(a, b, c)
	m.acc(d, h)
	m.acc(h, major)
	m.acc(h, m.sum0(a))
	return [8]val{h, a, b, c, d, e, f, g}
}

// schedule holds the words of one hash that vary with the nonce or the version,
// and emits those that follow from them.
type schedule struct {
	m      machine
	known  map[int]uint32 // words that are compile-time constants
	folded map[int]val    // t → the sum of what W[t] takes from nonce-free words
	free   map[int]bool   // words that do not depend on the nonce, all in folded
	w      map[int]val
	slot   func(t int) string // where W[t] is kept in memory
	row    func(t int) val    // where K[t] + W[t] is, if another has made the schedule
	lean   bool               // spends few registers
	roll   *roll              // rounds that are a loop, or nil
}

// next emits W[t] = σ1(W[t-2]) + W[t-7] + σ0(W[t-15]) + W[t-16].
func (s *schedule) next(t int) val {
	m := s.m
	var sum uint32
	var plain, terms []val
	add := func(i int, f func(uint32) uint32, g func(val) val) {
		if x, ok := s.known[i]; ok {
			sum += f(x)
		} else if !s.free[i] {
			if g == nil {
				plain = append(plain, s.w[i])
			} else {
				terms = append(terms, g(s.w[i]))
			}
		}
	}
	add(t-15, sigma0, m.sigma0)
	late := len(terms) // σ1 comes last: its source is the youngest
	add(t-2, sigma1, m.sigma1)
	add(t-7, func(x uint32) uint32 { return x }, nil)
	add(t-16, func(x uint32) uint32 { return x }, nil)
	if f, ok := s.folded[t]; ok {
		plain = append(plain, f)
	} else if sum != 0 {
		plain = append(plain, konst(sum))
	}
	addends := append(append(terms[:late:late], plain...), terms[late:]...)
	w := addends[0]
	switch {
	case late > 0 || len(addends) == 1 && len(terms) == 1: // a fresh register
		addends = addends[1:]
	case len(terms) == 1 && len(plain) == 1:
		w, addends = terms[0], plain
	default:
		w, addends = m.load(w), addends[1:]
	}
	for _, x := range addends {
		m.acc(w, x)
	}
	s.set(t, w)
	return w
}

// set makes w the word t.
func (s *schedule) set(t int, w val) {
	if slot := s.slot(t); slot != "" {
		s.m.store(slot, w)
		s.w[t] = w
		if s.lean {
			s.w[t] = mem(slot)
			return
		}
		s.w[t-3] = mem(s.slot(t - 3)) // only σ1 of the next but one wants a register
		return
	}
	s.w[t] = w
}

// second emits the second hash on the words w, up to e of round 60, and returns
// that without K[60] and the initial h; the words are the first hash's result.
func second(m machine, words [8]val, s *schedule) val {
	s.m, s.known, s.w = m, map[int]uint32{8: 0x80000000, 15: 256}, map[int]val{}
	for t := 9; t < 15; t++ {
		s.known[t] = 0
	}
	for t, w := range words {
		s.w[t] = w
	}
	m.fresh()
	st := firstRounds(m, m.load(words[0]), s.w)
	st = s.rounds(st, 4, 57)
	for t := 57; t < 60; t++ { // only e is still wanted
		d, e, f, g, h := st[3], st[4], st[5], st[6], st[7]
		for _, x := range s.addends(t) {
			m.acc(h, x)
		}
		m.acc(h, m.ch(e, f, g))
		m.acc(h, m.sum1(e))
		m.acc(d, h)
		st = [8]val{{}, st[0], st[1], st[2], d, e, f, g}
	}
	d, e, f, g, h := st[3], st[4], st[5], st[6], st[7]
	m.acc(h, d)
	m.acc(h, s.next(60))
	m.acc(h, m.ch(e, f, g))
	m.acc(h, m.sum1(e))
	return h
}

// rounds emits rounds from to to-1 on st, each beside the schedule of the next.
func (s *schedule) rounds(st [8]val, from, to int) [8]val {
	c := s.m.body()
	if s.lean {
		for t := from; t < to; t++ {
			if s.roll != nil && t == s.roll.from {
				s.loop(st)
				t += 8*s.roll.passes - 1
				continue
			}
			st = round(s.m, st, s.addends(t)...)
		}
		return st
	}
	wk := s.addends(from)
	for t := from; t < to; t++ {
		before := c.take()
		st = round(s.m, st, wk...)
		r := c.take()
		if t+1 < to {
			wk = s.addends(t + 1)
		}
		c.list = append(before, interleave(r, c.take())...)
	}
	return st
}

// addends returns W[t] and K[t], or their sum.
func (s *schedule) addends(t int) []val {
	if s.free[t] {
		return []val{jobWord(jobWK + 4*(t-16))}
	}
	if x, ok := s.known[t]; ok {
		return []val{konst(x + k256[t])}
	}
	if s.row != nil {
		return []val{s.row(t)}
	}
	if t < 16 {
		return []val{s.w[t], konst(k256[t])}
	}
	return []val{s.m.add(s.next(t), konst(k256[t]))}
}

// firstRounds emits rounds 0 to 3 of the second hash, whose initial state is
// constant.
func firstRounds(m machine, w0 val, w map[int]val) [8]val {
	a, b, c, d, e, f, g, h := iv[0], iv[1], iv[2], iv[3], iv[4], iv[5], iv[6], iv[7]
	t1 := h + sum1(e) + (e&f ^ ^e&g) + k256[0]
	t2 := sum0(a) + (a&b ^ a&c ^ b&c)
	as := [4]val{m.add(w0, konst(t1+t2)), konst(a), konst(b), konst(c)}
	es := [4]val{m.add(w0, konst(d+t1)), konst(e), konst(f), konst(g)}
	for t := 1; t < 4; t++ {
		x := m.load(w[t])
		m.acc(x, konst(k256[t]+es[3].konst))
		m.acc(x, m.ch(es[0], es[1], es[2]))
		m.acc(x, m.sum1(es[0]))
		y := m.add(x, konst(as[3].konst))
		m.acc(x, m.maj(as[0], as[1], as[2]))
		m.acc(x, m.sum0(as[0]))
		as = [4]val{x, as[0], as[1], as[2]}
		es = [4]val{y, es[0], es[1], es[2]}
	}
	return [8]val{as[0], as[1], as[2], as[3], es[0], es[1], es[2], es[3]}
}

// The job as Go lays it out, offsets in bytes from DI: what does not depend on
// the nonce. See type job in the package.
const (
	jobWK    = 0                 // K + W of rounds 16 and 17
	jobFold  = jobWK + 2*4       // nonce-free part of W[18] to W[33]
	jobLimit = jobFold + 16*4    // largest top word of a candidate
	jobRow   = 16 * 4            // of a word in a job of versions
	jobSHA   = jobMid + 2*8*16*4 // the state after round 3 of each version, as SHA-NI has it
	jobMid   = jobLimit + 4      // midstate, one or a row of lanes for each word
)

func jobWord(offset int) val { return val{inJob: true, offset: offset} }

// firstSchedule is the schedule of the first hash's second block, of which W[3]
// alone is the nonce.
func firstSchedule(m machine, w3 val, slot func(int) string) *schedule {
	s := &schedule{
		m: m, known: map[int]uint32{4: 0x80000000, 15: 640}, folded: map[int]val{},
		free: map[int]bool{0: true, 1: true, 2: true, 16: true, 17: true},
		w:    map[int]val{3: w3}, slot: slot,
	}
	for t := 5; t < 15; t++ {
		s.known[t] = 0
	}
	for _, t := range []int{18, 19, 23, 24, 31, 32, 33} {
		s.folded[t] = jobWord(jobFold + 4*(t-18))
	}
	return s
}

// first emits rounds 4 to 63 of the first hash with its schedule on st, the
// state after round 3.
func first(m machine, st [8]val, s *schedule) [8]val {
	m.fresh()
	return s.rounds(st, 4, 64)
}

// roll is a run of rounds in a loop, eight a pass, so that the kernel fits into
// the first instruction cache: after eight rounds each word of the state is in
// its register again. R13 and R14 go along with words and constants.
type roll struct {
	label        string
	from, passes int
	words        string // address of the words: R8, or R12 for rows
	step         int    // bytes from a pass to the next, of words and of constants
}

func (s *schedule) loop(st [8]val) {
	c, r := s.m.body(), s.roll
	kept := s.m.kept()
	start := *kept
	c.emit("MOVQ", r.words, "R13")
	c.emit("MOVQ", "R9", "R14")
	c.emit("MOVL", imm(r.passes), "BX")
	c.label(r.label)
	before := c.take()
	for t := r.from; t < r.from+8; t++ {
		st = round(s.m, st, s.addends(t)...)
	}
	if *kept != start { // where the next pass looks for it
		s.m.store(start, reg(*kept))
		*kept = start
	}
	pass := c.take()
	follow := strings.NewReplacer("("+r.words+")", "(R13)", "(R9)", "(R14)")
	for _, in := range pass {
		for i, a := range in.args {
			in.args[i] = follow.Replace(a)
		}
	}
	c.list = append(before, pass...)
	c.emit("ADDQ", imm(r.step), "R13")
	c.emit("ADDQ", imm(r.step), "R14")
	c.emit("DECL", "BX")
	c.emit("JNE", r.label)
	for t := r.from; s.row == nil && t < r.from+8*r.passes; t++ {
		s.w[t] = mem(s.slot(t))
	}
}
