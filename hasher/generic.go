package hasher

import "math/bits"

// genericKernel is the twin of every other kernel in plain Go: it runs
// everywhere, and what the others compute is read here.
var genericKernel = Kernel{Name: "generic", Lanes: 1, Versions: 1, Find: findGeneric}

// iv is the initial hash value, FIPS 180-4 section 5.3.3.
var iv = [8]uint32{
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
}

// k256 are the round constants, FIPS 180-4 section 4.2.2.
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

func sigma0(x uint32) uint32 {
	return bits.RotateLeft32(x, -7) ^ bits.RotateLeft32(x, -18) ^ x>>3
}

func sigma1(x uint32) uint32 {
	return bits.RotateLeft32(x, -17) ^ bits.RotateLeft32(x, -19) ^ x>>10
}

// round is one SHA-256 round with kw = K[i] + W[i]: the two words of the state
// that change, e in the place of d and a in that of h. The state turns by one
// place in the arguments instead of being moved.
func round(a, b, c, d, e, f, g, h, kw uint32) (newE, newA uint32) {
	h += kw + (g ^ e&(f^g)) +
		(bits.RotateLeft32(e, -6) ^ bits.RotateLeft32(e, -11) ^ bits.RotateLeft32(e, -25))
	return d + h, h + (a&b | c&(a|b)) +
		(bits.RotateLeft32(a, -2) ^ bits.RotateLeft32(a, -13) ^ bits.RotateLeft32(a, -22))
}

// rounds runs rounds from to to-1 over s with the schedule w.
func rounds(s *[8]uint32, w *[64]uint32, from, to int) {
	a, b, c, d, e, f, g, h := s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]
	i := from
	for ; i+8 <= to; i += 8 {
		k, w := (*[8]uint32)(k256[i:]), (*[8]uint32)(w[i:])
		d, h = round(a, b, c, d, e, f, g, h, k[0]+w[0])
		c, g = round(h, a, b, c, d, e, f, g, k[1]+w[1])
		b, f = round(g, h, a, b, c, d, e, f, k[2]+w[2])
		a, e = round(f, g, h, a, b, c, d, e, k[3]+w[3])
		h, d = round(e, f, g, h, a, b, c, d, k[4]+w[4])
		g, c = round(d, e, f, g, h, a, b, c, k[5]+w[5])
		f, b = round(c, d, e, f, g, h, a, b, k[6]+w[6])
		e, a = round(b, c, d, e, f, g, h, a, k[7]+w[7])
	}
	for ; i < to; i++ {
		newE, newA := round(a, b, c, d, e, f, g, h, k256[i]+w[i])
		a, b, c, d, e, f, g, h = newA, a, b, c, newE, e, f, g
	}
	*s = [8]uint32{a, b, c, d, e, f, g, h}
}

// next16 runs 16 rounds over s, turning w into the 16 words after it as it goes.
func next16(s *[8]uint32, w, k *[16]uint32) {
	a, b, c, d, e, f, g, h := s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]
	w[0] += sigma1(w[14]) + w[9] + sigma0(w[1])
	d, h = round(a, b, c, d, e, f, g, h, k[0]+w[0])
	w[1] += sigma1(w[15]) + w[10] + sigma0(w[2])
	c, g = round(h, a, b, c, d, e, f, g, k[1]+w[1])
	w[2] += sigma1(w[0]) + w[11] + sigma0(w[3])
	b, f = round(g, h, a, b, c, d, e, f, k[2]+w[2])
	w[3] += sigma1(w[1]) + w[12] + sigma0(w[4])
	a, e = round(f, g, h, a, b, c, d, e, k[3]+w[3])
	w[4] += sigma1(w[2]) + w[13] + sigma0(w[5])
	h, d = round(e, f, g, h, a, b, c, d, k[4]+w[4])
	w[5] += sigma1(w[3]) + w[14] + sigma0(w[6])
	g, c = round(d, e, f, g, h, a, b, c, k[5]+w[5])
	w[6] += sigma1(w[4]) + w[15] + sigma0(w[7])
	f, b = round(c, d, e, f, g, h, a, b, k[6]+w[6])
	w[7] += sigma1(w[5]) + w[0] + sigma0(w[8])
	e, a = round(b, c, d, e, f, g, h, a, k[7]+w[7])
	w[8] += sigma1(w[6]) + w[1] + sigma0(w[9])
	d, h = round(a, b, c, d, e, f, g, h, k[8]+w[8])
	w[9] += sigma1(w[7]) + w[2] + sigma0(w[10])
	c, g = round(h, a, b, c, d, e, f, g, k[9]+w[9])
	w[10] += sigma1(w[8]) + w[3] + sigma0(w[11])
	b, f = round(g, h, a, b, c, d, e, f, k[10]+w[10])
	w[11] += sigma1(w[9]) + w[4] + sigma0(w[12])
	a, e = round(f, g, h, a, b, c, d, e, k[11]+w[11])
	w[12] += sigma1(w[10]) + w[5] + sigma0(w[13])
	h, d = round(e, f, g, h, a, b, c, d, k[12]+w[12])
	w[13] += sigma1(w[11]) + w[6] + sigma0(w[14])
	g, c = round(d, e, f, g, h, a, b, c, k[13]+w[13])
	w[14] += sigma1(w[12]) + w[7] + sigma0(w[15])
	f, b = round(c, d, e, f, g, h, a, b, k[14]+w[14])
	w[15] += sigma1(w[13]) + w[8] + sigma0(w[0])
	e, a = round(b, c, d, e, f, g, h, a, k[15]+w[15])
	*s = [8]uint32{a, b, c, d, e, f, g, h}
}

// expand fills w[from:to] of the message schedule.
func expand(w *[64]uint32, from, to int) {
	for i := from; i < to; i++ {
		w[i] = sigma1(w[i-2]) + w[i-7] + sigma0(w[i-15]) + w[i-16]
	}
}

// compress is the SHA-256 compression function, FIPS 180-4 section 6.2.2.
func compress(s *[8]uint32, m *[16]uint32) {
	var w [64]uint32
	copy(w[:], m[:])
	expand(&w, 16, 64)
	v := *s
	rounds(&v, &w, 0, 64)
	for i := range s {
		s[i] += v[i]
	}
}

// findGeneric searches with what a header allows: the first block's midstate,
// the three rounds of the second block that come before the nonce, and no state
// after the second hash but what the top word of the result needs: e of round
// 60, which four rounds later is h.
func findGeneric(p *Prep, first, count uint32, found []Candidate) []Candidate {
	var block1, block2 [64]uint32 // the first 16 words of each are used
	copy(block1[:], p.Tail[:])
	block1[4], block1[15] = 0x80000000, 640 // padding, and the length: 80 × 8 bits
	block2[8], block2[15] = 0x80000000, 256 // 32 × 8 bits
	for i := range p.Mid {
		mid := &p.Mid[i]
		third := *mid
		rounds(&third, &block1, 0, 3)
		for n := range count {
			block1[3] = bits.ReverseBytes32(first + n)
			s := third
			rounds(&s, &block1, 3, 16)
			last48(&s, [16]uint32(block1[:]))
			for j := range s {
				block2[j] = s[j] + mid[j]
			}
			s = iv
			rounds(&s, &block2, 0, 16)
			last48(&s, [16]uint32(block2[:]))
			if bits.ReverseBytes32(iv[7]+s[7]) <= p.Limit {
				found = append(found, Candidate{Nonce: first + n, Index: i})
			}
		}
	}
	return found
}

// last48 runs rounds 16 to 63 over s; w are the first 16 words.
func last48(s *[8]uint32, w [16]uint32) {
	for t := 16; t < 64; t += 16 {
		next16(s, &w, (*[16]uint32)(k256[t:]))
	}
}
