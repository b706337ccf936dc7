package hasher

// Words appends to dst what a kernel outside of this package reads of p: the
// limit; K + W of rounds 16 and 17; the parts of W[18] to W[33] that no nonce
// changes; then for each midstate its 8 words, and the 8 words of the state after
// round 3 with a and e as they are without the nonce, which is to be added as the
// big-endian word W[3]. These are 19 + 16 × len(p.Mid) words of SHA-256's own
// order. It allocates only while dst grows.
func (p *Prep) Words(dst []uint32) []uint32 {
	j := &p.one
	w := j.prepare(p)
	dst = append(dst, j.limit, j.wk[0], j.wk[1])
	dst = append(dst, j.fold[:]...)
	for _, mid := range p.Mid {
		st3 := mid
		rounds(&st3, &w, 0, 4)
		dst = append(dst, mid[:]...)
		dst = append(dst, st3[:]...)
	}
	return dst
}
