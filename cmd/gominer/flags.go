package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const (
	annotationSection = "section"   // the heading under which a flag's help stands
	annotationExclude = "exclusive" // the flags that can't stand beside it
	annotationCommas  = "commas"    // its values may hold commas
	annotationSpaces  = "spaces"    // and spaces too: a variable holds one
	annotationSecret  = "secret"    // nobody is to see its value
	annotationFile    = "file"      // its value is the name of a file
)

// section defines the flags of cmd that belong under one heading of its help.
func section(cmd *cobra.Command, heading string, define func(f *pflag.FlagSet)) {
	f := pflag.NewFlagSet(heading, pflag.ContinueOnError)
	f.SortFlags = false
	define(f)
	f.VisitAll(func(flag *pflag.Flag) {
		annotate(flag, annotationSection, heading)
		cmd.Flags().AddFlag(flag)
	})
	cmd.Flags().SortFlags = false
}

func annotate(f *pflag.Flag, key string, values ...string) {
	if f.Annotations == nil {
		f.Annotations = make(map[string][]string)
	}
	f.Annotations[key] = append(f.Annotations[key], values...)
}

// exclusive says that name can't be given with any of others.
func exclusive(flags *pflag.FlagSet, name string, others ...string) {
	annotate(flags.Lookup(name), annotationExclude, others...)
	for _, o := range others {
		annotate(flags.Lookup(o), annotationExclude, name)
	}
}

// has reports whether a flag has an annotation.
func has(f *pflag.Flag, annotation string) bool {
	_, ok := f.Annotations[annotation]
	return ok
}

// secret is what stands for the value of a secret.
const secret = "***"

// shown returns a value of f as people may see it.
func shown(f *pflag.Flag, value string) string {
	if has(f, annotationSecret) && value != "" {
		return secret
	}
	return redact(value)
}

// values returns what a flag was given: one text, or those of a list.
func values(f *pflag.Flag) []string {
	if list, ok := f.Value.(pflag.SliceValue); ok {
		return list.GetSlice()
	}
	return []string{f.Value.String()}
}

// givenValues returns what is not left at its default, without secrets.
func givenValues(cmd *cobra.Command) map[string]string {
	given := make(map[string]string)
	cmd.Flags().Visit(func(f *pflag.Flag) {
		var texts []string
		for _, v := range values(f) {
			texts = append(texts, shown(f, v))
		}
		given[f.Name] = strings.Join(texts, " ")
	})
	return given
}

// value is a flag of any type that has its own way to be read. It keeps what it
// was given for help texts and errors.
type value[T any] struct {
	to    *T
	parse func(string) (T, error)
	text  string
	kind  string
}

// valueVar defines a flag that parse reads into to; byDefault is how the
// default is shown.
func valueVar[T any](f *pflag.FlagSet, to *T, name, short, byDefault, usage string, parse func(string) (T, error)) {
	f.VarP(&value[T]{to: to, parse: parse, text: byDefault, kind: name}, name, short, usage)
}

func (v *value[T]) String() string { return v.text }
func (v *value[T]) Type() string   { return v.kind }

func (v *value[T]) Set(s string) error {
	parsed, err := v.parse(s)
	if err != nil {
		return err
	}
	*v.to, v.text = parsed, s
	return nil
}

// warnUnknownVariables names variables that look like a slip for one of ours.
// Others with the prefix are nobody's business: orchestrators set such names.
func (p *process) warnUnknownVariables(root *cobra.Command) {
	var known []string
	for _, cmd := range root.Commands() {
		cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, envName(f.Name)) })
	}
	for _, kv := range p.environ {
		name, _, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(name, envPrefix) {
			continue
		}
		var like string
		for _, k := range known {
			if k == name {
				like = ""
				break
			}
			if n := slips(strings.TrimPrefix(name, envPrefix), strings.TrimPrefix(k, envPrefix)); n <= 2 && n*3 <= len(k)-len(envPrefix) {
				like = k
			}
		}
		if like != "" {
			fmt.Fprintf(p.stderr, "gominer: the variable %s is not known, did you mean %s?\n", escape(name), like)
		}
	}
}

// firstLine returns the first line of a file: a secret.
func firstLine(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	const most = 64 << 10 // bytes; a secret is short, and the file may not be one
	r := bufio.NewScanner(io.LimitReader(f, most))
	r.Scan()
	switch {
	case r.Err() != nil:
		return "", fmt.Errorf("%s: %w", path, r.Err())
	case r.Text() == "":
		return "", fmt.Errorf("%s: the first line is empty", path)
	}
	return r.Text(), nil
}
