package hasher

// Compiled returns every kernel of this build, whether this CPU can run it or
// not.
func Compiled() []Kernel { return append(archKernels(), minioKernel, genericKernel) }
