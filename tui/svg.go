package tui

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Sizes of a picture, in pixels.
const (
	cellWidth  = 8.4 // of a monospaced font at 14 px
	cellHeight = 18
	baseline   = 13 // of a line's text, from its top
	margin     = 12
)

// svg returns the screen as a picture. Letters are text; frames, charts and large
// digits are drawn, since fonts disagree about their widths.
func (c *canvas) svg(p *colours) string {
	d := &drawing{p: p}
	w, h := float64(c.w)*cellWidth+2*margin, c.h*cellHeight+2*margin
	fmt.Fprintf(&d.b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %d" font-family="ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace" font-size="14">`+"\n", w, h)
	fmt.Fprintf(&d.b, `<rect width="100%%" height="100%%" rx="8" fill="%s"/>`+"\n", p.background)
	for y := range c.h {
		row := c.cells[y*c.w : (y+1)*c.w]
		for x := 0; x < len(row); {
			from := x
			for x < len(row) && row[x].style == row[from].style {
				x++
			}
			d.run(row[from:x], from, y)
		}
	}
	d.b.WriteString("</svg>\n")
	return d.b.String()
}

type drawing struct {
	p *colours
	b strings.Builder
}

// run draws cells of one style, from column x of line y on.
func (d *drawing) run(cells []cell, x, y int) {
	l := d.p.look(cells[0].style)
	fill, top := l.fg, float64(margin+y*cellHeight)
	if fill == "" {
		fill = d.p.foreground
	}
	if l.bg != "" {
		fmt.Fprintf(&d.b, `<rect x="%.1f" y="%.0f" width="%.1f" height="%d" fill="%s"/>`+"\n",
			margin+float64(x)*cellWidth, top, float64(len(cells))*cellWidth, cellHeight, l.bg)
	}
	bold := ""
	if l.bold {
		bold = ` font-weight="bold"`
	}
	var word, filled, lines strings.Builder
	from := 0         // the word's first cell
	write := func() { // a text for each word: within one, fonts agree well enough
		if word.Len() > 0 {
			fmt.Fprintf(&d.b, `<text x="%.1f" y="%.0f" fill="%s"%s>%s</text>`+"\n",
				margin+float64(x+from)*cellWidth, top+baseline, fill, bold, xmlText.Replace(word.String()))
		}
		word.Reset()
	}
	for i, cell := range cells {
		left := margin + float64(x+i)*cellWidth
		r, _ := utf8.DecodeRuneInString(cell.text)
		letter := false
		switch {
		case cell.text == "": // the second half of a wide character
			continue
		case cell.text == " ":
		case r >= 0x2800 && r < 0x2900:
			braille(&filled, r-0x2800, left, top)
		case blockOf(r).w > 0:
			filledBlock(&filled, blockOf(r), left, top)
		case r == '┈':
			for i := range 4 {
				fmt.Fprintf(&filled, "M%.1f %.1fh1v1h-1z", left+(float64(i)+0.3)*cellWidth/4, top+cellHeight/2)
			}
		case r == '━' || r == '╸':
			fmt.Fprintf(&filled, "M%.1f %.1fh%.1fv2.5h-%.1fz", left, top+cellHeight/2-1, onOff(r == '━', cellWidth, cellWidth/2), onOff(r == '━', cellWidth, cellWidth/2))
		case corners[r] != [2]float64{}:
			corner(&lines, corners[r], left, top)
		case arms[r] != "":
			strokes(&lines, arms[r], left, top)
		default:
			letter = true
		}
		if !letter {
			write()
			continue
		}
		if word.Len() == 0 {
			from = i
		}
		word.WriteString(cell.text)
		if r >= 0x80 {
			write() // its width may not be what the font has
		}
	}
	write()
	if filled.Len() > 0 {
		fmt.Fprintf(&d.b, `<path d="%s" fill="%s"/>`+"\n", filled.String(), fill)
	}
	if lines.Len() > 0 {
		fmt.Fprintf(&d.b, `<path d="%s" stroke="%s" fill="none"/>`+"\n", lines.String(), fill)
	}
}

// block is a part of a cell, in eighths of its width and height.
type block struct{ x, y, w, h float64 }

// blockOf returns what a block element fills, nothing for other characters.
func blockOf(r rune) block {
	switch {
	case r == '▀':
		return block{0, 0, 8, 4}
	case r >= '▁' && r <= '█':
		n := float64(r - '▁' + 1)
		return block{0, 8 - n, 8, n}
	case r > '█' && r <= '▏':
		return block{0, 0, float64('▏' - r + 1), 8}
	case r == '▐':
		return block{4, 0, 4, 8}
	}
	return block{}
}

func filledBlock(b *strings.Builder, k block, left, top float64) {
	const w, h = cellWidth / 8, cellHeight / 8.0
	fmt.Fprintf(b, "M%.1f %.1fh%.1fv%.1fh-%.1fz", left+k.x*w, top+k.y*h, k.w*w, k.h*h, k.w*w)
}

// braille draws the dots of a braille character.
func braille(b *strings.Builder, bits rune, left, top float64) {
	const dx, dy = cellWidth / 2, cellHeight / 4.0
	for col := range 2 {
		for row := range 4 {
			if bits&dots[col][row] != 0 {
				fmt.Fprintf(b, "M%.1f %.1fh%.1fv%.1fh-%.1fz", left+float64(col)*dx+0.5, top+float64(3-row)*dy+0.5, dx-1, dy-1, dx-1)
			}
		}
	}
}

// arms are the directions in which the lines of a box character leave its middle.
var arms = map[rune]string{
	'─': "lr", '│': "ud", '╌': "lr",
}

// corners are the directions that a rounded corner joins: from the left or the
// right, down or up.
var corners = map[rune][2]float64{'╭': {1, 1}, '╮': {-1, 1}, '╰': {1, -1}, '╯': {-1, -1}}

func corner(b *strings.Builder, to [2]float64, left, top float64) {
	const radius = cellWidth / 2
	x, y := left+cellWidth/2, top+cellHeight/2
	fmt.Fprintf(b, "M%.1f %.1fQ%.1f %.1f %.1f %.1fV%.1f", x+to[0]*radius, y, x, y, x, y+to[1]*radius, y+to[1]*cellHeight/2)
}

func strokes(b *strings.Builder, directions string, left, top float64) {
	for _, to := range directions {
		fmt.Fprintf(b, "M%.1f %.1f", left+cellWidth/2, top+cellHeight/2)
		switch to {
		case 'l':
			fmt.Fprintf(b, "H%.1f", left)
		case 'r':
			fmt.Fprintf(b, "H%.1f", left+cellWidth)
		case 'u':
			fmt.Fprintf(b, "V%.1f", top)
		default:
			fmt.Fprintf(b, "V%.1f", top+cellHeight)
		}
	}
}

var xmlText = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
