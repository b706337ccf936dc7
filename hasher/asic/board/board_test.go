package board

import (
	"context"
	"errors"
	"math"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gominer/hasher/asic"
)

func openGamma(t *testing.T, g *gamma, volts float64, fan int) (*asic.Board, net.Conn) {
	t.Helper()
	c := g.plug()
	b, err := Bitaxe(BitaxeConfig{Chips: newChips(), Control: c, Voltage: volts, Fan: fan})
	if err != nil {
		t.Fatal(err)
	}
	return b, c
}

// TestBitaxe switches a board on and off again, and looks at the order.
func TestBitaxe(t *testing.T) {
	for _, f := range []form{oldForm, newForm} {
		synctest.Test(t, func(t *testing.T) {
			g := newGamma(t, f)
			b, _ := openGamma(t, g, 1.15, 60)
			if err := b.Reset(t.Context()); err != nil {
				t.Fatal(err)
			}
			g.do(func() {
				if !g.pin || math.Abs(g.volts()-1.15) > 0.002 || g.hz != bitaxeBus || g.fan[emcConfig] != 0x44 || g.fan[emcFanConfig] != emcFanByHost {
					t.Errorf("pin %v, %v V, %d Hz, fan %x %x", g.pin, g.volts(), g.hz, g.fan[emcConfig], g.fan[emcFanConfig])
				}
			})
			time.Sleep(5 * time.Second)
			h := b.Health()
			if h.Temperature != 53.5 || h.Fan != 60 || math.Abs(h.Power-1.15*14.5) > 0.1 {
				t.Errorf("health %+v", h)
			}
			if err := b.Reset(t.Context()); err != nil { // as after an error of the chip
				t.Fatal(err)
			}
			if err := b.Close(); err != nil {
				t.Error(err)
			}
			if s := g.safe(); s != "" {
				t.Errorf("after Close %s", s)
			}
			on := []string{"reset pin 0", "fan 37", "output 0x00", "output 0x80", "reset pin 1"}
			if f == newForm { // which is found out by a second try
				on = slices.Insert(on, 0, "reset pin 0")
			}
			if want := slices.Concat(on, on, []string{"reset pin 0", "output 0x00"}); !slices.Equal(g.log, want) {
				t.Errorf("order %q, want %q", g.log, want)
			}
		})
	}
}

// TestBitaxeRegisters holds what the regulator is told to numbers worked out by
// hand: ULINEAR16 with exponent -9, limits relative, and LINEAR11.
func TestBitaxeRegisters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGamma(t, newForm)
		b, _ := openGamma(t, g, 1.15, 0)
		defer b.Close()
		if err := b.Reset(t.Context()); err != nil {
			t.Fatal(err)
		}
		g.do(func() {
			for register, want := range map[byte][]byte{
				pmOnOffConfig:    {0x1f},
				pmVOutCommand:    {0x4d, 0x02}, // 589 = 1.15 * 512
				pmVOutMax:        {0xcd, 0x02}, // 717 = 1.4 * 512
				pmVOutOVFault:    {0x80, 0x02}, // 640 = 1.25 * 512
				pmVOutUVFault:    {0x80, 0x01}, // 384 = 0.75 * 512
				pmIOutOCFault:    {0xc0, 0xdb}, // 960 * 2^-5 = 30
				pmOTFault:        {0x44, 0xf2}, // 580 * 2^-2 = 145
				pmIOutOCResponse: {0xc0},
				pmPinDetect:      {0xff, 0xff},
				pmClearFaults:    {},
			} {
				if got, ok := g.tps[register]; !ok || string(got) != string(want) {
					t.Errorf("register %#02x: % x, want % x", register, got, want)
				}
			}
			if g.fan[emcFan] != emcFanMost {
				t.Errorf("the fan is at %d, want %d", g.fan[emcFan], emcFanMost)
			}
		})
	})
}

// TestBitaxeTrouble lets something go wrong while the chip hashes.
func TestBitaxeTrouble(t *testing.T) {
	for _, tt := range []struct {
		name string
		fail func(g *gamma, c net.Conn)
		want string
		deaf bool // nothing can be done about it
	}{
		{"too hot", func(g *gamma, _ net.Conn) { g.celsius = 80 }, "too hot: 80 °C", false},
		{"sensor open", func(g *gamma, _ net.Conn) { g.celsius = 127 }, "not connected", false},
		{"sensor short", func(g *gamma, _ net.Conn) { g.celsius = 127.875 }, "short circuit", false},
		{"a temperature that can't be", func(g *gamma, _ net.Conn) { g.celsius = -40 }, "says -40 °C", false},
		{"no fan controller", func(g *gamma, _ net.Conn) { g.gone[emc2101Address] = true }, "timeout", false},
		{"no regulator", func(g *gamma, _ net.Conn) { g.gone[tps546Address] = true }, "timeout", true},
		{"overcurrent", func(g *gamma, _ net.Conn) { g.trip = 0x0010 }, "STATUS_WORD 0x0050", false},
		{"the voltage sags", func(g *gamma, _ net.Conn) { g.sag = 0.2 }, "gives 1.000 V, not 1.200", false},
		{"silence", func(g *gamma, _ net.Conn) { g.deaf = true }, "no reply within", true},
		{"unplugged", func(_ *gamma, c net.Conn) { _ = c.Close() }, "closed", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGamma(t, oldForm)
				b, c := openGamma(t, g, 1.2, 50)
				defer b.Close()
				if err := b.Reset(t.Context()); err != nil {
					t.Fatal(err)
				}
				time.Sleep(3 * time.Second)
				g.do(func() { tt.fail(g, c) })
				_, err := b.Read(make([]byte, 1)) // as the driver does
				if !errors.Is(err, asic.ErrOff) || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("read: %v, want %q", err, tt.want)
				}
				if _, err := b.Write([]byte{1}); !errors.Is(err, asic.ErrOff) {
					t.Errorf("write: %v", err)
				}
				if s := g.safe(); s != "" && !tt.deaf {
					t.Error(s)
				}
				if g.fan[emcFan] != emcFanMost && !tt.deaf && !g.gone[emc2101Address] {
					t.Errorf("the fan is at %d", g.fan[emcFan])
				}
			})
		})
	}
}

// TestBitaxeRefuses is about boards that are not switched on.
func TestBitaxeRefuses(t *testing.T) {
	for _, tt := range []struct {
		name  string
		is    func(g *gamma)
		volts float64
		want  string
	}{
		{"another regulator", func(g *gamma) { g.tps[pmDeviceID] = []byte{6, 1, 2, 3, 4, 5, 6} }, 1.15, "no TPS546"},
		{"no regulator", func(g *gamma) { g.gone[tps546Address] = true }, 1.15, "only a Bitaxe Gamma"},
		{"another fan controller", func(g *gamma) { g.fan[emcMaker] = 0 }, 1.15, "no EMC2101"},
		{"a fan that stands", func(g *gamma) { g.sticks[emcFan] = []byte{0} }, 1.15, "is at 0"},
		{"hot", func(g *gamma) { g.celsius = 61 }, 1.15, "cool down to 60"},
		{"no sensor", func(g *gamma) { g.celsius = 127 }, 1.15, "not connected"},
		{"voltages in another way", func(g *gamma) { g.tps[pmVOutMode] = []byte{0x20} }, 1.15, "VOUT_MODE 0x20"},
		{"another voltage", func(g *gamma) { g.sticks[pmVOutCommand] = []byte{0, 3} }, 1.15, "took it for 1.500"},
		{"an output that stays on", func(g *gamma) { g.sticks[pmOperation] = []byte{operationOn} }, 1.15, "stays on"},
		{"silence", func(g *gamma) { g.deaf = true }, 1.15, "not that of bitaxe-raw"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGamma(t, newForm)
				tt.is(g)
				b, _ := openGamma(t, g, tt.volts, 50)
				if err := b.Reset(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v, want %q", err, tt.want)
				}
				g.do(func() {
					if g.pin || slices.Contains(g.log, "output 0x80") {
						t.Errorf("the board was switched on: %q", g.log)
					}
				})
				_ = b.Close()
				g.do(func() {
					want := byte(emcFanMost)
					if g.deaf || g.fan[emcMaker] != emcMakerSMSC || g.sticks[emcFan] != nil {
						want = 0 // what is not known is left alone
					}
					if g.fan[emcFan] != want {
						t.Errorf("the fan is at %d of %d, want %d", g.fan[emcFan], emcFanMost, want)
					}
				})
			})
		})
	}
}

func TestLimits(t *testing.T) {
	for _, volts := range []float64{0, 0.99, 1.31, 12, math.NaN(), -1} {
		a, c := newChips(), newGamma(t, newForm).plug()
		if _, err := Bitaxe(BitaxeConfig{Chips: a, Control: c, Voltage: volts}); err == nil || !strings.Contains(err.Error(), "want 1 to 1.3") {
			t.Errorf("Bitaxe with %v V: %v", volts, err)
		}
		<-a.closed
	}
	for _, volts := range []float64{0, 0.41, math.NaN()} {
		s := &stick{t: t}
		if _, err := Compac(CompacConfig{Chips: newChips(), Telemetry: s.plug(), Voltage: volts}); err == nil || !strings.Contains(err.Error(), "want 0.2 to 0.4") {
			t.Errorf("Compac with %v V: %v", volts, err)
		}
	}
	if _, err := Bitaxe(BitaxeConfig{Chips: newChips(), Control: newGamma(t, newForm).plug(), Voltage: 1.1, Fan: 101}); err == nil {
		t.Error("a fan at 101 %: no error")
	}
}

// TestBitaxeBadLine loses and garbles some replies, and lets one come late.
func TestBitaxeBadLine(t *testing.T) {
	for _, f := range []form{oldForm, newForm} {
		synctest.Test(t, func(t *testing.T) {
			g := newGamma(t, f)
			b, _ := openGamma(t, g, 1.15, 100)
			defer b.Close()
			if err := b.Reset(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, fault := range []func(){func() { g.lose = 2 }, func() { g.garble = 2 }, func() { g.late = 3 }} {
				g.do(fault)
				time.Sleep(5 * time.Second)
			}
			g.do(func() {
				if !g.pin || g.volts() == 0 || g.lose+g.garble+g.late > 0 {
					t.Errorf("pin %v, %v V; %d, %d, %d faults left", g.pin, g.volts(), g.lose, g.garble, g.late)
				}
			})
		})
	}
}

// TestCancelled gives up in the middle of switching on.
func TestCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGamma(t, oldForm)
		b, _ := openGamma(t, g, 1.15, 100)
		ctx, cancel := context.WithTimeout(t.Context(), riseTime+bitaxeLow+bitaxeHigh/2)
		defer cancel()
		if err := b.Reset(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if !g.pin {
			t.Error("it was given up too soon for this test")
		}
		_ = b.Close()
		if s := g.safe(); s != "" {
			t.Error(s)
		}
	})
}
