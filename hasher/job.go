package hasher

import "math/bits"

// tail is what the kernels in assembly read of a header beside its midstates:
// all that the nonce does not change in the schedule of the first hash's second
// block. The offsets of it and of the jobs stand in _asm.
type tail struct {
	wk    [2]uint32  // K + W of rounds 16 and 17
	fold  [16]uint32 // W[18] to W[33] as far as the words before W[18], save W[3], make them
	limit uint32     // Prep.Limit
}

// job is one midstate.
type job struct {
	tail
	mid [8]uint32 // midstate
	st3 [8]uint32 // state after round 3 with W[3] = 0: a and e lack the nonce
}

// job16 is up to 16 midstates side by side, the lanes of a kernel. The first
// index is the word, a to h.
type job16 struct {
	tail
	mid [8][16]uint32
	st3 [8][16]uint32

	// st3 and mid of one lane after the other, in SHA-NI's order f, e, b, a, h, g, d, c
	shaSt3 [16][8]uint32
	shaMid [16][8]uint32
}

// search is an assembly function that goes through batches of nonces from the
// given one, as many as a batch holds. It stops after the first batch that has a
// candidate and returns the number of batches before it and its candidates, bit
// by bit; with none, all batches and 0.
type search[J job | job16] func(j *J, nonce uint32, batches int) (done int, mask uint32)

// callBatches is how many batches one call of an assembly function is given. It
// can't be preempted: the garbage collector and other goroutines wait for it.
// These are 0.1 ms of AVX-512 and 0.3 ms of SSE2 at 4 GHz.
const callBatches = 512

// prepare fills t and returns the schedule with the nonce, and so every word
// that follows from it, taken as 0.
func (t *tail) prepare(p *Prep) (w [64]uint32) {
	w[0], w[1], w[2] = p.Tail[0], p.Tail[1], p.Tail[2]
	w[4], w[15] = 0x80000000, 640 // padding, and the length: 80 × 8 bits
	expand(&w, 16, 18)
	for i := range t.wk {
		t.wk[i] = k256[16+i] + w[16+i]
	}
	for i := range t.fold {
		t.fold[i] = sigma1(w[i+16]) + w[i+11] + sigma0(w[i+3]) + w[i+2]
	}
	t.limit = p.Limit
	return w
}

// findLanes searches one midstate after the other with lanes nonces in a batch.
func findLanes(p *Prep, first, count uint32, found []Candidate, lanes uint32, f search[job]) []Candidate {
	j := &p.one
	w := j.prepare(p)
	for i := range p.Mid {
		j.mid, j.st3 = p.Mid[i], p.Mid[i]
		rounds(&j.st3, &w, 0, 4)
		for at := uint64(0); at < uint64(count); {
			batches := (uint64(count) - at + uint64(lanes) - 1) / uint64(lanes)
			done, mask := f(j, first+uint32(at), int(min(batches, callBatches)))
			at += uint64(done) * uint64(lanes)
			if mask == 0 {
				continue
			}
			for ; mask != 0; mask &= mask - 1 {
				if n := at + uint64(bits.TrailingZeros32(mask)); n < uint64(count) { // the last batch may be longer than the range
					found = append(found, Candidate{Nonce: first + uint32(n), Index: i})
				}
			}
			at += uint64(lanes)
		}
	}
	return found
}

// findVersions searches lanes midstates at once, one nonce in a batch.
func findVersions(p *Prep, first, count uint32, found []Candidate, lanes int, f search[job16]) []Candidate {
	j := &p.many
	w := j.prepare(p)
	for i := 0; i < len(p.Mid); i += lanes {
		j.set(p.Mid[i:i+lanes], &w)
		for at := uint32(0); at < count; {
			done, mask := f(j, first+at, int(min(count-at, callBatches)))
			at += uint32(done)
			if mask == 0 {
				continue
			}
			for ; mask != 0; mask &= mask - 1 {
				found = append(found, Candidate{Nonce: first + at, Index: i + bits.TrailingZeros32(mask)})
			}
			at++
		}
	}
	return found
}

// set makes j the job of the midstates mid.
func (j *job16) set(mid [][8]uint32, w *[64]uint32) {
	for lane, s := range mid {
		for i, x := range s {
			j.mid[i][lane] = x
		}
		j.shaMid[lane] = shaOrder(&s)
		rounds(&s, w, 0, 4)
		for i, x := range s {
			j.st3[i][lane] = x
		}
		j.shaSt3[lane] = shaOrder(&s)
	}
}

func shaOrder(s *[8]uint32) [8]uint32 {
	return [8]uint32{s[5], s[4], s[1], s[0], s[7], s[6], s[3], s[2]}
}
