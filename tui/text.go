package tui

import (
	"strings"
	"unicode"

	"gominer/internal/jsonline"
)

// Clean returns s without what a terminal would obey or what would make other
// text look different: control characters, marks that turn the direction of
// writing, characters that show nothing or whose width terminals disagree about.
// Every kind of space becomes a space, and a flag its letters.
func Clean(s string) string {
	clean := true
	for _, r := range s {
		if !visible(r) {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r >= flagA && r <= flagZ:
			return 'A' + r - flagA
		case visible(r):
			return r
		case unicode.IsSpace(r):
			return ' '
		}
		return -1
	}, s)
}

// Two of these letters make a flag, of one column, of two, or of four.
const flagA, flagZ = 0x1f1e6, 0x1f1ff

func visible(r rune) bool {
	return single(r) || jsonline.Harmless(r) && !unicode.In(r, nothing...) && (r < flagA || r > flagZ)
}

// nothing are characters that show nothing, though they count as letters or marks,
// and those that only change how the one before looks.
var nothing = []*unicode.RangeTable{
	unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point,
	{R32: []unicode.Range32{{Lo: 0x1f3fb, Hi: 0x1f3ff, Stride: 1}}}, // colours of skin
}
