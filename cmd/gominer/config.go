package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gominer/internal/jsonline"
	"gominer/internal/units"
)

func newConfig(p *process) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config VERB",
		Short: "Write, check or show the configuration",
		Long: `A configuration file holds in TOML what the flags say otherwise. Its keys are the
flags by their long names: in a table named after the verb, or at the top for
every verb that has such a flag. Pools stand in tables of their own:

  log-level = "info"

  [mine]
  throttle = "50%"

  [[mine.pools]]
  url = "stratum+tcp://pool.example.org:3333"
  user = "ADDRESS.worker"

A flag goes before the environment, that before a pool's table, that before the
rest of the file. Without --config the file is the first that exists of
$XDG_CONFIG_HOME/gominer/config.toml (that is ~/.config/gominer/config.toml) and
/etc/gominer/config.toml.`,
		Example: `gominer config init
gominer config check
gominer config show mine`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			var verbs []string
			for _, c := range cmd.Commands() {
				verbs = append(verbs, c.Name())
			}
			return usagef("config: there is no %q%s; there are %s", args[0], didYouMean(args[0], verbs), strings.Join(verbs, ", "))
		},
	}
	cmd.AddCommand(newConfigInit(p), newConfigCheck(p), newConfigShow(p))
	return cmd
}

// namedConfig returns the file that is named on the command line, or else the one
// that is read without a name.
func (p *process) namedConfig(verb, flag string, args []string) (string, error) {
	path := flag
	switch {
	case len(args) > 1 || len(args) == 1 && flag != "":
		return "", usagef("%s: one file, not %d", verb, max(2, len(args)))
	case len(args) == 1:
		path = args[0]
	case path == "":
		path = p.findConfig()
	}
	if path == "" {
		return "", usagef("%s: there is no configuration at %s: gominer config init writes one", verb, strings.Join(p.configPlaces(), " or "))
	}
	return path, nil
}

func newConfigCheck(p *process) *cobra.Command {
	file := ""
	cmd := &cobra.Command{
		Use:   "check [FILE]",
		Short: "Say what is wrong with a configuration",
		Long: `Reads the whole file and says all that is wrong in it, by line. Exit code 3 if
something is. What the environment says plays no part.`,
		Example: `gominer config check
gominer config check ./gominer.toml && systemctl reload gominer`,
		RunE: func(_ *cobra.Command, args []string) error {
			path, err := p.namedConfig("config check", file, args)
			if err != nil {
				return err
			}
			return p.checkConfig(path)
		},
		ValidArgsFunction: completeConfig,
	}
	section(cmd, "Configuration", func(f *pflag.FlagSet) {
		f.StringVarP(&file, configFlag, "c", "", "the `FILE`, as an argument would name it")
	})
	return cmd
}

// completeConfig offers files of TOML.
func completeConfig(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"toml"}, cobra.ShellCompDirectiveFilterFileExt
}

func (p *process) checkConfig(path string) error {
	c, err := readConfig(path)
	if errors.As(err, new(*mistake)) {
		return &coded{exitFailed, verbError("config check", err)}
	}
	if err != nil {
		return verbError("config check", err)
	}
	quiet := *p
	quiet.environ = slices.DeleteFunc(slices.Clone(p.environ), func(kv string) bool { return strings.HasPrefix(kv, envPrefix) })
	root := newRoot(&quiet)
	mistakes := c.unknownKeys(root)
	for _, verb := range configurables(root) {
		mistakes = append(mistakes, quiet.checkVerb(c, verb)...)
	}
	sortByLine(mistakes)
	mistakes = slices.CompactFunc(mistakes, func(a, b *mistake) bool { return *a == *b }) // one at the top is one of many verbs
	switch len(mistakes) {
	case 0:
		_, err := fmt.Fprintf(p.stdout, "%s is in order\n", escape(path))
		p.warnOpenSecrets(c)
		return err
	case 1:
		return &coded{exitFailed, verbError("config check", mistakes[0])}
	}
	for _, m := range mistakes {
		fmt.Fprintf(p.stderr, "%s\n", oneLine(m.Error()))
	}
	return &coded{exitFailed, fmt.Errorf("config check: %s in %s", units.Plural(uint64(len(mistakes)), "mistake"), path)}
}

// checkVerb finds what is wrong with the values of a verb, and if nothing is,
// with all of them together.
func (p *process) checkVerb(c *config, verb *cobra.Command) []*mistake {
	mistakes := p.apply(c, verb)
	if len(mistakes) > 0 {
		return mistakes
	}
	err := clash(verb.Flags())
	if err == nil && verb.PreRunE != nil && configured(verb) {
		err = verb.PreRunE(verb, nil)
	}
	if err == nil || errors.Is(err, errNoSource) { // which may stand on the command line
		return nil
	}
	text := strings.TrimPrefix(err.Error(), verb.Name()+": ")
	if m := regexp.MustCompile(`^(.*?)(?: \()?` + regexp.QuoteMeta(c.path) + `:(\d+)\)?:?(.*)$`).FindStringSubmatch(text); m != nil { // it knows the line itself
		if line, err := strconv.Atoi(m[2]); err == nil {
			return []*mistake{c.mistake(line, "%s", strings.TrimSpace(m[1]+m[3]))}
		}
	}
	line := 1
	if table := c.root.Lookup(verb.Name()); table != nil {
		line = table.Line
	}
	return []*mistake{c.mistake(line, "[%s]: %s", verb.Name(), text)}
}

// configured reports whether a verb has any value that is not its default.
func configured(verb *cobra.Command) (some bool) {
	verb.Flags().VisitAll(func(f *pflag.Flag) { some = some || f.Changed })
	return some
}

// configShowOptions are the flags of config show.
type configShowOptions struct {
	file string
	all  bool
	json bool
}

func newConfigShow(p *process) *cobra.Command {
	o := &configShowOptions{}
	cmd := &cobra.Command{
		Use:   "show [VERB] [-- FLAGS]",
		Short: "Show what a verb goes by, and where each value comes from",
		Long: `Shows the values that a verb, mine unless another is named, would go by, as TOML.
Behind each stands where it comes from: a flag, a variable, or the line of the
file. Passwords are not shown.`,
		Example: `gominer config show
gominer config show pool --all
gominer config show mine -- -o pool.example.org:3333 -u alice`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.showConfig(o, args, cmd.ArgsLenAtDash()); err != nil {
				return verbError("config show", err)
			}
			return nil
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) (verbs []string, _ cobra.ShellCompDirective) {
			for _, v := range configurables(cmd.Root()) {
				if len(args) == 0 {
					verbs = append(verbs, v.Name()+"\t"+v.Short)
				}
			}
			return verbs, cobra.ShellCompDirectiveNoFileComp
		},
	}
	section(cmd, "Configuration", func(f *pflag.FlagSet) {
		f.StringVarP(&o.file, configFlag, "c", "", "read `FILE`")
	})
	section(cmd, "Output", func(f *pflag.FlagSet) {
		f.BoolVar(&o.all, "all", false, "also what has its default")
		f.BoolVar(&o.json, "json", false, "as JSON")
	})
	return cmd
}

// shownSetting is a value of the configuration for people and programs.
type shownSetting struct {
	Pool  int    `json:"pool,omitempty"` // of the list, from 1 on; 0: of the verb itself
	Key   string `json:"key"`
	Value any    `json:"value"` // a text, or a list of them
	From  string `json:"from"`

	toml string
}

func (p *process) showConfig(o *configShowOptions, args []string, dash int) error {
	var flags []string
	if dash >= 0 {
		args, flags = args[:dash], args[dash:]
	}
	name := "mine"
	if len(args) > 0 {
		name = args[0]
	}
	mine := &mineOptions{}
	root := newRootFor(p, mine)
	verbs := configurables(root)
	i := slices.IndexFunc(verbs, func(v *cobra.Command) bool { return v.Name() == name })
	if i < 0 || len(args) > 1 {
		var names []string
		for _, v := range verbs {
			names = append(names, v.Name())
		}
		return usagef("want one verb that has a configuration, not %q%s: %s", strings.Join(args, " "), didYouMean(name, names), strings.Join(names, ", "))
	}
	verb := verbs[i]
	if o.file != "" {
		flags = append([]string{"--" + configFlag, o.file}, flags...)
	}
	if err := verb.ParseFlags(flags); err != nil {
		return flagError(verb, err)
	}
	if err := p.resolve(verb); err != nil {
		return err
	}
	settings := showFlags(verb, o.all)
	if name == "mine" {
		pools, err := mine.sources.show()
		if err != nil {
			return err
		}
		settings = append(settings, pools...)
	}
	file := verb.Flags().Lookup(configFlag).Value.String()
	if o.json {
		return p.writeJSON(map[string]any{"verb": name, "file": file, "settings": settings})
	}
	_, err := fmt.Fprint(p.stdout, settingsText(name, file, settings))
	return err
}

// showFlags returns the flags of a verb that are not about single pools.
func showFlags(verb *cobra.Command, all bool) []shownSetting {
	list := []shownSetting{} // not null in JSON
	verb.Flags().VisitAll(func(f *pflag.Flag) {
		_, each := f.Value.(*each)
		if each || !all && !f.Changed || has(f, annotationTables) || f.Name == "help" || f.Name == configFlag {
			return
		}
		list = append(list, showSetting(f, values(f), originOf(f)))
	})
	return list
}

func showSetting(f *pflag.Flag, texts []string, from origin) shownSetting {
	for i, t := range texts {
		texts[i] = shown(f, t)
	}
	s := shownSetting{Key: f.Name, Value: texts, From: from.where, toml: tomlOf(f, texts)}
	if _, list := f.Value.(pflag.SliceValue); !list {
		s.Value = texts[0]
	}
	return s
}

// show returns what is said of each upstream.
func (o *sourceOptions) show() (list []shownSetting, err error) {
	if len(o.lists["url"].values) == 0 && len(o.tables.tables) == 0 {
		return nil, nil
	}
	pools, err := o.upstreams()
	for i, u := range pools {
		u.flags().VisitAll(func(f *pflag.Flag) {
			if s, ok := u.said[f.Name]; ok {
				one := showSetting(f, []string{s.value}, s.from)
				one.Pool = i + 1
				list = append(list, one)
			}
		})
	}
	return list, err
}

// settingsText writes settings as TOML, each with where it comes from.
func settingsText(verb, file string, list []shownSetting) string {
	var b strings.Builder
	if file == "" {
		file = "none"
	}
	fmt.Fprintf(&b, "# configuration: %s\n", escape(file))
	if len(list) == 0 {
		fmt.Fprintf(&b, "# gominer %s goes by its defaults: gominer config show %[1]s --all\n", verb)
	}
	pool, column := -1, 0
	for _, s := range list {
		column = max(column, len(s.Key)+len(" = ")+len([]rune(s.toml)))
	}
	column = min(column, helpWidth/2)
	for _, s := range list {
		switch {
		case s.Pool != pool && s.Pool > 0:
			if pool >= 0 {
				b.WriteByte('\n')
			}
			fmt.Fprintf(&b, "[[%s.%s]]\n", verb, poolsFlag)
		case s.Pool != pool:
			fmt.Fprintf(&b, "[%s]\n", verb)
		}
		pool = s.Pool
		fmt.Fprintf(&b, "%-*s  # %s\n", column, s.Key+" = "+s.toml, escape(s.From))
	}
	return b.String()
}

// tomlOf writes values of f as TOML.
func tomlOf(f *pflag.Flag, texts []string) string {
	if _, list := f.Value.(pflag.SliceValue); list {
		quoted := make([]string, len(texts))
		for i, t := range texts {
			quoted[i] = tomlText(t)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	}
	switch f.Value.Type() {
	case "bool", "int", "uint32", "uint64", "float64":
		return texts[0]
	}
	return tomlText(texts[0])
}

// tomlText writes a text as TOML: in single quotes if it holds double ones or
// backslashes, otherwise in double ones.
func tomlText(s string) string {
	if strings.ContainsAny(s, `"\`) && !strings.Contains(s, "'") && escape(s) == s {
		return "'" + s + "'"
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteRune('\\')
			b.WriteRune(r)
		case jsonline.Harmless(r):
			b.WriteRune(r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			fmt.Fprintf(&b, `\U%08X`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
