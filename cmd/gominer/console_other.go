//go:build !windows

package main

import (
	"os"

	"golang.org/x/term"
)

// obeys reports whether f is a terminal of the given kind, which TERM says, that
// does what escape sequences say.
func obeys(f *os.File, kind string) bool {
	return kind != "" && kind != "dumb" && term.IsTerminal(int(f.Fd()))
}
