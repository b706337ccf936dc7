package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// appendJSON adds v as JSON and a line end, with what a terminal would obey
// written as \u escapes: encoding/json leaves DEL, the C1 control characters and
// the marks that turn the direction of writing as they are, and stdout may be a
// terminal. An indent of "" is one line.
func appendJSON(to *bytes.Buffer, v any, indent string) error {
	var plain bytes.Buffer
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		return err
	}
	for b := plain.Bytes(); len(b) > 0; {
		r, size := utf8.DecodeRune(b)
		switch {
		case r < 0x7f || harmless(r): // below DEL the encoder has seen to it
			to.Write(b[:size])
		case r <= 0xffff:
			fmt.Fprintf(to, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(to, `\u%04x\u%04x`, high, low)
		}
		b = b[size:]
	}
	return nil
}

// writeJSON writes v to stdout, for people and programs.
func (p *process) writeJSON(v any) error { return p.writeAsJSON(v, "  ") }

// writeJSONLine writes v to stdout as one line.
func (p *process) writeJSONLine(v any) error { return p.writeAsJSON(v, "") }

func (p *process) writeAsJSON(v any, indent string) error {
	var b bytes.Buffer
	if err := appendJSON(&b, v, indent); err != nil {
		return err
	}
	_, err := p.stdout.Write(b.Bytes())
	return err
}
