package main

import (
	"errors"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gominer/miner"
	"gominer/stratum"
	"gominer/stratum/record"
)

// sourceOptions say what to mine on.
type sourceOptions struct {
	given  *pflag.FlagSet   // the verb's flags
	lists  map[string]*each // of them, what is said of all upstreams or of each in order
	tables poolTables       // of the configuration file, where no URL is given
	list   []*upstream      // what comes of them, by check

	strategy strategy
	turn     time.Duration // of a round robin
}

func (o *sourceOptions) flags(cmd *cobra.Command) {
	o.given, o.lists = cmd.Flags(), make(map[string]*each)
	section(cmd, "Pools and nodes", func(f *pflag.FlagSet) {
		new(upstream).flags().VisitAll(func(one *pflag.Flag) {
			list := *one
			o.lists[one.Name] = &each{one: one.Value}
			list.Value = o.lists[one.Name]
			f.AddFlag(&list)
		})
		f.Var(&o.tables, poolsFlag, "a table for each pool or node, in a configuration `FILE`")
		f.Lookup(poolsFlag).Hidden = true
		annotate(f.Lookup(poolsFlag), annotationTables)
		exclusive(f, poolsFlag, "url")
		o.strategyFlags(f)
	})
}

// isNode reports whether url is a node's, not a pool's.
func isNode(url string) bool {
	scheme, _, found := strings.Cut(strings.ToLower(url), "://")
	return found && (scheme == "http" || scheme == "https")
}

// errNoSource is what check says if there is nothing to mine on.
var errNoSource = errors.New("on which pool? -o stratum+tcp://host:port -u USER (gominer demo needs none)")

// check finds what people get wrong, before anything is started.
func (o *sourceOptions) check() (err error) {
	if len(o.lists["url"].values) == 0 && len(o.tables.tables) == 0 {
		return usagef("%w", errNoSource)
	}
	if o.list, err = o.upstreams(); err != nil {
		return err
	}
	for _, u := range o.list {
		if err := u.check(); err != nil {
			return err
		}
	}
	return o.checkStrategy()
}

// hostPort is what a pool's address looks like, and no worker's name does.
var hostPort = regexp.MustCompile(`^(?:[a-zA-Z0-9.-]+\.[a-zA-Z0-9-]+|localhost):[0-9]{1,5}$`)

// checkSwapped finds a user where the URL belongs, and the reverse.
func (u *upstream) checkSwapped() error {
	user := u.said["user"]
	if !strings.Contains(user.value, "://") && !hostPort.MatchString(user.value) {
		return nil
	}
	what := user.from.named("user")
	if !strings.Contains(u.pool.URL, ":") {
		return usagef("%s %q looks like a URL and %s %q like a user: swap them",
			what, redact(user.value), u.said["url"].from.named("url"), redact(u.pool.URL))
	}
	return usagef("%s %q looks like a URL: the user is the account or address that shares count for", what, redact(user.value))
}

// check finds what is wrong with one upstream.
func (u *upstream) check() error {
	for _, check := range []func() error{u.checkPlaceholder, u.checkSwapped, u.checkScheme} {
		if err := check(); err != nil {
			return err
		}
	}
	for name, s := range u.said {
		if f := new(upstream).flags().Lookup(name); s.from.layer == fromTable && !u.suits(f) {
			return notFor(f, s.from)
		}
	}
	url := redact(u.pool.URL)
	switch {
	case u.isNode() && u.node.Address == "":
		return usagef("%s is a node, and its blocks must pay to somebody: add --coinbase-address ADDRESS (a pool's URL begins with stratum+tcp://)", url)
	case !u.isNode() && !isReplay(u.pool.URL) && u.pool.User == "" && !strings.Contains(u.pool.URL, "@"):
		return usagef("for whom should %s count the shares? Add -u USER, mostly ADDRESS.worker", url)
	}
	return u.checkOpens()
}

// checkOpens finds what the packages find wrong; it connects to nothing.
func (u *upstream) checkOpens() error {
	_, err := u.open(slog.New(slog.DiscardHandler))
	return err
}

// schemes are those that mine knows.
var schemes = []string{"stratum+tcp", "stratum+tls", "stratum+ssl", "stratum+tcps", "stratums", "stratum+ws", "stratum+wss", "stratum2+tcp", "http", "https"}

// namedSchemes are those of them that errors name: the others are other words for
// stratum+tls.
var namedSchemes = []string{"stratum+tcp", "stratum+tls", "stratum+ws", "stratum+wss", "stratum2+tcp", "http", "https"}

// sameScheme has what other miners, and people, call our schemes.
var sameScheme = map[string]string{
	"tcp": "stratum+tcp", "stratum": "stratum+tcp", "stratum1+tcp": "stratum+tcp", "stratum1": "stratum+tcp",
	"tls": "stratum+tls", "ssl": "stratum+tls", "tcps": "stratum+tls", "stratum1+tls": "stratum+tls", "stratum1+ssl": "stratum+tls",
	"ws": "stratum+ws", "wss": "stratum+wss", "stratum1+ws": "stratum+ws", "stratum1+wss": "stratum+wss",
	"stratum2": "stratum2+tcp", "stratum+sv2": "stratum2+tcp", "sv2": "stratum2+tcp", "stratum+v2": "stratum2+tcp", "stratum2+noise": "stratum2+tcp",
}

func (u *upstream) checkScheme() error {
	scheme, rest, found := strings.Cut(u.pool.URL, "://")
	scheme = strings.ToLower(scheme)
	if !found || isReplay(u.pool.URL) || slices.Contains(schemes, scheme) {
		return nil
	}
	if ours, ok := sameScheme[scheme]; ok {
		key := ""
		if ours == "stratum2+tcp" && !strings.Contains(rest, "/") {
			key = "/KEY, with the pool's authority key at the end"
		}
		return usagef("%s: write %s%s", u.where, redact(ours+"://"+rest), key)
	}
	return usagef("%s: the scheme %q is not known%s; known are %s", u.where, scheme, didYouMean(scheme, schemes), strings.Join(namedSchemes, ", "))
}

// open returns the sources in order of preference as one; rate returns what the
// devices should come to, in H/s.
func (o *sourceOptions) open(log *slog.Logger, recording *record.Writer, rate func() float64) (miner.Source, error) {
	var sources []miner.Source
	for _, u := range o.list {
		if u.source != nil {
			sources = append(sources, u.source)
			continue
		}
		u.pool.Record = recording
		if stratum.IsV2(u.pool.URL) && u.pool.V2.Hashrate == 0 {
			u.pool.V2.Hashrate = rate()
		}
		if doubt := doubts(u.pool.User); doubt != "" && !u.isNode() {
			log.Warn(doubt, "user", u.pool.User)
		}
		s, err := u.open(log)
		if err != nil {
			return nil, err
		}
		u.source = s
		sources = append(sources, s)
	}
	return o.join(sources), nil
}
