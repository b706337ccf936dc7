package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestMethodsTable holds docs/stratum-v1.md to the tests that it names.
func TestMethodsTable(t *testing.T) {
	const root = "../.."
	b, err := os.ReadFile(filepath.Join(root, "docs/stratum-v1.md"))
	if err != nil {
		t.Fatal(err)
	}
	tests := map[int]string{2: testsOf(t, filepath.Join(root, "stratum")), 3: testsOf(t, filepath.Join(root, "stratum/pool"))}
	rows := 0
	for line := range strings.Lines(string(b)) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 {
			continue
		}
		for column, have := range tests {
			for _, name := range regexp.MustCompile("`(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(cells[column], -1) {
				rows++
				if !strings.Contains(have, "func "+name[1]+"(") {
					t.Errorf("there is no test %s for %s", name[1], strings.TrimSpace(cells[1]))
				}
			}
		}
	}
	if rows < 40 {
		t.Errorf("%d tests are named", rows)
	}
}

// testsOf returns the tests of a package, as they stand in its files.
func testsOf(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	return all.String()
}
