package board

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// raw is the control port of a board with bitaxe-raw firmware. A request is
//
//	length (2, little-endian, of it all)  id  bus (0)  page  command  data
//
// and there are two forms of the reply; an older firmware's can't tell an error
// from data that looks like one.
type raw struct {
	wire *wire
	form form
	id   byte
}

// form is that of replies.
type form int

const (
	unknownForm form = iota
	oldForm          // length (2, of the data alone)  id  data; an error is ff code
	newForm          // length (2, of it all)  id  status  data
)

// Pages and commands.
const (
	pageI2C  = 0x05
	pageGPIO = 0x06 // its command is a pin's number

	i2cFrequency = 0x10
	i2cWrite     = 0x20
	i2cWriteRead = 0x40
)

const (
	// rawWait is how long a reply may take.
	rawWait = 500 * time.Millisecond

	// mostReply is how many bytes of data a reply has at most.
	mostReply = 256
)

// errReply is why a reply is none.
var errReply = errors.New("a reply that makes no sense")

// statusError is what the firmware says of a request.
type statusError byte

func (e statusError) Error() string {
	switch e {
	case 0x10:
		return "the firmware says: timeout"
	case 0x11:
		return "the firmware says: invalid command"
	case 0x12:
		return "the firmware says: too much, or not allowed"
	case 0x13:
		return "the firmware says: fault"
	}
	return fmt.Sprintf("the firmware says: error %#02x", byte(e))
}

func newRaw(port io.ReadWriteCloser) *raw { return &raw{wire: newWire(port)} }

// replyLength returns how long the reply is that b begins with, 0 if b is too
// short to tell.
func replyLength(f form, b []byte) (int, error) {
	if len(b) < 2 {
		return 0, nil
	}
	n := int(binary.LittleEndian.Uint16(b))
	least, most := 4, 4+mostReply // id and status
	if f == oldForm {
		n += 3
		least, most = 3, 3+mostReply
	}
	if n < least || n > most {
		return 0, fmt.Errorf("%w: length %d", errReply, n)
	}
	return n, nil
}

// decodeReply returns the id and the data of a whole reply. want is how many bytes
// of data it should have, -1 if any number will do.
func decodeReply(f form, b []byte, want int) (id byte, data []byte, err error) {
	n, err := replyLength(f, b)
	if err != nil || n == 0 || len(b) < n {
		return 0, nil, errReply
	}
	id = b[2]
	data = b[3:n]
	switch {
	case f == newForm && data[0] != 0:
		return id, nil, statusError(data[0])
	case f == newForm:
		data = data[1:]
	case len(data) >= 2 && data[0] == 0xff && (len(data) != want || data[1] >= 0x10 && data[1] <= 0x13):
		return id, nil, statusError(data[1]) // two bytes of data are taken for an error rather than the other way round
	}
	if want >= 0 && len(data) != want {
		return id, nil, fmt.Errorf("%w: %d bytes of data, want %d", errReply, len(data), want)
	}
	return id, data, nil
}

// do sends a request and returns the data of its reply; one that got lost is sent
// again. No request does more when it comes twice.
func (r *raw) do(ctx context.Context, want int, page, command byte, data ...byte) (reply []byte, err error) {
	for range tries {
		if reply, err = r.once(ctx, want, page, command, data); err == nil {
			return reply, nil
		}
		if ctx.Err() != nil || !errors.Is(err, errNoReply) && !errors.Is(err, errReply) {
			break
		}
	}
	return nil, err
}

func (r *raw) once(ctx context.Context, want int, page, command byte, data []byte) (reply []byte, err error) {
	r.id++
	request := binary.LittleEndian.AppendUint16(nil, uint16(6+len(data)))
	request = append(append(request, r.id, 0, page, command), data...)
	got, err := r.wire.ask(ctx, request, rawWait, func(b []byte) bool {
		for {
			n, err := replyLength(r.form, b)
			if err != nil {
				return true // it is looked at below
			}
			if n == 0 || len(b) < n {
				return false
			}
			if b[2] == r.id {
				return true
			}
			b = b[n:] // late, of a request that was given up
		}
	})
	if err != nil {
		return nil, err
	}
	for {
		n, err := replyLength(r.form, got)
		if err != nil {
			return nil, err
		}
		if got[2] == r.id {
			_, reply, err := decodeReply(r.form, got[:n], want)
			return reply, err
		}
		got = got[n:]
	}
}

// begin finds out which form replies have, by a request that is harmless at any
// time: to pull a pin low that resets the chips.
func (r *raw) begin(ctx context.Context, pin byte) error {
	var last error
	for _, f := range []form{oldForm, newForm} {
		r.form = f
		level, err := r.once(ctx, 1, pageGPIO, pin, []byte{0})
		if err == nil && level[0] == 0 {
			return nil
		}
		last = err
	}
	if last == nil {
		last = errReply
	}
	return fmt.Errorf("the control port is not that of bitaxe-raw: %w", last)
}

// setPin sets a pin high or low.
func (r *raw) setPin(ctx context.Context, pin byte, high bool) error {
	level := byte(0)
	if high {
		level = 1
	}
	got, err := r.do(ctx, 1, pageGPIO, pin, level)
	if err == nil && got[0] != level {
		err = errReply
	}
	if err != nil {
		return fmt.Errorf("pin %d: %w", pin, err)
	}
	return nil
}

// setFrequency sets that of the I2C bus, in Hz.
func (r *raw) setFrequency(ctx context.Context, hz uint32) error {
	_, err := r.do(ctx, -1, pageI2C, i2cFrequency, binary.LittleEndian.AppendUint32(nil, hz)...)
	if err != nil {
		return fmt.Errorf("I2C: %w", err)
	}
	return nil
}

// write writes to the device at an address of the bus.
func (r *raw) write(ctx context.Context, address byte, b ...byte) error {
	if _, err := r.do(ctx, -1, pageI2C, i2cWrite, append([]byte{address}, b...)...); err != nil {
		return fmt.Errorf("I2C %#02x, register %#02x: %w", address, b[0], err)
	}
	return nil
}

// read reads n bytes from a register on.
func (r *raw) read(ctx context.Context, address, register byte, n int) ([]byte, error) {
	b, err := r.do(ctx, n, pageI2C, i2cWriteRead, address, register, byte(n))
	if err != nil {
		return nil, fmt.Errorf("I2C %#02x, register %#02x: %w", address, register, err)
	}
	return b, nil
}
