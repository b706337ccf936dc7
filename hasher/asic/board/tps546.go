package board

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// tps546 is a regulator TPS546D24A of Texas Instruments behind PMBus, PMBus
// specification 1.3 part II, as a Bitaxe Gamma has it.
type tps546 struct {
	bus  *raw
	mode byte // VOUT_MODE: the exponent of voltages, and whether limits are relative
}

const tps546Address = 0x24

// tps546IDs are what IC_DEVICE_ID says.
var tps546IDs = []string{"TIT\x6b\x24\x41", "TIT\x6d\x24\x41", "TIT\x6d\x24\x62"}

// PMBus commands, section numbers of part II in brackets.
const (
	pmOperation        = 0x01 // [12.1]
	pmOnOffConfig      = 0x02 // [12.2]
	pmClearFaults      = 0x03 // [15.1]
	pmPhase            = 0x04
	pmVOutMode         = 0x20
	pmVOutCommand      = 0x21
	pmVOutMax          = 0x24
	pmVOutMarginHigh   = 0x25
	pmVOutMarginLow    = 0x26
	pmVOutScaleLoop    = 0x29
	pmVOutMin          = 0x2b
	pmFrequencySwitch  = 0x33
	pmVInOn            = 0x35
	pmVInOff           = 0x36
	pmVOutOVFault      = 0x40
	pmVOutOVWarn       = 0x42
	pmVOutUVWarn       = 0x43
	pmVOutUVFault      = 0x44
	pmIOutOCFault      = 0x46
	pmIOutOCResponse   = 0x47
	pmIOutOCWarn       = 0x4a
	pmOTFault          = 0x4f
	pmOTResponse       = 0x50
	pmOTWarn           = 0x51
	pmVInOVFault       = 0x55
	pmVInOVResponse    = 0x56
	pmTOnDelay         = 0x60
	pmTOnRise          = 0x61
	pmTOnMax           = 0x62
	pmTOnMaxResponse   = 0x63
	pmTOffDelay        = 0x64
	pmTOffFall         = 0x65
	pmStatusWord       = 0x79
	pmReadVOut         = 0x8b
	pmReadIOut         = 0x8c
	pmReadTemperature1 = 0x8d
	pmDeviceID         = 0xad
	pmPinDetect        = 0xee // of TI: PIN_DETECT_OVERRIDE

	operationOff = 0x00 // at once
	operationOn  = 0x80

	// The output is on if the pin and OPERATION say so, and off without delay.
	onOffBoth = 0x1f

	relativeLimits = 0x80 // in VOUT_MODE

	// Bits of STATUS_WORD with which no chip is to be powered: off, overvoltage,
	// overcurrent, undervoltage of the input.
	statusBad = 0x0040 | 0x0020 | 0x0010 | 0x0008
)

// tpsMostVolts is what no later command can ask the regulator for more than.
const tpsMostVolts = 1.4

// setting is a register with what it is set to.
type setting struct {
	command byte
	kind    settingKind
	value   float64
}

type settingKind int

const (
	aByte settingKind = iota
	aWord
	linear11 // V, A, °C, ms, kHz
	linear16 // V, by VOUT_MODE
	limit16  // a part of the output's voltage
)

// settings are those of a Bitaxe Gamma: one phase, 650 kHz, 5 V in.
func (t *tps546) settings(volts float64) []setting {
	return []setting{
		{pmPhase, aByte, 0x00},
		{pmFrequencySwitch, linear11, 650},
		{pmVInOn, linear11, 4.8},
		{pmVInOff, linear11, 4.5},
		{pmVInOVFault, linear11, 6.5},
		{pmVInOVResponse, aByte, 0xb7},
		{pmVOutScaleLoop, linear11, 0.25},
		{pmVOutCommand, linear16, volts},
		{pmVOutMax, linear16, tpsMostVolts},
		{pmVOutMin, linear16, bitaxeLeastVolts},
		{pmVOutOVFault, limit16, 1.25},
		{pmVOutOVWarn, limit16, 1.16},
		{pmVOutMarginHigh, limit16, 1.10},
		{pmVOutMarginLow, limit16, 0.90},
		{pmVOutUVWarn, limit16, 0.90},
		{pmVOutUVFault, limit16, 0.75},
		{pmIOutOCWarn, linear11, 25},
		{pmIOutOCFault, linear11, 30},
		{pmIOutOCResponse, aByte, 0xc0},
		{pmOTWarn, linear11, 105},
		{pmOTFault, linear11, 145},
		{pmOTResponse, aByte, 0xff},
		{pmTOnDelay, linear11, 0},
		{pmTOnRise, linear11, 3},
		{pmTOnMax, linear11, 0},
		{pmTOnMaxResponse, aByte, 0x3b},
		{pmTOffDelay, linear11, 0},
		{pmTOffFall, linear11, 0},
		{pmPinDetect, aWord, 0xffff},
	}
}

// begin makes sure that the regulator is the one that is meant, and switches its
// output off.
func (t *tps546) begin(ctx context.Context) error {
	id, err := t.bus.read(ctx, tps546Address, pmDeviceID, 7) // a length, then the id
	if err != nil {
		return fmt.Errorf("regulator: %w (only a Bitaxe Gamma has the TPS546 that is looked for)", err)
	}
	if id[0] != 6 || !slices.Contains(tps546IDs, string(id[1:])) {
		return fmt.Errorf("the regulator is no TPS546: its id is % x", id)
	}
	if err := t.off(ctx); err != nil {
		return err
	}
	mode, err := t.bus.read(ctx, tps546Address, pmVOutMode, 1)
	if err != nil {
		return fmt.Errorf("regulator: %w", err)
	}
	if t.mode = mode[0]; t.mode&0x60 != 0 { // ULINEAR16
		return fmt.Errorf("the regulator counts voltages in a way that is not known: VOUT_MODE %#02x", t.mode)
	}
	return nil
}

// riseTime is how long the output's voltage takes to be steady.
const riseTime = 100 * time.Millisecond

// on sets all that the regulator watches by itself, switches the output on, and
// looks whether it has the voltage.
func (t *tps546) on(ctx context.Context, volts float64) error {
	if err := t.bus.write(ctx, tps546Address, pmOnOffConfig, onOffBoth); err != nil {
		return fmt.Errorf("regulator: %w", err)
	}
	for _, s := range t.settings(volts) {
		if err := t.bus.write(ctx, tps546Address, t.encode(s, volts)...); err != nil {
			return fmt.Errorf("regulator: %w", err)
		}
	}
	set, err := t.word(ctx, pmVOutCommand)
	if err != nil {
		return err
	}
	if got := t.volts(set); math.Abs(got-volts) > 0.01 {
		return fmt.Errorf("the regulator was told %.3f V and took it for %.3f", volts, got)
	}
	for _, b := range [][]byte{{pmClearFaults}, {pmOperation, operationOn}} {
		if err := t.bus.write(ctx, tps546Address, b...); err != nil {
			return fmt.Errorf("regulator: %w", err)
		}
	}
	if !sleep(ctx, riseTime) {
		return ctx.Err()
	}
	return t.check(ctx, volts)
}

// check looks whether the output has its voltage and nothing is wrong.
func (t *tps546) check(ctx context.Context, volts float64) error {
	status, err := t.word(ctx, pmStatusWord)
	if err != nil {
		return err
	}
	if status&statusBad != 0 {
		return fmt.Errorf("the regulator has switched off: STATUS_WORD %#04x", status)
	}
	out, err := t.word(ctx, pmReadVOut)
	if err != nil {
		return err
	}
	if got := t.volts(out); math.Abs(got-volts) > volts/10 {
		return fmt.Errorf("the regulator gives %.3f V, not %.3f", got, volts)
	}
	return nil
}

// measure returns the power of the output, in W, and the regulator's temperature,
// in °C.
func (t *tps546) measure(ctx context.Context) (watts, celsius float64, err error) {
	v, err := t.word(ctx, pmReadVOut)
	if err != nil {
		return 0, 0, err
	}
	i, err := t.word(ctx, pmReadIOut)
	if err != nil {
		return 0, 0, err
	}
	c, err := t.word(ctx, pmReadTemperature1)
	if err != nil {
		return 0, 0, err
	}
	return t.volts(v) * fromLinear11(i), fromLinear11(c), nil
}

// off switches the output off.
func (t *tps546) off(ctx context.Context) error {
	if err := t.bus.write(ctx, tps546Address, pmOperation, operationOff); err != nil {
		return fmt.Errorf("regulator: %w", err)
	}
	got, err := t.bus.read(ctx, tps546Address, pmOperation, 1)
	if err == nil && got[0] != operationOff {
		err = errors.New("it stays on")
	}
	if err != nil {
		return fmt.Errorf("regulator: %w", err)
	}
	return nil
}

func (t *tps546) word(ctx context.Context, command byte) (uint16, error) {
	b, err := t.bus.read(ctx, tps546Address, command, 2)
	if err != nil {
		return 0, fmt.Errorf("regulator: %w", err)
	}
	return binary.LittleEndian.Uint16(b), nil
}

// encode returns what is written for a setting; volts is the output's voltage.
func (t *tps546) encode(s setting, volts float64) []byte {
	v := uint16(s.value)
	switch s.kind {
	case aByte:
		return []byte{s.command, byte(v)}
	case linear11:
		v = toLinear11(s.value)
	case linear16:
		v = t.word16(s.value)
	case limit16:
		part := s.value
		if t.mode&relativeLimits == 0 {
			part *= volts
		}
		v = t.word16(part)
	}
	return binary.LittleEndian.AppendUint16([]byte{s.command}, v)
}

// exponent returns that of ULINEAR16: 5 bits, two's complement.
func (t *tps546) exponent() int { return int(int8(t.mode<<3) >> 3) }

func (t *tps546) word16(volts float64) uint16 {
	return uint16(min(max(math.Round(math.Ldexp(volts, -t.exponent())), 0), math.MaxUint16))
}

func (t *tps546) volts(word uint16) float64 { return math.Ldexp(float64(word), t.exponent()) }

// toLinear11 returns a number as PMBus's LINEAR11 [7.3]: an exponent of 5 bits and
// a mantissa of 11, both two's complement, as exact as that gets.
func toLinear11(v float64) uint16 {
	e := -16
	for math.Abs(math.Round(math.Ldexp(v, -e))) > 1023 && e < 15 {
		e++
	}
	m := min(max(math.Round(math.Ldexp(v, -e)), -1024), 1023)
	return uint16(e)<<11 | uint16(int16(m))&0x7ff
}

func fromLinear11(w uint16) float64 {
	return math.Ldexp(float64(int16(w<<5)>>5), int(int16(w)>>11))
}
