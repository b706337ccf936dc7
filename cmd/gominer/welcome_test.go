package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestWelcome: who types the name alone is guided, and offered the demonstration
// as long as nothing is set up.
func TestWelcome(t *testing.T) {
	home := t.TempDir()
	for _, c := range []struct {
		name, answer string
		setUp        bool
		offers, runs bool
	}{
		{"yes", "\n", false, true, true},
		{"Yes", "Y\n", false, true, true},
		{"no", "n\n", false, true, false},
		{"no answer", "", false, true, false},
		{"what?", "huh\n", false, true, false},
		{"set up", "", true, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake()
			f.stdin, f.typed, f.dashboard = strings.NewReader(c.answer), true, true
			f.environ = []string{"HOME=" + filepath.Join(home, "nobody")}
			if c.setUp {
				f.environ = []string{"HOME=" + home}
				if err := os.MkdirAll(filepath.Join(home, ".config", "gominer"), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(home, ".config", "gominer", "config.toml"), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if c.runs {
				f.environ = append(f.environ, "GOMINER_UNTIL=shares=1", "GOMINER_NO_TUI=true", "GOMINER_DIFFICULTY=0.00001", "GOMINER_THREADS=1")
			}
			if code := f.run(); code != exitDone {
				t.Errorf("exit code %d: %s", code, f.err.String())
			}
			out := f.out.String()
			if !strings.HasPrefix(out, guide) || strings.Contains(out, "Run the demo now? [Y/n]") != c.offers || strings.Contains(out, "mined for") != c.runs {
				t.Errorf("%s\n%s", out, f.err.String())
			}
			for line := range strings.Lines(guide) {
				if len(line) > 80 {
					t.Errorf("%q is too long for a terminal", line)
				}
			}
		})
	}
}

// TestWelcomeInterrupted: Ctrl-C is an answer too.
func TestWelcomeInterrupted(t *testing.T) {
	f := newFake()
	r, w := io.Pipe()
	defer w.Close()
	f.stdin, f.typed, f.dashboard = r, true, true
	f.signals <- syscall.SIGINT
	if code := f.run(); code != exitInterrupted {
		t.Errorf("exit code %d", code)
	}
}
