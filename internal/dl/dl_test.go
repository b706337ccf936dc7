//go:build !noopencl && linux && (amd64 || arm64)

package dl

import (
	"testing"
	"unsafe"
)

func TestCall(t *testing.T) {
	l, err := Open("libc.so.6")
	if err != nil {
		t.Skip(err) // a system without glibc
	}
	strlen, err := l.Function("strlen")
	if err != nil {
		t.Fatal(err)
	}
	s := []byte("twelve bytes\x00")
	if n := Call(strlen, uintptr(unsafe.Pointer(&s[0]))); n != 12 {
		t.Errorf("strlen returned %d, want 12", n)
	}
	if _, err := l.Function("no_such_function"); err == nil {
		t.Error("a function that is not there: no error")
	}
	if _, err := Open("/does/not/exist.so"); err == nil {
		t.Error("a library that is not there: no error")
	}
}
