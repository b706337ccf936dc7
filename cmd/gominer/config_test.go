package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"gominer/internal/configfile"
)

// parsed returns a configuration without a file.
func parsed(t *testing.T, text string) *config {
	t.Helper()
	root, err := configfile.Parse([]byte(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return &config{"test.toml", root}
}

// candidates are values of which every flag takes one.
var candidates = []string{"1", "true", "1s", "x", "50%", "shares=1", "info", "-5%", "mainnet", "text", "256MB", "127.0.0.1:1", "refuse", "auto", "quota", "1.3",
	"device", strings.Repeat("0f", 32)}

// anyValue returns a value that f takes.
func anyValue(t *testing.T, f *pflag.Flag) string {
	t.Helper()
	for _, c := range candidates {
		if f.Value.Set(c) == nil {
			return c
		}
	}
	t.Fatalf("--%s takes none of %q: add one that it takes", f.Name, candidates)
	return ""
}

// TestEveryFlagIsAKey sets every flag of every verb by its key, at the top and in
// the verb's table, and finds nothing else that is a key.
func TestEveryFlagIsAKey(t *testing.T) {
	for _, about := range configurables(newRoot(newFake().process)) {
		about.Flags().VisitAll(func(flag *pflag.Flag) {
			if flag.Name == configFlag || flag.Name == "help" || has(flag, annotationTables) {
				return
			}
			line := flag.Name + " = " + tomlText(anyValue(t, flag))
			for where, text := range map[string]string{"top": line, "table": "[" + about.Name() + "]\n" + line} {
				f := newFake()
				root := newRoot(f.process)
				verb, _, _ := root.Find([]string{about.Name()})
				c := parsed(t, text)
				if wrong := append(c.unknownKeys(root), f.apply(c, verb)...); len(wrong) > 0 {
					t.Errorf("%s, %s: %v", where, text, wrong[0])
				}
				got := verb.Flags().Lookup(flag.Name)
				if from := originOf(got); !got.Changed || from.layer != fromFile || !strings.HasPrefix(from.where, "test.toml:") {
					t.Errorf("%s of %s, %s: changed %v, from %v", flag.Name, about.Name(), where, got.Changed, from)
				}
			}
		})
	}
	f := newFake()
	root := newRoot(f.process)
	for _, key := range []string{"help", "config", "version", "x"} {
		for _, text := range []string{key + " = 1", "[mine]\n" + key + " = 1", "[[pools]]\nurl = 'a:1'\n" + key + " = 1"} {
			c := parsed(t, text)
			mine, _, _ := root.Find([]string{"mine"})
			if wrong := append(c.unknownKeys(root), f.apply(c, mine)...); len(wrong) != 1 {
				t.Errorf("%s: %v, want one mistake", text, wrong)
			}
		}
	}
}

// TestEveryFlagOfAPoolIsAKey does the same for the table of a pool, and sees that
// the value arrives.
func TestEveryFlagOfAPoolIsAKey(t *testing.T) {
	new(upstream).flags().VisitAll(func(flag *pflag.Flag) {
		if flag.Name == "url" {
			return
		}
		text := "[[pools]]\nurl = 'a.example.org:1'\n" + flag.Name + " = " + tomlText(anyValue(t, flag))
		f := newFake()
		o := &mineOptions{}
		root := newRootFor(f.process, o)
		mine, _, _ := root.Find([]string{"mine"})
		if mine.Flags().Lookup(flag.Name) == nil {
			t.Errorf("mine has no --%s", flag.Name)
		}
		if wrong := f.apply(parsed(t, text), mine); len(wrong) > 0 {
			t.Errorf("%s: %v", text, wrong[0])
			return
		}
		table := o.sources.tables.tables[0]
		if s, ok := table[flag.Name]; !ok || s.from.layer != fromTable || s.from.where != "test.toml:3" {
			t.Errorf("%s: %+v", text, table)
		}
	})
}

// TestLayers mines by a file, a variable and a flag at once.
func TestLayers(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "c.toml")
	secretFile := filepath.Join(dir, "secret")
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(secretFile, "swordfish\n")
	write(path, `
[mine]
user = "everybody"
coinbase-address = "bc1qx9t2l3pyny2spqpqlye8svce70nppwtaxwdrp4"
suggest-difficulty = 5

[[mine.pools]]
url = "a.example.org:1"
pass-file = "~/secret"

[[mine.pools]]
url = "b.example.org:1"
user = "bob"
pass = "b"
suggest-difficulty = 7
no-version-rolling = true

[[mine.pools]]
url = "http://127.0.0.1:8332"
`)
	home := "HOME=" + dir
	type want struct {
		user, pass string
		suggest    float64
		fixed      bool
	}
	file := []want{{"everybody", "swordfish", 5, false}, {"bob", "b", 7, true}, {"", "", 0, false}}
	for _, test := range []struct {
		name    string
		environ []string
		args    []string
		want    []want
		err     string
	}{
		{"the file", nil, nil, file, ""},
		{"a flag for all", nil, []string{"-u", "flag"}, []want{{"flag", "swordfish", 5, false}, {"flag", "b", 7, true}, {}}, ""},
		{"a flag for each", nil, []string{"-u", "x", "-u", "y"}, []want{{"x", "swordfish", 5, false}, {"y", "b", 7, true}, {}}, ""},
		{"a variable", []string{"GOMINER_SUGGEST_DIFFICULTY=9"}, nil, []want{{"everybody", "swordfish", 9, false}, {"bob", "b", 9, true}, {}}, ""},
		{"a flag against the pool's file", nil, []string{"-p", "p"}, []want{{"everybody", "p", 5, false}, {"bob", "p", 7, true}, {}}, ""},
		{"-O against the pool's own", nil, []string{"-O", "x:1", "-O", "y:2"}, []want{{"x", "1", 5, false}, {"y", "2", 7, true}, {}}, ""},
		{"a URL against all pools", nil, []string{"-o", "c.example.org:1"}, []want{{"everybody", "", 5, false}}, ""},
		{"a variable with a URL", []string{"GOMINER_URL=c.example.org:1", "GOMINER_USER=env"}, nil, []want{{"env", "", 5, false}}, ""},
		{"a bool for all", nil, []string{"--no-version-rolling", "-o", "c.example.org:1"}, []want{{"everybody", "", 5, true}}, ""},
		{"too many users", nil, []string{"-u", "x", "-u", "y", "-u", "z"}, nil, "-u 3 times for 2 pools"},
		{"too many in a variable", []string{"GOMINER_USER=x y z"}, nil, nil, "GOMINER_USER 3 times for 2 pools"},
		{"a node's flag for a pool", nil, []string{"-o", "c.example.org:1", "--coinbase-address", "x"}, nil, "--coinbase-address is for nodes"},
		{"no file", nil, []string{"-c", "", "-o", "c.example.org:1"}, nil, "for whom"},
	} {
		args := append([]string{"-c", path}, test.args...)
		if slices.Contains(test.args, "-c") {
			args = test.args
		}
		o, err := mineOf(t, append(test.environ, home), args...)
		if test.err != "" {
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%s: error %v, want %q", test.name, err, test.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		var got []want
		for _, u := range o.sources.list {
			got = append(got, want{u.pool.User, u.pool.Pass, u.pool.SuggestDifficulty, u.pool.NoVersionRolling})
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", test.name, got, test.want)
		}
	}
}

func TestConfigPlaces(t *testing.T) {
	for _, test := range []struct {
		environ []string
		want    string
	}{
		{[]string{"HOME=/a"}, "/a/.config/gominer/config.toml"},
		{[]string{"HOME=/a", "XDG_CONFIG_HOME=/x"}, "/x/gominer/config.toml"},
		{[]string{"HOME=/a", "XDG_CONFIG_HOME=relative"}, "/etc/gominer/config.toml"}, // the specification: ignore it
		{nil, "/etc/gominer/config.toml"},
	} {
		f := newFake()
		f.environ = test.environ
		if got := f.configPlaces(); got[0] != test.want || got[len(got)-1] != "/etc/gominer/config.toml" {
			t.Errorf("%q: %q, want %s first", test.environ, got, test.want)
		}
	}
}

// TestConfigIsAskedFor answers the questions of config init, some wrongly.
func TestConfigIsAskedFor(t *testing.T) {
	for _, test := range []struct {
		name    string
		answers []string
		says    []string // on stderr, in order
		has     []string // in the file
	}{
		{"a pool", []string{"", "tcp://a.example.org:3333", "a.example.org", "stratum2+tcp://a.example.org:3336", "a.example.org:3333", "ADDRESS.rig", "b.example.org:3333", "alice.rig", "", "many", "2", "150%", "50%"},
			[]string{"own node:", "can't do without", "write stratum+tcp://a.example.org:3333", "is not the host:port of a pool", "wants to know the pool by its authority key",
				`user "ADDRESS.rig": ADDRESS stands for a Bitcoin address of your own`, "looks like a URL", "want a whole number", "want a share"},
			[]string{`url = "a.example.org:3333"`, `user = "alice.rig"`, "threads = 2", `throttle = "50%"`}},
		{"a node", []string{"http://127.0.0.1", "http://127.0.0.1:8332", "ADDRESS", "bc1qmistyped", "bc1qx9t2l3pyny2spqpqlye8svce70nppwtaxwdrp4", "", ""},
			[]string{"has no port", `coinbase-address "ADDRESS": ADDRESS stands for`, `coinbase address "bc1qmistyped"`}, []string{`url = "http://127.0.0.1:8332"`, `coinbase-address = "bc1q`, "#threads = 0", `#throttle = ""`}},
	} {
		path := filepath.Join(t.TempDir(), "sub", "c.toml")
		f := newFake("config", "init", path)
		f.stdin, f.typed, f.width = strings.NewReader(strings.Join(test.answers, "\n")+"\n"), true, func() int { return 80 }
		if code := f.run(); code != exitDone {
			t.Errorf("%s: exit code %d: %s", test.name, code, f.err.String())
			continue
		}
		said := f.err.String()
		for _, s := range test.says {
			_, rest, found := strings.Cut(said, s)
			if !found {
				t.Errorf("%s: no %q in %s", test.name, s, said)
			}
			said = rest
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range test.has {
			if !strings.Contains(string(text), "\n"+line) {
				t.Errorf("%s: no line %q in\n%s", test.name, line, text)
			}
		}
		check := newFake("config", "check", path)
		if code := check.run(); code != exitDone {
			t.Errorf("%s: %s", test.name, check.err.String())
		}
	}
	f := newFake("config", "init", filepath.Join(t.TempDir(), "c.toml"))
	f.typed, f.width = true, func() int { return 80 }
	if code := f.run(); code != exitError || !strings.Contains(f.err.String(), "nothing was written") {
		t.Errorf("an end without answers: code %d, %q", code, f.err.String())
	}
}

// TestSecretsAreNotShown looks at all that the program says while it is given
// passwords in every way.
func TestSecretsAreNotShown(t *testing.T) {
	dir := t.TempDir()
	const hidden = "hunter2"
	secretFile, file := filepath.Join(dir, "secret"), filepath.Join(dir, "c.toml")
	for path, text := range map[string]string{
		secretFile: hidden,
		file: fmt.Sprintf("[[pools]]\nurl = 'x:%s@127.0.0.1:1'\npass = '%[1]s'\n[[pools]]\nurl = 'http://x:%[1]s@127.0.0.1:1'\n"+
			"coinbase-address = 'bc1qx9t2l3pyny2spqpqlye8svce70nppwtaxwdrp4'\n", hidden),
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	pool := []string{"-o", "127.0.0.1:1", "-u", "alice"}
	for _, args := range [][]string{
		append([]string{"mine", "-p", hidden}, pool...),
		append([]string{"mine", "--pass-file", secretFile}, pool...),
		{"mine", "-o", "127.0.0.1:1", "-O", "alice:" + hidden},
		{"mine", "-o", "alice:" + hidden + "@127.0.0.1:1"},
		{"mine", "-o", "http://x:" + hidden + "@127.0.0.1:1", "--coinbase-address", "bc1qx9t2l3pyny2spqpqlye8svce70nppwtaxwdrp4"},
		{"mine", "-o", "http://x:" + hidden + "@127.0.0.1:1"},
		{"mine", "-o", "odd://x:" + hidden + "@127.0.0.1:1", "-u", "y"},
		{"mine", "-o", "x:" + hidden + "@127.0.0.1", "-u", "y"},
		{"mine", "-o", "a:1", "-u", "tcp://x:" + hidden + "@127.0.0.1:1"},
		{"pool", "--node", "http://x:" + hidden + "@127.0.0.1:port", "--coinbase-address", "x"},
		{"mine", "-c", file},
		{"config", "check", file},
		{"config", "show", "-c", file},
		{"config", "show", "-c", file, "--all", "--json"},
		append([]string{"config", "init", filepath.Join(dir, "new.toml"), "-p", hidden}, pool...),
		append([]string{"config", "show", "--", "-p", hidden}, pool...),
	} {
		if args[0] == "mine" {
			args = append(args, "--until", "time=100ms", "--log-level", "debug", "--json", "-k", "generic")
		}
		f := newFake(args...)
		f.run()
		if all := f.out.String() + f.err.String(); all == "" || strings.Contains(all, hidden) {
			t.Errorf("%q: said nothing, or the password: %q", args, all)
		}
	}
}

// TestScannerOfAnswers holds a line that never ends to its limit.
func TestScannerOfAnswers(t *testing.T) {
	f := newFake("config", "init", filepath.Join(t.TempDir(), "c.toml"))
	f.stdin = io.LimitReader(endless{}, bufio.MaxScanTokenSize*4)
	f.typed, f.width = true, func() int { return 80 }
	if code := f.run(); code != exitError || len(f.err.String()) > 1000 {
		t.Errorf("code %d, %.100q", code, f.err.String())
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'x'
	}
	return len(b), nil
}
