package main

import (
	"log/slog"
	"net"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gominer/internal/units"
	"gominer/miner"
	"gominer/miner/solo"
	"gominer/stratum"
)

// sourceOptions say what to mine on.
type sourceOptions struct {
	urls     []string
	users    []string
	passes   []string
	passFile string
	userpass []string       // user:pass, one for each pool
	speed    float64        // of recordings; 0: as they were
	pool     stratum.Config // what all pools have in common
	node     solo.Config    // what all nodes have in common
}

func (o *sourceOptions) flags(cmd *cobra.Command) {
	section(cmd, "Pools and nodes", func(f *pflag.FlagSet) {
		f.StringArrayVarP(&o.urls, "url", "o", nil, "mine on `URL`; given again, the next one to fail over to")
		f.StringArrayVarP(&o.users, "user", "u", nil, "shares count for `USER`, mostly ADDRESS.worker: once for all pools, or once for each in order")
		f.StringArrayVarP(&o.passes, "pass", "p", nil, "the password is `PASS`, likewise (default x); other users of the machine can see it, --pass-file keeps it")
		f.StringVar(&o.passFile, "pass-file", "", "the password is the first line of `FILE`")
		f.StringArrayVarP(&o.userpass, "userpass", "O", nil, "`USER:PASS` in place of -u and -p: once for each pool, in order")
		f.StringVar(&o.node.Address, "coinbase-address", "", "blocks found on a node pay to `ADDRESS`")
		f.StringVar(&o.node.CookieFile, "cookie-file", "", "the node's credentials stand in `FILE` (Bitcoin Core's .cookie)")
		f.StringVar(&o.node.Tag, "coinbase-tag", "", "put `TEXT` into the coinbase of blocks found on a node")
		f.BoolVar(&o.pool.NoVersionRolling, "no-version-rolling", false, "leave the header's version as the pool or node gave it")
		f.Float64Var(&o.pool.SuggestDifficulty, "suggest-difficulty", 0, "ask the pool for the share difficulty `D`; it may not listen")
		valueVar(f, &o.speed, "replay-speed", "", "", "play a recording `X` times as fast as it was; max is all at once", parseSpeed)
	})
	for _, name := range []string{"pass", "userpass"} { // pools read settings from them: c=BTC,d=500
		annotate(cmd.Flags().Lookup(name), annotationCommas, "")
	}
	exclusive(cmd, "userpass", "user", "pass", "pass-file")
	exclusive(cmd, "pass-file", "pass")
}

// isNode reports whether url is a node's, not a pool's.
func isNode(url string) bool {
	scheme, _, found := strings.Cut(strings.ToLower(url), "://")
	return found && (scheme == "http" || scheme == "https")
}

// check finds what people get wrong, before anything is started.
func (o *sourceOptions) check() error {
	pools := 0
	for _, url := range o.urls {
		if !isNode(url) {
			pools++
		}
	}
	switch {
	case len(o.urls) == 0:
		return usagef("on which pool? -o stratum+tcp://host:port -u USER (gominer demo needs none)")
	case pools < len(o.urls) && o.node.Address == "":
		i := slices.IndexFunc(o.urls, isNode)
		return usagef("%s is a node, and its blocks must pay to somebody: add --coinbase-address ADDRESS (a pool's URL begins with stratum+tcp://)",
			redact(o.urls[i]))
	case o.speed != 0 && !slices.ContainsFunc(o.urls, isReplay):
		return usagef("--replay-speed is for recordings: -o replay:FILE")
	case pools == len(o.urls) && o.node.Address != "":
		return usagef("--coinbase-address is for nodes (http://…): a pool pays to whom -u names")
	case pools == len(o.urls) && o.node.CookieFile != "":
		return usagef("--cookie-file is for nodes (http://…): a pool wants -u and -p")
	}
	if err := o.checkSwapped(); err != nil {
		return err
	}
	if err := o.checkSchemes(); err != nil {
		return err
	}
	return o.checkUsers(pools)
}

// hostPort is what a pool's address looks like, and no worker's name does.
var hostPort = regexp.MustCompile(`^(?:[a-zA-Z0-9.-]+\.[a-zA-Z0-9-]+|localhost):[0-9]{1,5}$`)

// checkSwapped finds a user where the URL belongs, and the reverse.
func (o *sourceOptions) checkSwapped() error {
	for _, user := range o.users {
		if !strings.Contains(user, "://") && !hostPort.MatchString(user) {
			continue
		}
		for _, url := range o.urls {
			if !strings.Contains(url, ":") {
				return usagef("--user %q looks like a URL and --url %q like a user: swap them", redact(user), redact(url))
			}
		}
		return usagef("--user %q looks like a URL: the user is the account or address that shares count for", redact(user))
	}
	return nil
}

// schemes are those that mine knows.
var schemes = []string{"stratum+tcp", "http", "https"}

func (o *sourceOptions) checkSchemes() error {
	for _, url := range o.urls {
		scheme, rest, found := strings.Cut(url, "://")
		if !found || isReplay(url) || slices.Contains(schemes, strings.ToLower(scheme)) {
			continue
		}
		if _, _, err := net.SplitHostPort(rest); err == nil && strings.EqualFold(scheme, "tcp") {
			return usagef("--url %q: write stratum+tcp://%s", redact(url), redact(rest))
		}
		hint := didYouMean(scheme, schemes)
		if what := notYet(scheme); what != "" { // not to be taken for a slip: what is asked for is an encrypted connection
			hint = ": " + what + " is not there yet"
		}
		return usagef("--url %q: the scheme %q is not known%s; known are %s",
			redact(url), scheme, hint, strings.Join(schemes, ", "))
	}
	return nil
}

// notYet says what a scheme stands for that other miners know, "" for none.
func notYet(scheme string) string {
	switch strings.ToLower(scheme) {
	case "stratum+tls", "stratum+ssl", "stratum+tcps", "stratums", "tls", "ssl":
		return "Stratum over TLS"
	case "stratum+ws", "stratum+wss", "ws", "wss":
		return "Stratum over WebSocket"
	case "stratum2+tcp", "stratum2":
		return "Stratum V2"
	}
	return ""
}

// checkUsers holds the numbers of users and passwords against that of pools.
func (o *sourceOptions) checkUsers(pools int) error {
	if o.passFile != "" {
		secret, err := firstLine(o.passFile)
		if err != nil {
			return usagef("--pass-file: %w", err)
		}
		o.passes = []string{secret}
	}
	if pools == 0 && len(o.users)+len(o.passes)+len(o.userpass) > 0 {
		return usagef("-u, -p and -O are for pools: a node's credentials stand in its URL or in --cookie-file")
	}
	if n := len(o.userpass); n > 0 {
		if n != pools {
			return usagef("%s of -O for %s: give one for each, in order", units.Plural(uint64(n), "set"), units.Plural(uint64(pools), "pool"))
		}
		o.users, o.passes = nil, nil
		for _, up := range o.userpass {
			user, pass, _ := strings.Cut(up, ":")
			o.users, o.passes = append(o.users, user), append(o.passes, pass)
		}
	}
	for _, f := range []struct {
		flag   string
		values []string
	}{{"-u", o.users}, {"-p", o.passes}} {
		if n := len(f.values); n > 1 && n != pools {
			return usagef("%s %d times for %s: give it once for all, or once for each in order", f.flag, n, units.Plural(uint64(pools), "pool"))
		}
	}
	for _, url := range o.urls {
		if !isNode(url) && !isReplay(url) && len(o.users) == 0 && !strings.Contains(url, "@") {
			return usagef("for whom should %s count the shares? Add -u USER, mostly ADDRESS.worker", redact(url))
		}
	}
	return nil
}

// open returns the sources in order of preference as one.
func (o *sourceOptions) open(log *slog.Logger) (miner.Source, error) {
	var sources []miner.Source
	pool := 0
	for _, url := range o.urls {
		var s miner.Source
		var err error
		if isNode(url) {
			cfg := o.node
			cfg.URL, cfg.Log, cfg.FixedVersion = url, log, o.pool.NoVersionRolling
			if s, err = solo.New(cfg); err != nil {
				return nil, usagef("%w", err)
			}
		} else {
			cfg := o.pool
			cfg.URL, cfg.Log, cfg.Agent = url, log, agent()
			cfg.User, cfg.Pass = nth(o.users, pool), nth(o.passes, pool)
			if isReplay(url) {
				s, err = openRecorded(url, cfg, o.speed)
			} else {
				s, err = stratum.New(cfg)
			}
			if err != nil {
				return nil, usagef("--url %q: %w", redact(url), err)
			}
			pool++
		}
		sources = append(sources, s)
	}
	return miner.Failover(sources...), nil
}

// nth returns the value for the i-th pool: its own, or the only one for all.
func nth(values []string, i int) string {
	switch {
	case len(values) == 1:
		return values[0]
	case i < len(values):
		return values[i]
	}
	return ""
}
