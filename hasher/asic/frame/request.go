package frame

import "fmt"

// Request is what a host sends. Exactly one of the fields is not nil.
type Request struct {
	Command  *Command
	Job      *Job
	Midstate *MidstateJob
}

// ScanRequest looks for the first request in what a host has sent, as a chip
// does; midstates says which jobs it takes. It returns how many bytes it is done
// with: those of the request, or with an error those of what is none, and none
// without an error if it needs more bytes.
func ScanRequest(b []byte, midstates bool) (r Request, n int, err error) {
	if n := preamble(b, 0x55, 0xaa); n > 0 {
		return r, n, fmt.Errorf("% x: no preamble", b[:min(n, 16)])
	}
	if len(b) < 4 {
		return r, 0, nil
	}
	size := requestSize(b, midstates)
	if size == 0 {
		return r, 1, fmt.Errorf("% x: %w", b[:4], errLength)
	}
	if len(b) < size {
		return r, 0, nil
	}
	if r, err = parseRequest(b[:size], midstates); err != nil {
		// What follows may well have a preamble in it.
		return Request{}, 1, err
	}
	return r, size, nil
}

// requestSize returns how long the frame is that begins with b, 0 if there is
// none.
func requestSize(b []byte, midstates bool) int {
	n := 2 + int(b[3])
	switch {
	case b[2] != typeJob:
		if n != 2+shortCommand && n != 2+longCommand {
			return 0
		}
		return n
	case !midstates:
		return jobFrame // whatever its length byte says
	case n < 2+midstateFrame || n > longestFrame:
		return 0
	}
	return n
}

func parseRequest(b []byte, midstates bool) (Request, error) {
	switch {
	case b[2] != typeJob:
		c, err := ParseCommand(b)
		return Request{Command: &c}, err
	case midstates:
		j, err := ParseMidstateJob(b)
		return Request{Midstate: &j}, err
	}
	j, err := ParseJob(b)
	return Request{Job: &j}, err
}
