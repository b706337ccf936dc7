//go:build noopencl || !(linux || darwin || windows) || !(amd64 || arm64)

package dl

import "errors"

var errNone = errors.New("this build opens no libraries")

func open(string) (uintptr, error)            { return 0, errNone }
func symbol(uintptr, string) (uintptr, error) { return 0, errNone }

func call(uintptr, ...uintptr) uintptr { panic("dl: no library was opened") }
