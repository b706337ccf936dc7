// Package chain serializes what a miner of its own blocks needs: transactions,
// the coinbase with its extranonce space, the witness commitment, the merkle
// path, the block, and the output script of an address. It decodes coinbases for
// people to read. It does not validate scripts, signatures or consensus rules,
// and knows neither wallets nor peers.
//
// Specifications: BIP34 (height in the coinbase), BIP141 and BIP144 (witness),
// BIP173 and BIP350 (bech32, bech32m), BIP54 (the coinbase's lock time).
package chain

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// appendVarInt appends n in Bitcoin's variable-length form.
func appendVarInt(b []byte, n uint64) []byte {
	switch {
	case n < 0xfd:
		return append(b, byte(n))
	case n <= 0xffff:
		return binary.LittleEndian.AppendUint16(append(b, 0xfd), uint16(n))
	case n <= 0xffffffff:
		return binary.LittleEndian.AppendUint32(append(b, 0xfe), uint32(n))
	}
	return binary.LittleEndian.AppendUint64(append(b, 0xff), n)
}

// appendBytes appends p with its length before it.
func appendBytes(b, p []byte) []byte {
	return append(appendVarInt(b, uint64(len(p))), p...)
}

// reader takes a serialization apart. The first error sticks, and everything
// read after it is zero, so that a decoder checks once.
type reader struct {
	buf []byte // what is left
	off int    // bytes taken so far
	err error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("byte %d: %w", r.off, fmt.Errorf(format, args...))
		r.buf = nil
	}
}

// take returns the next n bytes, which share memory with the input.
func (r *reader) take(n int) []byte {
	if r.err == nil && n > len(r.buf) {
		r.fail("%d bytes wanted, %d left: %w", n, len(r.buf), io.ErrUnexpectedEOF)
	}
	if r.err != nil {
		return nil
	}
	p := r.buf[:n:n]
	r.buf, r.off = r.buf[n:], r.off+n
	return p
}

func (r *reader) uint32() uint32 {
	if p := r.take(4); p != nil {
		return binary.LittleEndian.Uint32(p)
	}
	return 0
}

func (r *reader) uint64() uint64 {
	if p := r.take(8); p != nil {
		return binary.LittleEndian.Uint64(p)
	}
	return 0
}

var errVarInt = errors.New("length is not in its shortest form")

func (r *reader) varInt() uint64 {
	p := r.take(1)
	if p == nil {
		return 0
	}
	var n, least uint64
	switch p[0] {
	case 0xfd:
		if p = r.take(2); p != nil {
			n = uint64(binary.LittleEndian.Uint16(p))
		}
		least = 0xfd
	case 0xfe:
		n, least = uint64(r.uint32()), 0x10000
	case 0xff:
		n, least = r.uint64(), 0x100000000
	default:
		return uint64(p[0])
	}
	if r.err == nil && n < least {
		r.fail("%w", errVarInt)
		return 0
	}
	return n
}

// count reads the number of elements that follow, each of at least size bytes:
// more than the rest of the input can hold is refused before anything is
// allocated.
func (r *reader) count(what string, size int) int {
	n := r.varInt()
	if r.err == nil && n > uint64(len(r.buf)/size) {
		r.fail("%d %s cannot fit in %d bytes", n, what, len(r.buf))
		return 0
	}
	return int(n)
}

// bytes reads a length and that many bytes.
func (r *reader) bytes(what string) []byte {
	return r.take(r.count(what, 1))
}
