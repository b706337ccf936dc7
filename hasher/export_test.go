package hasher

import "github.com/klauspost/cpuid/v2"

// Compiled returns every kernel of this build, whether this CPU can run it or
// not.
func Compiled() []Kernel {
	var kernels []Kernel
	for _, k := range archKernels() {
		kernels = append(kernels, k.Kernel)
	}
	return append(kernels, minioKernel, genericKernel)
}

// Needs returns what the kernel of that name needs of the CPU, and what of it
// this one lacks.
func Needs(name string) (needs, lacks []cpuid.FeatureID) {
	for _, k := range archKernels() {
		if k.Name == name {
			return k.needs, k.missing()
		}
	}
	return nil, nil
}
