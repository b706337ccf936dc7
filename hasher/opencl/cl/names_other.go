//go:build !linux

package cl

// macOS has one implementation, which is its own loader; Windows registers its
// drivers with the loader, which comes with each of them.
var (
	systemLoaders = []string{"OpenCL.dll", "/System/Library/Frameworks/OpenCL.framework/OpenCL"}
	systemDrivers []string
)
