package usb

import (
	"slices"
	"strings"
)

// Second is what a second port of a board is for.
type Second int

const (
	None      Second = iota
	Telemetry        // sensors and a regulator
	Control          // of the whole board: without it the chips have no power
)

// Model is a miner, as far as its USB side tells.
type Model struct {
	Name   string // as people call it
	Chip   string // what a driver is chosen by; "": the board does not say, its owner has to
	Chips  int    // on the board; 0: as many as answer
	Baud   int    // its chips begin with
	Driver string // of the Linux kernel
	Second Second // what its second port is for

	// Probe: other things have the same identity, an adapter for anything
	// perhaps. Only an answer of its chips shows that it is a miner.
	Probe bool

	vendor   uint16   // 0: any
	products []uint16 // one of them; none: any
	makers   []string // iManufacturer is one of them; none: anything
	text     string   // iProduct begins with it, or is it where exact
	exact    bool
	each     bool // every port leads to chips of its own
	reset    reset
}

// USB ids of adapters.
const (
	vendorSiliconLabs = 0x10c4
	vendorFTDI        = 0x0403
	vendorProlific    = 0x067b
	vendorNXP         = 0x1fc9

	productCP210x = 0xea60 // CP2102 and CP2104
	productCP2105 = 0xea70
	productFTX    = 0x6015 // FT230X, FT231X
	productFT232R = 0x6001
	productFT232H = 0x6014
	productPL2303 = 0x2303
)

// gekko are the makers that sticks of GekkoScience name.
var gekko = []string{"GekkoScience", "bitshopperde"}

// models are tried in this order: what says more comes first.
var models = []Model{
	{Name: "GekkoScience Compac", Chip: "bm1384", Chips: 1, Baud: 115200, Driver: "cp210x",
		vendor: vendorSiliconLabs, products: []uint16{productCP210x}, makers: gekko, text: "Compac BM1384"},
	{Name: "GekkoScience 2Pac", Chip: "bm1384", Chips: 2, Baud: 115200, Driver: "cp210x",
		vendor: vendorSiliconLabs, products: []uint16{productCP210x}, makers: gekko, text: "2Pac BM1384"},
	{Name: "GekkoScience Terminus", Chip: "bm1384", Baud: 115200, Driver: "cp210x",
		vendor: vendorSiliconLabs, products: []uint16{productCP210x}, makers: gekko, text: "Terminus BM1384"},
	{Name: "GekkoScience NewPac", Chip: "bm1387", Chips: 2, Baud: 115200, Driver: "ftdi_sio", reset: ftdiShort,
		vendor: vendorFTDI, products: []uint16{productFTX}, makers: gekko, text: "NewPac"},
	{Name: "GekkoScience R606", Chip: "bm1387", Chips: 12, Baud: 115200, Driver: "ftdi_sio", reset: ftdiShort,
		vendor: vendorFTDI, products: []uint16{productFTX}, makers: gekko, text: "R606"},
	{Name: "GekkoScience Compac F", Chip: "bm1397", Chips: 1, Baud: 115200, Driver: "ftdi_sio", reset: ftdiLong,
		vendor: vendorFTDI, products: []uint16{productFTX}, makers: gekko, text: "CompacF"},
	{Name: "GekkoScience R909", Chip: "bm1397", Chips: 6, Baud: 115200, Driver: "ftdi_sio", reset: ftdiLong,
		vendor: vendorFTDI, products: []uint16{productFTX}, makers: gekko, text: "R909"},
	{Name: "GekkoScience Compac A1", Chip: "bm1362", Chips: 1, Baud: 115200, Driver: "cp210x", Second: Telemetry, reset: cp2105Latch,
		vendor: vendorSiliconLabs, products: []uint16{productCP2105}, text: "GekkoScience Compac A1"},
	{Name: "GekkoScience Terminus A1", Chip: "bm1362", Baud: 115200, Driver: "cp210x", Second: Telemetry, reset: cp2105Latch,
		vendor: vendorSiliconLabs, products: []uint16{productCP2105}, text: "GekkoScience Terminus A1"},
	{Name: "GekkoScience Compac A2", Chip: "bm1370", Chips: 1, Baud: 115200, Driver: "cp210x", Second: Telemetry, reset: cp2105Latch,
		vendor: vendorSiliconLabs, products: []uint16{productCP2105}, text: "GekkoScience Compac A2"},
	{Name: "GekkoScience Terminus A2", Chip: "bm1370", Baud: 115200, Driver: "cp210x", Second: Telemetry, reset: cp2105Latch,
		vendor: vendorSiliconLabs, products: []uint16{productCP2105}, text: "GekkoScience Terminus A2"},

	// Both with firmware that hands the chips over to a host. Bitaxe is what
	// boards of four kinds of chips call themselves, and a BitaxeBonanza is
	// something else.
	{Name: "Bitaxe", Chips: 1, Baud: 115200, Driver: "cdc_acm", Second: Control,
		makers: []string{"OSMU"}, text: "Bitaxe", exact: true},
	{Name: "EmberOne00", Chip: "bm1362", Chips: 12, Baud: 115200, Driver: "cdc_acm", Second: Control,
		makers: []string{"256F"}, text: "EmberOne00", exact: true},

	{Name: "Lancelot", Chip: "icarus", Chips: 2, Baud: 115200, Driver: "ftdi_sio", Probe: true,
		vendor: vendorFTDI, products: []uint16{productFT232R}, makers: []string{"BLT"}, text: "FT232R USB UART"},
	{Name: "Cairnsmore1", Chip: "icarus", Chips: 2, Baud: 115200, Driver: "ftdi_sio", each: true,
		vendor: vendorFTDI, products: []uint16{productFT232H, 0x8350}, text: "Cairnsmore1"},
	{Name: "Block Erupter or Antminer U1, U2, U3", Chip: "icarus", Baud: 115200, Driver: "cp210x", Probe: true,
		vendor: vendorSiliconLabs, products: []uint16{productCP210x}},
	{Name: "Icarus", Chip: "icarus", Chips: 2, Baud: 115200, Driver: "pl2303", Probe: true,
		vendor: vendorProlific, products: []uint16{productPL2303}},
	{Name: "Icarus of Avalon", Chip: "icarus", Baud: 115200, Driver: "cdc_acm", Probe: true,
		vendor: vendorNXP, products: []uint16{0x0083}},
}

// identify returns the model that d is by its ids and texts, nil for none.
func identify(d *Device) *Model {
	for i := range models {
		if m := &models[i]; m.is(d) {
			return m
		}
	}
	return nil
}

func (m *Model) is(d *Device) bool {
	switch {
	case m.vendor != 0 && m.vendor != d.Vendor,
		len(m.products) > 0 && !slices.Contains(m.products, d.Product),
		len(m.makers) > 0 && !slices.Contains(m.makers, d.Manufacturer):
		return false
	case m.exact:
		return d.Text == m.text
	}
	return strings.HasPrefix(d.Text, m.text)
}
