//go:build !race

package stratum_test

// underRace says that the race detector is at work.
const underRace = false
