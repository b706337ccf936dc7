package cl

import (
	"runtime"
	"unsafe"
)

// Buffer is memory of a device, §5.2, in 32-bit words of its byte order, which is
// the host's on all devices that there are.
type Buffer struct {
	ctx   *Context
	id    uintptr
	words int
}

// Buffer returns memory of so many words, at least 1, of no certain content.
func (c *Context) Buffer(words int) (*Buffer, error) {
	const readWrite = 1
	var code int32
	id, err := c.lib.create(createBuffer, &code, c.id, readWrite, uintptr(4*words), 0, uintptr(unsafe.Pointer(&code)))
	if err != nil {
		return nil, err
	}
	return &Buffer{c, id, words}, nil
}

// WriteLater queues a copy of words to the beginning of b, which must stay as they
// are, and be pinned, until the event of a later command is done.
func (b *Buffer) WriteLater(words []uint32) error {
	return b.ctx.lib.check(enqueueWriteBuffer, b.ctx.queue, b.id, 0, 0, uintptr(4*min(len(words), b.words)),
		uintptr(unsafe.Pointer(unsafe.SliceData(words))), 0, 0, 0)
}

// ReadLater queues a copy of b's beginning into words, which the device has
// written when e is done. The memory must be pinned until then.
func (b *Buffer) ReadLater(words []uint32, e *Event) error {
	e.lib = b.ctx.lib
	return b.ctx.lib.check(enqueueReadBuffer, b.ctx.queue, b.id, 0, 0, uintptr(4*min(len(words), b.words)),
		uintptr(unsafe.Pointer(unsafe.SliceData(words))), 0, 0, uintptr(unsafe.Pointer(&e.id)))
}

// Close frees the memory.
func (b *Buffer) Close() { b.ctx.lib.call(releaseMemObject, b.id) }

// Event is a command that can be waited for, §5.9. The zero value is none; one
// may be used again after Wait.
type Event struct {
	lib *Library
	id  uintptr
}

// Done reports whether the command has ended, well or not. Wait must still be
// called: only it says that what was read is there.
func (e *Event) Done() (bool, error) {
	const executionStatus = 0x11d3
	var status int32
	if err := e.lib.check(getEventInfo, e.id, executionStatus, 4, uintptr(unsafe.Pointer(&status)), 0); err != nil {
		return false, err
	}
	if status < 0 {
		return true, &Error{Call: "the command", Code: status}
	}
	return status == 0, nil
}

// Wait waits for the command and frees e. Some drivers keep a processor busy
// meanwhile: poll Done first.
func (e *Event) Wait() error {
	err := e.lib.check(waitForEvents, 1, uintptr(unsafe.Pointer(&e.id)))
	e.lib.call(releaseEvent, e.id)
	e.id = 0
	return err
}

// Pinned returns words that stay where they are until free is called: what a
// device reads or writes while Go goes on.
func Pinned(words int) (memory []uint32, free func()) {
	memory = make([]uint32, words)
	pins := new(runtime.Pinner)
	pins.Pin(&memory[0])
	return memory, pins.Unpin
}
