//go:build !linux

package emulate

// Baud returns 0: it is told on Linux alone.
func (p *PTY) Baud() int { return 0 }
