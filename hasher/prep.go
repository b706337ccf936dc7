package hasher

import (
	"encoding/binary"
	"math/bits"
)

// Prep is a header reduced to what a kernel reads: everything that does not
// depend on the nonce. A Prep is filled by Prepare and reused from work to work;
// it holds one midstate for each version that is to be tried on the same tail.
type Prep struct {
	Header   Header      // the header as prepared; its version is Versions[0], its nonce is ignored
	Versions []uint32    // header versions, one for each of Mid
	Mid      [][8]uint32 // SHA-256 state after header bytes 0-63, one for each version
	Tail     [3]uint32   // header bytes 64-75 as big-endian words
	Limit    uint32      // a nonce is a candidate if its hash's Top is at most Limit

	one  job // what kernels in assembly make of it, from call to call
	many job16
}

// Prepare fills p for header h with the given versions in place of h's own; no
// versions means h's own alone. It allocates only while p's slices grow.
func (p *Prep) Prepare(h *Header, limit uint32, versions ...uint32) {
	p.Header, p.Limit = *h, limit
	p.Versions, p.Mid = p.Versions[:0], p.Mid[:0]
	if len(versions) == 0 {
		p.add(h.Version())
	}
	for _, v := range versions {
		p.add(v)
	}
	p.Header.SetVersion(p.Versions[0])
	for i := range p.Tail {
		p.Tail[i] = binary.BigEndian.Uint32(h[64+4*i:])
	}
}

func (p *Prep) add(version uint32) {
	p.Header.SetVersion(version)
	var w [16]uint32
	for i := range w {
		w[i] = binary.BigEndian.Uint32(p.Header[4*i:])
	}
	mid := iv
	compress(&mid, &w)
	p.Versions = append(p.Versions, version)
	p.Mid = append(p.Mid, mid)
}

// Hash returns SHA256d of p's header with the version of that index and nonce, by
// p's midstate and tail alone: for who knows no more of the header.
func (p *Prep) Hash(index int, nonce uint32) (h Hash) {
	first := p.Mid[index]
	compress(&first, &[16]uint32{p.Tail[0], p.Tail[1], p.Tail[2], bits.ReverseBytes32(nonce), 0x80000000, 15: 640}) // padding, and the length: 80 × 8 bits
	second, block := iv, [16]uint32{8: 0x80000000, 15: 256}                                                         // 32 × 8 bits
	copy(block[:], first[:])
	compress(&second, &block)
	for i, w := range second {
		binary.BigEndian.PutUint32(h[4*i:], w)
	}
	return h
}
