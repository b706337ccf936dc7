// Package hasher computes SHA256d of Bitcoin block headers: the types of the
// domain (Hash, Target, Bits, Header) and the kernels that search a header's
// nonces. Everything in it is a pure function; it knows nothing of jobs, pools
// or threads.
//
// The header layout and the meaning of nBits follow the Bitcoin developer
// reference ("Block Chain", section "Block Headers"); SHA-256 is FIPS 180-4.
package hasher

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
)

// Hash is a SHA256d digest in wire order: read as a number, h[31] holds the
// most significant bits.
type Hash [32]byte

// DoubleSum returns SHA256d of b.
func DoubleSum(b []byte) Hash {
	first := sha256.Sum256(b)
	return sha256.Sum256(first[:])
}

// ParseHash reads 64 hex digits in the order block explorers show, most
// significant byte first.
func ParseHash(s string) (Hash, error) {
	var h Hash
	b, err := hex.DecodeString(s)
	if err != nil {
		return h, fmt.Errorf("hash %.80q: %w", s, err)
	}
	if len(b) != len(h) {
		return h, fmt.Errorf("hash %.80q has %d bytes, want %d", s, len(b), len(h))
	}
	slices.Reverse(b)
	return Hash(b), nil
}

// String returns the hash as block explorers show it, most significant byte
// first.
func (h Hash) String() string {
	slices.Reverse(h[:])
	return hex.EncodeToString(h[:])
}

// Top returns the most significant 32 bits, the part that kernels compare.
func (h *Hash) Top() uint32 {
	return uint32(h[31])<<24 | uint32(h[30])<<16 | uint32(h[29])<<8 | uint32(h[28])
}

// Difficulty returns the share difficulty of the hash, diff1 / hash, to the
// nearest float64. The all-zero hash has difficulty +Inf.
func (h *Hash) Difficulty() float64 {
	return difficultyOf((*[32]byte)(h))
}
