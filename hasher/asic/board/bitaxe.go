package board

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"gominer/hasher/asic"
	"gominer/miner"
)

// BitaxeConfig is a Bitaxe Gamma with bitaxe-raw firmware.
type BitaxeConfig struct {
	Chips   asic.Port
	Control io.ReadWriteCloser
	Voltage float64      // V, of the chip's core
	Fan     int          // percent; 0: full speed
	Log     *slog.Logger // nil discards
}

const (
	bitaxeLeastVolts = 1.0
	bitaxeMostVolts  = 1.3

	bitaxeReset = 0 // pin; low resets the chip

	bitaxeBus = 100_000 // Hz of I2C

	// Of the pulse, and what the chip needs after it.
	bitaxeLow  = 100 * time.Millisecond
	bitaxeHigh = 200 * time.Millisecond

	// diodeTime is how long after its reset the chip's sensor can't be believed.
	diodeTime = 500 * time.Millisecond

	bitaxeHot  = 80  // °C of the chip at which it is switched off
	tpsHot     = 105 // of the regulator
	bitaxeCool = 60  // of the chip at which it may come back

	// What can't be a temperature where people are.
	leastCelsius, mostCelsius = -20, 120
)

// Bitaxe takes over the power and the fan of a Bitaxe Gamma. Its chip gets power
// with the board's Reset. It closes the ports, also if it fails.
func Bitaxe(cfg BitaxeConfig) (*asic.Board, error) {
	var err error
	switch {
	case !(cfg.Voltage >= bitaxeLeastVolts && cfg.Voltage <= bitaxeMostVolts):
		err = fmt.Errorf("a core voltage of %v V: want %v to %v", cfg.Voltage, bitaxeLeastVolts, bitaxeMostVolts)
	case cfg.Fan < 0 || cfg.Fan > 100:
		err = fmt.Errorf("a fan at %d %%: want 1 to 100", cfg.Fan)
	}
	if err != nil {
		return nil, errors.Join(err, cfg.Chips.Close(), cfg.Control.Close())
	}
	if cfg.Fan == 0 {
		cfg.Fan = 100
	}
	return newBoard(cfg.Chips, newBitaxe(cfg), watchEvery, cfg.Log), nil
}

func newBitaxe(cfg BitaxeConfig) *bitaxe {
	bus := newRaw(cfg.Control)
	return &bitaxe{cfg: cfg, bus: bus, core: tps546{bus: bus}, fan: emc2101{bus: bus}}
}

// bitaxe is a power.
type bitaxe struct {
	cfg  BitaxeConfig
	bus  *raw
	core tps546
	fan  emc2101
	ran  time.Time // since when the chip is out of its reset; zero: it is not
}

// on powers the chip: the fan first, the voltage while it is in reset.
func (b *bitaxe) on(ctx context.Context) error {
	b.ran = time.Time{}
	if err := b.bus.begin(ctx, bitaxeReset); err != nil {
		return err
	}
	if err := b.bus.setFrequency(ctx, bitaxeBus); err != nil {
		return err
	}
	if err := b.fan.begin(ctx, b.cfg.Fan); err != nil {
		return err
	}
	if err := b.core.begin(ctx); err != nil {
		return err
	}
	c, err := b.celsius(ctx)
	if err != nil {
		return err
	}
	if c > bitaxeCool {
		return fmt.Errorf("it is at %.0f °C: it has to cool down to %d first", c, bitaxeCool)
	}
	if err := b.core.on(ctx, b.cfg.Voltage); err != nil {
		return err
	}
	if !sleep(ctx, bitaxeLow) {
		return ctx.Err()
	}
	if err := b.bus.setPin(ctx, bitaxeReset, true); err != nil {
		return err
	}
	b.ran = time.Now()
	if !sleep(ctx, bitaxeHigh) {
		return ctx.Err()
	}
	return nil
}

// celsius returns the chip's temperature. One that can't be is asked for again.
func (b *bitaxe) celsius(ctx context.Context) (c float64, err error) {
	for range tries {
		c, err = b.fan.temperature(ctx)
		if err == nil && !(c >= leastCelsius && c <= mostCelsius) {
			err = fmt.Errorf("the chip's sensor of temperature says %.0f °C", c)
		}
		if err == nil || !sleep(ctx, diodeTime/tries) {
			break
		}
	}
	return c, err
}

func (b *bitaxe) sense(ctx context.Context) (miner.Health, error) {
	h := miner.Health{Fan: float64(b.cfg.Fan)}
	if !b.ran.IsZero() && time.Since(b.ran) < diodeTime {
		return h, nil
	}
	c, err := b.celsius(ctx)
	if err != nil {
		return h, err
	}
	if c >= bitaxeHot {
		return h, fmt.Errorf("it is too hot: %.0f °C, at most %d", c, bitaxeHot)
	}
	if err := b.core.check(ctx, b.cfg.Voltage); err != nil {
		return h, err
	}
	watts, hot, err := b.core.measure(ctx)
	if err != nil {
		return h, err
	}
	if hot >= tpsHot {
		return h, fmt.Errorf("the regulator is too hot: %.0f °C, at most %d", hot, tpsHot)
	}
	h.Temperature, h.Power = max(c, hot), watts
	return h, nil
}

// off holds the chip in reset and takes its voltage away, each whether the other
// works or not. In trouble the fan goes as fast as it can.
func (b *bitaxe) off(ctx context.Context, trouble bool) error {
	b.ran = time.Time{}
	var err error
	if trouble && b.fan.known {
		err = b.fan.fan(ctx, 100)
	}
	return errors.Join(err, b.bus.setPin(ctx, bitaxeReset, false), b.core.off(ctx))
}

func (b *bitaxe) close() error { return b.bus.wire.close() }
