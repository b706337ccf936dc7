// Package kernels holds the OpenCL C source of the search and what its host must
// know of it: the build options, the arguments and the layout of its memory. It
// calls nothing; package hasher/opencl does.
package kernels

import (
	_ "embed"
	"fmt"
)

// Source is the program in OpenCL C 1.2.
//
//go:embed sha256d.cl
var Source string

// Search is the name of the kernel in Source, and its arguments by their index:
// the job as hasher.Prep.Words writes it, the first nonce, the number of nonces,
// and where candidates go.
const (
	Search = "search"

	ArgJob   = 0 // buffer
	ArgFirst = 1 // uint32
	ArgCount = 2 // uint32, at least 1
	ArgFound = 3 // buffer; its first word must be 0 before a launch
)

// Shape is one way to build Source.
type Shape struct {
	Width    int  `json:"width"`    // nonces side by side in one work item: 1, 2, 4, 8 or 16
	Versions int  `json:"versions"` // midstates that share a schedule: 1 to MaxVersions
	Streams  int  `json:"streams"`  // versions side by side, to hide latency; divides Versions
	Rolled   bool `json:"rolled"`   // loops stay loops, to fit an instruction cache
	Each     int  `json:"each"`     // rounds of Width nonces that one work item does, at least 1
}

// MaxVersions is the largest Shape.Versions.
const MaxVersions = 16

// Room is how many candidates of one launch the device can keep. It counts the
// others too: the host must try again what had more.
const Room = 1024

// FoundWords is the size of the memory for candidates: their number, then pairs
// of a nonce and the index of its version.
const FoundWords = 1 + 2*Room

// JobWords returns the size of a job of so many versions, in 32-bit words.
func JobWords(versions int) int {
	const head, each = 19, 16 // JOB_HEAD and JOB_EACH of Source
	return head + each*versions
}

// Options returns the build options for s.
func (s Shape) Options() string {
	rolled := 0
	if s.Rolled {
		rolled = 1
	}
	return fmt.Sprintf("-D WIDTH=%d -D VERSIONS=%d -D STREAMS=%d -D ROLLED=%d -D ROUNDS_EACH=%d -D ROOM=%d", s.Width, s.Versions, s.Streams, rolled, s.Each, Room)
}

// Nonces returns how many nonces one work item tries.
func (s Shape) Nonces() int { return s.Width * s.Each }

// Valid returns an error that says what is wrong with s.
func (s Shape) Valid() error {
	switch {
	case s.Width != 1 && s.Width != 2 && s.Width != 4 && s.Width != 8 && s.Width != 16:
		return fmt.Errorf("a work item hashes 1, 2, 4, 8 or 16 nonces side by side, not %d", s.Width)
	case s.Versions < 1 || s.Versions > MaxVersions:
		return fmt.Errorf("1 to %d versions can share a schedule, not %d", MaxVersions, s.Versions)
	case s.Streams < 1 || s.Versions%s.Streams != 0:
		return fmt.Errorf("%d versions can't go in %d streams", s.Versions, s.Streams)
	case s.Each < 1 || s.Each > 1<<16:
		return fmt.Errorf("a work item does 1 to %d rounds, not %d", 1<<16, s.Each)
	}
	return nil
}

// String returns "16x4" for a width of 16 and 4 versions.
func (s Shape) String() string { return fmt.Sprintf("%dx%d", s.Width, s.Versions) }
