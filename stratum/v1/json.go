package v1

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"
)

// scan checks that line is one JSON object in UTF-8, nested at most depth
// levels, in which no object has the same key twice. Everything that takes a
// line apart later relies on it.
//
// Python writes NaN, Infinity and -Infinity where it should refuse to. They are
// let through, and nan is true, so that the field which holds one can be named;
// no field accepts one.
func scan(line []byte, depth int) (nan bool, err error) {
	if len(line) == 0 || line[0] != '{' {
		return false, notObject(line)
	}
	if !utf8.Valid(line) {
		i := 0
		for r, n := utf8.DecodeRune(line); r != utf8.RuneError || n != 1; r, n = utf8.DecodeRune(line[i:]) {
			i += n
		}
		return false, badLine(line, "invalid UTF-8 at byte %d", i)
	}
	var room [16][]byte
	s := scanner{b: line, depth: depth, keys: room[:0]}
	if err = s.value(); err != nil {
		if err == errDepth {
			err = &LimitError{Where: "line", Cap: "JSON depth", Max: depth}
		}
		return s.nan, err
	}
	if s.space(); s.i < len(s.b) {
		return s.nan, s.unexpected("the end of the line")
	}
	return s.nan, nil
}

func notObject(line []byte) error { return badLine(line, "not a JSON object") }

func badLine(line []byte, format string, args ...any) error {
	return &ProtocolError{Line: visible(line), Reason: fmt.Sprintf(format, args...)}
}

var errDepth = fmt.Errorf("nested too deep")

type scanner struct {
	b     []byte
	i     int
	depth int      // levels that may still be opened
	nan   bool     // a NaN or an Infinity was seen
	keys  [][]byte // keys of the objects that are open, the innermost last
}

func (s *scanner) unexpected(want string) error {
	if s.i >= len(s.b) {
		return badLine(s.b, "ends where %s should stand", want)
	}
	r, _ := utf8.DecodeRune(s.b[s.i:])
	return badLine(s.b, "%q at byte %d, want %s", r, s.i, want)
}

func (s *scanner) space() {
	for s.i < len(s.b) && isSpace(s.b[s.i]) {
		s.i++
	}
}

// peek returns the next byte that is not white space, 0 at the end.
func (s *scanner) peek() byte {
	if s.space(); s.i < len(s.b) {
		return s.b[s.i]
	}
	return 0
}

func (s *scanner) value() error {
	switch c := s.peek(); c {
	case '{', '[':
		if s.depth == 0 {
			return errDepth
		}
		s.depth--
		s.i++
		err := s.list(c == '{', c+2) // in ASCII, } and ] follow two after { and [
		s.depth++
		return err
	case '"':
		return s.string()
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	}
	return s.number()
}

// list reads what stands between the brackets of an object or an array, and the
// closing one.
func (s *scanner) list(object bool, end byte) error {
	outer := len(s.keys)
	if s.peek() == end {
		s.i++
		return nil
	}
	for {
		if object {
			if err := s.key(); err != nil {
				return err
			}
		}
		if err := s.value(); err != nil {
			return err
		}
		switch s.peek() {
		case ',':
			s.i++
			continue
		case end:
			s.i++
		default:
			return s.unexpected(fmt.Sprintf("a comma or %c", end))
		}
		break
	}
	keys := s.keys[outer:]
	s.keys = s.keys[:outer]
	slices.SortFunc(keys, bytes.Compare)
	for i := 1; i < len(keys); i++ {
		if bytes.Equal(keys[i-1], keys[i]) {
			return badLine(s.b, "key %s twice in one object", visible(keys[i]))
		}
	}
	return nil
}

// key reads a key and its colon.
func (s *scanner) key() error {
	if s.peek() != '"' {
		return s.unexpected("a key")
	}
	from := s.i
	if err := s.string(); err != nil {
		return err
	}
	s.keys = append(s.keys, content(s.b[from:s.i]))
	if s.peek() != ':' {
		return s.unexpected("a colon")
	}
	s.i++
	return nil
}

func (s *scanner) string() error {
	for s.i++; s.i < len(s.b); s.i++ {
		switch c := s.b[s.i]; {
		case c == '"':
			s.i++
			return nil
		case c < ' ':
			return s.unexpected("an escape")
		case c == '\\':
			s.i++
			if err := s.escape(); err != nil {
				return err
			}
		}
	}
	return s.unexpected("a closing quote")
}

// escape checks what follows a backslash and stops at its last byte.
func (s *scanner) escape() error {
	if s.i >= len(s.b) || bytes.IndexByte([]byte(`"\/bfnrtu`), s.b[s.i]) < 0 {
		return s.unexpected("an escape")
	}
	if s.b[s.i] != 'u' {
		return nil
	}
	for range 4 {
		s.i++
		if s.i >= len(s.b) || !isHex(s.b[s.i]) {
			return s.unexpected("a hex digit")
		}
	}
	return nil
}

func (s *scanner) word(w string) error {
	if !bytes.HasPrefix(s.b[s.i:], []byte(w)) {
		return s.unexpected("a JSON value")
	}
	s.i += len(w)
	return nil
}

func (s *scanner) number() error {
	rest := s.b[s.i:]
	if n := numberLen(rest); n > 0 {
		s.i += n
		return nil
	}
	for _, w := range []string{"NaN", "Infinity", "-Infinity"} {
		if bytes.HasPrefix(rest, []byte(w)) {
			s.i += len(w)
			s.nan = true
			return nil
		}
	}
	return s.unexpected("a JSON value")
}

// numberLen returns how many bytes at the start of b are a JSON number.
func numberLen(b []byte) int {
	i := 0
	digits := func() bool {
		from := i
		for i < len(b) && '0' <= b[i] && b[i] <= '9' {
			i++
		}
		return i > from
	}
	if i < len(b) && b[i] == '-' {
		i++
	}
	if i < len(b) && b[i] == '0' {
		i++
	} else if !digits() {
		return 0
	}
	if i < len(b) && b[i] == '.' {
		i++
		if !digits() {
			return 0
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if !digits() {
			return 0
		}
	}
	return i
}

func isNumber(b []byte) bool { return len(b) > 0 && numberLen(b) == len(b) }

func isNull(raw []byte) bool { return string(raw) == "null" }

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// content returns what a scanned JSON string says. It shares raw's bytes if it
// can.
func content(raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil // not reached: raw was scanned
	}
	return []byte(s)
}

// walker goes through the members of a scanned object or the elements of a
// scanned array. The zero walker stands before the end of an empty one.
type walker struct {
	b []byte
	i int
}

func walk(raw []byte) walker { return walker{b: raw, i: 1} }

// more reports whether there is another member or element, and goes to it.
func (w *walker) more() bool {
	for w.i < len(w.b) && (isSpace(w.b[w.i]) || w.b[w.i] == ',') {
		w.i++
	}
	return w.i < len(w.b) && w.b[w.i] != ']' && w.b[w.i] != '}'
}

// key returns the key at which more stopped, unquoted, and goes to its value.
func (w *walker) key() []byte {
	k := content(w.value())
	for isSpace(w.b[w.i]) || w.b[w.i] == ':' {
		w.i++
	}
	return k
}

// value returns the value at which more or key stopped, as it is written.
func (w *walker) value() []byte {
	from, level := w.i, 0
	for {
		switch w.b[w.i] {
		case '"':
			for w.i++; w.b[w.i] != '"'; w.i++ {
				if w.b[w.i] == '\\' {
					w.i++
				}
			}
		case '{', '[':
			level++
		case '}', ']':
			level--
		default:
			if level > 0 {
				break
			}
			for c := w.b[w.i]; c != ',' && c != ']' && c != '}' && !isSpace(c); c = w.b[w.i] {
				w.i++
			}
			return w.b[from:w.i:w.i]
		}
		w.i++
		if level == 0 {
			return w.b[from:w.i:w.i]
		}
	}
}

// member returns the value of key in a scanned object, nil if there is none.
func member(object []byte, key string) []byte {
	for w := walk(object); w.more(); {
		k := w.key()
		if v := w.value(); string(k) == key {
			return v
		}
	}
	return nil
}
