package cl

import (
	"fmt"
	"runtime"
	"strings"
	"unsafe"
)

// Context is a device at work: its context and one queue, whose commands run in
// the order in which they were given, §4.4 and §5.1.
type Context struct {
	dev       *Device
	lib       *Library
	id, queue uintptr
}

// Open makes the device ready for work. Close frees it.
func (d *Device) Open() (*Context, error) {
	var code int32
	props := [...]uintptr{0x1084, d.platform, 0} // CL_CONTEXT_PLATFORM
	id, err := d.lib.create(createContext, &code, uintptr(unsafe.Pointer(&props[0])), 1, uintptr(unsafe.Pointer(&d.id)), 0, 0, uintptr(unsafe.Pointer(&code)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.Name, err)
	}
	c := &Context{dev: d, lib: d.lib, id: id}
	if c.queue, err = d.lib.create(createCommandQueue, &code, id, d.id, 0, uintptr(unsafe.Pointer(&code))); err != nil {
		c.lib.call(releaseContext, id)
		return nil, fmt.Errorf("%s: %w", d.Name, err)
	}
	return c, nil
}

// Close frees the context, after all that was made with it.
func (c *Context) Close() {
	c.lib.call(releaseCommandQueue, c.queue)
	c.lib.call(releaseContext, c.id)
}

// Flush hands all commands given so far to the device.
func (c *Context) Flush() error { return c.lib.check(flush, c.queue) }

// Finish waits until the device has done all commands. Some drivers keep a
// processor busy meanwhile.
func (c *Context) Finish() error { return c.lib.check(finish, c.queue) }

// Program is a built program, §5.6.
type Program struct {
	ctx *Context
	id  uintptr
}

// Build compiles source. The error is a *BuildError if the compiler refused it.
func (c *Context) Build(source, options string) (*Program, error) {
	var code int32
	text := []byte(source)
	ptr, size := &text[0], uintptr(len(text))
	var pins runtime.Pinner
	defer pins.Unpin()
	pins.Pin(ptr)
	id, err := c.lib.create(createProgramWithSource, &code, c.id, 1, uintptr(unsafe.Pointer(&ptr)), uintptr(unsafe.Pointer(&size)), uintptr(unsafe.Pointer(&code)))
	if err != nil {
		return nil, err
	}
	return c.build(id, options)
}

// Load makes a program of what Binary returned for the same device and driver.
// Any other binary is refused by the driver, or is as safe as the driver is.
func (c *Context) Load(binary []byte, options string) (*Program, error) {
	if len(binary) == 0 {
		return nil, &Error{Call: createProgramWithBinary.name(), Code: -42}
	}
	var code, status int32
	ptr, size := &binary[0], uintptr(len(binary))
	var pins runtime.Pinner
	defer pins.Unpin()
	pins.Pin(ptr)
	id, err := c.lib.create(createProgramWithBinary, &code, c.id, 1, uintptr(unsafe.Pointer(&c.dev.id)), uintptr(unsafe.Pointer(&size)),
		uintptr(unsafe.Pointer(&ptr)), uintptr(unsafe.Pointer(&status)), uintptr(unsafe.Pointer(&code)))
	if err != nil {
		return nil, err
	}
	return c.build(id, options)
}

func (c *Context) build(id uintptr, options string) (*Program, error) {
	p := &Program{c, id}
	opts := append([]byte(options), 0)
	if err := c.lib.check(buildProgram, id, 1, uintptr(unsafe.Pointer(&c.dev.id)), uintptr(unsafe.Pointer(&opts[0])), 0, 0); err != nil {
		log := p.log()
		p.Close()
		return nil, &BuildError{Log: log, Err: err}
	}
	return p, nil
}

// log returns the first lines of what the compiler said.
func (p *Program) log() string {
	const buildLog = 0x1183
	var n uintptr
	l := p.ctx.lib
	if l.check(getProgramBuildInfo, p.id, p.ctx.dev.id, buildLog, 0, 0, uintptr(unsafe.Pointer(&n))) != nil || n == 0 || n > 16<<20 {
		return ""
	}
	b := make([]byte, n)
	if l.check(getProgramBuildInfo, p.id, p.ctx.dev.id, buildLog, n, uintptr(unsafe.Pointer(&b[0])), 0) != nil {
		return ""
	}
	var lines []string
	for line := range strings.Lines(string(b)) {
		if s := clean([]byte(line)); s != "" {
			lines = append(lines, s)
		}
		if len(lines) == 5 {
			break
		}
	}
	return strings.Join(lines, " | ")
}

// Binary returns what the device runs, for Load.
func (p *Program) Binary() ([]byte, error) {
	const binarySizes, binaries = 0x1165, 0x1166
	l := p.ctx.lib
	var size uintptr
	if err := l.check(getProgramInfo, p.id, binarySizes, unsafe.Sizeof(size), uintptr(unsafe.Pointer(&size)), 0); err != nil {
		return nil, err
	}
	if size == 0 || size > 64<<20 {
		return nil, fmt.Errorf("the driver says that the program has %d bytes", size)
	}
	b := make([]byte, size)
	ptr := &b[0]
	var pins runtime.Pinner
	defer pins.Unpin()
	pins.Pin(ptr)
	if err := l.check(getProgramInfo, p.id, binaries, unsafe.Sizeof(ptr), uintptr(unsafe.Pointer(&ptr)), 0); err != nil {
		return nil, err
	}
	return b, nil
}

// Close frees the program.
func (p *Program) Close() { p.ctx.lib.call(releaseProgram, p.id) }

// Kernel is a function of a program, with its arguments, §5.7.
type Kernel struct {
	ctx *Context
	id  uintptr
}

// Kernel returns the program's function of that name.
func (p *Program) Kernel(name string) (*Kernel, error) {
	var code int32
	s := append([]byte(name), 0)
	id, err := p.ctx.lib.create(createKernel, &code, p.id, uintptr(unsafe.Pointer(&s[0])), uintptr(unsafe.Pointer(&code)))
	if err != nil {
		return nil, fmt.Errorf("kernel %q: %w", name, err)
	}
	return &Kernel{p.ctx, id}, nil
}

// MaxLocal returns the largest work-group that the kernel can run with on the
// device, 1 if the driver doesn't tell.
func (k *Kernel) MaxLocal() int {
	const workGroupSize = 0x11b0
	var n uintptr
	if k.ctx.lib.check(getKernelWorkGroupInfo, k.id, k.ctx.dev.id, workGroupSize, unsafe.Sizeof(n), uintptr(unsafe.Pointer(&n)), 0) != nil {
		return 1
	}
	return max(1, int(n))
}

// SetBuffer makes b argument i.
func (k *Kernel) SetBuffer(i int, b *Buffer) error {
	return k.ctx.lib.check(setKernelArg, k.id, uintptr(i), unsafe.Sizeof(b.id), uintptr(unsafe.Pointer(&b.id)))
}

// SetUint32 makes v argument i.
func (k *Kernel) SetUint32(i int, v uint32) error {
	return k.ctx.lib.check(setKernelArg, k.id, uintptr(i), 4, uintptr(unsafe.Pointer(&v)))
}

// Launch queues the kernel with global work items in groups of local, which
// divides global. Arguments may be changed for the next launch at once.
func (k *Kernel) Launch(global, local int) error {
	g, l := uintptr(global), uintptr(local)
	return k.ctx.lib.check(enqueueNDRangeKernel, k.ctx.queue, k.id, 1, 0, uintptr(unsafe.Pointer(&g)), uintptr(unsafe.Pointer(&l)), 0, 0, 0)
}

// Close frees the kernel.
func (k *Kernel) Close() { k.ctx.lib.call(releaseKernel, k.id) }
