//go:build !linux

package usb

import "context"

// Reset returns what pulses the reset line of the device's chips, nil where no
// way to it is known: on this system there is none beside the adapter's driver.
func (d *Device) Reset() func(ctx context.Context) error { return nil }
