package cl

// The loaders and the drivers by the names that they are installed under.
var (
	systemLoaders = []string{"libOpenCL.so.1", "libOpenCL.so"}
	systemDrivers = []string{
		"libnvidia-opencl.so.1",
		"libamdocl64.so", "/opt/rocm/lib/libamdocl64.so",
		"libigdrcl.so", "/usr/lib/x86_64-linux-gnu/intel-opencl/libigdrcl.so",
		"libRusticlOpenCL.so.1", "libMesaOpenCL.so.1",
		"libpocl.so.2",
	}
)
