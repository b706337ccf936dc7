// Package dl calls functions of C libraries that are found at run time, without
// cgo. It is as unsafe as C: what a function takes is for the caller to know.
//
// With the build tag noopencl, and on systems where this can't be done without a
// C compiler, nothing can be opened. A binary of Linux built so is static.
package dl

// Library is an open library. Libraries stay open.
type Library uintptr

// Open opens the library of that name: a path, or a bare name that the system
// looks for where it keeps its libraries.
func Open(name string) (Library, error) {
	h, err := open(name)
	return Library(h), err
}

// Function returns the address of an exported function.
func (l Library) Function(name string) (uintptr, error) { return symbol(uintptr(l), name) }

// Call calls the function at address f, which must not be 0, with integers and
// pointers, at most 15, and returns the integer or the pointer that it returns. A
// pointer converted to uintptr in the call keeps its memory alive and in place
// until Call returns, no longer.
//
//go:uintptrescapes
func Call(f uintptr, args ...uintptr) uintptr { return call(f, args...) }
