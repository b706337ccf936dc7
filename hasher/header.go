package hasher

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// Header is a block header, exactly the 80 bytes that are hashed: version,
// previous hash, merkle root, time, nBits and nonce, numbers little-endian.
type Header [80]byte

// ParseHeader reads 160 hex digits.
func ParseHeader(s string) (Header, error) {
	var h Header
	b, err := hex.DecodeString(s)
	if err != nil {
		return h, fmt.Errorf("header: %w", err)
	}
	if len(b) != len(h) {
		return h, fmt.Errorf("header has %d bytes, want %d", len(b), len(h))
	}
	return Header(b), nil
}

// Version returns bytes 0-3.
func (h *Header) Version() uint32 { return binary.LittleEndian.Uint32(h[0:]) }

// SetVersion sets bytes 0-3.
func (h *Header) SetVersion(v uint32) { binary.LittleEndian.PutUint32(h[0:], v) }

// PrevHash returns bytes 4-35.
func (h *Header) PrevHash() Hash { return Hash(h[4:36]) }

// SetPrevHash sets bytes 4-35.
func (h *Header) SetPrevHash(p Hash) { copy(h[4:36], p[:]) }

// MerkleRoot returns bytes 36-67.
func (h *Header) MerkleRoot() Hash { return Hash(h[36:68]) }

// SetMerkleRoot sets bytes 36-67.
func (h *Header) SetMerkleRoot(r Hash) { copy(h[36:68], r[:]) }

// Time returns bytes 68-71, Unix seconds.
func (h *Header) Time() uint32 { return binary.LittleEndian.Uint32(h[68:]) }

// SetTime sets bytes 68-71, Unix seconds.
func (h *Header) SetTime(t uint32) { binary.LittleEndian.PutUint32(h[68:], t) }

// Bits returns bytes 72-75.
func (h *Header) Bits() Bits { return Bits(binary.LittleEndian.Uint32(h[72:])) }

// SetBits sets bytes 72-75.
func (h *Header) SetBits(b Bits) { binary.LittleEndian.PutUint32(h[72:], uint32(b)) }

// Nonce returns bytes 76-79.
func (h *Header) Nonce() uint32 { return binary.LittleEndian.Uint32(h[76:]) }

// SetNonce sets bytes 76-79.
func (h *Header) SetNonce(n uint32) { binary.LittleEndian.PutUint32(h[76:], n) }

// Hash returns SHA256d of the header by crypto/sha256: the reference that every
// kernel is held to.
func (h *Header) Hash() Hash { return DoubleSum(h[:]) }
