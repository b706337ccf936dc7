package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gominer/internal/node"
)

// configInitOptions are the flags of config init, besides those of mine.
type configInitOptions struct {
	mine  *mineOptions
	verb  *cobra.Command // mine, whose flags they are
	file  string
	force bool
}

func newConfigInit(p *process) *cobra.Command {
	o := &configInitOptions{mine: &mineOptions{}}
	o.verb = newMine(p, o.mine)
	cmd := &cobra.Command{
		Use:   "init [FILE] [flags of mine]",
		Short: "Write a configuration for mining",
		Long: `Asks what to mine on and how much of the machine to use, and writes a file that
explains all the rest. With flags, or where nobody can be asked, what gominer mine
would take from the command line goes into the file instead. Only the owner can
read it. An older file is not written over without --force.`,
		Example: `gominer config init
gominer config init ./gominer.toml -o pool.example.org:3333 -u ADDRESS.worker --throttle 50%`,
		RunE: func(_ *cobra.Command, args []string) error {
			if err := p.initConfig(o, args); err != nil {
				return verbError("config init", err)
			}
			return nil
		},
		ValidArgsFunction: completeConfig,
	}
	section(cmd, "Configuration", func(f *pflag.FlagSet) {
		f.StringVarP(&o.file, configFlag, "c", "", "write `FILE` (default: where gominer looks for it)")
		f.BoolVarP(&o.force, "force", "f", false, "write over an older file")
	})
	o.verb.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name != configFlag && f.Name != "help" {
			cmd.Flags().AddFlag(f)
		}
	})
	return cmd
}

func (p *process) initConfig(o *configInitOptions, args []string) error {
	path, err := p.initPath(o, args)
	if err != nil {
		return err
	}
	asking := p.typed && p.width() > 0 && !configured(o.verb)
	switch {
	case asking:
		if err := p.askConfig(o, path); err != nil {
			return err
		}
	case len(o.mine.sources.lists["url"].values) == 0:
		return usagef("what to mine on? -o URL -u USER, as for gominer mine; on a terminal, gominer config init asks")
	}
	if err := o.mine.check(); err != nil {
		return err
	}
	text, err := o.text()
	if err != nil {
		return err
	}
	if err := writeConfig(path, text, o.force); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "wrote %s; gominer mine reads it%s\n", escape(path), p.howToRead(path))
	return err
}

// initPath returns where the file goes, if it may.
func (p *process) initPath(o *configInitOptions, args []string) (string, error) {
	path := o.file
	switch places := p.configPlaces(); {
	case len(args) > 1 || len(args) == 1 && path != "":
		return "", usagef("one file, not %d", max(2, len(args)))
	case len(args) == 1:
		path = args[0]
	case path == "" && len(places) > 0:
		path = places[0]
	case path == "":
		return "", usagef("where to? gominer config init FILE")
	}
	if _, err := os.Lstat(path); err == nil && !o.force {
		return "", usagef("%s is there already: --force writes over it, gominer config show shows it", path)
	}
	return path, nil
}

// howToRead says what it takes to have the file read.
func (p *process) howToRead(path string) string {
	if p.findConfig() == path {
		return ""
	}
	return " with -c " + escape(path)
}

// writeConfig writes the file for its owner alone.
func writeConfig(path, text string, force bool) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force { // beside it first: whoever reads it finds the old one or the new one
		target := path
		path += ".new"
		_ = os.Remove(path) // what an earlier attempt left
		defer func() { _ = os.Remove(path) }()
		if err := writeConfig(path, text, false); err != nil {
			return err
		}
		return os.Rename(path, target)
	}
	f, err := os.OpenFile(path, flags, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return usagef("%s is there already: --force writes over it", path)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// questions are what is worth to be asked; everything else has good defaults.
// Of a node the address is asked for, of a pool the user and the password.
var questions = []struct {
	flag, ask, byDefault string
	needed               bool
}{
	{"url", "Pool or node: host:port, stratum+…://host:port, or http://user:pass@host:port of your own node", "", true},
	{"coinbase-address", "Address that the blocks you find pay to", "", true},
	{"user", "User that shares count for, mostly ADDRESS.worker", "", true},
	{"pass", "Password", "x", false},
	{"threads", "Processor threads to mine with", "0, one for each processor", false},
	{"throttle", "How much of the processor's time to use, such as 50%", "all of it", false},
}

// askConfig asks for the flags that matter, and again where an answer is wrong.
func (p *process) askConfig(o *configInitOptions, path string) error {
	fmt.Fprintf(p.stderr, "This writes %s. Enter takes what stands in brackets, Ctrl-C ends it.\n\n", escape(path))
	in := bufio.NewScanner(p.stdin)
	flags := o.verb.Flags()
	for _, q := range questions {
		f := flags.Lookup(q.flag)
		if node := isNode(strings.Join(o.mine.sources.lists["url"].values, " ")); has(f, annotationNode) && !node || has(f, annotationPool) && node {
			continue
		}
		for done := false; !done; {
			ask := q.ask
			if q.byDefault != "" {
				ask += " [" + q.byDefault + "]"
			}
			fmt.Fprint(p.stderr, strings.Join(wrap(ask, min(p.width(), helpWidth)-2), "\n"), ": ")
			if !in.Scan() {
				fmt.Fprintln(p.stderr)
				return errors.Join(errors.New("nothing was written"), in.Err())
			}
			done = p.takeAnswer(o, f, strings.TrimSpace(in.Text()), q.needed)
		}
	}
	return nil
}

// takeAnswer sets a flag to an answer, or says what is wrong with it.
func (p *process) takeAnswer(o *configInitOptions, f *pflag.Flag, answer string, needed bool) bool {
	if answer == "" {
		if needed {
			fmt.Fprintln(p.stderr, "  it can't do without")
		}
		return !needed
	}
	err := o.verb.Flags().Set(f.Name, answer)
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		err = badValue("--"+f.Name, f, answer, invalid.Unwrap())
	}
	list, isEach := f.Value.(*each)
	if err == nil && isEach {
		setOrigin(f, origin{fromFlag, f.Name}) // which errors name
		err = o.answersFit(f.Name)
	}
	if err == nil {
		return true
	}
	if isEach {
		list.values = nil
	}
	f.Changed = false
	fmt.Fprintf(p.stderr, "  %s\n", oneLine(err.Error()))
	return false
}

// answersFit checks what can be checked once the flag is answered.
func (o *configInitOptions) answersFit(flag string) error {
	list, err := o.mine.sources.upstreams()
	if err != nil {
		return err
	}
	u := list[0]
	checks := []func() error{u.checkPlaceholder, u.checkScheme}
	switch flag {
	case "url": // as it would be with what is asked later
		if u.isNode() {
			checks = append(checks, func() error { return checkNode(u.pool.URL) })
			break
		}
		u.pool.User = "anybody"
		checks = append(checks, u.checkOpens)
	case "user":
		checks = append(checks, u.checkSwapped)
	case "coinbase-address":
		checks = append(checks, u.checkOpens)
	}
	for _, check := range checks {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// checkNode finds what is wrong with a node's URL.
func checkNode(url string) error {
	_, err := node.New(node.Config{URL: url})
	return err
}

// text returns the file: what was given stands there, all else as a comment.
func (o *configInitOptions) text() (string, error) {
	pools, err := o.mine.sources.upstreams()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(`# The configuration of gominer. What stands behind a # is not in force: it shows
# the default. gominer config check says what is wrong with this file, gominer
# config show what is in force. Keys are the flags of gominer mine --help; other
# verbs have tables of their own: gominer config show pool --all.

[mine]
`)
	heading := ""
	o.verb.Flags().VisitAll(func(f *pflag.Flag) {
		if _, each := f.Value.(*each); each || f.Hidden || f.Name == configFlag || f.Name == "help" {
			return
		}
		if h := f.Annotations[annotationSection][0]; h != heading {
			heading = h
			fmt.Fprintf(&b, "\n# %s\n", strings.ToUpper(h))
		}
		writeKey(&b, f)
	})
	b.WriteString("\n# POOLS AND NODES, a table for each; the first that works is mined on\n")
	new(upstream).flags().VisitAll(func(f *pflag.Flag) { fmt.Fprintf(&b, "%s\n", comment(f)) })
	for _, u := range pools {
		fmt.Fprintf(&b, "\n[[mine.%s]]\n", poolsFlag)
		u.flags().VisitAll(func(f *pflag.Flag) {
			if s, ok := u.said[f.Name]; ok {
				fmt.Fprintf(&b, "%s = %s\n", f.Name, tomlOf(f, []string{s.value}))
			}
		})
	}
	return b.String(), nil
}

// writeKey writes a flag as a key: what it was given, or behind a # its default.
func writeKey(b *strings.Builder, f *pflag.Flag) {
	fmt.Fprintf(b, "\n%s\n", comment(f))
	_, list := f.Value.(pflag.SliceValue)
	switch {
	case f.Changed:
		fmt.Fprintf(b, "%s = %s\n", f.Name, tomlOf(f, values(f)))
	case list:
		fmt.Fprintf(b, "#%s = []\n", f.Name)
	default:
		fmt.Fprintf(b, "#%s = %s\n", f.Name, tomlOf(f, []string{f.DefValue}))
	}
}

// comment explains a key.
func comment(f *pflag.Flag) string {
	_, usage := pflag.UnquoteUsage(f)
	return "# " + strings.Join(wrap(f.Name+": "+usage, helpWidth-2), "\n# ")
}
