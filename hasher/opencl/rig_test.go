package opencl

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"gominer/hasher/opencl/cl"
	"gominer/kernels"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// device returns an OpenCL device, or skips the test where there is none.
func device(t testing.TB) *cl.Device {
	t.Helper()
	found, err := Devices()
	if err == nil && len(found) > 0 {
		return &Choose(found)[0].Device
	}
	if os.Getenv("GOMINER_CI") != "" {
		t.Fatalf("no OpenCL device: %v (Debian: pocl-opencl-icd and ocl-icd-libopencl1)", err)
	}
	t.Skipf("no OpenCL device: %v", err)
	return nil
}

// shape returns a rolled shape, as processors like it.
func shape(width, versions, streams int) kernels.Shape {
	return kernels.Shape{Width: width, Versions: versions, Streams: streams, Rolled: true, Each: 1}
}

// rig returns the kernel in one shape, which has found what it must, and a slot.
func rig(t testing.TB, d *cl.Device, s kernels.Shape) (*search, *slot) {
	t.Helper()
	e, err := open(t.Context(), plan{device: d, source: kernels.Source, first: firstLimit}, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.close)
	return e.kernels[0], e.slots[0]
}
