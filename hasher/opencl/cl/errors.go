package cl

import "fmt"

// Error is a call that failed.
type Error struct {
	Call string // "clBuildProgram"
	Code int32  // as OpenCL numbers them, below 0
}

// Codes that the package itself looks at.
const (
	deviceNotFound   = -1
	outOfHostMemory  = -6
	buildFailure     = -11
	platformNotFound = -1001
)

// codes are the errors by OpenCL's own names, §5 and cl.h, and what can be done
// about those that a user meets. Those without advice are mistakes of the caller.
var codes = map[int32]struct{ name, advice string }{
	-1:  {"CL_DEVICE_NOT_FOUND", "the driver sees no device: is it plugged in, and may you use it (Linux: groups render and video)?"},
	-2:  {"CL_DEVICE_NOT_AVAILABLE", "the device is in use by another program, or was reset"},
	-3:  {"CL_COMPILER_NOT_AVAILABLE", "the driver came without its compiler: install the whole driver"},
	-4:  {"CL_MEM_OBJECT_ALLOCATION_FAILURE", "the device's memory is full: end other programs that use it"},
	-5:  {"CL_OUT_OF_RESOURCES", "the device gave up, mostly after a crash or a time-out of the driver: look into the system's log, make batches shorter, undo overclocking"},
	-6:  {"CL_OUT_OF_HOST_MEMORY", "the machine's memory is full, or the driver can't reach the device: look into the system's log"},
	-7:  {"CL_PROFILING_INFO_NOT_AVAILABLE", ""},
	-8:  {"CL_MEM_COPY_OVERLAP", ""},
	-9:  {"CL_IMAGE_FORMAT_MISMATCH", ""},
	-10: {"CL_IMAGE_FORMAT_NOT_SUPPORTED", ""},
	-11: {"CL_BUILD_PROGRAM_FAILURE", "the driver's compiler refused the kernel; a newer driver may take it"},
	-12: {"CL_MAP_FAILURE", ""},
	-13: {"CL_MISALIGNED_SUB_BUFFER_OFFSET", ""},
	-14: {"CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST", "the launch failed on the device: look into the system's log"},
	-15: {"CL_COMPILE_PROGRAM_FAILURE", ""},
	-16: {"CL_LINKER_NOT_AVAILABLE", ""},
	-17: {"CL_LINK_PROGRAM_FAILURE", ""},
	-18: {"CL_DEVICE_PARTITION_FAILED", ""},
	-19: {"CL_KERNEL_ARG_INFO_NOT_AVAILABLE", ""},

	-30: {"CL_INVALID_VALUE", ""},
	-31: {"CL_INVALID_DEVICE_TYPE", ""},
	-32: {"CL_INVALID_PLATFORM", ""},
	-33: {"CL_INVALID_DEVICE", ""},
	-34: {"CL_INVALID_CONTEXT", ""},
	-35: {"CL_INVALID_QUEUE_PROPERTIES", ""},
	-36: {"CL_INVALID_COMMAND_QUEUE", "the device was reset"},
	-37: {"CL_INVALID_HOST_PTR", ""},
	-38: {"CL_INVALID_MEM_OBJECT", ""},
	-39: {"CL_INVALID_IMAGE_FORMAT_DESCRIPTOR", ""},
	-40: {"CL_INVALID_IMAGE_SIZE", ""},
	-41: {"CL_INVALID_SAMPLER", ""},
	-42: {"CL_INVALID_BINARY", "the cached kernel is of another driver: it is built again"},
	-43: {"CL_INVALID_BUILD_OPTIONS", ""},
	-44: {"CL_INVALID_PROGRAM", ""},
	-45: {"CL_INVALID_PROGRAM_EXECUTABLE", ""},
	-46: {"CL_INVALID_KERNEL_NAME", ""},
	-47: {"CL_INVALID_KERNEL_DEFINITION", ""},
	-48: {"CL_INVALID_KERNEL", ""},
	-49: {"CL_INVALID_ARG_INDEX", ""},
	-50: {"CL_INVALID_ARG_VALUE", ""},
	-51: {"CL_INVALID_ARG_SIZE", ""},
	-52: {"CL_INVALID_KERNEL_ARGS", ""},
	-53: {"CL_INVALID_WORK_DIMENSION", ""},
	-54: {"CL_INVALID_WORK_GROUP_SIZE", "the local size is not one of this device's: tune it again"},
	-55: {"CL_INVALID_WORK_ITEM_SIZE", "the local size is not one of this device's: tune it again"},
	-56: {"CL_INVALID_GLOBAL_OFFSET", ""},
	-57: {"CL_INVALID_EVENT_WAIT_LIST", ""},
	-58: {"CL_INVALID_EVENT", ""},
	-59: {"CL_INVALID_OPERATION", ""},
	-60: {"CL_INVALID_GL_OBJECT", ""},
	-61: {"CL_INVALID_BUFFER_SIZE", ""},
	-62: {"CL_INVALID_MIP_LEVEL", ""},
	-63: {"CL_INVALID_GLOBAL_WORK_SIZE", ""},
	-64: {"CL_INVALID_PROPERTY", ""},
	-65: {"CL_INVALID_IMAGE_DESCRIPTOR", ""},
	-66: {"CL_INVALID_COMPILER_OPTIONS", ""},
	-67: {"CL_INVALID_LINKER_OPTIONS", ""},
	-68: {"CL_INVALID_DEVICE_PARTITION_COUNT", ""},

	-1001: {"CL_PLATFORM_NOT_FOUND_KHR", "OpenCL's loader is there, but no driver is registered with it: install your GPU's OpenCL driver (Linux: a file in /etc/OpenCL/vendors names it)"},
}

// Name returns OpenCL's name of the error.
func (e *Error) Name() string {
	if c, ok := codes[e.Code]; ok {
		return c.name
	}
	return "an error that OpenCL does not name"
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s: %s (%d)", e.Call, e.Name(), e.Code)
	if a := codes[e.Code].advice; a != "" {
		s += ": " + a
	}
	return s
}

// BuildError is a kernel that the driver's compiler refused.
type BuildError struct {
	Log string // what the compiler said, a few lines at most
	Err error
}

func (e *BuildError) Error() string {
	if e.Log == "" {
		return e.Err.Error()
	}
	return e.Err.Error() + ": " + e.Log
}

func (e *BuildError) Unwrap() error { return e.Err }
