//go:build !unix

package tui

import tea "charm.land/bubbletea/v2"

// suspend is known to Unix only.
func (m *model) suspend() tea.Cmd { return say("that can't be done here") }
