package tui

import (
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// cell is one column of one line. A character of two columns is in its first cell;
// the second has no text.
type cell struct {
	text  string
	style style
}

// canvas is a screen of w × h cells. Whatever is drawn outside of it is cut off.
type canvas struct {
	w, h  int
	cells []cell
	zones []zone
}

// zone is a part of the screen that can be clicked.
type zone struct {
	x, y, w, h int
	hit        any // a message for Update
}

func newCanvas(w, h int) *canvas {
	c := &canvas{w: w, h: h, cells: make([]cell, w*h)}
	for i := range c.cells {
		c.cells[i].text = " "
	}
	return c
}

// area is a part of a canvas, with its own origin.
type area struct {
	c          *canvas
	x, y, w, h int
}

func (c *canvas) all() area { return area{c, 0, 0, c.w, c.h} }

// sub returns a part of a, cut to it.
func (a area) sub(x, y, w, h int) area {
	w, h = max(0, min(w, a.w-x)), max(0, min(h, a.h-y))
	return area{a.c, a.x + x, a.y + y, w, h}
}

// zone makes a clickable.
func (a area) zone(hit any) {
	if a.w > 0 && a.h > 0 {
		a.c.zones = append(a.c.zones, zone{a.x, a.y, a.w, a.h, hit})
	}
}

// text writes s at (x, y), cut with an ellipsis where it does not fit, and returns
// the column behind it. What a terminal would obey is left out.
func (a area) text(x, y int, st style, s string) int {
	if y < 0 || y >= a.h || x >= a.w {
		return x
	}
	s = Clean(s)
	if room := a.w - x; columns(s) > room {
		s = ansi.Truncate(s, room, "…")
	}
	for s != "" {
		cluster, width := first(s)
		if cluster == "" || width > 0 && x+width > a.w {
			break
		}
		s = s[len(cluster):]
		if width <= 0 || len(cluster) > mostMarks {
			continue // it would hang on to the cell before, or tower over the lines above
		}
		if x >= 0 {
			i := (a.y+y)*a.c.w + a.x + x
			a.c.cells[i] = cell{cluster, st}
			for k := 1; k < width; k++ {
				a.c.cells[i+k] = cell{"", st}
			}
		}
		x += width
	}
	return x
}

// first returns the first character of s and how many columns it takes.
func first(s string) (cluster string, width int) {
	if r, size := utf8.DecodeRuneInString(s); single(r) {
		if next, _ := utf8.DecodeRuneInString(s[size:]); size == len(s) || single(next) {
			return s[:size], 1
		}
	}
	return ansi.FirstGraphemeCluster(s, ansi.GraphemeWidth)
}

// single reports whether r takes one column and joins nothing: most of what is
// drawn.
func single(r rune) bool {
	return r >= ' ' && r < 0x7f || r >= 0x2500 && r < 0x25a0 || r >= 0x2800 && r < 0x2900 // frames and blocks, braille
}

// columns returns how many columns s takes.
func columns(s string) int {
	n := 0
	for _, r := range s {
		if !single(r) {
			return ansi.StringWidth(s)
		}
		n++
	}
	return n
}

// mostMarks is how many bytes a character may have with all its marks.
const mostMarks = 16

// right writes s so that it ends before column x.
func (a area) right(x, y int, st style, s string) {
	s = Clean(s)
	a.text(x-columns(s), y, st, s)
}

// centre writes s into the middle of line y.
func (a area) centre(y int, st style, s string) {
	a.text(max((a.w-columns(Clean(s)))/2, 0), y, st, s)
}

// mark shows that a is selected.
func (a area) mark() {
	for y := range a.h {
		row := a.c.cells[(a.y+y)*a.c.w+a.x:]
		for x := range a.w {
			row[x].style |= marked
		}
	}
}

// fill gives every cell of a a style, and its text if that is not "".
func (a area) fill(st style, text string) {
	for y := range a.h {
		for x := range a.w {
			p := &a.c.cells[(a.y+y)*a.c.w+a.x+x]
			p.style = st
			if text != "" {
				p.text = text
			}
		}
	}
}

// panel draws a frame with a title and returns what is inside.
func (a area) panel(name, note string) area {
	if a.w < 4 || a.h < 2 {
		return a.sub(0, 0, 0, 0)
	}
	line := strings.Repeat("─", a.w-2)
	a.text(0, 0, border, "╭"+line+"╮")
	a.text(0, a.h-1, border, "╰"+line+"╯")
	for y := 1; y < a.h-1; y++ {
		a.text(0, y, border, "│")
		a.text(a.w-1, y, border, "│")
	}
	if name != "" {
		a.sub(2, 0, a.w-4, 1).text(0, 0, title, " "+name+" ")
	}
	if note = Clean(note); note != "" {
		if w := columns(note) + 2; w < a.w-6-len(name) {
			a.right(a.w-2, 0, faint, " "+note+" ")
		}
	}
	return a.sub(2, 1, a.w-4, a.h-2)
}

// String returns the screen as plain text, lines without spaces at their ends.
func (c *canvas) String() string {
	var b strings.Builder
	for y := range c.h {
		var line strings.Builder
		for _, p := range c.cells[y*c.w : (y+1)*c.w] {
			line.WriteString(p.text)
		}
		b.WriteString(strings.TrimRight(line.String(), " "))
		b.WriteByte('\n')
	}
	return b.String()
}

// ansi returns the screen with escape sequences for its styles.
func (c *canvas) ansi(p *colours) string {
	var b strings.Builder
	b.Grow(4 * len(c.cells))
	for y := range c.h {
		if y > 0 {
			b.WriteByte('\n')
		}
		row := c.cells[y*c.w : (y+1)*c.w]
		for x := 0; x < len(row); {
			st := row[x].style
			b.WriteString(p.on[st])
			for ; x < len(row) && row[x].style == st; x++ {
				b.WriteString(row[x].text)
			}
			b.WriteString(p.off[st])
		}
	}
	return b.String()
}
