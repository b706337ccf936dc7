package bench

import (
	"bytes"
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write golden files anew")

// machine is the file system of a fixture; \x00 and \x1b stand there for these
// bytes.
func machine(a *txtar.Archive) fstest.MapFS {
	root := fstest.MapFS{}
	bytes := strings.NewReplacer(`\x00`, "\x00", `\x1b`, "\x1b")
	for _, f := range a.Files {
		root[f.Name] = &fstest.MapFile{Data: []byte(bytes.Replace(string(f.Data)))}
	}
	return root
}

func readMachineFile(t testing.TB, file string) *txtar.Archive {
	t.Helper()
	a, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestMachines reads the machines of testdata/machines.
func TestMachines(t *testing.T) {
	files, err := filepath.Glob("testdata/machines/*.txtar")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d machines: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a := readMachineFile(t, file)
			got, err := json.MarshalIndent(readMachine(machine(a)), "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, '\n')
			want := &a.Files[len(a.Files)-1]
			if want.Name != "want.json" {
				t.Fatalf("the last file is %s, want want.json", want.Name)
			}
			if *update {
				want.Data = got
				if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(got, want.Data) {
				t.Errorf("got\n%s\nwant\n%s", got, want.Data)
			}
		})
	}
}

// TestThisMachine: whatever the system tells, what Go knows is there.
func TestThisMachine(t *testing.T) {
	m := ThisMachine()
	if m.Platform != runtime.GOOS+"/"+runtime.GOARCH || m.Go != runtime.Version() || m.Threads < 1 || m.Usable < 1 || m.Energy == "" || m.Features == nil {
		t.Errorf("%+v", m)
	}
	if runtime.GOOS == "linux" && m.Kernel == "" {
		t.Errorf("no release of the kernel: %+v", m)
	}
}

// FuzzMachine: no content of /proc makes it fail.
func FuzzMachine(f *testing.F) {
	files, _ := filepath.Glob("testdata/machines/*.txtar")
	for _, file := range files {
		root := machine(readMachineFile(f, file))
		data := func(name string) []byte {
			if f := root[name]; f != nil {
				return f.Data
			}
			return nil
		}
		f.Add(data("proc/cpuinfo"), data("proc/self/cgroup"), data("proc/loadavg"))
	}
	f.Fuzz(func(t *testing.T, cpuinfo, cgroup, text []byte) {
		m := readMachine(fstest.MapFS{
			"proc/cpuinfo":                              {Data: cpuinfo},
			"proc/self/cgroup":                          {Data: cgroup},
			"proc/loadavg":                              {Data: text},
			"proc/device-tree/model":                    {Data: text},
			"sys/fs/cgroup/cpu.max":                     {Data: text},
			"sys/class/powercap/intel-rapl:0/name":      {Data: []byte("package-0")},
			"sys/class/powercap/intel-rapl:0/energy_uj": {Data: text},
		})
		if _, err := json.Marshal(m); err != nil { // no infinity, no NaN
			t.Error(err)
		}
	})
}

// sealed is a file system in which one kind of file can't be opened.
type sealed struct {
	fs.FS
	suffix string
}

func (s sealed) Open(name string) (fs.File, error) {
	if strings.HasSuffix(name, s.suffix) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return s.FS.Open(name)
}

// rapl is a machine with the given counters, in microjoules.
func rapl(counters ...string) fstest.MapFS {
	root := fstest.MapFS{}
	for i, c := range counters {
		dir := "sys/class/powercap/intel-rapl:" + string(rune('0'+i)) + "/"
		root[dir+"name"] = &fstest.MapFile{Data: []byte("package-0\n")}
		root[dir+"energy_uj"] = &fstest.MapFile{Data: []byte(c + "\n")}
		root[dir+"max_energy_range_uj"] = &fstest.MapFile{Data: []byte("1000000000\n")}
	}
	return root
}

func TestEnergy(t *testing.T) {
	root := rapl("999000000", "5000000")
	m := newEnergyMeter(root)
	if got, want := m.how(), "RAPL, 2 packages"; got != want {
		t.Errorf("how = %q, want %q", got, want)
	}
	from := m.read()
	if want := []float64{999e6, 5e6}; !reflect.DeepEqual(from, want) {
		t.Fatalf("read %v, want %v", from, want)
	}
	root["sys/class/powercap/intel-rapl:0/energy_uj"].Data = []byte("2000000\n") // it went round: 3 J
	root["sys/class/powercap/intel-rapl:1/energy_uj"].Data = []byte("9000000\n") // 4 J
	if got := m.joules(from, m.read()); got != 7 {
		t.Errorf("%v J, want 7", got)
	}
	delete(root, "sys/class/powercap/intel-rapl:1/energy_uj")
	if got := m.joules(from, m.read()); got != 0 {
		t.Errorf("%v J of a counter that is gone, want 0", got)
	}
}

func TestEnergyIsNotToBeHad(t *testing.T) {
	for _, tt := range []struct {
		name string
		root fs.FS
		want string
	}{
		{"no counter", fstest.MapFS{}, "no counter: this machine has no RAPL"},
		{"no permission", sealed{rapl("1"), "energy_uj"}, "not readable: RAPL needs root"},
		{"one of two", sealed{rapl("1", "2"), "rapl:1/energy_uj"}, "not readable: RAPL needs root"},
		{"no number", rapl("much"), `not readable: sys/class/powercap/intel-rapl:0/energy_uj has "much" for a number`},
	} {
		m := newEnergyMeter(tt.root)
		if got := m.how(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		if got := m.joules(m.read(), m.read()); got != 0 {
			t.Errorf("%s: %v J, want 0", tt.name, got)
		}
	}
}

func TestActivity(t *testing.T) {
	root := func(line string) fs.FS {
		return fstest.MapFS{"proc/stat": {Data: []byte(line + "\ncpu0 1 2 3 4 5 6 7 8 9 10\n")}}
	}
	a, ok := readActivity(root("cpu  1000 200 300 5000 50 100 20 100 50 0"))
	if want := (activity{busy: 16.2, stolen: 1, all: 67.7}); !ok || a != want {
		t.Errorf("got %+v, %v, want %+v", a, ok, want)
	}
	for _, line := range []string{"", "cpu  1 2 3", "intr 1 2 3 4 5 6 7 8 9"} {
		if a, ok := readActivity(root(line)); ok {
			t.Errorf("%q gives %+v", line, a)
		}
	}
}
