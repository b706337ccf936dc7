package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"gominer/internal/jsonline"
	"gominer/internal/units"
)

// escape writes what a terminal would obey, control characters and the marks
// that turn the direction of writing among it, as escapes: nothing that came
// from outside can move the cursor.
func escape(s string) string {
	clean := true
	for _, r := range s {
		if !jsonline.Harmless(r) {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == unicode.ReplacementChar && !strings.HasPrefix(s[i:], string(unicode.ReplacementChar)):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case jsonline.Harmless(r):
			b.WriteRune(r)
		default:
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
		}
	}
	return b.String()
}

// times returns "once", "twice", "3 times".
func times(n uint64) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return units.Count(n) + " times"
}

// sortedReasons returns the texts, the most frequent first.
func sortedReasons(reasons map[string]uint64) []string {
	return slices.SortedFunc(maps.Keys(reasons), func(a, b string) int {
		return cmp.Or(cmp.Compare(reasons[b], reasons[a]), strings.Compare(a, b))
	})
}

// redact returns url without the credentials in it: neither those before the
// host nor a query.
func redact(url string) string {
	scheme, rest, isURL := strings.Cut(url, "://")
	if !isURL {
		scheme, rest = "", url
	} else {
		scheme += "://"
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		rest = "…@" + rest[i+1:]
	}
	if before, query, _ := strings.Cut(rest, "?"); isURL && query != "" {
		rest = before + "?…"
	}
	return scheme + rest
}
