package cpu

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// pin keeps the calling thread on the index-th of the processors that it may
// use, counted round.
func pin(index int) error {
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return fmt.Errorf("read the affinity: %w", err)
	}
	nth := index % max(1, allowed.Count())
	for cpu := range len(allowed) * 64 {
		if !allowed.IsSet(cpu) {
			continue
		}
		if nth == 0 {
			var one unix.CPUSet
			one.Set(cpu)
			if err := unix.SchedSetaffinity(0, &one); err != nil {
				return fmt.Errorf("set the affinity to processor %d: %w", cpu, err)
			}
			return nil
		}
		nth--
	}
	return fmt.Errorf("no processor is allowed")
}
