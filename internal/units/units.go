// Package units writes quantities as people read them: with three digits and a
// prefix, a span of time in two units, a number with its thousands parted.
package units

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// si holds the prefixes of powers of 1000 from 1 up.
var si = []string{"", "k", "M", "G", "T", "P", "E", "Z", "Y"}

// Number writes v with three digits and a prefix: "3.21 M". What is below one
// is written as it is: "0.00132".
func Number(v float64) string {
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

// Hashrate writes v H/s: "3.21 MH/s".
func Hashrate(v float64) string { return With(Number(v), "H/s") }

// Difficulty writes a difficulty: "0.00132", "1", "86.4T".
func Difficulty(v float64) string { return strings.ReplaceAll(Number(v), " ", "") }

// With puts a unit behind a number that Number wrote.
func With(number, unit string) string {
	if strings.Contains(number, " ") {
		return number + unit
	}
	return number + " " + unit
}

// Count writes a whole number with its thousands parted: "1 234 567".
func Count(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}

// Plural returns "1 share", "2 shares".
func Plural(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if strings.HasSuffix(noun, "sh") {
		noun += "e"
	}
	return Count(n) + " " + noun + "s"
}

// Span writes a duration as people say it: "16ms", "42s", "1m05s", "3h07m", "2d04h".
func Span(d time.Duration) string {
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

// Milliseconds writes a span given in milliseconds with three digits: "0.236 ms",
// "4.81 s".
func Milliseconds(ms float64) string {
	if ms >= 999.5 {
		return Number(ms/1000) + " s"
	}
	return Number(ms) + " ms"
}
