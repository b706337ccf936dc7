package v1

import "strconv"

// ID is the id of a message: a number, a string, null or absent. IDs can be
// compared with ==, which tells 7 from "7"; to find the request that an answer
// belongs to, use Number. The zero ID is null.
type ID struct {
	kind idKind
	num  uint64 // for idNumber
	text string // the string of idString, the digits of idOther
}

type idKind uint8

const (
	idNull   idKind = iota
	idAbsent        // no "id" member
	idNumber        // a whole number from 0 to 2^64-1
	idString
	idOther // any other JSON number, as it was written
)

// AbsentID is the ID of a line without an "id" member.
var AbsentID = ID{kind: idAbsent}

// NumberID returns the id n.
func NumberID(n uint64) ID { return ID{kind: idNumber, num: n} }

// StringID returns the id s, a JSON string.
func StringID(s string) ID { return ID{kind: idString, text: s} }

// Notification reports whether the id is null or absent, so that the message
// wants no answer.
func (id ID) Notification() bool { return id.kind == idNull || id.kind == idAbsent }

// Number returns the id as a number. A string of digits counts as the number it
// spells, since some servers answer the request 7 with the id "7", and so does
// a whole number written as 7.0.
func (id ID) Number() (n uint64, ok bool) {
	switch id.kind {
	case idNumber:
		return id.num, true
	case idString:
		n, err := strconv.ParseUint(id.text, 10, 64)
		return n, err == nil
	case idOther:
		f, err := strconv.ParseFloat(id.text, 64)
		if n := uint64(f); err == nil && f >= 0 && f <= 1<<53 && float64(n) == f {
			return n, true
		}
	}
	return 0, false
}

// IDOf returns the id of any message.
func IDOf(m Message) ID { return m.ident() }

// String returns the id as it stands in a line, fit to be shown; "none" if it is
// absent.
func (id ID) String() string {
	if id.kind == idAbsent {
		return "none"
	}
	return visible(id.append(nil))
}

// append adds the id as JSON; an absent id as null.
func (id ID) append(b []byte) []byte {
	switch id.kind {
	case idNumber:
		return strconv.AppendUint(b, id.num, 10)
	case idString:
		return appendString(b, id.text)
	case idOther:
		return append(b, id.text...)
	}
	return append(b, "null"...)
}

// readID reads the "id" member of a line; raw is nil if there was none.
func (p *params) readID(raw []byte) ID {
	switch {
	case raw == nil:
		return AbsentID
	case isNull(raw):
		return ID{}
	case raw[0] == '"':
		return StringID(p.text("id", raw))
	case !isNumber(raw):
		p.fail("id", raw, "a number, a string or null")
		return ID{}
	}
	if n, err := strconv.ParseUint(string(raw), 10, 64); err == nil {
		return NumberID(n)
	}
	if len(raw) > p.limits.Text {
		p.over("id", "text", p.limits.Text)
		return ID{}
	}
	return ID{kind: idOther, text: string(raw)}
}
