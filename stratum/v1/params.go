package v1

import (
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strconv"

	"gominer/hasher"
)

// params reads the fields of one message. The first that is wrong sets err, and
// from then on every method returns a zero. Values are raw JSON that was
// scanned; nil stands for a field that is missing.
type params struct {
	method string
	id     ID
	limits *Limits
	list   walker // the parameters not read yet
	err    error
}

// next returns the next parameter, nil if there are no more.
func (p *params) next() []byte {
	if p.list.more() {
		return p.list.value()
	}
	return nil
}

// nextOptional is next with null taken for a parameter that is missing.
func (p *params) nextOptional() []byte {
	if raw := p.next(); raw != nil && !isNull(raw) {
		return raw
	}
	return nil
}

// fail notes that a field does not hold what it should.
func (p *params) fail(field string, raw []byte, want string) {
	switch {
	case p.err != nil:
	case raw == nil:
		p.failWith(field, "missing", want)
	case p.method == "mining.authorize":
		p.failWith(field, kindOf(raw), want) // what stands there may be a password
	default:
		p.failWith(field, visible(raw), want)
	}
}

func (p *params) failWith(field, found, want string) {
	if p.err == nil {
		p.err = &FieldError{Method: p.method, ID: p.id, Field: field, Found: found, Want: want}
	}
}

// kindOf returns what type of JSON value raw is.
func kindOf(raw []byte) string {
	switch raw[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "true or false"
	case 'n':
		return "null"
	}
	return "a number"
}

// over notes that a field went past a cap.
func (p *params) over(field, cap string, max int) {
	if p.err == nil {
		p.err = &LimitError{Where: p.method + ": " + field, Cap: cap, Max: max}
	}
}

// string reads a string of any length.
func (p *params) string(field string, raw []byte) string {
	if p.err != nil {
		return ""
	}
	if raw == nil || raw[0] != '"' {
		p.fail(field, raw, "a string")
		return ""
	}
	return string(content(raw))
}

// text reads a string of at most Limits.Text bytes.
func (p *params) text(field string, raw []byte) string {
	return p.short(field, raw, "text", p.limits.Text)
}

// optionalText is text with a default of "".
func (p *params) optionalText(field string, raw []byte) string {
	if raw == nil {
		return ""
	}
	return p.text(field, raw)
}

func (p *params) jobID(raw []byte) string {
	return p.short("job id", raw, "job id", p.limits.JobID)
}

func (p *params) short(field string, raw []byte, cap string, max int) string {
	s := p.string(field, raw)
	if len(s) > max {
		p.over(field, cap, max)
		return ""
	}
	return s
}

func (p *params) bool(field string, raw []byte) bool {
	if s := string(raw); s != "true" && s != "false" {
		p.fail(field, raw, "true or false")
	}
	return string(raw) == "true"
}

// integer reads a whole number from min to max, written without a fraction or
// an exponent.
func (p *params) integer(field string, raw []byte, min, max int64) int64 {
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil || n < min || n > max {
		p.fail(field, raw, fmt.Sprintf("a whole number from %d to %d", min, max))
		return 0
	}
	return n
}

// hex reads hex digits of either case: min to max bytes.
func (p *params) hex(field string, raw []byte, min, max int) []byte {
	if p.err != nil {
		return nil
	}
	var digits []byte
	if raw != nil && raw[0] == '"' {
		digits = content(raw)
	}
	if n := len(digits) / 2; digits != nil && n >= min && n <= max {
		out := make([]byte, n)
		if _, err := hex.Decode(out, digits); err == nil {
			return out
		}
	}
	p.fail(field, raw, wantHex(min, max))
	return nil
}

func wantHex(min, max int) string {
	switch {
	case min == max:
		return fmt.Sprintf("%d hex digits", 2*min)
	case max == math.MaxInt:
		return "an even number of hex digits"
	}
	return fmt.Sprintf("hex of %d to %d bytes", min, max)
}

// hexAny reads hex digits of either case: any number of bytes.
func (p *params) hexAny(field string, raw []byte) []byte {
	return p.hex(field, raw, 0, math.MaxInt)
}

// hex32 reads eight hex digits, the most significant first.
func (p *params) hex32(field string, raw []byte) uint32 {
	if p.err != nil {
		return 0
	}
	if raw != nil && raw[0] == '"' {
		if s := content(raw); len(s) == 8 && isHexAll(s) {
			return parseHex32(s)
		}
	}
	p.fail(field, raw, "8 hex digits")
	return 0
}

// mask reads one to eight hex digits as a number: some servers leave out the
// leading zeros of a version mask.
func (p *params) mask(field string, raw []byte) uint32 {
	if p.err != nil {
		return 0
	}
	if raw != nil && raw[0] == '"' {
		if s := content(raw); len(s) >= 1 && len(s) <= 8 && isHexAll(s) {
			return parseHex32(s)
		}
	}
	p.fail(field, raw, "a version mask of at most 8 hex digits")
	return 0
}

func isHexAll(s []byte) bool {
	return !slices.ContainsFunc(s, func(c byte) bool { return !isHex(c) })
}

func parseHex32(s []byte) uint32 {
	n, _ := strconv.ParseUint(string(s), 16, 32) // s holds at most eight hex digits
	return uint32(n)
}

// hash reads 64 hex digits into the bytes that they spell, without turning them
// round.
func (p *params) hash(field string, raw []byte) (h hasher.Hash) {
	if p.err != nil {
		return h
	}
	if raw != nil && raw[0] == '"' {
		if s := content(raw); len(s) == 2*len(h) {
			if _, err := hex.Decode(h[:], s); err == nil {
				return h
			}
		}
	}
	p.fail(field, raw, wantHex(len(h), len(h)))
	return hasher.Hash{}
}

// number reads a JSON number, or one inside a string.
func (p *params) number(field string, raw []byte, want string) (d float64, quoted bool) {
	if p.err != nil {
		return 0, false
	}
	digits := raw
	if raw != nil && raw[0] == '"' {
		digits, quoted = content(raw), true
	}
	if isNumber(digits) {
		if d, err := strconv.ParseFloat(string(digits), 64); err == nil {
			return d, quoted
		}
	}
	p.fail(field, raw, want)
	return 0, false
}

const wantDifficulty = "a difficulty above 0 that leaves a target above 0"

// difficulty reads a share difficulty: a number above 0, at most 2^256 / diff1.
func (p *params) difficulty(field string, raw []byte) (d float64, quoted bool) {
	d, quoted = p.number(field, raw, wantDifficulty)
	if p.err != nil {
		return 0, false
	}
	if _, err := hasher.TargetFromDifficulty(d); err != nil {
		p.fail(field, raw, wantDifficulty)
		return 0, false
	}
	return d, quoted
}

func (p *params) extranonce1(raw []byte) []byte {
	return p.hex("extranonce1", raw, 0, MaxExtranonce1)
}

func (p *params) extranonce2Size(raw []byte) int {
	return int(p.integer("extranonce2_size", raw, 0, MaxExtranonce2Size))
}

// object checks that raw, if it is not nil, is an object.
func (p *params) object(field string, raw []byte) []byte {
	if raw != nil && raw[0] != '{' {
		p.fail(field, raw, "an object")
		return nil
	}
	return raw
}

// array returns a walker over raw, which has to be an array.
func (p *params) array(field string, raw []byte, want string) walker {
	if raw == nil || raw[0] != '[' {
		p.fail(field, raw, want)
		return walker{}
	}
	return walk(raw)
}
