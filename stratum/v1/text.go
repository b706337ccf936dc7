package v1

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	shownBytes  = 64  // of a peer's text in an error
	escapeBytes = 256 // the longest terminal escape sequence that is looked for
)

// CleanText returns text of a peer fit for a terminal, a log or a page: without
// control characters, terminal escape sequences, invisible formatting such as
// the marks that turn the direction of writing, and bytes that are not UTF-8.
// White space of any kind becomes a plain space. The result has at most max
// bytes; if something was cut off it ends in "…", room permitting.
func CleanText(s string, max int) string {
	var b strings.Builder
	for len(s) > 0 && b.Len() <= max {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
		case unicode.IsSpace(r):
			if b.Len() > 0 {
				b.WriteByte(' ')
			}
		case r == '\x1b' || r >= 0x80 && r < 0xa0:
			n = escapeLen(s, r, n)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		}
		s = s[n:]
	}
	out := strings.TrimRight(b.String(), " ")
	if len(out) <= max {
		return out
	}
	mark := "…"
	if max < len(mark) {
		mark = ""
	}
	return strings.TrimRight(cut(out, max-len(mark)), " ") + mark
}

// cut returns the first max bytes of s, or fewer so as not to split a character.
func cut(s string, max int) string {
	if len(s) <= max {
		return s
	}
	if max < 0 {
		return ""
	}
	for max > 0 && !utf8.RuneStart(s[max]) {
		max--
	}
	return s[:max]
}

// escapeLen returns the length of the control sequence (ECMA-48) at the start of
// s, which begins with the n bytes of r: ESC or a C1 control. Of a sequence that
// does not end, only those n bytes count.
func escapeLen(s string, r rune, n int) int {
	rest := s[n:min(len(s), escapeBytes)]
	size := n
	if r == '\x1b' {
		if rest == "" {
			return n
		}
		r = rune(rest[0]) + 0x40 // ESC [ is the C1 control CSI, and so on
		rest = rest[1:]
		size++
	}
	run := func(low, high byte) {
		i := 0
		for i < len(rest) && low <= rest[i] && rest[i] <= high {
			i++
		}
		rest = rest[i:]
		size += i
	}
	switch r {
	case 0x9b: // CSI: parameters, intermediates, a final byte
		run('0', '?')
		run(' ', '/')
		if rest != "" && '@' <= rest[0] && rest[0] <= '~' {
			return size + 1
		}
		return n
	case 0x90, 0x98, 0x9d, 0x9e, 0x9f: // DCS, SOS, OSC, PM, APC: up to the string terminator or a bell
		for i, c := range rest {
			switch {
			case c == '\a':
				return size + i + 1
			case c == 0x9c || c == '\x1b' && strings.HasPrefix(rest[i+1:], `\`):
				return size + i + 2
			}
		}
		return n
	}
	if s[0] != '\x1b' {
		return n
	}
	// ESC, intermediates, a final byte; the first of these was taken above.
	rest, size = s[n:min(len(s), escapeBytes)], n
	run(' ', '/')
	if rest != "" && '0' <= rest[0] && rest[0] <= '~' {
		return size + 1
	}
	return n
}

// visible returns the start of raw with everything that does not print escaped.
func visible(raw []byte) string {
	if len(raw) == 0 {
		return "nothing"
	}
	part := cut(string(raw[:min(len(raw), shownBytes+1)]), shownBytes)
	var b strings.Builder
	for len(part) > 0 {
		r, n := utf8.DecodeRuneInString(part)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, part[0])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		part = part[n:]
	}
	if len(raw) > shownBytes {
		fmt.Fprintf(&b, "… (%d bytes)", len(raw))
	}
	return b.String()
}
