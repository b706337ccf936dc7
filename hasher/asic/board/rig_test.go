package board

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
)

// chips is a port to chips that say nothing.
type chips struct {
	closed chan struct{}
	once   sync.Once
}

func newChips() *chips { return &chips{closed: make(chan struct{})} }

func (c *chips) Read([]byte) (int, error) {
	<-c.closed
	return 0, os.ErrClosed
}

func (c *chips) Write(b []byte) (int, error) {
	select {
	case <-c.closed:
		return 0, os.ErrClosed
	default:
		return len(b), nil
	}
}

func (c *chips) SetBaud(int) error { return nil }

func (c *chips) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

// gamma is a Bitaxe Gamma in software behind its control port: register files of
// the regulator and of the fan controller, the reset pin, and what comes of them.
type gamma struct {
	form form
	t    *testing.T

	mu      sync.Mutex
	pin     bool // the chip is out of reset
	hz      uint32
	fan     [256]byte
	tps     map[byte][]byte
	celsius float64
	sag     float64         // V that the output lacks
	trip    uint16          // STATUS_WORD
	gone    map[byte]bool   // addresses of I2C that don't answer
	lose    int             // so many replies get lost
	garble  int             // so many come as garbage
	late    int             // so many come after one of an earlier request
	deaf    bool            // nothing is answered
	sticks  map[byte][]byte // registers that stay as they are
	log     []string        // what switched something
}

func newGamma(t *testing.T, f form) *gamma {
	g := &gamma{form: f, t: t, celsius: 41.5, gone: map[byte]bool{}, sticks: map[byte][]byte{}}
	g.fan[emcMaker], g.fan[emcProduct], g.fan[emcConfig] = emcMakerSMSC, emcProductR, 0x40
	g.tps = map[byte][]byte{
		pmDeviceID: append([]byte{6}, tps546IDs[1]...), pmVOutMode: {0x97}, pmOperation: {operationOn}, pmVOutCommand: {0x33, 0x02},
	}
	return g
}

// plug returns the host's end of the control port.
func (g *gamma) plug() net.Conn {
	host, board := net.Pipe()
	go g.serve(board)
	return host
}

func (g *gamma) serve(c net.Conn) {
	defer c.Close()
	for {
		head := make([]byte, 2)
		if _, err := io.ReadFull(c, head); err != nil {
			return
		}
		n := binary.LittleEndian.Uint16(head)
		if n < 6 {
			g.t.Errorf("a request of length %d", n)
			return
		}
		rest := make([]byte, n-2)
		if _, err := io.ReadFull(c, rest); err != nil {
			return
		}
		if reply := g.answer(rest); reply != nil {
			if _, err := c.Write(reply); err != nil {
				return
			}
		}
	}
}

func (g *gamma) answer(b []byte) []byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	id, page, command, data := b[0], b[2], b[3], b[4:]
	if g.deaf || b[1] != 0 {
		return nil
	}
	out, status := []byte(nil), byte(0)
	switch {
	case page == pageGPIO && command == bitaxeReset && len(data) == 1:
		g.pin = data[0] == 1
		g.log = append(g.log, fmt.Sprintf("reset pin %d", data[0]))
		out = data
	case page == pageI2C && command == i2cFrequency && len(data) == 4:
		g.hz = binary.LittleEndian.Uint32(data)
	case page == pageI2C && len(data) >= 2 && g.gone[data[0]]:
		status = 0x10
	case page == pageI2C && command == i2cWrite && len(data) >= 2:
		g.write(data[0], data[1], data[2:])
	case page == pageI2C && command == i2cWriteRead && len(data) == 3:
		out = g.read(data[0], data[1], int(data[2]))
	default:
		status = 0x11
	}
	reply := g.frame(id, status, out)
	switch {
	case g.lose > 0:
		g.lose--
		return nil
	case g.garble > 0:
		g.garble--
		return bytes.Repeat([]byte{0xee}, 9)
	case g.late > 0:
		g.late--
		return append(g.frame(id-1, 0, []byte{1, 2, 3}), reply...)
	}
	return reply
}

func (g *gamma) frame(id, status byte, data []byte) []byte {
	if g.form == newForm {
		return append(append(binary.LittleEndian.AppendUint16(nil, uint16(4+len(data))), id, status), data...)
	}
	if status != 0 {
		data = []byte{0xff, status}
	}
	return append(append(binary.LittleEndian.AppendUint16(nil, uint16(len(data))), id), data...)
}

func (g *gamma) write(address, register byte, data []byte) {
	told := data
	if old, ok := g.sticks[register]; ok {
		data = old
	}
	switch address {
	case emc2101Address:
		if register == emcFan {
			g.log = append(g.log, fmt.Sprintf("fan %d", told[0]))
		}
		g.fan[register] = data[0]
	case tps546Address:
		if register == pmOperation {
			g.log = append(g.log, fmt.Sprintf("output %#02x", told[0]))
		}
		g.tps[register] = slices.Clone(data)
	}
}

func (g *gamma) read(address, register byte, n int) []byte {
	out := make([]byte, n)
	switch address {
	case emc2101Address:
		raw := int(math.Round(g.celsius * 8))
		switch register {
		case emcTemperatureHigh:
			return []byte{byte(raw >> 3)}
		case emcTemperatureLow:
			return []byte{byte(raw << 5)}
		}
		out[0] = g.fan[register]
	case tps546Address:
		reg := tps546{mode: g.tps[pmVOutMode][0]}
		switch register {
		case pmStatusWord:
			status := g.trip
			if g.volts() == 0 {
				status |= 0x0040
			}
			return binary.LittleEndian.AppendUint16(nil, status)
		case pmReadVOut:
			return binary.LittleEndian.AppendUint16(nil, reg.word16(g.volts()))
		case pmReadIOut:
			return binary.LittleEndian.AppendUint16(nil, toLinear11(14.5))
		case pmReadTemperature1:
			return binary.LittleEndian.AppendUint16(nil, toLinear11(g.celsius+12))
		}
		copy(out, g.tps[register])
	}
	return out
}

// volts returns what the output has.
func (g *gamma) volts() float64 {
	if g.tps[pmOperation][0] != operationOn || g.trip != 0 {
		return 0
	}
	reg := tps546{mode: g.tps[pmVOutMode][0]}
	return reg.volts(binary.LittleEndian.Uint16(g.tps[pmVOutCommand])) - g.sag
}

// do changes something while the board runs.
func (g *gamma) do(f func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f()
}

// safe reports what is wrong with a board that has to be off.
func (g *gamma) safe() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.pin:
		return "the chip is not in reset"
	case g.volts() != 0:
		return fmt.Sprintf("the output has %.2f V", g.volts())
	}
	return ""
}

// stick is the telemetry port of a Compac A1 or A2 in software.
type stick struct {
	t       *testing.T
	version byte
	mask    byte // of version 3

	mu      sync.Mutex
	celsius float64
	blind   bool // the sensor of temperature says nothing
	dead    bool // the regulator gives nothing
	deaf    bool // nothing is answered
	lose    int  // so many answers get lost
	mutters int  // so many answers have a byte before them
	on      bool
	volts   byte // as the regulator was told
	fan     byte
}

func (s *stick) plug() net.Conn {
	host, board := net.Pipe()
	go func() {
		defer board.Close()
		for {
			b := make([]byte, 2)
			if _, err := io.ReadFull(board, b); err != nil {
				return
			}
			if reply := s.answer(b); len(reply) > 0 {
				if _, err := board.Write(reply); err != nil {
					return
				}
			}
		}
	}()
	return host
}

func (s *stick) answer(b []byte) (reply []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.deaf {
		return nil
	}
	switch {
	case string(b) == "?v":
		reply = []byte{s.version}
	case string(b) == "M." && s.version>>4 == 3:
		reply = []byte{s.mask}
	case string(b) == "G.":
		reply = s.sensors()
	case b[0] == 'V' && b[1] <= 100:
		s.volts = b[1]
		reply = []byte{'k'}
	case string(b) == "BO", string(b) == "B-":
		s.on = b[1] == 'O'
		reply = []byte{'k'}
	case b[0] == 'F' && b[1] <= 100: // not every version answers
		s.fan = b[1]
	default:
		s.t.Errorf("the board was asked % x", b)
	}
	switch {
	case s.lose > 0:
		s.lose--
		return nil
	case s.mutters > 0:
		s.mutters--
		return append([]byte{'?'}, reply...)
	}
	return reply
}

func (s *stick) sensors() []byte {
	temperature := byte(math.Round((s.celsius + 50) * 218 / 175))
	if s.blind {
		temperature = 0
	}
	core := byte(0)
	if s.on && !s.dead {
		core = byte(float64(s.volts) * 0.005 / 1.024 * 255)
	}
	return []byte{52, 100, core, 30, temperature, temperature - 3, 80}
}

func (s *stick) do(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *stick) safe() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.on {
		return "the regulator is on"
	}
	return ""
}
