package opencl

import (
	"fmt"
	"math"

	"gominer/kernels"
)

// roomFor is how many candidates a launch is made to find on average at most.
const roomFor = kernels.Room / 4

// chance returns how probable it is that a hash's top 32 bits are at most limit.
func chance(limit uint32) float64 { return (float64(limit) + 1) / (1 << 32) }

// health compares what a device finds with what it must find: a device in trouble
// may find nothing, or what is none. It is the only witness where a share comes
// once a week.
type health struct {
	expected     float64 // candidates, by the headers tried
	found, wrong int
}

const (
	// healthWindow is how many candidates are expected before a verdict.
	healthWindow = 64

	// healthSigma is how far below its expectation a right device may be: 6
	// standard deviations are less than once in 10⁹ windows.
	healthSigma = 6

	// wrongMost is how many wrong candidates a window may have.
	wrongMost = 8
)

// add takes in one launch, and returns an error once the device can't be trusted.
func (h *health) add(expected float64, found int) error {
	h.expected += expected
	h.found += found
	if h.wrong > wrongMost {
		return fmt.Errorf("returns wrong results: %d of %d; undo overclocking, cool it, try another driver", h.wrong, h.found)
	}
	if h.expected < healthWindow {
		return nil
	}
	if least := h.expected - healthSigma*math.Sqrt(h.expected); float64(h.found) < least {
		return fmt.Errorf("finds too little: %d candidates where about %.0f are; undo overclocking, cool it, try another driver", h.found, h.expected)
	}
	*h = health{}
	return nil
}
