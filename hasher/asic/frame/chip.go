package frame

import (
	"fmt"
	"math/bits"
)

// Chip is one of Bitmain's chips, by the number that it answers with when its
// register 00 is read.
type Chip uint16

// The chips whose frames are known here.
const (
	BM1384 Chip = 0x1384
	BM1387 Chip = 0x1387
	BM1397 Chip = 0x1397
	BM1362 Chip = 0x1362
	BM1366 Chip = 0x1366
	BM1368 Chip = 0x1368
	BM1370 Chip = 0x1370
)

// String returns the chip's name, "BM1370".
func (c Chip) String() string { return fmt.Sprintf("BM%04X", uint16(c)) }

// Geometry is how a chip's hashing units are arranged. Each unit computes one
// SHA256d in a cycle of its clock.
type Geometry struct {
	Units    int // that work; a few of Cores × SubCores are missing or dead by design
	Cores    int // each has its own part of the nonces
	SubCores int // of a core, which hash one nonce with a version each
}

// Geometry returns the arrangement of c's units, the zero value for a chip that
// is not known here.
func (c Chip) Geometry() Geometry {
	switch c {
	case BM1384:
		return Geometry{Units: 55, Cores: 55, SubCores: 1}
	case BM1387:
		return Geometry{Units: 114, Cores: 114, SubCores: 1}
	case BM1397:
		return Geometry{Units: 672, Cores: 168, SubCores: 4}
	case BM1362:
		return Geometry{Units: 514, Cores: 65, SubCores: 8}
	case BM1366:
		return Geometry{Units: 894, Cores: 112, SubCores: 8}
	case BM1368:
		return Geometry{Units: 1276, Cores: 80, SubCores: 16}
	case BM1370:
		return Geometry{Units: 2040, Cores: 128, SubCores: 16}
	}
	return Geometry{}
}

// Hashrate returns what one chip computes at the given clock, H/s.
func (c Chip) Hashrate(mhz float64) float64 { return float64(c.Geometry().Units) * mhz * 1e6 }

// HostMidstates reports whether c's jobs carry midstates, one for each version,
// which the host computes. The others are given a header and roll its version
// by themselves.
func (c Chip) HostMidstates() bool { return c == BM1387 || c == BM1397 }

// Job takes apart the result byte of c's nonces: the id of the job that the
// nonce belongs to, as the host gave it, and the sub-core that found it, which on
// the BM1397 is the index of the midstate. It serves the chips from the BM1397 on.
func (c Chip) Job(result byte) (id, sub byte) {
	switch c {
	case BM1397:
		return result & 0xfc, result & 3
	case BM1362, BM1366:
		return result & 0xf8, result & 7
	}
	return result & 0xf0 >> 1, result & 0x0f
}

// Result is the inverse of Job.
func (c Chip) Result(id, sub byte) byte {
	switch c {
	case BM1397:
		return id&0xfc | sub&3
	case BM1362, BM1366:
		return id&0xf8 | sub&7
	}
	return id<<1&0xf0 | sub&0x0f
}

// Core returns the core that found a nonce, by the nonce as it stands in the
// header. On the wire, most significant byte first, the core is the upper seven
// bits.
func Core(nonce uint32) int { return int(bits.ReverseBytes32(nonce) >> 25) }

// Index returns which of a chain's chips found a nonce, 0 the nearest to the
// host. The chips of a chain share the 25 bits below the core: on the BM1397,
// BM1362 and BM1366 by their addresses, which are to be 256/chips apart, on the
// BM1368 and BM1370 by their nonce offsets, which are to be 65536/chips apart. On
// the BM1384 and BM1387 they share all 32 bits.
func (c Chip) Index(nonce uint32, chips int) int {
	if chips < 2 {
		return 0
	}
	wire := bits.ReverseBytes32(nonce)
	i := 0
	switch c {
	case BM1384, BM1387:
		i = int(wire>>24) * chips / 256
	case BM1397, BM1362, BM1366:
		i = int(wire>>17&0xff) / max(256/chips, 1)
	default:
		i = int(wire>>9&0xffff) * chips / 65536
	}
	return min(i, chips-1)
}
