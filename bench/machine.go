package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"math"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"gominer/hasher/cpu"
	"gominer/internal/cgroup"
)

// Machine is what a figure is worth nothing without. What the system does not
// tell is zero.
type Machine struct {
	Model      string   `json:"model"`                // the processor
	Board      string   `json:"board,omitempty"`      // what it sits on, where that is what people know
	Platform   string   `json:"platform"`             // GOOS/GOARCH
	Sockets    int      `json:"sockets,omitempty"`    // processor packages
	Cores      int      `json:"cores,omitempty"`      // of all sockets
	Threads    int      `json:"threads"`              // hardware threads that are online
	Usable     int      `json:"usable_threads"`       // at once by this process
	Features   []string `json:"features"`             // instruction sets that kernels are written with
	Microcode  string   `json:"microcode,omitempty"`  // revision
	Governor   string   `json:"governor,omitempty"`   // of the frequency
	MHz        float64  `json:"mhz,omitempty"`        // now, of the fastest core
	Hypervisor string   `json:"hypervisor,omitempty"` // "" on bare metal
	CPUQuota   float64  `json:"cpu_quota,omitempty"`  // processors that the cgroup grants; 0: no limit
	Load       float64  `json:"load_1m"`              // waiting and running tasks, over the last minute
	Kernel     string   `json:"os_kernel,omitempty"`  // release of the operating system's kernel
	Go         string   `json:"go"`                   // that built this
	Gominer    string   `json:"gominer,omitempty"`    // version
	Energy     string   `json:"energy"`               // how energy is measured, or why it is not
}

// ThisMachine describes the machine as it is now, all but the version of
// gominer.
func ThisMachine() Machine {
	m := readMachine(systemFS())
	m.Platform = runtime.GOOS + "/" + runtime.GOARCH
	m.Usable = cpu.DefaultThreads()
	m.Go = runtime.Version()
	if m.Threads == 0 {
		m.Threads = runtime.NumCPU()
	}
	return m
}

// readMachine reads what /proc and /sys of root tell.
func readMachine(root fs.FS) Machine {
	m := Machine{Features: []string{}} // not null in JSON
	c := readCPUInfo(root)
	m.Model, m.Threads, m.Features, m.Microcode, m.MHz = c.model, c.threads, c.features, c.microcode, c.mhz
	m.Board = readText(root, "proc/device-tree/model")
	m.Sockets, m.Cores = readTopology(root)
	m.Governor = readText(root, "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
	if khz := fastestCore(root); khz > 0 {
		m.MHz = khz / 1000
	}
	m.Hypervisor = readHypervisor(root, &c)
	m.CPUQuota = cgroup.Quota(root)
	if load := strings.Fields(readText(root, "proc/loadavg")); len(load) > 0 {
		m.Load = number(load[0])
	}
	m.Kernel = readText(root, "proc/sys/kernel/osrelease")
	m.Energy = newEnergyMeter(root).how()
	return m
}

// cpuInfo is what /proc/cpuinfo says.
type cpuInfo struct {
	model      string
	threads    int
	features   []string
	microcode  string
	mhz        float64
	x86        bool
	hypervisor bool // flagged; on x86 only
}

// features are the flags of /proc/cpuinfo that say which kernels can run, in the
// order in which they are shown.
var features = []string{
	"ssse3", "sse4_1", "avx", "avx2", "avx512f", "avx512bw", "avx512vl", "sha_ni", // x86
	"asimd", "sha2", "sve", "sve2", // arm64
}

func readCPUInfo(root fs.FS) (c cpuInfo) {
	c.features = []string{}
	var implementer, part string
	lines := bufio.NewScanner(bytes.NewReader(readFile(root, "proc/cpuinfo")))
	lines.Buffer(nil, longestLine)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ":")
		key, value = strings.TrimSpace(key), clean(value)
		switch key {
		case "processor":
			c.threads++
		case "model name":
			c.model = first(c.model, strings.Join(strings.Fields(value), " "))
		case "microcode":
			c.microcode = first(c.microcode, value)
		case "cpu MHz":
			c.mhz = max(c.mhz, number(value))
		case "CPU implementer":
			implementer = first(implementer, value)
		case "CPU part":
			part = first(part, value)
		case "flags", "Features":
			if len(c.features) > 0 {
				continue // all processors alike
			}
			c.x86 = key == "flags"
			flags := strings.Fields(value)
			for _, f := range features {
				if slices.Contains(flags, f) {
					c.features = append(c.features, f)
				}
			}
			c.hypervisor = slices.Contains(flags, "hypervisor")
		}
	}
	if c.model == "" && implementer != "" {
		c.model = armModel(implementer, part)
	}
	return c
}

// armParts are cores by Arm's own part numbers, of their MIDR_EL1 register.
var armParts = map[string]string{
	"0xd03": "Cortex-A53", "0xd04": "Cortex-A35", "0xd05": "Cortex-A55", "0xd07": "Cortex-A57", "0xd08": "Cortex-A72",
	"0xd09": "Cortex-A73", "0xd0a": "Cortex-A75", "0xd0b": "Cortex-A76", "0xd41": "Cortex-A78",
	"0xd0c": "Neoverse N1", "0xd40": "Neoverse V1", "0xd49": "Neoverse N2", "0xd4f": "Neoverse V2",
}

// armModel names a core that has no name of its own in /proc/cpuinfo.
func armModel(implementer, part string) string {
	if implementer == "0x41" {
		if name := armParts[part]; name != "" {
			return "Arm " + name
		}
	}
	return "implementer " + implementer + ", part " + part
}

// readTopology counts packages and cores, zeros if they are not told.
func readTopology(root fs.FS) (sockets, cores int) {
	packages, siblings := map[string]bool{}, map[string]bool{}
	dirs, _ := fs.Glob(root, "sys/devices/system/cpu/cpu[0-9]*/topology")
	for _, dir := range dirs {
		if s := readText(root, path.Join(dir, "physical_package_id")); s != "" {
			packages[s] = true
		}
		if s := readText(root, path.Join(dir, "thread_siblings_list")); s != "" {
			siblings[s] = true
		}
	}
	return len(packages), len(siblings)
}

// fastestCore returns the highest frequency of any core now, in kHz; 0 if it is
// not told.
func fastestCore(root fs.FS) (khz float64) {
	files, _ := fs.Glob(root, "sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq")
	for _, f := range files {
		khz = max(khz, number(readText(root, f)))
	}
	return khz
}

// guests are what makers of virtual machines write into their firmware, by its
// beginning.
var guests = []string{
	"QEMU", "KVM", "Amazon EC2", "Google Google Compute Engine", "Microsoft Corporation Virtual Machine", "VMware",
	"Parallels", "Hetzner vServer", "OpenStack", "Red Hat KVM", "Alibaba Cloud",
}

// readHypervisor names what the machine is a guest of, "" for nothing. On x86 a
// flag says whether there is something; elsewhere only the firmware may.
func readHypervisor(root fs.FS, c *cpuInfo) string {
	if kind := readText(root, "sys/hypervisor/type"); kind != "" {
		return kind
	}
	product := readText(root, "sys/class/dmi/id/product_name")
	name := strings.TrimSpace(readText(root, "sys/class/dmi/id/sys_vendor") + " " + product)
	switch {
	case c.hypervisor && name == "":
		return "unnamed"
	case c.hypervisor:
		return name
	case c.x86 || strings.Contains(product, "metal"): // so clouds call their machines without one
		return ""
	case slices.ContainsFunc(guests, func(g string) bool { return strings.HasPrefix(name, g) }):
		return name
	}
	return ""
}

// activity is what all processors of the machine have done since it started, in
// seconds of one processor.
type activity struct {
	busy   float64 // in programs and in the kernel
	stolen float64 // wanted, but the hypervisor ran something else
	all    float64
}

// ticks of /proc/stat to a second: USER_HZ, whatever the kernel's own HZ is.
const userHz = 100

// readActivity reads /proc/stat, false if there is none.
func readActivity(root fs.FS) (a activity, ok bool) {
	line, _, _ := bytes.Cut(readFile(root, "proc/stat"), []byte("\n"))
	f := strings.Fields(string(line)) // cpu user nice system idle iowait irq softirq steal …
	if len(f) < 9 || f[0] != "cpu" {
		return a, false
	}
	for i, s := range f[1:9] {
		v := number(s) / userHz
		switch i {
		case 3, 4:
		case 7:
			a.stolen = v
		default:
			a.busy += v
		}
		a.all += v
	}
	return a, true
}

const (
	longestLine = 1 << 16 // bytes, of a line of /proc/cpuinfo; the flags are the longest
	longestFile = 8 << 20 // bytes; /proc/cpuinfo of 2048 threads has 4 MB
)

// readFile returns a file's content, nil if it can't be read.
func readFile(root fs.FS, name string) []byte {
	f, err := root.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	b, err := readLimited(f, longestFile)
	if err != nil {
		return nil
	}
	return b
}

// readText returns the content of a file that is one line.
func readText(root fs.FS, name string) string {
	line, _, _ := bytes.Cut(readFile(root, name), []byte("\n"))
	return clean(string(line))
}

// clean drops what a terminal would obey, and the NUL that ends a text of a
// device tree.
func clean(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, s))
}

// number returns s as a number, 0 if it is none.
func number(s string) float64 {
	v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return v
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// String names the machine in a line.
func (m *Machine) String() string {
	parts := []string{first(m.Model, "unknown processor")}
	if m.Board != "" {
		parts = append(parts, m.Board)
	}
	if m.Sockets > 1 {
		parts = append(parts, fmt.Sprintf("%d sockets", m.Sockets))
	}
	if m.Cores > 0 {
		parts = append(parts, plural(m.Cores, "core"))
	}
	return strings.Join(append(parts, plural(m.Threads, "thread"), m.Platform), ", ")
}
