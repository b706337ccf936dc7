package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const (
	annotationSection = "section"   // the heading under which a flag's help stands
	annotationExclude = "exclusive" // the flags that can't stand beside it
	annotationCommas  = "commas"    // its values may hold commas
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
func exclusive(cmd *cobra.Command, name string, others ...string) {
	annotate(cmd.Flags().Lookup(name), annotationExclude, others...)
	for _, o := range others {
		annotate(cmd.Flags().Lookup(o), annotationExclude, name)
	}
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

// envPrefix begins the name of every variable that the program reads.
const envPrefix = "GOMINER_"

// envName returns the variable that stands for a flag.
func envName(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// applyEnvironment sets from the environment what the command line left open,
// and refuses flags that exclude each other.
func (p *process) applyEnvironment(cmd *cobra.Command) (err error) {
	given := make(map[string]bool) // on the command line
	cmd.Flags().Visit(func(f *pflag.Flag) { given[f.Name] = true })
	from := func(f *pflag.Flag) string {
		if given[f.Name] {
			return "--" + f.Name
		}
		return envName(f.Name)
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		v, ok := p.getenv(envName(f.Name))
		if !ok || v == "" || given[f.Name] || f.Name == "help" || f.Name == "version" || err != nil {
			return
		}
		for _, other := range f.Annotations[annotationExclude] {
			if given[other] {
				return // the command line chose otherwise
			}
		}
		err = setFromEnvironment(cmd.Flags(), f, v)
	})
	if err != nil {
		return verbError(cmd.Name(), err)
	}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		for _, other := range f.Annotations[annotationExclude] {
			if o := cmd.Flags().Lookup(other); o.Changed && err == nil {
				err = usagef("%s: %s and %s exclude each other, keep one", cmd.Name(), from(f), from(o))
			}
		}
	})
	p.warnUnknownVariables(cmd.Root())
	return err
}

func setFromEnvironment(flags *pflag.FlagSet, f *pflag.Flag, v string) error {
	values := []string{v}
	if _, list := f.Value.(pflag.SliceValue); list {
		commas := f.Annotations[annotationCommas] != nil
		values = strings.FieldsFunc(v, func(r rune) bool { return r == ',' && !commas || unicode.IsSpace(r) })
	}
	for _, v := range values {
		err := flags.Set(f.Name, v)
		var invalid *pflag.InvalidValueError
		if errors.As(err, &invalid) {
			return usagef("%w", badValue(envName(f.Name), f, v, invalid.Unwrap()))
		}
		if err != nil {
			return err
		}
	}
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
