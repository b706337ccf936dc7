package main

import (
	"os"

	"golang.org/x/sys/windows"
)

// obeys reports whether f is a console that does what escape sequences say, which
// it is asked to; consoles have no TERM, but shells of other systems may set one.
func obeys(f *os.File, kind string) bool {
	var mode uint32
	console := windows.Handle(f.Fd())
	if kind == "dumb" || windows.GetConsoleMode(console, &mode) != nil {
		return false
	}
	const wanted = windows.ENABLE_PROCESSED_OUTPUT | windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING
	return mode&wanted == wanted || windows.SetConsoleMode(console, mode|wanted) == nil
}
