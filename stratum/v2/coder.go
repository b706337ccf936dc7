package v2

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"gominer/hasher"
)

// coder goes over the fields of a message in order, to one of three ends. After
// the first error it does nothing more.
type coder struct {
	op    op
	typ   Type
	b     []byte // decoding: what is left; encoding: what is written
	owned bool   // decoding: b is a copy that the message may keep
	size  int    // measuring: bytes that the fields have at most
	id    uint32 // decoding: what the payload begins with
	err   error  // a *FieldError
}

type op uint8

const (
	decoding op = iota
	encoding
	measuring
)

func (c *coder) fail(field, format string, args ...any) {
	if c.err == nil {
		c.err = &FieldError{Type: c.typ, ID: c.id, Field: field, Reason: fmt.Sprintf(format, args...)}
	}
}

// take returns the next n bytes of the payload, or nil if there are fewer.
func (c *coder) take(field string, n int) []byte {
	if c.err == nil && n > len(c.b) {
		c.fail(field, "it has %d bytes, the payload ends after %d", n, len(c.b))
	}
	if c.err != nil {
		return nil
	}
	p := c.b[:n:n]
	c.b = c.b[n:]
	return p
}

// own makes what is taken from now on the message's to keep. All of a message's
// byte strings share one copy of the payload.
func (c *coder) own() {
	if !c.owned && c.err == nil {
		c.b, c.owned = slices.Clone(c.b), true
	}
}

func (c *coder) u8(field string, v *uint8) {
	switch c.op {
	case decoding:
		if p := c.take(field, 1); p != nil {
			*v = p[0]
		}
	case encoding:
		c.b = append(c.b, *v)
	case measuring:
		c.size++
	}
}

func (c *coder) u16(field string, v *uint16) {
	switch c.op {
	case decoding:
		if p := c.take(field, 2); p != nil {
			*v = binary.LittleEndian.Uint16(p)
		}
	case encoding:
		c.b = binary.LittleEndian.AppendUint16(c.b, *v)
	case measuring:
		c.size += 2
	}
}

func (c *coder) u32(field string, v *uint32) {
	switch c.op {
	case decoding:
		if p := c.take(field, 4); p != nil {
			*v = binary.LittleEndian.Uint32(p)
		}
	case encoding:
		c.b = binary.LittleEndian.AppendUint32(c.b, *v)
	case measuring:
		c.size += 4
	}
}

func (c *coder) u64(field string, v *uint64) {
	switch c.op {
	case decoding:
		if p := c.take(field, 8); p != nil {
			*v = binary.LittleEndian.Uint64(p)
		}
	case encoding:
		c.b = binary.LittleEndian.AppendUint64(c.b, *v)
	case measuring:
		c.size += 8
	}
}

// boolean is BOOL: the lowest bit counts, the others are no one's business.
func (c *coder) boolean(field string, v *bool) {
	var b uint8
	if *v {
		b = 1
	}
	c.u8(field, &b)
	*v = b&1 != 0
}

// rate is an F32 that is a hash rate.
func (c *coder) rate(field string, v *float32) {
	bits := math.Float32bits(*v)
	c.u32(field, &bits)
	if f := math.Float32frombits(bits); c.err == nil {
		if !(f >= 0) || math.IsInf(float64(f), 1) {
			c.fail(field, "%v is no hash rate", f)
			return
		}
		*v = f
	}
}

// optionalU32 is OPTION[U32]. Without a value none is true.
func (c *coder) optionalU32(field string, none *bool, v *uint32) {
	if c.op == measuring {
		c.size += 1 + 4
		return
	}
	var count uint8 = 1
	if *none {
		count = 0
	}
	c.u8(field, &count)
	switch {
	case c.err != nil:
	case count > 1:
		c.fail(field, "an option holds %d values", count)
	case count == 1:
		*none = false
		c.u32(field, v)
	default:
		*none, *v = true, 0
	}
}

// u256 is 32 bytes: a hash in wire order, or a target, whose number is
// little-endian.
func (c *coder) u256(field string, v *[32]byte) {
	switch c.op {
	case decoding:
		if p := c.take(field, 32); p != nil {
			copy(v[:], p)
		}
	case encoding:
		c.b = append(c.b, v[:]...)
	case measuring:
		c.size += 32
	}
}

func (c *coder) hash(field string, v *hasher.Hash)     { c.u256(field, (*[32]byte)(v)) }
func (c *coder) target(field string, v *hasher.Target) { c.u256(field, (*[32]byte)(v)) }
func (c *coder) bits(field string, v *hasher.Bits)     { c.u32(field, (*uint32)(v)) }

// Lengths of what has a length in front.
const (
	max8  = 1<<8 - 1
	max16 = 1<<16 - 1
	max24 = 1<<24 - 1
)

// count is a length or a number of elements, at most most, in as many bytes as
// the largest possible needs.
func (c *coder) count(field string, n, most, unit int, things string) int {
	width := 1
	if most > max8 {
		width++
	}
	if most > max16 {
		width++
	}
	switch c.op {
	case measuring:
		c.size += width
		return 0
	case decoding:
		n = 0
		for i, v := range c.take(field, width) {
			n |= int(v) << (8 * i)
		}
		if c.err == nil && n <= most && n*unit > len(c.b) {
			c.fail(field, "%d %s, and the payload ends after %d bytes", n, things, len(c.b))
		}
	case encoding:
		for i := range width {
			c.b = append(c.b, byte(n>>(8*i)))
		}
	}
	if n > most {
		c.fail(field, "%d %s, at most %d fit", n, things, most)
	}
	if c.err != nil {
		return 0
	}
	return n
}

// blob is B0_32, B0_255, B0_64K or B0_16M: up to most bytes.
func (c *coder) blob(field string, v *[]byte, most int) {
	n := c.count(field, len(*v), most, 1, "bytes")
	switch c.op {
	case decoding:
		*v = nil
		if n > 0 {
			c.own()
			*v = c.take(field, n)
		}
	case encoding:
		if c.err == nil {
			c.b = append(c.b, *v...)
		}
	case measuring:
		c.size += most
	}
}

// text is STR0_255.
func (c *coder) text(field string, v *string) {
	n := c.count(field, len(*v), max8, 1, "bytes")
	switch c.op {
	case decoding:
		*v = string(c.take(field, n))
	case encoding:
		if c.err == nil {
			c.b = append(c.b, *v...)
		}
	case measuring:
		c.size += max8
	}
}

// hashes is a sequence of up to most U256.
func (c *coder) hashes(field string, v *[]hasher.Hash, most int) {
	n := c.count(field, len(*v), most, 32, "hashes")
	switch c.op {
	case decoding:
		*v = nil
		if n > 0 {
			*v = make([]hasher.Hash, n)
		}
	case measuring:
		c.size += most * 32
	}
	for i := range n {
		c.hash(field, &(*v)[i])
	}
}

// u16s is SEQ0_64K[U16].
func (c *coder) u16s(field string, v *[]uint16) {
	n := c.count(field, len(*v), max16, 2, "numbers")
	switch c.op {
	case decoding:
		*v = nil
		if n > 0 {
			*v = make([]uint16, n)
		}
	case measuring:
		c.size += max16 * 2
	}
	for i := range n {
		c.u16(field, &(*v)[i])
	}
}

// u32s is SEQ0_64K[U32].
func (c *coder) u32s(field string, v *[]uint32) {
	n := c.count(field, len(*v), max16, 4, "numbers")
	switch c.op {
	case decoding:
		*v = nil
		if n > 0 {
			*v = make([]uint32, n)
		}
	case measuring:
		c.size += max16 * 4
	}
	for i := range n {
		c.u32(field, &(*v)[i])
	}
}

// blobs is SEQ0_64K[B0_16M]. Each has a length of three bytes, if nothing else.
func (c *coder) blobs(field string, v *[][]byte) {
	n := c.count(field, len(*v), max16, 3, "transactions")
	switch c.op {
	case decoding:
		*v = nil
		if n > 0 {
			*v = make([][]byte, n)
		}
	case measuring:
		c.size += max16 * 3 // and whatever fits into a frame
		c.size += MaxPayload
	}
	for i := range n {
		c.blob(field, &(*v)[i], max24)
	}
}

// rest is whatever stands behind the last field.
func (c *coder) rest(v *[]byte) {
	switch c.op {
	case decoding:
		*v = nil
		if len(c.b) > 0 && c.err == nil {
			c.own()
			*v, c.b = c.b, nil
		}
	case encoding:
		c.b = append(c.b, *v...)
	}
}
