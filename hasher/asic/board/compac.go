package board

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/bits"
	"time"

	"gominer/hasher/asic"
	"gominer/miner"
)

// CompacConfig is a Compac or Terminus A1 or A2.
type CompacConfig struct {
	Chips     asic.Port
	Telemetry io.ReadWriteCloser              // its second port, 115200 baud
	Reset     func(ctx context.Context) error // of its adapter; nil: not known
	Voltage   float64                         // V, of each chip's core
	Fan       int                             // percent; 0: full speed
	Log       *slog.Logger                    // nil discards
}

// Voltages of a chip's core that a regulator of Compac is set to.
const (
	CompacA1Voltage   = 0.300 // as its maker delivers it
	CompacA2Voltage   = 0.270
	compacMostVoltage = 0.400
	compacLeastVolt   = 0.200
)

// Compac takes over the power of a Compac or Terminus A1 or A2. Its chips get it
// with the board's Reset. It closes the ports, also if it fails.
func Compac(cfg CompacConfig) (*asic.Board, error) {
	var err error
	switch {
	case !(cfg.Voltage >= compacLeastVolt && cfg.Voltage <= compacMostVoltage):
		err = fmt.Errorf("a core voltage of %v V: want %v to %v", cfg.Voltage, compacLeastVolt, compacMostVoltage)
	case cfg.Fan < 0 || cfg.Fan > 100:
		err = fmt.Errorf("a fan at %d %%: want 1 to 100", cfg.Fan)
	}
	if err != nil {
		return nil, errors.Join(err, cfg.Chips.Close(), cfg.Telemetry.Close())
	}
	if cfg.Fan == 0 {
		cfg.Fan = 100
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return newBoard(cfg.Chips, &compac{cfg: cfg, wire: newWire(cfg.Telemetry)}, watchEvery, cfg.Log), nil
}

// compac is a power: a microcontroller that answers requests of two bytes.
type compac struct {
	cfg  CompacConfig
	wire *wire
	has  telemetry
}

// telemetry is a version, and which sensors it has.
type telemetry struct {
	version byte // of hardware and firmware, 4 bits each
	mask    byte
}

// What its telemetry says that there is, by the place of its byte in the answer.
const (
	hasVIn = 1 << iota
	hasIIn
	hasVOut
	hasIOut
	hasTemperature
	hasTemperature2
	hasTach
	wideCurrent // the input current's scale is 41 A, not 6.4

	sensorBytes = 7
	leastBytes  = 5 // up to the temperature
)

const (
	// replyWait is how long a reply may take.
	replyWait = 300 * time.Millisecond

	// lagWait is how long after the first the last byte of the sensors may come:
	// how many there are is not said.
	lagWait = 50 * time.Millisecond

	// settleWait is what the regulator needs.
	settleWait = 200 * time.Millisecond

	// tries is how often something is read before it counts as unreadable.
	tries = 3

	compacHot  = 110 // °C at which the power is taken away
	compacCool = 60  // °C at which it may come back

	compacOffVolts = 0.1 // set before the regulator is switched off
)

// on powers the chips. What the regulator is told is seen in the sensors after it.
func (c *compac) on(ctx context.Context) error {
	if c.cfg.Reset != nil {
		if err := c.cfg.Reset(ctx); err != nil {
			return err
		}
	}
	if err := c.identify(ctx); err != nil {
		return err
	}
	s, err := c.read(ctx)
	if err != nil {
		return err
	}
	if t := s.hottest(); t > compacCool {
		return fmt.Errorf("it is at %.0f °C: it has to cool down to %d first", t, compacCool)
	}
	for _, o := range [][]byte{{'F', byte(c.cfg.Fan)}, {'V', voltageByte(c.cfg.Voltage)}, []byte("BO")} {
		if err := c.order(ctx, o); err != nil {
			return err
		}
	}
	if !sleep(ctx, settleWait) {
		return ctx.Err()
	}
	s, err = c.read(ctx)
	if err == nil && c.has.mask&hasVOut != 0 && s.vOut < c.cfg.Voltage/2 {
		err = fmt.Errorf("the regulator gives %.3f V after it was told to give %.3f", s.vOut, c.cfg.Voltage)
	}
	return err
}

// identify asks for the version, and so for what the sensors are.
func (c *compac) identify(ctx context.Context) error {
	version, err := c.byte(ctx, "?v")
	if err != nil {
		return fmt.Errorf("telemetry: version: %w", err)
	}
	c.has.version = version
	switch {
	case version>>4 == 1:
		c.has.mask = hasVIn | hasVOut | hasTemperature
	case version == 0x21:
		c.has.mask = hasVIn | hasIIn | hasVOut | hasTemperature | hasTemperature2 | hasTach
	case version>>4 == 2:
		c.has.mask = hasVIn | hasIIn | hasVOut | hasIOut | hasTemperature | hasTach | wideCurrent
	case version>>4 == 3:
		if c.has.mask, err = c.byte(ctx, "M."); err != nil {
			return fmt.Errorf("telemetry: sensors: %w", err)
		}
	default:
		return fmt.Errorf("telemetry: version %#02x is none that is known", version)
	}
	if c.has.mask&hasTemperature == 0 {
		return errors.New("telemetry: there is no sensor of temperature")
	}
	return nil
}

// byte asks for one.
func (c *compac) byte(ctx context.Context, request string) (b byte, err error) {
	for range tries {
		var got []byte
		got, err = c.wire.ask(ctx, []byte(request), replyWait, func(b []byte) bool { return len(b) > 0 })
		if err == nil {
			return got[0], nil
		}
		if !errors.Is(err, errNoReply) {
			break
		}
	}
	return 0, err
}

// order tells the board something. What it answers is not known to mean anything,
// and not all versions answer.
func (c *compac) order(ctx context.Context, request []byte) error {
	_, err := c.wire.ask(ctx, request, replyWait, func(b []byte) bool { return len(b) > 0 })
	if errors.Is(err, errNoReply) {
		return nil
	}
	return err
}

// read asks for the sensors until what they say can be true.
func (c *compac) read(ctx context.Context) (s compacSensors, err error) {
	for range tries {
		var got []byte
		got, err = c.wire.ask(ctx, []byte("G."), replyWait, func(b []byte) bool { return len(b) >= leastBytes })
		if err == nil {
			err = c.rest(ctx, &got)
		}
		switch {
		case err == nil:
			if s, err = c.has.decode(got); err == nil {
				return s, nil
			}
		case !errors.Is(err, errNoReply):
			return s, err
		}
	}
	return s, fmt.Errorf("telemetry: %w", err)
}

// rest adds the bytes of sensors that not every version has.
func (c *compac) rest(ctx context.Context, got *[]byte) error {
	want := bits.Len8(c.has.mask & (1<<sensorBytes - 1))
	t := time.NewTimer(lagWait)
	defer t.Stop()
	for len(*got) < want {
		select {
		case b, open := <-c.wire.came:
			if !open {
				return c.wire.why
			}
			*got = append(*got, b...)
		case <-t.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (c *compac) sense(ctx context.Context) (miner.Health, error) {
	s, err := c.read(ctx)
	if err != nil {
		return miner.Health{}, err
	}
	t := s.hottest()
	if t >= compacHot {
		return miner.Health{}, fmt.Errorf("it is too hot: %.0f °C, at most %d", t, compacHot)
	}
	c.cfg.Log.Debug("sensors", "in_v", s.vIn, "in_a", s.iIn, "core_v", s.vOut, "core_a", s.iOut, "celsius", s.t1, "celsius2", s.t2, "rpm", s.revolutions)
	return miner.Health{Temperature: t, Fan: float64(c.cfg.Fan), Power: s.vIn * s.iIn}, nil
}

func (c *compac) off(ctx context.Context, trouble bool) error {
	err := errors.Join(c.order(ctx, []byte{'V', voltageByte(compacOffVolts)}), c.order(ctx, []byte("B-")))
	if trouble {
		err = errors.Join(err, c.order(ctx, []byte{'F', 100}))
	}
	return err
}

func (c *compac) close() error { return c.wire.close() }

// voltageByte returns a core voltage as the regulator takes it, in steps of 5 mV.
func voltageByte(volts float64) byte { return byte(volts*1000/5 + 0.5) }

// compacSensors are the answer to "G."; what is not there is 0.
type compacSensors struct {
	vIn, vOut   float64 // V; vOut is that of one chip
	iIn, iOut   float64 // A
	t1, t2      float64 // °C
	revolutions float64 // a minute, of the fan
}

func (s *compacSensors) hottest() float64 { return max(s.t1, s.t2) }

// decode reads the sensors' bytes: VIN, IIN, VOUT, IOUT, T1, T2, TACH, each
// in its place, whether there is such a sensor or not. A temperature that can't be
// read is an error.
func (t telemetry) decode(b []byte) (s compacSensors, err error) {
	if len(b) < leastBytes || len(b) > sensorBytes {
		return s, fmt.Errorf("%d bytes of sensors, want %d to %d", len(b), leastBytes, sensorBytes)
	}
	const full = 2.048 // V, of the converter
	value := func(i int, scale float64) float64 {
		if i >= len(b) || t.mask>>i&1 == 0 {
			return 0
		}
		return float64(b[i]) / 255 * scale
	}
	vIn, iIn := full*12, full*3.125
	if t.version>>4 == 1 {
		vIn = 6
	}
	if t.mask&wideCurrent != 0 {
		iIn = full * 20
	}
	s.vIn, s.iIn = value(0, vIn), value(1, iIn)
	s.vOut, s.iOut = value(2, full/2), value(3, full*20)
	s.revolutions = value(6, 255*30)
	if s.t1, err = compacTemperature(b[4]); err != nil {
		return s, err
	}
	if t.mask&hasTemperature2 != 0 && len(b) > 5 {
		s.t2, err = compacTemperature(b[5])
	}
	return s, err
}

// compacTemperature returns °C: 0 to 218 are -50 to 125.
func compacTemperature(b byte) (float64, error) {
	switch {
	case b == 0:
		return 0, errors.New("the sensor of temperature says nothing")
	case b > 218:
		return 125, nil
	}
	return float64(b)*175/218 - 50, nil
}

// sleep waits for d, and reports whether ctx lasted as long.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
