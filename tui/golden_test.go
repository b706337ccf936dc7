package tui

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

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

// The same in the colours for a dark and a light background.
func TestGoldenColours(t *testing.T) {
	for p := range pages {
		for name, dark := range map[string]bool{"dark": true, "light": false} {
			m := screen(mining(), 80, 24, 12000)
			m.page = p
			golden(t, fmt.Sprintf("%s-80x24-%s", strings.ToLower(pageNames[p]), name), m.canvas().ansi(palette(dark))+"\n")
		}
	}
}

// What else the overview shows.
func TestGoldenStates(t *testing.T) {
	for name, s := range states() {
		if name == "mining" || name == "many" {
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

// Whatever the size and whatever pools say, every line is as wide as the screen
// and holds nothing that a terminal would obey.
func TestEverySize(t *testing.T) {
	all := states()
	for name, s := range all {
		for w := 1; w < 230; w += 1 + w/4 {
			for h := 1; h < 75; h += 1 + h/3 {
				for p := range pages {
					m := screen(s, w, h, 70)
					m.page, m.threads = p, true
					m.row[p] = w % 41
					m.asking, m.help = (w+h)%5 == 0, (w+h)%5 == 1
					c := m.canvas()
					check(t, fmt.Sprintf("%s, %s, %dx%d", name, pageNames[p], w, h), c)
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
	for _, dark := range []bool{true, false} {
		var lines []string
		for l := range strings.Lines(ansi.Strip(c.ansi(palette(dark))) + "\n") {
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
