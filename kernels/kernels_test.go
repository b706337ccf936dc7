package kernels

import (
	"strings"
	"testing"
)

// What the host and the kernel must agree on stands in both.
func TestLayout(t *testing.T) {
	for _, s := range []string{
		"__kernel void " + Search + "(__constant const uint *job, const uint first, const uint count, __global volatile uint *found)",
		"#define JOB_HEAD 19\n", "#define JOB_EACH 16\n",
	} {
		if !strings.Contains(Source, s) {
			t.Errorf("the source has no %q", s)
		}
	}
	if JobWords(3) != 19+3*16 {
		t.Errorf("a job of 3 versions has %d words", JobWords(3))
	}
}

func TestShape(t *testing.T) {
	good := Shape{Width: 16, Versions: 4, Streams: 2, Rolled: true, Each: 3}
	if err := good.Valid(); err != nil || good.Nonces() != 48 || good.String() != "16x4" {
		t.Errorf("%v: %v, %d nonces", good, err, good.Nonces())
	}
	if got, want := good.Options(), "-D WIDTH=16 -D VERSIONS=4 -D STREAMS=2 -D ROLLED=1 -D ROUNDS_EACH=3 -D ROOM=1024"; got != want {
		t.Errorf("options %q, want %q", got, want)
	}
	for want, change := range map[string]func(*Shape){
		"a work item hashes 1, 2, 4, 8 or 16 nonces side by side, not 3": func(s *Shape) { s.Width = 3 },
		"1 to 16 versions can share a schedule, not 17":                  func(s *Shape) { s.Versions = 17 },
		"4 versions can't go in 3 streams":                               func(s *Shape) { s.Streams = 3 },
		"4 versions can't go in 0 streams":                               func(s *Shape) { s.Streams = 0 },
		"a work item does 1 to 65536 rounds, not 0":                      func(s *Shape) { s.Each = 0 },
	} {
		s := good
		change(&s)
		if err := s.Valid(); err == nil || err.Error() != want {
			t.Errorf("%+v: %v, want %s", s, err, want)
		}
	}
}
