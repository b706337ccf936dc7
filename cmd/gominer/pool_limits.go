package main

import (
	"net/netip"
	"time"

	"github.com/spf13/pflag"
)

// limitFlags defines what miners may do. On the command line 0 is no bound.
func (o *poolOptions) limitFlags(f *pflag.FlagSet) {
	cfg, g := &o.pool, &o.pool.Guard
	f.IntVar(&cfg.MaxConns, "max-connections", cfg.MaxConns, "serve `N` miners at most")
	f.IntVar(&g.Conns, "max-per-address", g.Conns, "serve `N` miners of one address at most; 0 is any number")
	f.Float64Var(&g.Lines, "max-lines", g.Lines, "take `N` lines a second of each miner, let more of them wait; 0 is no bound")
	f.IntVar(&g.BadShares, "max-bad-shares", g.BadShares, "ban an address after `N` bad shares; an accepted one makes up for a quarter of one, a minute for 30; 0 is never")
	f.DurationVar(&g.Ban, "ban", g.Ban, "the first ban lasts `TIME`, each further one twice as long as the one before")
	f.DurationVar(&g.MaxBan, "max-ban", g.MaxBan, "no ban is longer than `TIME`")
	f.StringSliceVar(&o.trust, "trust", nil, "what `NETWORK` does, such as 10.0.0.0/8, is never bounded (repeat; default: this machine)")
	f.DurationVar(&cfg.HandshakeTimeout, "handshake-timeout", cfg.HandshakeTimeout, "drop who has authorized no worker after `TIME`")
	f.DurationVar(&cfg.IdleTimeout, "idle-timeout", cfg.IdleTimeout, "drop who has sent nothing for `TIME`")
}

// checkLimits checks what limitFlags set, and makes what pool wants of it.
func (o *poolOptions) checkLimits() error {
	cfg, g := &o.pool, &o.pool.Guard
	for _, f := range []struct {
		flag string
		v    time.Duration
	}{{"ban", g.Ban}, {"max-ban", g.MaxBan}, {"handshake-timeout", cfg.HandshakeTimeout}, {"idle-timeout", cfg.IdleTimeout}} {
		if f.v <= 0 {
			return usagef("--%s %v: want a time above 0", f.flag, f.v)
		}
	}
	for _, f := range []struct {
		flag string
		v    float64
	}{{"max-per-address", float64(g.Conns)}, {"max-lines", g.Lines}, {"max-bad-shares", float64(g.BadShares)}} {
		if !(f.v >= 0) {
			return usagef("--%s %v: want a number above 0, or 0 for no bound", f.flag, f.v)
		}
	}
	for i, t := range o.trust {
		network, err := parseNetwork(t)
		if err != nil {
			return err
		}
		if i == 0 {
			g.Trusted = nil
		}
		g.Trusted = append(g.Trusted, network)
	}
	for _, n := range []*int{&g.Conns, &g.BadShares} {
		if *n == 0 {
			*n = -1
		}
	}
	if g.Lines == 0 {
		g.Lines = -1
	}
	g.MaxBan = max(g.MaxBan, g.Ban)
	return nil
}

// parseNetwork reads an address or a network.
func parseNetwork(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil {
		return addr.Prefix(addr.BitLen())
	}
	network, err := netip.ParsePrefix(s)
	if err != nil {
		return network, usagef("--trust %q: want an address or a network such as 10.0.0.0/8", s)
	}
	return network.Masked(), nil
}
