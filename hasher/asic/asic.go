// Package asic mines with chips at the end of a serial line: USB sticks and small
// boards whose host draws the work. A Device is a miner.Device that passes whole
// headers on, with as many versions as the chips roll by themselves, and hashes
// every nonce that comes back, to judge each chip.
//
// The package opens no ports and knows no USB: Config.Open does. How the bytes on
// the line look is package frame's; what is sent when, in which order, and what
// silence means, is here, a file for each family of chips. The makers publish
// nothing: all of it was written from what other miners are known to send, and
// proven against chips in software.
package asic

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"gominer/miner"
)

// Port is a serial line to chips, 8N1. Read blocks until there is a byte; Close
// ends a Read and a Write in progress.
type Port interface {
	Read(p []byte) (int, error)
	Write(p []byte) (int, error)
	Close() error

	// SetBaud changes the rate in bits a second, once all that was written is sent.
	SetBaud(baud int) error
}

// Board is a port, at the rate that its chips begin with, and what else a board
// lets its host do. What is nil can't be done.
type Board struct {
	Port
	Reset  func(ctx context.Context) error // pulses the chips' reset line, or gives them their power
	Health func() miner.Health             // what the board's own sensors said last
}

// ErrOff is what a Board's port says after the board was switched off because
// something is wrong with it.
var ErrOff = errors.New("the board is switched off")

// Config says how to mine with one board. Name, Chip and Open are required.
type Config struct {
	Name  string // short and unique: "usb0"
	Model string // the board, as its maker calls it; "": what its chips are
	Chip  string // one of Chips
	Chips int    // that the board has; 0: as many as answer

	// Open opens the board. It is called again after each failure. While it fails
	// with fs.ErrNotExist it is called every second: somebody may plug it in.
	Open func(ctx context.Context) (*Board, error)

	Frequency float64 // of the chips' clock, MHz; 0: what is usual for them
	ZeroBits  int     // that any nonce's hash has: 32 in silicon, fewer in software; 0: 32

	Log *slog.Logger // nil discards
}

// families are the chips that are known, by the names that users give them.
var families = map[string]func(*Config) (family, error){
	"icarus":  newIcarus,
	"erupter": newIcarus,
	"u1":      newIcarus,
	"u2":      newIcarus,
	"u3":      newIcarus,
	"bm1384":  newBM1384,
	"bm1387":  newBM1387,
	"bm1397":  newBM13xx,
	"bm1362":  newBM13xx,
	"bm1366":  newBM13xx,
	"bm1368":  newBM13xx,
	"bm1370":  newBM13xx,
}

// Chips returns the names that Config.Chip takes, sorted.
func Chips() []string { return slices.Sorted(maps.Keys(families)) }

// Device is a miner.Device.
type Device struct {
	cfg    Config
	log    *slog.Logger
	family family
	resets int // since it last did well for a while; Run's

	mu    sync.Mutex
	model string
}

// New returns a Device that waits for Run.
func New(cfg Config) (*Device, error) {
	create, ok := families[cfg.Chip]
	if !ok {
		return nil, fmt.Errorf("%s: no driver for the chip %q; there are %s", cfg.Name, cfg.Chip, strings.Join(Chips(), ", "))
	}
	if cfg.ZeroBits == 0 {
		cfg.ZeroBits = 32
	}
	if cfg.ZeroBits < 1 || cfg.ZeroBits > 32 {
		return nil, fmt.Errorf("%s: %d zero bits: want 1 to 32", cfg.Name, cfg.ZeroBits)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.Log = cfg.Log.With("device", cfg.Name)
	f, err := create(&cfg)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cfg.Name, err)
	}
	return &Device{cfg: cfg, log: cfg.Log, family: f, model: cfg.Model}, nil
}

// Info describes the device.
func (d *Device) Info() miner.Info {
	d.mu.Lock()
	defer d.mu.Unlock()
	return miner.Info{Name: d.cfg.Name, Kind: "asic", Model: d.model}
}

// is notes what the chips said that they are, where the user said nothing.
func (d *Device) is(model string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cfg.Model == "" && model != "" {
		d.model = model
	}
}

// Probe reports why the board can't be mined with, if it can't: that nothing
// answers as such a chip does, for one. It must not be called beside Run.
func (d *Device) Probe(ctx context.Context) error {
	b, err := d.cfg.Open(ctx)
	if err != nil {
		return err
	}
	l := openLine(ctx, b)
	defer l.close()
	_, err = d.bringUp(ctx, l)
	return err
}

// bringUp resets the chips and gets them ready for work.
func (d *Device) bringUp(ctx context.Context, l *line) (chain, error) {
	if reset := l.board.Reset; reset != nil {
		if err := reset(ctx); err != nil {
			return chain{}, fmt.Errorf("reset: %w", err)
		}
		l.flush()
	}
	return d.family.bringUp(ctx, l)
}

const (
	// reopenEvery is how often a device that is not plugged in is looked for.
	reopenEvery = time.Second

	// mostResets is how often a device that errs too much is reset before it is
	// left out; after didWell without that they are forgotten.
	mostResets = 3
	didWell    = 10 * time.Minute
)

// Run mines until ctx ends or the device fails: it is unplugged, does not answer,
// or errs too much. It is reset each time; one that errs again and again is left
// out for good.
func (d *Device) Run(ctx context.Context, f *miner.Feed) error {
	b, err := d.cfg.Open(ctx)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &miner.Failure{Err: err, After: reopenEvery}
	case err != nil:
		return err
	}
	l := openLine(ctx, b)
	defer l.close()
	r := &run{d: d, f: f, l: l}
	began := time.Now()
	err = r.run(ctx)
	if time.Since(began) > didWell {
		d.resets = 0
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errLost):
		return &miner.Failure{Err: err, After: reopenEvery}
	case errors.Is(err, errErrs) && d.resets == mostResets:
		return &miner.Failure{Err: fmt.Errorf("%w, also after %d resets: lower its clock, cool it, try another port or cable", err, d.resets), After: -1}
	case errors.Is(err, errErrs):
		d.resets++
	}
	return err
}
