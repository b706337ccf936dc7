package main

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gominer/hasher"
	"gominer/internal/units"
	"gominer/miner"
	"gominer/stratum"
	"gominer/stratum/pool"
)

// demoOptions are the flags of demo.
type demoOptions struct {
	devices    deviceOptions
	until      miner.Until
	difficulty float64 // 0: what suits the devices
	output
}

const (
	demoShareEvery = 1200 * time.Millisecond // on average, at the difficulty that suits the devices
	demoBlockEvery = 20 * time.Second        // ours, on average
	demoOthers     = 30 * time.Second        // somebody else's
)

func newDemo(p *process) *cobra.Command {
	o := &demoOptions{}
	cmd := &cobra.Command{
		Use:   "demo [flags]",
		Short: "See it work: a pool and a miner on this machine, no set-up",
		Long: `Starts the built-in pool on the loopback interface, with a chain of its own, and
mines on it over a real connection. Nothing leaves the machine and no coin is
earned, but every share is real work, checked by the pool.`,
		Example: `gominer demo
gominer demo --until time=1m
gominer demo --json --until shares=20`,
		Args:    p.noArgs,
		PreRunE: func(*cobra.Command, []string) error { return o.check() },
		RunE:    func(cmd *cobra.Command, _ []string) error { return p.demo(cmd.Context(), o) },
	}
	section(cmd, "Demonstration", func(f *pflag.FlagSet) {
		untilVar(f, &o.until)
		f.Float64Var(&o.difficulty, "difficulty", 0, "shares have the difficulty `D` (default: what gives one every second or two)")
	})
	o.devices.flags(cmd)
	section(cmd, "Output", o.output.flags)
	configurable(cmd)
	o.output.completions(cmd)
	return cmd
}

func (p *process) demo(ctx context.Context, o *demoOptions) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	d := p.show(&o.output, cancel)
	kernels, err := chooseKernel(o.devices.kernel)
	if err != nil {
		return verbError("demo", err)
	}
	rate := o.devices.rate(kernels)
	if o.difficulty == 0 {
		o.difficulty = demoDifficulty(rate)
	}
	server, err := o.pool(d, rate)
	if err != nil {
		return verbError("demo", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return verbError("demo", err)
	}
	source, err := stratum.New(stratum.Config{URL: "stratum+tcp://" + l.Addr().String(), User: "demo", Agent: agent(), Log: d.log})
	if err != nil {
		l.Close()
		return verbError("demo", err)
	}
	d.welcome(l.Addr().String(), o.difficulty, rate)
	devices, err := o.devices.open(ctx, d, kernels)
	if err != nil {
		l.Close()
		return verbError("demo", err)
	}

	// The pool goes on until the miner has its last answers.
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := server.Run(serving); err != nil {
			cancel(verbError("demo", err))
		}
	})
	wg.Go(func() {
		if err := server.Serve(serving, l); err != nil {
			cancel(verbError("demo", err))
		}
	})
	err = d.mine(ctx, miner.Config{Source: source, Devices: devices, Until: o.until}, o.devices.usb.watch)
	stop()
	wg.Wait()
	if d.events == nil {
		s := server.Stats()
		fmt.Fprintf(p.stdout, "the pool counted %s accepted, %s rejected, and %s\n",
			units.Count(s.Total.Accepted), units.Count(s.Total.Rejected), units.Plural(s.Found, "block"))
	}
	return err
}

func (o *demoOptions) check() error {
	err := checkDifficulty("difficulty", o.difficulty)
	if err == nil {
		err = o.devices.check()
	}
	if err == nil {
		err = o.output.check()
	}
	if err != nil {
		return verbError("demo", err)
	}
	return nil
}

// difficultyFor returns the difficulty that rate, in H/s, meets once in every on
// average.
func difficultyFor(rate float64, every time.Duration) float64 {
	return rate * every.Seconds() / (1 << 32)
}

// demoDifficulty returns the share difficulty at which rate, in H/s, gives a
// share every demoShareEvery: a round number.
func demoDifficulty(rate float64) float64 {
	d := difficultyFor(rate, demoShareEvery)
	step := math.Pow(10, math.Floor(math.Log10(d)))
	return math.Max(1, math.Round(d/step)) * step
}

// pool returns the demonstration's pool. What it logs is of interest only to who
// debugs it: the miner tells the same from its side.
func (o *demoOptions) pool(d *display, rate float64) (*pool.Pool, error) {
	t, err := hasher.TargetFromDifficulty(max(o.difficulty, difficultyFor(rate, demoBlockEvery)))
	if err != nil {
		return nil, usagef("--difficulty: %w", err)
	}
	chain := pool.NewSimulated()
	chain.Bits, chain.BlockEvery = t.Bits(), demoOthers
	cfg := pool.DefaultConfig()
	cfg.Source, cfg.Difficulty = chain, o.difficulty
	cfg.StaleGrace = 2 * time.Second // a block that we find should not make our next share a reject
	if o.logLevel() == slog.LevelDebug {
		cfg.Log = slog.New(o.log.handler(d, slog.LevelDebug)).With("by", "pool")
	}
	return pool.New(cfg)
}

// welcome says in a few lines what is about to be seen.
func (d *display) welcome(addr string, share, rate float64) {
	if d.events != nil {
		return
	}
	every := share * (1 << 32) / rate // seconds
	paint := painter(d.screen.colour)
	text := fmt.Sprintf("A pool on %s with a chain of its own, and a miner on it: nothing leaves this machine. At "+
		"difficulty %s a share comes about every %s s, a block every %.0f s. Ctrl-C ends it.",
		addr, units.Difficulty(share), units.Number(every), max(every, demoBlockEvery.Seconds()))
	width := helpWidth
	if w := d.screen.width(); w > 0 {
		width = min(w, width)
	}
	_ = d.screen.print(fmt.Sprintf("\n%s\n  %s\n\n", paint(bold, "gominer demo"), strings.Join(wrap(text, width-2), "\n  ")))
}
