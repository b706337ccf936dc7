package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gominer/hasher/asic/emulate"
	"gominer/internal/units"
)

// emulateOptions are the flags of emulate.
type emulateOptions struct {
	board  emulate.Config
	link   string
	faults []string
	output
}

func newEmulate(p *process) *cobra.Command {
	o := &emulateOptions{}
	cmd := &cobra.Command{
		Use:   "emulate CHIP [flags]",
		Short: "Be a USB ASIC in software that really hashes",
		Long: `Puts chips in software behind a pseudo-terminal, which a miner opens as it would
open a serial port: drivers and set-ups can be tried without hardware. They read
what the miner sends as strictly as they can, and hash with the processor's
fastest kernel; so that nonces come every moment all the same, their hashes need
fewer zero bits than those of silicon, which the miner has to be told (zero-bits).

The chips are ` + strings.Join(emulate.Chips(), ", ") + `.

The first line on stdout is the path to open. It goes on until Ctrl-C.`,
		Example: `gominer emulate u1
gominer mine -o 127.0.0.1:3333 -u test --no-cpu --usb /dev/pts/3=u1,zero-bits=20
gominer emulate icarus --link /tmp/miner --zero-bits 24
gominer emulate u3 --fault noise --fault duplicate
gominer emulate u1 --fault list`,
		Args: cobra.ArbitraryArgs,
		PreRunE: func(_ *cobra.Command, args []string) error {
			if err := o.check(args); err != nil {
				return verbError("emulate", err)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return p.emulate(cmd.Context(), o) },
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) (chips []string, _ cobra.ShellCompDirective) {
			if len(args) == 0 {
				chips = emulate.Chips()
			}
			return chips, cobra.ShellCompDirectiveNoFileComp
		},
	}
	section(cmd, "Board", func(f *pflag.FlagSet) {
		f.StringVar(&o.link, "link", "", "make `PATH` a symbolic link to the pseudo-terminal, which has another name each time")
		f.IntVar(&o.board.Chips, "chips", 0, "put `N` chips on the board (default: as usual boards have)")
		f.IntVar(&o.board.ZeroBits, "zero-bits", emulate.DefaultZeroBits, "ask `N` zero bits of a nonce's hash, 32 as silicon does or fewer")
		valueVar(f, &o.board.Rate, "rate", "", "", "hash with `RATE` such as 2MH/s (default: what a thread of the processor gives)", parseRate)
		f.StringArrayVar(&o.faults, "fault", nil, "have `NAME` go wrong (repeat); list prints the names")
	})
	section(cmd, "Output", o.output.flags)
	cmd.Flags().Lookup("plain").Usage = "log lines only, as with --no-tui"
	o.output.completions(cmd)
	complete(cmd, "fault", func() (names []string) {
		for _, f := range emulate.Faults("") {
			names = append(names, string(f.Fault))
		}
		return append(names, listFaults)
	})
	return cmd
}

// check looks at what can be wrong before anything is started.
func (o *emulateOptions) check(args []string) error {
	chips := emulate.Chips()
	switch {
	case len(args) == 0:
		return usagef("which chip? One of %s", strings.Join(chips, ", "))
	case len(args) > 1:
		return usagef("one chip, not %d: start it once for each", len(args))
	}
	o.board.Chip = strings.ToLower(args[0])
	if !slices.Contains(chips, o.board.Chip) {
		return usagef("there is no chip %q%s; there are %s", args[0], didYouMean(args[0], chips), strings.Join(chips, ", "))
	}
	var names []string
	for _, f := range emulate.Faults(o.board.Chip) {
		names = append(names, string(f.Fault))
	}
	for _, f := range o.faults {
		if f != listFaults && !slices.Contains(names, f) {
			return usagef("--fault %q: a board of %s has no such fault%s; --fault list prints them", f, o.board.Chip, didYouMean(f, names))
		}
		o.board.Faults = append(o.board.Faults, emulate.Fault(f))
	}
	if slices.Contains(o.faults, listFaults) {
		o.board.Faults = nil
	}
	if _, err := emulate.New(o.board); err != nil {
		return usagef("%w", err)
	}
	return o.output.check()
}

func (p *process) emulate(ctx context.Context, o *emulateOptions) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	d := p.show(&o.output, cancel)
	if slices.Contains(o.faults, listFaults) {
		return d.printBoardFaults(o.board.Chip)
	}
	kernels, err := chooseKernel(autoKernel)
	if err != nil {
		return verbError("emulate", err)
	}
	o.board.Kernel = kernels.plain.Kernel
	if kernels.versions != nil {
		o.board.VersionKernel = kernels.versions.Kernel
	}
	o.board.Log = d.log
	board, err := emulate.New(o.board)
	if err != nil {
		return verbError("emulate", usagef("%w", err))
	}
	began := time.Now()
	stop := d.watch(ctx, func() string { return emulateLine(board, began) }, func() {
		s, _ := board.Stats()
		d.log.Info("progress", "rate", units.Hashrate(float64(s.Hashes)/time.Since(began).Seconds()), "works", s.Works, "nonces", s.Nonces, "refused", s.Refused)
	})
	first := true
	err = board.Run(ctx, o.link, func(path string) {
		if err := d.announceBoard(board, o.board.Chip, path, first); err != nil {
			cancel(err)
		}
		first = false
	})
	stop()
	if err != nil && ctx.Err() == nil {
		return verbError("emulate", err)
	}
	if err := d.summarizeBoard(board, time.Since(began)); err != nil {
		return err
	}
	return context.Cause(ctx)
}

// mineLine returns what to type to mine with a board at path.
func mineLine(board *emulate.Emulator, chip, path string) string {
	return fmt.Sprintf("gominer mine -o POOL -u USER --no-cpu --usb %s=%s,zero-bits=%d", path, chip, board.ZeroBits())
}

// announceBoard says where the board is: the first line on stdout.
func (d *display) announceBoard(board *emulate.Emulator, chip, path string, first bool) error {
	model, chips := board.Model()
	if d.events != nil {
		return d.events.out.write(time.Now(), "plugged", []slog.Attr{
			slog.String("path", path), slog.String("chip", chip), slog.String("model", model), slog.Int("chips", chips),
			slog.Int("zero_bits", board.ZeroBits()), slog.String("usb", fmt.Sprintf("%s=%s,zero-bits=%d", path, chip, board.ZeroBits())),
		})
	}
	if _, err := fmt.Fprintf(d.p.stdout, "%s\n", path); err != nil {
		return err
	}
	if first {
		return d.screen.print(model + ", " + units.Plural(uint64(chips), "chip") + "; to mine with it: " + mineLine(board, chip, path) + "\n")
	}
	return nil
}

// emulateLine says in one line how the board stands.
func emulateLine(board *emulate.Emulator, began time.Time) string {
	s, refusal := board.Stats()
	line := fmt.Sprintf("%s · %s · %s works, %s nonces", units.Span(time.Since(began)), units.Hashrate(float64(s.Hashes)/max(time.Since(began).Seconds(), 1)),
		units.Count(s.Works), units.Count(s.Nonces))
	if s.Refused > 0 {
		line += fmt.Sprintf(" · %s refused: %s", units.Count(s.Refused), refusal)
	}
	return line
}

// summarizeBoard says what came of the run: the last that stdout gets.
func (d *display) summarizeBoard(board *emulate.Emulator, elapsed time.Duration) error {
	s, refusal := board.Stats()
	if d.events != nil {
		return d.events.out.write(time.Now(), "summary", []slog.Attr{
			slog.Float64("elapsed_s", elapsed.Seconds()), slog.Uint64("works", s.Works), slog.Uint64("nonces", s.Nonces), slog.Uint64("hashes", s.Hashes),
			slog.Uint64("refused", s.Refused), slog.String("last_refusal", refusal), slog.Uint64("lost", s.Lost), slog.Uint64("faults", s.Faults),
		})
	}
	text := fmt.Sprintf("works: %s, nonces: %s, of %s hashes\n", units.Count(s.Works), units.Count(s.Nonces), units.Number(float64(s.Hashes)))
	if s.Faults+s.Lost > 0 {
		text += fmt.Sprintf("faults: %s, messages that the miner did not read: %s\n", units.Count(s.Faults), units.Count(s.Lost))
	}
	if s.Refused > 0 {
		text += fmt.Sprintf("refused: %s messages of the miner, the last since %s\n", units.Count(s.Refused), refusal)
	}
	_, err := fmt.Fprint(d.p.stdout, text)
	return err
}

// printBoardFaults prints the faults that a board can have.
func (d *display) printBoardFaults(chip string) error {
	for _, f := range emulate.Faults(chip) {
		var err error
		if d.events != nil {
			err = d.events.out.write(time.Now(), "fault", []slog.Attr{slog.String("name", string(f.Fault)), slog.String("about", f.Text)})
		} else {
			_, err = fmt.Fprintf(d.p.stdout, "  %-16s  %s\n", f.Fault, f.Text)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
