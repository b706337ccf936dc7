package frame

import (
	"encoding/binary"
	"fmt"
)

// A frame to a BM1387 has no preamble: a type, the length of all of it, data and a
// checksum as on the later chips. Its replies have no preamble either, and 7
// bytes.
const reply1387 = 7

// Registers of the BM1387 that are not as on the later chips.
const (
	Reg1387PLL  = 0x0c // PLL.Word
	Reg1387Misc = 0x1c // Misc1387
)

// Misc1387 returns the value of register 1C that sets a BM1387's line to 25 MHz /
// 8 / (divider+1) baud, divider from 0 to 31. With gate it also stops the clock of
// blocks that are not needed.
func Misc1387(divider int, gate bool) uint32 {
	v := 0x00200000 | uint32(divider&0x1f)<<8
	if gate {
		v |= 0x40008080
	}
	return v
}

// types1387 are the types of commands by Op, to one chip and to all; 0: there is
// none.
var types1387 = [4][2]byte{
	SetAddress:    {0x41, 0},
	WriteRegister: {0x48, 0x58},
	ReadRegister:  {0x44, 0x54},
	Inactive:      {0x55, 0},
}

// Append1387 appends the frame of c for the BM1387.
func (c Command) Append1387(dst []byte) []byte {
	all := 0
	if c.All {
		all = 1
	}
	at := len(dst)
	dst = append(dst, types1387[c.Op&3][all], shortCommand, c.Addr, c.Reg)
	if c.Op == WriteRegister {
		dst[at+1] = longCommand
		dst = binary.BigEndian.AppendUint32(dst, c.Value)
	}
	body := dst[at:]
	return append(dst, CRC5(body, 8*len(body)))
}

// ParseCommand1387 reads a whole frame as Append1387 makes it, and refuses every
// other.
func ParseCommand1387(b []byte) (Command, error) {
	if len(b) != shortCommand && len(b) != longCommand || int(b[1]) != len(b) {
		return Command{}, fmt.Errorf("command of %d bytes: %w", len(b), errLength)
	}
	for op, types := range types1387 {
		for all, t := range types {
			if t == 0 || t != b[0] {
				continue
			}
			c := Command{Op: Op(op), All: all == 1, Addr: b[2], Reg: b[3]}
			if (c.Op == WriteRegister) != (len(b) == longCommand) {
				return Command{}, fmt.Errorf("command %02x of %d bytes: %w", b[0], len(b), errLength)
			}
			if c.Op == WriteRegister {
				c.Value = binary.BigEndian.Uint32(b[4:])
			}
			if body := b[:len(b)-1]; CRC5(body, 8*len(body)) != b[len(b)-1] {
				return Command{}, fmt.Errorf("command % x: %w", b, errCRC)
			}
			if c.All && c.Addr != 0 || (c.Op == SetAddress || c.Op == Inactive) && c.Reg != 0 {
				return Command{}, fmt.Errorf("command % x: an address or a register where none belongs", b)
			}
			return c, nil
		}
	}
	return Command{}, fmt.Errorf("command of unknown type %02x", b[0])
}

// Append1387 appends the frame of j for the BM1387.
func (j *MidstateJob) Append1387(dst []byte) []byte { return j.appendBody(dst) }

// ScanRequest1387 is ScanRequest for the BM1387.
func ScanRequest1387(b []byte) (r Request, n int, err error) {
	if len(b) < 2 {
		return r, 0, nil
	}
	n = int(b[1])
	if b[0] == typeJob {
		if n < midstateFrame || n > longestFrame-2 {
			return r, 1, fmt.Errorf("job with length %02x: %w", b[1], errLength)
		}
		if len(b) < n {
			return r, 0, nil
		}
		j, err := parseMidstateBody(b[:n])
		if err != nil {
			return r, 1, err
		}
		return Request{Midstate: &j}, n, nil
	}
	if n != shortCommand && n != longCommand {
		return r, 1, fmt.Errorf("%02x with length %02x: %w", b[0], b[1], errLength)
	}
	if len(b) < n {
		return r, 0, nil
	}
	c, err := ParseCommand1387(b[:n])
	if err != nil {
		return r, 1, err
	}
	return Request{Command: &c}, n, nil
}

// Append1387 appends r as a BM1387 says it. Of a nonce, Result is the id of the
// job and the index of the midstate in it added; of a register it does not say
// which.
func (r *Reply) Append1387(dst []byte) []byte {
	at := len(dst)
	end := byte(0)
	if r.IsNonce {
		dst = binary.LittleEndian.AppendUint32(dst, r.Nonce)
		dst = append(dst, 0, r.Result)
		end = 0x80
	} else {
		dst = binary.BigEndian.AppendUint32(dst, r.Value)
		dst = append(dst, 0, 0)
	}
	dst = append(dst, end)
	body := dst[at:]
	body[len(body)-1] |= CRC5(body, 8*len(body)-5)
	return dst
}

// ScanReply1387 is ScanReply for the BM1387, whose replies nothing marks but their
// checksums.
func ScanReply1387(b []byte) (r Reply, n int, ok bool) {
	if len(b) < reply1387 {
		return r, 0, false
	}
	b = b[:reply1387]
	end := b[reply1387-1]
	if end&0x60 != 0 || CRC5(b, 8*reply1387-5) != end&0x1f {
		return r, 1, false
	}
	if end&0x80 != 0 {
		return Reply{IsNonce: true, Nonce: binary.LittleEndian.Uint32(b), Result: b[5]}, reply1387, true
	}
	return Reply{Value: binary.BigEndian.Uint32(b)}, reply1387, true
}
