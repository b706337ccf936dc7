package v1

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// answer parses {"id":5,…}.
func answer(t *testing.T, members string) *Response {
	t.Helper()
	m, err := Parse([]byte(`{"id":5,`+members+`}`), Limits{})
	if err != nil {
		t.Fatalf("%s: %v", members, err)
	}
	return m.(*Response)
}

func TestErrorShapes(t *testing.T) {
	for _, c := range []struct {
		members string
		want    *Error
	}{
		{`"result":true,"error":null`, nil},
		{`"result":true`, nil},
		{`"result":true,"error":[]`, nil},
		{`"result":true,"error":{}`, nil},
		{`"result":true,"error":""`, nil},
		{`"result":true,"error":false`, nil},
		{`"result":true,"error":0`, nil},
		{`"result":false,"error":null`, nil},
		{`"result":null,"error":[21,"Job not found",null]`, &Error{21, "Job not found"}},
		{`"result":false,"error":[ -32601 , "method not found" ]`, &Error{-32601, "method not found"}},
		{`"result":null,"error":[23,"Difficulty too low",""]`, &Error{23, "Difficulty too low"}},
		{`"result":null,"error":["22","Duplicate"]`, &Error{22, "Duplicate"}},
		{`"result":null,"error":[20]`, &Error{20, ""}},
		{`"result":null,"error":[null,"x"]`, &Error{0, "x"}},
		{`"result":null,"error":["Job not found"]`, &Error{0, "Job not found"}},
		{`"result":null,"error":[20,{"why":"x"}]`, &Error{20, ""}},
		{`"result":null,"error":[[1]]`, &Error{0, "[[1]]"}},
		{`"result":null,"error":[99999999999,"x"]`, &Error{0, "x"}},
		{`"result":null,"error":[2.5]`, &Error{0, "[2.5]"}},
		{`"result":null,"error":{"code":24,"message":"Unauthorized","data":1}`, &Error{24, "Unauthorized"}},
		{`"result":null,"error":{"message":"x"}`, &Error{0, "x"}},
		{`"result":null,"error":{"why":"x"}`, &Error{0, `{"why":"x"}`}},
		{`"result":null,"error":"Job \u001bnot found"`, &Error{0, "Job \x1bnot found"}},
		{`"result":null,"error":true`, &Error{0, "true"}},
		{`"result":null,"error":21`, &Error{0, "21"}},
		{`"reject-reason":"Above target","result":false,"error":null`, &Error{0, "Above target"}},
		{`"reject-reason":"Above target","result":false,"error":[23,"",null]`, &Error{23, "Above target"}},
		{`"reject-reason":"Above target","result":false,"error":[23,"low",null]`, &Error{23, "low"}},
		{`"reject-reason":"nonsense","result":true,"error":null`, nil},
		{`"reject-reason":"","result":false,"error":null`, nil},
		{`"result":null,"error":[0,"",null]`, &Error{0, ""}},
		{`"result":null,"error":[null,""]`, &Error{0, ""}},
		{`"reject-reason":null,"result":false,"error":null`, nil},
		{`"reject-reason":7,"result":false,"error":null`, nil},
		{`"error":"x"`, &Error{0, "x"}},
	} {
		if got := answer(t, c.members).Error; !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: error %#v, want %#v", c.members, got, c.want)
		}
	}
	for e, want := range map[Error]string{
		{}:                             "refused without a reason",
		{Code: 23}:                     "refused with code 23",
		{Message: "a\x1b[2J\nb"}:       "a b",
		{21, "stale"}:                  "stale (code 21)",
		{1, strings.Repeat("x", 5000)}: strings.Repeat("x", 253) + "… (code 1)",
	} {
		if got := e.Error(); got != want {
			t.Errorf("%#v says %q, want %q", e, got, want)
		}
	}
}

// TestErrorForms: in which dialect an error was written is known, and it can be
// written in it again.
func TestErrorForms(t *testing.T) {
	for _, c := range []struct {
		members string
		want    ErrorForm
		line    string
	}{
		{`"result":null,"error":[21,"Job not found"]`, ErrorList, `{"id":5,"result":null,"error":[21,"Job not found",null]}`},
		{`"error":{"message":"stale","code":21}`, ErrorObject, `{"id":5,"result":null,"error":{"code":21,"message":"stale"}}`},
		{`"result":null,"error":"no"`, ErrorText, `{"id":5,"result":null,"error":"no"}`},
		{`"result":null,"error":21`, ErrorText, `{"id":5,"result":null,"error":"21"}`},
		{`"reject-reason":"Above target","result":false,"error":null`, ErrorReason,
			`{"id":5,"result":false,"error":null,"reject-reason":"Above target"}`},
		{`"result":false,"error":null`, ErrorList, `{"id":5,"result":false,"error":null}`},
		{`"result":true,"error":{}`, ErrorList, `{"id":5,"result":true,"error":null}`},
	} {
		r := answer(t, c.members)
		if r.Form != c.want {
			t.Errorf("%s: form %d, want %d", c.members, r.Form, c.want)
		}
		b, err := Append(nil, r)
		if err != nil || string(b) != c.line {
			t.Errorf("%s: written %s, %v; want %s", c.members, b, err, c.line)
		}
	}
}

func TestNoAnswer(t *testing.T) {
	for _, line := range []string{`{}`, `{"id":5}`, `{"id":5,"params":[]}`, `{"id":5,"method":null}`, `{"id":5,"method":7,"params":[]}`,
		`{"id":5,"method":{},"result":1}`, `{"id":5,"result":NaN}`, `{"id":5,"result":null,"error":[NaN]}`, `{"id":5,"method":"x","params":[Infinity]}`} {
		m, err := Parse([]byte(line), Limits{})
		var f *FieldError
		if !errors.As(err, &f) {
			t.Errorf("%s: %v, %v; want a FieldError", line, m, err)
		}
	}
}

// outcome puts the error of a helper into a word.
func outcome(err error) string {
	var e *Error
	var f *FieldError
	var l *LimitError
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &e):
		return "refused"
	case errors.As(err, &f):
		if f.ID != NumberID(5) || f.Found == "" || f.Want == "" {
			return "incomplete " + f.Error()
		}
		return "field " + f.Field
	case errors.As(err, &l):
		return "cap " + l.Cap
	}
	return err.Error()
}

func TestAccepted(t *testing.T) {
	for members, want := range map[string]string{
		`"result":true,"error":null`:         "ok",
		`"result":true,"error":[20,"x",0]`:   "refused",
		`"result":false,"error":null`:        "refused",
		`"result":null,"error":null`:         "refused",
		`"error":null`:                       "refused",
		`"result":null,"error":[25,"x",0]`:   "refused",
		`"result":0,"error":null`:            "field result",
		`"result":"true","error":null`:       "field result",
		`"result":[],"error":null`:           "field result",
		`"result":{"a":1},"error":null`:      "field result",
		`"result":false,"reject-reason":"x"`: "refused",
	} {
		if got := outcome(answer(t, members).Accepted()); got != want {
			t.Errorf("%s: %s, want %s", members, got, want)
		}
	}
	for _, raw := range []string{" true ", "\ttrue"} { // made by hand
		if err := (&Response{Result: json.RawMessage(raw)}).Accepted(); err != nil {
			t.Errorf("%q: %v", raw, err)
		}
	}
	for _, raw := range []string{"[", `[[],"x`, `{"x":`, "tru"} {
		if _, err := (&Response{ID: NumberID(5), Result: json.RawMessage(raw)}).Subscribe(Limits{}); outcome(err) != "field result" {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

func TestTextAnswer(t *testing.T) {
	for raw, want := range map[string]string{`"pong"`: "ok", `""`: "ok", `true`: "field result", `null`: "refused", `["pong"]`: "field result"} {
		if _, err := answer(t, `"result":`+raw).Text(); outcome(err) != want {
			t.Errorf("%s: %v, want %s", raw, err, want)
		}
	}
	if s, _ := answer(t, `"result":"p\u006fng"`).Text(); s != "pong" {
		t.Errorf("got %q", s)
	}
}

func TestTransactionsAnswer(t *testing.T) {
	for raw, want := range map[string]string{
		`[]`: "ok", `["0102","AB"]`: "ok", `0`: "field transactions", `["012"]`: "field transactions",
		`["zz"]`: "field transactions", `[1]`: "field transactions", `{}`: "field transactions", `false`: "refused",
	} {
		if _, err := answer(t, `"result":`+raw).Transactions(); outcome(err) != want {
			t.Errorf("%s: %v, want %s", raw, err, want)
		}
	}
	want := [][]byte{{1, 2}, {0xab}}
	if got, err := answer(t, `"result":["0102","AB"]`).Transactions(); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %x, %v", got, err)
	}
}

func TestSubscribeAnswer(t *testing.T) {
	nested := `[["mining.set_difficulty","1"],["mining.notify","2"]]`
	for _, c := range []struct {
		result  string
		want    string
		session string
		n2      int
	}{
		{`[` + nested + `,"08000002",4]`, "ok", "2", 4},
		{`[` + nested + `,"08000002",4,"more",{}]`, "ok", "2", 4},
		{`[["mining.notify","ae68"],"08000002",0]`, "ok", "ae68", 0}, // a flat pair
		{`[["mining.notify","ae68","EthereumStratum/1.0.0"],"AB",16]`, "ok", "ae68", 16},
		{`[["mining.set_difficulty","x"],"",16]`, "ok", "x", 16},
		{`[[["mining.notify",7]],"ab",8]`, "ok", "7", 8},
		{`[[["mining.notify",null]],"ab",8]`, "ok", "", 8},
		{`[[["mining.notify"]],"ab",8]`, "ok", "", 8},
		{`[["mining.notify"],"ab",8]`, "ok", "", 8},
		{`[[],"ab",8]`, "ok", "", 8},
		{`[null,"ab",8]`, "ok", "", 8},
		{`[[],"` + strings.Repeat("ab", 32) + `",8]`, "ok", "", 8},

		{`[[[]],"ab",8]`, "field subscriptions", "", 0},
		{`[[[7,"x"]],"ab",8]`, "field subscriptions", "", 0},
		{`[[["mining.notify",[]]],"ab",8]`, "field subscription id", "", 0},
		{`[[["mining.notify","x"],7],"ab",8]`, "field subscriptions", "", 0},
		{`[[["mining.notify","x"],"y"],"ab",8]`, "field subscriptions", "", 0},
		{`["x","ab",8]`, "field subscriptions", "", 0},
		{`[{},"ab",8]`, "field subscriptions", "", 0},
		{`[[["mining.notify","` + strings.Repeat("x", 1025) + `"]],"ab",8]`, "cap text", "", 0},
		{`[[],"abc",8]`, "field extranonce1", "", 0},
		{`[[],"zz",8]`, "field extranonce1", "", 0},
		{`[[],"0xab",8]`, "field extranonce1", "", 0},
		{`[[],7,8]`, "field extranonce1", "", 0},
		{`[[],null,8]`, "field extranonce1", "", 0},
		{`[[],"` + strings.Repeat("ab", 33) + `",8]`, "field extranonce1", "", 0},
		{`[[],"ab"]`, "field extranonce2_size", "", 0},
		{`[[],"ab",-1]`, "field extranonce2_size", "", 0},
		{`[[],"ab",17]`, "field extranonce2_size", "", 0},
		{`[[],"ab",2147483648]`, "field extranonce2_size", "", 0},
		{`[[],"ab",9223372036854775808]`, "field extranonce2_size", "", 0},
		{`[[],"ab",18446744073709551620]`, "field extranonce2_size", "", 0},
		{`[[],"ab","8"]`, "field extranonce2_size", "", 0},
		{`[[],"ab",3.5]`, "field extranonce2_size", "", 0},
		{`[[],"ab",4.0]`, "field extranonce2_size", "", 0},
		{`[[],"ab",null]`, "field extranonce2_size", "", 0},
		{`[[],"ab",[4]]`, "field extranonce2_size", "", 0},
		{`[[]]`, "field extranonce1", "", 0},
		{`[]`, "field extranonce1", "", 0},
		{`{}`, "field result", "", 0},
		{`true`, "field result", "", 0},
		{`"x"`, "field result", "", 0},
		{`false`, "refused", "", 0},
		{`null`, "refused", "", 0},
	} {
		got, err := answer(t, `"result":`+c.result).Subscribe(Limits{})
		if outcome(err) != c.want {
			t.Errorf("%s: %v, want %s", c.result, err, c.want)
			continue
		}
		if err == nil && (got.Session() != c.session || got.Extranonce2Size != c.n2) {
			t.Errorf("%s: session %q, size %d; want %q, %d", c.result, got.Session(), got.Extranonce2Size, c.session, c.n2)
		}
	}
	if _, err := answer(t, `"result":null,"error":[20,"no",null]`).Subscribe(Limits{}); err == nil || err.Error() != "no (code 20)" {
		t.Errorf("got %v", err)
	}
	for _, want := range []*SubscribeResult{
		{Subscriptions: []Subscription{{"mining.set_difficulty", "1"}, {"mining.notify", "2"}}, Extranonce1: []byte{8, 0, 0, 2}, Extranonce2Size: 4},
		{Subscriptions: []Subscription{{"mining.notify", "2"}}, Extranonce1: []byte{8}, Extranonce2Size: 4, Flat: true},
	} {
		got, err := want.Response(NumberID(5)).Subscribe(Limits{})
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
	}
}

func TestConfigureAnswer(t *testing.T) {
	for _, c := range []struct {
		result string
		err    string
		want   ConfigureResult
	}{
		{`{}`, "ok", ConfigureResult{}},
		{`{"version-rolling":true,"version-rolling.mask":"1fffe000"}`, "ok", ConfigureResult{VersionRolling: Granted, Mask: 0x1fffe000}},
		{`{"version-rolling.mask":"e000","version-rolling":true,"version-rolling.min-bit-count":3}`, "ok",
			ConfigureResult{VersionRolling: Granted, Mask: 0xe000, MinBitCount: 3}},
		{`{"version-rolling":true,"version-rolling.mask":"1fffe000","version-rolling.min-bit-count":"00000010","minimum-difficulty":false}`, "ok",
			ConfigureResult{VersionRolling: Granted, Mask: 0x1fffe000, MinBitCount: 16, MinimumDifficulty: Refused}}, // translator_sv2 0.6.0
		{`{"version-rolling":true,"version-rolling.mask":"e000","version-rolling.min-bit-count":"21"}`, "field version-rolling.min-bit-count", ConfigureResult{}},
		{`{"version-rolling":false,"version-rolling.mask":7}`, "ok", ConfigureResult{VersionRolling: Refused}},
		{`{"version-rolling":"not here"}`, "ok", ConfigureResult{VersionRolling: Answer{Given: true, Reason: "not here"}}},
		{`{"minimum-difficulty":true,"subscribe-extranonce":true,"info":false,"x":"y","x.z":{}}`, "ok",
			ConfigureResult{MinimumDifficulty: Granted, SubscribeExtranonce: Granted, Info: Refused, Other: []OtherAnswer{{"x", Answer{Given: true, Reason: "y"}}}}},

		{`{"version-rolling":true}`, "field version-rolling.mask", ConfigureResult{}},
		{`{"version-rolling":true,"version-rolling.mask":"123456789"}`, "field version-rolling.mask", ConfigureResult{}},
		{`{"version-rolling":true,"version-rolling.mask":""}`, "field version-rolling.mask", ConfigureResult{}},
		{`{"version-rolling":true,"version-rolling.mask":"-1"}`, "field version-rolling.mask", ConfigureResult{}},
		{`{"version-rolling":true,"version-rolling.mask":"0x1fff"}`, "field version-rolling.mask", ConfigureResult{}},
		{`{"version-rolling":true,"version-rolling.mask":536862720}`, "field version-rolling.mask", ConfigureResult{}},
		{`{"version-rolling":true,"version-rolling.mask":"e000","version-rolling.min-bit-count":33}`, "field version-rolling.min-bit-count", ConfigureResult{}},
		{`{"version-rolling":1}`, "field version-rolling", ConfigureResult{}},
		{`{"minimum-difficulty":null}`, "field minimum-difficulty", ConfigureResult{}},
		{`{"subscribe-extranonce":[]}`, "field subscribe-extranonce", ConfigureResult{}},
		{`{"info":{}}`, "field info", ConfigureResult{}},
		{`{"info":"` + strings.Repeat("x", 1025) + `"}`, "cap text", ConfigureResult{}},
		{`{"x":3}`, "field x", ConfigureResult{}},
		{`[]`, "field result", ConfigureResult{}},
		{`true`, "field result", ConfigureResult{}},
		{`false`, "refused", ConfigureResult{}},
		{`null`, "refused", ConfigureResult{}},
	} {
		got, err := answer(t, `"result":`+c.result).Configure(Limits{})
		if outcome(err) != c.err {
			t.Errorf("%s: %v, want %s", c.result, err, c.err)
		} else if err == nil && !reflect.DeepEqual(*got, c.want) {
			t.Errorf("%s: %+v, want %+v", c.result, *got, c.want)
		}
	}
}

// Nothing that a server can answer makes a helper panic, whatever was asked.
func TestAnyAnswer(t *testing.T) {
	for _, raw := range hostile {
		m, err := Parse(fmt.Appendf(nil, `{"id":5,"result":%s}`, raw), Limits{})
		if err != nil {
			continue // NaN and the like
		}
		readAll(m.(*Response))
	}
}

// readAll reads r as the answer to every request.
func readAll(r *Response) {
	r.Accepted()
	r.Text()
	r.Transactions()
	r.Subscribe(Limits{})
	r.Configure(Limits{})
}
