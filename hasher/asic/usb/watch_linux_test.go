package usb

import (
	"bytes"
	"io"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Events as a kernel sent them.
const (
	added = "add@/devices/pci0000:00/0000:00:14.0/usb1/1-1/1-1:1.0/ttyUSB0/tty/ttyUSB0\x00ACTION=add\x00" +
		"DEVPATH=/devices/pci0000:00/0000:00:14.0/usb1/1-1/1-1:1.0/ttyUSB0/tty/ttyUSB0\x00SUBSYSTEM=tty\x00" +
		"MAJOR=188\x00MINOR=0\x00DEVNAME=ttyUSB0\x00SEQNUM=4711\x00"
	port0 = "add@/devices/pci0000:00/0000:00:14.0/usb1/1-1/1-1:1.0/ttyUSB0\x00ACTION=add\x00SUBSYSTEM=usb-serial\x00SEQNUM=4710\x00"
)

func TestSerialPortEvent(t *testing.T) {
	for _, tt := range []struct {
		name, event string
		want        bool
	}{
		{"added", added, true},
		{"removed", "remove" + added[3:], true},
		{"changed", "change" + added[3:], false},
		{"a part of it", port0, false},
		{"no end", added[:len(added)-1], true},
		{"no subsystem", "add@/x\x00ACTION=add\x00", false},
		{"udev's", "libudev\x00" + added, false},
		{"empty", "", false},
	} {
		if got := serialPortEvent([]byte(tt.event)); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func FuzzSerialPortEvent(f *testing.F) {
	for _, s := range []string{added, port0, "remove" + added[3:], "add@\x00SUBSYSTEM=tty", "@", "\x00\x00SUBSYSTEM=tty\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, event []byte) {
		before := bytes.Clone(event)
		if serialPortEvent(event) && !(bytes.Contains(event, []byte("\x00SUBSYSTEM=tty")) && bytes.Contains(event, []byte("@"))) {
			t.Error("a serial port without its subsystem")
		}
		if !bytes.Equal(before, event) {
			t.Error("the event was changed")
		}
	})
}

// messages is a reader of one message at a time; an error stands for a message
// where there is none.
type messages []any

func (m *messages) Read(b []byte) (int, error) {
	if len(*m) == 0 {
		return 0, io.EOF
	}
	next := (*m)[0]
	*m = (*m)[1:]
	if err, ok := next.(error); ok {
		return 0, err
	}
	return copy(b, next.(string)), nil
}

func TestHear(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   messages
		want int
	}{
		{"one of several", messages{port0, added, added}, 1},
		{"nothing of interest", messages{port0}, 0},
		{"some lost", messages{unix.ENOBUFS, port0}, 1},
	} {
		events := make(chan struct{}, 1)
		hear(&tt.in, events)
		if len(events) != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, len(events), tt.want)
		}
	}
}

// TestListen has the kernel repeat an event, where it lets us.
func TestListen(t *testing.T) {
	wake, stop := listen()
	defer stop()
	if wake == nil {
		t.Skip("the kernel does not tell")
	}
	if err := os.WriteFile("/sys/class/tty/console/uevent", []byte("add"), 0); err != nil {
		t.Skip(err)
	}
	select {
	case <-wake:
	case <-time.After(10 * time.Second): // as in a container that is told nothing
		t.Skip("the kernel was asked, and does not tell")
	}
}
