// Package cl binds the part of OpenCL 1.2 that a miner needs: finding devices,
// building a kernel, launching it, reading its results. The library is looked for
// at run time by package internal/dl; without one the program works as before,
// only without OpenCL.
//
// Section numbers are those of "The OpenCL Specification", version 1.2. Handles
// are only as safe as OpenCL's own: an object must not be used after its Close.
// Every method may be called from any goroutine, but one Kernel's arguments and
// launch belong together and are for the caller to order.
package cl

import (
	"errors"
	"fmt"
	"strings"
	"unsafe"

	"gominer/internal/dl"
)

// ErrNone is what Load returns where there is no OpenCL: no error to a user who
// did not ask for it.
var ErrNone = errors.New("no OpenCL library found: install your GPU's driver, or pocl to use the processor")

// Library is a loaded OpenCL library: the loader of the system, which knows all
// drivers, or one driver.
type Library struct {
	path string
	proc [functions]uintptr
}

// Path returns the name that the library was loaded by.
func (l *Library) Path() string { return l.path }

// Platform is one vendor's implementation, §4.1.
type Platform struct {
	Name    string // free of control characters, as every text of this package
	Vendor  string
	Version string // "OpenCL 3.0 …"

	lib *Library
	id  uintptr
}

// Platforms returns the platforms of l. An empty list is an error, which says
// what is missing.
func (l *Library) Platforms() ([]Platform, error) {
	var n uint32
	err := l.check(getPlatformIDs, 0, 0, uintptr(unsafe.Pointer(&n)))
	if err == nil && n == 0 {
		err = &Error{Call: getPlatformIDs.name(), Code: platformNotFound}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", l.path, err)
	}
	ids := make([]uintptr, min(n, maxListed))
	if err := l.check(getPlatformIDs, uintptr(len(ids)), uintptr(unsafe.Pointer(&ids[0])), uintptr(unsafe.Pointer(&n))); err != nil {
		return nil, fmt.Errorf("%s: %w", l.path, err)
	}
	var platforms []Platform
	for _, id := range ids[:min(int(n), len(ids))] {
		platforms = append(platforms, Platform{
			Name:    l.text(getPlatformInfo, id, 0x0902),
			Vendor:  l.text(getPlatformInfo, id, 0x0903),
			Version: l.text(getPlatformInfo, id, 0x0901),
			lib:     l, id: id,
		})
	}
	return platforms, nil
}

// maxListed caps what a library may claim to have.
const maxListed = 64

// call calls f and returns what it returns.
//
//go:uintptrescapes
func (l *Library) call(f function, args ...uintptr) uintptr {
	return dl.Call(l.proc[f], args...)
}

// check calls f, whose result is an error code.
//
//go:uintptrescapes
func (l *Library) check(f function, args ...uintptr) error {
	if code := int32(dl.Call(l.proc[f], args...)); code != 0 {
		return &Error{Call: f.name(), Code: code}
	}
	return nil
}

// create calls f, which returns an object and fills in code, its last argument.
//
//go:uintptrescapes
func (l *Library) create(f function, code *int32, args ...uintptr) (uintptr, error) {
	id := dl.Call(l.proc[f], args...)
	if *code != 0 {
		return 0, &Error{Call: f.name(), Code: *code}
	}
	if id == 0 {
		return 0, &Error{Call: f.name(), Code: outOfHostMemory}
	}
	return id, nil
}

// text asks an information function for a string: "" if it has none.
func (l *Library) text(f function, id uintptr, name uint32) string {
	return clean(l.bytes(f, id, name))
}

// maxInfo caps the answer of an information function.
const maxInfo = 64 << 10

func (l *Library) bytes(f function, id uintptr, name uint32) []byte {
	var n uintptr
	if l.check(f, id, uintptr(name), 0, 0, uintptr(unsafe.Pointer(&n))) != nil || n == 0 || n > maxInfo {
		return nil
	}
	b := make([]byte, n)
	if l.check(f, id, uintptr(name), n, uintptr(unsafe.Pointer(&b[0])), 0) != nil {
		return nil
	}
	return b
}

// number asks for a scalar of at most 8 bytes: 0 if there is none.
func (l *Library) number(f function, id uintptr, name uint32) uint64 {
	var v, n uint64
	if l.check(f, id, uintptr(name), 8, uintptr(unsafe.Pointer(&v)), uintptr(unsafe.Pointer(&n))) != nil {
		return 0
	}
	if n < 8 {
		v &= 1<<(8*n) - 1
	}
	return v
}

// clean makes a driver's text fit for a terminal.
func clean(b []byte) string {
	s := strings.ToValidUTF8(strings.TrimRight(string(b), "\x00"), "�")
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}
