package stratum

import (
	"bytes"
	"encoding/binary"
)

// heightOf returns the height that BIP34 puts at the start of the coinbase's
// script, 0 if none can be read there. coinb1 is the start of the coinbase
// transaction, version the header's.
func heightOf(coinb1 []byte, version uint32) uint32 {
	// Transaction version, one input, the null outpoint.
	const input = 4 + 1 + 32 + 4
	if version < 2 || len(coinb1) < input+2 {
		return 0
	}
	outpoint := coinb1[4:input]
	if outpoint[0] != 1 || !bytes.Equal(outpoint[1:], nullOutpoint[:]) {
		return 0
	}
	// The script has at most 100 bytes, so its length is one byte.
	size, script := coinb1[input], coinb1[input+1:]
	if int(size) < len(script) {
		script = script[:size]
	}
	if len(script) == 0 {
		return 0
	}
	push, rest := script[0], script[1:]
	if 0x51 <= push && push <= 0x60 { // OP_1 … OP_16
		return uint32(push) - 0x50
	}
	if push < 1 || push > 4 || int(push) > len(rest) {
		return 0
	}
	var le [4]byte
	copy(le[:], rest[:push])
	if rest[push-1]&0x80 != 0 { // the sign
		return 0
	}
	return binary.LittleEndian.Uint32(le[:])
}

var nullOutpoint = [36]byte{32: 0xff, 33: 0xff, 34: 0xff, 35: 0xff}
