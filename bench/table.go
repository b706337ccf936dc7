package bench

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// plural returns "1 thread", "2 threads".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if strings.HasSuffix(noun, "ch") {
		noun += "e"
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// unit is a prefix for hash rates, the same for a whole table.
type unit struct {
	name  string
	scale float64
}

// unitFor returns the unit that suits the largest rate.
func unitFor(rate float64) unit {
	u := unit{"H/s", 1}
	for _, prefix := range "kMGTPE" {
		if rate < 1000*u.scale {
			break
		}
		u = unit{string(prefix) + "H/s", u.scale * 1000}
	}
	return u
}

// unitForAll returns a unit that suits rates from least to most: the least keeps
// its digits unless the most would have too many.
func unitForAll(least, most float64) unit {
	u := unitFor(least)
	if most/u.scale >= 1e5 {
		u = unitFor(most / 100)
	}
	return u
}

// number writes a rate in the unit with four digits.
func (u unit) number(rate float64) string { return digits(rate / u.scale) }

// digits writes v with four digits, and none after the point that would be below
// a thousandth.
func digits(v float64) string {
	after := 3
	for a := math.Abs(v); a >= 10 && after > 0; a /= 10 {
		after--
	}
	return strconv.FormatFloat(v, 'f', after, 64)
}

// percent writes a change: "+4.0%".
func percent(v float64) string { return fmt.Sprintf("%+.1f%%", 100*v) }

// table is text in columns. The first column stands on the left, all others on
// the right.
type table struct {
	columns []column
	rows    int
}

type column struct {
	head  string
	cells []string
	spare int // the highest goes first where there is no room; 0 stays
}

// add adds a column; one without any text is left out.
func (t *table) add(head string, spare int, cells []string) {
	if strings.Join(cells, "") == "" {
		return
	}
	t.columns = append(t.columns, column{head, cells, spare})
	t.rows = len(cells)
}

func (c *column) width() int {
	w := utf8.RuneCountInString(c.head)
	for _, s := range c.cells {
		w = max(w, utf8.RuneCountInString(s))
	}
	return w
}

const columnGap = "  "

// fit drops columns until width is enough or none can be spared.
func (t *table) fit(width int) {
	for {
		total, last := -len(columnGap), -1
		for i := range t.columns {
			total += len(columnGap) + t.columns[i].width()
			if s := t.columns[i].spare; s > 0 && (last < 0 || s > t.columns[last].spare) {
				last = i
			}
		}
		if total <= width || last < 0 {
			return
		}
		t.columns = append(t.columns[:last], t.columns[last+1:]...)
	}
}

func (t *table) write(b *strings.Builder) {
	for row := -1; row < t.rows; row++ {
		var line strings.Builder
		for i := range t.columns {
			c := &t.columns[i]
			s := c.head
			if row >= 0 {
				s = c.cells[row]
			}
			pad := strings.Repeat(" ", c.width()-utf8.RuneCountInString(s))
			if i == 0 {
				line.WriteString(s + pad)
			} else {
				line.WriteString(columnGap + pad + s)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}

// bar is a line of a chart.
type bar struct {
	name, label string
	value       float64
}

const (
	leastBar = 10 // columns
	mostBar  = 60
)

// eighths of a block, from the left.
var eighths = []string{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"}

// chart writes bars in proportion to their values. Each has its value beside it
// in figures, so nothing is lost where blocks don't show.
func chart(b *strings.Builder, width int, bars []bar) {
	most, name, label := 0.0, 0, 0
	for _, x := range bars {
		most = max(most, x.value)
		name = max(name, utf8.RuneCountInString(x.name))
		label = max(label, utf8.RuneCountInString(x.label))
	}
	room := min(max(width-name-label-2*len(columnGap), leastBar), mostBar)
	for _, x := range bars {
		n := 0
		if most > 0 {
			n = int(math.Round(x.value / most * float64(room) * 8))
		}
		blocks := strings.Repeat("█", n/8) + eighths[n%8]
		fmt.Fprintf(b, "%s%s%s%s%s%s%s\n", x.name, strings.Repeat(" ", name-utf8.RuneCountInString(x.name)), columnGap,
			blocks, strings.Repeat(" ", room-utf8.RuneCountInString(blocks)), columnGap,
			strings.Repeat(" ", label-utf8.RuneCountInString(x.label))+x.label)
	}
}

// wrap writes head and then text, broken at spaces into lines of at most width
// columns; all but the first begin with indent.
func wrap(b *strings.Builder, width int, head, indent, text string) {
	b.WriteString(head)
	at, fresh := utf8.RuneCountInString(head), true
	for word := range strings.FieldsSeq(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case fresh:
		case at+1+n > width:
			b.WriteString("\n" + indent)
			at = utf8.RuneCountInString(indent)
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at, fresh = at+n, false
	}
	b.WriteByte('\n')
}
