package main

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// newRoot returns the whole command line.
func newRoot(p *process) *cobra.Command { return newRootFor(p, &mineOptions{}) }

// newRootFor returns the whole command line, whose verb mine fills o.
func newRootFor(p *process, o *mineOptions) *cobra.Command {
	cobra.EnableCommandSorting = false // the verbs stand in the order of their use
	root := &cobra.Command{
		Use:   "gominer",
		Short: "A Bitcoin (SHA256d) reference miner",
		Long: `gominer mines Bitcoin on Stratum pools and on nodes, and has what is needed to
test both. Nothing has to be set up to see it work: gominer demo brings a pool
of its own.`,
		Example: `gominer demo
gominer mine -o stratum+tcp://pool.example.org:3333 -u ADDRESS.worker
gominer pool --listen 127.0.0.1:3333`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if asked, _ := cmd.Flags().GetBool("version"); asked { // what people try first
				return p.writeVersion(false)
			}
			if len(p.args) == 0 && p.dashboard { // somebody who wants to know what this is
				return p.welcome(cmd)
			}
			return runRoot(cmd, args)
		},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return p.resolve(cmd) },
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.Flags().Bool("version", false, "as gominer version")
	root.SetArgs(p.args)
	root.SetIn(p.stdin)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		if cmd == root && len(args) > 0 && !strings.HasPrefix(args[0], "-") { // nonsense --help
			fmt.Fprintf(p.stderr, "gominer: %s\n\n", oneLine(runRoot(root, args).Error()))
		}
		p.writeHelp(cmd)
	})
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(
		newMine(p, o), newDemo(p), newBench(p), newPool(p), newDevices(p), newEmulate(p), newDecode(p),
		newConfig(p), newCompletion(p), newMan(p), newVersion(p),
	)
	root.SetHelpCommand(newHelp(p))
	for _, cmd := range allCommands(root) {
		cmd.DisableFlagsInUseLine = true
		if check := cmd.PreRunE; check != nil {
			cmd.PreRunE = func(cmd *cobra.Command, args []string) error { return locate(cmd.Flags(), check(cmd, args)) }
		}
		if cmd.ValidArgs == nil && cmd.ValidArgsFunction == nil {
			cmd.ValidArgsFunction = cobra.NoFileCompletions
		}
		cmd.InitDefaultHelpFlag()
		help := cmd.Flags().Lookup("help")
		help.Usage = "show this help"
		if cmd.Flags().Lookup("json") != nil {
			annotate(help, annotationSection, "Output")
		}
	}
	return root
}

// allCommands returns cmd and what stands below it.
func allCommands(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, c := range cmd.Commands() {
		all = append(all, allCommands(c)...)
	}
	return all
}

func runRoot(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	var verbs []string
	for _, c := range cmd.Commands() {
		verbs = append(verbs, c.Name())
	}
	return usagef("there is no verb %q%s; gominer --help lists them", args[0], didYouMean(args[0], verbs))
}

func newHelp(p *process) *cobra.Command {
	return &cobra.Command{
		Use:   "help [VERB]",
		Short: "Show the help of a verb",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 || about == cmd {
				return runRoot(cmd.Root(), args)
			}
			p.writeHelp(about)
			return nil
		},
		ValidArgsFunction: func(cmd *cobra.Command, _ []string, _ string) (verbs []string, _ cobra.ShellCompDirective) {
			for _, c := range cmd.Root().Commands() {
				verbs = append(verbs, c.Name()+"\t"+c.Short)
			}
			return verbs, cobra.ShellCompDirectiveNoFileComp
		},
	}
}

// noArgs refuses arguments, and says what may have been meant.
func (p *process) noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	if url := cmd.Flags().Lookup("url"); url != nil {
		switch {
		case strings.HasPrefix(url.Value.String(), "[-"): // -o $URL -u NAME, and URL is empty
			hint = ": -o needs a value before the next flag"
		case strings.Contains(args[0], "://") || hostPort.MatchString(args[0]):
			hint = ", is -o missing before it?"
		}
	}
	if dash, _ := utf8.DecodeRuneInString(args[0]); unicode.Is(unicode.Pd, dash) && dash != '-' {
		hint = ": flags begin with a plain -, this dash is a longer one"
	}
	for _, a := range p.args { // -url is -u rl to us
		if name, _, _ := strings.Cut(strings.TrimPrefix(a, "-"), "="); len(a) > 3 && a[0] == '-' && cmd.Flags().Lookup(name) != nil {
			hint = fmt.Sprintf(": long flags take two dashes, --%s", name)
		}
	}
	return usagef("%s takes no argument %q%s", verbOf(cmd), args[0], hint)
}

// flagError turns what pflag says into a line for people.
func flagError(cmd *cobra.Command, err error) error {
	if errors.Is(err, pflag.ErrHelp) {
		return err
	}
	var unknown *pflag.NotExistError
	var bare *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		err = fmt.Errorf("there is no flag -%s", unknown.GetSpecifiedName())
		if cmd.Flags().Lookup(unknown.GetSpecifiedShortnames()) != nil { // -url, as Go's own flags are written
			err = fmt.Errorf("there is no flag -%s, did you mean --%[1]s?", unknown.GetSpecifiedShortnames())
		}
	case errors.As(err, &unknown):
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
		name := unknown.GetSpecifiedName()
		err = fmt.Errorf("there is no flag --%s%s", name, didYouMean(name, names))
	case errors.As(err, &bare):
		f := bare.GetFlag()
		what, _ := pflag.UnquoteUsage(f)
		err = fmt.Errorf("--%s needs a value: --%[1]s %s", f.Name, what)
	case errors.As(err, &invalid):
		err = badValue("--"+invalid.GetFlag().Name, invalid.GetFlag(), invalid.GetValue(), invalid.Unwrap())
	}
	if cmd.HasParent() {
		return usagef("%s: %w (gominer %[1]s --help)", verbOf(cmd), err)
	}
	return usagef("%w (gominer --help)", err)
}

// badValue says what is wrong with the value of a flag; where names the flag or
// the environment variable.
func badValue(where string, f *pflag.Flag, value string, cause error) error {
	want := cause.Error()
	switch f.Value.Type() {
	case "int", "uint64", "uint32":
		want = "want a whole number"
		if f.Value.Type() != "int" {
			want += " from 0 on"
		}
	case "float64":
		want = "want a number"
	case "bool":
		want = "want true or false"
	case "duration":
		want = "want a time like 90s, 10m or 2h"
	}
	return fmt.Errorf("%s %q: %s", where, shown(f, value), want)
}
