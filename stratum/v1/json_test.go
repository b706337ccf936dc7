package v1

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestNotALine(t *testing.T) {
	for _, c := range []struct{ line, reason string }{
		{``, "not a JSON object: nothing"},
		{`[]`, "not a JSON object: []"},
		{`[{"id":1,"method":"mining.ping"}]`, "not a JSON object"},
		{`null`, "not a JSON object"},
		{`"x"`, "not a JSON object"},
		{"\x16\x03\x01\x02", `not a JSON object: \u0016\u0003\u0001\u0002`},
		{"HTTP/1.1 400 Bad Request", "not a JSON object: HTTP/1.1 400"},
		{"\ufeff{}", `not a JSON object: \ufeff{}`},
		{`{`, "ends where a key should stand"},
		{`{"id"`, "ends where a colon should stand"},
		{`{"id":`, "ends where a JSON value should stand"},
		{`{"id":1`, "ends where a comma or } should stand"},
		{`{"id":[1`, "ends where a comma or ] should stand"},
		{`{"id":1,`, "ends where a key should stand"},
		{`{"id":"x`, "ends where a closing quote should stand"},
		{`{"id":"\`, "ends where an escape should stand"},
		{`{"id":"\u00`, "ends where a hex digit should stand"},
		{`{"id":1,}`, "'}' at byte 8, want a key"},
		{`{"id":[1,]}`, "']' at byte 9, want a JSON value"},
		{`{"id":1]`, "']' at byte 7, want a comma or }"},
		{`{"id":[1}`, "'}' at byte 8, want a comma or ]"},
		{`{id:1}`, "'i' at byte 1, want a key"},
		{`{'id':1}`, `'\'' at byte 1, want a key`},
		{`{"id" 1}`, "'1' at byte 6, want a colon"},
		{`{"id":1}{"id":2}`, "'{' at byte 8, want the end of the line"},
		{`{"id":1} x`, "'x' at byte 9, want the end of the line"},
		{`{"id":16, garbage`, "'g' at byte 10, want a key"},
		{`{"id": 10, "result": null, "error": (21, "Job not found", null)}`, "'(' at byte 36, want a JSON value"},
		{`{"id":None}`, "'N' at byte 6, want a JSON value"},
		{`{"id":True}`, "'T' at byte 6, want a JSON value"},
		{`{"id":tru}`, "'t' at byte 6, want a JSON value"},
		{`{"id":01}`, "'1' at byte 7, want a comma or }"},
		{`{"id":+1}`, "'+' at byte 6, want a JSON value"},
		{`{"id":.5}`, "'.' at byte 6, want a JSON value"},
		{`{"id":1.}`, "'1' at byte 6, want a JSON value"},
		{`{"id":1e}`, "'1' at byte 6, want a JSON value"},
		{`{"id":-}`, "'-' at byte 6, want a JSON value"},
		{`{"id":0x1}`, "'x' at byte 7, want a comma or }"},
		{`{"id":"\x41"}`, "'x' at byte 8, want an escape"},
		{`{"id":"\u12g4"}`, "'g' at byte 11, want a hex digit"},
		{"{\"id\":\"a\tb\"}", `'\t' at byte 8, want an escape`},
		{"{\"id\":\"a\x00b\"}", `'\x00' at byte 8, want an escape`},
		{"{\"id\":\x00}", `'\x00' at byte 6, want a JSON value`},
		{"{\"id\":\"\xff\"}", "invalid UTF-8 at byte 7"},
		{"{\"id\":\"\xed\xa0\x80\"}", "invalid UTF-8 at byte 7"},
		{"{\"id\":1}\xc3", "invalid UTF-8 at byte 8"},
		{`{"id":1,"id":1}`, "key id twice in one object"},
		{`{"id":1,"\u0069d":1}`, "key id twice in one object"},
		{`{"":1,"":2}`, "key nothing twice in one object"},
		{`{"id":{"b":0,"a":1,"b":2}}`, "key b twice in one object"},
		{`{"id":[{"a":{"x":1},"b":{"x":1,"x":2}}]}`, "key x twice in one object"},
	} {
		_, err := Parse([]byte(c.line), Limits{})
		var p *ProtocolError
		if !errors.As(err, &p) || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: %v, want a ProtocolError with %s", c.line, err, c.reason)
		}
	}
	// The same key in different objects is no matter.
	if _, err := Parse([]byte(`{"id":1,"result":[{"id":1,"result":2},{"id":1}]}`), Limits{}); err != nil {
		t.Error(err)
	}
}

func TestCaps(t *testing.T) {
	notify := func(job, coinb1, coinb2, branch string) string {
		return fmt.Sprintf(`{"id":null,"method":"mining.notify","params":["%s","%s","%s","%s",[%s],"20000000","1903a30c","52c0ccfe",true]}`,
			job, prevNotify, coinb1, coinb2, branch)
	}
	hashes := func(n int) string { return strings.TrimSuffix(strings.Repeat(`"`+leafHex+`",`, n), ",") }
	nested := func(n int) string { // n levels with the outer object
		return `{"id":1,"result":` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + `}`
	}
	ping := `{"id":1,"method":"mining.ping","params":[]}`
	big := Limits{Line: 8 << 20}
	for _, c := range []struct {
		name, line string
		limits     Limits
		cap        string // "" if the line is within its caps
		max        int
	}{
		{"line at the cap", ping, Limits{Line: len(ping)}, "", 0},
		{"line", ping, Limits{Line: len(ping) - 1}, "line", len(ping) - 1},
		{"line by default", ping + strings.Repeat(" ", 1<<20), Limits{}, "line", 1 << 20},
		{"depth at the cap", nested(16), Limits{}, "", 0},
		{"depth", nested(17), Limits{}, "JSON depth", 16},
		{"many, not deep", `{"id":1,"result":[` + strings.Repeat(`[],{"a":{}},`, 50) + `0]}`, Limits{Depth: 4}, "", 0},
		{"depth set lower", nested(4), Limits{Depth: 3}, "JSON depth", 3},
		{"great depth", nested(100_000), Limits{}, "JSON depth", 16},
		{"depth of objects", `{"x":` + strings.Repeat(`{"a":`, 100_000), Limits{}, "JSON depth", 16},
		{"branch at the cap", notify("j", "", "", hashes(32)), Limits{}, "", 0},
		{"branch", notify("j", "", "", hashes(33)), Limits{}, "merkle branch", 32},
		{"branch set higher", notify("j", "", "", hashes(33)), Limits{Branch: 33}, "", 0},
		{"branch of nonsense", notify("j", "", "", strings.TrimSuffix(strings.Repeat(`"",`, 1000), ",")), Limits{}, "", -1},
		{"coinb1 at the cap", notify("j", strings.Repeat("ab", 512<<10), "", ""), big, "", 0},
		{"coinb1", notify("j", strings.Repeat("ab", 512<<10+1), "", ""), big, "coinbase part", 512 << 10},
		{"coinb2", notify("j", "", strings.Repeat("ab", 1<<20), ""), big, "coinbase part", 512 << 10},
		{"coinb2 set lower", notify("j", "ab", "abab", ""), Limits{Coinbase: 1}, "coinbase part", 1},
		{"coinbase of 2 MiB by default", notify("j", strings.Repeat("ab", 2<<20), "", ""), Limits{}, "line", 1 << 20},
		{"job id at the cap", notify(strings.Repeat("j", 256), "", "", ""), Limits{}, "", 0},
		{"job id", notify(strings.Repeat("j", 257), "", "", ""), Limits{}, "job id", 256},
		{"job id set lower", notify("jj", "", "", ""), Limits{JobID: 1}, "job id", 1},
		{"method", `{"id":1,"method":"` + strings.Repeat("m", 1025) + `"}`, Limits{}, "text", 1024},
		{"worker", `{"id":1,"method":"mining.authorize","params":["` + strings.Repeat("w", 1025) + `"]}`, Limits{}, "text", 1024},
		{"worker set higher", `{"id":1,"method":"mining.authorize","params":["` + strings.Repeat("w", 1025) + `"]}`, Limits{Text: 2000}, "", 0},
		{"message is free", `{"id":null,"method":"client.show_message","params":["` + strings.Repeat("w", 100_000) + `"]}`, Limits{}, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse([]byte(c.line), c.limits)
			var l *LimitError
			switch isLimit := errors.As(err, &l); {
			case c.max < 0 && (err == nil || isLimit):
				t.Errorf("%v, want a FieldError", err)
			case c.max == 0 && err != nil:
				t.Errorf("%v, want a message", err)
			case c.max > 0 && (!isLimit || l.Cap != c.cap || l.Max != c.max):
				t.Errorf("%v, want the %s cap of %d", err, c.cap, c.max)
			case c.max > 0 && !strings.Contains(err.Error(), fmt.Sprintf("%s cap of %d", c.cap, c.max)):
				t.Errorf("%q does not name the cap", err)
			}
		})
	}
}

// Lines made to be slow: they have to cost about as much as others of their
// length. A quadratic step would take minutes.
func TestNotSlow(t *testing.T) {
	const n = 100_000
	var keys strings.Builder
	for i := range n {
		fmt.Fprintf(&keys, `,"%x":0`, i)
	}
	for _, line := range []string{
		`{"id":1,"result":{"x":0` + keys.String() + `}}`,
		`{"id":1` + keys.String() + `,"result":true}`,
		`{"id":1,"result":[` + strings.Repeat("{},", n) + `0]}`,
		`{"id":1,"result":"` + strings.Repeat(`\u0041`, n) + `"}`,
		`{"id":1,"method":"mining.set_difficulty","params":[` + strings.Repeat("9", 9*n) + `]}`,
		`{"id":1,"method":"mining.set_difficulty","params":["0.` + strings.Repeat("0", 9*n) + `1"]}`,
		`{"id":1,"method":"mining.configure","params":[["info"],{"x":0` + keys.String() + `}]}`,
	} {
		m, err := Parse([]byte(line), Limits{Line: 4 << 20})
		var p *ProtocolError
		if errors.As(err, &p) {
			t.Errorf("%.40s: %v", line, err)
		}
		if r, ok := m.(*Response); ok {
			readAll(r)
		}
	}
}

// FuzzScan holds scan against encoding/json: apart from NaN, depth, equal keys
// and UTF-8, which encoding/json does not mind, the two accept the same lines.
func FuzzScan(f *testing.F) {
	for _, c := range canonical(f) {
		f.Add([]byte(c.line))
	}
	for _, raw := range hostile {
		f.Add([]byte(`{"x":` + raw + `,"y":[` + raw + `]}`))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		nan, err := scan(line, 100)
		var p *ProtocolError
		var l *LimitError
		switch {
		case err == nil && !nan:
			if !json.Valid(line) {
				t.Fatalf("%q is not JSON", line)
			}
			var members map[string]json.RawMessage
			if err := json.Unmarshal(line, &members); err != nil {
				t.Fatal(err)
			}
			n := 0
			for w := walk(line); w.more(); n++ {
				key := string(w.key())
				v := w.value()
				if string(v) != string(members[key]) {
					t.Fatalf("%q: member %q is %q, want %q", line, key, v, members[key])
				}
				if string(member(line, key)) != string(v) {
					t.Fatalf("%q: member(%q) is %q, want %q", line, key, member(line, key), v)
				}
			}
			if n != len(members) {
				t.Fatalf("%q: %d members, want %d", line, n, len(members))
			}
		case errors.As(err, &p):
			known := strings.Contains(p.Reason, "UTF-8") || strings.Contains(p.Reason, "twice") || strings.Contains(p.Reason, "not a JSON object")
			if json.Valid(line) && !known {
				t.Fatalf("%q is JSON, got %v", line, err)
			}
		case err != nil && !errors.As(err, &l):
			t.Fatalf("%q: %T %v", line, err, err)
		}
	})
}
