package frame

import "fmt"

// Op is what a command has a chip do.
type Op byte

// The operations that all chips from the BM1384 on know.
const (
	SetAddress    Op = iota // the first chip without an address takes it
	WriteRegister           // no reply
	ReadRegister            // replied with the value
	Inactive                // all chips forget their addresses and wait for new ones
)

// Command is a command to one chip of a chain or to all.
type Command struct {
	Op    Op
	All   bool   // WriteRegister and ReadRegister: every chip of the chain
	Addr  byte   // the chip's address, with SetAddress the new one; 0 where All is set
	Reg   byte   // WriteRegister and ReadRegister
	Value uint32 // WriteRegister
}

// String says what c does: "write 14 = 000000FF to all".
func (c Command) String() string {
	to := "all"
	if !c.All {
		to = fmt.Sprintf("%02X", c.Addr)
	}
	switch c.Op {
	case SetAddress:
		return fmt.Sprintf("set address %02X", c.Addr)
	case WriteRegister:
		return fmt.Sprintf("write %02X = %08X to %s", c.Reg, c.Value, to)
	case ReadRegister:
		return fmt.Sprintf("read %02X of %s", c.Reg, to)
	}
	return "chain inactive"
}

// Registers of the BM1397, BM1362, BM1366, BM1368 and BM1370. Not every chip has
// every one.
const (
	RegChipID       = 0x00 // chip id, core count, address
	RegPLL          = 0x08 // clock of the cores: PLL.Word
	RegNonceOffset  = 0x0c // bit 31 enables; bits 15-0 are bits 24-9 of the first nonce, as on the wire
	RegHCN          = 0x10 // hash counting number: ticks of 25 MHz for one sweep
	RegTicketMask   = 0x14 // TicketMask
	RegMiscControl  = 0x18 // BM1397: divider of the baud; later: which cores report nonces
	RegClockEnable  = 0x20 // BM1397: ordered clock enable
	RegFastUART     = 0x28 // divider of the baud
	RegUARTRelay    = 0x2c
	RegCoreMailbox  = 0x3c // registers of the cores
	RegAnalogMux    = 0x54
	RegIODrive      = 0x58
	RegPLL3         = 0x68 // BM1397; on later chips pads of a ring oscillator
	RegPLLDivider   = 0x70
	RegClockOrder0  = 0x80
	RegClockOrder1  = 0x84
	RegVersion      = 0xa4 // version rolling: Versions
	RegSoftReset    = 0xa8
	RegMiscSettings = 0xb9 // BM1370
)
