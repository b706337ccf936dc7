package pool

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"strconv"
	"time"

	"gominer/hasher"
	"gominer/stratum/v1"
)

// Config says how a pool works. Start from DefaultConfig: in some fields zero
// has a meaning of its own.
type Config struct {
	// Source gives the templates and takes the blocks. nil: NewSimulated().
	Source Source

	Difficulty float64 // of shares at first, and for ever without Vardiff; 0: 0.01

	// Vardiff is how many shares a minute each connection should send; its
	// difficulty follows, from Difficulty on and never above the network's, where
	// miners would keep blocks to themselves. 0: difficulty stays.
	Vardiff float64

	// MinDifficulty and MaxDifficulty bound Vardiff and what clients ask for, not
	// Difficulty. 0: no bound.
	MinDifficulty, MaxDifficulty float64

	VersionMask     uint32 // header version bits that clients may roll; 0: none
	Extranonce2Size int    // bytes, 0 to 16

	// Extranonce1 is given to every connection, for replays. nil: each has 4 bytes
	// of its own.
	Extranonce1 []byte

	// StaleGrace is how long after a new block shares of the job before still count:
	// they were on their way. 0: they are stale at
	// once.
	StaleGrace time.Duration

	Message string // that clients show their users when they come; "": none

	// ExtranonceEvery is how often clients that understand it get another
	// extranonce1. 0: never.
	ExtranonceEvery time.Duration

	// PingEvery is how long a client may be silent before it is asked for a sign of
	// life. One that has given it before, and does not in as long again, is dropped.
	// 0: never.
	PingEvery time.Duration

	// Successor is the host:port that clients are sent to when serving ends. "":
	// they are left to themselves.
	Successor string

	Republish time.Duration // the job is sent again with a fresh time this often; 0: never

	MaxConns         int           // further connections are sent away at once, further channels of V2 refused; 0: 10000
	HandshakeTimeout time.Duration // from the connection to an authorized worker; 0: 1 min
	IdleTimeout      time.Duration // without a line from an authorized client; 0: 6 h
	Guard            Guard         // what one address may do

	// Limits caps what clients send. Zeros are defaults, as in v1, but for Line:
	// 64 KiB.
	Limits v1.Limits

	// Authorize decides about a worker. The error's text goes to the client.
	// nil: everybody may work. It is called from many goroutines.
	Authorize func(worker, password string) error

	// Wrap puts something between the pool and a connection: a fault, or a record. The
	// pool writes to it a line at a time. done is closed when the connection has to
	// end; then Close is called. nil: nothing.
	Wrap func(nc net.Conn, done <-chan struct{}) net.Conn

	Quirks Quirks

	V2 V2Config // for clients of ServeV2

	// Log gets the events. Each has the attribute "event": connected, subscribed,
	// authorized, job, share, block, disconnected, and a few less common ones. What
	// clients can make happen at will comes at the level of debugging once it is
	// many a minute. nil: discarded.
	Log *slog.Logger

	goodbye *v1.Reconnect // to Successor
}

// Quirks are ways of other pools, for tests of clients. The zero value is the way
// of this one.
type Quirks struct {
	// EnforceAtOnce judges shares by the difficulty that was sent last, not by that
	// of their job.
	EnforceAtOnce bool

	JobsFirst bool // jobs come before the answer to mining.subscribe already
	LateJobs  bool // the first job comes with the line after mining.authorize

	RenewExtranonces bool // each job has another extranonce1, for clients that understand it
	FlapMask         bool // every other job has most of the version mask taken away

	// CoinbasePad is how much larger the coinbase is than it needs to be, in bytes.
	CoinbasePad int
}

// flapMask is what FlapMask leaves: three bits.
const flapMask = 0x0000e000

const (
	defaultDifficulty = 0.01 // a share a second for 43 MH/s
	defaultMaxConns   = 10_000
	defaultHandshake  = time.Minute
	defaultIdle       = 6 * time.Hour
	defaultLine       = 64 << 10

	// leastDifficulty is that of a target that every hash meets.
	leastDifficulty = 1.0 / (1 << 32)
	mostVardiff     = 6000    // shares a minute
	maxPad          = 3 << 20 // a block has at most 4 MB
)

// DefaultConfig returns a pool of difficulty 0.01 on the simulated chain, with
// version rolling as in BIP320, 4 bytes of extranonce2 and a job every 30 s.
func DefaultConfig() Config {
	return Config{
		Difficulty:       defaultDifficulty,
		VersionMask:      0x1fffe000,
		Extranonce2Size:  4,
		Republish:        30 * time.Second,
		MaxConns:         defaultMaxConns,
		HandshakeTimeout: defaultHandshake,
		IdleTimeout:      defaultIdle,
		Guard:            DefaultGuard(),
	}
}

// fill puts the defaults in place of zeros and checks the rest.
func (c *Config) fill() error {
	if c.Source == nil {
		c.Source = NewSimulated()
	}
	if c.Difficulty == 0 {
		c.Difficulty = defaultDifficulty
	}
	if c.MaxConns == 0 {
		c.MaxConns = defaultMaxConns
	}
	if c.HandshakeTimeout == 0 {
		c.HandshakeTimeout = defaultHandshake
	}
	if c.IdleTimeout == 0 {
		c.IdleTimeout = defaultIdle
	}
	c.Guard.fill()
	if c.Limits.Line <= 0 {
		c.Limits.Line = defaultLine
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if _, err := hasher.TargetFromDifficulty(c.Difficulty); err != nil {
		return fmt.Errorf("pool: %w", err)
	}
	if err := c.checkBounds(); err != nil {
		return err
	}
	switch {
	case c.Extranonce2Size < 0 || c.Extranonce2Size > v1.MaxExtranonce2Size:
		return fmt.Errorf("pool: extranonce2 of %d bytes, want 0 to %d", c.Extranonce2Size, v1.MaxExtranonce2Size)
	case len(c.Extranonce1) > v1.MaxExtranonce1:
		return fmt.Errorf("pool: extranonce1 of %d bytes, want at most %d", len(c.Extranonce1), v1.MaxExtranonce1)
	case c.Quirks.CoinbasePad < 0 || c.Quirks.CoinbasePad > maxPad:
		return fmt.Errorf("pool: coinbase padded with %d bytes, want 0 to %d", c.Quirks.CoinbasePad, maxPad)
	case c.MaxConns < 0:
		return fmt.Errorf("pool: at most %d connections: want 1 or more", c.MaxConns)
	case min(c.Republish, c.HandshakeTimeout, c.IdleTimeout, c.StaleGrace, c.ExtranonceEvery, c.PingEvery) < 0:
		return errors.New("pool: a time is negative")
	}
	if c.Successor != "" {
		host, port, err := splitAddress(c.Successor)
		if err != nil {
			return fmt.Errorf("pool: successor: %w", err)
		}
		c.goodbye = &v1.Reconnect{Host: host, Port: port}
	}
	if err := c.V2.fill(c.extranonce1Length()); err != nil {
		return err
	}
	return c.Guard.check()
}

// splitAddress takes host:port apart.
func splitAddress(addr string) (host string, port uint16, err error) {
	host, digits, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fmt.Errorf("%q is not host:port", addr)
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || n == 0 || host == "" {
		return "", 0, fmt.Errorf("%q is not a host and a port from 1 to 65535", addr)
	}
	return host, uint16(n), nil
}

func (c *Config) checkBounds() error {
	if !(c.Vardiff >= 0 && c.Vardiff <= mostVardiff) {
		return fmt.Errorf("pool: vardiff of %v shares a minute, want 0 to %d", c.Vardiff, mostVardiff)
	}
	for _, d := range []float64{c.MinDifficulty, c.MaxDifficulty} {
		if d == 0 {
			continue
		}
		if _, err := hasher.TargetFromDifficulty(d); err != nil {
			return fmt.Errorf("pool: bound: %w", err)
		}
	}
	if c.MinDifficulty == 0 {
		c.MinDifficulty = leastDifficulty
	}
	if c.MaxDifficulty == 0 {
		c.MaxDifficulty = mostDifficulty
	}
	if c.MinDifficulty > c.MaxDifficulty {
		return fmt.Errorf("pool: least difficulty %g is above the most, %g", c.MinDifficulty, c.MaxDifficulty)
	}
	return nil
}

// mostDifficulty leaves a target of 1.
var mostDifficulty = math.Ldexp(0xffff, 208)

// clamp brings a difficulty that a client asked for, or vardiff, into bounds.
// floor is the client's own minimum, 0 for none.
func (c *Config) clamp(d, floor float64) float64 {
	return min(max(d, floor, c.MinDifficulty), c.MaxDifficulty) // of a target of 0, too: +Inf
}
