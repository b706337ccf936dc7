package usb

// reset is how an adapter reaches the reset line of the chips behind it.
type reset int

const (
	noReset     reset = iota
	ftdiShort         // pin CBUS1 of an FTDI FT-X, low for 30 ms: BM1387
	ftdiLong          // the same, low for 1 s: BM1397
	cp2105Latch       // the latch of a CP2105's first interface
)
