package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"gominer/internal/chain"
	"gominer/stratum/v1"
)

// explained returns what decode says of an input.
func explained(t *testing.T, kind, input string) *explanation {
	t.Helper()
	e, err := (&decoder{}).decode(kind, input)
	if err != nil {
		t.Fatalf("%.60s: %v", input, err)
	}
	return e
}

// field returns the value of the first field of that name.
func (e *explanation) field(name string) string {
	for _, f := range e.Fields {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

func TestGuessKind(t *testing.T) {
	for input, want := range map[string]string{
		"1d00ffff":                      "nbits",
		"0x1d00ffff":                    "nbits",
		strings.Repeat("0", 64):         "target",
		strings.Repeat("0", 160):        "header",
		strings.Repeat("0", 200):        "coinbase",
		"1":                             "difficulty",
		"0.001":                         "difficulty",
		"1e-9":                          "difficulty",
		"1e12":                          "difficulty",
		"86388558925171":                "difficulty",
		`{"id":1}`:                      "line",
		`["1"]`:                         "notify",
		"":                              "",
		"hello":                         "",
		"0x":                            "",
		strings.Repeat("0", 160) + " x": "",
	} {
		if got := guessKind(input); got != want {
			t.Errorf("guessKind(%.20q) = %q, want %q", input, got, want)
		}
	}
}

// The numbers are those of BIP and developer documents: the genesis block and
// the difficulty of block 277647.
func TestDecodeNumbers(t *testing.T) {
	for _, test := range []struct{ kind, input, field, want string }{
		{"", "1d00ffff", "target", "00000000ffff0000000000000000000000000000000000000000000000000000"},
		{"", "1b0404cb", "target", "00000000000404cb000000000000000000000000000000000000000000000000"},
		{"", "1b0404cb", "difficulty", "16307.42 (16.3k)"},
		{"", "207fffff", "work", "one hash in 2 (2^1.0) meets it"},
		{"nbits", "04123456", "canonical form", ""},
		{"nbits", "01123456", "canonical form", "01120000"},
		{"target", strings.Repeat("f", 64), "work", "one hash in 1 (2^0.0) meets it"},
		{"target", "00000000ffff0000000000000000000000000000000000000000000000000000", "nbits", "1d00ffff"},
		{"target", "00000000ffff0000000000000000000000000000000000000000000000000001", "nbits", "1d00ffff, rounded down"},
		{"difficulty", "1e-9", "nbits", "203b9a8e, rounded down"}, // 0xffff × 10^9 = 0x3b9a8e643600,
		{"difficulty", "1", "target", "00000000ffff0000000000000000000000000000000000000000000000000000"},
		{"difficulty", "9007199254740993", "difficulty", "9007199254740992 (9.01P)"},
	} {
		if got := explained(t, test.kind, test.input).field(test.field); got != test.want {
			t.Errorf("%s %s: %s is %q, want %q", test.kind, test.input, test.field, got, test.want)
		}
	}
}

func TestSplitCoinbase(t *testing.T) {
	build := chain.Coinbase{
		Height: 840000, ExtranonceSize: 12, Tag: "/test/",
		Outputs: []chain.TxOut{{Value: 312500000, Script: make([]byte, 22)}},
	}
	prefix, suffix, err := build.Split()
	if err != nil {
		t.Fatal(err)
	}
	tx, size, ok := splitCoinbase(prefix, suffix)
	if !ok || size != 12 {
		t.Fatalf("size %d, %v; want 12", size, ok)
	}
	if h, ok := tx.CoinbaseHeight(); !ok || h != 840000 {
		t.Errorf("height %d, %v; want 840000", h, ok)
	}
	if _, _, ok := splitCoinbase(prefix, suffix[:len(suffix)-1]); ok {
		t.Error("a coinbase without its last byte is one")
	}
}

func TestBranchNote(t *testing.T) {
	for n, want := range map[int]string{
		0: "the block has no other transaction", 1: "2 transactions with the coinbase",
		2: "3 to 4 transactions with the coinbase", 12: "2 049 to 4 096 transactions with the coinbase",
	} {
		if got := branchNote(n); got != want {
			t.Errorf("branchNote(%d) = %q, want %q", n, got, want)
		}
	}
}

// TestEveryMethodIsExplained holds the table of calls against the codec.
func TestEveryMethodIsExplained(t *testing.T) {
	for _, line := range []string{
		`{"id":1,"method":"mining.configure","params":[["version-rolling","minimum-difficulty","info","x"],{"version-rolling.mask":"1fffe000","version-rolling.min-bit-count":2,"minimum-difficulty.value":2,"info.sw-version":"s"}]}`,
		`{"id":1,"method":"mining.subscribe","params":["agent","session"]}`,
		`{"id":1,"method":"mining.authorize","params":["worker","secret"]}`,
		`{"id":1,"method":"mining.extranonce.subscribe","params":[]}`,
		`{"id":1,"method":"mining.suggest_difficulty","params":[0.5]}`,
		`{"id":1,"method":"mining.suggest_target","params":["00000000ffff0000000000000000000000000000000000000000000000000000"]}`,
		`{"id":1,"method":"mining.get_transactions","params":["job"]}`,
		`{"id":1,"method":"mining.capabilities","params":[{"notify":[],"suggested_target":"00000000ffff0000000000000000000000000000000000000000000000000000"}]}`,
		`{"id":null,"method":"mining.set_goal","params":["bitcoin",{"malgo":"SHA256d"}]}`,
		`{"id":1,"method":"mining.ping","params":[]}`,
		`{"id":1,"method":"client.get_version","params":[]}`,
		`{"id":null,"method":"client.reconnect","params":["pool.example.org",3333,5]}`,
		`{"id":null,"method":"client.show_message","params":["hello \u001b[2J"]}`,
		`{"id":null,"method":"mining.set_difficulty","params":[8192]}`,
		`{"id":null,"method":"mining.set_extranonce","params":["08000002",4]}`,
		`{"id":null,"method":"mining.set_version_mask","params":["00003000"]}`,
		`{"id":9,"method":"mining.submit","params":["w","j","00000000","6155a491","41dad6e3","00002000"]}`,
		`{"id":9,"method":"mining.unheard_of","params":[1]}`,
		`{"id":1,"result":[[["mining.notify","s"]],"9b19f82f",8],"error":null}`,
		`{"id":1,"result":{"version-rolling":true,"version-rolling.mask":"1fffe000","minimum-difficulty":"no"},"error":null}`,
		`{"id":1,"result":true,"error":null}`,
		`{"id":1,"result":false,"error":null}`,
		`{"id":1,"result":null,"error":[23,"low",null]}`,
		`{"id":1,"result":"pong","error":null}`,
	} {
		m, err := v1.Parse([]byte(line), v1.Limits{})
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		e := explained(t, "", line)
		if e.About == "" || e.Kind == "" {
			t.Errorf("%T is not explained: %+v", m, e)
		}
		if text := e.text(); strings.Contains(text, "secret") || strings.ContainsRune(text, 0x1b) {
			t.Errorf("%s: what must not be shown is in\n%s", line, text)
		}
	}
}

// scriptLines are the recorded lines of the stories, as seeds.
func scriptLines(f *testing.F) (seeds []string) {
	paths, err := filepath.Glob("testdata/script/decode-*.txtar")
	if err != nil || len(paths) == 0 {
		f.Fatal("no scripts", err)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		seeds = append(seeds, regexp.MustCompile(`\{".*\}|[0-9a-f]{8,}`).FindAllString(string(b), -1)...)
	}
	return seeds
}

// FuzzDecode feeds one decoder with a dialogue of two lines: nothing that comes
// from outside makes it panic, or reaches the terminal unescaped.
func FuzzDecode(f *testing.F) {
	seeds := scriptLines(f)
	for i, s := range seeds {
		f.Add("", s, seeds[(i+1)%len(seeds)])
	}
	f.Add("target", "ff", "1e999")
	f.Add("notify", `["1"]`, "\x1b[2J")
	f.Fuzz(func(t *testing.T, kind, first, second string) {
		d := &decoder{}
		for _, input := range []string{first, second} {
			e, err := d.decode(kind, input)
			if err != nil {
				continue
			}
			for _, r := range e.text() {
				if r != '\n' && !unicode.IsPrint(r) {
					t.Fatalf("%q reaches the terminal:\n%q", r, e.text())
				}
			}
		}
	})
}
