package asic

import (
	"time"

	"gominer/hasher/asic/frame"
)

// bm13xxChip is what the chips of the family differ in.
type bm13xxChip struct {
	chip  frame.Chip
	mhz   float64       // of the clock unless the user says otherwise
	step  byte          // from a job's id to the next one's, modulo 128
	every time.Duration // a job is sent at least so often
	init  []bm13xxStep  // once the chips are counted, until they are ready for work
}

// bm13xxStep is one step of getting the chips ready.
type bm13xxStep struct {
	do    bm13xxDo
	reg   byte
	value uint32
	wait  time.Duration // afterwards; 0: bm13xxWait
}

// bm13xxDo is what a step does.
type bm13xxDo int

const (
	writeAll   bm13xxDo = iota // reg of all chips
	writeEach                  // reg of each; a chip gets all such steps in a row before the next has its turn
	writeFirst                 // reg of the chip nearest to the host
	inactive                   // takes the chips' addresses away
	addresses                  // gives them new ones
	ticket                     // which nonces are worth a reply
	versions                   // version rolling
	fast                       // a faster line
	ramp                       // raises the clock
	sweep                      // how long a core goes on through nonces, and which are whose
)

// bm13xxWait is how long a chip takes a register's value in.
const bm13xxWait = 10 * time.Millisecond

// bm13xxChips are by Config.Chip. The sequences are those that boards are known to
// be driven with: the BM1397 of a Compac F, the BM1362 of a Compac A1, the others
// of the Bitaxe. What a value means beyond its register's name is known of few.
var bm13xxChips = map[string]bm13xxChip{
	"bm1397": {
		chip: frame.BM1397, mhz: 425, step: 4, every: 100 * time.Millisecond,
		init: []bm13xxStep{
			{do: inactive, wait: 100 * time.Millisecond},
			{do: inactive, wait: 100 * time.Millisecond},
			{do: inactive, wait: 100 * time.Millisecond},
			{do: addresses},
			{reg: frame.RegClockOrder0, value: 0},
			{reg: frame.RegClockOrder1, value: 0, wait: 100 * time.Millisecond},
			{reg: frame.RegClockEnable, value: 1, wait: 50 * time.Millisecond},
			{reg: frame.RegCoreMailbox, value: 0x80008074, wait: 100 * time.Millisecond},
			{do: ticket, wait: 20 * time.Millisecond},
			{reg: frame.RegPLL3, value: 0xc0700111, wait: 50 * time.Millisecond},
			{reg: frame.RegPLL3, value: 0xc0700111, wait: 50 * time.Millisecond},
			{reg: frame.RegFastUART, value: 0x0600000f, wait: 100 * time.Millisecond},
			{do: fast, wait: fastWait},
			{do: ramp},
		},
	},
	"bm1362": {
		chip: frame.BM1362, mhz: 400, step: 8, every: 2 * time.Second,
		init: []bm13xxStep{
			{do: inactive, wait: 100 * time.Millisecond},
			{do: addresses},
			{reg: frame.RegCoreMailbox, value: 0x80008540},
			{reg: frame.RegCoreMailbox, value: 0x80008008, wait: 100 * time.Millisecond},
			{do: ticket, wait: 20 * time.Millisecond},
			{reg: frame.RegAnalogMux, value: 3, wait: 50 * time.Millisecond},
			{reg: frame.RegIODrive, value: 0x00011111, wait: 100 * time.Millisecond},
			{do: writeEach, reg: frame.RegSoftReset, value: 2},
			{do: writeEach, reg: frame.RegMiscControl, value: 0xb000c100},
			{do: writeEach, reg: frame.RegCoreMailbox, value: 0x80008540},
			{do: writeEach, reg: frame.RegCoreMailbox, value: 0x80008008},
			{do: writeEach, reg: frame.RegCoreMailbox, value: 0x800082aa},
			{do: ramp},
			{do: sweep},
			{do: versions},
		},
	},
	"bm1366": {
		chip: frame.BM1366, mhz: 485, step: 8, every: 2 * time.Second,
		init: []bm13xxStep{
			{reg: frame.RegSoftReset, value: 0x00070000},
			{reg: frame.RegMiscControl, value: 0xff0fc100},
			{do: inactive},
			{do: addresses},
			{reg: frame.RegCoreMailbox, value: 0x80008540},
			{reg: frame.RegCoreMailbox, value: 0x80008020},
			{do: ticket},
			{reg: frame.RegAnalogMux, value: 3},
			{reg: frame.RegIODrive, value: 0x02111111},
			{do: writeFirst, reg: frame.RegUARTRelay, value: 0x007c0003},
			{do: writeEach, reg: frame.RegSoftReset, value: 0x000701f0},
			{do: writeEach, reg: frame.RegMiscControl, value: 0xf000c100},
			{do: writeEach, reg: frame.RegCoreMailbox, value: 0x80008540},
			{do: writeEach, reg: frame.RegCoreMailbox, value: 0x80008020},
			{do: writeEach, reg: frame.RegCoreMailbox, value: 0x800082aa},
			{do: ramp},
			{do: sweep},
			{do: versions},
		},
	},
	"bm1368": {
		chip: frame.BM1368, mhz: 490, step: 24, every: 500 * time.Millisecond,
		init: []bm13xxStep{
			{do: inactive},
			{reg: frame.RegSoftReset, value: 0x00070000},
			{reg: frame.RegMiscControl, value: 0xff0fc100},
			{reg: frame.RegCoreMailbox, value: 0x80008b00},
			{reg: frame.RegCoreMailbox, value: 0x80008018},
			{reg: frame.RegTicketMask, value: 0x000000ff},
			{reg: frame.RegAnalogMux, value: 3},
			{reg: frame.RegIODrive, value: 0x02111111},
			{do: addresses},
			{do: writeEach, reg: frame.RegSoftReset, value: 0x000701f0},
			{do: writeEach, reg: frame.RegMiscControl, value: 0xf000c100},
			{do: writeEach, reg: frame.RegCoreMailbox, value: 0x80008b00},
			{do: writeEach, reg: frame.RegCoreMailbox, value: 0x80008018},
			{do: writeEach, reg: frame.RegCoreMailbox, value: 0x800082aa, wait: 500 * time.Millisecond},
			{do: ticket},
			{do: ramp},
			{do: sweep},
			{do: versions},
		},
	},
	"bm1370": {
		chip: frame.BM1370, mhz: 525, step: 24, every: 500 * time.Millisecond,
		init: []bm13xxStep{
			{do: versions},
			{reg: frame.RegSoftReset, value: 0x00070000},
			{reg: frame.RegMiscControl, value: 0xf000c100},
			{do: inactive},
			{do: addresses},
			{reg: frame.RegCoreMailbox, value: 0x80008b00},
			{reg: frame.RegCoreMailbox, value: 0x8000800c},
			{do: ticket},
			{reg: frame.RegIODrive, value: 0x00011111},
			{do: writeEach, reg: frame.RegSoftReset, value: 0x000701f0},
			{do: writeEach, reg: frame.RegMiscControl, value: 0xf000c100},
			{do: writeEach, reg: frame.RegCoreMailbox, value: 0x80008b00},
			{do: writeEach, reg: frame.RegCoreMailbox, value: 0x8000800c},
			{do: writeEach, reg: frame.RegCoreMailbox, value: 0x800082aa},
			{reg: frame.RegMiscSettings, value: 0x00004480},
			{reg: frame.RegAnalogMux, value: 2},
			{reg: frame.RegMiscSettings, value: 0x00004480},
			{reg: frame.RegCoreMailbox, value: 0x80008dee},
			{do: ramp},
			{do: sweep},
			{do: versions},
		},
	},
}
