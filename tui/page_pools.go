package tui

import (
	"strings"

	"gominer/internal/units"
	"gominer/miner"
)

func (m *model) drawPools(a area) {
	list := min(max(len(m.snap.Sources)+3, 5), a.h/2)
	in := a.sub(0, 0, a.w, list).panel("Pools", "the most preferred first, s switches")
	at := func(i int) *miner.SourceReport { return &m.snap.Sources[i] }
	mark := min(m.row[pools], len(m.snap.Sources)-1)
	in.table(pools, []column{
		{"", 9, false, func(i int) (string, style) {
			s := sourceState(at(i), m.snap.Job)
			return s.sign + " " + s.word, s.style
		}},
		{"pool", 28, false, func(i int) (string, style) { return at(i).Name, strong }},
		{"ok", 7, true, func(i int) (string, style) { return units.Count(at(i).Shares.Accepted), good }},
		{"bad", 5, true, func(i int) (string, style) { return units.Count(at(i).Shares.Rejected), plain }},
		{"lost", 5, true, func(i int) (string, style) { return units.Count(at(i).Shares.Lost), plain }},
		{"answer", 9, true, func(i int) (string, style) {
			if at(i).Latency.P50 == 0 {
				return "–", faint
			}
			return units.Milliseconds(ms(at(i).Latency.P50)), plain
		}},
		{"slowest", 9, true, func(i int) (string, style) {
			if at(i).Latency.P99 == 0 {
				return "–", faint
			}
			return units.Milliseconds(ms(at(i).Latency.P99)), plain
		}},
		{"difficulty", 10, true, func(i int) (string, style) {
			n := len(at(i).Difficulties)
			if n == 0 {
				return "–", faint
			}
			return units.Difficulty(at(i).Difficulties[n-1].Difficulty), plain
		}},
		{"protocol", 16, false, func(i int) (string, style) { return at(i).Status.Protocol, plain }},
		{"encryption", 20, false, func(i int) (string, style) {
			if e := at(i).Status.Encryption; e != "" {
				return e, good
			}
			return "none", faint
		}},
		{"found", 40, false, func(i int) (string, style) { return strings.Join(at(i).Status.Traits, ", "), faint }},
	}, len(m.snap.Sources), mark)

	low := a.sub(0, list, a.w, a.h-list)
	messages := 0
	if low.h > 14 {
		messages = low.h - 11
	}
	half := low.w / 2
	one := low.sub(0, 0, half, low.h-messages).panel("Pool", "")
	if mark >= 0 {
		one.pairs(m.sourceLines(at(mark)))
	}
	m.drawJob(low.sub(half, 0, low.w-half, low.h-messages))
	m.drawMessages(low.sub(0, low.h-messages, low.w, messages))
}

// drawMessages draws what pools wanted shown.
func (m *model) drawMessages(a area) {
	in := a.panel("Messages", "")
	n := len(m.snap.Messages)
	if n == 0 && in.h > 0 {
		in.text(0, 0, faint, "none")
	}
	for y := range min(n, in.h) {
		msg := &m.snap.Messages[n-1-y]
		x := in.text(0, y, faint, msg.Came.Local().Format("15:04:05"))
		x = in.text(x+1, y, faint, msg.Source+":")
		in.text(x+1, y, plain, msg.Text)
	}
}
