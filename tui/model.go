package tui

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"gominer/miner"
)

// page is what the body of the screen shows.
type page int

const (
	overview page = iota
	devices
	shares
	pools
	logPage
	pages
)

var pageNames = [pages]string{"Overview", "Devices", "Shares", "Pools", "Log"}

// model is the state of the dashboard. Only Update changes it.
type model struct {
	cfg  *Config
	w, h int
	dark bool
	now  time.Time

	snap    miner.Snapshot
	past    history
	blocks  uint64    // seen so far
	feast   time.Time // until when a block is celebrated
	page    page
	row     [pages]int // that is selected, or how far the log is scrolled up
	order   int        // of devices: an index of orders
	zoom    int        // of the chart: an index of spans; -1: what there is
	threads bool       // the selected device's are shown

	filter    string // of the log
	filtering bool
	level     slog.Level

	help, asking bool
	end          error // what Run returns
	notice       string
	noticeTill   time.Time

	drawn *canvas // what View drew last, for the mouse and for pictures
}

type tickMsg time.Time

// noteMsg is shown for a while.
type noteMsg string

func newModel(cfg *Config, now time.Time) *model {
	m := &model{cfg: cfg, w: 80, h: 24, dark: true, now: now, zoom: -1, level: slog.LevelInfo}
	m.blocks = ^uint64(0) // those that were found before are no news
	m.take(now)
	m.blocks = m.snap.Shares.Blocks
	return m
}

// span returns the index of the chart's span: until a key chooses one, the
// shortest that holds all, up to a quarter of an hour.
func (m *model) span() int {
	if m.zoom >= 0 {
		return m.zoom
	}
	for i := range 2 {
		if m.past.total.n < spans[i].seconds {
			return i
		}
	}
	return 2
}

// take takes in how things stand.
func (m *model) take(now time.Time) {
	m.now, m.snap = now, m.cfg.Snapshot()
	m.past.add(&m.snap)
	if n := m.snap.Shares.Blocks; n > m.blocks {
		m.blocks, m.feast = n, now.Add(feastTime)
	}
}

const (
	feastTime  = 12 * time.Second
	noticeTime = 4 * time.Second
)

func next() tea.Cmd { return tea.Tick(tick, func(t time.Time) tea.Msg { return tickMsg(t) }) }

// Init asks for the background's colour and starts the clock.
func (m *model) Init() tea.Cmd { return tea.Batch(tea.RequestBackgroundColor, next()) }

// Update is bubbletea's.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tickMsg:
		m.take(time.Time(msg))
		return m, next()
	case tea.WindowSizeMsg:
		m.w, m.h = msg.Width, msg.Height
	case tea.BackgroundColorMsg:
		m.dark = msg.IsDark()
	case noteMsg:
		m.note(string(msg))
	case tea.KeyPressMsg:
		return m, m.press(msg)
	case tea.MouseClickMsg:
		return m, m.click(msg.X, msg.Y)
	case tea.MouseWheelMsg:
		if msg.Button == tea.MouseWheelUp {
			m.move(-1)
		} else if msg.Button == tea.MouseWheelDown {
			m.move(1)
		}
	}
	return m, nil
}

func (m *model) note(s string) { m.notice, m.noticeTill = s, m.now.Add(noticeTime) }

// press does what a key means.
func (m *model) press(k tea.KeyPressMsg) tea.Cmd {
	switch {
	case k.String() == "ctrl+c":
		m.end = ErrInterrupted
		return tea.Quit
	case m.asking:
		m.asking = false
		if key.Matches(k, keys.yes) {
			m.end = ErrQuit
			return tea.Quit
		}
		return nil
	case m.filtering:
		m.typed(k)
		return nil
	case m.help:
		m.help = false
		return nil
	}
	for i, b := range keys.pages {
		if key.Matches(k, b) {
			m.page = page(i)
			return nil
		}
	}
	switch {
	case key.Matches(k, keys.quit):
		m.asking = true
	case key.Matches(k, keys.help):
		m.help = true
	case key.Matches(k, keys.next):
		m.page = (m.page + 1) % pages
	case key.Matches(k, keys.back):
		m.page = (m.page + pages - 1) % pages
	case key.Matches(k, keys.up):
		m.move(-1)
	case key.Matches(k, keys.down):
		m.move(1)
	case key.Matches(k, keys.zoomIn):
		m.zoom = max(m.span()-1, 0)
	case key.Matches(k, keys.zoomOut):
		m.zoom = min(m.span()+1, len(spans)-1)
	case key.Matches(k, keys.suspend):
		return tea.Suspend
	case key.Matches(k, keys.picture):
		return m.picture()
	case key.Matches(k, keys.copy):
		return tea.Batch(tea.SetClipboard(m.canvas().String()), say("the screen is in the clipboard, as text"))
	case key.Matches(k, keys.sort):
		m.order = (m.order + 1) % len(orders)
		m.note("devices sorted by " + orders[m.order].name)
	case key.Matches(k, keys.detail):
		m.threads = !m.threads
	case key.Matches(k, keys.filter):
		m.page, m.filtering = logPage, true
	case key.Matches(k, keys.level):
		m.level = nextLevel(m.level)
		m.row[logPage] = 0
		m.note("the log shows " + strings.ToLower(m.level.String()) + " and what is graver")
	default:
		return m.control(k)
	}
	return nil
}

// control does what keys do to the miner. It answers beside the clock, as it may
// take a while.
func (m *model) control(k tea.KeyPressMsg) tea.Cmd {
	c := m.cfg.Controls
	device := m.device()
	name := ""
	if device >= 0 {
		name = m.snap.Devices[device].Info.Name
	}
	do := func(can bool, done string, f func() error) tea.Cmd {
		if !can || device < 0 {
			return say("that can't be done here")
		}
		return func() tea.Msg {
			if err := f(); err != nil {
				return noteMsg(Clean(err.Error()))
			}
			return noteMsg(done)
		}
	}
	switch {
	case key.Matches(k, keys.pause):
		paused := !m.snap.Devices[max(device, 0)].Paused
		return do(c.Pause != nil, name+onOff(paused, " rests", " goes on"), func() error { return c.Pause(device, paused) })
	case key.Matches(k, keys.pauseAll):
		paused := false
		for i := range m.snap.Devices {
			paused = paused || !m.snap.Devices[i].Paused
		}
		n := len(m.snap.Devices)
		return do(c.Pause != nil, "all devices"+onOff(paused, " rest", " go on"), func() error {
			for i := range n {
				if err := c.Pause(i, paused); err != nil {
					return err
				}
			}
			return nil
		})
	case key.Matches(k, keys.more):
		return do(c.Threads != nil, name+": a thread more", func() error { return c.Threads(device, 1) })
	case key.Matches(k, keys.fewer):
		return do(c.Threads != nil, name+": a thread less", func() error { return c.Threads(device, -1) })
	case key.Matches(k, keys.faster):
		return do(c.Throttle != nil, name+": works more", func() error { return c.Throttle(device, 10) })
	case key.Matches(k, keys.slower):
		return do(c.Throttle != nil, name+": works less", func() error { return c.Throttle(device, -10) })
	case key.Matches(k, keys.switch_):
		if m.page != pools || len(m.snap.Sources) == 0 {
			m.page = pools
			return say("choose a pool with ↑ and ↓, then press s again")
		}
		to := m.snap.Sources[min(m.row[pools], len(m.snap.Sources)-1)].Name
		return do(c.Switch != nil, "going to "+Clean(to), func() error { return c.Switch(to) })
	}
	return nil
}

func onOff(on bool, a, b string) string {
	if on {
		return a
	}
	return b
}

func say(s string) tea.Cmd { return func() tea.Msg { return noteMsg(s) } }

// device returns the index of the selected device, -1 where there is none.
func (m *model) device() int {
	all := m.sorted()
	if len(all) == 0 {
		return -1
	}
	return all[min(m.row[devices], len(all)-1)]
}

// move goes a line down, or up.
func (m *model) move(by int) {
	if m.page == logPage {
		by = -by // its row counts from the end
	}
	m.row[m.page] = max(0, min(m.row[m.page]+by, m.rows()-1))
}

// rows returns how many lines the page's list has.
func (m *model) rows() int {
	switch m.page {
	case devices, overview:
		return len(m.snap.Devices)
	case pools:
		return len(m.snap.Sources)
	case shares:
		return len(m.snap.Recent)
	case logPage:
		return logLines
	}
	return 0
}

// typed takes a key into the log's filter.
func (m *model) typed(k tea.KeyPressMsg) {
	switch k.String() {
	case "esc":
		m.filter, m.filtering = "", false
	case "enter":
		m.filtering = false
	case "backspace":
		_, size := utf8.DecodeLastRuneInString(m.filter)
		m.filter = m.filter[:len(m.filter)-size]
	case "ctrl+u":
		m.filter = ""
	default:
		m.filter += Clean(k.Text)
	}
	m.row[logPage] = 0
}

// click does what the topmost zone at (x, y) is for.
func (m *model) click(x, y int) tea.Cmd {
	if m.asking || m.help {
		m.asking, m.help = false, false
		return nil
	}
	if m.drawn == nil {
		return nil
	}
	for i := len(m.drawn.zones) - 1; i >= 0; i-- {
		z := m.drawn.zones[i]
		if x < z.x || y < z.y || x >= z.x+z.w || y >= z.y+z.h {
			continue
		}
		switch hit := z.hit.(type) {
		case page:
			m.page = hit
		case rowZone:
			m.row[hit.page] = hit.row
		}
		return nil
	}
	return nil
}

// rowZone is a line of a page's list.
type rowZone struct {
	page page
	row  int
}

func (m *model) picture() tea.Cmd {
	c, dark, now, folder := m.canvas(), m.dark, m.now, m.cfg.Pictures
	if folder == "" {
		folder = "."
	}
	return func() tea.Msg {
		name, err := picture(folder, c, dark, now)
		if err != nil {
			return noteMsg("no picture: " + Clean(err.Error()))
		}
		return noteMsg(fmt.Sprintf("a picture of the screen is in %s", filepath.Clean(name)))
	}
}

func nextLevel(l slog.Level) slog.Level {
	switch l {
	case slog.LevelDebug:
		return slog.LevelInfo
	case slog.LevelInfo:
		return slog.LevelWarn
	case slog.LevelWarn:
		return slog.LevelError
	}
	return slog.LevelDebug
}
