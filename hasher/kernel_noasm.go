//go:build purego || (!amd64 && !arm64)

package hasher

func archKernels() []archKernel { return nil }
