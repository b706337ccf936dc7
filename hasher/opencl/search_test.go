package opencl

import (
	"slices"
	"testing"

	"gominer/hasher"
	"gominer/hasher/hashertest"
	"gominer/kernels"
)

// Every width and every number of versions passes the suite of all kernels.
func TestSuite(t *testing.T) {
	d := device(t)
	shapes := []kernels.Shape{
		shape(2, 1, 1), shape(4, 1, 1), shape(8, 1, 1), shape(16, 1, 1), // widths
		shape(1, 2, 1), shape(16, 4, 2), shape(2, 8, 2), shape(16, 16, 2), // versions
		{Width: 1, Versions: 1, Streams: 1, Each: 1},   // as on a GPU
		{Width: 1, Versions: 16, Streams: 1, Each: 16}, // and with all that it may have
		{Width: 8, Versions: 4, Streams: 4, Each: 3},
	}
	if testing.Short() {
		shapes = shapes[3:4]
	}
	for _, s := range shapes {
		t.Run(s.String(), func(t *testing.T) {
			k, err := NewKernel(d, "opencl", "", s, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer k.Close()
			hashertest.TestSearch(t, k.Kernel)
			if err := k.Err(); err != nil {
				t.Error(err)
			}
		})
	}
}

// More candidates than the device can keep are all found.
func TestOverflow(t *testing.T) {
	k, s := rig(t, device(t), shape(16, 4, 2))
	h := hashertest.Blocks()[0].Header
	var p hasher.Prep
	vs := versions(nil, h.Version(), 4)
	const count = 5 * kernels.Room
	p.Prepare(&h, 1<<30, vs...)
	got, err := k.find(t.Context(), s, &p, 7, count, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := hashertest.Search(h, vs, 1<<30, 7, count)
	hashertest.Sort(got, 7)
	if len(want) < 2*kernels.Room || !slices.Equal(got, want) {
		t.Errorf("%d candidates, want %d", len(got), len(want))
	}
}
