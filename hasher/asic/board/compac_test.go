package board

import (
	"context"
	"errors"
	"math"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gominer/hasher/asic"
)

func openStick(t *testing.T, s *stick, volts float64, fan int) (*asic.Board, net.Conn) {
	t.Helper()
	c := s.plug()
	resets := 0
	b, err := Compac(CompacConfig{
		Chips: newChips(), Telemetry: c, Voltage: volts, Fan: fan,
		Reset: func(context.Context) error {
			if resets++; s.on {
				t.Error("reset while the regulator is on")
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if resets == 0 {
			t.Error("the adapter's reset was not used")
		}
	})
	return b, c
}

func TestCompac(t *testing.T) {
	for _, tt := range []struct {
		version, mask byte
		volts         float64
		watts         float64
	}{
		{0x12, 0, CompacA1Voltage, 0}, // its input current is not measured
		{0x20, 0, CompacA1Voltage, 52. / 255 * 2.048 * 12 * 100 / 255 * 2.048 * 20},
		{0x21, 0, CompacA2Voltage, 52. / 255 * 2.048 * 12 * 100 / 255 * 2.048 * 3.125},
		{0x30, 0x7f, CompacA2Voltage, 52. / 255 * 2.048 * 12 * 100 / 255 * 2.048 * 3.125},
		{0x30, 0x14, CompacA2Voltage, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &stick{t: t, version: tt.version, mask: tt.mask, celsius: 45, lose: 1}
			b, _ := openStick(t, s, tt.volts, 0)
			if err := b.Reset(t.Context()); err != nil {
				t.Fatalf("version %#x: %v", tt.version, err)
			}
			s.do(func() {
				if !s.on || float64(s.volts)*0.005 != tt.volts || s.fan != 100 {
					t.Errorf("on %v at %d, fan %d", s.on, s.volts, s.fan)
				}
				s.mutters = 1
			})
			time.Sleep(3 * time.Second)
			h := b.Health()
			if math.Abs(h.Temperature-45) > 0.5 || math.Abs(h.Power-tt.watts) > 1e-9 || h.Fan != 100 {
				t.Errorf("version %#x: health %+v, want %v W", tt.version, h, tt.watts)
			}
			if err := b.Close(); err != nil {
				t.Error(err)
			}
			if bad := s.safe(); bad != "" || s.volts != 20 {
				t.Errorf("after Close %s, voltage %d", bad, s.volts)
			}
		})
	}
}

func TestCompacTrouble(t *testing.T) {
	for _, tt := range []struct {
		name string
		fail func(s *stick, c net.Conn)
		want string
		deaf bool
	}{
		{"too hot", func(s *stick, _ net.Conn) { s.celsius = 111 }, "too hot: 111 °C", false},
		{"blind", func(s *stick, _ net.Conn) { s.blind = true }, "says nothing", false},
		{"silence", func(s *stick, _ net.Conn) { s.deaf = true }, "no reply", true},
		{"unplugged", func(_ *stick, c net.Conn) { _ = c.Close() }, "closed", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &stick{t: t, version: 0x20, celsius: 50}
				b, c := openStick(t, s, CompacA1Voltage, 40)
				defer b.Close()
				if err := b.Reset(t.Context()); err != nil {
					t.Fatal(err)
				}
				s.do(func() { tt.fail(s, c) })
				if _, err := b.Read(make([]byte, 1)); !errors.Is(err, asic.ErrOff) || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("read: %v, want %q", err, tt.want)
				}
				if bad := s.safe(); (bad != "" || s.fan != 100) && !tt.deaf {
					t.Errorf("%s, fan %d", bad, s.fan)
				}
			})
		})
	}
}

func TestCompacRefuses(t *testing.T) {
	for _, tt := range []struct {
		name string
		is   *stick
		want string
	}{
		{"another version", &stick{version: 0x40}, "0x40 is none that is known"},
		{"no sensor", &stick{version: 0x30, mask: 0x07}, "no sensor of temperature"},
		{"hot", &stick{version: 0x10, celsius: 70}, "cool down to 60"},
		{"a dead regulator", &stick{version: 0x10, celsius: 40, dead: true}, "gives 0.000 V"},
		{"silence", &stick{deaf: true}, "no reply"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := tt.is
				s.t = t
				b, _ := openStick(t, s, CompacA1Voltage, 40)
				if err := b.Reset(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v, want %q", err, tt.want)
				}
				_ = b.Close()
				if bad := s.safe(); bad != "" || s.fan != 100 && !s.deaf {
					t.Errorf("%s, fan %d", bad, s.fan)
				}
			})
		})
	}
}

func FuzzCompacSensors(f *testing.F) {
	f.Add(byte(0x10), byte(0x15), []byte{52, 0, 70, 0, 120, 0, 0})
	f.Add(byte(0x30), byte(0xff), []byte{255, 255, 255, 255, 255, 255, 255})
	f.Add(byte(0x21), byte(0x75), []byte{1, 2, 3, 4, 0})
	f.Fuzz(func(t *testing.T, version, mask byte, b []byte) {
		s, err := telemetry{version, mask}.decode(b)
		if err != nil {
			return
		}
		if !(s.hottest() > -50 && s.hottest() <= 125) || s.vIn < 0 || s.vIn > 25 || s.vOut > 1.025 || s.iIn > 41 || s.iOut > 41 || s.revolutions > 7650 {
			t.Errorf("% x: %+v", b, s)
		}
	})
}
