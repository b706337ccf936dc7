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

// round is one SHA-256 round with kw = K[i] + W[i]. The state turns by one
// place in s instead of being moved: round i works on s rotated by i.
func round(a, b, c, d, e, f, g, h, kw uint32) (newD, newH uint32) {
	t := h + kw + (g ^ e&(f^g)) +
		(bits.RotateLeft32(e, -6) ^ bits.RotateLeft32(e, -11) ^ bits.RotateLeft32(e, -25))
	return d + t, t + (a&b | c&(a|b)) +
		(bits.RotateLeft32(a, -2) ^ bits.RotateLeft32(a, -13) ^ bits.RotateLeft32(a, -22))
}

// rounds runs rounds from to to-1, eight at a time at the most, over s with the
// schedule w.
func rounds(s *[8]uint32, w *[64]uint32, from, to int) {
	a, b, c, d, e, f, g, h := s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]
	for i := from; i < to; i++ {
		e1, a1 := round(a, b, c, d, e, f, g, h, k256[i]+w[i])
		a, b, c, d, e, f, g, h = a1, a, b, c, e1, e, f, g
	}
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
// the three rounds of the second block that come before the nonce, the schedule
// words that don't depend on it, and an end after round 60 of the second hash,
// whose e becomes the top word of the result.
func findGeneric(p *Prep, first, count uint32, found []Candidate) []Candidate {
	var w, v [64]uint32
	w[0], w[1], w[2] = p.Tail[0], p.Tail[1], p.Tail[2]
	w[4], w[15] = 0x80000000, 640 // padding, and the length: 80 × 8 bits
	expand(&w, 16, 18)            // W16 and W17 come before the nonce's influence
	v[8], v[15] = 0x80000000, 256 // 32 × 8 bits
	for i := range p.Mid {
		mid := &p.Mid[i]
		third := *mid
		rounds(&third, &w, 0, 3)
		for n := range count {
			w[3] = bits.ReverseBytes32(first + n)
			expand(&w, 18, 64)
			s := third
			rounds(&s, &w, 3, 64)
			for j := range s {
				v[j] = s[j] + mid[j]
			}
			expand(&v, 16, 61)
			s = iv
			rounds(&s, &v, 0, 61)
			if bits.ReverseBytes32(iv[7]+s[4]) <= p.Limit {
				found = append(found, Candidate{Nonce: first + n, Index: i})
			}
		}
	}
	return found
}
