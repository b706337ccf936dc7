package frame

import (
	"math/bits"
	"time"
)

// mostTicket is how many bits a ticket mask can ask for.
const mostTicket = 32

// TicketMask returns the value of register 14 that has a chip report only nonces
// whose hash has so many zero bits, 0 to 32, beyond the 32 that it always asks
// for: 2^n - 1 with the bits of each byte reversed.
func TicketMask(n int) uint32 {
	mask := uint32(1<<min(max(n, 0), mostTicket) - 1)
	return bits.ReverseBytes32(bits.Reverse32(mask))
}

// TicketBits is the inverse of TicketMask; ok is false for a mask with a hole.
func TicketBits(mask uint32) (n int, ok bool) {
	mask = bits.ReverseBytes32(bits.Reverse32(mask))
	return bits.Len32(mask), mask&(mask+1) == 0
}

// sweepGuard is how many ticks of 25 MHz a sweep is cut short by, since it runs
// over its end by up to 134 of them, in both of its halves. That was measured on
// the BM1370; the others have the same, at a cost of less than a thousandth on a
// single chip.
const sweepGuard = 2 * 134

// HashCountingNumber returns the value of register 10 for one of a chain's chips
// at the given clock: for how many ticks of 25 MHz each core goes on through
// nonces, two in a cycle of its clock, before it takes the next versions. Longer,
// and it would get into the range of the next chip.
func (c Chip) HashCountingNumber(p PLL, chips int) uint32 {
	slice := uint64(1) << 32 / pow2up(c.Geometry().Cores) / pow2up(chips)
	n := slice * uint64(p.Ref*p.Post1*p.Post2) / uint64(2*max(p.FB, 1))
	if n > 2*sweepGuard {
		n -= sweepGuard
	}
	return uint32(n)
}

// pow2up returns the least power of two that is not below n.
func pow2up(n int) uint64 { return 1 << bits.Len(uint(max(n, 1)-1)) }

// Epoch returns how long c takes for all that there is to try of a job with so
// many versions. It then begins again, with no word about it.
func (c Chip) Epoch(hcn uint32, versions uint64) time.Duration {
	sweeps := max(min(versions, 1<<16)/uint64(max(c.Geometry().SubCores, 1)), 1)
	return time.Duration(sweeps) * time.Duration(hcn) * (time.Second / (crystal * 1e6))
}
