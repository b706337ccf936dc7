//go:build !purego

package hasher

func archKernels() []Kernel { return nil }
