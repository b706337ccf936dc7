package pool

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Guard bounds what one address may do, so that nobody can take the pool from
// the others. IPv6 addresses count by their /64: one host has all of it. In each
// field 0 stands for the default and a negative value for no bound.
type Guard struct {
	Conns int     // connections of one address at once, and channels of V2; default 1024
	Lines float64 // lines a second of one connection; more of them wait; default 500

	// BadShares is how many shares of an address may be refused before it is banned;
	// default 100. Stale shares don't count. Each accepted share makes up for a
	// quarter of a bad one, and every minute for BadSharesRate of them; default 30.
	BadShares     int
	BadSharesRate float64

	// Ban is how long an address is banned for the first time; each further ban is
	// twice as long as the one before, up to MaxBan. Defaults: 5 min, 1 day.
	Ban, MaxBan time.Duration

	// Trusted addresses are never bound. nil: those of this machine, of which any
	// number of miners may come through a proxy or a test.
	Trusted []netip.Prefix
}

const (
	defaultConnsPerAddr  = 1024
	defaultLines         = 500
	defaultBadShares     = 100
	defaultBadSharesRate = 30
	defaultBan           = 5 * time.Minute
	defaultMaxBan        = 24 * time.Hour

	// What else counts as so many bad shares.
	brokenLine    = 10   // a line that ends the connection
	refusedWorker = 1    // somebody may be guessing passwords
	goodShare     = 0.25 // made up for by an accepted one

	addrsKept = 1 << 14 // in the table; more than there are connections
	lineBurst = 4       // seconds' worth of lines that may come at once
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// DefaultGuard returns the bounds that a zero Guard stands for.
func DefaultGuard() (g Guard) {
	g.fill()
	return g
}

// fill puts the defaults in place of zeros.
func (g *Guard) fill() {
	g.Conns = cmp.Or(g.Conns, defaultConnsPerAddr)
	g.Lines = cmp.Or(g.Lines, defaultLines)
	g.BadShares = cmp.Or(g.BadShares, defaultBadShares)
	g.BadSharesRate = cmp.Or(g.BadSharesRate, defaultBadSharesRate)
	g.Ban = cmp.Or(g.Ban, defaultBan)
	g.MaxBan = cmp.Or(g.MaxBan, defaultMaxBan)
	if g.Trusted == nil {
		g.Trusted = loopback
	}
}

// check refuses what is no bound.
func (g *Guard) check() error {
	switch {
	case g.Lines != g.Lines || g.BadSharesRate != g.BadSharesRate:
		return errors.New("pool: a bound for addresses is not a number")
	case g.Ban > 0 && g.MaxBan > 0 && g.MaxBan < g.Ban:
		return fmt.Errorf("pool: the longest ban, %v, is shorter than the first, %v", g.MaxBan, g.Ban)
	}
	return nil
}

// key returns what an address counts as; ok is false if it is not bound.
func (g *Guard) key(remote net.Addr) (key netip.Addr, ok bool) {
	tcp, ok := remote.(*net.TCPAddr)
	if !ok {
		return key, false
	}
	key, ok = netip.AddrFromSlice(tcp.IP)
	if !ok {
		return key, false
	}
	key = key.Unmap()
	for _, p := range g.Trusted {
		if p.Contains(key) {
			return key, false
		}
	}
	if key.Is6() {
		net64, _ := key.Prefix(64) // every IPv6 address has one
		key = net64.Addr()
	}
	return key, true
}

// guard keeps the table of addresses.
type guard struct {
	Guard
	mu     sync.Mutex // guards the rest
	addrs  map[netip.Addr]*standing
	banned uint64 // bans ever
}

// standing is what is known of an address. One without connections, bad shares
// and bans has none.
type standing struct {
	conns int
	chans int       // channels of V2
	bad   float64   // bad shares that nothing has made up for, as of then
	then  time.Time // when bad was last worked out
	bans  int       // so far
	until time.Time // it is banned; zero: never was
}

func newGuard(g Guard) *guard { return &guard{Guard: g, addrs: make(map[netip.Addr]*standing)} }

// errTurnedAway is why a client is sent away before it has said anything. It is
// told.
type errTurnedAway string

func (e errTurnedAway) Error() string { return string(e) }

// bannedFor is what a banned client is told.
func bannedFor(left time.Duration) errTurnedAway {
	return errTurnedAway(fmt.Sprintf("banned for %v: too many bad shares", left.Round(time.Second)))
}

// enter counts a connection, or says why there can't be one.
func (g *guard) enter(key netip.Addr, now time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.addrs[key]
	if s == nil {
		g.makeRoom(now)
		s = new(standing)
		g.addrs[key] = s
	}
	if left := s.until.Sub(now); left > 0 {
		return bannedFor(left)
	}
	if g.Conns > 0 && s.conns >= g.Conns {
		return errTurnedAway(fmt.Sprintf("too many connections from one address: at most %d", g.Conns))
	}
	s.conns++
	return nil
}

// leave says that a connection of enter is over.
func (g *guard) leave(key netip.Addr, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s := g.addrs[key]; s != nil {
		s.conns--
		g.forget(key, s, now)
	}
}

// take counts a channel of an address that has a connection, and reports whether
// there may be one more.
func (g *guard) take(key netip.Addr) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.addrs[key]
	if s == nil || g.Conns > 0 && s.chans >= g.Conns {
		return false
	}
	s.chans++
	return true
}

// give says that n channels of take are closed.
func (g *guard) give(key netip.Addr, n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s := g.addrs[key]; s != nil {
		s.chans -= n
	}
}

// good makes up for bad shares with an accepted one.
func (g *guard) good(key netip.Addr, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s := g.addrs[key]; s != nil && s.bad > 0 {
		g.settle(s, now)
		s.bad = max(0, s.bad-goodShare)
	}
}

// blame counts n bad shares. If that is too many the address is banned, and for
// how long is returned.
func (g *guard) blame(key netip.Addr, n float64, now time.Time) (ban time.Duration) {
	if g.BadShares < 0 {
		return 0
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.addrs[key]
	if s == nil { // not while one of its connections is there
		return 0
	}
	if left := s.until.Sub(now); left > 0 { // another connection of it was faster
		return left
	}
	g.settle(s, now)
	if s.bad += n; s.bad <= float64(g.BadShares) || g.Ban < 0 {
		s.bad = min(s.bad, float64(g.BadShares))
		return 0
	}
	most := g.MaxBan
	if most < 0 {
		most = math.MaxInt64
	}
	ban = g.Ban
	for range s.bans {
		if ban > most/2 {
			ban = most
			break
		}
		ban *= 2
	}
	s.bad, s.bans, s.until = 0, s.bans+1, now.Add(ban)
	g.banned++
	return ban
}

// settle works out the bad shares of s as of now.
func (g *guard) settle(s *standing, now time.Time) {
	if g.BadSharesRate > 0 {
		s.bad = max(0, s.bad-g.BadSharesRate*now.Sub(s.then).Minutes())
	}
	s.then = now
}

// forget drops a standing that says nothing any more. Bans are remembered for as
// long as the longest one, so that the next can be twice as long.
func (g *guard) forget(key netip.Addr, s *standing, now time.Time) {
	g.settle(s, now)
	if s.conns == 0 && s.bad == 0 && now.Sub(s.until) > max(g.Ban, g.MaxBan) {
		delete(g.addrs, key)
	}
}

// makeRoom keeps the table bounded: what says nothing goes first, then the bans
// that end first.
func (g *guard) makeRoom(now time.Time) {
	if len(g.addrs) < addrsKept {
		return
	}
	for key, s := range g.addrs {
		g.forget(key, s, now)
	}
	if len(g.addrs) < addrsKept {
		return
	}
	var away []netip.Addr
	for key, s := range g.addrs {
		if s.conns == 0 {
			away = append(away, key)
		}
	}
	slices.SortFunc(away, func(a, b netip.Addr) int { return g.addrs[a].until.Compare(g.addrs[b].until) })
	for _, key := range away[:len(away)-len(away)*7/8] {
		delete(g.addrs, key)
	}
}

// bans returns how many there were.
func (g *guard) bans() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.banned
}

// pace lets so many lines through in a second, and lineBurst seconds' worth of
// them at once.
type pace struct {
	perSecond float64
	credit    float64 // lines that may come now
	then      time.Time
}

// wait returns how long the line that came now has to wait.
func (p *pace) wait(now time.Time) time.Duration {
	most := p.perSecond * lineBurst
	if p.then.IsZero() {
		p.credit = most
	} else {
		p.credit = min(most, p.credit+p.perSecond*now.Sub(p.then).Seconds())
	}
	p.then = now
	if p.credit--; p.credit >= 0 {
		return 0
	}
	return time.Duration(-p.credit / p.perSecond * float64(time.Second))
}
