package hasher

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
)

// Target is the largest hash that counts, a 256-bit number in the byte order of
// Hash: t[31] holds the most significant bits.
type Target [32]byte

// MaxTarget is 2^256-1: every hash meets it.
var MaxTarget = Target{
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
}

var (
	diff1  = new(big.Int).Lsh(big.NewInt(0xffff), 208) // the target of difficulty 1
	two256 = new(big.Int).Lsh(big.NewInt(1), 256)
)

// ErrDifficulty is wrapped by every refusal of a difficulty.
var ErrDifficulty = errors.New("invalid difficulty")

// TargetFromDifficulty returns floor(diff1 / d), at most MaxTarget, where diff1
// is 0xffff × 2^208. The division is exact: d is taken as the binary fraction
// that the float64 is. A d that is zero, negative, infinite, not a number, or so
// large that no hash but zero could meet it is refused with ErrDifficulty.
func TargetFromDifficulty(d float64) (Target, error) {
	var t Target
	switch {
	case math.IsNaN(d) || math.IsInf(d, 0):
		return t, fmt.Errorf("%w: %v is not a finite number", ErrDifficulty, d)
	case d <= 0:
		return t, fmt.Errorf("%w: %v is not above 0", ErrDifficulty, d)
	}
	r := new(big.Rat).SetFloat64(d) // exact
	n := new(big.Int).Mul(diff1, r.Denom())
	n.Quo(n, r.Num())
	if n.Sign() == 0 {
		return t, fmt.Errorf("%w: %g leaves a target of 0", ErrDifficulty, d)
	}
	if n.Cmp(two256) >= 0 {
		return MaxTarget, nil
	}
	return targetFromInt(n), nil
}

// ParseTarget reads 64 hex digits, most significant byte first, as
// mining.suggest_target and getblocktemplate write them.
func ParseTarget(s string) (Target, error) {
	var t Target
	b, err := hex.DecodeString(s)
	if err != nil {
		return t, fmt.Errorf("target %.80q: %w", s, err)
	}
	if len(b) != len(t) {
		return t, fmt.Errorf("target %.80q has %d bytes, want %d", s, len(b), len(t))
	}
	slices.Reverse(b)
	return Target(b), nil
}

// String returns the target as a number in 64 hex digits, most significant
// first.
func (t Target) String() string {
	slices.Reverse(t[:])
	return hex.EncodeToString(t[:])
}

// Meets reports whether h, read as a number, is not larger than t.
func (t *Target) Meets(h *Hash) bool {
	for i := 24; i >= 0; i -= 8 {
		a, b := binary.LittleEndian.Uint64(h[i:]), binary.LittleEndian.Uint64(t[i:])
		if a != b {
			return a < b
		}
	}
	return true
}

// Limit returns the most significant 32 bits: no hash whose Top is above it can
// meet the target.
func (t *Target) Limit() uint32 { return (*Hash)(t).Top() }

// Difficulty returns diff1 / t to the nearest float64; +Inf for a target of 0.
func (t *Target) Difficulty() float64 { return difficultyOf((*[32]byte)(t)) }

// Bits returns the target in compact form, rounded down as the form demands.
func (t *Target) Bits() Bits {
	n := intOf((*[32]byte)(t))
	size := (n.BitLen() + 7) / 8
	var mant uint32
	if size <= 3 {
		mant = uint32(n.Uint64()) << (8 * (3 - size))
	} else {
		mant = uint32(new(big.Int).Rsh(n, uint(8*(size-3))).Uint64())
	}
	if mant&0x800000 != 0 { // the sign bit: one byte more, one digit less
		mant >>= 8
		size++
	}
	return Bits(uint32(size)<<24 | mant)
}

// Bits is a target in the header's compact form (nBits): the top byte is a
// length in bytes, the lower three the leading digits with a sign bit.
type Bits uint32

// String returns the eight hex digits of the compact form.
func (b Bits) String() string { return fmt.Sprintf("%08x", uint32(b)) }

// Target expands b. Negative, zero and overflowing values are refused, as nodes
// refuse them.
func (b Bits) Target() (Target, error) {
	size, mant := uint(b>>24), int64(b&0x7fffff)
	n := big.NewInt(mant)
	if size <= 3 {
		n.Rsh(n, 8*(3-size))
	} else {
		n.Lsh(n, 8*(size-3))
	}
	switch {
	case n.Sign() == 0:
		return Target{}, fmt.Errorf("nbits %v is a target of 0", b)
	case b&0x800000 != 0:
		return Target{}, fmt.Errorf("nbits %v is a negative target", b)
	case n.Cmp(two256) >= 0:
		return Target{}, fmt.Errorf("nbits %v is above 2^256", b)
	}
	return targetFromInt(n), nil
}

func targetFromInt(n *big.Int) (t Target) {
	n.FillBytes(t[:])
	slices.Reverse(t[:])
	return t
}

func intOf(b *[32]byte) *big.Int {
	be := *b
	slices.Reverse(be[:])
	return new(big.Int).SetBytes(be[:])
}

func difficultyOf(b *[32]byte) float64 {
	n := intOf(b)
	if n.Sign() == 0 {
		return math.Inf(1)
	}
	d, _ := new(big.Rat).SetFrac(diff1, n).Float64()
	return d
}
