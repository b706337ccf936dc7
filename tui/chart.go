package tui

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gominer/internal/units"
)

// dots are the bits of a braille character by column and, from the bottom, row.
var dots = [2][4]rune{{0x40, 0x04, 0x02, 0x01}, {0x80, 0x20, 0x10, 0x08}}

// patterns are the braille characters by their bits.
var patterns = func() (p [256]string) {
	for i := range p {
		p[i] = string(rune(0x2800 + i))
	}
	return p
}()

// chart fills the area below values, two a column and -1 for none; the area's top
// is at most.
func (a area) chart(values []float64, most float64) {
	if most <= 0 {
		return
	}
	rows := 4 * a.h
	height := func(i int) int {
		if i >= len(values) || values[i] < 0 {
			return -1
		}
		return min(max(int(math.Round(values[i]/most*float64(rows))), 1), rows)
	}
	for x := range a.w {
		left, right := height(2*x), height(2*x+1)
		for y := range a.h {
			below := 4 * (a.h - 1 - y) // rows of dots under this cell
			bits := dotsUp(0, left-below) | dotsUp(1, right-below)
			if bits != 0 {
				a.text(x, y, shade(y, a.h), patterns[bits])
			}
		}
	}
}

// dotsUp returns the lowest n dots of one column of a braille character.
func dotsUp(column, n int) (bits rune) {
	for r := range min(max(n, 0), 4) {
		bits |= dots[column][r]
	}
	return bits
}

// spark draws values, -1 for none, in one line, from 0 to the largest.
func (a area) spark(x, y int, values []float64) {
	for i, r := range []rune(sparkline(values)) {
		if r != ' ' {
			a.text(x+i, y, heat+style(r-'▁'), string(r))
		}
	}
}

// sparkline writes values, -1 for none, as blocks from 0 to the largest; the
// topmost eighth stays free, so that lines do not touch.
func sparkline(values []float64) string {
	most := slices.Max(append(values, 0))
	var b strings.Builder
	for _, v := range values {
		switch {
		case v < 0:
			b.WriteByte(' ')
		case !(most > 0):
			b.WriteRune('▁')
		default:
			b.WriteRune('▁' + min(max(rune(v/most*6), 0), 6))
		}
	}
	return b.String()
}

// bar draws part of a whole as a line of at most w columns.
func (a area) bar(x, y, w int, st style, part float64) {
	n := int(math.Round(2 * float64(w) * min(max(part, 0), 1)))
	x = a.text(x, y, st, strings.Repeat("━", n/2))
	if n%2 != 0 || n == 0 && part > 0 {
		a.text(x, y, st, "╸")
	}
}

// spans are what the chart can show.
var spans = []struct {
	name    string
	seconds int
	marks   int // on its axis, from its beginning on
	each    int // from one mark to the next
	unit    string
}{
	{"1 min", 60, 4, 15, "s"}, {"5 min", 300, 5, 1, "min"}, {"15 min", 900, 3, 5, "min"},
	{"1 h", 3600, 4, 15, "min"}, {"6 h", 6 * 3600, 6, 1, "h"}, {"24 h", day, 4, 6, "h"},
}

const scaleWidth = 7 // columns of the figures beside a chart

// rates is the past of a hash rate: see series.columns.
type rates interface{ columns(n, span int) []float64 }

// rateChart draws a hash rate over a span with its scale and its axis, and, if
// there is room and what is given, a line of what happened.
func (a area) rateChart(s rates, h *history, span int) {
	if a.h < 2 || a.w < 2*scaleWidth {
		return
	}
	below := 1
	if h != nil && a.h >= 5 {
		below = 2
	}
	plot := a.sub(scaleWidth, 0, a.w-scaleWidth, a.h-below)
	values := s.columns(2*plot.w, spans[span].seconds)
	top := ceiling(slices.Max(append(values, 0)))
	a.sub(0, 0, a.w, plot.h).scale(top)
	plot.chart(values, top)
	if top == 0 {
		plot.centre(plot.h/2, faint, " no hashes yet ")
	}
	if below == 2 {
		a.right(scaleWidth-1, plot.h, faint, "shares")
		a.sub(scaleWidth, plot.h, plot.w, 1).happenings(h.happened(plot.w, spans[span].seconds))
	}
	a.sub(scaleWidth, a.h-1, plot.w, 1).axis(span)
}

// scale writes the figures of a chart whose top is at top, and draws a line behind
// it at each.
func (a area) scale(top float64) {
	if a.h < 2 {
		return
	}
	step := ticks(top, min((a.h+1)/2, 5))
	for v := 0.0; v <= top && top > 0; v += step {
		y := a.h - 1 - int(math.Floor(v/top*float64(a.h)))
		if v == 0 {
			a.right(scaleWidth-1, a.h-1, faint, "0")
			continue
		}
		if y < 0 || y >= a.h-1 {
			continue
		}
		a.right(scaleWidth-1, y, faint, units.Number(v))
		a.text(scaleWidth, y, grid, strings.Repeat("┈", a.w-scaleWidth))
	}
}

// axis writes the times below a chart.
func (a area) axis(span int) {
	p := &spans[span]
	a.right(a.w, 0, faint, "now")
	end := a.text(0, 0, faint, "−"+p.name)
	for i := 1; i < p.marks; i++ {
		x := i * a.w / p.marks
		label := fmt.Sprintf("−%d %s", (p.marks-i)*p.each, p.unit)
		if at := x - columns(label)/2; at > end+2 && at+columns(label)+2 < a.w-3 {
			end = a.text(at, 0, faint, label)
		}
	}
}

// happenings draws what happened, one column each: the gravest of it.
func (a area) happenings(all []second) {
	for x, s := range all {
		switch {
		case s.block:
			a.text(x, 0, spark1, "★")
		case s.failed > 0:
			a.text(x, 0, bad, "✗")
		case s.idle:
			a.text(x, 0, warn, "╌")
		case s.accepted > 0:
			a.text(x, 0, good, "•")
		}
	}
}

// ceiling returns a number with few digits that is v or a little more, so that a
// chart's scale does not move with every value.
func ceiling(v float64) float64 {
	if !(v > 0) || math.IsInf(v, 0) {
		return 0
	}
	step := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 1.1, 1.2, 1.4, 1.6, 1.8, 2, 2.2, 2.5, 2.8, 3.2, 3.6, 4, 4.5, 5, 5.6, 6.4, 7.2, 8, 9, 10} {
		if v*1.02 <= m*step {
			return m * step
		}
	}
	return 11 * step
}

// ticks returns the distance between at most n round figures below top.
func ticks(top float64, n int) float64 {
	if top <= 0 {
		return 1
	}
	step := math.Pow(10, math.Floor(math.Log10(top))-1)
	for _, m := range []float64{1, 2, 5, 10, 20, 50, 100} {
		if top/(m*step) <= float64(max(n, 1)) {
			return m * step
		}
	}
	return 100 * step
}
