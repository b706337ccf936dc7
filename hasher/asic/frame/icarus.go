package frame

import (
	"encoding/binary"
	"fmt"
)

// IcarusSize is the length of work for the Icarus family. A board tells its end
// by its length alone.
const IcarusSize = 64

// IcarusMostID is the largest id of work for an Antminer U1, U2 or U3.
const IcarusMostID = 0x1e

// icarusZeros is how many bytes between the midstate and the id are unused.
const icarusZeros = IcarusSize - 32 - 1 - 12

// IcarusWork is what a board of the Icarus family hashes: it gives up the work
// before, and tries all nonces. A nonce comes as the four bytes that the header
// has; Antminers add a byte whose lower five bits are the work's id.
type IcarusWork struct {
	Mid  [8]uint32 // SHA-256 state after header bytes 0-63
	Tail [12]byte  // header bytes 64-75
	ID   byte      // at most IcarusMostID; 0 for boards that know none
}

// IcarusGolden is work of block 171874, which is what such a board is known by:
// it finds IcarusGoldenNonce at once.
var IcarusGolden = IcarusWork{
	Mid:  [8]uint32{0xe48f544a, 0x9a3afa71, 0x45147113, 0x4df6c356, 0x82b40025, 0x4bfe0860, 0xc99876bf, 0x4679ba4e},
	Tail: [12]byte{0x2f, 0xa7, 0x22, 0xce, 0x14, 0x26, 0x67, 0x4f, 0x87, 0x32, 0x0b, 0x1a},
}

// IcarusGoldenNonce is the nonce of IcarusGolden as it comes.
var IcarusGoldenNonce = [4]byte{0x00, 0x01, 0x87, 0xa2}

// Append appends the packet of w: the words of the midstate, the last one first
// and each most significant byte first; zeros, the id; and the words of the tail,
// the last one first.
func (w *IcarusWork) Append(dst []byte) []byte {
	for i := range w.Mid {
		dst = binary.BigEndian.AppendUint32(dst, w.Mid[len(w.Mid)-1-i])
	}
	dst = append(dst, make([]byte, icarusZeros)...)
	dst = append(dst, w.ID)
	return appendWords(dst, w.Tail[:])
}

// ParseIcarusWork reads a whole packet as Append makes it, and refuses every
// other.
func ParseIcarusWork(b []byte) (IcarusWork, error) {
	var w IcarusWork
	if len(b) != IcarusSize {
		return w, fmt.Errorf("work of %d bytes: %w", len(b), errLength)
	}
	for i := range w.Mid {
		w.Mid[len(w.Mid)-1-i] = binary.BigEndian.Uint32(b[4*i:])
	}
	for i, x := range b[32 : 32+icarusZeros] {
		if x != 0 {
			return w, fmt.Errorf("work with %02x at %d, where nothing belongs", x, 32+i)
		}
	}
	if w.ID = b[32+icarusZeros]; w.ID > IcarusMostID {
		return w, fmt.Errorf("work with id %02x: at most %02x", w.ID, IcarusMostID)
	}
	appendWords(w.Tail[:0], b[IcarusSize-12:])
	return w, nil
}

// IcarusClockSize is the length of the command that sets an Antminer's clock.
const IcarusClockSize = 4

// IcarusClock is the command that sets the clock of all chips of an Antminer U1,
// U2 or U3, by a word of ClockWord1380 or ClockWord. The five bits that it ends
// with are the CRC5 of those before.
func IcarusClock(word uint16) []byte {
	b := []byte{0x82, byte(word >> 8), byte(word), 0}
	b[3] = CRC5(b, 27)
	return b
}

// ParseIcarusClock is the inverse of IcarusClock.
func ParseIcarusClock(b []byte) (word uint16, err error) {
	if len(b) != IcarusClockSize || b[0] != 0x82 {
		return 0, fmt.Errorf("% x is no command for the clock: %w", b[:min(len(b), 16)], errLength)
	}
	if b[3] != CRC5(b, 27) {
		return 0, fmt.Errorf("command % x: %w", b, errCRC)
	}
	return binary.BigEndian.Uint16(b[1:]), nil
}
