package bench

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// energyMeter reads the energy counters of the processor packages (Intel's RAPL,
// which AMD has too) from /sys/class/powercap. The counters are the package's as
// a whole: other programs and idle cores are in them.
type energyMeter struct {
	root  fs.FS
	zones []energyZone
	why   string // there are no zones
}

type energyZone struct {
	file string
	wrap float64 // microjoules after which the counter begins anew
}

// newEnergyMeter finds the packages' counters.
func newEnergyMeter(root fs.FS) *energyMeter {
	m := &energyMeter{root: root, why: "no counter: this machine has no RAPL"}
	dirs, _ := fs.Glob(root, "sys/class/powercap/intel-rapl:*")
	for _, dir := range dirs {
		if !strings.HasPrefix(readText(root, path.Join(dir, "name")), "package") {
			continue // parts of a package, or the whole system, which would count it twice
		}
		z := energyZone{file: path.Join(dir, "energy_uj"), wrap: number(readText(root, path.Join(dir, "max_energy_range_uj")))}
		switch _, err := z.read(root); {
		case errors.Is(err, fs.ErrPermission):
			m.why = "not readable: RAPL needs root"
		case err != nil:
			m.why = fmt.Sprintf("not readable: %v", err)
		default:
			m.zones = append(m.zones, z)
			continue
		}
		m.zones = nil // some packages alone would be a wrong sum
		break
	}
	return m
}

// how says what is measured, or why nothing is.
func (m *energyMeter) how() string {
	if len(m.zones) == 0 {
		return m.why
	}
	return "RAPL, " + plural(len(m.zones), "package")
}

func (z *energyZone) read(root fs.FS) (microjoules float64, err error) {
	f, err := root.Open(z.file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	b, err := readLimited(f, 64)
	if err != nil {
		return 0, err
	}
	text := strings.TrimSpace(string(b))
	v := number(text)
	if v == 0 && text != "0" {
		return 0, fmt.Errorf("%s has %.40q for a number", z.file, text)
	}
	return v, nil
}

// read returns the counters, nil if they can't be read (any more).
func (m *energyMeter) read() []float64 {
	var counters []float64
	for i := range m.zones {
		v, err := m.zones[i].read(m.root)
		if err != nil {
			return nil
		}
		counters = append(counters, v)
	}
	return counters
}

// joules returns what was used between two readings, which lie less than one
// round of the counters apart; 0 if that is not known.
func (m *energyMeter) joules(from, to []float64) (sum float64) {
	if len(from) != len(m.zones) || len(to) != len(m.zones) {
		return 0
	}
	for i, z := range m.zones {
		d := to[i] - from[i]
		if d < 0 {
			d += z.wrap
		}
		sum += max(d, 0)
	}
	return sum / 1e6
}

// errLong is what a longer file than its kind can be gets.
var errLong = errors.New("file too long")

// readLimited reads all of r, at most most bytes.
func readLimited(r io.Reader, most int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, most+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(b)) > most:
		return nil, errLong
	}
	return slices.Clip(b), nil
}
