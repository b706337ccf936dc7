package bench

import (
	"io/fs"
	"os"
	"syscall"
	"time"
	"unsafe"
)

// systemFS is where /proc and /sys are.
func systemFS() fs.FS { return os.DirFS("/") }

// Clocks of clock_gettime(2). Unlike getrusage(2) they don't wait for the next
// tick of the scheduler, up to 4 ms, to be brought up to date.
const (
	clockProcessCPU = 2
	clockThreadCPU  = 3
)

// threadCPU returns how long the calling thread has run, false where that is not
// to be had. The caller is locked to its thread.
func threadCPU() (time.Duration, bool) { return clock(clockThreadCPU) }

// processCPU returns how long all threads together have run.
func processCPU() (time.Duration, bool) { return clock(clockProcessCPU) }

func clock(id uintptr) (time.Duration, bool) {
	var ts syscall.Timespec
	_, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, id, uintptr(unsafe.Pointer(&ts)), 0)
	return time.Duration(ts.Nano()), errno == 0
}
