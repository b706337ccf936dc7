package main

import (
	"fmt"
	"os"
	"strings"

	"gominer/internal/audit"
	"gominer/internal/units"
)

// verification is what decode --verify says, as JSON.
type verification struct {
	File   string        `json:"file"`
	Lines  uint64        `json:"lines"`
	Head   string        `json:"head"`
	Torn   bool          `json:"torn"`           // the last line was not written whole
	Wanted uint64        `json:"wanted"`         // the line of --head; 0: none
	Faults []audit.Fault `json:"faults"`         // never null
	More   uint64        `json:"more,omitempty"` // faults that are not listed
}

// verify checks an audit log.
func (p *process) verify(o *decodeOptions, args []string) error {
	if len(args) != 1 {
		return usagef("decode: --verify goes with one FILE")
	}
	name := args[0]
	file, err := os.Open(name)
	if err != nil {
		return verbError("decode", err)
	}
	defer file.Close()
	r, err := audit.Verify(file, o.head)
	if err != nil {
		return verbError("decode", err)
	}
	if r.Head.Lines == 0 && !r.Torn {
		return fmt.Errorf("decode: %s is empty", name)
	}
	if o.json {
		v := verification{name, r.Head.Lines, r.Head.Hash.String(), r.Torn, r.Wanted, append([]audit.Fault{}, r.Faults...), r.More}
		if err := p.writeJSONLine(&v); err != nil {
			return err
		}
	} else if _, err := fmt.Fprint(p.stdout, verdict(name, r, o.head)); err != nil {
		return err
	}
	switch {
	case len(r.Faults) > 0:
		f := r.Faults[0]
		return &coded{exitFailed, fmt.Errorf("decode: %s was meddled with: %s, the first in line %d (%s)",
			name, units.Plural(uint64(len(r.Faults))+r.More, "fault"), f.Line, f.What)}
	case o.head != audit.Hash{} && r.Wanted == 0:
		return &coded{exitFailed, fmt.Errorf("decode: %s was cut at its end, or written anew: no line has the hash %v", name, o.head)}
	}
	return nil
}

// verdict says for people what was found.
func verdict(name string, r *audit.Report, head audit.Hash) string {
	var b strings.Builder
	for _, f := range r.Faults {
		fmt.Fprintf(&b, "line %d  %-9s  %s\n", f.Line, f.What, f.Text)
	}
	if r.More > 0 {
		fmt.Fprintf(&b, "and %s\n", units.Plural(r.More, "more fault"))
	}
	if r.Torn {
		b.WriteString("the last line was not written whole, as after a crash; it does not count\n")
	}
	fmt.Fprintf(&b, "%s: %s, head %v\n", escape(name), units.Plural(r.Head.Lines, "line"), r.Head.Hash)
	switch {
	case r.Wanted == r.Head.Lines && r.Wanted > 0:
		b.WriteString("that is the head that was given\n")
	case r.Wanted > 0:
		fmt.Fprintf(&b, "the head that was given is that of line %d; what stands behind it came later\n", r.Wanted)
	case head == audit.Hash{} && len(r.Faults) == 0:
		b.WriteString("no line was meddled with; that none was cut off at the end shows --head HASH alone\n")
	}
	return b.String()
}
