package main

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"gominer/hasher/asic/usb"
)

func TestDevicesUSB(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "ttyUSB0")
	list := []usb.Device{
		{Path: gone, Model: &usb.Model{Name: "GekkoScience R909", Chip: "bm1397", Chips: 6}, Vendor: 0x403, Product: 0x6015, Serial: "GS1", Location: "1-1.2", Driver: "ftdi_sio"},
		{Path: gone + "1", Model: &usb.Model{Name: "Block Erupter", Chip: "icarus", Probe: true}},
		{Path: gone + "4", Model: &usb.Model{Name: "Bitaxe", Chips: 1, Second: usb.Control}},
		{Path: gone + "2", Second: gone + "3", Manufacturer: "somebody", Text: "thing"},
	}
	f := newFake("devices")
	f.listUSB = func() ([]usb.Device, error) { return list, errors.New("and no more") }
	if code := f.run(); code != exitDone {
		t.Fatalf("exit code %d: %s", code, f.err.String())
	}
	for _, want := range []string{
		gone + "  GekkoScience R909\n     chips     6 × bm1397\n     USB       0403:6015, serial number GS1, at 1-1.2, driver ftdi_sio\n     mine with --usb " + gone + "=bm1397\n     port      ",
		gone + "1  Block Erupter, perhaps\n     chips     icarus\n     mine with --usb " + gone + "1=icarus\n     port      ",
		gone + "4  Bitaxe\n     chips     its owner knows which\n     mine with --usb " + gone + "4=CHIP,board=bitaxe,voltage=VOLTS\n     port      ",
		gone + "2  somebody thing\n     chips     unknown; if it is a miner, say which: --usb " + gone + "2=CHIP\n     second    " + gone + "3\n",
		"\nUSB: and no more\n",
	} {
		if got := f.out.String(); !strings.Contains(got, want) {
			t.Errorf("missing:\n%s\nin:\n%s", want, got)
		}
	}

	f = newFake("devices", "--json")
	f.listUSB = func() ([]usb.Device, error) { return list, nil }
	if code := f.run(); code != exitDone {
		t.Fatalf("exit code %d: %s", code, f.err.String())
	}
	var out struct {
		Devices []map[string]any `json:"devices"`
	}
	if err := json.Unmarshal([]byte(f.out.String()), &out); err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, d := range out.Devices {
		if d["kind"] == "usb" {
			kinds = append(kinds, d["model"].(string))
		}
		if d["name"] == gone && (d["known"] != true || d["chips"] != 6.0 || d["usb_id"] != "0403:6015" || d["serial_number"] != "GS1") {
			t.Errorf("got %v", d)
		}
	}
	if got := strings.Join(kinds, "|"); got != "GekkoScience R909|Block Erupter|Bitaxe|somebody thing" {
		t.Errorf("got %s", got)
	}
}
