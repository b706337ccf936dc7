package sensor

import (
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestHwmon(t *testing.T) {
	const pci = "0000:03:00.0"
	for _, c := range []struct {
		name                    string
		files                   map[string]string
		temperature, fan, power float64
		fails                   bool
	}{
		{"an AMD card", map[string]string{"temp1_input": "51000\n", "temp2_input": "64500\n", "power1_average": "123000000\n", "pwm1": "51\n"}, 64.5, 20, 123, false},
		{"power of now", map[string]string{"temp1_input": "40000", "power1_input": "7500000"}, 40, 0, 7.5, false},
		{"nothing", nil, 0, 0, 0, true},
		{"nonsense", map[string]string{"temp1_input": "hot", "power1_input": ""}, 0, 0, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			sys := t.TempDir()
			dir := filepath.Join(sys, "bus/pci/devices", pci, "hwmon/hwmon4")
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			for name, content := range c.files {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			found, ok := hwmon(sys, pci)
			if !ok || found != dir {
				t.Fatalf("found %q, want %q", found, dir)
			}
			h, err := readHwmon(found)
			if (err != nil) != c.fails {
				t.Errorf("error %v", err)
			}
			if math.Abs(h.Temperature-c.temperature) > 1e-6 || math.Abs(h.Fan-c.fan) > 1e-6 || math.Abs(h.Power-c.power) > 1e-6 {
				t.Errorf("%+v, want %v °C, %v %%, %v W", h, c.temperature, c.fan, c.power)
			}
		})
	}
}

func TestNone(t *testing.T) {
	for _, pci := range []string{"", "ffff:ff:1f.7", "../../../../etc", "*"} {
		if _, err := Find(pci); !errors.Is(err, ErrNone) {
			t.Errorf("%q: %v, want ErrNone", pci, err)
		}
		if _, err := Clock(pci); err == nil {
			t.Errorf("%q has a clock", pci)
		}
	}
	if _, err := openNVML("/does/not/exist.so"); err == nil {
		t.Error("NVML without a library: no error")
	}
}

// A library with NVML's functions, since the real one needs a GPU: it answers for
// one device, and has no fan.
const standIn = `
#include <string.h>
typedef int nvmlReturn_t;
static int started, device;
nvmlReturn_t nvmlInit_v2(void) { started = 1; return 0; }
nvmlReturn_t nvmlDeviceGetHandleByPciBusId_v2(const char *id, void **d) {
	if (!started) return 1;
	if (strcmp(id, "0000:3b:00.0")) return 6;
	*d = &device; return 0; }
nvmlReturn_t nvmlDeviceGetTemperature(void *d, int sensor, unsigned *t) {
	if (d != &device || sensor != 0) return 2;
	*t = 61; return 0; }
nvmlReturn_t nvmlDeviceGetPowerUsage(void *d, unsigned *mw) { if (d != &device) return 2; *mw = 345678; return 0; }
nvmlReturn_t nvmlDeviceGetFanSpeed(void *d, unsigned *p) { *p = 99; return 3; }
nvmlReturn_t nvmlDeviceGetClockInfo(void *d, int type, unsigned *mhz) { if (d != &device || type != 1) return 2; *mhz = 1980; return 0; }
`

func TestNVML(t *testing.T) {
	dir := t.TempDir()
	source, library := filepath.Join(dir, "nvml.c"), filepath.Join(dir, "libnvml.so")
	if err := os.WriteFile(source, []byte(standIn), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cc", "-shared", "-fPIC", "-o", library, source).CombinedOutput(); err != nil {
		if os.Getenv("GOMINER_CI") != "" {
			t.Fatalf("%v: %s", err, out)
		}
		t.Skipf("no C compiler: %v", err)
	}
	n, err := openNVML("/does/not/exist.so", library)
	if err != nil {
		t.Fatal(err)
	}
	d, err := n.device("0000:3b:00.0")
	if err != nil {
		t.Fatal(err)
	}
	h, err := d.health()
	if err != nil || h.Temperature != 61 || math.Abs(h.Power-345.678) > 1e-9 || h.Fan != 0 {
		t.Errorf("%+v, %v", h, err)
	}
	if mhz, err := d.smClock(); err != nil || mhz != 1980 {
		t.Errorf("%v MHz, %v", mhz, err)
	}
	if _, err := n.device("0000:3c:00.0"); err == nil || err.Error() != "nvmlDeviceGetHandleByPciBusId: NVML error 6" {
		t.Errorf("a device that is not there: %v", err)
	}
	if _, err := (&nvmlDevice{n: n}).health(); err == nil {
		t.Error("a device that is gone: no error")
	}
}
