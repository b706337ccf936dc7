package main

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gominer/miner"
)

// mineOptions are the flags of mine. What a package has a Config for is bound
// right into it.
type mineOptions struct {
	sources sourceOptions
	devices deviceOptions
	engine  miner.Config
	files   fileOptions
	output
}

func newMine(p *process, o *mineOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "mine -o URL [-u USER] [flags]",
		Short: "Mine on pools or nodes",
		Long: `Mines on the first of the URLs that works, and returns to an earlier one when it
is back; --strategy goes about them in another way. A pool is stratum+tcp://host:port,
or host:port alone, or with tls, ws or wss in place of tcp; a Bitcoin node of
one's own is http://user:pass@host:port, and needs --coinbase-address. What a pool
said in a recording of --record is mined on with replay:FILE, without network.

Ctrl-C ends it in good order: shares that were found are still sent, and a
summary is printed. A second Ctrl-C ends it at once.

Pools and devices can be changed in the configuration file while it runs: the file
is read again when it changes, and at SIGHUP. Pools of which nothing has changed
keep their sessions.`,
		Example: `gominer mine -o stratum+tcp://pool.example.org:3333 -u ADDRESS.worker
gominer mine -o pool.example.org:3333 -O alice:x -o backup.example.org:3333 -O bob:x
gominer mine -o pool.example.org:3333 -o backup.example.org:3333 -u ADDRESS --strategy quota --weight 3 --weight 1
gominer mine -o stratum+tls://pool.example.org:3334 -u ADDRESS --tls-min 1.3 --proxy socks5://127.0.0.1:9050
gominer mine -o http://127.0.0.1:8332 --cookie-file ~/.bitcoin/.cookie --coinbase-address ADDRESS
gominer mine -o 127.0.0.1:3333 -u test --json --until shares=20 | jq .event
gominer mine -o 127.0.0.1:3333 -u test --record dialogue.jsonl --audit audit.log
gominer mine -o replay:dialogue.jsonl --replay-speed 10 --until shares=5
GOMINER_URL=pool.example.org:3333 GOMINER_USER=ADDRESS gominer mine`,
		Args:    p.noArgs,
		PreRunE: func(*cobra.Command, []string) error { return o.check() },
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.files.settings = givenValues(cmd)
			return p.mine(cmd.Context(), o, cmd.Flags())
		},
	}
	o.sources.flags(cmd)
	o.devices.flags(cmd)
	section(cmd, "Search", func(f *pflag.FlagSet) {
		untilVar(f, &o.engine.Until)
		f.BoolVar(&o.engine.SubmitStale, "submit-stale", false, "send shares whose job was replaced; some pools pay for them")
		f.Uint64Var(&o.engine.Start.Extranonce2, "start-extranonce2", 0, "begin with the extranonce2 `N` (0x… is hex), to find a known header again")
		f.Uint32Var(&o.engine.Start.Nonce, "start-nonce", 0, "begin with the nonce `N` (0x… is hex)")
	})
	o.files.flags(cmd)
	section(cmd, "Output", o.output.flags)
	configurable(cmd)
	o.output.completions(cmd)
	complete(cmd, "strategy", strategies.words)
	complete(cmd, "reconnect", reconnectPolicies.words)
	complete(cmd, "worker-spread", spreads.words)
	complete(cmd, "v2-channel", v2Channels.words)
	return cmd
}

// untilVar defines --until; each use adds a limit.
func untilVar(f *pflag.FlagSet, u *miner.Until) {
	valueVar(f, u, "until", "", "", "end with exit code 0 at `LIMIT`: shares=N or blocks=N accepted, or time=D; the first of several",
		func(s string) (miner.Until, error) {
			sum := *u
			err := addUntil(&sum, s)
			return sum, err
		})
}

// check looks at what can be wrong before anything is started.
func (o *mineOptions) check() error {
	for _, check := range []func() error{o.devices.check, o.sources.check, o.files.check, o.output.check} {
		if err := check(); err != nil {
			return verbError("mine", err)
		}
	}
	return nil
}

func (p *process) mine(ctx context.Context, o *mineOptions, flags *pflag.FlagSet) (err error) {
	hangups, stop := p.hangups() // first: a reload may come at any time
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	d := p.show(&o.output, cancel)
	cfg := o.engine
	if err := o.files.openAudit(d); err != nil {
		return verbError("mine", err)
	}
	defer func() { d.endAudit(nil, err) }()
	recording, err := o.files.openRecord(d.log)
	if err != nil {
		return verbError("mine", err)
	}
	defer closeFile(d.log, recording)
	kernels, err := chooseKernel(o.devices.kernel)
	if err != nil {
		return verbError("mine", err)
	}
	if cfg.Source, err = o.sources.open(d.log, recording, func() float64 { return o.devices.rate(kernels) }); err != nil {
		return verbError("mine", err)
	}
	if cfg.Devices, err = o.devices.open(ctx, d, kernels); err != nil {
		return verbError("mine", err)
	}
	r := &reloader{p: p, d: d, recording: recording, options: o, flags: flags, kernels: kernels, hangups: hangups}
	return d.mine(ctx, cfg, r.watch, o.devices.usb.watch)
}
