package main

import (
	"strings"
	"testing"
)

func TestNumbersForPeople(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{times(1), "once"},
		{times(2), "twice"},
		{times(3000), "3 000 times"},
		{exact(2536.4262978), "2536.426298"},
		{exact(1e6), "1000000 (1.00M)"},
		{exact(18997641161758.95), "18997641161759 (19.0T)"},
	} {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
	}
}

func TestEscapeLeavesNothingForATerminalToObey(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"plain, also é and 矿", "plain, also é and 矿"},
		{"\x1b[2J", `\x1b[2J`},
		{"a\nb\rc\td", `a\nb\rc\td`},
		{"right\u202eleft", `right\u202eleft`},
		{"bad \xff byte", `bad \xff byte`},
		{"\u009b31m", `\u009b31m`},
	} {
		if got := escape(test.in); got != test.want {
			t.Errorf("escape(%q) = %q, want %q", test.in, got, test.want)
		}
	}
}

func TestRedact(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"stratum+tcp://pool.example.org:3333", "stratum+tcp://pool.example.org:3333"},
		{"http://user:secret@127.0.0.1:8332", "http://…@127.0.0.1:8332"},
		{"http://user:sec@ret@127.0.0.1:8332", "http://…@127.0.0.1:8332"},
		{"user:secret@pool.example.org:3333", "…@pool.example.org:3333"},
		{"stratum+wss://pool.example.org/x?token=secret", "stratum+wss://pool.example.org/x?…"},
		{"stratum+wss://user:se?cret@pool.example.org/?token=secret", "stratum+wss://…@pool.example.org/?…"},
		{"what?yes", "what?yes"},
	} {
		if got := redact(test.in); got != test.want {
			t.Errorf("redact(%q) = %q, want %q", test.in, got, test.want)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, line := range wrap(strings.Repeat("some words of a text ", 20), 30) {
		if len(line) > 30 {
			t.Errorf("%q is longer than 30", line)
		}
	}
	if got := wrap("", 30); len(got) != 1 || got[0] != "" {
		t.Errorf("wrap of nothing = %q, want one empty line", got)
	}
}

func TestCut(t *testing.T) {
	for _, test := range []struct {
		in    string
		width int
		want  string
	}{{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"a·b·c", 4, "a·b…"}, {"abc", 0, "abc"}} {
		if got := cut(test.in, test.width); got != test.want {
			t.Errorf("cut(%q, %d) = %q, want %q", test.in, test.width, got, test.want)
		}
	}
}
