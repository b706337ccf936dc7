package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// What a peer wrote comes out as it was for a program, and as nothing that a
// terminal would obey.
func TestJSONLeavesNothingForATerminalToObey(t *testing.T) {
	const hostile = "a\x1b[2J\u009b2J\x7f\u202eb\u2028\U000e0001c\t<é世🙂>"
	for _, indent := range []string{"", "  "} {
		var b bytes.Buffer
		if err := appendJSON(&b, map[string]string{hostile: hostile}, indent); err != nil {
			t.Fatal(err)
		}
		for _, r := range b.String() {
			if r != '\n' && !harmless(r) {
				t.Errorf("%q is in %q", r, b.String())
			}
		}
		var back map[string]string
		if err := json.Unmarshal(b.Bytes(), &back); err != nil || back[hostile] != hostile {
			t.Errorf("got back %q, %v; want %q", back, err, hostile)
		}
		if !strings.Contains(b.String(), "<é世🙂>") {
			t.Errorf("%q escapes more than it has to", b.String())
		}
	}
}
