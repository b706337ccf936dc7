//go:build !linux

package usb

// listen returns no channel: this system is polled.
func listen() (wake <-chan struct{}, stop func()) { return nil, func() {} }
