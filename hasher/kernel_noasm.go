//go:build purego || !amd64

package hasher

func archKernels() []archKernel { return nil }
