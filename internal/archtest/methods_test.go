package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
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

// TestNamedTests holds what is said of Stratum V1 to the tests that it names: they
// are those of stratum, unless "of `package`" follows.
func TestNamedTests(t *testing.T) {
	const root = "../.."
	have := make(map[string]string)
	for _, file := range []string{"docs/stratum-v1.md", "stratum/QUIRKS.md"} {
		b, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		named := regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9]+)`(?:\\s+of\\s+`([a-z0-9/]+)`)?").FindAllStringSubmatch(string(b), -1)
		if len(named) < 10 {
			t.Errorf("%s names %d tests", file, len(named))
		}
		for _, n := range named {
			dirs := []string{n[2]}
			if n[2] == "" && file == "stratum/QUIRKS.md" {
				dirs = []string{"stratum"}
			} else if n[2] == "" {
				dirs = []string{"stratum", "stratum/pool"} // which of them, TestMethodsTable checks
			}
			found := false
			for _, dir := range dirs {
				if _, ok := have[dir]; !ok {
					have[dir] = testsOf(t, filepath.Join(root, dir))
				}
				found = found || strings.Contains(have[dir], "func "+n[1]+"(")
			}
			if !found {
				t.Errorf("%s: there is no %s in %s", file, n[1], strings.Join(dirs, " or "))
			}
		}
	}
}

// TestV2Checklist holds docs/stratum-v2.md to a row for each point of the checklist
// of Stratum V2, and to the tests that the row names.
func TestV2Checklist(t *testing.T) {
	const root = "../.."
	b, err := os.ReadFile(filepath.Join(root, "docs/stratum-v2.md"))
	if err != nil {
		t.Fatal(err)
	}
	pool := testsOf(t, filepath.Join(root, "stratum/pool"))
	for letter, c := range map[string]struct {
		dir    string
		points int
	}{"N": {"stratum/noise", 8}, "C": {"stratum/v2", 7}, "M": {"stratum", 18}} {
		tests := []string{2: testsOf(t, filepath.Join(root, c.dir)), 3: pool}
		for n := range c.points {
			id := letter + strconv.Itoa(n+1)
			row := regexp.MustCompile(`(?m)^\| ` + id + ` \|.*$`).FindString(string(b))
			cells := strings.Split(row, "|")
			if len(cells) != 6 || !strings.Contains(cells[3], "`") {
				t.Errorf("no row says what shows %s: %q", id, row)
				continue
			}
			for column := 2; column <= 3; column++ {
				for _, name := range regexp.MustCompile("`([A-Za-z0-9]+)`").FindAllStringSubmatch(cells[column+1], -1) {
					if !strings.Contains(tests[column], "func "+name[1]+"(") {
						t.Errorf("there is no %s for %s", name[1], id)
					}
				}
			}
		}
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
