package main

import "testing"

func TestClosest(t *testing.T) {
	verbs := []string{"mine", "demo", "pool", "devices", "decode", "version", "completion", "man"}
	for _, test := range []struct{ word, want string }{
		{"mien", "mine"},
		{"Mine", "mine"},
		{"devcie", "devices"},
		{"comp", "completion"},
		{"dvices", "devices"},
		{"zzz", ""},
		{"", ""},
		{"x", ""},
		{"bench", ""},
	} {
		if got := closest(test.word, verbs); got != test.want {
			t.Errorf("closest(%q) = %q, want %q", test.word, got, test.want)
		}
	}
	if got := closest("treads", []string{"--throttle", "--threads"}); got != "--threads" {
		t.Errorf("closest(treads) = %q, want --threads", got)
	}
}

func TestSlips(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"abc", "ab", 1}, {"", "abc", 3}, {"abcd", "axcd", 1}, {"kitten", "sitting", 3}} {
		if got := slips(test.a, test.b); got != test.want {
			t.Errorf("slips(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
		}
	}
}
