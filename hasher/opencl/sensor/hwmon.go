package sensor

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"gominer/miner"
)

// hwmon returns the hwmon folder of the device at pci under sys, "/sys" but in
// tests.
func hwmon(sys, pci string) (dir string, ok bool) {
	if strings.ContainsAny(pci, `/\*?[`) {
		return "", false
	}
	dirs, _ := filepath.Glob(filepath.Join(sys, "bus/pci/devices", pci, "hwmon/hwmon*"))
	if len(dirs) == 0 {
		return "", false
	}
	return dirs[0], true
}

// readHwmon reads a hwmon folder (Linux, Documentation/hwmon/sysfs-interface):
// the hottest of its temperatures, its fan, its power.
func readHwmon(dir string) (h miner.Health, err error) {
	read := func(name string, unit float64) (float64, bool) {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return 0, false
		}
		v, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
		return float64(v) * unit, err == nil
	}
	known := false
	for i := 1; i <= 8; i++ {
		if t, ok := read(fmt.Sprintf("temp%d_input", i), 1e-3); ok { // m°C
			h.Temperature, known = max(h.Temperature, t), true
		}
	}
	for _, name := range []string{"power1_average", "power1_input"} {
		if p, ok := read(name, 1e-6); ok { // µW
			h.Power, known = p, true
			break
		}
	}
	if pwm, ok := read("pwm1", 100.0/255); ok {
		h.Fan = pwm
	}
	if !known {
		return h, fmt.Errorf("%s: no sensors", dir)
	}
	return h, nil
}
