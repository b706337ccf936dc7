package tui

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"gominer/miner"
)

// press returns what a key does at once; commands are run.
func press(t *testing.T, m *model, keys ...string) {
	t.Helper()
	for _, k := range keys {
		msg := tea.KeyPressMsg{Text: k}
		if r := []rune(k); len(r) == 1 {
			msg.Code = r[0]
		}
		switch k {
		case "space":
			msg = tea.KeyPressMsg{Code: tea.KeySpace, Text: " "}
		case "tab":
			msg = tea.KeyPressMsg{Code: tea.KeyTab}
		case "esc":
			msg = tea.KeyPressMsg{Code: tea.KeyEscape}
		case "enter":
			msg = tea.KeyPressMsg{Code: tea.KeyEnter}
		case "backspace":
			msg = tea.KeyPressMsg{Code: tea.KeyBackspace}
		case "down":
			msg = tea.KeyPressMsg{Code: tea.KeyDown}
		case "ctrl+c":
			msg = tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl}
		}
		_, cmd := m.Update(msg)
		if cmd == nil {
			continue
		}
		if note, ok := cmd().(noteMsg); ok {
			m.Update(note)
		}
	}
}

func TestKeys(t *testing.T) {
	m := screen(mining(), 120, 40, 100)
	for i, want := range []page{devices, shares, pools, logPage, overview} {
		press(t, m, "tab")
		if m.page != want {
			t.Fatalf("tab %d leads to %s", i, pageNames[m.page])
		}
	}
	press(t, m, "3")
	if m.page != shares {
		t.Errorf("3 leads to %s", pageNames[m.page])
	}
	press(t, m, "1", "x", "x")
	if m.zoom != 3 {
		t.Errorf("zoom %d", m.zoom)
	}
	press(t, m, "?")
	if out := m.canvas().String(); !m.help || !strings.Contains(out, "pause device") || !strings.Contains(out, "suspend") {
		t.Error("no help")
	}
	press(t, m, "q") // closes it
	if m.help || m.asking {
		t.Error("help stays")
	}
	press(t, m, "q", "n")
	if m.asking || m.end != nil {
		t.Error("n does not mean no")
	}
	press(t, m, "q", "y")
	if !errors.Is(m.end, ErrQuit) {
		t.Errorf("q and y: %v", m.end)
	}
	press(t, m, "ctrl+c")
	if !errors.Is(m.end, ErrInterrupted) {
		t.Errorf("Ctrl-C: %v", m.end)
	}
}

// What a key does to devices goes by how they stand then, not when they were
// drawn: twice in a moment is to and fro, and one that has gone is left alone.
func TestPauseAsThingsStand(t *testing.T) {
	s := mining()
	now := func() miner.Snapshot {
		c := s
		c.Devices = slices.Clone(s.Devices)
		return c
	}
	m := screen(now(), 120, 40, 0)
	m.cfg.Snapshot = now
	m.cfg.Controls.Pause = func(device int, paused bool) error {
		if s.Devices[device].Gone {
			return errors.New("it is gone")
		}
		s.Devices[device].Paused = paused
		return nil
	}
	for i, want := range []string{"all devices are paused", "all devices resume", "all devices are paused"} {
		if press(t, m, "space"); m.notice != want {
			t.Errorf("%d: %q, want %q", i, m.notice, want)
		}
	}
	s.Devices[0].Gone = true
	if press(t, m, "space"); m.notice != "all devices resume" || s.Devices[1].Paused {
		t.Errorf("%q, %+v", m.notice, s.Devices[1].Paused)
	}
	press(t, m, "2")
	if press(t, m, "p"); m.notice != "that device is gone" {
		t.Errorf("%q", m.notice)
	}
	press(t, m, "down", "p", "p")
	if m.notice != "opencl0 resumes" || s.Devices[1].Paused {
		t.Errorf("%q", m.notice)
	}
}

func TestFilter(t *testing.T) {
	m := screen(mining(), 80, 24, 0)
	press(t, m, "/", "r", "e", "j", "x", "backspace", "enter")
	out := m.canvas().String()
	if m.page != logPage || m.filter != "rej" || !strings.Contains(out, "share rejected") || strings.Contains(out, "share accepted") {
		t.Errorf("filter %q:\n%s", m.filter, out)
	}
	press(t, m, "/", "esc", "v", "v")
	if out := m.canvas().String(); m.filter != "" || strings.Contains(out, "share rejected") || !strings.Contains(out, "device failed") {
		t.Errorf("errors alone:\n%s", out)
	}
}

func TestControls(t *testing.T) {
	var did []string
	s := mining()
	m := screen(s, 120, 40, 0)
	m.cfg.Controls = Controls{
		Pause: func(device int, paused bool) error {
			did = append(did, s.Devices[device].Info.Name+onOff(paused, " off", " on"))
			return nil
		},
		Threads: func(device, more int) error { return errors.New("one thread is the least\x1b[2J") },
		Switch: func(source string) error {
			did = append(did, "to "+source)
			return nil
		},
	}
	press(t, m, "2", "down", "j", "p")
	press(t, m, "space")
	if got := strings.Join(did, ", "); got != "opencl0 off, cpu off, opencl0 off" {
		t.Errorf("did %s", got)
	}
	press(t, m, "-")
	if m.notice != "one thread is the least[2J" {
		t.Errorf("notice %q", m.notice)
	}
	press(t, m, ">")
	if m.notice != "that can't be done here" {
		t.Errorf("notice %q", m.notice)
	}
	did = nil
	press(t, m, "s")
	if m.page != pools || did != nil {
		t.Errorf("s leads to %s, %v", pageNames[m.page], did)
	}
	press(t, m, "j", "s")
	if len(did) != 1 || did[0] != "to backup.example.org:3333" {
		t.Errorf("did %v", did)
	}
}

func TestMouse(t *testing.T) {
	m := screen(mining(), 120, 40, 0)
	m.View()
	for _, z := range m.drawn.zones {
		if z.hit == devices {
			m.Update(tea.MouseClickMsg{X: z.x, Y: z.y, Button: tea.MouseLeft})
		}
	}
	if m.page != devices {
		t.Fatalf("a click on the tab leads to %s", pageNames[m.page])
	}
	m.View()
	for _, z := range m.drawn.zones {
		if z.hit == (rowZone{devices, 1}) {
			m.Update(tea.MouseClickMsg{X: z.x + 5, Y: z.y, Button: tea.MouseLeft})
		}
	}
	if m.chosen != 1 {
		t.Errorf("a click on the second device selects %d", m.chosen)
	}
	m.Update(tea.MouseWheelMsg{Button: tea.MouseWheelUp})
	if m.chosen != 0 {
		t.Errorf("the wheel leads to %d", m.chosen)
	}
	m.View()
	for _, z := range m.drawn.zones {
		at := tea.MouseClickMsg{X: z.x, Y: z.y, Button: tea.MouseLeft}
		switch hit := z.hit.(type) {
		case sortZone:
			if hit == byErrors {
				m.Update(at)
				if all := m.sorted(); m.order != byErrors || all[0] != 1 {
					t.Errorf("a click on the heading sorts %v by %s", all, orders[m.order].name)
				}
				m.Update(at)
			}
		case chartZone:
			m.Update(tea.MouseWheelMsg{X: z.x + z.w/2, Y: z.y + 1, Button: tea.MouseWheelDown})
		case key.Binding:
			if hit.Help() == keys.quit.Help() {
				m.Update(at)
			}
		}
	}
	if !m.reverse || m.zoom != 1 || !m.asking {
		t.Errorf("a second click on a heading: reversed %v; the wheel on the chart: %d; a click on quit: %v", m.reverse, m.zoom, m.asking)
	}
}

// A block is celebrated for a while, those of before are not.
func TestFeast(t *testing.T) {
	s := mining()
	m := screen(s, 80, 24, 0)
	if out := m.canvas().String(); strings.Contains(out, "FOUND") {
		t.Error("a block of before is celebrated")
	}
	s.Shares.Blocks++
	m.cfg.Snapshot = func() miner.Snapshot { return s }
	m.Update(tickMsg(noon.Add(time.Second)))
	if out := m.canvas().String(); !strings.Contains(out, "BLOCK 850 001 FOUND") {
		t.Errorf("no feast:\n%s", out)
	}
	m.Update(tickMsg(noon.Add(feastTime + 2*time.Second)))
	if out := m.canvas().String(); strings.Contains(out, "FOUND") {
		t.Error("the feast does not end")
	}
}

func TestPicture(t *testing.T) {
	m := screen(states()["hostile"], 120, 40, 300)
	m.cfg.Pictures = t.TempDir()
	press(t, m, "S")
	_, name, ok := strings.Cut(m.notice, "saved a picture of the screen as ")
	if !ok {
		t.Fatal(m.notice)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for d := xml.NewDecoder(f); ; {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	m.cfg.Pictures = "/does/not/exist"
	press(t, m, "S")
	if !strings.HasPrefix(m.notice, "no picture: ") {
		t.Error(m.notice)
	}
}

func TestHistory(t *testing.T) {
	var h history
	s := mining()
	s.Elapsed, s.Hashes = 0, 0
	for i := range 10 {
		s.Elapsed = time.Duration(i+1) * 500 * time.Millisecond // twice a second
		s.Hashes += 50
		h.add(&s)
	}
	if h.total.n != 5 {
		t.Fatalf("%d samples, want one a second", h.total.n)
	}
	if v, _ := h.total.at(0); v != 100 {
		t.Errorf("%v H/s, want 100", v)
	}
	s.Elapsed += 60 * time.Second // suspended
	s.Hashes += 60 * 200
	h.add(&s)
	if v, _ := h.total.at(59); h.total.n != 65 || v != 200 {
		t.Errorf("%d samples, the one of a minute ago is %v", h.total.n, v)
	}
	for range 100 { // not quite four times a second
		s.Elapsed += 260 * time.Millisecond
		s.Hashes += 52
		h.add(&s)
	}
	if v, _ := h.total.at(20); h.total.n != 91 || v != 200 {
		t.Errorf("%d samples after 91 s, the one of 20 s ago is %v", h.total.n, v)
	}
	got := h.total.columns(2, 172)
	if got[0] != 100 || got[1] != 200 || h.total.columns(2, 300)[0] != -1 {
		t.Errorf("columns %v", got)
	}
}

// A frame is drawn when something has changed, and only then.
func TestDrawnOnChange(t *testing.T) {
	s := mining()
	m := screen(s, 80, 24, 100)
	m.cfg.Snapshot = func() miner.Snapshot { return s }
	now := noon
	drawn := func() bool {
		before := m.drawn
		now = now.Add(tick)
		s.Elapsed += tick
		m.Update(tickMsg(now))
		m.View()
		return m.drawn != before
	}
	drawn()
	n := 0
	for range 8 {
		if drawn() {
			n++
		}
	}
	if n != 2 {
		t.Errorf("%d frames in two seconds in which only time passed", n)
	}
	for what, change := range map[string]func(){
		"a share":    func() { s.Shares.Accepted++ },
		"a pause":    func() { s.Devices[0].Paused = true },
		"a log line": func() { m.cfg.Log.Add(now, 0, "hello") },
		"a key":      func() { press(t, m, "2") },
		"a new size": func() { m.Update(tea.WindowSizeMsg{Width: 100, Height: 30}) },
		"a notice":   func() { m.Update(noteMsg("it is done")) },
	} {
		for drawn() { // up to a frame that is not
		}
		change()
		if !drawn() {
			t.Errorf("no frame after %s", what)
		}
	}
}

func BenchmarkFrame(b *testing.B) {
	m := screen(mining(), 120, 40, 3000)
	for b.Loop() {
		m.fresh = false
		m.Update(tickMsg(m.now))
		m.View()
	}
}

// A terminal that is back and is not drawn on is taken anew; one that is drawn on
// is left alone.
func TestRevival(t *testing.T) {
	var writes uint64
	r := revival{writes: func() uint64 { return writes }}
	if r.tick() != nil {
		t.Error("it does something before anything was suspended")
	}
	r.resumed()
	writes++
	for range 2 * reviveTicks {
		if r.tick() != nil {
			t.Error("it does something though all is well")
		}
	}
	r.resumed()
	for i := 1; i < reviveTicks; i++ {
		if r.tick() != nil {
			t.Error("it does something at once")
		}
	}
	if r.tick() == nil {
		t.Error("it does nothing though nothing is drawn")
	}
	if r.tick() != nil {
		t.Error("it does it again before the terminal is back")
	}
}
