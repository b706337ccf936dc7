package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gominer/internal/configfile"
	"gominer/internal/units"
)

// config is a configuration file. Its keys are the flags, by their long names: in
// the table of a verb for that verb, at the top for every verb that has such a
// flag.
type config struct {
	path string
	root *configfile.Value
}

const configFlag = "config"

// configurable lets a verb read a configuration file.
func configurable(cmd *cobra.Command) {
	section(cmd, "Configuration", func(f *pflag.FlagSet) {
		f.StringP(configFlag, "c", "", "read what the flags leave open from `FILE`, in TOML; \"\" is none (default: see gominer config)")
		annotate(f.Lookup(configFlag), annotationFile)
		annotate(f.Lookup(configFlag), annotationReads)
	})
	_ = cmd.MarkFlagFilename(configFlag, "toml")
}

// annotationReads marks the flag of verbs that read the file; those of gominer
// config have one that only names it.
const annotationReads = "reads"

// reads reports whether a verb reads a configuration file.
func reads(cmd *cobra.Command) bool {
	f := cmd.Flags().Lookup(configFlag)
	return f != nil && has(f, annotationReads)
}

// configurables returns the verbs that read a configuration file.
func configurables(root *cobra.Command) (verbs []*cobra.Command) {
	for _, cmd := range root.Commands() {
		if reads(cmd) {
			verbs = append(verbs, cmd)
		}
	}
	return verbs
}

// keys returns the names of the flags of cmd that are keys of the file.
func keys(cmd *cobra.Command) (names []string) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name != configFlag && f.Name != "help" {
			names = append(names, f.Name)
		}
	})
	return names
}

// configPlaces returns where the file is looked for, in order.
func (p *process) configPlaces() (places []string) {
	const name = "gominer/config.toml"
	dir, _ := p.getenv("XDG_CONFIG_HOME")
	home, _ := p.getenv("HOME")
	appData, _ := p.getenv("APPDATA")
	switch {
	case dir != "":
	case home != "":
		dir = filepath.Join(home, ".config")
	case runtime.GOOS == "windows":
		dir = appData
	}
	if filepath.IsAbs(dir) {
		places = append(places, filepath.Join(dir, name))
	}
	if runtime.GOOS != "windows" {
		places = append(places, "/etc/"+name)
	}
	return places
}

// findConfig returns the file that is read if none is named, "" if there is none.
func (p *process) findConfig() string {
	for _, path := range p.configPlaces() {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// applyFile sets from the configuration file what the command line and the
// environment left open.
func (p *process) applyFile(cmd *cobra.Command) error {
	if !reads(cmd) {
		return nil
	}
	flag := cmd.Flags().Lookup(configFlag)
	path := flag.Value.String()
	if !flag.Changed {
		path = p.findConfig()
	}
	if path == "" {
		return nil
	}
	c, err := readConfig(path)
	if err != nil {
		return err
	}
	if !flag.Changed { // for what asks which file was read
		_ = flag.Value.Set(path)
	}
	mistakes := append(c.unknownKeys(cmd.Root()), p.apply(c, cmd)...)
	if len(mistakes) == 0 {
		p.warnOpenSecrets(c)
		return nil
	}
	sortByLine(mistakes)
	if n := len(mistakes) - 1; n > 0 {
		return usagef("%w; %s: gominer config check %s", mistakes[0], units.Plural(uint64(n), "more mistake"), path)
	}
	return usagef("%w", mistakes[0])
}

// readConfig reads the file at path. Its errors say what to do.
func readConfig(path string) (*config, error) {
	root, err := configfile.Read(path)
	var bad *configfile.Error
	switch {
	case errors.As(err, &bad):
		return nil, usagef("%w", &mistake{path, bad.Line, bad.Text})
	case errors.Is(err, fs.ErrNotExist):
		return nil, usagef("there is no configuration %s: gominer config init %s writes one", path, path)
	case err != nil:
		return nil, usagef("configuration: %w", err)
	}
	return &config{path, root}, nil
}

// mistake is one in a configuration file.
type mistake struct {
	path string
	line int
	text string
}

func (m *mistake) Error() string { return fmt.Sprintf("%s:%d: %s", m.path, m.line, m.text) }

func (c *config) mistake(line int, format string, args ...any) *mistake {
	return &mistake{c.path, line, fmt.Sprintf(format, args...)}
}

func (c *config) origin(l layer, line int) origin {
	return origin{l, fmt.Sprintf("%s:%d", c.path, line)}
}

func sortByLine(mistakes []*mistake) {
	slices.SortStableFunc(mistakes, func(a, b *mistake) int { return cmp.Compare(a.line, b.line) })
}

// unknownKeys finds the keys that no verb has.
func (c *config) unknownKeys(root *cobra.Command) (mistakes []*mistake) {
	verbs := configurables(root)
	var all []string // that may stand at the top
	for _, v := range verbs {
		all = append(append(all, v.Name()), keys(v)...)
	}
	for _, k := range c.root.Keys {
		i := slices.IndexFunc(verbs, func(v *cobra.Command) bool { return v.Name() == k.Name })
		isTable := k.Value.Kind == configfile.Table
		switch {
		case i >= 0 && isTable:
			mistakes = append(mistakes, c.unknownIn(verbs[i], verbs, k.Value)...)
		case !slices.Contains(all, k.Name):
			mistakes = append(mistakes, c.mistake(k.Line, "there is no key %q%s", k.Name, didYouMean(k.Name, all)))
		case isTable:
			mistakes = append(mistakes, c.mistake(k.Line, "%q is a key, not a table%s", k.Name, tableOf(k.Name, verbs)))
		case i >= 0 && !slices.ContainsFunc(verbs, func(v *cobra.Command) bool { return v.Flags().Lookup(k.Name) != nil }):
			mistakes = append(mistakes, c.mistake(k.Line, "%q is a verb: want a table, [%s]", k.Name, k.Name))
		}
	}
	return mistakes
}

// unknownIn finds the keys in the table of a verb that it has not.
func (c *config) unknownIn(verb *cobra.Command, verbs []*cobra.Command, table *configfile.Value) (mistakes []*mistake) {
	known := keys(verb)
	for _, k := range table.Keys {
		if slices.Contains(known, k.Name) {
			continue
		}
		hint := didYouMean(k.Name, known)
		if in := tableOf(k.Name, verbs); in != "" {
			hint = in
		}
		mistakes = append(mistakes, c.mistake(k.Line, "[%s] has no key %q%s", verb.Name(), k.Name, hint))
	}
	return mistakes
}

// tableOf says in which tables a key may stand.
func tableOf(key string, verbs []*cobra.Command) string {
	var tables []string
	for _, v := range verbs {
		if slices.Contains(keys(v), key) {
			tables = append(tables, "["+v.Name()+"]")
		}
	}
	if len(tables) == 0 {
		return ""
	}
	return ": it belongs into " + strings.Join(tables, " or ")
}

// tableName returns the table of a verb: below another one it is that one's.
func tableName(cmd *cobra.Command) string {
	name, _, _ := strings.Cut(verbOf(cmd), " ")
	return name
}

// apply sets the flags of a verb that are open: from its table, and then from the
// top of the file.
func (p *process) apply(c *config, cmd *cobra.Command) (mistakes []*mistake) {
	set := make(map[string]bool)
	for _, table := range []*configfile.Value{c.root.Lookup(tableName(cmd)), c.root} {
		if table == nil || table.Kind != configfile.Table {
			continue
		}
		for _, k := range table.Keys {
			f := cmd.Flags().Lookup(k.Name)
			if f == nil || k.Name == configFlag || k.Name == "help" || set[k.Name] || table == c.root && k.Value.Kind == configfile.Table ||
				overruled(cmd.Flags(), f, fromFile) {
				continue
			}
			set[k.Name] = true
			mistakes = append(mistakes, p.applyKey(c, cmd.Flags(), f, k)...)
		}
	}
	return mistakes
}

// applyKey sets a flag to the value of its key.
func (p *process) applyKey(c *config, flags *pflag.FlagSet, f *pflag.Flag, k *configfile.Key) []*mistake {
	if tables, ok := f.Value.(tabular); ok {
		mistakes := tables.setTables(p, c, k)
		if len(mistakes) == 0 {
			f.Changed = true
			setOrigin(f, c.origin(fromFile, k.Line))
		}
		return mistakes
	}
	texts, err := k.Value.Strings()
	if bad := (*configfile.Error)(nil); errors.As(err, &bad) {
		return []*mistake{c.mistake(bad.Line, "%s: %s", k.Name, bad.Text)}
	}
	if _, list := f.Value.(pflag.SliceValue); !list && k.Value.Kind == configfile.List {
		return []*mistake{c.mistake(k.Value.Line, "%s: want one value, not a list", k.Name)}
	}
	if err := p.assign(flags, f, texts, c.origin(fromFile, k.Line), k.Name); err != nil {
		return []*mistake{c.mistake(k.Line, "%s", err)}
	}
	return nil
}

// tabular is the value of a flag that a file alone can set, as tables.
type tabular interface {
	setTables(p *process, c *config, k *configfile.Key) []*mistake
}

// annotationTables marks such a flag.
const annotationTables = "tables"

// warnOpenSecrets says if others can read the file's passwords.
func (p *process) warnOpenSecrets(c *config) {
	info, err := os.Stat(c.path)
	if err != nil || runtime.GOOS == "windows" || !info.Mode().IsRegular() || info.Mode().Perm()&0o044 == 0 || !holdsSecret(c.root) {
		return
	}
	fmt.Fprintf(p.stderr, "gominer: others can read %s, and a password stands in it: chmod 600 %s\n", escape(c.path), escape(c.path))
}

// holdsSecret looks for passwords among the values of a table.
func holdsSecret(table *configfile.Value) bool {
	for _, k := range table.Keys {
		for _, v := range append([]*configfile.Value{k.Value}, k.Value.Items...) {
			switch {
			case v.Kind == configfile.Table && holdsSecret(v),
				k.Name == "pass" && len(v.Text) > 1, k.Name == "userpass" && v.Kind == configfile.Text, redact(v.Text) != v.Text:
				return true
			}
		}
	}
	return false
}
