package main

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// layer is where a value can come from; a lower one goes before.
type layer int

const (
	fromFlag layer = iota
	fromEnvironment
	fromTable // of one pool, in the file
	fromFile
	fromDefault
)

// origin is where a value comes from.
type origin struct {
	layer layer
	where string // "--threads", "GOMINER_THREADS", "/etc/gominer/config.toml:12"
}

// named returns how a flag is called where its value comes from.
func (o origin) named(flag string) string {
	if o.layer == fromTable || o.layer == fromFile {
		return fmt.Sprintf("%s (%s)", flag, o.where)
	}
	return o.where
}

// annotationOrigin keeps the origin of a flag's value with the flag.
const annotationOrigin = "origin"

func setOrigin(f *pflag.Flag, o origin) {
	if f.Annotations == nil {
		f.Annotations = make(map[string][]string)
	}
	f.Annotations[annotationOrigin] = []string{strconv.Itoa(int(o.layer)), o.where}
}

func originOf(f *pflag.Flag) origin {
	a := f.Annotations[annotationOrigin]
	if len(a) != 2 {
		return origin{fromDefault, "default"}
	}
	n, _ := strconv.Atoi(a[0]) // by setOrigin
	return origin{layer(n), a[1]}
}

// resolve gives the flags that the command line left open the values that the
// environment has, and then those of the configuration file; and it refuses
// flags that exclude each other.
func (p *process) resolve(cmd *cobra.Command) error {
	cmd.Flags().Visit(func(f *pflag.Flag) { setOrigin(f, origin{fromFlag, "--" + f.Name}) })
	if err := p.findCredentials(cmd.Flags()); err != nil {
		return verbError(verbOf(cmd), err)
	}
	if err := p.applyEnvironment(cmd); err != nil {
		return verbError(verbOf(cmd), err)
	}
	if err := p.applyFile(cmd); err != nil {
		return verbError(verbOf(cmd), err)
	}
	if err := clash(cmd.Flags()); err != nil {
		return verbError(verbOf(cmd), err)
	}
	p.warnUnknownVariables(cmd.Root())
	return nil
}

// located is an error that names flags as they were given.
type located struct {
	error
	text string
}

func (e *located) Error() string { return e.text }
func (e *located) Unwrap() error { return e.error }

var flagForm = regexp.MustCompile(`--[a-z][a-z0-9-]*`)

// locate makes err name the variable or the line of the file where it names a
// flag whose value is from there.
func locate(flags *pflag.FlagSet, err error) error {
	if err == nil {
		return nil
	}
	e := &located{error: err}
	e.text = flagForm.ReplaceAllStringFunc(err.Error(), func(name string) string {
		f := flags.Lookup(name[2:])
		if f == nil {
			return name
		}
		from := originOf(f)
		if from.layer == fromDefault || from.layer == fromFlag {
			return name
		}
		return from.named(f.Name)
	})
	return e
}

// verbOf returns what is typed to run cmd: "mine", "config check".
func verbOf(cmd *cobra.Command) string {
	return strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
}

// overruled reports whether a layer before l has decided about f: by a value of
// its own, or of a flag that f can't stand beside.
func overruled(flags *pflag.FlagSet, f *pflag.Flag, l layer) bool {
	if originOf(f).layer < l {
		return true
	}
	for _, name := range f.Annotations[annotationExclude] {
		if other := flags.Lookup(name); other != nil && originOf(other).layer < l {
			return true
		}
	}
	return false
}

// clash finds flags that exclude each other.
func clash(flags *pflag.FlagSet) (err error) {
	flags.Visit(func(f *pflag.Flag) {
		for _, name := range f.Annotations[annotationExclude] {
			other := flags.Lookup(name)
			if other != nil && other.Changed && !isOff(f) && !isOff(other) && err == nil {
				err = usagef("%s and %s exclude each other, keep one", originOf(f).named(f.Name), originOf(other).named(other.Name))
			}
		}
	})
	return err
}

// isOff reports whether f is a switch that says no.
func isOff(f *pflag.Flag) bool { return f.Value.Type() == "bool" && f.Value.String() == "false" }

// envPrefix begins the name of every variable that the program reads.
const envPrefix = "GOMINER_"

// envName returns the variable that stands for a flag.
func envName(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// applyEnvironment sets from the environment what the command line left open.
func (p *process) applyEnvironment(cmd *cobra.Command) (err error) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		name := envName(f.Name)
		v, ok := p.getenv(name)
		if !ok || v == "" || f.Name == "help" || f.Name == "version" || has(f, annotationTables) || err != nil ||
			overruled(cmd.Flags(), f, fromEnvironment) {
			return
		}
		err = p.assign(cmd.Flags(), f, splitVariable(f, v), origin{fromEnvironment, name}, name)
	})
	return err
}

// splitVariable takes a list apart that stands in a variable.
func splitVariable(f *pflag.Flag, v string) []string {
	if _, list := f.Value.(pflag.SliceValue); !list || has(f, annotationSpaces) {
		return []string{v}
	}
	commas := has(f, annotationCommas)
	return strings.FieldsFunc(v, func(r rune) bool { return r == ',' && !commas || unicode.IsSpace(r) })
}

// assign sets a flag to values that come from elsewhere than the command line,
// where it has another name.
func (p *process) assign(flags *pflag.FlagSet, f *pflag.Flag, values []string, from origin, name string) error {
	if _, list := f.Value.(pflag.SliceValue); !list && values[0] == "" && f.DefValue == "" {
		return nil // nothing is said
	}
	for _, v := range values {
		var err error
		if has(f, annotationFile) {
			if v, err = p.credential(p.atHome(v)); err != nil {
				return usagef("%s: %w", name, err)
			}
		}
		err = flags.Set(f.Name, v)
		var invalid *pflag.InvalidValueError
		if errors.As(err, &invalid) {
			return usagef("%w", badValue(name, f, v, invalid.Unwrap()))
		}
		if err != nil {
			return err
		}
	}
	if len(values) > 0 {
		setOrigin(f, from)
	}
	return nil
}

// atHome expands a ~/ at the beginning of a file's name, which only shells do.
func (p *process) atHome(file string) string {
	rest, found := strings.CutPrefix(file, "~/")
	if home, ok := p.getenv("HOME"); found && ok && home != "" {
		return strings.TrimRight(home, "/") + "/" + rest
	}
	return file
}
