package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// The exit codes. Scripts rely on them.
const (
	exitDone        = 0
	exitError       = 1
	exitUsage       = 2
	exitFailed      = 3
	exitInterrupted = 130
)

// exitCodes explains them, for help texts.
var exitCodes = []struct {
	code int
	text string
}{
	{exitDone, "done, also after SIGTERM"},
	{exitError, "something went wrong; stderr says what"},
	{exitUsage, "the command line, a variable or the configuration is wrong"},
	{exitFailed, "a check or a threshold failed"},
	{exitInterrupted, "interrupted by Ctrl-C"},
}

// coded is an error that has an exit code of its own.
type coded struct {
	code int
	err  error
}

func (e *coded) Error() string { return e.err.Error() }
func (e *coded) Unwrap() error { return e.err }

// usagef returns an error that the user can mend on the command line.
func usagef(format string, args ...any) error {
	return &coded{exitUsage, fmt.Errorf(format, args...)}
}

// unwritable says why the file that a flag names can't be written, and what to do
// about it; nil for nil. What is wrong with what stands in it is passed on.
func unwritable(flag string, err error) error {
	var system syscall.Errno
	hint := ""
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &system):
		return err
	case errors.Is(err, fs.ErrNotExist):
		hint = ": make its folder first"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		hint = ": name a file where you may write"
	case errors.Is(err, syscall.EISDIR):
		hint = ": name a file in it"
	}
	return usagef("--%s: %w%s", flag, err, hint)
}

// verbError puts the verb before an error; the exit code stays.
func verbError(verb string, err error) error { return fmt.Errorf("%s: %w", verb, err) }

// exitCode returns the code that err asks for.
func exitCode(err error) int {
	var c *coded
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &c):
		return c.code
	}
	return exitError
}

// interrupted is why a context ended that a signal ended.
type interrupted struct{ signal os.Signal }

func (e interrupted) Error() string { return e.signal.String() }

// exitCode tells the person who pressed Ctrl-C from the service manager that
// stopped the program in the ordinary way.
func (e interrupted) exitCode() int {
	if e.signal == os.Interrupt {
		return exitInterrupted
	}
	return exitDone
}

// oneLine makes a text fit for a single line of a terminal.
func oneLine(s string) string {
	return escape(strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), "; "))
}
