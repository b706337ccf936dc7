package configfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// show writes a value in one line, each part with its line.
func show(v *Value) string {
	var b strings.Builder
	switch v.Kind {
	case Text:
		fmt.Fprintf(&b, "%q@%d", v.Text, v.Line)
	case Plain:
		fmt.Fprintf(&b, "%s@%d", v.Text, v.Line)
	case List:
		b.WriteByte('[')
		for i, item := range v.Items {
			if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(show(item))
		}
		b.WriteByte(']')
	case Table:
		b.WriteByte('{')
		for i, k := range v.Keys {
			if i > 0 {
				b.WriteByte(' ')
			}
			fmt.Fprintf(&b, "%s@%d=%s", k.Name, k.Line, show(k.Value))
		}
		b.WriteByte('}')
	}
	return b.String()
}

func TestParse(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"empty", "", "{}"},
		{"comments", "# nothing\n\n", "{}"},
		{"byte order mark", "\xef\xbb\xbfa = true", "{a@1=true@1}"},
		{"line ends of Windows", "a = 1\r\nb = 2\r\n", "{a@1=1@1 b@2=2@2}"},
		{"scalars", "a = 1_000\nb = -0.5\nc = 'x'\nd = \"t\\n\"\n", `{a@1=1000@1 b@2=-0.5@2 c@3="x"@3 d@4="t\n"@4}`},
		{"tables", "[mine]\nthreads = 3\n[pool]\nlisten = ':1'", `{mine@1={threads@2=3@2} pool@3={listen@4=":1"@4}}`},
		{"a table of tables alone", "[a.b]\nc = 1", "{a@1={b@1={c@2=1@2}}}"},
		{"dotted", "a.b = 1\na.c = 2\n", "{a@1={b@1=1@1 c@2=2@2}}"},
		{"list over lines", "l = [\n 1,\n 'x',\n]\n", `{l@1=[1@2 "x"@3]}`},
		{"text over lines", "a = \"\"\"\nx\ny\"\"\"\nb = 1", `{a@1="x\ny"@1 b@4=1@4}`},
		{"list of tables", "[[mine.pools]]\nurl = 'a'\n[[mine.pools]]\nurl = 'b'\n[mine.pools.tls]\nca = 'c'",
			`{mine@1={pools@1=[{url@2="a"@2} {url@4="b"@4 tls@5={ca@6="c"@6}}]}}`},
		{"tables in lines", "pools = [{url = 'a'},\n{url = 'b', tls.ca = 'c'}]",
			`{pools@1=[{url@1="a"@1} {url@2="b"@2 tls@2={ca@2="c"@2}}]}`},
	} {
		v, err := Parse([]byte(test.in))
		if err != nil || show(v) != test.want {
			t.Errorf("%s: got %v, %v\nwant %s", test.name, v, err, test.want)
			if v != nil {
				t.Log(show(v))
			}
		}
	}
}

func TestMistakes(t *testing.T) {
	for _, test := range []struct {
		name, in string
		line     int
		text     string
	}{
		{"twice", "a = 1\na = 2", 2, "already defined"},
		{"table twice", "[a]\nb = 1\n[a]\n", 3, "already exists"},
		{"no value", "\na =", 2, "expected value"},
		{"no quotes", "a = [1,\n pool.example.org]", 2, "a text stands in quotes"},
		{"two in a line", "a = 3 b = 4", 1, "expected newline"},
		{"no end", "a = \"x\ny\"", 1, "new lines"},
		{"not UTF-8", "a = \"\xff\"", 1, "utf-8"},
		{"a date", "a = 1\nb = 2020-01-01", 2, "put it in quotes"},
		{"deep lists", "a = 1\nb = " + strings.Repeat("[", 1000), 2, "16 deep"},
		{"deep keys", "a = 1\n" + strings.Repeat("b.", 100) + "b = 1", 2, "101 deep"},
		{"deep tables", "a = 1\n[" + strings.Repeat("b.", 100) + "b]", 2, "deep"},
	} {
		v, err := Parse([]byte(test.in))
		var bad *Error
		if !errors.As(err, &bad) || bad.Line != test.line || !strings.Contains(strings.ToLower(bad.Text), test.text) {
			t.Errorf("%s: got %v, %v; want line %d and %q", test.name, v, err, test.line, test.text)
		}
	}
	if _, err := Parse(make([]byte, mostBytes+1)); err == nil || !strings.Contains(err.Error(), "more than 262144 bytes") {
		t.Errorf("a giant: %v", err)
	}
}

func TestStrings(t *testing.T) {
	v, err := Parse([]byte("a = 'x'\nb = [1, 'y']\nc = [[1]]\nd = {e = 1}\nf = []"))
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"a": "[x]", "b": "[1 y]", "f": "[]", "c": "line 3", "d": "line 4"} {
		texts, err := v.Lookup(key).Strings()
		got := fmt.Sprint(texts)
		if err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %s, want %s", key, got, want)
		}
	}
}

func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gominer.toml")
	if _, err := Read(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(path, []byte("a = 1"), 0o600); err != nil {
		t.Fatal(err)
	}
	if v, err := Read(path); err != nil || show(v) != "{a@1=1@1}" {
		t.Errorf("got %v, %v", v, err)
	}
	if _, err := Read(filepath.Dir(path)); err == nil {
		t.Error("a directory was read")
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "a = 1", "[mine]\nthreads = 3\n[[mine.pools]]\nurl = 'a'\n[[mine.pools]]\nurl = \"b\"\n[mine.pools.tls]\nca = '''c'''",
		"pools = [{url = 'a', x.y = [1, [2]]}, {}]\r\n", "a = 2020-01-01T00:00:00Z", "a = 0x_1", "\xef\xbb\xbf[a.\"b c\"]\n'' = nan", "[[a]]\n[[a.b]]\n[a.b.c]",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := Parse(data)
		if (v == nil) == (err == nil) {
			t.Fatalf("got %v, %v", v, err)
		}
		var bad *Error
		lines := strings.Count(string(data), "\n") + 1
		if errors.As(err, &bad) && (bad.Line < 1 || bad.Line > lines) {
			t.Fatalf("line %d of %d: %v", bad.Line, lines, err)
		}
		if v != nil {
			check(t, v, lines, 0)
		}
	})
}

// check looks for what no tree may have.
func check(t *testing.T, v *Value, lines, depth int) {
	if v.Line < 1 || v.Line > lines || depth > 4*mostDepth {
		t.Fatalf("line %d of %d, depth %d", v.Line, lines, depth)
	}
	seen := make(map[string]bool)
	for _, k := range v.Keys {
		if seen[k.Name] || k.Line < 1 || k.Line > lines {
			t.Fatalf("key %q of line %d comes twice or from nowhere", k.Name, k.Line)
		}
		seen[k.Name] = true
		check(t, k.Value, lines, depth+1)
	}
	for _, item := range v.Items {
		check(t, item, lines, depth+1)
	}
}
