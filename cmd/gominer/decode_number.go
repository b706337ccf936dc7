package main

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"gominer/hasher"
	"gominer/internal/units"
)

func (d *decoder) header(input string) (*explanation, error) {
	b, err := unhex(input, 80)
	if err != nil {
		return nil, err
	}
	h := hasher.Header(b)
	e := &explanation{
		Kind: "header",
		About: "Block header, 80 bytes. Numbers are little-endian; hashes stand in wire order and are shown reversed, as " +
			"block explorers show them.",
	}
	raw := func(from, to int) string { return fmt.Sprintf("%x", h[from:to]) }
	e.addf("version", raw(0, 4), "%08x%s", h.Version(), versionNote(h.Version()))
	e.add("previous hash", raw(4, 36), h.PrevHash().String())
	e.add("merkle root", raw(36, 68), h.MerkleRoot().String())
	e.add("time", raw(68, 72), unixTime(h.Time()))
	e.add("nbits", raw(72, 76), describeBits(h.Bits()))
	e.addf("nonce", raw(76, 80), "%08x (%d)", h.Nonce(), h.Nonce())
	hash := h.Hash()
	e.add("hash", "", hash.String())
	e.addf("", "", "difficulty %s, %s", exact(hash.Difficulty()), meets(&hash, h.Bits()))
	return e, nil
}

// meets says whether hash makes a block under b.
func meets(hash *hasher.Hash, b hasher.Bits) string {
	t, err := b.Target()
	switch {
	case err != nil:
		return "and nbits is no target to hold it to"
	case t.Meets(hash):
		return "which meets nbits: a valid proof of work"
	}
	return "which does not meet nbits: no proof of work"
}

// versionNote names the bits of a version that have a meaning.
func versionNote(v uint32) string {
	const rollable = 0x1fffe000 // BIP320
	switch {
	case v>>29 != 1:
		return ""
	case v&rollable != 0:
		return fmt.Sprintf(": version bits (BIP9); %08x of them rolled or signalled (BIP320)", v&rollable)
	}
	return ": version bits (BIP9), none set"
}

func unixTime(t uint32) string {
	return time.Unix(int64(t), 0).UTC().Format("2006-01-02 15:04:05 UTC") + fmt.Sprintf(" (%d)", t)
}

// describeBits says what b stands for, also if that is no target.
func describeBits(b hasher.Bits) string {
	t, err := b.Target()
	if err != nil {
		return b.String() + ": " + err.Error()
	}
	return fmt.Sprintf("%s: difficulty %s", b, exact(t.Difficulty()))
}

func (d *decoder) nbits(input string) (*explanation, error) {
	raw, err := unhex(input, 4)
	if err != nil {
		return nil, err
	}
	bits := hasher.Bits(uint32(raw[0])<<24 | uint32(raw[1])<<16 | uint32(raw[2])<<8 | uint32(raw[3]))
	e := &explanation{
		Kind: "nbits",
		About: "Compact target (nBits), most significant byte first, as Stratum and explorers write it; a header has it " +
			"reversed.",
	}
	digits := bits.String()
	e.addf("length", digits[:2], "%s", units.Plural(uint64(raw[0]), "byte"))
	e.addf("mantissa", digits[2:], "its leading three bytes: target = %s × 256^(%d − 3)", digits[2:], raw[0])
	t, err := bits.Target()
	if err != nil {
		return nil, fmt.Errorf("%w%s", err, reversedBits(raw))
	}
	e.addTarget(&t)
	if c := t.Bits(); c != bits {
		e.add("canonical form", "", c.String())
	}
	if decimal.MatchString(input) {
		e.addf("note", "", "as a difficulty: gominer decode difficulty %s", input)
	}
	return e, nil
}

// reversedBits hints at bytes taken out of a header, which are in the other
// order.
func reversedBits(raw []byte) string {
	b := hasher.Bits(uint32(raw[3])<<24 | uint32(raw[2])<<16 | uint32(raw[1])<<8 | uint32(raw[0]))
	if _, err := b.Target(); err != nil {
		return ""
	}
	return fmt.Sprintf("; in a header's byte order it would be %s", b)
}

func (d *decoder) target(input string) (*explanation, error) {
	if _, err := unhex(input, 32); err != nil {
		return nil, err
	}
	t, err := hasher.ParseTarget(strings.TrimPrefix(strings.TrimPrefix(input, "0x"), "0X"))
	if err != nil {
		return nil, err
	}
	e := &explanation{
		Kind: "target",
		About: "Target, a 256-bit number, most significant byte first, as getblocktemplate and mining.suggest_target " +
			"write it; Stratum V2 has it reversed. A hash that is not larger meets it. Block hashes are read likewise.",
	}
	e.addTarget(&t)
	compact := t.Bits()
	e.addf("nbits", "", "%s%s", compact, roundedNote(compact, t))
	return e, nil
}

func roundedNote(b hasher.Bits, t hasher.Target) string {
	if back, err := b.Target(); err == nil && back == t {
		return ""
	}
	return ", rounded down"
}

func (d *decoder) difficulty(input string) (*explanation, error) {
	v, err := strconv.ParseFloat(input, 64)
	if err != nil {
		return nil, fmt.Errorf("%.40q is not a number", input)
	}
	t, err := hasher.TargetFromDifficulty(v)
	if err != nil {
		return nil, err
	}
	e := &explanation{
		Kind:  "difficulty",
		About: "Difficulty, as pools give it: target = floor(0xffff × 2^208 / difficulty).",
	}
	e.addTarget(&t)
	compact := t.Bits()
	e.addf("nbits", "", "%s%s", compact, roundedNote(compact, t))
	return e, nil
}

// addTarget says of a target what people want to know of it.
func (e *explanation) addTarget(t *hasher.Target) {
	e.add("target", "", t.String())
	e.add("difficulty", "", exact(t.Difficulty()))
	e.addf("work", "", "one hash in %s meets it", expectedHashes(t))
}

// expectedHashes returns 2^256 / (t + 1) in words.
func expectedHashes(t *hasher.Target) string {
	n, _ := new(big.Int).SetString(t.String(), 16)
	if n == nil {
		return "none"
	}
	all := new(big.Int).Lsh(big.NewInt(1), 256)
	f, _ := new(big.Rat).SetFrac(all, n.Add(n, big.NewInt(1))).Float64()
	if f >= 1e27 {
		return fmt.Sprintf("2^%.1f", math.Log2(f))
	}
	return fmt.Sprintf("%s (2^%.1f)", units.Number(f), math.Log2(f))
}

// exact writes a difficulty with all that a reader may want to compare, and the
// short form beside it where that is easier to take in.
func exact(v float64) string {
	switch {
	case v < 1e4 || math.IsInf(v, 0):
		return strconv.FormatFloat(v, 'g', 10, 64)
	case v < 1e9:
		return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64) + " (" + units.Difficulty(v) + ")"
	}
	return strconv.FormatFloat(v, 'f', 0, 64) + " (" + units.Difficulty(v) + ")"
}
