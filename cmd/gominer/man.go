package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
)

func newMan(p *process) *cobra.Command {
	return &cobra.Command{
		Use:   "man [DIRECTORY]",
		Short: "Write the manual pages",
		Long: `Without a directory, the page of gominer itself goes to stdout. With one, a page
for gominer and one for each verb are written into it.`,
		Example: `gominer man | man -l -
gominer man /usr/local/share/man/man1`,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch len(args) {
			case 0:
				_, err := fmt.Fprint(p.stdout, manPage(cmd.Root()))
				return err
			case 1:
				return writeManPages(cmd.Root(), args[0])
			}
			return usagef("man: one directory at most, not %d", len(args))
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
	}
}

func writeManPages(root *cobra.Command, directory string) error {
	for _, cmd := range manCommands(root) {
		path := filepath.Join(directory, manName(cmd)+".1")
		err := os.WriteFile(path, []byte(manPage(cmd)), 0o644)
		if errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("man: there is no directory %s, make it first", directory)
		}
		if err != nil {
			return fmt.Errorf("man: %w", err)
		}
	}
	return nil
}

func manName(cmd *cobra.Command) string {
	return strings.ReplaceAll(cmd.CommandPath(), " ", "-")
}

// manPage returns the page of cmd in roff, with the man macros.
func manPage(cmd *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s 1 \"\" \"gominer %s\"\n", strings.ToUpper(manName(cmd)), roff(thisBuild().Version))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(manName(cmd)), roff(cmd.Short))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n", roff(useLine(cmd)))
	if cmd.Long != "" {
		b.WriteString(".SH DESCRIPTION\n")
		manText(&b, cmd.Long)
	}
	if cmd.HasSubCommands() {
		b.WriteString(".SH VERBS\n")
		for _, c := range cmd.Commands() {
			fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(c.Name()), roff(c.Short))
		}
	}
	if cmd.HasParent() {
		headings, flags := flagSections(cmd)
		b.WriteString(".SH OPTIONS\n")
		for _, h := range headings {
			fmt.Fprintf(&b, ".SS %s\n", roff(h))
			for _, f := range flags[h] {
				fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(strings.TrimSpace(f.names)), roff(f.usage))
			}
		}
	}
	b.WriteString(".SH ENVIRONMENT\n")
	manText(&b, environmentHelp)
	b.WriteString(".SH EXIT STATUS\n")
	for _, c := range exitCodes {
		fmt.Fprintf(&b, ".TP\n.B %d\n%s\n", c.code, roff(c.text))
	}
	if cmd.Example != "" {
		b.WriteString(".SH EXAMPLES\n.nf\n")
		for line := range strings.Lines(cmd.Example) {
			b.WriteString(roff(strings.TrimSuffix(line, "\n")) + "\n")
		}
		b.WriteString(".fi\n")
	}
	b.WriteString(".SH SEE ALSO\n")
	var others []string
	for _, c := range manCommands(cmd.Root()) {
		if c != cmd {
			others = append(others, ".BR "+roff(manName(c))+" (1)")
		}
	}
	b.WriteString(strings.Join(others, "\n") + "\n")
	return b.String()
}

// manText adds a text; an empty line begins a paragraph, an indented one stands
// as it is.
func manText(b *strings.Builder, text string) {
	for line := range strings.Lines(strings.TrimSpace(text)) {
		line = strings.TrimRight(line, "\n")
		switch {
		case line == "":
			b.WriteString(".PP\n")
		case strings.HasPrefix(line, " "):
			b.WriteString(".br\n" + roff(line) + "\n")
		default:
			b.WriteString(roff(line) + "\n")
		}
	}
}

// roff escapes what roff would take for its own, and what is not ASCII.
func roff(s string) string {
	var b strings.Builder
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		b.WriteString(`\&`)
	}
	for _, r := range s {
		switch {
		case r == '\\':
			b.WriteString(`\e`)
		case r == '-':
			b.WriteString(`\-`)
		case r > unicode.MaxASCII:
			fmt.Fprintf(&b, `\[u%04X]`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// manCommands returns gominer and what stands below it, all that has a page.
func manCommands(root *cobra.Command) []*cobra.Command {
	var pages []*cobra.Command
	for _, cmd := range allCommands(root) {
		if cmd.Name() != "help" {
			pages = append(pages, cmd)
		}
	}
	return pages
}
