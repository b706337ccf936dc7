package frame

import "encoding/binary"

// A reply of the BM1397 and later is AA 55, a body and one byte with the type in
// its upper three bits and CRC5 in the rest; the CRC is over the body and the
// type. It has 9 bytes from a BM1397, and from any chip before its register A4 is
// written, else 11.
const (
	shortReply = 9
	longReply  = 11

	replyRegister = 0 // types
	replyNonce    = 4
)

// Reply is what a chip says: the value of a register that was read, or a nonce.
type Reply struct {
	IsNonce bool

	// Of a register.
	Value uint32
	Addr  byte // of the chip
	Reg   byte

	// Of a nonce.
	Nonce   uint32 // as in the header: bytes 76-79 little-endian
	Excess  byte   // of the hash's zero bits over what the ticket mask asks, twice their number
	Result  byte   // Chip.Job
	Version uint16 // to be ORed into the header's version, 13 bits up; 0 in the short form
}

// Append appends the frame of r, in the form of 11 bytes if long is set.
func (r *Reply) Append(dst []byte, long bool) []byte {
	at := len(dst)
	typ := byte(replyRegister)
	dst = append(dst, 0xaa, 0x55)
	if r.IsNonce {
		typ = replyNonce
		dst = binary.LittleEndian.AppendUint32(dst, r.Nonce)
		dst = append(dst, r.Excess, r.Result)
	} else {
		dst = binary.BigEndian.AppendUint32(dst, r.Value)
		dst = append(dst, r.Addr, r.Reg)
	}
	if long {
		dst = binary.BigEndian.AppendUint16(dst, r.Version)
	}
	dst = append(dst, typ<<5)
	body := dst[at+2:]
	body[len(body)-1] |= CRC5(body, 8*len(body)-5)
	return dst
}

// parseReply reads a frame of either length; what is none gives false.
func parseReply(b []byte) (r Reply, ok bool) {
	end := b[len(b)-1]
	if CRC5(b[2:], 8*len(b)-16-5) != end&0x1f {
		return r, false
	}
	if len(b) == longReply {
		r.Version = binary.BigEndian.Uint16(b[8:])
	}
	switch end >> 5 {
	case replyNonce:
		r.IsNonce = true
		r.Nonce = binary.LittleEndian.Uint32(b[2:])
		r.Excess, r.Result = b[6], b[7]
		return r, true
	case replyRegister:
		r.Value = binary.BigEndian.Uint32(b[2:])
		r.Addr, r.Reg = b[6], b[7]
		return r, r.Version == 0
	}
	return r, false
}

// ScanReply looks for the first reply in what chips have sent, with long for one
// of 11 bytes. It returns how many bytes it is done with: those of the reply if
// ok, else of what is no reply, and none if it needs more bytes. It finds its way
// back into the stream after noise and lost bytes.
func ScanReply(b []byte, long bool) (r Reply, n int, ok bool) {
	if n := preamble(b, 0xaa, 0x55); n > 0 {
		return r, n, false
	}
	size := shortReply
	if long {
		size = longReply
	}
	if len(b) < size {
		return r, 0, false
	}
	if r, ok = parseReply(b[:size]); ok {
		return r, size, true
	}
	// What follows may well have a preamble in it.
	return Reply{}, 1, false
}
