package tui

import (
	"fmt"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/colorprofile"
)

// style names how a cell looks; a palette says what that is. marked can be added
// to any of them.
type style uint8

const (
	plain  style = iota
	faint        // what matters less
	strong       // figures
	title        // of panels
	border
	grid // lines behind a chart
	accent
	good
	warn
	bad
	tabOn
	tabEdge // to both sides of tabOn
	tabOff
	festive
	spark1 // its glitter
	spark2
	heat   // the chart's colours, from the bottom to the top
	styles = heat + heats
)

const (
	heats = 8

	marked style = 0x80 // on the line that is selected
)

// colours are the looks of all styles for one kind of terminal.
type colours struct {
	background, foreground string // for pictures: a terminal has its own
	mark                   string // background of a marked cell
	looks                  [styles]look
	on, off                [256]string // by style: what a terminal is sent before and after a text
}

// look is a colour and its emphasis. None of them carries a meaning alone: a word
// or a sign says the same. A colour is "#rrggbb", or the number of one of the
// terminal's own 16.
type look struct {
	fg, bg string // "": as the terminal has it
	bold   bool
}

// The three sets of looks: full colour on a dark and on a light background, and
// the terminal's own 16, whatever its background, of which those are chosen that
// can be read on both.
var (
	darkColours = newColours(colours{
		background: "#0d1117", foreground: "#e6edf3", mark: "#21262d",
		looks: [styles]look{
			faint:   {fg: "#7d8590"},
			strong:  {bold: true},
			title:   {fg: "#adbac7", bold: true},
			border:  {fg: "#373e47"},
			grid:    {fg: "#2a313a"},
			accent:  {fg: "#f7931a", bold: true}, // the orange of bitcoin
			good:    {fg: "#57ab5a"},
			warn:    {fg: "#daaa3f"},
			bad:     {fg: "#f47067", bold: true},
			tabOn:   {fg: "#0d1117", bg: "#f7931a", bold: true},
			tabEdge: {fg: "#f7931a"},
			tabOff:  {fg: "#9aa4af"},
			festive: {fg: "#0d1117", bg: "#57ab5a", bold: true},
			spark1:  {fg: "#f7931a", bold: true},
			spark2:  {fg: "#57ab5a", bold: true},
		},
	}, "#5a3a12", "#ffc266")
	lightColours = newColours(colours{
		background: "#ffffff", foreground: "#1f2328", mark: "#eaeef2",
		looks: [styles]look{
			faint:   {fg: "#6e7781"},
			strong:  {bold: true},
			title:   {fg: "#424a53", bold: true},
			border:  {fg: "#d0d7de"},
			grid:    {fg: "#e4e8ec"},
			accent:  {fg: "#b85c00", bold: true},
			good:    {fg: "#1a7f37"},
			warn:    {fg: "#8a5a00"},
			bad:     {fg: "#cf222e", bold: true},
			tabOn:   {fg: "#ffffff", bg: "#b85c00", bold: true},
			tabEdge: {fg: "#b85c00"},
			tabOff:  {fg: "#57606a"},
			festive: {fg: "#ffffff", bg: "#1a7f37", bold: true},
			spark1:  {fg: "#b85c00", bold: true},
			spark2:  {fg: "#1a7f37", bold: true},
		},
	}, "#f3cf9d", "#b85c00")
	fewColours = newColours(colours{
		background: "#0d1117", foreground: "#e6edf3", mark: "",
		looks: [styles]look{
			strong:  {bold: true},
			title:   {bold: true},
			border:  {fg: "8"},
			grid:    {fg: "8"},
			accent:  {fg: "3", bold: true},
			good:    {fg: "2"},
			warn:    {fg: "3"},
			bad:     {fg: "1", bold: true},
			tabOn:   {fg: "0", bg: "3"},
			tabEdge: {fg: "3"},
			festive: {fg: "0", bg: "2"},
			spark1:  {fg: "3", bold: true},
			spark2:  {fg: "2", bold: true},
		},
	}, "3", "3")
)

// palette returns the colours for a terminal.
func palette(profile colorprofile.Profile, dark bool) *colours {
	switch {
	case profile == colorprofile.ANSI:
		return fewColours
	case dark:
		return darkColours
	}
	return lightColours
}

// look returns how cells of a style look.
func (p *colours) look(st style) look {
	l := p.looks[st&^marked]
	if st&marked != 0 {
		l.bg = p.mark
	}
	return l
}

// newColours completes p: the chart goes from one colour to another.
func newColours(p colours, from, to string) *colours {
	for i, c := range lipgloss.Blend1D(heats, lipgloss.Color(from), lipgloss.Color(to)) {
		p.looks[int(heat)+i].fg = from
		if from != to {
			r, g, b, _ := c.RGBA()
			p.looks[int(heat)+i].fg = fmt.Sprintf("#%02x%02x%02x", r>>8, g>>8, b>>8)
		}
	}
	for st := range styles {
		p.on[st], p.off[st] = sequences(p.look(st))
		p.on[st|marked], p.off[st|marked] = sequences(p.look(st | marked))
	}
	return &p
}

func sequences(l look) (on, off string) {
	s := lipgloss.NewStyle().Bold(l.bold)
	if l.fg != "" {
		s = s.Foreground(lipgloss.Color(l.fg))
	}
	if l.bg != "" {
		s = s.Background(lipgloss.Color(l.bg))
	}
	on, off, _ = strings.Cut(s.Render("x"), "x")
	return on, off
}

// shade returns the colour of line y of a chart of h lines.
func shade(y, h int) style {
	if h <= 1 {
		return heat + heats - 1
	}
	return heat + style((h-1-y)*(heats-1)/(h-1))
}
