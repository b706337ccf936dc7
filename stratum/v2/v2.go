// Package v2 is the Stratum V2 frame codec: every message of the common, mining,
// job declaration and template distribution protocols, those of the extension
// that negotiates extensions (0x0001), and the field that the extension for
// workers' hash rates (0x0002) adds, in both roles. Conn reads and writes them
// over any io.ReadWriter, a connection of stratum/noise or a plain one; Parse
// and Append do the same for a single frame. Each message has a type of its own
// with the specification's name, without the dot.
//
// The layout of a message stands once, in its method fields, for reading and for
// writing. The package holds no state beyond the frame buffer, starts no
// goroutine and has no policy: which message may come when, from whom and with
// what answer is the caller's. What it implements is the Stratum V2
// specification as of August 2026, sections 3 and 5 to 9.
//
// # What is taken
//
// Strictly: lengths and counts that the payload does not have room for, byte
// strings above their type's length, an OPTION of two values, a hash rate that
// is negative or no number. Leniently: the channel bit of a message, which has
// changed over time; the upper bits of a BOOL; bytes behind the last field,
// which only an extension could have put there. What has an unknown type comes
// as an Unknown.
//
// # Errors
//
// An error of Read or Parse is one of two kinds. A *FieldError says that a field
// of the message is wrong: the message is lost, the frame was whole, and reading
// can go on. A *LimitError says that a frame is larger than its message can be,
// or than the reader wants: nothing of it is read, and the connection is over.
package v2

import (
	"encoding/binary"
	"fmt"
)

// Version is the protocol version that SetupConnection offers.
const Version = 2

// Message is one frame: a pointer to one of the message types of this package.
type Message interface {
	// Type says which message it is.
	Type() Type
	// fields reads or writes the payload, field by field.
	fields(c *coder)
}

// Sizes of a frame: extension type U16, message type U8, length U24 (§3.2).
const (
	headerSize = 2 + 1 + 3
	channelBit = 0x8000 // of the extension type: the payload begins with a channel id

	// MaxPayload is the longest payload that a header can tell, in bytes.
	MaxPayload = 1<<24 - 1

	// DefaultPayload is the cap of a Conn that names none, in bytes. It has room
	// for every mining message and every template. The transactions of a block
	// need more: DeclareMiningJob, and the answers with transaction lists.
	DefaultPayload = 512 << 10

	// trailing is how many bytes behind the last field are put up with.
	trailing = 1 << 10
)

// header is the start of a frame.
type header struct {
	typ     Type
	channel bool
	length  int
}

func parseHeader(b []byte) header {
	ext := binary.LittleEndian.Uint16(b)
	return header{
		typ:     typeOf(ext&^channelBit, b[2]),
		channel: ext&channelBit != 0,
		length:  int(b[3]) | int(b[4])<<8 | int(b[5])<<16,
	}
}

// check returns a *LimitError if the payload is longer than limit or than the
// message can be.
func (h header) check(limit int) error {
	if k, ok := kinds[h.typ]; ok {
		limit = min(limit, k.max+trailing)
	}
	if h.length > limit {
		return &LimitError{Type: h.typ, Size: h.length, Max: limit}
	}
	return nil
}

// message reads the payload of a frame. The message keeps nothing of it.
func (c *coder) message(h header, payload []byte) (Message, error) {
	var m Message
	if k, ok := kinds[h.typ]; ok {
		m = k.empty()
	} else {
		m = &Unknown{Extension: h.typ.Extension(), Channel: h.channel, MsgType: h.typ.MsgType()}
	}
	*c = coder{op: decoding, typ: h.typ, b: payload}
	if len(payload) >= 4 {
		c.id = binary.LittleEndian.Uint32(payload)
	}
	m.fields(c)
	if c.err != nil {
		return nil, c.err
	}
	return m, nil
}

// Parse reads one frame, header and payload. The message keeps nothing of frame.
// Besides the errors of Conn.Read there is one for a frame whose length is not
// what its header says.
func Parse(frame []byte) (Message, error) {
	if len(frame) < headerSize {
		return nil, fmt.Errorf("a frame of %d bytes: its header alone has %d", len(frame), headerSize)
	}
	h := parseHeader(frame)
	if err := h.check(MaxPayload); err != nil {
		return nil, err
	}
	if got := len(frame) - headerSize; got != h.length {
		return nil, fmt.Errorf("%v: the header announces %d bytes of payload, there are %d", h.typ, h.length, got)
	}
	return new(coder).message(h, frame[headerSize:])
}

// Append adds m to b as one frame and returns the longer slice. A message that
// cannot be written, for instance one with a name of 300 bytes, gives a
// *FieldError or a *LimitError, and b as it was.
func Append(b []byte, m Message) ([]byte, error) {
	return new(coder).frame(b, m)
}

// frame is Append with a coder that may be used again.
func (c *coder) frame(b []byte, m Message) ([]byte, error) {
	typ := m.Type()
	ext := typ.Extension()
	channel := kinds[typ].channel
	if u, ok := m.(*Unknown); ok {
		channel = u.Channel
	}
	if channel {
		ext |= channelBit
	}
	start := len(b)
	*c = coder{op: encoding, typ: typ, b: binary.LittleEndian.AppendUint16(b, ext)}
	c.b = append(c.b, typ.MsgType(), 0, 0, 0)
	m.fields(c)
	if c.err != nil {
		return b, c.err
	}
	n := len(c.b) - start - headerSize
	if n > MaxPayload {
		return b, &LimitError{Type: typ, Size: n, Max: MaxPayload}
	}
	c.b[start+3], c.b[start+4], c.b[start+5] = byte(n), byte(n>>8), byte(n>>16)
	return c.b, nil
}

// Unknown is a message whose type this package does not know: one of another
// extension, or one that the protocol has got since or has lost. The
// specification wants it ignored (§3.4.1), or forwarded by a proxy if Channel is
// set. Written, it may stand for anything.
type Unknown struct {
	Extension uint16 // below 0x8000
	Channel   bool   // the payload begins with the id of the channel that it is for
	MsgType   uint8
	Payload   []byte
}

// Type returns what m.Extension and m.MsgType say.
func (m *Unknown) Type() Type { return typeOf(m.Extension&^channelBit, m.MsgType) }

func (m *Unknown) fields(c *coder) {
	if m.Extension >= channelBit {
		c.fail("extension_type", "%#04x leaves no room for the channel bit", m.Extension)
	}
	c.rest(&m.Payload)
}
