package emulate

import (
	"errors"
	"os"
	"testing"
)

// TestPTYClose pulls a board out while its host has the line open and says
// nothing.
func TestPTYClose(t *testing.T) {
	p, err := OpenPTY()
	if err != nil {
		if os.Getenv("GOMINER_CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	host, err := os.OpenFile(p.Path(), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	ended := make(chan error)
	go func() {
		b := make([]byte, 16)
		for {
			if _, err := p.Read(b); err != nil {
				ended <- err
				return
			}
		}
	}()
	if _, err := host.Write([]byte("x\n")); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, os.ErrClosed) {
		t.Errorf("read: %v, want %v", err, os.ErrClosed)
	}
}
