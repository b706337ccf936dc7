//go:build !linux

package bench

import (
	"io/fs"
	"time"
)

// systemFS is empty: there is nothing like /proc and /sys.
func systemFS() fs.FS { return nowhere{} }

type nowhere struct{}

func (nowhere) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

func threadCPU() (time.Duration, bool)  { return 0, false }
func processCPU() (time.Duration, bool) { return 0, false }
