package hasher

// Compiled returns every kernel of this build, whether this CPU can run it or
// not.
func Compiled() []Kernel {
	var kernels []Kernel
	for _, k := range archKernels() {
		kernels = append(kernels, k.Kernel)
	}
	return append(kernels, minioKernel, genericKernel)
}
