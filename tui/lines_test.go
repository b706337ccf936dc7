package tui

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"gominer/miner"
)

// Asked in lines, the dashboard says in lines what its pages show.
func TestLines(t *testing.T) {
	for _, name := range []string{"mining", "down", "hostile", "start", "many"} {
		m := screen(states()[name], 80, 24, 10)
		for _, asked := range []string{"", "1", "2", "3", "4", "5", "?"} {
			for _, l := range m.answer(asked) {
				if Clean(l) != l || strings.TrimSpace(l) == "" && name != "hostile" {
					t.Errorf("%s: %q is answered with %q", name, asked, l)
				}
			}
		}
	}
	m := screen(mining(), 80, 24, 10)
	for asked, want := range map[string]string{
		"":  "171 MH/s, mining pool.example.org:3333, 1 204 accepted, 3 rejected, 2 blocks",
		"1": "a block in: about 43.2 M years",
		"2": "device 2: opencl0, mining, 10.0 MH/s, 5.7 % of all, 104 accepted, 0 rejected, 1 hardware errors",
		"3": "rejected 2 times: stale",
		"4": "pool 2: backup.example.org:3333, ready, 0 accepted, 0 rejected",
		"5": "11:57:00 warn share rejected  device=cpu  reason=stale",
		"x": "not known: x; ? lists what is",
		"p": "that can't be done here",
	} {
		if got := m.answer(asked); !slices.Contains(got, want) {
			t.Errorf("%q is answered with\n%s", asked, strings.Join(got, "\n"))
		}
	}
}

// Asked for devices, it says how each chip does.
func TestLinesOfChips(t *testing.T) {
	got := screen(states()["chips"], 80, 24, 10).answer("2")
	for _, want := range []string{"chips: 6, 6 101 nonces, 1 silent, 4 wrong, 1 twice", "chip 1: 1 180 nonces, 3 wrong", "chip 3: 88 nonces, 1 silent"} {
		if !slices.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, strings.Join(got, "\n"))
		}
	}
}

func TestLinesDo(t *testing.T) {
	var did []string
	in, asks := io.Pipe()
	var out strings.Builder
	go func() {
		defer asks.Close()
		for _, l := range []string{"p 2", "p 3", "s 2", "q", "n", "q", "y"} {
			_, _ = io.WriteString(asks, l+"\n")
		}
	}()
	err := Lines(t.Context(), Config{
		Input: in, Output: &out, Snapshot: mining, Controls: Controls{
			Pause: func(device int, paused bool) error {
				did = append(did, onOff(paused, "pause ", "resume ")+mining().Devices[device].Info.Name)
				return nil
			},
			Switch: func(source string) error { did = append(did, "to "+source); return nil },
		},
	})
	if !errors.Is(err, ErrQuit) {
		t.Error(err)
	}
	if got := strings.Join(did, ", "); got != "pause opencl0, to backup.example.org:3333" {
		t.Errorf("did %s", got)
	}
	if want := "opencl0 is paused\nthere is no such thing: p 3\nswitching to backup.example.org:3333\n" +
		"Stop mining? y means yes, anything else no.\nmining goes on\nStop mining? y means yes, anything else no.\nmining ends\n"; out.String() != want {
		t.Errorf("said\n%s", out.String())
	}
	if err := Lines(t.Context(), Config{Input: strings.NewReader(""), Output: &out, Snapshot: func() miner.Snapshot { return mining() }}); !errors.Is(err, errLost) {
		t.Errorf("without anybody: %v", err)
	}
}
