package stratum

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strings"

	"gominer/miner"
	"gominer/stratum/noise"
	"gominer/stratum/v1"
)

// V2Config says how to mine on a pool that speaks Stratum V2. The zero value is
// its default.
type V2Config struct {
	Channel V2Channel

	// PerDevice opens a channel for each device, over one connection, in place of
	// one for all.
	PerDevice bool

	// Insecure connects to a pool whose URL has no authority key. Without it only
	// a loopback address may lack one.
	Insecure bool

	// WorkerNames asks the pool to tell workers apart within an extended channel
	// (extension 0x0002), and sends the user's part behind the first dot with
	// every share.
	WorkerNames bool

	// Hashrate is what the devices are expected to make together, in H/s; default
	// 10 MH/s. It is what the pool is told until it has been measured.
	Hashrate float64
}

// V2Channel is a kind of channel.
type V2Channel int

// The kinds.
const (
	V2Auto     V2Channel = iota // extended, or standard if the pool refuses that
	V2Standard                  // the pool fixes the merkle root: little to receive, nothing to roll but version and time
	V2Extended                  // the miner rolls the extranonce
)

// String returns the word for c.
func (c V2Channel) String() string {
	switch c {
	case V2Standard:
		return "standard"
	case V2Extended:
		return "extended"
	}
	return "auto"
}

// schemeV2 is Stratum V2 over TCP, always encrypted.
const schemeV2 = "stratum2+tcp"

// IsV2 reports whether a pool's URL asks for Stratum V2.
func IsV2(url string) bool {
	scheme, _, found := strings.Cut(url, "://")
	return found && strings.EqualFold(scheme, schemeV2)
}

// NewSource returns the pool of cfg.URL as a source, a *Source or a *V2Source.
func NewSource(cfg Config) (miner.Source, error) {
	if IsV2(cfg.URL) {
		return NewV2(cfg)
	}
	return New(cfg)
}

// v2Pool is where a pool is and whose.
type v2Pool struct {
	address
	key noise.PublicKey // zero for none
}

// url returns the URL of an address of the pool.
func (p *v2Pool) url(at address) string {
	u := schemeV2 + "://" + at.String()
	if p.key != (noise.PublicKey{}) {
		u += "/" + p.key.String()
	}
	return u
}

// completeV2 is complete for a pool that speaks Stratum V2.
func (c *Config) completeV2() (pool v2Pool, err error) {
	pool, user, pass, err := parseV2URL(c.URL)
	if err != nil {
		return pool, err
	}
	if err := c.finish(user, pass); err != nil {
		return pool, err
	}
	setDefault(&c.V2.Hashrate, defaultHashrate)
	switch v := &c.V2; {
	case pool.key == (noise.PublicKey{}) && !v.Insecure && !c.local(pool.host):
		return pool, fmt.Errorf("%v: %w", pool.address, noise.ErrNoAuthority)
	case v.Channel < V2Auto || v.Channel > V2Extended:
		return pool, fmt.Errorf("unknown kind of channel %d", v.Channel)
	case !(v.Hashrate >= 0) || v.Hashrate > math.MaxFloat32:
		return pool, fmt.Errorf("%v is no hash rate", v.Hashrate)
	case v.WorkerNames && v.Channel == V2Standard:
		return pool, errors.New("names of workers are sent over extended channels alone: choose those, or leave the names out")
	case len(c.User) > mostV2Text:
		return pool, fmt.Errorf("the user has %d bytes: Stratum V2 has room for %d", len(c.User), mostV2Text)
	case len(pool.host) > mostV2Text || len(c.Agent) > mostV2Text:
		return pool, fmt.Errorf("host or agent have more bytes than the %d that Stratum V2 has room for", mostV2Text)
	}
	return pool, nil
}

// defaultHashrate is that of a few cores, in H/s. A pool that is told 0 may set a
// target that every hash meets.
const defaultHashrate = 10e6

// mostV2Text is the longest text in a message (STR0_255), in bytes.
const mostV2Text = 255

// parseV2URL takes the URL of a pool that speaks Stratum V2 apart.
func parseV2URL(s string) (pool v2Pool, user, pass string, err error) {
	scheme, rest, _ := strings.Cut(s, "://")
	if !strings.EqualFold(scheme, schemeV2) {
		return pool, "", "", fmt.Errorf("pool URL: scheme %q is not %s", v1.CleanText(scheme, 20), schemeV2)
	}
	at := strings.LastIndexByte(rest, '@') + 1
	host, key, _ := strings.Cut(rest[at:], "/")
	pool.address, user, pass, err = parseURL(schemeTCP + "://" + rest[:at] + host)
	if err != nil {
		return pool, "", "", err
	}
	if key = strings.TrimSuffix(key, "/"); key != "" {
		if pool.key, err = noise.ParsePublicKey(key); err != nil {
			return pool, "", "", fmt.Errorf("pool URL: %w", err)
		}
	}
	return pool, user, pass, nil
}

// local reports whether a host is reached without a network. Behind a proxy none
// is known to be.
func (c *Config) local(host string) bool { return c.Proxy == "" && isLoopback(host) }

// isLoopback reports whether a host is this machine.
func isLoopback(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().IsLoopback()
	}
	return strings.EqualFold(strings.TrimSuffix(host, "."), "localhost")
}
