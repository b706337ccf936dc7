package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"gominer/tui"
)

// TestStuckTerminal: a terminal that takes nothing does not keep the program from
// its end, and the audit log is whole.
func TestStuckTerminal(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.process.dashboard, f.outlive = true, func() func() { return func() {} }
		f.width = func() int { return 80 }
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		d := f.show(&output{}, cancel)
		files := fileOptions{audit: filepath.Join(dir, "audit.log")}
		if err := files.openAudit(d); err != nil {
			t.Fatal(err)
		}
		stuck := make(chan struct{})
		defer close(stuck)
		d.dashboard = func(context.Context, tui.Config) error {
			<-stuck
			return nil
		}
		began := time.Now()
		time.AfterFunc(10*time.Second, func() { cancel(interrupted{syscall.SIGTERM}) })
		err := d.mine(ctx, simulated())
		var stop interrupted
		if !errors.As(err, &stop) || stop.exitCode() != exitDone {
			t.Errorf("error %v, want that it was stopped", err)
		}
		if took := time.Since(began); took > 10*time.Second+2*stuckAfter {
			t.Errorf("it took %v", took)
		}
		if f.out.String() != "" || f.err.String() != "\r\x1b[K" && f.err.String() != "" {
			t.Errorf("something is written: %q, %q", f.out.String(), f.err.String())
		}
		text, err := os.ReadFile(filepath.Join(dir, "audit.log"))
		if err != nil || !strings.Contains(string(text), `"why":"terminated"`) {
			t.Errorf("the audit log does not say how it ended: %v\n%s", err, text)
		}
	})
}

// TestFixedTerminal: what can only print is not written over.
func TestFixedTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.width, f.fixed = func() int { return 60 }, true
		_ = runFor(f, &output{}, 65*time.Second)
		if got := f.err.String(); strings.ContainsAny(got, "\r\x1b") || !strings.Contains(got, "progress") {
			t.Errorf("stderr %q", got)
		}
		s := newScreen(f.process)
		s.setStatus("hello")
		if strings.Contains(f.err.String(), "hello") {
			t.Error("a status line is written")
		}
	})
}
