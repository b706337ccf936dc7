package v1

import (
	"encoding/binary"
	"math/bits"
	"strconv"

	"gominer/hasher"
)

// Notify is mining.notify: a job. The coinbase transaction is Coinb1,
// extranonce1, extranonce2 and Coinb2 put together; the codec does not look
// inside.
type Notify struct {
	ID       ID
	JobID    string
	PrevHash hasher.Hash // wire order, as in the header; see swapWords
	Coinb1   []byte
	Coinb2   []byte
	Branch   []hasher.Hash // merkle path, leaf to root, wire order
	Version  uint32        // header version
	Bits     hasher.Bits   // network target; expands to a target above 0
	NTime    uint32        // Unix seconds
	Clean    bool          // work on earlier jobs is worthless
}

// Method returns "mining.notify".
func (*Notify) Method() string { return "mining.notify" }

func (m *Notify) ident() ID { return m.ID }

func (m *Notify) decode(p *params) {
	m.JobID = p.jobID(p.next())
	m.PrevHash = swapWords(p.hash("prevhash", p.next()))
	m.Coinb1 = p.coinbasePart("coinb1", p.next())
	m.Coinb2 = p.coinbasePart("coinb2", p.next())
	m.Branch = p.branch(p.next())
	m.Version = p.hex32("version", p.next())
	nbits := p.next()
	m.Bits = hasher.Bits(p.hex32("nbits", nbits))
	if _, err := m.Bits.Target(); err != nil {
		p.fail("nbits", nbits, "a target above 0 and below 2^256 in compact form")
	}
	m.NTime = p.hex32("ntime", p.next())
	m.Clean = p.bool("clean jobs", p.next())
}

func (p *params) coinbasePart(field string, raw []byte) []byte {
	part := p.hexAny(field, raw)
	if len(part) > p.limits.Coinbase {
		p.over(field, "coinbase part", p.limits.Coinbase)
		return nil
	}
	return part
}

func (p *params) branch(raw []byte) []hasher.Hash {
	if p.err != nil {
		return nil
	}
	w := p.array("merkle branch", raw, "an array of hashes")
	hashes := make([]hasher.Hash, 0, min(len(raw)/hashJSON, p.limits.Branch))
	for w.more() {
		if len(hashes) == p.limits.Branch {
			p.over("merkle branch", "merkle branch", p.limits.Branch)
			return nil
		}
		hashes = append(hashes, p.hash("merkle branch", w.value()))
	}
	if p.err != nil {
		return nil
	}
	return hashes
}

const hashJSON = 2 + 64 // bytes of a hash in quotes

// swapWords turns the previous hash from the order of mining.notify into that of
// the header, and back: each of the eight 4-byte words has its bytes reversed.
// The previous hash of block 277647 is
//
//	8579e6537c226798…c86826ab0000000000000000 in mining.notify,
//	53e679859867227c…ab2668c80000000000000000 in the header,
//	0000000000000000c86826ab…7c2267988579e653 as explorers show it.
func swapWords(h hasher.Hash) hasher.Hash {
	for i := 0; i < len(h); i += 4 {
		binary.LittleEndian.PutUint32(h[i:], bits.ReverseBytes32(binary.LittleEndian.Uint32(h[i:])))
	}
	return h
}

func (m *Notify) append(b []byte) ([]byte, error) {
	b = appendCall(b, m.ID, m.Method())
	b = appendString(b, m.JobID)
	prev := swapWords(m.PrevHash)
	b = appendHex(append(b, ','), prev[:])
	b = appendHex(append(b, ','), m.Coinb1)
	b = appendHex(append(b, ','), m.Coinb2)
	b = append(b, ",["...)
	for i := range m.Branch {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendHex(b, m.Branch[i][:])
	}
	b = appendHex32(append(b, "],"...), m.Version)
	b = appendHex32(append(b, ','), uint32(m.Bits))
	b = appendHex32(append(b, ','), m.NTime)
	b = strconv.AppendBool(append(b, ','), m.Clean)
	return append(b, "]}"...), nil
}
