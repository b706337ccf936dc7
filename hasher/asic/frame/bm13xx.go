package frame

import (
	"encoding/binary"
	"errors"
	"fmt"

	"gominer/hasher"
)

// A frame to BM1397, BM1362, BM1366, BM1368 and BM1370 is 55 AA, a type, a
// length, data and a checksum: CRC5 in a byte of its own for commands, CRC16,
// most significant byte first, for jobs. Both are over what stands between the
// preamble and them. The length counts all but the preamble.
const (
	typeCommand   = 0x40 // | typeAll | Op
	typeAll       = 0x10
	typeJob       = 0x21
	shortCommand  = 5  // type, length, address, register or 0, CRC5
	longCommand   = 9  // the same with a value of 4 bytes
	jobFrame      = 88 // a whole header: 2 + 1 + 1 + 82 + 2
	midstateFrame = 54 // one midstate, without preamble: 1 + 1 + 1 + 1 + 4 + 12 + 32 + 2
	mostMidstates = 4
	longestFrame  = 2 + midstateFrame + 32*(mostMidstates-1)
)

// Versions is register A4: the chip rolls those of the header version's bits 28
// to 13 that the mask has, and answers in frames of 11 bytes from then on. Other
// bits of the mask are not rolled.
func Versions(mask uint32) uint32 { return 0x90000000 | mask>>13&0xffff }

// Append appends the frame of c for the BM1397 and later.
func (c Command) Append(dst []byte) []byte {
	typ := typeCommand | byte(c.Op)
	if c.All || c.Op == Inactive {
		typ |= typeAll
	}
	at := len(dst)
	dst = append(dst, 0x55, 0xaa, typ, shortCommand, c.Addr, c.Reg)
	if c.Op == WriteRegister {
		dst[at+3] = longCommand
		dst = binary.BigEndian.AppendUint32(dst, c.Value)
	}
	body := dst[at+2:]
	return append(dst, CRC5(body, 8*len(body)))
}

// Errors of frames that are cut out of a stream.
var (
	errLength = errors.New("length does not fit the type")
	errCRC    = errors.New("wrong checksum")
)

// ParseCommand reads a whole frame as Append makes it. It refuses every other:
// an unknown type, a length that is not the type's, a wrong checksum, and an
// address or register where none belongs.
func ParseCommand(b []byte) (Command, error) {
	if len(b) < 2+shortCommand || b[0] != 0x55 || b[1] != 0xaa {
		return Command{}, fmt.Errorf("command of %d bytes: %w", len(b), errLength)
	}
	c := Command{Op: Op(b[2] & 0x0f), All: b[2]&typeAll != 0, Addr: b[4], Reg: b[5]}
	want := shortCommand
	switch b[2] {
	case typeCommand | byte(WriteRegister), typeCommand | typeAll | byte(WriteRegister):
		want = longCommand
	case typeCommand | byte(ReadRegister), typeCommand | typeAll | byte(ReadRegister):
	case typeCommand | byte(SetAddress), typeCommand | typeAll | byte(Inactive):
	default:
		return Command{}, fmt.Errorf("command of unknown type %02x", b[2])
	}
	if len(b) != 2+want || int(b[3]) != want {
		return Command{}, fmt.Errorf("command %02x of %d bytes with length %02x: %w", b[2], len(b), b[3], errLength)
	}
	if body := b[2 : len(b)-1]; CRC5(body, 8*len(body)) != b[len(b)-1] {
		return Command{}, fmt.Errorf("command % x: %w", b, errCRC)
	}
	if c.All && c.Addr != 0 || (c.Op == SetAddress || c.Op == Inactive) && c.Reg != 0 {
		return Command{}, fmt.Errorf("command % x: an address or a register where none belongs", b)
	}
	if c.Op == Inactive {
		c.All = false // it always is to all
	}
	if want == longCommand {
		c.Value = binary.BigEndian.Uint32(b[6:])
	}
	return c, nil
}

// Job is what the BM1362 and later hash: a whole header, of which they roll the
// nonce and, by register A4, the version.
type Job struct {
	ID     byte          // its lower bits are lost on the way: Chip.Job
	Header hasher.Header // the nonce is 0: where the chips begin is their affair
}

// Append appends the frame of j.
func (j *Job) Append(dst []byte) []byte {
	at := len(dst)
	h := &j.Header
	dst = append(dst, 0x55, 0xaa, typeJob, jobFrame-2, j.ID, 1, 0, 0, 0, 0)
	dst = append(dst, h[72:76]...)
	dst = append(dst, h[68:72]...)
	dst = appendWords(dst, h[36:68])
	dst = appendWords(dst, h[4:36])
	dst = append(dst, h[0:4]...)
	return binary.BigEndian.AppendUint16(dst, CRC16(dst[at+2:]))
}

// appendWords appends b's words of four bytes in reverse order.
func appendWords(dst, b []byte) []byte {
	for i := len(b) - 4; i >= 0; i -= 4 {
		dst = append(dst, b[i:i+4]...)
	}
	return dst
}

// ParseJob reads a whole frame. Besides its own length byte it takes the two that
// other hosts send, 36 and FF, and a count of midstates of 0, as chips do.
func ParseJob(b []byte) (Job, error) {
	var j Job
	if len(b) != jobFrame || b[0] != 0x55 || b[1] != 0xaa || b[2] != typeJob {
		return j, fmt.Errorf("job of %d bytes: %w", len(b), errLength)
	}
	if b[3] != jobFrame-2 && b[3] != 0x36 && b[3] != 0xff {
		return j, fmt.Errorf("job with length %02x: %w", b[3], errLength)
	}
	if CRC16(b[2:jobFrame-2]) != binary.BigEndian.Uint16(b[jobFrame-2:]) {
		return j, fmt.Errorf("job %02x: %w", b[4], errCRC)
	}
	if b[5] > 1 || binary.BigEndian.Uint32(b[6:]) != 0 {
		return j, fmt.Errorf("job %02x with %d midstates and first nonce % x", b[4], b[5], b[6:10])
	}
	j.ID = b[4]
	h := &j.Header
	copy(h[0:4], b[82:86])
	appendWords(h[4:4], b[50:82])
	appendWords(h[36:36], b[18:50])
	copy(h[68:72], b[14:18])
	copy(h[72:76], b[10:14])
	return j, nil
}

// MidstateJob is what the BM1397 and the BM1387 hash: the end of a header, and
// for each version the state of SHA-256 after the header's first block.
type MidstateJob struct {
	ID   byte        // of the first midstate; the others answer with the ids after it
	Tail [12]byte    // header bytes 64-75
	Mid  [][8]uint32 // 1 to 4
}

// Append appends the frame of j for the BM1397.
func (j *MidstateJob) Append(dst []byte) []byte {
	return j.appendBody(append(dst, 0x55, 0xaa))
}

// appendBody appends the frame without a preamble, as the BM1387 takes it.
func (j *MidstateJob) appendBody(dst []byte) []byte {
	at := len(dst)
	dst = append(dst, typeJob, byte(midstateFrame+32*(len(j.Mid)-1)), j.ID, byte(len(j.Mid)), 0, 0, 0, 0)
	dst = appendWords(dst, j.Tail[:])
	for _, mid := range j.Mid {
		for i := range mid {
			dst = binary.BigEndian.AppendUint32(dst, mid[len(mid)-1-i])
		}
	}
	return binary.BigEndian.AppendUint16(dst, CRC16(dst[at:]))
}

// ParseMidstateJob reads a whole frame as Append makes it.
func ParseMidstateJob(b []byte) (MidstateJob, error) {
	if len(b) < 2 || b[0] != 0x55 || b[1] != 0xaa {
		return MidstateJob{}, fmt.Errorf("job of %d bytes: %w", len(b), errLength)
	}
	return parseMidstateBody(b[2:])
}

func parseMidstateBody(b []byte) (MidstateJob, error) {
	var j MidstateJob
	if len(b) < midstateFrame || b[0] != typeJob || int(b[1]) != len(b) {
		return j, fmt.Errorf("job of %d bytes: %w", len(b), errLength)
	}
	n := int(b[3])
	if n < 1 || n > mostMidstates || len(b) != midstateFrame+32*(n-1) {
		return j, fmt.Errorf("job of %d bytes with %d midstates: %w", len(b), n, errLength)
	}
	if CRC16(b[:len(b)-2]) != binary.BigEndian.Uint16(b[len(b)-2:]) {
		return j, fmt.Errorf("job %02x: %w", b[2], errCRC)
	}
	if binary.BigEndian.Uint32(b[4:]) != 0 {
		return j, fmt.Errorf("job %02x with first nonce % x", b[2], b[4:8])
	}
	j.ID = b[2]
	appendWords(j.Tail[:0], b[8:20])
	for i := range n {
		var mid [8]uint32
		for k := range mid {
			mid[len(mid)-1-k] = binary.BigEndian.Uint32(b[20+32*i+4*k:])
		}
		j.Mid = append(j.Mid, mid)
	}
	return j, nil
}
