package cl

import (
	"errors"
	"fmt"
	"unsafe"

	"gominer/internal/dl"
)

// Load returns the libraries that lead to devices: the system's loader, which
// knows the drivers, or, where the loader is missing or knows none (as in
// containers that were given a driver but no file in /etc/OpenCL/vendors), each
// driver that can be opened by itself. Pointing the loader to the driver by
// OCL_ICD_VENDORS is a third way; a user may take it, and Load need not.
//
// names, if any, are libraries to try instead of the system's. The error is
// ErrNone if there is nothing at all, else it says what is wrong.
func Load(names ...string) ([]*Library, error) {
	loaders, drivers := systemLoaders, systemDrivers
	if len(names) > 0 {
		loaders, drivers = names, names
	}
	var trouble error
	for _, name := range loaders {
		l, err := openLoader(name)
		if errors.Is(err, errNotThere) {
			continue
		}
		if err == nil {
			if _, err = l.Platforms(); err == nil {
				return []*Library{l}, nil
			}
		}
		trouble = errors.Join(trouble, err)
	}
	var found []*Library
	for _, name := range drivers {
		l, err := openDriver(name)
		if err == nil {
			if _, err = l.Platforms(); err == nil {
				found = append(found, l)
			}
		}
		if err != nil && !errors.Is(err, errNotThere) {
			trouble = errors.Join(trouble, err)
		}
	}
	switch {
	case len(found) > 0:
		return found, nil
	case trouble != nil:
		return nil, trouble
	}
	return nil, ErrNone
}

var errNotThere = errors.New("not there")

// openLoader opens a library that exports OpenCL's functions.
func openLoader(name string) (*Library, error) {
	h, err := dl.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNotThere, err)
	}
	l := &Library{path: name}
	for f := range functions {
		if l.proc[f], err = h.Function(f.name()); err != nil {
			return nil, fmt.Errorf("%s: not OpenCL 1.2: %s is missing", name, f.name())
		}
	}
	return l, nil
}

// openDriver opens a driver that is made to be opened by a loader (cl_khr_icd):
// it exports one function, which leads to the others by way of the table that
// the first word of each platform points to.
func openDriver(name string) (*Library, error) {
	h, err := dl.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNotThere, err)
	}
	address, err := h.Function("clGetExtensionFunctionAddress")
	if err != nil {
		return nil, fmt.Errorf("%s: not an OpenCL driver: clGetExtensionFunctionAddress is missing", name)
	}
	symbol := []byte("clIcdGetPlatformIDsKHR\x00")
	platforms := dl.Call(address, uintptr(unsafe.Pointer(&symbol[0])))
	if platforms == 0 {
		return nil, fmt.Errorf("%s: not a driver for a loader (cl_khr_icd)", name)
	}
	var id uintptr
	var n uint32
	if code := int32(dl.Call(platforms, 1, uintptr(unsafe.Pointer(&id)), uintptr(unsafe.Pointer(&n)))); code != 0 || n == 0 || id == 0 {
		return nil, fmt.Errorf("%s: %w", name, &Error{Call: "clIcdGetPlatformIDsKHR", Code: min(code, deviceNotFound)})
	}
	dispatch := word(id, 0)
	l := &Library{path: name}
	for f := range functions {
		if l.proc[f] = word(dispatch, table[f].slot); l.proc[f] == 0 && f != getPlatformIDs {
			return nil, fmt.Errorf("%s: the driver lacks %s", name, f.name())
		}
	}
	l.proc[getPlatformIDs] = platforms // the driver's own may be missing: loaders never call it
	return l, nil
}

// word returns the i-th word of the memory at address, which is a driver's.
func word(address uintptr, i int) uintptr {
	p := *(*unsafe.Pointer)(unsafe.Pointer(&address)) // no Go pointer: go vet can't know
	return *(*uintptr)(unsafe.Add(p, i*int(unsafe.Sizeof(address))))
}
