package v1

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// hostile are values that stand in the place of every parameter in turn. Each
// kind of parameter lists those that it takes.
var hostile = []string{
	"null", "true", "false", "0", "1", "-1", "-0", "3.5", "16", "17", "32", "33", "65536", "2147483648", "9223372036854775808",
	"1e1", "1e300", "1e999", "-1e999", "1e-999", "NaN", "Infinity", "-Infinity",
	strings.Repeat("9", 400), "0." + strings.Repeat("0", 400) + "1",
	`""`, `"x"`, `"0"`, `"8"`, `"-1"`, `"0x1f"`, `"1f"`, `"abc"`, `"NaN"`, `"inf"`, `"1_000"`, `" 1"`, `"0x1p-2"`, `"true"`,
	`"0000000"`, `"00000000"`, `"1903a30c"`, `"ff123456"`, `"000000000"`, `"0000000g"`, `"\u0000"`,
	`"` + strings.Repeat("ab", 16) + `"`, `"` + strings.Repeat("ab", 17) + `"`, `"` + strings.Repeat("ab", 32) + `"`, `"` + strings.Repeat("ab", 33) + `"`, `"` + strings.Repeat("zz", 32) + `"`,
	`"` + strings.Repeat("ab", 2000) + `"`,
	"[]", "[[]]", "[1]", `["x"]`, `[["x","y"]]`, "{}", `{"x":1}`, `{"malgo":1}`, `{"suggested_target":"x"}`,
}

var (
	anyText   = isOneOf(func(v any) bool { s, ok := v.(string); return ok && len(s) <= 256 })
	anyString = isOneOf(func(v any) bool { _, ok := v.(string); return ok })
	orNull    = func(f accepts) accepts { return func(raw string) bool { return raw == "null" || f(raw) } }
	these     = func(raw ...string) accepts { return func(s string) bool { return slices.Contains(raw, s) } }
)

// accepts says whether a parameter takes a raw value.
type accepts func(raw string) bool

func isOneOf(f func(v any) bool) accepts {
	return func(raw string) bool {
		var v any
		return json.Unmarshal([]byte(raw), &v) == nil && f(v)
	}
}

// hexOf accepts an even number of hex digits, min to max bytes.
func hexOf(min, max int) accepts {
	return isOneOf(func(v any) bool {
		s, ok := v.(string)
		return ok && len(s)%2 == 0 && len(s)/2 >= min && len(s)/2 <= max && strings.Trim(s, "0123456789abcdef") == ""
	})
}

func TestEveryParameterWrong(t *testing.T) {
	hex8 := these(`"00000000"`, `"1903a30c"`, `"ff123456"`)
	hex64 := hexOf(32, 32)
	number := isOneOf(func(v any) bool { d, ok := v.(float64); return ok && d > 0 && d < 1e70 }) // 2^256 / diff1 is 2.7e67
	difficulty := func(raw string) bool {
		return number(raw) || raw == `"8"`
	}
	mask := these(`"0"`, `"8"`, `"1f"`, `"abc"`, `"0000000"`, `"00000000"`, `"1903a30c"`, `"ff123456"`)
	size := these("0", "1", "16", "-0")
	boolean := these("true", "false")

	for _, c := range []struct {
		method   string
		params   string
		required int // parameters that may not be missing
		takes    []accepts
	}{
		{"mining.notify", `["j","` + prevNotify + `","01","02",["` + leafHex + `"],"20000000","1903a30c","52c0ccfe",true]`, 9, []accepts{
			anyText, hex64, hexOf(0, 1<<20), hexOf(0, 1<<20), these("[]"), hex8, these(`"1903a30c"`), hex8, boolean}},
		{"mining.set_difficulty", `[1]`, 1, []accepts{difficulty}},
		{"mining.set_extranonce", `["ab",4]`, 2, []accepts{hexOf(0, 32), size}},
		{"mining.set_version_mask", `["1fffe000"]`, 1, []accepts{mask}},
		{"mining.set_goal", `["g",{"malgo":"x"}]`, 1, []accepts{anyText, these("null", "{}", `{"x":1}`, `{"suggested_target":"x"}`)}},
		{"mining.configure", `[["version-rolling"],{"version-rolling.mask":"1"}]`, 1, []accepts{these("[]", `["x"]`),
			orNull(isOneOf(func(v any) bool { _, ok := v.(map[string]any); return ok }))}},
		{"mining.subscribe", `["a","s"]`, 0, []accepts{orNull(anyText), orNull(anyText)}},
		{"mining.authorize", `["w","p"]`, 1, []accepts{anyText, orNull(anyText)}},
		{"mining.submit", `["w","j","ab","52c0ccfe","96ba035d","00002000"]`, 5, []accepts{anyText, anyText, hexOf(0, 16), hex8, hex8, orNull(hex8)}},
		{"mining.suggest_difficulty", `[1]`, 1, []accepts{difficulty}},
		{"mining.suggest_target", `["` + diff1Hex + `"]`, 1, []accepts{hex64}},
		{"mining.get_transactions", `["j"]`, 1, []accepts{anyText}},
		{"mining.capabilities", `[{}]`, 1, []accepts{these("{}", `{"x":1}`, `{"malgo":1}`)}},
		{"client.reconnect", `["h",1,1]`, 0, []accepts{orNull(isOneOf(func(v any) bool {
			s, ok := v.(string)
			return ok && len(s) < 256 && !strings.ContainsAny(s, " \x00")
		})), these("null", "0", "-0", `"0"`, `"0000000"`, `"00000000"`, `"000000000"`, "1", "16", "17", "32", "33", `"8"`), // ports
			func(raw string) bool {
				return slices.Contains([]string{"null", `"0"`, `"8"`, "-0"}, raw) || isOneOf(func(v any) bool { d, ok := v.(float64); return ok && d >= 0 && d <= math.MaxInt32 })(raw)
			}}},
		{"client.show_message", `["x"]`, 1, []accepts{anyString}},
		{"mining.ping", `[]`, 0, nil},
		{"client.get_version", `[]`, 0, nil},
		{"mining.extranonce.subscribe", `[]`, 0, nil},
	} {
		t.Run(c.method, func(t *testing.T) {
			var good []json.RawMessage
			if err := json.Unmarshal([]byte(c.params), &good); err != nil || len(good) != len(c.takes) {
				t.Fatal(err, len(good), len(c.takes))
			}
			check := func(params string, ok bool) {
				t.Helper()
				line := fmt.Sprintf(`{"id":77,"method":%q,"params":%s}`, c.method, params)
				checkLine(t, c.method, line, ok)
			}
			check(c.params, true)
			for i := range good { // missing, and everything after it
				b, _ := json.Marshal(good[:i])
				check(string(b), i >= c.required)
			}
			for i := range good {
				for _, raw := range hostile {
					changed := slices.Clone(good)
					changed[i] = json.RawMessage(raw)
					check(joinRaw(changed), c.takes[i](raw))
				}
			}
			check(joinRaw(append(slices.Clone(good), json.RawMessage(`{"extra":[]}`))), true)
			for _, raw := range []string{"true", "1", `"x"`, `{}`, `{"0":"j"}`} {
				check(raw, false) // params are an array
			}
			check("null", c.required == 0)
		})
	}
}

func joinRaw(values []json.RawMessage) string {
	parts := make([][]byte, len(values))
	for i, v := range values {
		parts[i] = v
	}
	return "[" + string(bytes.Join(parts, []byte(","))) + "]"
}

// checkLine reads line, and wants a message if ok, else an error that names the
// method and leaves the connection sound, unless it is a cap.
func checkLine(t *testing.T, method, line string, ok bool) {
	t.Helper()
	shown := line[:min(len(line), 300)]
	m, err := Parse([]byte(line), Limits{})
	if ok {
		if err != nil {
			t.Errorf("%s: %v, want a message", shown, err)
		} else if m.Method() != method {
			t.Errorf("%s: method %q", shown, m.Method())
		}
		return
	}
	var f *FieldError
	var l *LimitError
	switch {
	case errors.As(err, &f):
		if f.Method != method || f.ID != NumberID(77) || f.Field == "" || f.Found == "" || f.Want == "" {
			t.Errorf("%s: incomplete error %+v", shown, f)
		}
	case errors.As(err, &l):
		if !strings.HasPrefix(l.Where, method+": ") || l.Cap == "" || l.Max == 0 {
			t.Errorf("%s: incomplete error %+v", shown, l)
		}
	default:
		t.Errorf("%s: %T %v, want a FieldError or LimitError", shown, err, err)
	}
	if err != nil && len(err.Error()) > 400 {
		t.Errorf("%s: an error of %d bytes", shown, len(err.Error()))
	}
}

// The members of objects, which TestEveryParameterWrong does not reach.
func TestWrongMembers(t *testing.T) {
	configure := func(name, key, raw string) string {
		return fmt.Sprintf(`{"id":77,"method":"mining.configure","params":[[%q],{%q:%s}]}`, name, key, raw)
	}
	for _, c := range []struct {
		name, key string
		takes     accepts
	}{
		{"version-rolling", keyMask, these(`"0"`, `"8"`, `"1f"`, `"abc"`, `"0000000"`, `"00000000"`, `"1903a30c"`, `"ff123456"`)},
		{"version-rolling", keyMinBitCount, these("0", "1", "16", "17", "32", "-0",
			`"0"`, `"8"`, `"1f"`, `"0000000"`, `"00000000"`)},
		{"minimum-difficulty", keyMinimum, func(raw string) bool {
			zeroOrMore := isOneOf(func(v any) bool { d, ok := v.(float64); return ok && d >= 0 && d < 1e70 })
			return zeroOrMore(raw) || raw == `"0"` || raw == `"8"`
		}},
		{"info", "info.hw-id", anyText},
	} {
		for _, raw := range hostile {
			checkLine(t, "mining.configure", configure(c.name, c.key, raw), c.takes(raw))
		}
	}
	checkLine(t, "mining.configure", configure("minimum-difficulty", "x", "1"), false)
	for _, raw := range hostile {
		checkLine(t, "mining.capabilities", `{"id":77,"method":"mining.capabilities","params":[{"suggested_target":`+raw+`}]}`, hexOf(32, 32)(raw))
		checkLine(t, "mining.set_goal", `{"id":77,"method":"mining.set_goal","params":["g",{"malgo":`+raw+`}]}`, anyText(raw))
	}
}

// A password never shows in an error, wherever the client put it.
func TestPasswordNotShown(t *testing.T) {
	for _, params := range []string{`["w",["secret"]]`, `["w",{"p":"secret"}]`, `[["w","secret"]]`, `{"user":"w","pass":"secret"}`, `"secret"`} {
		_, err := Parse([]byte(`{"id":77,"method":"mining.authorize","params":`+params+`}`), Limits{})
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", params, err)
		}
	}
}
