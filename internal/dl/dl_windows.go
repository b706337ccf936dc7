//go:build !noopencl && (amd64 || arm64)

package dl

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// open looks into the system's folder alone: a library beside the program is not
// what its user asked for.
func open(name string) (uintptr, error) {
	h, err := windows.LoadLibraryEx(name, 0, windows.LOAD_LIBRARY_SEARCH_SYSTEM32)
	return uintptr(h), err
}

func symbol(library uintptr, name string) (uintptr, error) {
	return windows.GetProcAddress(windows.Handle(library), name)
}

//go:uintptrescapes
func call(f uintptr, args ...uintptr) uintptr {
	r, _, _ := syscall.SyscallN(f, args...)
	return r
}
