package tui

import "fmt"

// column is one of a table.
type column struct {
	name  string
	width int
	right bool // figures stand at the right
	grows bool // takes the room that is left
	order int  // the order of devices by it: an index of orders; 0 for none
	cell  func(i int) (string, style)
}

// table is rows under the names of columns, in a panel. Columns that do not fit are left out,
// the last first.
type table struct {
	page    page
	columns []column
	rows    int
	row     int // that is selected; -1: none can be
	order   int // of devices: its column is marked
	reverse bool
}

const between = 2 // columns of a table

// draw draws t so that the selected row is in sight.
func (t *table) draw(a area) {
	if a.h < 2 {
		return
	}
	from := 0
	if t.row >= a.h-1 {
		from = t.row - a.h + 2
	}
	shown := min(t.rows-from, a.h-1)
	x := onOff(t.row >= 0, 2, 0)
	fit, room := 0, a.w-x
	for ; fit < len(t.columns) && t.columns[fit].width <= room; fit++ {
		room -= t.columns[fit].width + between
	}
	for i := range t.columns[:fit] {
		c := t.columns[i]
		if c.grows {
			c.width += max(room+between, 0)
		}
		at := a.sub(x, 0, c.width, a.h)
		at.cell(0, c.right, faint, t.heading(&c))
		if c.order > 0 {
			at.sub(0, 0, at.w, 1).zone(sortZone(c.order))
		}
		for y := range shown {
			text, st := c.cell(from + y)
			at.cell(y+1, c.right, st, text)
		}
		x += c.width + between
	}
	for y := range shown {
		line := a.sub(0, y+1, a.w, 1)
		line.zone(rowZone{t.page, from + y})
		if from+y == t.row {
			line.text(0, 0, accent, "▸")
			line.mark()
		}
	}
	more := ""
	if from > 0 {
		more = fmt.Sprintf(" ↑ %d ", from)
	}
	if rest := t.rows - from - shown; rest > 0 {
		more += fmt.Sprintf(" ↓ %d ", rest)
	}
	below := area{a.c, a.x, a.y + a.h, a.w, 1} // in the frame
	below.right(a.w, 0, faint, more)
}

// heading returns a column's name, with a sign where rows are sorted by it.
func (t *table) heading(c *column) string {
	if c.order == 0 || c.order != t.order {
		return c.name
	}
	return onOff(t.reverse, "▴", "▾") + c.name
}

func (a area) cell(y int, right bool, st style, text string) {
	if right && columns(text) <= a.w {
		a.right(a.w, y, st, text)
	} else {
		a.text(0, y, st, text)
	}
}

// rowZone is a line of a page's list.
type rowZone struct {
	page page
	row  int
}

// sortZone is the heading of a column that devices can be sorted by.
type sortZone int
