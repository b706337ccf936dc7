package frame

import "bytes"

// preamble returns how many bytes of b come before the next pair of first and
// second, of which the second may not be there yet. All of them are garbage.
func preamble(b []byte, first, second byte) int {
	if i := bytes.Index(b, []byte{first, second}); i >= 0 {
		return i
	}
	if n := len(b); n > 0 && b[n-1] == first {
		return n - 1
	}
	return len(b)
}
