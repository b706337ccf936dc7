package main

import (
	"errors"
	"fmt"
	"log/slog"
	"math/bits"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"gominer/internal/configfile"
	"gominer/internal/units"
	"gominer/miner"
	"gominer/miner/solo"
	"gominer/stratum"
	"gominer/stratum/noise"
)

// upstream is one pool or node and all that is said of it. What the packages have
// a Config for is bound right into it.
type upstream struct {
	pool     stratum.Config
	node     solo.Config // its URL is the pool's
	passFile string
	userpass string
	v1       v1Options

	transport transportOptions

	speed  float64 // of a recording; 0: as it was
	weight float64 // in a quota

	source miner.Source // what was opened; nil: nothing yet

	where string          // how errors call it: `--url "host:port"`, "FILE:12"
	said  map[string]said // by flag
}

// said is a value of one upstream's flag.
type said struct {
	value string
	from  origin
}

const (
	annotationPool   = "pool"   // the flag is for pools alone
	annotationNode   = "node"   // for nodes alone
	annotationReplay = "replay" // for recordings alone
	annotationV1     = "v1"     // for pools that speak Stratum V1 alone
	annotationV2     = "v2"     // V2 alone
)

// flags returns the flags of one upstream. They are also the keys of its table in
// a configuration file.
func (u *upstream) flags() *pflag.FlagSet {
	f := pflag.NewFlagSet("pools", pflag.ContinueOnError)
	f.SortFlags = false
	f.StringVarP(&u.pool.URL, "url", "o", "", "mine on `URL`; given again, the next one to fail over to")
	f.StringVarP(&u.pool.User, "user", "u", "", "shares count for `USER`, mostly ADDRESS.worker: once for all pools, or once for each in order")
	f.StringVarP(&u.pool.Pass, "pass", "p", "", "the password is `PASS`, likewise (default x); other users of the machine can see it, --pass-file keeps it")
	f.StringVar(&u.passFile, "pass-file", "", "the password is the first line of `FILE`")
	f.StringVarP(&u.userpass, "userpass", "O", "", "`USER:PASS` in place of -u and -p: once for each pool, in order")
	f.StringVar(&u.node.Address, "coinbase-address", "", "blocks found on a node pay to `ADDRESS`")
	f.StringVar(&u.node.CookieFile, "cookie-file", "", "the node's credentials stand in `FILE` (Bitcoin Core's .cookie)")
	f.StringVar(&u.node.Tag, "coinbase-tag", "", "put `TEXT` into the coinbase of blocks found on a node")
	valueVar(f, &u.speed, "replay-speed", "", "", "play a recording `X` times as fast as it was; max is all at once", parseSpeed)
	f.Float64Var(&u.weight, "weight", 1, "quota: the part of the hash rate, as a number `N` beside those of the others")
	f.BoolVar(&u.pool.NoVersionRolling, "no-version-rolling", false, "leave the header's version as the pool or node gave it")
	u.stratumFlags(f)
	u.transportFlags(f)
	for annotation, names := range map[string][]string{
		annotationPool:   slices.Concat([]string{"user", "pass", "pass-file", "userpass"}, stratumFlags, proxyFlags),
		annotationV1:     v1Flags,
		annotationTLS:    tlsFlags,
		annotationV2:     v2Flags,
		annotationNode:   {"coinbase-address", "cookie-file", "coinbase-tag"},
		annotationReplay: {"replay-speed"},
		annotationSecret: {"pass", "userpass"},
		annotationCommas: {"pass", "userpass", "workers"}, // pools read settings from the first two: c=BTC,d=500
		annotationSpaces: {"pass-file", "cookie-file", "coinbase-tag", "workers", "workers-file", "hardware-id", "tls-ca", "tls-cert", "tls-key", "proxy-file"},
		annotationFile:   {"pass-file", "cookie-file", "workers-file", "tls-ca", "tls-cert", "tls-key", "proxy-file"},
	} {
		for _, name := range names {
			annotate(f.Lookup(name), annotation)
		}
	}
	exclusive(f, "userpass", "user", "pass", "pass-file")
	exclusive(f, "pass-file", "pass")
	exclusive(f, "workers-file", "workers")
	return f
}

// stratumFlags are those about how a pool is spoken to; v2Flags, over Stratum V2,
// v1Flags, over V1.
var (
	stratumFlags = []string{"suggest-difficulty", "suggest-target", "minimum-difficulty", "difficulty-now", "version-mask", "no-resume",
		"reconnect", "max-rejects", "connect-timeout", "silent-timeout", "handshake-timeout", "answer-timeout"}
	v2Flags = []string{"v2-channel", "v2-per-device", "v2-worker-names", "v2-insecure"}
)

var (
	reconnectPolicies = choices[stratum.ReconnectPolicy]{
		{"same-site", stratum.ReconnectSameSite}, {"refuse", stratum.ReconnectRefuse}, {"allow", stratum.ReconnectAllow},
	}
	v2Channels = choices[stratum.V2Channel]{
		{"auto", stratum.V2Auto}, {"standard", stratum.V2Standard}, {"extended", stratum.V2Extended},
	}
)

// stratumFlags defines how a pool is spoken to.
func (u *upstream) stratumFlags(f *pflag.FlagSet) {
	c, t, v2 := &u.pool, &u.pool.Timeouts, &u.pool.V2
	f.Float64Var(&c.SuggestDifficulty, "suggest-difficulty", 0, "ask the pool for the share difficulty `D`; it may not listen")
	f.BoolVar(&c.DifficultyNow, "difficulty-now", false, "a new difficulty holds for the job in progress, not from the next on: for pools that reject what is below it at once")
	valueVar(f, &c.VersionMask, "version-mask", "", "1fffe000", "ask for leave to roll the version bits of `HEX`", parseMask)
	f.BoolVar(&c.NoResume, "no-resume", false, "never ask for the session of a broken connection")
	valueVar(f, &c.Reconnect, "reconnect", "", "same-site", "when the pool sends its miners elsewhere, follow by `POLICY`: "+reconnectPolicies.list(), reconnectPolicies.parse)
	f.DurationVar(&t.Connect, "connect-timeout", stratum.DefaultTimeouts.Connect, "give up on an address that has not answered after `TIME`")
	f.DurationVar(&t.Silent, "silent-timeout", stratum.DefaultTimeouts.Silent, "ask a pool that has said nothing for `TIME` for a sign of life, and leave it if none comes")
	f.DurationVar(&t.Submit, "submit-timeout", stratum.DefaultTimeouts.Submit, "likewise a pool that has not answered a share, nor a later one, after `TIME`; a slow one has four times its slowest answer")
	u.v1Flags(f)
	valueVar(f, &v2.Channel, "v2-channel", "", "auto", "Stratum V2: open channels of `KIND` "+v2Channels.list(), v2Channels.parse)
	f.BoolVar(&v2.PerDevice, "v2-per-device", false, "Stratum V2: open a channel for each device")
	f.BoolVar(&v2.WorkerNames, "v2-worker-names", false, "Stratum V2: send the worker's name with every share, to pools that understand it")
	f.BoolVar(&v2.Insecure, "v2-insecure", false, "Stratum V2: take whoever answers where the pool's URL has no key: who is on the way can mine in your name; a pool on this machine (127.0.0.1, ::1, localhost), and not by a proxy, needs neither")
	for _, name := range slices.Concat(stratumFlags, v1Flags, v2Flags) {
		annotate(f.Lookup(name), annotationSection, "How to speak to a pool")
	}
}

func (u *upstream) isNode() bool { return isNode(u.pool.URL) }

// suits reports whether a flag is for what u is.
func (u *upstream) suits(f *pflag.Flag) bool {
	switch {
	case has(f, annotationNode):
		return u.isNode()
	case has(f, annotationPool):
		return !u.isNode()
	case has(f, annotationReplay):
		return isReplay(u.pool.URL)
	case has(f, annotationV1):
		return !u.isNode() && !stratum.IsV2(u.pool.URL)
	case has(f, annotationV2):
		return stratum.IsV2(u.pool.URL)
	case has(f, annotationTLS):
		return stratum.IsTLS(u.pool.URL)
	}
	return true
}

// say adds a value. What was said before from a higher layer, of the flag or of
// one that it can't stand beside, stays; what is from a lower one goes.
func (u *upstream) say(f *pflag.Flag, s said) {
	rivals := append([]string{f.Name}, f.Annotations[annotationExclude]...)
	for _, name := range rivals {
		if before, ok := u.said[name]; ok && before.from.layer < s.from.layer {
			return
		}
	}
	for _, name := range rivals {
		if before, ok := u.said[name]; ok && before.from.layer > s.from.layer {
			delete(u.said, name)
		}
	}
	u.said[f.Name] = s
}

// settle sets the flags to what was said.
func (u *upstream) settle() error {
	flags := u.flags()
	var err error
	flags.VisitAll(func(f *pflag.Flag) {
		s, ok := u.said[f.Name]
		if !ok || err != nil {
			return
		}
		setOrigin(f, s.from)
		err = flags.Set(f.Name, s.value) // which each has seen to be right
	})
	if err == nil {
		err = clash(flags)
	}
	if err != nil {
		return err
	}
	for name, d := range map[string]time.Duration{
		"connect-timeout": u.pool.Timeouts.Connect, "silent-timeout": u.pool.Timeouts.Silent, "submit-timeout": u.pool.Timeouts.Submit,
	} {
		if d <= 0 {
			return usagef("%s %v: want a time above 0", u.said[name].from.named(name), d)
		}
	}
	for _, settle := range []func() error{u.settleV1, u.settleTransport} {
		if err := settle(); err != nil {
			return err
		}
	}
	if _, ok := u.said["version-mask"]; ok {
		u.pool.NoVersionRolling = u.pool.NoVersionRolling || u.pool.VersionMask == 0
		u.pool.MinBits = max(1, min(2, bits.OnesCount32(u.pool.VersionMask)))
	}
	if u.userpass != "" {
		u.pool.User, u.pool.Pass, _ = strings.Cut(u.userpass, ":")
	}
	if u.passFile != "" {
		u.pool.Pass, err = firstLine(u.passFile)
		if err != nil {
			return usagef("%s: %w", u.said["pass-file"].from.named("pass-file"), err)
		}
	}
	return nil
}

// open returns the source.
func (u *upstream) open(log *slog.Logger) (miner.Source, error) {
	if u.isNode() {
		cfg := u.node
		cfg.URL, cfg.Log, cfg.FixedVersion = u.pool.URL, log, u.pool.NoVersionRolling
		s, err := solo.New(cfg)
		if err != nil {
			return nil, usagef("%w", err)
		}
		return s, nil
	}
	cfg := u.pool
	cfg.Log, cfg.Agent, cfg.Advice = log, agent(), u.advice
	var s miner.Source
	var err error
	if isReplay(cfg.URL) {
		s, err = openRecorded(cfg.URL, cfg, u.speed)
	} else {
		s, err = stratum.NewSource(cfg)
	}
	if errors.Is(err, noise.ErrNoAuthority) {
		return nil, usagef("%s: Stratum V2 wants to know the pool by its authority key: stratum2+tcp://host:port/KEY, or --v2-insecure to take whoever answers (a pool on this machine needs neither)", u.where)
	}
	if err != nil {
		return nil, usagef("%s: %w", u.where, err)
	}
	return s, nil
}

// each is a flag that is given once for all pools and nodes that it is for, or
// once for each of them in order.
type each struct {
	one    pflag.Value // the same flag of a single upstream, which can read a value
	values []string
}

func (e *each) String() string {
	if e.values == nil {
		return e.one.String()
	}
	return "[" + strings.Join(e.values, ",") + "]"
}

func (e *each) Type() string { return e.one.Type() }

func (e *each) Set(s string) error {
	if err := e.one.Set(s); err != nil {
		return err
	}
	e.values = append(e.values, s)
	return nil
}

func (e *each) GetSlice() []string { return e.values }

func (e *each) Append(s string) error { return e.Set(s) }

func (e *each) Replace(values []string) error {
	e.values = nil
	for _, v := range values {
		if err := e.Set(v); err != nil {
			return err
		}
	}
	return nil
}

// poolTables are the upstreams as a configuration file has them.
type poolTables struct{ tables []map[string]said }

// poolsFlag is the name of their key.
const poolsFlag = "pools"

func (t *poolTables) String() string { return "" }
func (t *poolTables) Type() string   { return "tables" }
func (t *poolTables) Set(string) error {
	return fmt.Errorf("a file alone can have it; here it is --url")
}

func (t *poolTables) setTables(p *process, c *config, k *configfile.Key) (mistakes []*mistake) {
	if k.Value.Kind != configfile.List {
		return []*mistake{c.mistake(k.Line, "%s: want a table for each pool, [[mine.%s]], or [[%[1]s]] at the top", poolsFlag, poolsFlag)}
	}
	for _, item := range k.Value.Items {
		if item.Kind != configfile.Table {
			return []*mistake{c.mistake(item.Line, "%s: want a table for each pool, such as {url = \"host:port\", user = \"ADDRESS\"}", poolsFlag)}
		}
		table, wrong := readPoolTable(p, c, item)
		mistakes = append(mistakes, wrong...)
		t.tables = append(t.tables, table)
	}
	return mistakes
}

// readPoolTable reads the table of one upstream.
func readPoolTable(p *process, c *config, table *configfile.Value) (values map[string]said, mistakes []*mistake) {
	flags := new(upstream).flags()
	values = make(map[string]said)
	for _, k := range table.Keys {
		f := flags.Lookup(k.Name)
		if f == nil {
			mistakes = append(mistakes, c.mistake(k.Line, "a pool has no key %q%s", k.Name, didYouMean(k.Name, names(flags))))
			continue
		}
		if k.Value.Kind == configfile.List {
			mistakes = append(mistakes, c.mistake(k.Line, "%s: want one value, not a list", k.Name))
			continue
		}
		if wrong := p.applyKey(c, flags, f, k); wrong != nil {
			mistakes = append(mistakes, wrong...)
			continue
		}
		values[k.Name] = said{f.Value.String(), c.origin(fromTable, k.Line)}
	}
	if _, ok := values["url"]; !ok && len(mistakes) == 0 {
		mistakes = append(mistakes, c.mistake(table.Line, "this pool has no url"))
	}
	return values, mistakes
}

// names returns the names of all flags of a set.
func names(flags *pflag.FlagSet) (all []string) {
	flags.VisitAll(func(f *pflag.Flag) { all = append(all, f.Name) })
	return all
}

// upstreams works out what is said of each pool and node, in order of preference.
func (o *sourceOptions) upstreams() ([]*upstream, error) {
	var list []*upstream
	urls := o.lists["url"].values
	for _, url := range urls {
		u := &upstream{where: fmt.Sprintf("--url %q", redact(url)), said: make(map[string]said)}
		u.pool.URL = url
		u.said["url"] = said{url, originOf(o.given.Lookup("url"))}
		list = append(list, u)
	}
	if len(urls) == 0 {
		for _, table := range o.tables.tables {
			u := &upstream{where: table["url"].from.where, said: table}
			u.pool.URL = table["url"].value
			list = append(list, u)
		}
	}
	err := o.spread(list)
	for _, u := range list {
		if err == nil {
			err = u.settle()
		}
	}
	return list, err
}

// spread tells every upstream what the flags say of it.
func (o *sourceOptions) spread(list []*upstream) (err error) {
	new(upstream).flags().VisitAll(func(f *pflag.Flag) {
		values := o.lists[f.Name].values
		if f.Name == "url" || len(values) == 0 || err != nil {
			return
		}
		var suited []*upstream
		for _, u := range list {
			if u.suits(f) {
				suited = append(suited, u)
			}
		}
		from := originOf(o.given.Lookup(f.Name))
		if err = o.countEach(f, len(values), list, suited, from); err != nil {
			return
		}
		for i, u := range suited {
			u.say(f, said{values[min(i, len(values)-1)], from})
		}
	})
	return err
}

// countEach holds the number of a flag's values against that of the upstreams
// that it is for.
func (o *sourceOptions) countEach(f *pflag.Flag, n int, list, suited []*upstream, from origin) error {
	what := "source"
	switch {
	case has(f, annotationNode):
		what = "node"
	case has(f, annotationPool):
		what = "pool"
	case has(f, annotationV1):
		what = "Stratum V1 pool"
	case has(f, annotationV2):
		what = "Stratum V2 pool"
	case has(f, annotationTLS):
		what = "pool over TLS"
	case has(f, annotationReplay):
		what = "recording"
	}
	asked := from.layer <= list[0].said["url"].from.layer // and not a default for whatever there is
	switch {
	case len(suited) == 0 && !asked:
		return nil
	case len(suited) == 0:
		return notFor(f, from)
	case f.Name == "userpass" && n != len(suited):
		return usagef("%s of -O for %s: give one for each, in order", units.Plural(uint64(n), "set"), units.Plural(uint64(len(suited)), what))
	case n > 1 && n != len(suited):
		return usagef("%s %d times for %s: give it once for all, or once for each in order",
			shortOr(from.named(f.Name), f), n, units.Plural(uint64(len(suited)), what))
	}
	return nil
}

// shortOr returns a flag of the command line in its short form.
func shortOr(named string, f *pflag.Flag) string {
	if strings.HasPrefix(named, "--") && f.Shorthand != "" {
		return "-" + f.Shorthand
	}
	return named
}

// notFor refuses what has nothing that it is for.
func notFor(f *pflag.Flag, from origin) error {
	name := from.named(f.Name)
	switch {
	case f.Name == "coinbase-address":
		return usagef("%s is for nodes (http://…): a pool pays to whom -u names", name)
	case f.Name == "cookie-file":
		return usagef("%s is for nodes (http://…): a pool wants -u and -p", name)
	case has(f, annotationNode):
		return usagef("%s is for nodes (http://…), and there is none", name)
	case has(f, annotationV1):
		return usagef("%s is for pools that speak Stratum V1: stratum+tcp://host:port", name)
	case has(f, annotationV2):
		return usagef("%s is for pools that speak Stratum V2: stratum2+tcp://host:port/KEY", name)
	case has(f, annotationTLS):
		return usagef("%s is for pools that are reached over TLS: stratum+tls://host:port or stratum+wss://host:port", name)
	case has(f, annotationReplay):
		return usagef("%s is for recordings: -o replay:FILE", name)
	case slices.Contains([]string{"user", "pass", "pass-file", "userpass"}, f.Name):
		return usagef("%s is for pools, whose URL begins with stratum+tcp://; http:// is a node, and its credentials stand in its URL or in --cookie-file", shortOr(name, f))
	}
	return usagef("%s is for pools, and there is none", name)
}
