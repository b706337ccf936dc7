// Package frame has the bytes that hosts and ASICs exchange over a serial line:
// the 64-byte packets of the Icarus family and the BM1384, and the frames of the
// BM1387, BM1397, BM1362, BM1366, BM1368 and BM1370, in both directions, with
// their checksums, clock dividers and ticket masks. It does no I/O and keeps no
// time; what to send when is the driver's.
//
// The makers publish nothing. What stands here follows the sources that drive
// such hardware and captures of their lines, and is held to them by the vectors
// in the tests.
package frame

// CRC5 returns the CRC with the polynomial x⁵+x²+1 and the initial value 1F of
// the first n bits of b, the most significant bit of each byte first; nothing is
// reflected or inverted. Bits beyond b do not count.
func CRC5(b []byte, n int) byte {
	crc := byte(0x1f)
	for i := range min(n, 8*len(b)) {
		bit := crc>>4 ^ b[i/8]>>(7-i%8)&1
		crc = (crc<<1 | bit) ^ bit<<2
		crc &= 0x1f
	}
	return crc
}

// CRC16 returns the CRC with the polynomial 1021 and the initial value FFFF of b,
// known as CCITT-FALSE: nothing is reflected or inverted.
func CRC16(b []byte) uint16 {
	crc := uint16(0xffff)
	for _, x := range b {
		crc ^= uint16(x) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}
