// Package jsonline writes values as JSON that no terminal obeys, and finds where
// the parts of a JSON text stand, so that one of them can be replaced while all
// else stays byte for byte as it came. It is JSON as in RFC 8259; what the
// values mean is the caller's.
package jsonline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Append adds v to b as JSON on one line, without a line end. It is escaped as
// AppendClean does it, and no more than that: < and & stay.
func Append(b []byte, v any) ([]byte, error) {
	text, err := encode(v, "")
	if err != nil {
		return b, err
	}
	return AppendClean(b, text), nil
}

// AppendIndented is Append with each level of v indented by two more spaces.
func AppendIndented(b []byte, v any) ([]byte, error) {
	text, err := encode(v, "  ")
	if err != nil {
		return b, err
	}
	return AppendClean(b, text), nil
}

func encode(v any, indent string) ([]byte, error) {
	var plain bytes.Buffer
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(plain.Bytes(), []byte("\n")), nil
}

// AppendClean adds a JSON text of package encoding/json to b, with what a
// terminal would obey written as \u escapes: the encoder leaves DEL, the C1
// control characters and the marks that turn the direction of writing as they
// are.
func AppendClean(b, text []byte) []byte {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r < 0x7f || Harmless(r): // below DEL the encoder has seen to it
			b = append(b, text[:size]...)
		case r <= 0xffff:
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			b = fmt.Appendf(b, `\u%04x\u%04x`, high, low)
		}
		text = text[size:]
	}
	return b
}

// Harmless reports whether a terminal shows r and does nothing else.
func Harmless(r rune) bool {
	return r != unicode.ReplacementChar && (unicode.IsPrint(r) || r == ' ')
}

// Part is a member of an object or an element of an array.
type Part struct {
	Key        string // of a member
	Start, End int    // where its value stands in the text, in bytes
}

// Of returns the bytes of the part's value in the text that it is of.
func (p Part) Of(text []byte) []byte { return text[p.Start:p.End] }

// Parts returns the parts of an object or an array in their order, names that
// come twice included. The text must be that one value, with nothing behind it
// but white space.
func Parts(text []byte) ([]Part, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	open, err := dec.Token()
	if err != nil {
		return nil, ended(err)
	}
	if open != json.Delim('{') && open != json.Delim('[') {
		return nil, errors.New("neither an object nor an array")
	}
	var parts []Part
	for dec.More() {
		var p Part
		if open == json.Delim('{') {
			key, err := dec.Token()
			if err != nil {
				return nil, ended(err)
			}
			p.Key, _ = key.(string) // the decoder takes nothing else for a name
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, ended(err)
		}
		p.End = int(dec.InputOffset())
		p.Start = p.End - len(value)
		parts = append(parts, p)
	}
	if _, err := dec.Token(); err != nil {
		return nil, ended(err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("something stands behind the value")
	}
	return parts, nil
}

func ended(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
