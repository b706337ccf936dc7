package v1

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestCleanText(t *testing.T) {
	for _, c := range []struct {
		in   string
		max  int
		want string
	}{
		{"", 10, ""},
		{"plain text", 100, "plain text"},
		{"Grüße, 世界 🙂", 100, "Grüße, 世界 🙂"},
		{"a\tb\r\nc\u00a0d\u2028e", 100, "a b  c d e"},
		{"\n\t a \n", 100, "a"},
		{"a\x00b\x07c\x7fd\u0085e", 100, "abcd e"},
		{"\x1b[31;1mred\x1b[0m", 100, "red"},
		{"\x1b[?25lhide", 100, "hide"},
		{"\u009b2Jgone", 100, "gone"},
		{"\x1b]0;title\aafter", 100, "after"},
		{"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", 100, "link"},
		{"\u009d0;title\u009cafter", 100, "after"},
		{"\x1bPq#0\x1b\\after", 100, "after"},
		{"\x1b(Bx\x1bcy\x1b=z", 100, "xyz"},
		{"\x1b]0;no end", 100, "]0;no end"},
		{"\x1b[12", 100, "[12"},
		{"end\x1b", 100, "end"},
		{"\x1b\x1b[1mx", 100, "x"},
		{"\x1b\u202ex", 100, "x"},
		{"a\u202eb\u2066c\u200fd\u061ce\ufefff\u200b\u00adg", 100, "abcdefg"},
		{"tag\U000e0041", 100, "tag"},
		{"a\xff\xc3b\xe2\x80", 100, "ab"},
		{"\ue000private", 100, "private"},
		{"12345", 5, "12345"},
		{"123456", 5, "12…"},
		{"123456", 2, "12"},
		{"ééé", 5, "é…"},
		{"ééé", 3, "…"},
		{"é", 1, ""},
		{"abc", 0, ""},
		{"abc", -1, ""},
		{strings.Repeat(" ", 5000) + "x", 10, "x"},
		{"abc   ", 3, "abc"},
		{"0 0", 2, "0"},
		{"12 456", 6, "12 456"},
		{"12 4567", 6, "12…"},
	} {
		if got := CleanText(c.in, c.max); got != c.want {
			t.Errorf("CleanText(%+q, %d) = %+q, want %+q", c.in, c.max, got, c.want)
		}
	}
}

// Long text without an end to its escapes costs no more than its length.
func TestCleanTextBounded(t *testing.T) {
	for _, unit := range []string{"\x1b]", "\x1b[1;", "\x1b", "\u009b", "\u009d", "\x00", "\xff", "\u202e"} {
		checkClean(t, strings.Repeat(unit, 1<<20/len(unit)), 1024)
	}
}

func checkClean(t *testing.T, in string, max int) {
	t.Helper()
	got := CleanText(in, max)
	switch {
	case len(got) > max:
		t.Errorf("%+.100q: %d bytes, want at most %d", in, len(got), max)
	case !utf8.ValidString(got):
		t.Errorf("%+.100q: not UTF-8: %+.100q", in, got)
	case strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }):
		t.Errorf("%+.100q: not fit to be shown: %+.100q", in, got)
	case CleanText(got, max) != got:
		t.Errorf("%+.100q: cleaned again, %+.100q becomes %+.100q", in, got, CleanText(got, max))
	}
}

func TestVisible(t *testing.T) {
	for in, want := range map[string]string{
		"":                             "nothing",
		`"a"`:                          `"a"`,
		"\x16\x03\x01\xff\u202e":       `\u0016\u0003\u0001\xff\u202e`,
		"\U000e0041":                   `\U000e0041`,
		strings.Repeat("x", 64):        strings.Repeat("x", 64),
		strings.Repeat("x", 65):        strings.Repeat("x", 64) + "… (65 bytes)",
		strings.Repeat("x", 63) + "éé": strings.Repeat("x", 63) + "… (67 bytes)",
	} {
		if got := visible([]byte(in)); got != want {
			t.Errorf("visible(%+q) = %s, want %s", in, got, want)
		}
	}
}
