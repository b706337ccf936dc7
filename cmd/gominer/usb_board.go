package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"

	"gominer/hasher/asic"
	"gominer/hasher/asic/board"
	"gominer/hasher/asic/usb"
)

// chipBaud is at which rate chips begin to listen, unless their board is known to
// do otherwise, and second ports always.
const chipBaud = 115200

// The boards whose power is the host's business, as --usb names them.
const (
	boardBitaxe = "bitaxe"
	boardCompac = "compac"
)

var boards = []string{boardBitaxe, boardCompac}

// boardOptions are what --usb says of the board that a chip is on. What is zero
// was not said.
type boardOptions struct {
	kind    string  // one of boards
	control string  // path of its second port; "": that of the same USB device
	voltage float64 // V, of the chips' cores
	fan     int     // percent
}

// set takes an option KEY=VALUE, and reports whether it is one of a board.
func (o *boardOptions) set(key, value string) (known bool, err error) {
	switch key {
	case "board":
		for _, b := range boards {
			if value == b {
				o.kind = b
				return true, nil
			}
		}
		return true, fmt.Errorf("board=%s: there are %s", value, strings.Join(boards, " and "))
	case "control":
		if value == "" {
			return true, errors.New("control=: which port?")
		}
		o.control = value
	case "voltage":
		o.voltage, err = strconv.ParseFloat(value, 64)
		if err != nil || !(o.voltage > 0 && o.voltage < 5) {
			return true, fmt.Errorf("voltage=%s: want volts, such as 1.15", value)
		}
	case "fan":
		o.fan, err = strconv.Atoi(strings.TrimSuffix(value, "%"))
		if err != nil || o.fan < 1 || o.fan > 100 {
			return true, fmt.Errorf("fan=%s: want 1 to 100 percent", value)
		}
	default:
		return false, nil
	}
	return true, nil
}

// check looks at options that don't go together.
func (o *boardOptions) check() error {
	switch {
	case o.kind == boardBitaxe && o.voltage == 0:
		return errors.New("board=bitaxe: gominer does not choose a chip's voltage: say it, such as voltage=1.15 for a Bitaxe Gamma")
	case o.kind == "" && (o.voltage != 0 || o.fan != 0 || o.control != ""):
		return fmt.Errorf("voltage, fan and control are a board's: say which, board=%s", strings.Join(boards, " or board="))
	}
	return nil
}

// openBoard returns what opens the board of such chips at a path. What is plugged
// in there is looked at each time.
func (o boardOptions) openBoard(path, chip string, list func() ([]usb.Device, error), log *slog.Logger) func(context.Context) (*asic.Board, error) {
	return func(context.Context) (*asic.Board, error) {
		d := deviceAt(path, list)
		kind, second := o.kind, o.control
		if kind == "" && d.Model != nil && d.Model.Second == usb.Telemetry {
			kind = boardCompac // also where its second port can't be seen: nobody would watch its sensors
		}
		if second == "" {
			second = d.Second
		}
		if kind != "" && second == "" {
			return nil, fmt.Errorf("%s: which port of the board controls its power? Add board=%s,control=PATH", path, kind)
		}
		baud := chipBaud
		if d.Model != nil {
			baud = cmp.Or(d.Model.Baud, baud)
		}
		chips, err := usb.Open(path, baud)
		if err != nil {
			return nil, err
		}
		if kind == "" {
			return &asic.Board{Port: chips, Reset: d.Reset()}, nil
		}
		control, err := usb.Open(second, chipBaud)
		if err != nil {
			return nil, errors.Join(err, chips.Close())
		}
		if kind == boardBitaxe {
			return board.Bitaxe(board.BitaxeConfig{Chips: chips, Control: control, Voltage: o.voltage, Fan: o.fan, Log: log})
		}
		volts := o.voltage
		if volts == 0 {
			volts = board.CompacA2Voltage
			if chip == "bm1362" {
				volts = board.CompacA1Voltage
			}
		}
		return board.Compac(board.CompacConfig{Chips: chips, Telemetry: control, Reset: d.Reset(), Voltage: volts, Fan: o.fan, Log: log})
	}
}

// deviceAt returns what is plugged in at a path, or nothing but the path if that
// is not known.
func deviceAt(path string, list func() ([]usb.Device, error)) usb.Device {
	if real, err := filepath.EvalSymlinks(path); err == nil { // /dev/serial/by-id/...
		path = real
	}
	all, err := list()
	if err == nil {
		for _, d := range all {
			if d.Path == path {
				return d
			}
		}
	}
	return usb.Device{Path: path}
}
