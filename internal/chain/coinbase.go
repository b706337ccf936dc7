package chain

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"gominer/hasher"
)

const (
	minCoinbaseScript = 2 // bytes, consensus
	maxCoinbaseScript = 100

	opPushData1 = 0x4c
	op1         = 0x51
	op16        = 0x60
)

// Coinbase is a coinbase transaction to be built around an extranonce.
type Coinbase struct {
	Height uint32
	// Aux is put behind the height as it is: getblocktemplate's coinbaseaux,
	// which is serialized script.
	Aux []byte
	// ExtranonceSize is the room in bytes for extranonce1 ‖ extranonce2.
	ExtranonceSize int
	Tag            string  // text in the input script, as a push; "" for none
	Outputs        []TxOut // with the witness commitment, where the block needs one
}

// Split returns the transaction, without witness, in the two parts that stand
// around its extranonce: Stratum's coinb1 and coinb2.
//
// The input script is the height (BIP34), Aux, a push of the extranonce and a
// push of the tag; it must come to 2 … 100 bytes. Lock time and sequence are as
// BIP54 will demand them, and final for every node: lock time height-1, sequence
// 0xfffffffe.
func (c *Coinbase) Split() (prefix, suffix []byte, err error) {
	if len(c.Outputs) == 0 {
		return nil, nil, errors.New("coinbase without an output")
	}
	if c.ExtranonceSize < 0 || c.ExtranonceSize > maxCoinbaseScript {
		return nil, nil, fmt.Errorf("extranonce of %d bytes, a coinbase has room for %d at most", c.ExtranonceSize, maxCoinbaseScript)
	}
	head := append(heightPush(c.Height), c.Aux...)
	if c.ExtranonceSize > 0 {
		head = appendPushOp(head, c.ExtranonceSize)
	}
	var tail []byte
	if c.Tag != "" {
		tail = append(appendPushOp(nil, len(c.Tag)), c.Tag...)
	}
	size := len(head) + c.ExtranonceSize + len(tail)
	switch {
	case size < minCoinbaseScript:
		return nil, nil, fmt.Errorf("coinbase script of %d byte, at least %d are demanded: give it a tag or an extranonce", size, minCoinbaseScript)
	case size > maxCoinbaseScript:
		return nil, nil, fmt.Errorf("coinbase script of %d bytes (height %d, aux %d, extranonce %d, tag %d), at most %d are allowed: shorten the tag by %d",
			size, len(heightPush(c.Height)), len(c.Aux), c.ExtranonceSize, len(c.Tag), maxCoinbaseScript, size-maxCoinbaseScript)
	}
	tx := Tx{
		Version: 2,
		In: []TxIn{{
			Prev:     OutPoint{Index: 0xffffffff},
			Script:   append(append(head, make([]byte, c.ExtranonceSize)...), tail...),
			Sequence: 0xfffffffe,
		}},
		Out: c.Outputs,
	}
	if c.Height > 0 {
		tx.LockTime = c.Height - 1
	}
	b := tx.append(nil, false)
	cut := 4 + 1 + 36 + 1 + len(head) // version, count, outpoint, script length, script
	return b[:cut:cut], b[cut+c.ExtranonceSize:], nil
}

// heightPush returns the script that pushes the height in the shortest way
// (BIP34): OP_0, OP_1 … OP_16, or a script number.
func heightPush(height uint32) []byte {
	switch {
	case height == 0:
		return []byte{0}
	case height <= 16:
		return []byte{op1 - 1 + byte(height)}
	}
	b := []byte{0}
	for n := height; n > 0; n >>= 8 {
		b = append(b, byte(n))
	}
	if b[len(b)-1]&0x80 != 0 { // it would read as a sign
		b = append(b, 0)
	}
	b[0] = byte(len(b) - 1)
	return b
}

// appendPushOp appends the operation that pushes the n bytes behind it.
func appendPushOp(b []byte, n int) []byte {
	if n < opPushData1 {
		return append(b, byte(n))
	}
	return append(b, opPushData1, byte(n)) // n is at most 255 where the script is not refused
}

// IsCoinbase reports whether t is a coinbase: one input, which spends nothing.
func (t *Tx) IsCoinbase() bool {
	return len(t.In) == 1 && t.In[0].Prev == OutPoint{Index: 0xffffffff}
}

// CoinbaseHeight returns the height that a coinbase declares (BIP34). It knows
// heights of up to three bytes, enough until the year 2168; blocks before BIP34
// (version 1) have something else there, and ok is false unless it happens to
// read as a height.
func (t *Tx) CoinbaseHeight() (height uint32, ok bool) {
	if !t.IsCoinbase() || len(t.In[0].Script) == 0 {
		return 0, false
	}
	s := t.In[0].Script
	switch n := int(s[0]); {
	case n == 0:
		return 0, true
	case n >= op1 && n <= op16:
		return uint32(n - op1 + 1), true
	case n > 3 || len(s) < 1+n:
		return 0, false
	default:
		var b [4]byte
		copy(b[:], s[1:1+n])
		height = binary.LittleEndian.Uint32(b[:])
		return height, string(heightPush(height)) == string(s[:1+n])
	}
}

// CoinbaseText returns the readable text in a coinbase's input script: runs of
// four or more printable ASCII characters, parted by a space. The height is left
// out.
func (t *Tx) CoinbaseText() string {
	if !t.IsCoinbase() {
		return ""
	}
	s := t.In[0].Script
	if h, ok := t.CoinbaseHeight(); ok {
		s = s[len(heightPush(h)):]
	}
	runs := strings.FieldsFunc(string(s), func(r rune) bool { return r < 0x20 || r > 0x7e })
	var text []string
	for _, run := range runs {
		if len(strings.TrimSpace(run)) >= 4 {
			text = append(text, strings.TrimSpace(run))
		}
	}
	return strings.Join(text, " ")
}

// commitmentHeader begins the script of a witness commitment: OP_RETURN, a push
// of 36 bytes, and the mark of BIP141.
var commitmentHeader = [6]byte{0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed}

// CommitmentScript returns the script of the output that commits to the
// witnesses, 38 bytes (BIP141).
func CommitmentScript(commitment hasher.Hash) []byte {
	return append(commitmentHeader[:], commitment[:]...)
}

// Commitment returns the witness commitment that a coinbase carries: the last
// output that has the form of one (BIP141).
func (t *Tx) Commitment() (commitment hasher.Hash, ok bool) {
	for _, out := range t.Out {
		if len(out.Script) >= 38 && [6]byte(out.Script) == commitmentHeader {
			commitment, ok = hasher.Hash(out.Script[6:38]), true
		}
	}
	return commitment, ok
}
