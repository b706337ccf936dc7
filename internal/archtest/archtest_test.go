package archtest

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

const root = "../.."

var tree = sync.OnceValues(func() (*Tree, error) { return Load(os.DirFS(root)) })

// TestRules holds the tree to every rule.
func TestRules(t *testing.T) {
	tr, err := tree()
	if err != nil {
		t.Fatal(err)
	}
	if n := len(tr.packages()); n < 5 {
		t.Fatalf("only %d packages found: the test looks at the wrong place", n)
	}
	for name, broken := range map[string][]string{
		"imports":         tr.Imports(Table),
		"long files":      tr.LongFiles(mostLines),
		"interfaces":      tr.WideInterfaces(mostMethods),
		"packageComments": tr.PackageComments(),
		"sleeps":          tr.Sleeps(),
		"gofmt":           tr.Unformatted(),
		"machine words":   tr.MachineWords(),
	} {
		t.Run(name, func(t *testing.T) {
			for _, b := range broken {
				t.Error(b)
			}
		})
	}
}

// TestLinked holds what ends up in the binary of each system to Linked.
func TestLinked(t *testing.T) {
	seen := map[string]bool{}
	for _, goos := range []string{"linux", "windows", "darwin", "freebsd"} {
		cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "./cmd/...")
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH=amd64", "CGO_ENABLED=0")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go list for %s: %v", goos, err)
		}
		for path := range strings.FieldsSeq(string(out)) {
			if path == "gominer" || seen[path] {
				continue
			}
			seen[path] = true
			if _, ok := Linked[path]; !ok {
				t.Errorf("%s is linked on %s: add it to Linked (internal/archtest/table.go) with who needs it, or do without", path, goos)
			}
		}
	}
	for path := range Linked {
		if !seen[path] {
			t.Errorf("%s is in Linked and in no binary: delete the line", path)
		}
	}
}

// TestArchitecture holds the table of ARCHITECTURE.md to Table.
func TestArchitecture(t *testing.T) {
	text, err := os.ReadFile(root + "/ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Join(Markdown(Table), "\n") + "\n"; !strings.Contains(string(text), "\n"+want+"\n") {
		t.Errorf("ARCHITECTURE.md does not have the table of internal/archtest/table.go, which is\n%s", want)
	}
}

// TestDirect holds the README's table of dependencies to go.mod.
func TestDirect(t *testing.T) {
	mod, err := os.ReadFile(root + "/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(root + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	direct := directModules(mod)
	if n := len(direct); n == 0 || n > mostDirect {
		t.Errorf("%d direct dependencies, want 1 to %d", n, mostDirect)
	}
	for _, path := range direct {
		if !bytes.Contains(readme, []byte("| `"+path+"` |")) {
			t.Errorf("README.md has no line in the table of dependencies for %s", path)
		}
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+\\.[^`]+/[^`]+)` \\|").FindAllSubmatch(readme, -1) {
		if path := string(row[1]); !slices.Contains(direct, path) {
			t.Errorf("README.md lists the dependency %s, go.mod does not require it directly", path)
		}
	}
}

// directModules returns the paths that a go.mod requires without "// indirect".
func directModules(mod []byte) (direct []string) {
	for _, m := range regexp.MustCompile(`(?m)^(?:require )?\s*(\S+\.\S+/\S+) v\S+$`).FindAllSubmatch(mod, -1) {
		direct = append(direct, string(m[1]))
	}
	return direct
}
