package tui

import (
	"log/slog"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

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
	cfg     *Config
	w, h    int
	profile colorprofile.Profile
	dark    bool
	now     time.Time

	snap   miner.Snapshot
	past   history
	blocks uint64    // seen so far
	feast  time.Time // until when a block is celebrated

	page    page
	chosen  int        // device, an index of miner.Snapshot's
	row     [pages]int // that is selected, of shares and of pools
	order   int        // of devices: an index of orders
	reverse bool
	zoom    int  // of charts: an index of spans; -1: what there is
	threads bool // of the chosen device are shown

	logEnd    uint64 // the lines before it are shown
	filter    string // of the log
	filtering bool
	level     slog.Level

	help, asking bool
	end          error // what Run returns
	notice       string
	noticeTill   time.Time

	revival revival // after a suspension

	turn sync.Mutex // of what is done beside the clock to devices; guards nothing else

	drawn *canvas  // what View drew last, for the mouse
	view  tea.View // of it
	shown gist     // what was to be seen then
	fresh bool     // view is how things stand
}

// gist is what a frame is drawn anew for when nobody does anything: a second has
// passed, which is how often rates are measured, or something has happened.
type gist struct {
	second        time.Duration // since the start of mining
	shares        miner.Tally
	logged        int // lines that are shown
	paused        int
	notice, feast bool
	glitter       int64
}

func (m *model) gist() gist {
	g := gist{
		second: m.snap.Elapsed.Truncate(time.Second), shares: m.snap.Shares,
		notice: m.now.Before(m.noticeTill), feast: m.now.Before(m.feast),
	}
	if m.cfg.Log != nil {
		g.logged = m.cfg.Log.count(m.level)
	}
	if g.feast {
		g.glitter = m.frame()
	}
	for i := range m.snap.Devices {
		if m.snap.Devices[i].Paused {
			g.paused++
		}
	}
	return g
}

type tickMsg time.Time

// noteMsg is shown for a while.
type noteMsg string

func newModel(cfg *Config, now time.Time) *model {
	m := &model{
		cfg: cfg, w: 80, h: 24, profile: colorprofile.TrueColor, dark: true, now: now, zoom: -1,
		logEnd: newest, level: slog.LevelInfo,
	}
	m.snap = cfg.Snapshot()
	m.blocks = m.snap.Shares.Blocks // those that were found before are no news
	m.past.add(&m.snap)
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
	before := judged(&m.snap)
	m.now, m.snap = now, m.cfg.Snapshot()
	m.past.add(&m.snap)
	if n := m.snap.Shares.Blocks; n > m.blocks {
		m.blocks, m.feast = n, now.Add(feastTime)
	}
	if m.row[shares] > 0 { // the same share stays selected
		m.row[shares] = min(m.row[shares]+int(judged(&m.snap)-before), max(len(m.snap.Recent)-1, 0))
	}
}

// judged returns how many shares have come into Recent so far.
func judged(s *miner.Snapshot) uint64 { return s.Shares.Accepted + s.Shares.Rejected + s.Shares.Lost }

const (
	feastTime  = 10 * time.Second
	noticeTime = 4 * time.Second
)

func next() tea.Cmd { return tea.Tick(tick, func(t time.Time) tea.Msg { return tickMsg(t) }) }

// Init asks for the background's colour and starts the clock.
func (m *model) Init() tea.Cmd { return tea.Batch(tea.RequestBackgroundColor, next()) }

// Update is bubbletea's.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	if t, ok := msg.(tickMsg); ok {
		m.take(time.Time(t))
		if g := m.gist(); g != m.shown {
			m.shown, m.fresh = g, false
		}
		return m, tea.Batch(next(), m.revival.tick())
	}
	m.fresh = false
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.w, m.h = msg.Width, msg.Height
	case tea.BackgroundColorMsg:
		m.dark = msg.IsDark()
	case tea.ColorProfileMsg:
		m.profile = msg.Profile
	case resumedMsg:
		m.back(msg.err)
	case noteMsg:
		m.note(string(msg))
	case tea.KeyPressMsg:
		return m, m.press(msg)
	case tea.PasteMsg:
		if m.filtering {
			m.setFilter(m.filter + Clean(msg.Content))
		}
	case tea.MouseClickMsg:
		if msg.Button == tea.MouseLeft {
			return m, m.click(msg.X, msg.Y)
		}
	case tea.MouseWheelMsg:
		switch msg.Button {
		case tea.MouseWheelUp:
			m.wheel(msg.X, msg.Y, -1)
		case tea.MouseWheelDown:
			m.wheel(msg.X, msg.Y, 1)
		}
	}
	return m, nil
}

func (m *model) note(s string) { m.notice, m.noticeTill = s, m.now.Add(noticeTime) }

func (m *model) clock(t time.Time) string { return t.Local().Format(time.TimeOnly) }

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
	case key.Matches(k, keys.pageUp):
		m.move(-m.pageRows())
	case key.Matches(k, keys.pageDown):
		m.move(m.pageRows())
	case key.Matches(k, keys.first):
		m.move(-classes * logLines)
	case key.Matches(k, keys.end):
		m.move(classes * logLines)
	case key.Matches(k, keys.zoomIn):
		m.zoomBy(-1)
	case key.Matches(k, keys.zoomOut):
		m.zoomBy(1)
	case key.Matches(k, keys.sort):
		m.sortBy((m.order + 1) % len(orders))
	case key.Matches(k, keys.reverse):
		m.reverse = !m.reverse
	case key.Matches(k, keys.threads):
		m.threads = !m.threads
	case key.Matches(k, keys.filter):
		m.page, m.filtering = logPage, true
	case key.Matches(k, keys.level):
		m.level = nextLevel(m.level)
		m.logEnd = newest
		m.note("the log shows " + levelName(m.level) + " and above")
	default:
		return m.act(k)
	}
	return nil
}

// sortBy sorts devices by an order, or the other way if they are already.
func (m *model) sortBy(order int) {
	m.order, m.reverse = order, false
	m.note("devices are sorted by " + orders[order].name)
}

func (m *model) zoomBy(n int) { m.zoom = min(max(m.span()+n, 0), len(spans)-1) }

// device returns the index of the chosen device, -1 where there is none.
func (m *model) device() int {
	if i := m.chosen; i < len(m.snap.Devices) && !m.snap.Devices[i].Gone {
		return i
	}
	if all := m.sorted(); len(all) > 0 {
		return all[0]
	}
	return -1
}

// pageRows is how far a key for a screen goes.
func (m *model) pageRows() int { return max(m.h-8, 1) }

// move goes by lines down, or up where by is below 0.
func (m *model) move(by int) {
	switch m.page {
	case overview, devices:
		all := m.sorted()
		if len(all) > 0 {
			m.chosen = all[min(max(slices.Index(all, m.device())+by, 0), len(all)-1)]
		}
	case shares:
		m.row[shares] = min(max(m.row[shares]+by, 0), max(len(m.snap.Recent)-1, 0))
	case pools:
		m.row[pools] = min(max(m.row[pools]+by, 0), max(len(m.snap.Sources)-1, 0))
	case logPage:
		if m.cfg.Log != nil {
			m.logEnd = m.cfg.Log.move(m.logEnd, by, m.pageRows(), m.wanted())
		}
	}
}

// typed takes a key into the log's filter.
func (m *model) typed(k tea.KeyPressMsg) {
	switch k.String() {
	case "esc":
		m.filtering = false
		m.setFilter("")
	case "enter":
		m.filtering = false
	case "backspace":
		_, size := utf8.DecodeLastRuneInString(m.filter)
		m.setFilter(m.filter[:len(m.filter)-size])
	case "ctrl+u":
		m.setFilter("")
	default:
		m.setFilter(m.filter + Clean(k.Text))
	}
}

const mostFilter = 200 // bytes

func (m *model) setFilter(s string) {
	if len(s) <= mostFilter {
		m.filter, m.logEnd = s, newest
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

// hit returns what the topmost zone at (x, y) is for, nil for none.
func (m *model) hit(x, y int) any {
	if m.drawn == nil {
		return nil
	}
	for _, z := range slices.Backward(m.drawn.zones) {
		if x >= z.x && y >= z.y && x < z.x+z.w && y < z.y+z.h {
			return z.hit
		}
	}
	return nil
}

// click does what is meant by a click at (x, y).
func (m *model) click(x, y int) tea.Cmd {
	switch hit := m.hit(x, y).(type) {
	case page:
		m.page = hit
	case key.Binding:
		if m.help {
			m.help = false
		}
		return m.press(pressed(hit))
	case sortZone:
		if m.order == int(hit) {
			m.reverse = !m.reverse
		} else {
			m.sortBy(int(hit))
		}
	case rowZone:
		m.choose(hit)
	default:
		m.asking, m.help = false, false
	}
	return nil
}

// choose selects a line of a list.
func (m *model) choose(z rowZone) {
	if z.page != devices {
		m.row[z.page] = z.row
		return
	}
	if all := m.sorted(); z.row < len(all) {
		m.chosen = all[z.row]
	}
}

// wheel zooms over a chart, and else moves lines.
func (m *model) wheel(x, y, by int) {
	if _, chart := m.hit(x, y).(chartZone); chart {
		m.zoomBy(by)
		return
	}
	if m.page == logPage {
		by *= 3
	}
	m.move(by)
}
