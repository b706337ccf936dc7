package tui

import (
	"errors"
	"fmt"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"gominer/miner"
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
		return m.pause(device)
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

const (
	throttleStep = 10 // percent
	cantBeDone   = "that can't be done here"
)

// do runs f beside the clock and says what came of it.
func do(can bool, done string, f func() error) tea.Cmd {
	if !can {
		return say(cantBeDone)
	}
	return func() tea.Msg {
		if err := f(); err != nil {
			return noteMsg(Clean(err.Error()))
		}
		return noteMsg(done)
	}
}

func say(s string) tea.Cmd { return func() tea.Msg { return noteMsg(s) } }

// pause pauses a device, or lets it go on: by how it stands when that is done, not
// when it was drawn.
func (m *model) pause(device int) tea.Cmd {
	c := &m.cfg.Controls
	if c.Pause == nil {
		return say(cantBeDone)
	}
	return m.inTurn(func(now *miner.Snapshot) (string, error) {
		if device >= len(now.Devices) || now.Devices[device].Gone {
			return "", errors.New("that device is gone")
		}
		d := &now.Devices[device]
		return Clean(d.Info.Name) + onOff(d.Paused, " resumes", " is paused"), c.Pause(device, !d.Paused)
	})
}

// pauseAll pauses all devices, or resumes them if all are paused.
func (m *model) pauseAll() tea.Cmd {
	c := &m.cfg.Controls
	if c.Pause == nil {
		return say(cantBeDone)
	}
	return m.inTurn(func(now *miner.Snapshot) (string, error) {
		var there []int
		paused := false
		for i := range now.Devices {
			if d := &now.Devices[i]; !d.Gone {
				there = append(there, i)
				paused = paused || !d.Paused
			}
		}
		if len(there) == 0 {
			return "", errors.New("there is no device")
		}
		for _, i := range there {
			if err := c.Pause(i, paused); err != nil {
				return "", err
			}
		}
		return onOff(paused, "all devices are paused", "all devices resume"), nil
	})
}

// inTurn runs f with how things stand, beside the clock and behind what is under
// way, and says what came of it.
func (m *model) inTurn(f func(now *miner.Snapshot) (done string, err error)) tea.Cmd {
	return func() tea.Msg {
		m.turn.Lock()
		defer m.turn.Unlock()
		now := m.cfg.Snapshot()
		done, err := f(&now)
		if err != nil {
			return noteMsg(Clean(err.Error()))
		}
		return noteMsg(done)
	}
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
