//go:build !linux

package cpu

import (
	"fmt"
	"runtime"
)

func pin(int) error { return fmt.Errorf("not supported on %s", runtime.GOOS) }
