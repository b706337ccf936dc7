//go:build unix

package tui

import (
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	tea "charm.land/bubbletea/v2"
)

const stopTime = time.Second // the longest that the system takes to stop a program

// suspend gives the terminal back to the shell until the program is continued.
func (m *model) suspend() tea.Cmd { return tea.Exec(stop{}, resumed) }

// stop is a command that the terminal is given back for: it stops the program.
type stop struct{}

// Run returns when the program is continued. Where there is no shell, as in a
// container, the system lets nobody be stopped: there it returns after stopTime.
func (stop) Run() error {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGCONT)
	defer signal.Stop(c)
	if err := syscall.Kill(0, syscall.SIGTSTP); err != nil {
		return err
	}
	select {
	case <-c:
	case <-time.After(stopTime):
	}
	return nil
}

func (stop) SetStdin(io.Reader)  {}
func (stop) SetStdout(io.Writer) {}
func (stop) SetStderr(io.Writer) {}
