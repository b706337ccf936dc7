package usb

import "path/filepath"

// List returns the serial ports of USB adapters, by name. What they belong to
// takes the I/O kit to know, which can't be had without C.
func List() ([]Device, error) {
	paths, err := filepath.Glob("/dev/cu.usb*") // usbserial-1410, usbmodem14101
	if err != nil {
		return nil, err
	}
	var all []Device
	for _, path := range paths {
		all = append(all, Device{Path: path})
	}
	sortDevices(all)
	return all, nil
}
