package v1

import (
	"math"
	"strconv"
	"strings"

	"gominer/hasher"
)

// Names of the extensions of BIP310.
const (
	extVersionRolling      = "version-rolling"
	extMinimumDifficulty   = "minimum-difficulty"
	extSubscribeExtranonce = "subscribe-extranonce"
	extInfo                = "info"

	keyMask        = "version-rolling.mask"
	keyMinBitCount = "version-rolling.min-bit-count"
	keyMinimum     = "minimum-difficulty.value"
)

// Configure is mining.configure (BIP310): the extensions that the client wants.
// It comes before mining.subscribe. The answer is read with Response.Configure.
type Configure struct {
	ID                  ID
	VersionRolling      *VersionRolling
	MinimumDifficulty   *float64 // 0 asks for no minimum
	SubscribeExtranonce bool
	Info                *Info
	Other               []string // extensions that this package does not know, without their parameters
}

// VersionRolling asks for bits of the header version to roll.
type VersionRolling struct {
	Mask        uint32 // the bits that the client can roll; all if left out
	MinBitCount int    // how many of them it needs, 0 to 32; 0 if left out
}

// Info tells the server about the miner. What is empty is left out.
type Info struct {
	ConnectionURL, HWVersion, SWVersion, HWID string
}

// each calls f with the name in BIP310 and the place of every field.
func (i *Info) each(f func(key string, field *string)) {
	f("info.connection-url", &i.ConnectionURL)
	f("info.hw-version", &i.HWVersion)
	f("info.sw-version", &i.SWVersion)
	f("info.hw-id", &i.HWID)
}

// Method returns "mining.configure".
func (*Configure) Method() string { return "mining.configure" }

func (m *Configure) ident() ID { return m.ID }

func (m *Configure) decode(p *params) {
	names := p.array("extensions", p.next(), "an array of names")
	options := p.object("extension parameters", p.nextOptional())
	for names.more() && p.err == nil {
		switch name := p.text("extensions", names.value()); name {
		case extVersionRolling:
			v := &VersionRolling{Mask: math.MaxUint32}
			if raw := member(options, keyMask); raw != nil {
				v.Mask = p.mask(keyMask, raw)
			}
			if raw := member(options, keyMinBitCount); raw != nil {
				v.MinBitCount = p.bitCount(raw)
			}
			m.VersionRolling = v
		case extMinimumDifficulty:
			d := p.minimumDifficulty(member(options, keyMinimum))
			m.MinimumDifficulty = &d
		case extSubscribeExtranonce:
			m.SubscribeExtranonce = true
		case extInfo:
			m.Info = new(Info)
			m.Info.each(func(key string, field *string) {
				*field = p.optionalText(key, member(options, key))
			})
		default:
			m.Other = append(m.Other, name)
		}
	}
}

// bitCount reads how many version bits are wanted: a number, or hex digits, as the
// reference implementation of Stratum V2 writes it in both roles.
func (p *params) bitCount(raw []byte) int {
	if raw[0] != '"' {
		return int(p.integer(keyMinBitCount, raw, 0, 32))
	}
	n := p.mask(keyMinBitCount, raw)
	if n > 32 {
		p.fail(keyMinBitCount, raw, "0 to 32")
		return 0
	}
	return int(n)
}

// minimumDifficulty reads a difficulty that may be 0.
func (p *params) minimumDifficulty(raw []byte) float64 {
	const want = "0 or a difficulty that leaves a target above 0"
	d, _ := p.number(keyMinimum, raw, want)
	if p.err == nil && checkMinimum(d) != nil {
		p.fail(keyMinimum, raw, want)
	}
	return d
}

// checkMinimum refuses what is neither 0 nor a share difficulty.
func checkMinimum(d float64) error {
	if d == 0 {
		return nil
	}
	_, err := hasher.TargetFromDifficulty(d)
	return err
}

func (m *Configure) append(b []byte) ([]byte, error) {
	b = appendCall(b, m.ID, m.Method())
	names, options := jsonList{b: append(b, '[')}, jsonList{b: []byte{'{'}}
	if v := m.VersionRolling; v != nil {
		names.b = appendString(names.item(), extVersionRolling)
		options.b = appendHex32(options.key(keyMask), v.Mask)
		options.b = strconv.AppendInt(options.key(keyMinBitCount), int64(v.MinBitCount), 10)
	}
	if d := m.MinimumDifficulty; d != nil {
		if err := checkMinimum(*d); err != nil {
			return b, err
		}
		names.b = appendString(names.item(), extMinimumDifficulty)
		options.b = appendNumber(options.key(keyMinimum), *d)
	}
	if m.SubscribeExtranonce {
		names.b = appendString(names.item(), extSubscribeExtranonce)
	}
	if m.Info != nil {
		names.b = appendString(names.item(), extInfo)
		m.Info.each(func(key string, field *string) {
			if *field != "" {
				options.b = appendString(options.key(key), *field)
			}
		})
	}
	for _, name := range m.Other {
		names.b = appendString(names.item(), name)
	}
	b = append(append(names.b, "],"...), options.b...)
	return append(b, "}]}"...), nil
}

// ConfigureResult is the answer to mining.configure. An extension without an
// Answer was not asked for, or the server does not know it.
type ConfigureResult struct {
	VersionRolling      Answer
	Mask                uint32 // the bits that may be rolled, where VersionRolling is granted
	MinBitCount         int    // as the server repeats it, 0 to 32; 0 if it does not
	MinimumDifficulty   Answer
	SubscribeExtranonce Answer
	Info                Answer
	Other               []OtherAnswer // extensions that this package does not know
}

// Answer is what a server says to one extension. The zero Answer is none.
type Answer struct {
	Given   bool
	Granted bool
	Reason  string // why it was not granted, if the server says so
}

// Granted and Refused are the answers true and false.
var (
	Granted = Answer{Given: true, Granted: true}
	Refused = Answer{Given: true}
)

// OtherAnswer is the Answer to an extension that has no field of its own.
type OtherAnswer struct {
	Name string
	Answer
}

// Configure reads the answer to mining.configure. The error is the server's
// *Error, a *FieldError, or a *LimitError.
func (r *Response) Configure(l Limits) (*ConfigureResult, error) {
	p, result, err := r.reader("mining.configure answer", l)
	if err != nil {
		return nil, err
	}
	if result = p.object("result", result); result == nil {
		return nil, p.err
	}
	res := new(ConfigureResult)
	for w := walk(result); w.more() && p.err == nil; {
		name := string(w.key())
		raw := w.value()
		switch name {
		case extVersionRolling:
			res.VersionRolling = p.answer(name, raw)
		case extMinimumDifficulty:
			res.MinimumDifficulty = p.answer(name, raw)
		case extSubscribeExtranonce:
			res.SubscribeExtranonce = p.answer(name, raw)
		case extInfo:
			res.Info = p.answer(name, raw)
		default:
			if !strings.Contains(name, ".") { // with a dot: a parameter
				res.Other = append(res.Other, OtherAnswer{name, p.answer(name, raw)})
			}
		}
	}
	if res.VersionRolling.Granted {
		res.Mask = p.mask(keyMask, member(result, keyMask))
		if raw := member(result, keyMinBitCount); raw != nil {
			res.MinBitCount = p.bitCount(raw)
		}
	}
	if p.err != nil {
		return nil, p.err
	}
	return res, nil
}

// answer reads true, false, or a string that says why not.
func (p *params) answer(name string, raw []byte) Answer {
	switch {
	case string(raw) == "true":
		return Granted
	case string(raw) == "false":
		return Refused
	case raw[0] == '"':
		return Answer{Given: true, Reason: p.text(name, raw)}
	}
	p.fail(name, raw, "true, false or a string")
	return Answer{}
}

// answer adds a, if there is one.
func (l *jsonList) answer(name string, a Answer) {
	switch {
	case !a.Given:
	case a.Granted || a.Reason == "":
		l.b = strconv.AppendBool(l.key(name), a.Granted)
	default:
		l.b = appendString(l.key(name), a.Reason)
	}
}

// Response returns r as the answer to the request id.
func (r *ConfigureResult) Response(id ID) *Response {
	o := jsonList{b: []byte{'{'}}
	o.answer(extVersionRolling, r.VersionRolling)
	if r.VersionRolling.Granted {
		o.b = appendHex32(o.key(keyMask), r.Mask)
		if r.MinBitCount != 0 {
			o.b = strconv.AppendInt(o.key(keyMinBitCount), int64(r.MinBitCount), 10)
		}
	}
	o.answer(extMinimumDifficulty, r.MinimumDifficulty)
	o.answer(extSubscribeExtranonce, r.SubscribeExtranonce)
	o.answer(extInfo, r.Info)
	for _, other := range r.Other {
		o.answer(other.Name, other.Answer)
	}
	return &Response{ID: id, Result: append(o.b, '}')}
}

// SetVersionMask is mining.set_version_mask: the bits that may be rolled, at
// once for new work. A mask of 0 ends rolling.
type SetVersionMask struct {
	ID   ID
	Mask uint32
}

// Method returns "mining.set_version_mask".
func (*SetVersionMask) Method() string { return "mining.set_version_mask" }

func (m *SetVersionMask) ident() ID { return m.ID }

func (m *SetVersionMask) decode(p *params) { m.Mask = p.mask("mask", p.next()) }

func (m *SetVersionMask) append(b []byte) ([]byte, error) {
	return append(appendHex32(appendCall(b, m.ID, m.Method()), m.Mask), "]}"...), nil
}
