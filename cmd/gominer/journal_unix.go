//go:build unix

package main

import (
	"fmt"
	"os"
	"syscall"
)

// isJournal reports whether f is what JOURNAL_STREAM says the journal reads:
// its device and inode.
func isJournal(f *os.File, stream string) bool {
	info, err := f.Stat()
	if err != nil || stream == "" {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && stream == fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}
