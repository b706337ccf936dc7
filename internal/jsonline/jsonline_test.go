package jsonline

import (
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// What a peer wrote comes out as it was for a program, and as nothing that a
// terminal would obey.
func TestNothingForATerminalToObey(t *testing.T) {
	const hostile = "a\x1b[2J\u009b2J\x7f\u202eb\u2028\U000e0001c\t<é世🙂>"
	for name, add := range map[string]func([]byte, any) ([]byte, error){"Append": Append, "AppendIndented": AppendIndented} {
		b, err := add([]byte("x"), map[string]string{hostile: hostile})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range string(b) {
			if r != '\n' && !Harmless(r) {
				t.Errorf("%s: %q is in %q", name, r, b)
			}
		}
		var back map[string]string
		if err := json.Unmarshal(b[1:], &back); err != nil || back[hostile] != hostile {
			t.Errorf("%s: got back %q, %v; want %q", name, back, err, hostile)
		}
		if !strings.Contains(string(b), "<é世🙂>") {
			t.Errorf("%s: %q escapes more than it has to", name, b)
		}
	}
	if b, err := Append([]byte("x"), func() {}); err == nil || string(b) != "x" {
		t.Errorf("a function as JSON: %q, %v", b, err)
	}
}

func TestParts(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string // key=value
	}{
		{`{}`, nil},
		{` [ ] `, nil},
		{`{"id": 1 ,"params" : [ "a", {"b":[]} ],"id":null}`, []string{"id=1", `params=[ "a", {"b":[]} ]`, "id=null"}},
		{`[ "a\"]" , -1.50e3,true , {"x" : 1} ]`, []string{`="a\"]"`, "=-1.50e3", "=true", `={"x" : 1}`}},
		{`{"\u0069d":18446744073709551616}`, []string{"id=18446744073709551616"}},
		{"{\"a\xff\":\"\xff\"}", []string{"a\ufffd=\"\xff\""}},
	} {
		parts, err := Parts([]byte(c.text))
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
		}
		var got []string
		for _, p := range parts {
			got = append(got, p.Key+"="+string(p.Of([]byte(c.text))))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.text, got, c.want)
		}
	}
	for _, bad := range []string{"", " ", "1", `"a"`, "{", "[", `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `[1,`, `[1 2]`, `{1:2}`, `{} x`, `{}{}`, `[]]`, `{"a":01}`, "[\"\n\"]"} {
		if parts, err := Parts([]byte(bad)); err == nil {
			t.Errorf("%q: %v, want an error", bad, parts)
		}
	}
}

// FuzzParts: what is found is what encoding/json sees, and stands where it is
// said to.
func FuzzParts(f *testing.F) {
	f.Add([]byte(`{"id": 1,"method":"mining.authorize","params":["a","b"]}`))
	f.Add([]byte(`[1,"",null,{},[]]`))
	f.Add([]byte("{\"\\ud800\":\"\xff\"} "))
	f.Fuzz(func(t *testing.T, text []byte) {
		parts, err := Parts(text)
		if err != nil {
			return
		}
		if !json.Valid(text) {
			t.Fatalf("%q is no JSON and has parts", text)
		}
		end := 0
		for _, p := range parts {
			if p.Start < end || p.End <= p.Start || p.End > len(text) || !json.Valid(p.Of(text)) {
				t.Fatalf("%q: part %+v", text, p)
			}
			end = p.End
		}
		var list []json.RawMessage
		if json.Unmarshal(text, &list) == nil && len(list) != len(parts) {
			t.Fatalf("%q: %d parts, want %d", text, len(parts), len(list))
		}
		for i := range list {
			if string(list[i]) != string(parts[i].Of(text)) {
				t.Fatalf("%q: part %d is %q, want %q", text, i, parts[i].Of(text), list[i])
			}
		}
	})
}

func TestAppendAttr(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600))
	var b []byte
	for i, a := range []slog.Attr{
		slog.Float64("nan", math.NaN()), slog.Float64("inf", math.Inf(-1)), slog.Float64("f", 1.5), slog.Uint64("n", 1<<63),
		slog.Duration("d", 1500*time.Millisecond), slog.Time("t", at), slog.Any("err", errors.New("no\x1b")),
		slog.Any("func", func() {}), slog.Any("list", []string{"a"}), slog.Bool("ok\u202e", true),
	} {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendAttr(b, a)
	}
	const want = `"nan":null,"inf":null,"f":1.5,"n":9223372036854775808,"d":"1.5s","t":"2026-01-02T02:04:05.000000006Z","err":"no\u001b",` +
		`"func":null,"list":["a"],"ok\u202e":true`
	if string(b) != want {
		t.Errorf("got  %s\nwant %s", b, want)
	}
}
