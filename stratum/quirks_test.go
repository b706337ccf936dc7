package stratum

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestQuirks: whatever can be found out about a pool has a row in QUIRKS.md, and
// no row is about what can't.
func TestQuirks(t *testing.T) {
	b, err := os.ReadFile("QUIRKS.md")
	if err != nil {
		t.Fatal(err)
	}
	known := append([]string{"no configure", "configure not answered", "version-rolling …", "version-rolling ended", "workers N of M", "resumed"},
		traitTexts[:]...)
	var rows []string
	for line := range strings.Lines(string(b)) {
		if m := regexp.MustCompile("^\\| `([^`]+)` \\|").FindStringSubmatch(line); m != nil {
			rows = append(rows, m[1])
		}
	}
	for _, trait := range known {
		if !slices.Contains(rows, trait) {
			t.Errorf("QUIRKS.md has no row for %q", trait)
		}
	}
	for _, row := range rows {
		if !slices.Contains(known, row) {
			t.Errorf("QUIRKS.md has a row for %q, which is no trait", row)
		}
	}
}
