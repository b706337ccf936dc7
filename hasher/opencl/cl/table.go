package cl

// function is one of the functions that the package calls.
type function int

const (
	getPlatformIDs function = iota
	getPlatformInfo
	getDeviceIDs
	getDeviceInfo
	createContext
	releaseContext
	createCommandQueue
	releaseCommandQueue
	createBuffer
	releaseMemObject
	createProgramWithSource
	createProgramWithBinary
	releaseProgram
	buildProgram
	getProgramInfo
	getProgramBuildInfo
	createKernel
	releaseKernel
	setKernelArg
	getKernelWorkGroupInfo
	waitForEvents
	getEventInfo
	releaseEvent
	flush
	finish
	enqueueReadBuffer
	enqueueWriteBuffer
	enqueueNDRangeKernel

	functions // how many there are
)

// table is what the functions are called, and where each stands in the dispatch
// table that the first word of every object of an ICD points to (cl_icd_dispatch
// of cl_khr_icd): the way in where there is a driver but no loader.
var table = [functions]struct {
	name string
	slot int
}{
	getPlatformIDs:          {"clGetPlatformIDs", 0},
	getPlatformInfo:         {"clGetPlatformInfo", 1},
	getDeviceIDs:            {"clGetDeviceIDs", 2},
	getDeviceInfo:           {"clGetDeviceInfo", 3},
	createContext:           {"clCreateContext", 4},
	releaseContext:          {"clReleaseContext", 7},
	createCommandQueue:      {"clCreateCommandQueue", 9},
	releaseCommandQueue:     {"clReleaseCommandQueue", 11},
	createBuffer:            {"clCreateBuffer", 14},
	releaseMemObject:        {"clReleaseMemObject", 18},
	createProgramWithSource: {"clCreateProgramWithSource", 26},
	createProgramWithBinary: {"clCreateProgramWithBinary", 27},
	releaseProgram:          {"clReleaseProgram", 29},
	buildProgram:            {"clBuildProgram", 30},
	getProgramInfo:          {"clGetProgramInfo", 32},
	getProgramBuildInfo:     {"clGetProgramBuildInfo", 33},
	createKernel:            {"clCreateKernel", 34},
	releaseKernel:           {"clReleaseKernel", 37},
	setKernelArg:            {"clSetKernelArg", 38},
	getKernelWorkGroupInfo:  {"clGetKernelWorkGroupInfo", 40},
	waitForEvents:           {"clWaitForEvents", 41},
	getEventInfo:            {"clGetEventInfo", 42},
	releaseEvent:            {"clReleaseEvent", 44},
	flush:                   {"clFlush", 46},
	finish:                  {"clFinish", 47},
	enqueueReadBuffer:       {"clEnqueueReadBuffer", 48},
	enqueueWriteBuffer:      {"clEnqueueWriteBuffer", 49},
	enqueueNDRangeKernel:    {"clEnqueueNDRangeKernel", 59},
}

func (f function) name() string { return table[f].name }
