package tui

import (
	"strings"

	"charm.land/lipgloss/v2"
)

// colours are the looks of all styles, for a dark or a light background.
type colours struct {
	background, foreground string // for pictures: a terminal has its own
	looks                  [styles]look
	on, off                [styles]string // what a terminal is sent before and after a text
}

// look is a colour and its emphasis. None of them carries a meaning alone: a word
// or a sign says the same.
type look struct {
	fg, bg string // "#rrggbb"; "": as the terminal has it
	bold   bool
}

var darkLooks = [styles]look{
	plain:   {fg: ""},
	faint:   {fg: "#7d8590"},
	strong:  {bold: true},
	title:   {fg: "#a5b4c4", bold: true},
	border:  {fg: "#3b424c"},
	accent:  {fg: "#f7931a", bold: true}, // the orange of bitcoin
	good:    {fg: "#56d364"},
	warn:    {fg: "#e3b341"},
	bad:     {fg: "#ff7b72", bold: true},
	tabOn:   {fg: "#0d1117", bg: "#f7931a", bold: true},
	tabOff:  {fg: "#a5b4c4"},
	low:     {fg: "#9a5b12"},
	middle:  {fg: "#d07c17"},
	high:    {fg: "#ffb454"},
	festive: {fg: "#0d1117", bg: "#56d364", bold: true},
}

var lightLooks = [styles]look{
	plain:   {fg: ""},
	faint:   {fg: "#6e7781"},
	strong:  {bold: true},
	title:   {fg: "#424a53", bold: true},
	border:  {fg: "#c4ccd4"},
	accent:  {fg: "#b35900", bold: true},
	good:    {fg: "#116329"},
	warn:    {fg: "#7d4e00"},
	bad:     {fg: "#cf222e", bold: true},
	tabOn:   {fg: "#ffffff", bg: "#b35900", bold: true},
	tabOff:  {fg: "#424a53"},
	low:     {fg: "#e0a458"},
	middle:  {fg: "#c77a1f"},
	high:    {fg: "#a04f00"},
	festive: {fg: "#ffffff", bg: "#116329", bold: true},
}

var darkColours, lightColours = newColours(true), newColours(false)

// palette returns the colours for a background.
func palette(dark bool) *colours {
	if dark {
		return darkColours
	}
	return lightColours
}

func newColours(dark bool) *colours {
	p := &colours{looks: darkLooks, background: "#0d1117", foreground: "#e6edf3"}
	if !dark {
		p.looks, p.background, p.foreground = lightLooks, "#ffffff", "#1f2328"
	}
	for i, l := range p.looks {
		s := lipgloss.NewStyle().Bold(l.bold)
		if l.fg != "" {
			s = s.Foreground(lipgloss.Color(l.fg))
		}
		if l.bg != "" {
			s = s.Background(lipgloss.Color(l.bg))
		}
		p.on[i], p.off[i], _ = strings.Cut(s.Render("x"), "x")
	}
	return p
}
