package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const helpWidth = 80 // columns

// flagHelp is a flag as help texts show it.
type flagHelp struct {
	names string // "-o, --url URL"
	usage string
}

// flagSections returns the flags of cmd under their headings, in the order in
// which they were defined.
func flagSections(cmd *cobra.Command) (headings []string, flags map[string][]flagHelp) {
	flags = make(map[string][]flagHelp)
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		heading := "Flags"
		if h := f.Annotations[annotationSection]; h != nil {
			heading = h[0]
		}
		if flags[heading] == nil {
			headings = append(headings, heading)
		}
		flags[heading] = append(flags[heading], describeFlag(f))
	})
	return headings, flags
}

func describeFlag(f *pflag.Flag) flagHelp {
	what, usage := pflag.UnquoteUsage(f)
	names := "    --" + f.Name
	if f.Shorthand != "" {
		names = "-" + f.Shorthand + ", --" + f.Name
	}
	if f.Value.Type() != "bool" {
		names += " " + what
	}
	switch f.DefValue {
	case "", "0", "false", "[]", "0s":
	default:
		usage += " (default " + f.DefValue + ")"
	}
	return flagHelp{names, usage}
}

// writeHelp writes the help of cmd to stdout.
func (p *process) writeHelp(cmd *cobra.Command) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s.\n\nUsage: %s\n", cmd.Short, useLine(cmd))
	if cmd.Long != "" {
		fmt.Fprintf(&b, "\n%s\n", strings.TrimSpace(cmd.Long))
	}
	if cmd.HasSubCommands() {
		b.WriteString("\nVerbs:\n")
		for _, c := range cmd.Commands() {
			fmt.Fprintf(&b, "  %-11s %s\n", c.Name(), c.Short)
		}
	}
	if cmd.Example != "" {
		b.WriteString("\nExamples:\n")
		for line := range strings.Lines(cmd.Example) {
			b.WriteString("  " + line)
		}
		b.WriteByte('\n')
	}
	if cmd.HasParent() {
		writeFlags(&b, cmd)
	}
	if !cmd.HasParent() {
		b.WriteString("\nExit codes:\n")
		for _, c := range exitCodes {
			fmt.Fprintf(&b, "  %-4d %s\n", c.code, c.text)
		}
		b.WriteString("\n" + environmentHelp + "\ngominer VERB --help shows the flags of a verb.\n")
	}
	_, _ = io.WriteString(p.stdout, b.String())
}

// environmentHelp is said once, in the help of the whole program.
const environmentHelp = `Every long flag can be set in the environment: --log-level as GOMINER_LOG_LEVEL.
A flag goes before the environment, and that before the configuration file; see
gominer config. Lists are parted by spaces or commas, passwords by spaces alone.
`

func useLine(cmd *cobra.Command) string {
	if !cmd.HasParent() {
		return "gominer VERB [flags]"
	}
	return cmd.Parent().CommandPath() + " " + cmd.Use
}

func writeFlags(b *strings.Builder, cmd *cobra.Command) {
	headings, flags := flagSections(cmd)
	column := 0
	for _, list := range flags {
		for _, f := range list {
			column = max(column, len(f.names))
		}
	}
	for _, h := range headings {
		fmt.Fprintf(b, "\n%s:\n", h)
		for _, f := range flags[h] {
			for i, line := range wrap(f.usage, helpWidth-column-4) {
				if i > 0 {
					f.names = ""
				}
				fmt.Fprintf(b, "  %-*s  %s\n", column, f.names, line)
			}
		}
	}
}

// wrap breaks text into lines of at most width bytes, at spaces.
func wrap(text string, width int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
