package usb

import "fmt"

// maxBaud bounds what a port is set to: twice what the fastest chip takes.
const maxBaud = 12_000_000

// checkBaud refuses what no adapter does.
func checkBaud(baud int) error {
	if baud < 50 || baud > maxBaud {
		return fmt.Errorf("a baud rate of %d: want 50 to %d", baud, maxBaud)
	}
	return nil
}
