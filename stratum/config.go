package stratum

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/bits"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"gominer/hasher"
	"gominer/stratum/record"
	"gominer/stratum/transport"
	"gominer/stratum/v1"
)

// Config says which pool to mine on, and how. URL and User are required; the
// zero value of every other field is its default.
type Config struct {
	URL   string // "stratum+tcp://host:port", or with tls, ws, wss for tcp; a bare "host:port" is the first
	User  string // whom shares are submitted as; if empty, the one in URL
	Pass  string // if empty, the one in URL, else "x"
	Agent string // "name/version" that the pool is told; default "gominer"

	NoVersionRolling bool
	VersionMask      uint32 // header version bits asked for; default 1fffe000
	MinBits          int    // how many of them to ask for at least; default 2

	// SuggestDifficulty is a share difficulty to ask for, SuggestTarget the same
	// as a target; zero asks for none. MinimumDifficulty asks mining.configure for
	// a difficulty that never falls below it. Over Stratum V2 each of them is the
	// easiest target that a channel takes, max_target.
	SuggestDifficulty float64
	SuggestTarget     hasher.Target
	MinimumDifficulty float64

	// DifficultyNow applies mining.set_difficulty to the job in progress.
	// Otherwise it holds from the next job on; but a pool that refuses a share
	// because it enforces one at once is believed from then on.
	DifficultyNow bool

	// Info tells the pool about the miner (mining.configure); ConnectionURL is
	// filled in. The zero value tells nothing.
	Info v1.Info

	// Capabilities sends mining.capabilities too, a draft that few pools know.
	Capabilities bool

	// Workers are authorized besides User, on the same connection. Those that the
	// pool refuses are left out. Some pools know one worker a connection only.
	Workers []Worker
	Spread  Spread // of the shares over the workers

	// Rejects is how many shares in a row a pool may refuse before it is given up:
	// of right ones, for no reason that the miner can see, over 2 s at least.
	// 0: DefaultRejects; below 0: any number.
	Rejects int

	// AuditJobs asks for the transactions of jobs (mining.get_transactions), a
	// job every 20 s at most, and holds the merkle branch and the coinbase
	// against them. What differs is logged as a warning, and whom the coinbase
	// pays as an event "audit".
	AuditJobs bool

	NoResume  bool            // never ask for the session of a broken connection
	Reconnect ReconnectPolicy // which client.reconnect to follow

	V2 V2Config // for pools that speak Stratum V2

	Limits   v1.Limits // caps on what the pool may send
	Timeouts Timeouts

	// Advice returns what a user can do about an error of connecting, to be put
	// behind it; nil and "" are for nothing.
	Advice func(error) string

	TLS   transport.TLSConfig // whom to trust, for a URL with tls or wss
	Proxy string              // URL of a proxy to go through; see transport.Config

	// Dial makes the TCP connection, to the pool or to the proxy; network is "tcp",
	// addr host:port. The default resolves the host, races its addresses (RFC 8305)
	// and keeps the connection alive.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	Record *record.Writer // what is said is written down there; nil: nowhere
	Log    *slog.Logger   // nil discards
}

// ReconnectPolicy says which client.reconnect is followed. Whatever it says, the
// user stays the same, no wait is longer than a minute, and ten seconds pass
// between two.
type ReconnectPolicy int

// The policies.
const (
	ReconnectSameSite ReconnectPolicy = iota // to the same host or registrable domain
	ReconnectRefuse                          // to nowhere
	ReconnectAllow                           // to anywhere
)

// Timeouts are the times after which a session does something. A field that is
// zero stands for its default. With the defaults a pool that is gone is left
// within 4.5 s, if a share was found or it is one that answers mining.ping. Submit
// and Ask are never less than four times as long as the pool's slowest answers of
// late.
type Timeouts struct {
	Connect   time.Duration // for each address, unless Config.Dial is set; default 5 s
	Handshake time.Duration // from the connection to authorization, or to the channels, and from there to the first job; default 15 s
	Job       time.Duration // without a job after authorization: another line is sent (V1); default 500 ms
	Silent    time.Duration // without a line: the pool is asked for a sign of life; default 90 s
	Ping      time.Duration // the same for a pool that answers mining.ping; default 3 s
	Submit    time.Duration // without an answer to a share, nor to a later one: likewise (V1: V2 answers in batches); default 2 s
	Ask       time.Duration // after it was asked, without a line, or without the answer: it is dropped; default 1.5 s
	Grace     time.Duration // for the answers to the last shares; default 2 s
}

// DefaultTimeouts are the times of a zero Timeouts.
var DefaultTimeouts = Timeouts{
	Connect:   5 * time.Second,
	Handshake: 15 * time.Second,
	Job:       500 * time.Millisecond,
	Silent:    90 * time.Second,
	Ping:      3 * time.Second,
	Ask:       1500 * time.Millisecond,
	Submit:    2 * time.Second,
	Grace:     2 * time.Second,
}

// DefaultRejects is the default of Config.Rejects.
const DefaultRejects = 10

const (
	defaultAgent   = "gominer"
	defaultPass    = "x"
	defaultMask    = 0x1fffe000 // BIP320
	defaultMinBits = 2

	mostText = 1 << 10 // bytes of user, password and agent, each
)

// complete checks c, fills in the defaults and returns the pool's address.
func (c *Config) complete() (pool address, err error) {
	pool, user, pass, err := parseURL(c.URL)
	if err != nil {
		return pool, err
	}
	return pool, c.finish(user, pass)
}

// finish fills in the defaults, given what stands in the URL, and checks c.
func (c *Config) finish(user, pass string) error {
	if c.User == "" {
		c.User = user
	}
	if c.Pass == "" {
		c.Pass = pass
	}
	setDefault(&c.Pass, defaultPass)
	setDefault(&c.Agent, defaultAgent)
	setDefault(&c.VersionMask, defaultMask)
	setDefault(&c.MinBits, defaultMinBits)
	setDefault(&c.Rejects, DefaultRejects)
	t, d := &c.Timeouts, &DefaultTimeouts
	setDefault(&t.Connect, d.Connect)
	setDefault(&t.Handshake, d.Handshake)
	setDefault(&t.Job, d.Job)
	setDefault(&t.Silent, d.Silent)
	setDefault(&t.Ask, d.Ask)
	setDefault(&t.Ping, d.Ping)
	setDefault(&t.Submit, d.Submit)
	setDefault(&t.Grace, d.Grace)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c.check()
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (c *Config) check() error {
	t := &c.Timeouts
	switch {
	case c.User == "":
		return errors.New("no user for the pool: give the account, or the payout address, that shares count for")
	case c.MinBits < 0 || c.MinBits > bits.OnesCount32(c.VersionMask):
		return fmt.Errorf("version mask %08x cannot hold the %d bits that are the least to ask for", c.VersionMask, c.MinBits)
	case c.Reconnect < ReconnectSameSite || c.Reconnect > ReconnectAllow:
		return fmt.Errorf("unknown reconnect policy %d", c.Reconnect)
	case min(t.Connect, t.Handshake, t.Job, t.Silent, t.Ping, t.Ask, t.Submit, t.Grace) < 0:
		return errors.New("a time-out is below 0")
	}
	texts := []struct{ name, value string }{
		{"user", c.User}, {"password", c.Pass}, {"agent", c.Agent},
		{"info", c.Info.ConnectionURL}, {"info", c.Info.HWVersion}, {"info", c.Info.SWVersion}, {"info", c.Info.HWID},
	}
	for _, w := range c.Workers {
		texts = append(texts, struct{ name, value string }{"worker", w.User}, struct{ name, value string }{"password", w.Pass})
	}
	for _, f := range texts {
		if err := checkText(f.name, f.value); err != nil {
			return err
		}
	}
	for _, f := range []struct {
		name  string
		value float64
	}{{"difficulty to suggest", c.SuggestDifficulty}, {"minimum difficulty", c.MinimumDifficulty}} {
		if _, err := hasher.TargetFromDifficulty(f.value); err != nil && f.value != 0 {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return c.checkWorkers()
}

// checkText refuses what cannot stand in a line, or for a name.
func checkText(name, value string) error {
	switch {
	case len(value) > mostText:
		return fmt.Errorf("the %s has %d bytes: at most %d", name, len(value), mostText)
	case !utf8.ValidString(value):
		return fmt.Errorf("the %s is not UTF-8", name)
	case strings.ContainsFunc(value, unicode.IsControl):
		return fmt.Errorf("the %s has a control character in it", name)
	}
	return nil
}

// parseURL takes a pool's URL apart. Its errors repeat nothing that may be a
// password.
func parseURL(s string) (pool address, user, pass string, err error) {
	const example = "stratum+tcp://pool.example.org:3333"
	if s == "" {
		return pool, "", "", errors.New("no pool URL: want one like " + example)
	}
	scheme, rest, found := strings.Cut(s, "://")
	if !found {
		scheme, rest = schemeTCP, s
	}
	protocol, ok := parseScheme(scheme)
	if !ok {
		return pool, "", "", fmt.Errorf("pool URL: scheme %.20q is not spoken: only stratum+tcp, stratum+tls, stratum+ws and stratum+wss are", scheme)
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		name, secret, _ := strings.Cut(rest[:i], ":")
		rest = rest[i+1:]
		user, err = url.PathUnescape(name)
		if err == nil {
			pass, err = url.PathUnescape(secret)
		}
		if err != nil {
			return pool, "", "", errors.New("pool URL: what stands before the @ has a % that begins no escape: write %25")
		}
	}
	rest, _, _ = strings.Cut(rest, "#") // cgminer's #xnsub and the like; extranonce subscription needs no asking for
	rest, path := cutPath(rest)
	visible, _, _ := strings.Cut(path, "?") // a query may be a secret
	shown := v1.CleanText(rest+visible, 80)
	implied := impliedPorts[protocol]
	switch {
	case path != "" && implied == "":
		return pool, "", "", fmt.Errorf("pool URL: %q has a path: want nothing after host:port, as in %s", shown, example)
	case implied != "" && !strings.Contains(rest[strings.LastIndexByte(rest, ']')+1:], ":"):
		rest += ":" + implied
	}
	host, port, err := net.SplitHostPort(rest)
	var addrErr *net.AddrError
	switch {
	case errors.As(err, &addrErr) && addrErr.Err == "missing port in address" && !found:
		return pool, "", "", fmt.Errorf("%q is not the host:port of a pool: want one like %s; user names are given apart", shown, example)
	case errors.As(err, &addrErr) && addrErr.Err == "missing port in address":
		return pool, "", "", fmt.Errorf("pool URL: %q has no port: want host:port, as in %s", shown, example)
	case err != nil:
		return pool, "", "", fmt.Errorf("pool URL: %q is not host:port: want one like %s, with an IPv6 address in brackets", shown, example)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return pool, "", "", fmt.Errorf("pool URL: port %q is not a number from 1 to 65535", v1.CleanText(port, 20))
	}
	if !validHost(host) {
		return pool, "", "", fmt.Errorf("pool URL: %q is neither a host name nor an IP address", v1.CleanText(host, 80))
	}
	pool = address{host, uint16(n), protocol, path}
	if err := pool.endpoint().Validate(); err != nil {
		return pool, "", "", fmt.Errorf("pool URL: %w", err)
	}
	return pool, user, pass, nil
}
