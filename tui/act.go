package tui

import (
	"fmt"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
)

// act does what keys do beyond the screen. What may take a while is done beside
// the clock.
func (m *model) act(k tea.KeyPressMsg) tea.Cmd {
	switch {
	case key.Matches(k, keys.suspend):
		return m.suspend()
	case key.Matches(k, keys.redraw):
		return tea.ClearScreen
	case key.Matches(k, keys.picture):
		return m.picture()
	case key.Matches(k, keys.copy):
		return tea.Batch(tea.SetClipboard(m.canvas().String()), say("the screen is copied as text, if the terminal allows it"))
	case key.Matches(k, keys.pauseAll):
		return m.pauseAll()
	case key.Matches(k, keys.switchPool):
		return m.switchPool()
	}
	device, c := m.device(), &m.cfg.Controls
	if device < 0 {
		return nil
	}
	name := Clean(m.snap.Devices[device].Info.Name)
	switch {
	case key.Matches(k, keys.pause):
		paused := !m.snap.Devices[device].Paused
		return do(c.Pause != nil, name+onOff(paused, " is paused", " resumes"), func() error { return c.Pause(device, paused) })
	case key.Matches(k, keys.more):
		return do(c.Threads != nil, name+": a thread more", func() error { return c.Threads(device, 1) })
	case key.Matches(k, keys.fewer):
		return do(c.Threads != nil, name+": a thread less", func() error { return c.Threads(device, -1) })
	case key.Matches(k, keys.faster):
		return do(c.Throttle != nil, name+": throttled less", func() error { return c.Throttle(device, throttleStep) })
	case key.Matches(k, keys.slower):
		return do(c.Throttle != nil, name+": throttled more", func() error { return c.Throttle(device, -throttleStep) })
	}
	return nil
}

const throttleStep = 10 // percent

// do runs f beside the clock and says what came of it.
func do(can bool, done string, f func() error) tea.Cmd {
	if !can {
		return say("that can't be done here")
	}
	return func() tea.Msg {
		if err := f(); err != nil {
			return noteMsg(Clean(err.Error()))
		}
		return noteMsg(done)
	}
}

func say(s string) tea.Cmd { return func() tea.Msg { return noteMsg(s) } }

// pauseAll pauses all devices, or resumes them if all are paused.
func (m *model) pauseAll() tea.Cmd {
	paused, all, c := false, m.sorted(), &m.cfg.Controls
	for _, i := range all {
		paused = paused || !m.snap.Devices[i].Paused
	}
	return do(c.Pause != nil && len(all) > 0, onOff(paused, "all devices are paused", "all devices resume"), func() error {
		for _, i := range all {
			if err := c.Pause(i, paused); err != nil {
				return err
			}
		}
		return nil
	})
}

// switchPool mines on the selected pool, once it can be seen which that is.
func (m *model) switchPool() tea.Cmd {
	if m.page != pools || len(m.snap.Sources) == 0 {
		m.page = pools
		return say("choose a pool with ↑ and ↓, then press s again")
	}
	c, to := &m.cfg.Controls, m.snap.Sources[min(m.row[pools], len(m.snap.Sources)-1)].Name
	return do(c.Switch != nil, "switching to "+Clean(to), func() error { return c.Switch(to) })
}

// picture saves the screen.
func (m *model) picture() tea.Cmd {
	c, colours, folder, now := m.canvas(), palette(colorprofile.TrueColor, m.dark), m.cfg.Pictures, m.now
	return func() tea.Msg {
		name, err := savePicture(folder, c.svg(colours), now)
		if err != nil {
			return noteMsg("no picture: " + Clean(err.Error()))
		}
		return noteMsg(fmt.Sprintf("saved a picture of the screen as %s", Clean(name)))
	}
}
