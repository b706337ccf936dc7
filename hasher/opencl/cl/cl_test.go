package cl

import (
	"errors"
	"os"
	"strings"
	"testing"

	"gominer/internal/dl"
)

const addKernel = `__kernel void add(__global uint *v, const uint n) { v[get_global_id(0)] += n + get_global_id(0); }`

// load returns the libraries that names lead to, or skips the test.
func load(t testing.TB, names ...string) []*Library {
	t.Helper()
	libs, err := Load(names...)
	if err != nil {
		if os.Getenv("GOMINER_CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return libs
}

// first returns the first device.
func first(t testing.TB, libs []*Library) *Device {
	t.Helper()
	platforms, err := libs[0].Platforms()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range platforms {
		devices, err := p.Devices()
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range devices {
			return &d
		}
	}
	t.Fatal("no device")
	return nil
}

// compute runs a kernel on d and looks at what it did.
func compute(t *testing.T, d *Device) {
	t.Helper()
	ctx, err := d.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer ctx.Close()
	p, err := ctx.Build(addKernel, "")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	binary, err := p.Binary()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ctx.Load(binary, "")
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	for _, p := range []*Program{p, again} {
		k, err := p.Kernel("add")
		if err != nil {
			t.Fatal(err)
		}
		b, err := ctx.Buffer(64)
		if err != nil {
			t.Fatal(err)
		}
		words, free := Pinned(64)
		for i := range words {
			words[i] = uint32(100 * i)
		}
		got, freeGot := Pinned(64)
		var e Event
		for _, err := range []error{
			b.WriteLater(words), k.SetBuffer(0, b), k.SetUint32(1, 7), k.Launch(64, 16), k.Launch(64, 16), b.ReadLater(got, &e), ctx.Flush(), e.Wait(),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		for i, v := range got {
			if want := uint32(100*i + 2*(7+i)); v != want {
				t.Errorf("word %d is %d, want %d", i, v, want)
			}
		}
		if k.MaxLocal() < 1 {
			t.Errorf("groups of %d", k.MaxLocal())
		}
		free()
		freeGot()
		b.Close()
		k.Close()
	}
	if err := ctx.Finish(); err != nil {
		t.Error(err)
	}
}

func TestCompute(t *testing.T) {
	d := first(t, load(t))
	if d.Name == "" || d.Platform == "" || d.Driver == "" || !strings.HasPrefix(d.Version, "OpenCL ") || d.Units < 1 || d.Memory == 0 || d.MaxLocal < 1 || d.Width < 1 {
		t.Errorf("%+v", d)
	}
	compute(t, d)
}

// Without the system's loader a driver is used by itself.
func TestDriverAlone(t *testing.T) {
	libs := load(t, "libpocl.so.2")
	if libs[0].Path() != "libpocl.so.2" {
		t.Errorf("loaded by %q", libs[0].Path())
	}
	compute(t, first(t, libs))
}

func TestLoadFails(t *testing.T) {
	if _, err := Load("/does/not/exist.so"); !errors.Is(err, ErrNone) {
		t.Errorf("%v, want ErrNone", err)
	}
	if _, err := dl.Open("libc.so.6"); err != nil {
		return // a build or a system that opens none
	}
	if _, err := Load("libc.so.6"); err == nil || errors.Is(err, ErrNone) || !strings.Contains(err.Error(), "libc.so.6: not an OpenCL driver") {
		t.Errorf("a library that is not OpenCL: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	d := first(t, load(t))
	ctx, err := d.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer ctx.Close()
	var refused *BuildError
	if _, err := ctx.Build("__kernel void f() { undefined_thing(); \x1b[2J }", ""); !errors.As(err, &refused) ||
		!strings.Contains(err.Error(), "CL_BUILD_PROGRAM_FAILURE (-11)") || refused.Log == "" || strings.ContainsRune(refused.Log, 0x1b) {
		t.Errorf("a program that is none: %q", err)
	}
	for _, b := range [][]byte{nil, []byte("not a program")} {
		if p, err := ctx.Load(b, ""); err == nil {
			p.Close()
			t.Errorf("the binary %q was taken", b)
		}
	}
	p, err := ctx.Build(addKernel, "")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := p.Kernel("subtract"); err == nil || !strings.Contains(err.Error(), `kernel "subtract": clCreateKernel: CL_INVALID_KERNEL_NAME (-46)`) {
		t.Errorf("%v", err)
	}
	k, err := p.Kernel("add")
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if err := k.SetUint32(5, 1); err == nil || !strings.Contains(err.Error(), "CL_INVALID_ARG_INDEX (-49)") {
		t.Errorf("%v", err)
	}
}

func TestErrors(t *testing.T) {
	for code, want := range map[int32]string{
		-1:    "f: CL_DEVICE_NOT_FOUND (-1): the driver sees no device",
		-1001: "f: CL_PLATFORM_NOT_FOUND_KHR (-1001): OpenCL's loader is there, but no driver",
		-30:   "f: CL_INVALID_VALUE (-30)",
		-9999: "f: an error that OpenCL does not name (-9999)",
	} {
		if got := (&Error{"f", code}).Error(); !strings.HasPrefix(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestTable(t *testing.T) {
	slots := make(map[int]bool)
	for f := range functions {
		if f.name() == "" || slots[table[f].slot] {
			t.Errorf("function %d: %q, slot %d", f, f.name(), table[f].slot)
		}
		slots[table[f].slot] = true
	}
}

func FuzzClean(f *testing.F) {
	f.Add([]byte("NVIDIA H200\x00"))
	f.Add([]byte(" \x1b[31mred\x9b\xff\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := clean(b)
		for _, r := range s {
			if r < ' ' || r >= 0x7f && r < 0xa0 {
				t.Fatalf("%q has %q", s, r)
			}
		}
	})
}
