//go:build unix

package tui

import (
	"os"
	"syscall"
	"time"

	tea "charm.land/bubbletea/v2"
)

const mostConts = 40 // tries

// suspend gives the terminal back to the shell until the program is continued.
// Where there is no shell, as in a container, the system lets nobody be stopped:
// so the program, which waits for SIGCONT, sends it to itself until it goes on,
// which it can't do while it is stopped.
func (m *model) suspend() tea.Cmd {
	return func() tea.Msg {
		m.stopped.Store(true)
		go func() {
			for i := 0; i < mostConts && m.stopped.Load(); i++ {
				time.Sleep(tick)
				_ = syscall.Kill(os.Getpid(), syscall.SIGCONT)
			}
		}()
		return tea.SuspendMsg{}
	}
}
