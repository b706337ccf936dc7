package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const unitFile = "../../deploy/gominer.service"

// TestUnit: what the systemd unit starts is a command line that is understood.
func TestUnit(t *testing.T) {
	data, err := os.ReadFile(unitFile)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(data), "\nExecStart=/usr/local/bin/gominer ")
	line, _, _ := strings.Cut(rest, "\n")
	if !found {
		t.Fatal("the unit does not start gominer")
	}
	file := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(file, []byte("url = 'a.example.org:1'\nuser = 'a'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := newFake(strings.Fields(strings.ReplaceAll(line, "/etc/gominer/config.toml", file))...)
	o, flags, err := f.reread()
	if err != nil || !o.noTUI || len(o.sources.list) != 1 || flags.Lookup("pass-file") == nil {
		t.Errorf("%q: %+v, %v", line, o.sources.list, err)
	}
}

// TestUnitVerifies asks systemd, where it is, what it thinks of the unit.
func TestUnitVerifies(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not here")
	}
	data, err := os.ReadFile(unitFile)
	if err != nil {
		t.Fatal(err)
	}
	// The program and its manual are not installed here.
	text := strings.ReplaceAll(string(data), "/usr/local/bin/gominer ", "/bin/true ")
	text = strings.ReplaceAll(text, "Documentation=man:gominer(1)\n", "")
	unit := filepath.Join(t.TempDir(), "gominer.service")
	if err := os.WriteFile(unit, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, _ := exec.Command("systemd-analyze", "verify", unit).CombinedOutput() // which may be about other units
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "gominer") {
			t.Error(line)
		}
	}
}
