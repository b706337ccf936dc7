package tui

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
)

var update = flag.Bool("update", false, "write the golden screens anew")

var sizes = [][2]int{{80, 24}, {120, 40}, {200, 60}}

// golden compares got with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, []byte(got)) {
		t.Errorf("%s is not what the screen shows now (make golden writes it anew):\n%s", file, got)
	}
}

// Each page in each size, without colour.
func TestGoldenPages(t *testing.T) {
	for _, size := range sizes {
		for p := range pages {
			m := screen(mining(), size[0], size[1], 12000)
			m.page = p
			golden(t, fmt.Sprintf("%s-%dx%d", strings.ToLower(pageNames[p]), size[0], size[1]), m.canvas().String())
		}
	}
}

// kinds are the kinds of terminals.
var kinds = map[string]*colours{
	"dark":  palette(colorprofile.TrueColor, true),
	"light": palette(colorprofile.ANSI256, false),
	"16":    palette(colorprofile.ANSI, false),
}

// The same in the colours of each kind of terminal.
func TestGoldenColours(t *testing.T) {
	for p := range pages {
		for name, colours := range kinds {
			m := screen(mining(), 80, 24, 12000)
			m.page = p
			golden(t, fmt.Sprintf("%s-80x24-%s", strings.ToLower(pageNames[p]), name), m.canvas().ansi(colours)+"\n")
		}
	}
}

// What else the overview shows.
func TestGoldenStates(t *testing.T) {
	for name, s := range states() {
		if name == "mining" || name == "many" || name == "chips" {
			continue
		}
		golden(t, "state-"+name, screen(s, 80, 24, 100).canvas().String())
	}
	for name, change := range map[string]func(*model){
		"help":     func(m *model) { m.help = true },
		"quit":     func(m *model) { m.asking = true },
		"block":    func(m *model) { m.feast = noon.Add(feastTime) },
		"notice":   func(m *model) { m.note("cpu rests") },
		"threads":  func(m *model) { m.page, m.threads = devices, true },
		"filter":   func(m *model) { m.page, m.filtering = logPage, true; m.filter = "share" },
		"zoom":     func(m *model) { m.zoom = 4 },
		"narrow":   func(m *model) { m.w = 44 },
		"tiny":     func(m *model) { m.w, m.h = 20, 5 },
		"scrolled": func(m *model) { m.page = shares; m.row[shares] = 30 },
	} {
		m := screen(mining(), 80, 24, 12000)
		change(m)
		golden(t, "state-"+name, m.canvas().String())
	}
}

// A device with chips, each for itself.
func TestGoldenChips(t *testing.T) {
	for _, size := range sizes {
		m := screen(states()["chips"], size[0], size[1], 12000)
		m.page, m.threads, m.chosen = devices, true, 2
		golden(t, fmt.Sprintf("chips-%dx%d", size[0], size[1]), m.canvas().String())
	}
}

// Whatever the size and whatever pools say, every line is as wide as the screen
// and holds nothing that a terminal would obey.
func TestEverySize(t *testing.T) {
	for name, s := range states() {
		m := screen(s, 0, 0, 70)
		m.threads = true
		for i, w := range []int{1, 3, 17, 39, 40, 59, 72, 80, 103, 104, 160} {
			for j, h := range []int{1, 4, 11, 12, 17, 24, 32, 60} {
				for p := range pages {
					m.w, m.h, m.page = w, h, p
					m.row[p], m.chosen, m.order = w%41, h, w%len(orders)
					m.asking, m.help = (i+j)%5 == 0, (i+j)%5 == 1
					check(t, fmt.Sprintf("%s, %s, %dx%d", name, pageNames[p], w, h), m.canvas())
				}
			}
		}
	}
}

func check(t *testing.T, name string, c *canvas) {
	t.Helper()
	for y := range c.h {
		width := 0
		for _, cell := range c.cells[y*c.w : (y+1)*c.w] {
			if Clean(cell.text) != cell.text {
				t.Fatalf("%s: line %d has %q", name, y, cell.text)
			}
			width += ansi.StringWidth(cell.text)
		}
		if width != c.w {
			t.Fatalf("%s: line %d has %d columns", name, y, width)
		}
	}
}

// Without its colours a screen says the same.
func TestColourIsNoCarrier(t *testing.T) {
	m := screen(states()["down"], 120, 40, 100)
	c := m.canvas()
	for _, colours := range kinds {
		var lines []string
		for l := range strings.Lines(ansi.Strip(c.ansi(colours)) + "\n") {
			lines = append(lines, strings.TrimRight(l, " \n"))
		}
		if got := strings.Join(lines, "\n") + "\n"; got != c.String() {
			t.Errorf("stripped of colours:\n%s", got)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("\x1b[2J\u202e\u200b\x9b")
	f.Add("漢字 ☃️ é́́")
	f.Fuzz(func(t *testing.T, s string) {
		c := Clean(s)
		if Clean(c) != c {
			t.Errorf("%q is not clean", c)
		}
		canvas := newCanvas(20, 2)
		canvas.all().text(3, 0, plain, s)
		canvas.all().right(19, 1, plain, s)
		check(t, fmt.Sprintf("%q", s), canvas)
	})
}
