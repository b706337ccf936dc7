//go:build !(linux || windows || darwin)

package usb

// List returns nothing: this system isn't known to say what is plugged in.
func List() ([]Device, error) { return nil, nil }
