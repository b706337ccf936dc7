package usb

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// newPTY returns the end of a pseudo-terminal where chips would be, and the path
// of the other.
func newPTY(t *testing.T) (*os.File, string) {
	t.Helper()
	m, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		if os.Getenv("GOMINER_CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	n := 0
	onFile(t, m, func(fd int) (err error) {
		if err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err == nil {
			n, err = unix.IoctlGetInt(fd, unix.TIOCGPTN)
		}
		return err
	})
	return m, fmt.Sprintf("/dev/pts/%d", n)
}

func onFile(t *testing.T, f *os.File, do func(fd int) error) {
	t.Helper()
	if err := (&Port{file: f}).ioctl(do); err != nil {
		t.Fatal(err)
	}
}

func openPTY(t *testing.T) (*os.File, *Port) {
	t.Helper()
	m, path := newPTY(t)
	p, err := Open(path, 115200)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return m, p
}

func TestPort(t *testing.T) {
	m, p := openPTY(t)
	all := make([]byte, 256) // also what a terminal would take for an order
	for i := range all {
		all[i] = byte(i)
	}
	for _, way := range []struct {
		name string
		to   io.Writer
		from io.Reader
	}{{"to the chips", p, m}, {"to the host", m, p}} {
		if n, err := way.to.Write(all); n != len(all) || err != nil {
			t.Fatalf("%s: wrote %d, %v", way.name, n, err)
		}
		got := make([]byte, len(all))
		if _, err := io.ReadFull(way.from, got); err != nil || string(got) != string(all) {
			t.Errorf("%s: got % x, %v", way.name, got, err)
		}
	}
}

func TestSetBaud(t *testing.T) {
	m, p := openPTY(t)
	for _, baud := range []int{115740, 1_500_000, 1_041_667, 3_125_000, 57_600, 115200, 1_562_500} {
		if err := p.SetBaud(baud); err != nil {
			t.Fatal(err)
		}
		onFile(t, m, func(fd int) error {
			tio, err := unix.IoctlGetTermios(fd, unix.TCGETS2)
			if err == nil && (int(tio.Ospeed) != baud || int(tio.Ispeed) != baud || tio.Cflag&(unix.CSIZE|unix.PARENB|unix.CSTOPB) != unix.CS8) {
				t.Errorf("the line has %d baud, flags %#x, want %d, 8N1", tio.Ospeed, tio.Cflag, baud)
			}
			return err
		})
	}
	if err := p.SetBaud(0); err == nil {
		t.Error("0 baud: no error")
	}
	if err := p.checkSpeed(2_000_000); err == nil || !strings.Contains(err.Error(), "does 1562500 baud, not 2000000") {
		t.Errorf("an adapter that does less: %v", err)
	}
}

func TestOpenErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, taken := newPTY(t)
	first, err := Open(taken, 115200)
	if err != nil {
		t.Fatal(err)
	}
	gone, unplugged := newPTY(t)
	_ = gone.Close()
	for _, tt := range []struct {
		name, path string
		baud       int
		is         error
		want       string
	}{
		{"no such port", file + "2", 115200, fs.ErrNotExist, "gominer devices lists"},
		{"a file", file, 115200, nil, "no serial port"},
		{"a directory", filepath.Dir(file), 115200, nil, "is a directory"},
		{"in use", taken, 115200, ErrBusy, "in use"},
		{"unplugged", unplugged, 115200, nil, unplugged},
		{"too fast", taken, 20_000_000, nil, "want 50 to 12000000"},
	} {
		p, err := Open(tt.path, tt.baud)
		if p != nil || err == nil {
			t.Fatalf("%s: no error", tt.name)
		}
		if tt.is != nil && !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "open "+tt.path+": ") {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(taken, 115200)
	if err != nil {
		t.Fatalf("after Close: %v", err)
	}
	_ = again.Close()
}

// TestUnplug pulls the device out while the host reads, then uses the port on.
func TestUnplug(t *testing.T) {
	m, p := openPTY(t)
	read := make(chan error)
	go func() {
		_, err := p.Read(make([]byte, 16))
		read <- err
	}()
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-read; !errors.Is(err, ErrUnplugged) {
		t.Errorf("the read in progress: %v", err)
	}
	_, err := p.Read(make([]byte, 16))
	_, werr := p.Write([]byte{1})
	for what, err := range map[string]error{"read": err, "write": werr, "baud": p.SetBaud(1_500_000)} {
		if !errors.Is(err, ErrUnplugged) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := p.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// TestClose closes the port under a read, and under a write that nobody takes.
func TestClose(t *testing.T) {
	m, p := openPTY(t)
	ended := make(chan error, 2)
	go func() {
		_, err := p.Read(make([]byte, 1))
		ended <- err
	}()
	go func() {
		_, err := p.Write(make([]byte, 1<<20))
		ended <- err
	}()
	if _, err := m.Read(make([]byte, 1)); err != nil { // so the write is under way
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	for range cap(ended) {
		if err := <-ended; !errors.Is(err, os.ErrClosed) {
			t.Errorf("got %v, want %v", err, os.ErrClosed)
		}
	}
	if err := p.SetBaud(115200); !errors.Is(err, os.ErrClosed) {
		t.Errorf("SetBaud: %v", err)
	}
	if err := p.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a second Close: %v", err)
	}
}

func TestStuck(t *testing.T) {
	_, p := openPTY(t)
	p.patience = time.Millisecond
	if _, err := p.Write(make([]byte, 1<<20)); !errors.Is(err, errStuck) {
		t.Errorf("write: %v", err)
	}
}

func TestDenied(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ttyUSB0")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := explain(file, fmt.Errorf("open: %w", unix.EACCES))
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "only root") || !strings.Contains(err.Error(), "--udev-rules") {
		t.Errorf("got %v", err)
	}
	if os.Getuid() != 0 {
		return // may not give files away
	}
	if err := errors.Join(os.Chown(file, 0, 54321), os.Chmod(file, 0o660)); err != nil {
		t.Fatal(err)
	}
	err = explain(file, unix.EACCES)
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "group 54321") || !strings.Contains(err.Error(), "--udev-rules") {
		t.Errorf("got %v", err)
	}
}

func TestBusy(t *testing.T) {
	tr := &tree{t, t.TempDir()}
	tr.file("dev/ttyUSB0", "")
	for pid, name := range map[string]string{"812": "ModemManager", "9": "bash"} {
		tr.file("proc/"+pid+"/comm", name)
		tr.link("dev/null", "proc/"+pid+"/fd/0")
	}
	tr.file("proc/self/comm", "us")
	proc, path := filepath.Join(tr.root, "proc"), filepath.Join(tr.root, "dev/ttyUSB0")
	if err := busy(proc, path); !errors.Is(err, ErrBusy) || !strings.Contains(err.Error(), "ModemManager lets go") {
		t.Errorf("nobody to be seen: %v", err)
	}
	tr.link("dev/ttyUSB0", "proc/812/fd/17")
	if err := busy(proc, path); !errors.Is(err, ErrBusy) || err.Error() != "in use by ModemManager (process 812)" {
		t.Errorf("got %v", err)
	}
}

func TestAccess(t *testing.T) {
	_, path := newPTY(t)
	if err := Access(path); err != nil {
		t.Error(err)
	}
	if err := Access(path + "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such port: %v", err)
	}
}
