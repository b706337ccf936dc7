package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gominer/hasher"
	"gominer/internal/node"
	"gominer/internal/units"
	"gominer/stratum/pool"
)

// poolOptions are the flags of pool.
type poolOptions struct {
	listen     string
	v2         v2Options
	carriers   carrierOptions
	pool       pool.Config
	chain      *pool.Simulated
	network    float64 // difficulty of the simulated chain
	node       node.Config
	address    string
	trust      []string // networks
	faults     []string
	simulation bool // a flag of the simulated chain was given

	replay      string  // a recording that is played in place of all that
	replaySpeed float64 // 0: as it was
	output
}

// defaultVardiff is in shares a minute: it suits a laptop and a room of ASICs.
const defaultVardiff = 20

func newPool(p *process) *cobra.Command {
	o := &poolOptions{pool: pool.DefaultConfig(), chain: pool.NewSimulated()}
	cmd := &cobra.Command{
		Use:   "pool [flags]",
		Short: "Run a pool: on a chain of its own, or on a node",
		Long: `Serves Stratum V1 with version rolling (BIP310), over TCP and, if told to, over TLS
and WebSocket, and Stratum V2 with --listen-v2, to all miners the same work, and
checks every share in full.
Without --node the blocks are those of a simulated chain in memory, which makes
it a partner for tests; with it they are real, and every block that a miner finds
pays to --coinbase-address. Nobody is paid for shares.

The first line on stdout says where it listens: the URL for miners. A line for
each further listener follows; that of Stratum V2 ends with the key by which they
know the pool.`,
		Example: `gominer pool
gominer pool --listen 127.0.0.1:0 --difficulty 0.001 --block-every 30s --json
gominer pool --listen :3333 --difficulty 1 --vardiff 6
gominer pool --listen-tls :3334 --tls-cert pool.pem --tls-key pool.key --tls-client-ca miners.pem
gominer pool --listen-v2 :3336 --authority-key ~/.config/gominer/authority.key
gominer pool --fault reject=3 --fault slow=5ms
gominer pool --node http://127.0.0.1:8332 --cookie-file ~/.bitcoin/.cookie --coinbase-address ADDRESS
gominer pool --replay dialogue.jsonl --replay-speed 10`,
		Args: p.noArgs,
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("difficulty") && !cmd.Flags().Changed("vardiff") {
				o.pool.Vardiff = 0
			}
			o.simulation = cmd.Flags().Changed("block-every") || cmd.Flags().Changed("network-difficulty")
			if err := o.check(); err != nil {
				return verbError("pool", err)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return p.pool(cmd.Context(), o) },
	}
	section(cmd, "Miners", func(f *pflag.FlagSet) {
		f.StringVar(&o.listen, "listen", "127.0.0.1:3333", "listen on `ADDR`, host:port; :3333 is all interfaces, port 0 any that is free")
		o.carriers.flags(f)
		o.v2Flags(f)
		f.Float64Var(&o.pool.Difficulty, "difficulty", o.pool.Difficulty, "shares have the difficulty `D`, for good unless --vardiff is given too")
		f.Float64Var(&o.pool.Vardiff, "vardiff", defaultVardiff, "beginning at --difficulty, find the difficulty at which each miner sends `N` shares a minute; 0, or --difficulty alone, leaves it")
		f.Float64Var(&o.pool.MinDifficulty, "min-difficulty", 0, "no miner gets a difficulty below `D`")
		f.Float64Var(&o.pool.MaxDifficulty, "max-difficulty", 0, "no miner gets a difficulty above `D`")
		valueVar(f, &o.pool.VersionMask, "version-mask", "", fmt.Sprintf("%08x", o.pool.VersionMask), "miners may roll the version bits of `HEX`; 0 is none", parseMask)
		f.IntVar(&o.pool.Extranonce2Size, "extranonce2-size", o.pool.Extranonce2Size, "miners choose `N` bytes of extranonce2, 0 to 16")
		f.DurationVar(&o.pool.ExtranonceEvery, "extranonce-every", 0, "give miners that understand it another extranonce1 every `TIME`")
		f.StringVar(&o.pool.Message, "message", "", "have miners show `TEXT` when they come")
		f.StringVar(&o.pool.Successor, "move-to", "", "when the pool ends, send its miners to `ADDR`, host:port")
		f.DurationVar(&o.pool.PingEvery, "ping-every", 0, "ask who has been silent for `TIME` for a sign of life, and drop who has stopped giving it")
	})
	section(cmd, "Blocks", func(f *pflag.FlagSet) {
		f.StringVar(&o.node.URL, "node", "", "take work from the node at `URL`, http://user:pass@host:port, and give blocks to it")
		f.StringVar(&o.node.CookieFile, "cookie-file", "", "the node's credentials stand in `FILE` (Bitcoin Core's .cookie)")
		f.StringVar(&o.address, "coinbase-address", "", "blocks pay to `ADDRESS`")
		f.StringVar(&o.chain.Tag, "coinbase-tag", o.chain.Tag, "put `TEXT` into the coinbase")
		f.DurationVar(&o.chain.BlockEvery, "block-every", 0, "somebody else finds a block of the simulated chain every `TIME`, such as 30s")
		f.Float64Var(&o.network, "network-difficulty", 0.25, "blocks of the simulated chain have the difficulty `D`")
		f.DurationVar(&o.pool.Republish, "republish", o.pool.Republish, "send the job again with a fresh time every `TIME`")
		f.DurationVar(&o.pool.StaleGrace, "stale-grace", 0, "for `TIME` after a new block, shares of the job before still count")
	})
	section(cmd, "Replay", func(f *pflag.FlagSet) {
		f.StringVar(&o.replay, "replay", "", "say what the pool said in the recording `FILE` of mine --record; shares are judged by their hashes")
		valueVar(f, &o.replaySpeed, "replay-speed", "", "", "play it `X` times as fast as it was; max is all at once", parseSpeed)
	})
	exclusive(cmd.Flags(), "replay", "listen-v2", "authority-key", "v2-batch", "v2-extranonce-size", "node", "difficulty", "vardiff", "min-difficulty", "max-difficulty", "version-mask", "extranonce2-size",
		"extranonce-every", "message", "move-to", "ping-every", "block-every", "network-difficulty", "republish", "stale-grace", "coinbase-tag")
	exclusive(cmd.Flags(), "replay", carrierFlags...)
	section(cmd, "Limits", o.limitFlags)
	section(cmd, "Faults", o.faultFlags)
	completeFaults(cmd)
	section(cmd, "Output", o.output.flags)
	cmd.Flags().Lookup("plain").Usage = "log lines only, as with --no-tui"
	configurable(cmd)
	o.output.completions(cmd)
	return cmd
}

func (p *process) pool(ctx context.Context, o *poolOptions) error {
	if o.replay != "" {
		return p.replay(ctx, o)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	d := p.show(&o.output, cancel)
	if o.listsFaults() {
		return d.printFaults()
	}
	if err := o.applyFaults(); err != nil {
		return verbError("pool", err)
	}
	o.pool.Log = d.log
	if err := o.setSource(d.log); err != nil {
		return verbError("pool", err)
	}
	server, err := pool.New(o.pool)
	if err != nil {
		return usagef("%w", err)
	}
	fronts, err := o.fronts(server)
	if err != nil {
		return verbError("pool", err)
	}
	if err := d.announce(fronts); err != nil {
		closeAll(fronts)
		return err
	}
	return d.serve(ctx, server, fronts)
}

func (o *poolOptions) check() error {
	switch {
	case o.node.URL != "" && o.address == "":
		return usagef("--node needs --coinbase-address ADDRESS: blocks must pay to somebody")
	case o.node.URL == "" && o.address != "":
		return usagef("--coinbase-address goes with --node: the simulated chain pays nobody")
	case o.node.URL == "" && o.node.CookieFile != "":
		return usagef("--cookie-file goes with --node URL")
	case o.replaySpeed != 0 && o.replay == "":
		return usagef("--replay-speed goes with --replay FILE")
	case o.node.URL != "" && o.simulation:
		return usagef("--block-every and --network-difficulty are for the simulated chain: a node has its own")
	}
	for _, f := range []struct {
		flag string
		v    time.Duration
	}{{"block-every", o.chain.BlockEvery}, {"republish", o.pool.Republish}, {"stale-grace", o.pool.StaleGrace},
		{"extranonce-every", o.pool.ExtranonceEvery}, {"ping-every", o.pool.PingEvery}} {
		if f.v < 0 {
			return usagef("--%s %v: want a time above 0, or 0 for never", f.flag, f.v)
		}
	}
	for _, f := range []struct {
		flag string
		v    float64
	}{{"difficulty", o.pool.Difficulty}, {"min-difficulty", o.pool.MinDifficulty}, {"max-difficulty", o.pool.MaxDifficulty}, {"network-difficulty", o.network}} {
		if err := checkDifficulty(f.flag, f.v); err != nil {
			return err
		}
	}
	for _, check := range []func() error{o.checkLimits, o.output.check} {
		if err := check(); err != nil {
			return err
		}
	}
	if err := o.carriers.check(); err != nil {
		return err
	}
	if err := o.checkV2(); err != nil || o.listen == "" {
		return err
	}
	return checkListen("listen", o.listen)
}

// setSource makes the node or the simulated chain the pool's source.
func (o *poolOptions) setSource(log *slog.Logger) error {
	if o.node.URL != "" {
		client, err := node.New(o.node)
		if err != nil {
			return usagef("--node %q: %w", redact(o.node.URL), err)
		}
		o.pool.Source = &pool.Node{Client: client, Address: o.address, Tag: o.chain.Tag, Log: log}
		return nil
	}
	t, err := hasher.TargetFromDifficulty(o.network)
	if err != nil {
		return usagef("--network-difficulty: %w", err)
	}
	o.chain.Bits = t.Bits()
	o.pool.Source = o.chain
	return nil
}

// listenError says why an address can't be listened on, and what else to try.
func listenError(flag, addr string, err error) error {
	var op *net.OpError
	var dns *net.DNSError
	var bad *net.AddrError
	switch {
	case errors.As(err, &bad):
		return usagef("--%s %s: %s", flag, addr, bad.Err)
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("--%s %s: something else listens there; port 0 takes any that is free", flag, addr)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("--%s %s: not permitted; ports from 1024 on need no privilege", flag, addr)
	case errors.As(err, &dns):
		return usagef("--%s %s: there is no host %s", flag, addr, dns.Name)
	case errors.As(err, &op):
		return fmt.Errorf("--%s %s: %w", flag, addr, op.Err)
	}
	return fmt.Errorf("--%s %s: %w", flag, addr, err)
}

// announce says where the pool listens: the first lines on stdout.
func (d *display) announce(fronts []front) error {
	for _, f := range fronts {
		addr := f.Addr().String()
		if d.events != nil {
			attrs := []slog.Attr{slog.String("url", f.url), slog.String("address", addr)}
			if f.pin != "" {
				attrs = append(attrs, slog.String("pin", f.pin))
			}
			if err := d.events.out.write(time.Now(), "listening", attrs); err != nil {
				return err
			}
			continue
		}
		if _, err := fmt.Fprintf(d.p.stdout, "listening on %s\n", f.url); err != nil {
			return err
		}
		_ = d.screen.print("to mine on it: " + f.invitation() + "\n")
	}
	return nil
}

// invitation returns what to type to mine on f.
func (f *front) invitation() string {
	addr := f.Addr().String()
	url := strings.TrimPrefix(strings.Replace(f.url, addr, reachable(addr), 1), "stratum+tcp://")
	if f.unknown {
		url += " --tls-pin " + f.pin
	}
	return "gominer mine -o " + url + " -u anybody"
}

// reachable returns an address at which this machine reaches what listens on
// addr.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return addr
}

// serve runs the pool until ctx ends or its work does.
func (d *display) serve(ctx context.Context, server *pool.Pool, fronts []front) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	invite := fronts[0].invitation()
	stop := d.watch(ctx, func() string { return poolLine(server.Stats(), invite) }, func() {
		s := server.Stats()
		attrs := []any{"miners", len(s.Conns), "rate", units.Hashrate(s.Total.Hashrate),
			"accepted", s.Total.Accepted, "rejected", s.Total.Rejected, "blocks", s.Found}
		if len(s.Conns) == 0 {
			attrs = append(attrs, "connect", invite)
		}
		d.log.Info("progress", attrs...)
	})
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := server.Run(ctx); err != nil {
			cancel(err)
		}
	})
	for _, f := range fronts {
		wg.Go(func() {
			if err := f.serve(ctx, f.Listener); err != nil {
				cancel(err)
			}
		})
	}
	<-ctx.Done()
	wg.Wait()
	stop()
	err := d.summarizePool(server.Stats())
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return err
}

// poolLine says in one line how the pool stands; invite is how to mine on it.
func poolLine(s pool.Stats, invite string) string {
	if len(s.Conns) == 0 && s.Total.Accepted == 0 {
		return units.Span(time.Since(s.Started)) + " · no miner yet: " + invite
	}
	parts := []string{
		units.Span(time.Since(s.Started)), units.Plural(uint64(len(s.Conns)), "miner"), units.Hashrate(s.Total.Hashrate),
		fmt.Sprintf("%s accepted, %s rejected", units.Count(s.Total.Accepted), units.Count(s.Total.Rejected)),
		units.Plural(s.Found, "block"),
	}
	if s.Height > 0 {
		parts = append(parts, "height "+units.Count(uint64(s.Height)))
	}
	return strings.Join(parts, " · ")
}

// summarizePool says what came of the run: the last that stdout gets.
func (d *display) summarizePool(s pool.Stats) error {
	if d.events == nil {
		refused := ""
		if s.Refused > 0 {
			refused = fmt.Sprintf(", %s refused", units.Count(s.Refused))
		}
		_, err := fmt.Fprintf(d.p.stdout, "shares: %s accepted, %s rejected\nblocks found: %s%s\n",
			units.Count(s.Total.Accepted), units.Count(s.Total.Rejected), units.Count(s.Found), refused)
		return err
	}
	elapsed := 0.0
	if !s.Started.IsZero() {
		elapsed = math.Max(0, time.Since(s.Started).Seconds())
	}
	return d.events.out.write(time.Now(), "summary", []slog.Attr{
		slog.Float64("elapsed_s", elapsed),
		slog.Uint64("accepted", s.Total.Accepted),
		slog.Uint64("rejected", s.Total.Rejected),
		slog.Float64("best_difficulty", s.Total.Best),
		slog.Uint64("blocks", s.Found),
		slog.Uint64("blocks_refused", s.Refused),
	})
}
