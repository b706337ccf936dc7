package main

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"gominer/internal/jsonline"
)

// si holds the prefixes of powers of 1000 from 1 up.
var si = []string{"", "k", "M", "G", "T", "P", "E", "Z", "Y"}

// siNumber writes v with three digits and a prefix: "3.21 M". What is below one
// is written as it is: "0.00132".
func siNumber(v float64) string {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return strconv.FormatFloat(v, 'g', -1, 64)
	case math.Abs(v) < 1:
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	i := 0
	for math.Abs(v) >= 999.5 && i < len(si)-1 {
		v /= 1000
		i++
	}
	digits := 0
	switch a := math.Abs(v); {
	case a < 9.995:
		digits = 2
	case a < 99.95:
		digits = 1
	}
	s := strconv.FormatFloat(v, 'f', digits, 64)
	if i == 0 && strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".") // 2, not 2.00: plain numbers need no false exactness
	}
	if si[i] == "" {
		return s
	}
	return s + " " + si[i]
}

// hashrate writes v H/s: "3.21 MH/s".
func hashrate(v float64) string { return withUnit(siNumber(v), "H/s") }

// difficulty writes a difficulty: "0.00132", "1", "86.4 T".
func difficulty(v float64) string { return strings.ReplaceAll(siNumber(v), " ", "") }

// count writes a whole number with its thousands parted: "1 234 567".
func count(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}

func withUnit(number, unit string) string {
	if strings.Contains(number, " ") {
		return number + unit
	}
	return number + " " + unit
}

// span writes a duration as people say it: "16ms", "42s", "1m05s", "3h07m", "2d04h".
func span(d time.Duration) string {
	if d > 0 && d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	s := int64(d.Round(time.Second) / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
	}
	return fmt.Sprintf("%dd%02dh", s/86400, s/3600%24)
}

// milliseconds writes a span given in milliseconds with three digits: "0.236 ms",
// "4.81 s".
func milliseconds(ms float64) string {
	if ms >= 999.5 {
		return siNumber(ms/1000) + " s"
	}
	return siNumber(ms) + " ms"
}

// plural returns "1 share", "2 shares".
func plural(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if strings.HasSuffix(noun, "sh") {
		noun += "e"
	}
	return count(n) + " " + noun + "s"
}

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
	return count(n) + " times"
}

// sortedReasons returns the texts, the most frequent first.
func sortedReasons(reasons map[string]uint64) []string {
	return slices.SortedFunc(maps.Keys(reasons), func(a, b string) int {
		return cmp.Or(cmp.Compare(reasons[b], reasons[a]), strings.Compare(a, b))
	})
}

// redact returns url without the credentials in it.
func redact(url string) string {
	scheme, rest, found := strings.Cut(url, "://")
	if !found {
		scheme, rest = "", url
	} else {
		scheme += "://"
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		rest = "…@" + rest[i+1:]
	}
	return scheme + rest
}
