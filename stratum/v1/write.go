package v1

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"unicode/utf8"
)

// appendOpen opens an object with its id, if it has one.
func appendOpen(b []byte, id ID) []byte {
	b = append(b, '{')
	if id == AbsentID {
		return b
	}
	return append(id.append(append(b, `"id":`...)), ',')
}

// appendCall opens a request or notification; the caller adds the parameters
// and "]}".
func appendCall(b []byte, id ID, method string) []byte {
	b = append(appendOpen(b, id), `"method":"`...)
	b = append(b, method...)
	return append(b, `","params":[`...)
}

// appendString adds s as a JSON string. What is not UTF-8 becomes U+FFFD.
func appendString(b []byte, s string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ':
			b = append(b, '\\', 'u', '0', '0', digits[r>>4], digits[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}

// appendHex adds v in quotes.
func appendHex(b, v []byte) []byte {
	b = append(b, '"')
	b = hex.AppendEncode(b, v)
	return append(b, '"')
}

// appendHex32 adds v as eight hex digits in quotes, the most significant first.
func appendHex32(b []byte, v uint32) []byte {
	var be [4]byte
	binary.BigEndian.PutUint32(be[:], v)
	return appendHex(b, be[:])
}

// appendNumber adds d, which is finite, in the fewest digits that give it back;
// without an exponent while it is of common size, for the sake of simple
// parsers.
func appendNumber(b []byte, d float64) []byte {
	format := byte('f')
	if a := math.Abs(d); a != 0 && (a < 1e-9 || a >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(b, d, format, -1, 64)
}

// errRaw says that a raw value is not JSON.
var errRaw = errors.New("not one JSON value in UTF-8")

// appendRaw adds a JSON value without the white space between its tokens, so
// that it cannot break the line.
func appendRaw(b []byte, raw json.RawMessage) ([]byte, error) {
	if !utf8.Valid(raw) || !json.Valid(raw) {
		return b, errRaw
	}
	inString := false
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch {
		case inString:
			b = append(b, c)
			if c == '\\' {
				i++
				b = append(b, raw[i])
			}
			inString = c != '"'
		case !isSpace(c):
			b = append(b, c)
			inString = c == '"'
		}
	}
	return b, nil
}

// jsonList is an array or object being written.
type jsonList struct {
	b []byte
	n int // items so far
}

// item returns the text with what has to stand before the next item.
func (l *jsonList) item() []byte {
	if l.n++; l.n > 1 {
		l.b = append(l.b, ',')
	}
	return l.b
}

// key returns the text with the key of the next item.
func (l *jsonList) key(k string) []byte {
	return append(appendString(l.item(), k), ':')
}
