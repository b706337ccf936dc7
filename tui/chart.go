package tui

import (
	"math"
	"slices"

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

// chart draws values, two a column and -1 for none, as an area whose top is at most.
func (a area) chart(values []float64, least, most float64) {
	if most <= least {
		most = least + 1
	}
	rows := 4 * a.h
	for x := range a.w {
		var cells [256]rune
		for half := range 2 {
			i := 2*x + half
			if i >= len(values) || values[i] < 0 || a.h > len(cells) {
				continue
			}
			height := int(math.Round((values[i] - least) / (most - least) * float64(rows)))
			for r := range min(max(height, 1), rows) {
				cells[r/4] |= dots[half][r%4]
			}
		}
		for y := range a.h {
			if bits := cells[a.h-1-y]; bits != 0 {
				a.text(x, y, shade(y, a.h), patterns[bits])
			}
		}
	}
}

// shade returns the colour of line y of a chart of h lines.
func shade(y, h int) style {
	switch part := float64(h-1-y) / float64(max(h, 1)); {
	case part < 0.34:
		return low
	case part < 0.67:
		return middle
	}
	return high
}

var blocks = []string{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"}

// spark draws values, -1 for none, in one line.
func (a area) spark(x, y int, values []float64) {
	most := slices.Max(append(values, 0))
	for i, v := range values {
		switch {
		case v < 0:
			continue
		case most == 0:
			a.text(x+i, y, faint, blocks[0])
		default:
			a.text(x+i, y, middle, blocks[min(int(v/most*float64(len(blocks))), len(blocks)-1)])
		}
	}
}

// spans are what the chart can show.
var spans = []struct {
	name    string
	seconds int
}{{"1 min", 60}, {"5 min", 300}, {"15 min", 900}, {"1 hour", 3600}, {"6 hours", 6 * 3600}, {"24 hours", day}}

// rateChart draws the hash rate over a span, with its scale.
func (a area) rateChart(s *series, span int) {
	if a.h < 2 || a.w < 12 {
		return
	}
	const scale = 8 // columns
	plot := a.sub(scale, 0, a.w-scale, a.h-1)
	values := s.columns(2*plot.w, spans[span].seconds)
	most := 0.0
	for _, v := range values {
		most = max(most, v)
	}
	top := ceiling(most)
	if top == 0 {
		a.text(scale, a.h/2, faint, "no hashes yet")
	} else {
		plot.chart(values, 0, top)
		a.right(scale-1, 0, faint, units.Number(top))
		if a.h > 4 {
			a.right(scale-1, (a.h-1)/2, faint, units.Number(top/2))
		}
		a.right(scale-1, a.h-2, faint, "0")
	}
	a.text(scale, a.h-1, faint, "−"+spans[span].name)
	a.right(a.w, a.h-1, faint, "now")
}

// ceiling returns a round number that is v or a little more.
func ceiling(v float64) float64 {
	if v <= 0 {
		return 0
	}
	step := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10} {
		if v <= m*step {
			return m * step
		}
	}
	return 10 * step
}
