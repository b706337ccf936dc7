package tui

import (
	"strings"
	"unicode"

	"gominer/internal/jsonline"
)

// Clean returns s without what a terminal would obey or what would make other
// text look different: control characters, marks that turn the direction of
// writing, characters of no width. Line ends and tabs become spaces.
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
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case !visible(r):
			return -1
		}
		return r
	}, s)
}

func visible(r rune) bool {
	return single(r) || jsonline.Harmless(r) && !unicode.Is(unicode.Cf, r)
}
