package tui

import (
	"fmt"
	"strings"
	"time"

	"gominer/internal/units"
	"gominer/miner"
)

// drawTotals draws what became of the shares.
func (m *model) drawTotals(a area) {
	in := a.panel("Shares", "")
	lines, more := m.totals(in.h >= allTotals)
	in.tallies(lines)
	in.sub(0, len(lines), in.w, in.h-len(lines)).pairs(more)
}

const allTotals = 11 // lines of totals

// totals returns what became of the shares: all of it, or what matters most.
func (m *model) totals(all bool) ([]tallied, []pair) {
	t := &m.snap.Shares
	judged := float64(t.Accepted + t.Rejected)
	lines := []tallied{
		{"accepted", t.Accepted, percent(float64(t.Accepted), judged), good},
		{"rejected", t.Rejected, m.whyRejected(judged), bad},
		{"stale", t.Stale, "", warn},
		{"lost", t.Lost, "", warn},
	}
	if all || t.Duplicates > 0 {
		lines = append(lines, tallied{"duplicates", t.Duplicates, "", warn})
	}
	if all || t.HardwareErrors > 0 {
		lines = append(lines, tallied{"hw errors", t.HardwareErrors, "", bad})
	}
	more := []pair{
		{"best", m.best(), strong},
		{"last", m.ago(m.snap.LastAccepted), plain},
		{"next in", m.nextShare(), plain},
	}
	if all {
		more = append(more, pair{"a block in", m.nextBlock(), plain})
	}
	return lines, append(more, pair{"luck", m.luck(), plain})
}

// tallied is a count of shares and what there is to say of it.
type tallied struct {
	name  string
	count uint64
	note  string
	style style // where there are some
}

func (a area) tallies(lines []tallied) {
	for y, l := range lines {
		a.text(0, y, faint, l.name)
		a.right(20, y, onOff(l.count > 0, l.style, plain), units.Count(l.count))
		a.text(22, y, faint, l.note)
	}
}

func (m *model) whyRejected(judged float64) string {
	if m.snap.Shares.Rejected == 0 {
		return ""
	}
	return percent(float64(m.snap.Shares.Rejected), judged) + "  " + worstReason(m.snap.Reasons)
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
		text += ", ever " + units.Difficulty(s.BestEver)
	}
	return text
}

func (m *model) nextShare() string {
	if m.snap.Job == nil {
		return "–"
	}
	return wait(m.snap.Job.Job.Target.Difficulty(), m.snap.Rate.S60)
}

func (m *model) nextBlock() string {
	if m.snap.Job == nil {
		return "–"
	}
	t, err := m.snap.Job.Job.Bits.Target()
	if err != nil {
		return "–"
	}
	return wait(t.Difficulty(), m.snap.Rate.S60)
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
	r := m.current()
	if r == nil {
		a.panel("Pool", "").text(0, 0, faint, "none yet")
		return
	}
	a.source(m, r)
}

// connection says how a source is spoken to.
func connection(r *miner.SourceReport) string {
	switch {
	case r.Status.Encryption != "":
		return r.Status.Protocol + ", " + r.Status.Encryption
	case r.Status.Protocol != "":
		return r.Status.Protocol + ", unencrypted"
	}
	return ""
}

// source describes a source in a panel; how it stands is in the frame.
func (a area) source(m *model, r *miner.SourceReport) {
	in := a.panel("Pool", "")
	st := m.sourceState(r)
	note := " " + st.sign + " " + st.word + " "
	if n := len(m.snap.Sources); n > 1 && r.Preference > 0 {
		note += fmt.Sprintf("· %d of %d ", r.Preference, n)
	}
	a.right(a.w-2, 0, st.style, note)
	where := r.Status.URL
	if where == "" {
		where = r.Name
	}
	in.text(0, 0, strong, where)
	in = in.sub(0, 1, in.w, in.h-1)
	in.pairs(m.sourceLines(r))
}

// onNode is the protocol of nodes, whose blocks pay to whoever a pool would call
// the user.
const onNode = "getblocktemplate"

func (m *model) sourceLines(r *miner.SourceReport) (lines []pair) {
	if err := r.Status.Err; err != nil && r.Status.State == miner.Down {
		lines = append(lines, pair{"why", strings.TrimPrefix(strings.TrimPrefix(err.Error(), r.Name+": "), "node "+r.Name+": "), bad})
	}
	wire := pair{"protocol", connection(r), plain}
	switch {
	case strings.Contains(r.Status.Encryption, "not verified"):
		wire.style = bad
	case r.Status.Encryption != "":
		wire.style = good
	}
	who := "user"
	if r.Status.Protocol == onNode {
		who = "pays to"
	}
	lines = append(lines, wire, pair{who, r.Status.User, plain})
	if len(r.Difficulties) > 0 {
		lines = append(lines, pair{"difficulty", m.trend(r.Difficulties), plain})
	}
	if l := r.Latency; l.P50 > 0 {
		lines = append(lines, pair{"round trip", "p50 " + units.Milliseconds(ms(l.P50)) + ", p99 " + units.Milliseconds(ms(l.P99)), plain})
	}
	if r.Connects > 0 {
		lines = append(lines, pair{"connected", m.uptime(r), plain})
	}
	if r.Weight > 0 {
		lines = append(lines, pair{"weight", fmt.Sprintf("%g of the hash rate", r.Weight), plain})
	}
	if r.Message != "" {
		lines = append(lines, pair{"message", r.Message, accent})
	}
	if len(r.Status.Traits) > 0 {
		lines = append(lines, pair{"detected", strings.Join(r.Status.Traits, ", "), faint})
	}
	return lines
}

// trend writes the difficulty in force, whether it rose or fell, and when.
func (m *model) trend(all []miner.DifficultySince) string {
	now := all[len(all)-1]
	text := units.Difficulty(now.Difficulty)
	if len(all) == 1 {
		return text
	}
	before := all[len(all)-2].Difficulty
	return fmt.Sprintf("%s  %s %s", text, onOff(before > now.Difficulty, "↓", "↑"), m.ago(now.Since))
}

// uptime writes how long a source was up, and how often it came up.
func (m *model) uptime(r *miner.SourceReport) string {
	text := units.Span(r.Uptime.Truncate(time.Second))
	if r.Connects > 1 {
		text += fmt.Sprintf(", %d times", r.Connects)
	}
	return text
}

func ms(d time.Duration) float64 { return float64(d) / 1e6 }

func (m *model) sourceState(r *miner.SourceReport) state {
	switch {
	case r.Job != nil, m.snap.Job != nil && m.snap.Job.Source == r.Name:
		return stateMining
	case r.Status.State == miner.Down:
		return stateDown
	case r.Status.State == miner.Idle:
		return stateReady
	}
	return stateWaits
}

// drawJob draws the job in progress.
func (m *model) drawJob(a area) {
	in := a.panel("Job", "")
	if m.snap.Job != nil {
		in.pairs(m.jobLines(m.snap.Job))
	} else {
		in.text(0, 0, faint, "none yet")
	}
}

func (m *model) jobLines(j *miner.JobState) []pair {
	height := pair{"height", "not known", faint}
	if j.Job.Height > 0 {
		height = pair{"height", units.Count(uint64(j.Job.Height)), strong}
	}
	lines := []pair{
		height,
		{"id", j.Job.ID, plain},
		{"age", strings.TrimSuffix(m.ago(j.Arrived), " ago"), plain},
	}
	if n := j.Job.Transactions; n > 0 {
		lines = append(lines, pair{"holds", units.Plural(uint64(n), "transaction"), plain})
	}
	if j.Job.Value > 0 {
		lines = append(lines, pair{"pays", fmt.Sprintf("%.8f BTC", float64(j.Job.Value)/1e8), plain})
	}
	if t, err := j.Job.Bits.Target(); err == nil {
		lines = append(lines, pair{"network", "difficulty " + units.Difficulty(t.Difficulty()), plain},
			pair{"a block in", m.nextBlock(), plain})
	}
	versions := "fixed, no mask"
	if n := j.Job.Versions(); n > 1 {
		versions = fmt.Sprintf("mask %08x × %s", j.Job.VersionMask, units.Count(n))
	}
	return append(lines, pair{"versions", versions, plain})
}

// drawEvents draws the end of the log.
func (m *model) drawEvents(a area) {
	in := a.panel("Log", "")
	if m.cfg.Log == nil || in.h == 0 {
		return
	}
	all := m.cfg.Log.latest(in.h, newest, func(l *line) bool { return l.level >= m.level })
	for y, l := range all {
		in.logLine(y, &l, "")
	}
}
