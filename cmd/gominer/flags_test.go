package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// verb returns a command with flags of every kind, whose values are in got.
func verb(f *fake, got *mineOptions) *cobra.Command {
	cmd := &cobra.Command{Use: "verb", RunE: func(*cobra.Command, []string) error { return nil },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return f.resolve(cmd) },
		SilenceErrors:     true, SilenceUsage: true}
	got.sources.flags(cmd)
	got.devices.flags(cmd)
	section(cmd, "Search", func(f *pflag.FlagSet) { untilVar(f, &got.engine.Until) })
	section(cmd, "Output", got.output.flags)
	cmd.SetArgs(f.args)
	return cmd
}

func TestPrecedence(t *testing.T) {
	f := newFake("--threads", "3", "-o", "a:1")
	f.environ = []string{
		"GOMINER_THREADS=5", "GOMINER_KERNEL=generic", "GOMINER_URL=b:2,c:3", "GOMINER_USER=alice bob", "GOMINER_JSON=true",
		"GOMINER_PASS=c=BTC,d=500 x",
		"GOMINER_UNTIL=shares=4", "GOMINER_COINBASE_ADDRESS=", "UNRELATED=1", "GOMINER_HELP=true",
	}
	var got mineOptions
	if err := verb(f, &got).Execute(); err != nil {
		t.Fatal(err)
	}
	if got.devices.cpu.Threads != 3 {
		t.Errorf("threads %d, want the flag's 3", got.devices.cpu.Threads)
	}
	if got.devices.kernel != "generic" || !got.json || got.engine.Until.Shares != 4 {
		t.Errorf("the environment is not in %+v", got)
	}
	if u := strings.Join(got.sources.lists["url"].values, " "); u != "a:1" {
		t.Errorf("urls %q, want the flag's alone", u)
	}
	if u := strings.Join(got.sources.lists["user"].values, " "); u != "alice bob" {
		t.Errorf("users %q, want alice bob", u)
	}
	if p := strings.Join(got.sources.lists["pass"].values, " "); p != "c=BTC,d=500 x" || len(got.sources.lists["pass"].values) != 2 {
		t.Errorf("passwords %q, want c=BTC,d=500 and x", got.sources.lists["pass"].values)
	}
	var none mineOptions
	if err := verb(newFake(), &none).Execute(); err != nil || none.devices.kernel != autoKernel {
		t.Errorf("default kernel %q, %v; want %q", none.devices.kernel, err, autoKernel)
	}
}

func TestExclusiveFlags(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
		env  []string
		want string // in the error; "" for none
	}{
		{"two flags", []string{"-p", "x", "--pass-file", "f"}, nil, "--pass and --pass-file"},
		{"two variables", nil, []string{"GOMINER_PASS=x", "GOMINER_PASS_FILE=f"}, "GOMINER_PASS and GOMINER_PASS_FILE"},
		{"the command line chooses", []string{"--pass-file", "f"}, []string{"GOMINER_PASS=x"}, ""},
		{"for all of them", []string{"-O", "a:b"}, []string{"GOMINER_PASS=x", "GOMINER_USER=c"}, ""},
	} {
		f := newFake(test.args...)
		f.environ = test.env
		var got mineOptions
		err := verb(f, &got).Execute()
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: error %v, want %q", test.name, err, test.want)
		}
		if err != nil && exitCode(err) != exitUsage {
			t.Errorf("%s: exit code %d, want %d", test.name, exitCode(err), exitUsage)
		}
	}
}

func TestBadVariables(t *testing.T) {
	f := newFake()
	f.environ = []string{"GOMINER_THROTTLE=fast"}
	var got mineOptions
	if err := verb(f, &got).Execute(); err == nil || !strings.HasPrefix(err.Error(), `verb: GOMINER_THROTTLE "fast": `) {
		t.Errorf("error %v, want one that names the variable", err)
	}
}

func TestVariablesThatLookLikeOurs(t *testing.T) {
	f := newFake("version")
	f.environ = []string{"GOMINER_TREADS=2", "GOMINER_SERVICE_HOST=10.0.0.1", "GOMINER_PORT=tcp://10.0.0.1:80", "GOMINER_THREADS=1"}
	if code := f.run(); code != exitDone {
		t.Fatalf("exit code %d", code)
	}
	if want := "gominer: the variable GOMINER_TREADS is not known, did you mean GOMINER_THREADS?\n"; f.err.String() != want {
		t.Errorf("stderr %q, want %q", f.err.String(), want)
	}
}

func TestFirstLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	for _, test := range []struct{ content, want string }{
		{"swordfish", "swordfish"}, {"swordfish\n", "swordfish"}, {"sword fish\r\nmore\n", "sword fish"}, {"", ""}, {"\nx", ""},
		{strings.Repeat("x", 1<<20), ""},
	} {
		if err := os.WriteFile(path, []byte(test.content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := firstLine(path)
		if got != test.want || (err != nil) != (test.want == "") {
			t.Errorf("%.20q: %q, %v; want %q", test.content, got, err, test.want)
		}
	}
}

// TestHelpIsTidy reads every help text as a person would.
func TestHelpIsTidy(t *testing.T) {
	f := newFake()
	root := newRoot(f.process)
	for _, cmd := range root.Commands() {
		if cmd.Name() == "help" {
			continue
		}
		t.Run(cmd.Name(), func(t *testing.T) {
			f := newFake(cmd.Name(), "--help")
			if code := f.run(); code != exitDone || f.err.String() != "" {
				t.Fatalf("exit code %d, stderr %q", code, f.err.String())
			}
			_, flags, _ := strings.Cut(f.out.String(), "\nExamples:\n")
			for line := range strings.Lines(flags) {
				if len([]rune(line)) > helpWidth+1 && !strings.Contains(line, "gominer ") {
					t.Errorf("longer than %d columns: %s", helpWidth, line)
				}
			}
			if cmd.Example == "" {
				t.Error("no examples")
			}
			cmd.Flags().VisitAll(func(f *pflag.Flag) {
				if what, usage := pflag.UnquoteUsage(f); usage == "" || strings.HasSuffix(usage, ".") || f.Value.Type() != "bool" && what == f.Value.Type() {
					t.Errorf("--%s: %q %q: want a usage without a full stop that names its value", f.Name, what, usage)
				}
			})
		})
	}
}

// TestExamplesParse gives the examples of the help texts to the parser.
func TestExamplesParse(t *testing.T) {
	for _, about := range append(newRoot(newFake().process).Commands(), newRoot(newFake().process)) {
		for line := range strings.Lines(about.Example) {
			_, line, found := strings.Cut(line, "gominer ")
			if !found {
				t.Errorf("%s: an example without gominer", about.Name())
			}
			line = strings.NewReplacer("'", "", "\n", "", ")", "").Replace(line)
			line, _, _ = strings.Cut(line, " | ")
			line, _, _ = strings.Cut(line, " > ")
			args := strings.Fields(line)
			cmd, rest, err := newRoot(newFake().process).Find(args)
			if err != nil || !cmd.HasParent() {
				t.Errorf("gominer %s: verb not found, %v", line, err)
				continue
			}
			if err := cmd.ParseFlags(rest); err != nil {
				t.Errorf("gominer %s: %v", line, err)
			}
			if cmd.Args != nil {
				if err := cmd.Args(cmd, cmd.Flags().Args()); err != nil {
					t.Errorf("gominer %s: %v", line, err)
				}
			}
		}
	}
}

func TestManPages(t *testing.T) {
	for _, cmd := range manCommands(newRoot(newFake().process)) {
		page := manPage(cmd)
		if strings.ContainsFunc(page, func(r rune) bool { return r > unicode.MaxASCII }) {
			t.Errorf("%s: not all ASCII, which roff wants", cmd.Name())
		}
		for line := range strings.Lines(page) {
			if strings.HasPrefix(line, "'") || strings.Contains(line, "`") {
				t.Errorf("%s: roff would take %q for a request", cmd.Name(), line)
			}
		}
		for _, want := range []string{".TH GOMINER", ".SH NAME\n", ".SH SYNOPSIS\n", ".SH EXIT STATUS\n"} {
			if !strings.Contains(page, want) {
				t.Errorf("%s: no %q", cmd.Name(), want)
			}
		}
	}
	for in, want := range map[string]string{".TH": `\&.TH`, "'x": `\&'x`, `a\b`: `a\eb`, "--x": `\-\-x`, "0x…": `0x\[u2026]`} {
		if got := roff(in); got != want {
			t.Errorf("roff(%q) = %q, want %q", in, got, want)
		}
	}
}
