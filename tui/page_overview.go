package tui

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"gominer/internal/units"
	"gominer/miner"
)

func (m *model) drawOverview(a area) {
	const sharesHeight = 11 // with its frame
	switch {
	case a.w >= 110 && a.h >= 26:
		right := 46
		top := max(a.h*55/100, sharesHeight)
		m.drawRate(a.sub(0, 0, a.w-right, top))
		m.drawTotals(a.sub(a.w-right, 0, right, sharesHeight))
		m.drawDeviceList(a.sub(a.w-right, sharesHeight, right, top-sharesHeight))
		low := a.h - top
		half := (a.w - right) / 2
		m.drawPool(a.sub(0, top, half, min(low, 11)))
		m.drawJob(a.sub(half, top, a.w-right-half, min(low, 11)))
		m.drawLatest(a.sub(a.w-right, top, right, min(low, 11)))
		m.drawEvents(a.sub(0, top+11, a.w, low-11))
	default:
		low := min(9, a.h/2)
		bottom := 0
		if a.h >= 21 {
			bottom = min(4, a.h-17)
		}
		m.drawRate(a.sub(0, 0, a.w, a.h-low-bottom))
		half := a.w / 2
		m.drawTotals(a.sub(0, a.h-low-bottom, half, low))
		m.drawPool(a.sub(half, a.h-low-bottom, a.w-half, low))
		m.drawEvents(a.sub(0, a.h-bottom, a.w, bottom))
	}
}

// drawRate draws the hash rate and its past.
func (m *model) drawRate(a area) {
	r := &m.snap.Rate
	in := a.panel("Hash rate", spans[m.span()].name+", z and x zoom")
	if in.h == 0 {
		return
	}
	now := units.Hashrate(r.S10)
	x, y := 0, 0
	if in.h >= 11 && in.w >= 60 {
		number, unit, _ := strings.Cut(now, " ")
		x = in.digits(0, 0, accent, number)
		x = in.text(x+1, 2, accent, unit)
		y = 2
	} else {
		x = in.text(0, 0, accent, now)
	}
	in.sub(0, y, in.w, 1).rates(x+3, r)
	in.sub(0, y+2, in.w, in.h-y-2).rateChart(&m.past.total, m.span())
}

// rates writes the means over several spans.
func (a area) rates(x int, r *miner.Rate) {
	for _, s := range []struct {
		name string
		rate float64
	}{{"1 min", r.S60}, {"15 min", r.M15}, {"all", r.Avg}} {
		text := units.Hashrate(s.rate)
		if x+len(s.name)+len(text)+1 > a.w {
			return
		}
		x = a.text(x, 0, faint, s.name)
		x = a.text(x+1, 0, plain, text) + 3
	}
}

// figures are the digits of drawRate, three lines high.
var figures = map[rune][3]string{
	'0': {"┏━┓", "┃ ┃", "┗━┛"}, '1': {" ╻", " ┃", " ╹"}, '2': {"╺━┓", "┏━┛", "┗━╸"}, '3': {"╺━┓", " ━┫", "╺━┛"},
	'4': {"╻ ╻", "┗━┫", "  ╹"}, '5': {"┏━╸", "┗━┓", "╺━┛"}, '6': {"┏━╸", "┣━┓", "┗━┛"}, '7': {"╺━┓", "  ┃", "  ╹"},
	'8': {"┏━┓", "┣━┫", "┗━┛"}, '9': {"┏━┓", "┗━┫", "╺━┛"}, '.': {" ", " ", "╹"},
}

// digits writes a number in large figures and returns the column behind it.
func (a area) digits(x, y int, st style, number string) int {
	for _, r := range number {
		f, ok := figures[r]
		if !ok {
			continue
		}
		end := x
		for i, part := range f {
			end = a.text(x, y+i, st, part)
		}
		x = end
	}
	return x
}

// drawTotals draws what became of the shares.
func (m *model) drawTotals(a area) {
	s := &m.snap
	t := &s.Shares
	judged := float64(t.Accepted + t.Rejected)
	rejected := pair{"rejected", units.Count(t.Rejected), plain}
	if t.Rejected > 0 {
		rejected.style = bad
		rejected.value += "  " + worstReason(s.Reasons)
	}
	others := []string{}
	for _, n := range []struct {
		count uint64
		what  string
	}{{t.Stale, "stale"}, {t.Lost, "lost"}, {t.Duplicates, "twice"}, {t.HardwareErrors, "wrong"}} {
		if n.count > 0 {
			others = append(others, units.Count(n.count)+" "+n.what)
		}
	}
	other := pair{"others", "none", faint}
	if len(others) > 0 {
		other = pair{"others", strings.Join(others, ", "), warn}
	}
	lines := []pair{
		{"accepted", units.Count(t.Accepted) + "  " + percent(float64(t.Accepted), judged), good},
		rejected, other,
		{"best", m.best(), strong},
		{"last", m.lastShare(), plain},
		{"next in", m.nextShare(), plain},
		{"luck", m.luck(), plain},
	}
	blocks := pair{"blocks", units.Count(t.Blocks), plain}
	if t.Blocks > 0 {
		blocks.style = good
	}
	lines = append(lines, blocks)
	a.panel("Shares", "").pairs(lines)
}

func worstReason(reasons map[string]uint64) string {
	worst, most := "", uint64(0)
	for r, n := range reasons {
		if n > most || n == most && r < worst {
			worst, most = r, n
		}
	}
	return worst
}

func (m *model) best() string {
	s := &m.snap
	text := units.Difficulty(s.Best)
	if s.BestEver > s.Best {
		text += "  ever " + units.Difficulty(s.BestEver)
	}
	return text
}

func (m *model) lastShare() string { return m.ago(m.snap.LastAccepted) }

func (m *model) nextShare() string {
	if m.snap.Job == nil {
		return "–"
	}
	return "about " + wait(m.snap.Job.Job.Target.Difficulty(), m.snap.Rate.S60)
}

// luck compares the work that was accepted with the work that was done.
func (m *model) luck() string {
	return percent(m.snap.Shares.Difficulty*(1<<32), float64(m.snap.Hashes))
}

// current returns the source in use, nil if there is none.
func (m *model) current() *miner.SourceReport {
	var latest *miner.SourceReport
	for i := range m.snap.Sources {
		r := &m.snap.Sources[i]
		if m.snap.Job != nil && r.Name == m.snap.Job.Source {
			return r
		}
		if latest == nil || r.Since.After(latest.Since) {
			latest = r
		}
	}
	return latest
}

// drawPool draws the source in use.
func (m *model) drawPool(a area) {
	in := a.panel("Pool", m.failover())
	r := m.current()
	if r == nil {
		in.text(0, 0, faint, "none yet")
		return
	}
	in.pairs(m.sourceLines(r))
}

// failover says how many sources stand by.
func (m *model) failover() string {
	if n := len(m.snap.Sources); n > 1 {
		return fmt.Sprintf("%d pools", n)
	}
	return ""
}

// sourceLines describes a source.
func (m *model) sourceLines(r *miner.SourceReport) []pair {
	st := sourceState(r, m.snap.Job)
	lines := []pair{{"", "", plain}}
	lines[0] = pair{st.sign + " " + st.word, r.Name, strong}
	if err := r.Status.Err; err != nil && r.Status.State == miner.Down {
		lines = append(lines, pair{"why", strings.TrimPrefix(err.Error(), r.Name+": "), bad})
	}
	wire := pair{"speaks", r.Status.Protocol, plain}
	switch {
	case strings.Contains(r.Status.Encryption, "not verified"):
		wire.value, wire.style = wire.value+" over "+r.Status.Encryption, bad
	case r.Status.Encryption != "":
		wire.value, wire.style = wire.value+" over "+r.Status.Encryption, good
	case r.Status.Protocol != "":
		wire.value += ", not encrypted"
	}
	lines = append(lines, wire, pair{"user", r.Status.User, plain})
	if n := len(r.Difficulties); n > 0 {
		lines = append(lines, pair{"difficulty", m.trend(r.Difficulties), plain})
	}
	if l := r.Latency; l.P50 > 0 {
		lines = append(lines, pair{"answers in", units.Milliseconds(ms(l.P50)) + ", slowest " + units.Milliseconds(ms(l.P99)), plain})
	}
	lines = append(lines, pair{"up", m.uptime(r), plain})
	if len(r.Status.Traits) > 0 {
		lines = append(lines, pair{"found", strings.Join(r.Status.Traits, ", "), faint})
	}
	if r.Message != "" {
		lines = append(lines, pair{"says", r.Message, accent})
	}
	return lines
}

// trend writes the difficulty in force, since when it is, and the one before.
func (m *model) trend(all []miner.DifficultySince) string {
	now := all[len(all)-1]
	text := units.Difficulty(now.Difficulty)
	if len(all) == 1 {
		return text
	}
	sign := "↑"
	if before := all[len(all)-2].Difficulty; before > now.Difficulty {
		sign = "↓"
	}
	return fmt.Sprintf("%s  %s %s", text, sign, m.ago(now.Since))
}

// uptime writes how long a source was up, and how often it came up.
func (m *model) uptime(r *miner.SourceReport) string {
	if r.Connects == 0 {
		return "never"
	}
	text := units.Span(r.Uptime.Truncate(time.Second))
	if r.Connects > 1 {
		text += fmt.Sprintf(", %d connections", r.Connects)
	}
	return text
}

func ms(d time.Duration) float64 { return float64(d) / 1e6 }

func sourceState(r *miner.SourceReport, job *miner.JobState) state {
	switch {
	case job != nil && job.Source == r.Name:
		return stateMining
	case r.Status.State == miner.Down:
		return stateDown
	case r.Status.State == miner.Idle:
		return stateIdle
	}
	return stateWaits
}

// drawJob draws the job in progress.
func (m *model) drawJob(a area) {
	in := a.panel("Job", "")
	j := m.snap.Job
	if j == nil {
		in.text(0, 0, faint, "none yet")
		return
	}
	in.pairs(m.jobLines(j))
}

func (m *model) jobLines(j *miner.JobState) []pair {
	lines := []pair{{"height", "not known", faint}}
	if j.Job.Height > 0 {
		lines[0] = pair{"height", units.Count(uint64(j.Job.Height)), strong}
	}
	network := 0.0
	if t, err := j.Job.Bits.Target(); err == nil {
		network = t.Difficulty()
	}
	lines = append(lines,
		pair{"id", j.Job.ID, plain},
		pair{"age", strings.TrimSuffix(m.ago(j.Arrived), " ago"), plain},
		pair{"network", "difficulty " + units.Difficulty(network), plain},
		pair{"block in", "about " + wait(network, m.snap.Rate.S60), plain})
	if n := j.Job.Versions(); n > 1 {
		lines = append(lines, pair{"versions", fmt.Sprintf("%s, mask %08x", units.Count(n), j.Job.VersionMask), plain})
	} else {
		lines = append(lines, pair{"versions", "fixed", plain})
	}
	if j.Job.Value > 0 {
		lines = append(lines, pair{"pays", fmt.Sprintf("%.8f BTC", float64(j.Job.Value)/1e8), plain})
	}
	if j.Job.Transactions > 0 {
		lines = append(lines, pair{"holds", units.Plural(uint64(j.Job.Transactions), "transaction"), plain})
	}
	return lines
}

// drawDeviceList draws a line for each device.
func (m *model) drawDeviceList(a area) {
	in := a.panel("Devices", "")
	for y, i := range m.sorted() {
		if y >= in.h {
			return
		}
		d := &m.snap.Devices[i]
		st := deviceState(d)
		in.text(0, y, st.style, st.sign)
		in.sub(2, y, 10, 1).text(0, 0, plain, d.Info.Name)
		in.right(in.w-14, y, strong, units.Hashrate(d.Rate.S10))
		in.spark(in.w-12, y, m.past.devices12(i))
	}
}

// devices12 returns the rates of the last minute in 12 parts.
func (h *history) devices12(i int) []float64 {
	if i >= len(h.devices) {
		return nil
	}
	return h.devices[i].columns(12, 60)
}

// drawLatest draws the latest shares.
func (m *model) drawLatest(a area) {
	m.shareLines(a.panel("Latest shares", ""), 0, -1)
}

// drawEvents draws the end of the log.
func (m *model) drawEvents(a area) {
	if m.cfg.Log == nil || a.h < 3 {
		return
	}
	in := a.panel("Log", "")
	lines := m.cfg.Log.latest(in.h, 0, func(l *line) bool { return l.level >= slog.LevelInfo })
	for y, l := range lines {
		in.logLine(y, &l)
	}
}

// orders are how devices can be sorted.
var orders = []struct {
	name string
	less func(a, b *miner.DeviceState) int
}{
	{"place", func(a, b *miner.DeviceState) int { return 0 }},
	{"hash rate", func(a, b *miner.DeviceState) int { return compare(b.Rate.S60, a.Rate.S60) }},
	{"errors", func(a, b *miner.DeviceState) int {
		return compare(float64(b.Shares.HardwareErrors), float64(a.Shares.HardwareErrors))
	}},
	{"name", func(a, b *miner.DeviceState) int { return strings.Compare(a.Info.Name, b.Info.Name) }},
}

func compare(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// sorted returns the indices of the devices in the order chosen.
func (m *model) sorted() []int {
	all := make([]int, len(m.snap.Devices))
	for i := range all {
		all[i] = i
	}
	slices.SortStableFunc(all, func(a, b int) int {
		return orders[m.order].less(&m.snap.Devices[a], &m.snap.Devices[b])
	})
	return all
}
