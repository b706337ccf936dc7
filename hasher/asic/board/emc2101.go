package board

import (
	"context"
	"errors"
	"fmt"
)

// emc2101 is a fan controller EMC2101 of Microchip, with a sensor of temperature
// in the chip that it cools.
type emc2101 struct {
	bus   *raw
	known bool // to be one: begin has asked
}

const (
	emc2101Address = 0x4c

	emcTemperatureHigh = 0x01 // °C, two's complement
	emcConfig          = 0x03
	emcTemperatureLow  = 0x10 // its three top bits are 1/8 °C
	emcFanConfig       = 0x4a
	emcFan             = 0x4c // 0 to 63
	emcProduct         = 0xfd
	emcMaker           = 0xfe

	emcTachInput  = 0x04 // in emcConfig: the pin is the fan's tachometer, not an alarm
	emcFanByHost  = 0x23 // in emcFanConfig: emcFan says how fast; 22 kHz
	emcFanMost    = 63
	emcMakerSMSC  = 0x5d
	emcProductA   = 0x16 // EMC2101
	emcProductR   = 0x28 // EMC2101-R
	emcDiodeOpen  = 0x3f8
	emcDiodeShort = 0x3ff
)

// begin makes sure that there is such a controller, and sets its fan.
func (e *emc2101) begin(ctx context.Context, percent int) error {
	maker, err := e.get(ctx, emcMaker)
	if err != nil {
		return err
	}
	product, err := e.get(ctx, emcProduct)
	if err != nil {
		return err
	}
	if maker != emcMakerSMSC || product != emcProductA && product != emcProductR {
		return fmt.Errorf("the fan controller is no EMC2101: maker %#02x, product %#02x", maker, product)
	}
	e.known = true
	config, err := e.get(ctx, emcConfig)
	if err != nil {
		return err
	}
	if err := e.set(ctx, emcConfig, config|emcTachInput); err != nil {
		return err
	}
	if err := e.set(ctx, emcFanConfig, emcFanByHost); err != nil {
		return err
	}
	return e.fan(ctx, percent)
}

// fan sets how fast it goes.
func (e *emc2101) fan(ctx context.Context, percent int) error {
	want := byte(percent * emcFanMost / 100)
	if err := e.set(ctx, emcFan, want); err != nil {
		return err
	}
	got, err := e.get(ctx, emcFan)
	if err == nil && got != want {
		err = fmt.Errorf("fan controller: the fan was set to %d of %d and is at %d", want, emcFanMost, got)
	}
	return err
}

// temperature returns that of the chip, in °C.
func (e *emc2101) temperature(ctx context.Context) (float64, error) {
	high, err := e.get(ctx, emcTemperatureHigh)
	if err != nil {
		return 0, err
	}
	low, err := e.get(ctx, emcTemperatureLow)
	if err != nil {
		return 0, err
	}
	return emcTemperature(high, low)
}

// emcTemperature returns °C from both registers.
func emcTemperature(high, low byte) (float64, error) {
	switch raw := uint16(high)<<3 | uint16(low)>>5; raw {
	case emcDiodeOpen:
		return 0, errors.New("the chip's sensor of temperature is not connected")
	case emcDiodeShort:
		return 0, errors.New("the chip's sensor of temperature has a short circuit")
	}
	return float64(int8(high)) + float64(low>>5)/8, nil
}

func (e *emc2101) get(ctx context.Context, register byte) (byte, error) {
	b, err := e.bus.read(ctx, emc2101Address, register, 1)
	if err != nil {
		return 0, fmt.Errorf("fan controller: %w", err)
	}
	return b[0], nil
}

func (e *emc2101) set(ctx context.Context, register, value byte) error {
	if err := e.bus.write(ctx, emc2101Address, register, value); err != nil {
		return fmt.Errorf("fan controller: %w", err)
	}
	return nil
}
