package frame

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// Reg1384PLL is the register of a BM1384's clock.
const Reg1384PLL = 0x04

// Commands of the BM1384: four bytes without a preamble, the last five bits of
// which are the CRC5 of those before.
const (
	command1384Size      = 4
	address1384          = 0x01
	readOne1384          = 0x04
	clock1384            = 0x82 // IcarusClock
	readAll1384          = 0x84
	inactive1384         = 0x85
	reply1384            = 5
	leastID1384     byte = 0x80 // what a nonce ends with: this and its work's id
	mostID1384      byte = 0x9f
)

// Append1384 appends the command for a BM1384. The only register that can be
// written is that of the clock, to all, with a word of ClockWord.
func (c Command) Append1384(dst []byte) []byte {
	at := len(dst)
	switch c.Op {
	case SetAddress:
		dst = append(dst, address1384, c.Addr, 0, 0)
	case WriteRegister:
		dst = append(dst, clock1384, byte(c.Value>>8), byte(c.Value), 0)
	case ReadRegister:
		cmd := byte(readOne1384)
		if c.All {
			cmd = readAll1384
		}
		dst = append(dst, cmd, c.Addr, c.Reg, 0)
	default:
		dst = append(dst, inactive1384, 0, 0, 0)
	}
	b := dst[at:]
	b[3] = CRC5(b, 27)
	return dst
}

// ParseCommand1384 is the inverse of Append1384.
func ParseCommand1384(b []byte) (Command, error) {
	if len(b) != command1384Size {
		return Command{}, fmt.Errorf("command of %d bytes: %w", len(b), errLength)
	}
	if b[3] != CRC5(b, 27) {
		return Command{}, fmt.Errorf("command % x: %w", b, errCRC)
	}
	switch {
	case b[0] == address1384 && b[2] == 0:
		return Command{Op: SetAddress, Addr: b[1]}, nil
	case b[0] == clock1384:
		return Command{Op: WriteRegister, All: true, Reg: Reg1384PLL, Value: uint32(binary.BigEndian.Uint16(b[1:]))}, nil
	case b[0] == readOne1384:
		return Command{Op: ReadRegister, Addr: b[1], Reg: b[2]}, nil
	case b[0] == readAll1384 && b[1] == 0:
		return Command{Op: ReadRegister, All: true, Reg: b[2]}, nil
	case b[0] == inactive1384 && b[1] == 0 && b[2] == 0:
		return Command{Op: Inactive}, nil
	}
	return Command{}, fmt.Errorf("command % x: what is it?", b)
}

// Work1384 is work for BM1384s: a packet as for the Icarus family, with how far
// each chip is to go and what it is to report. Ids are from 0 to 1F.
type Work1384 struct {
	IcarusWork
	Ticket int    // zero bits beyond 32 that a nonce's hash must have, at most 8
	HCN    uint32 // nonces that each chip tries
}

// Append appends the packet of w.
func (w *Work1384) Append(dst []byte) []byte {
	at := len(dst)
	dst = w.IcarusWork.Append(dst)
	b := dst[at:]
	b[39] = byte(1<<w.Ticket - 1)
	binary.BigEndian.PutUint32(b[40:], w.HCN)
	return dst
}

// ParseWork1384 is the inverse of Append.
func ParseWork1384(b []byte) (Work1384, error) {
	if len(b) != IcarusSize {
		return Work1384{}, fmt.Errorf("work of %d bytes: %w", len(b), errLength)
	}
	b = append([]byte(nil), b...)
	mask, hcn, id := b[39], binary.BigEndian.Uint32(b[40:]), b[51]
	if mask&(mask+1) != 0 {
		return Work1384{}, fmt.Errorf("work with the ticket mask %02x, which has a hole", mask)
	}
	if id > mostID1384-leastID1384 {
		return Work1384{}, fmt.Errorf("work with id %02x: at most %02x", id, mostID1384-leastID1384)
	}
	clear(b[39:44])
	b[51] = 0
	w, err := ParseIcarusWork(b)
	w.ID = id
	return Work1384{IcarusWork: w, Ticket: bits.Len8(mask), HCN: hcn}, err
}

// Append1384 appends r as a BM1384 says it. Of a nonce, Result is the id of the
// work; of a register it does not say which.
func (r *Reply) Append1384(dst []byte) []byte {
	if r.IsNonce {
		return append(binary.LittleEndian.AppendUint32(dst, r.Nonce), leastID1384|r.Result&0x1f)
	}
	at := len(dst)
	dst = append(binary.BigEndian.AppendUint32(dst, r.Value), 0)
	b := dst[at:]
	b[4] = CRC5(b, 8*reply1384-5)
	return dst
}

// ScanReply1384 is ScanReply for the BM1384, whose nonces have neither a preamble
// nor a checksum: what ends like one is one. It serves those that come after half
// of a reply badly; a pause tells them apart.
func ScanReply1384(b []byte) (r Reply, n int, ok bool) {
	if len(b) < reply1384 {
		return r, 0, false
	}
	b = b[:reply1384]
	switch end := b[4]; {
	case end >= leastID1384 && end <= mostID1384:
		return Reply{IsNonce: true, Nonce: binary.LittleEndian.Uint32(b), Result: end & 0x1f}, reply1384, true
	case end <= 0x1f && CRC5(b, 8*reply1384-5) == end:
		return Reply{Value: binary.BigEndian.Uint32(b)}, reply1384, true
	}
	return r, 1, false
}
