package usb

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// tree is a part of sysfs, made in a test.
type tree struct {
	t    *testing.T
	root string
}

func newTree(t *testing.T) *tree {
	tr := &tree{t, t.TempDir()}
	tr.dir("class/tty/tty0") // a console has no device
	tr.file("devices/platform/serial8250/driver_override", "(null)")
	tr.dir("devices/platform/serial8250/tty/ttyS0")
	tr.link("devices/platform/serial8250", "devices/platform/serial8250/tty/ttyS0/device")
	tr.link("devices/platform/serial8250/tty/ttyS0", "class/tty/ttyS0")
	return tr
}

func (tr *tree) must(err error) {
	tr.t.Helper()
	if err != nil {
		tr.t.Fatal(err)
	}
}

func (tr *tree) dir(path string) { tr.must(os.MkdirAll(filepath.Join(tr.root, path), 0o755)) }

func (tr *tree) file(path, text string) {
	tr.dir(filepath.Dir(path))
	tr.must(os.WriteFile(filepath.Join(tr.root, path), []byte(text+"\n"), 0o644))
}

func (tr *tree) link(to, at string) {
	tr.dir(filepath.Dir(at))
	tr.must(os.Symlink(filepath.Join(tr.root, to), filepath.Join(tr.root, at)))
}

// stick is a USB device with serial ports.
type stick struct {
	location                   string
	vendor, product            string
	manufacturer, text, serial string
	driver                     string
	address                    int
	ttys                       map[int]string // by interface
}

// plug adds the device as its driver would: cdc_acm hangs the tty on the
// interface, those of adapters put a port in between.
func (tr *tree) plug(s stick) {
	dev := "devices/pci0000:00/usb1/" + s.location
	for name, text := range map[string]string{
		"idVendor": s.vendor, "idProduct": s.product, "manufacturer": s.manufacturer, "product": s.text, "serial": s.serial,
		"busnum": "1", "devnum": fmt.Sprint(s.address),
	} {
		if text != "" {
			tr.file(dev+"/"+name, text)
		}
	}
	tr.dir("bus/usb/drivers/" + s.driver)
	for n, tty := range s.ttys {
		iface := fmt.Sprintf("%s/%s:1.%d", dev, s.location, n)
		tr.file(iface+"/bInterfaceNumber", fmt.Sprintf("%02x", n))
		tr.link("bus/usb/drivers/"+s.driver, iface+"/driver")
		over := iface
		if s.driver != "cdc_acm" {
			over += "/" + tty
		}
		tr.dir(over + "/tty/" + tty)
		tr.link(over, over+"/tty/"+tty+"/device")
		tr.link(over+"/tty/"+tty, "class/tty/"+tty)
	}
}

func (tr *tree) list() []Device {
	tr.t.Helper()
	list, err := listSysfs(tr.root)
	tr.must(err)
	return list
}

func TestList(t *testing.T) {
	compacF := stick{"1-1.2", "0403", "6015", "GekkoScience", "CompacF Bitcoin Miner", "GS123", "ftdi_sio", 7, map[int]string{0: "ttyUSB0"}}
	tests := []struct {
		name string
		in   stick
		want []string // model, chip, chips, path, second
	}{
		{"Compac", stick{vendor: "10c4", product: "ea60", manufacturer: "bitshopperde", text: "Compac BM1384 Bitcoin Miner", ttys: map[int]string{0: "ttyUSB0"}},
			[]string{"GekkoScience Compac bm1384 1 /dev/ttyUSB0 "}},
		{"2Pac", stick{vendor: "10c4", product: "ea60", manufacturer: "GekkoScience", text: "2Pac BM1384 Bitcoin Miner", ttys: map[int]string{0: "ttyUSB0"}},
			[]string{"GekkoScience 2Pac bm1384 2 /dev/ttyUSB0 "}},
		{"NewPac", stick{vendor: "0403", product: "6015", manufacturer: "GekkoScience", text: "NewPac Bitcoin Miner", ttys: map[int]string{0: "ttyUSB0"}},
			[]string{"GekkoScience NewPac bm1387 2 /dev/ttyUSB0 "}},
		{"Compac F", compacF, []string{"GekkoScience Compac F bm1397 1 /dev/ttyUSB0 "}},
		{"R909", stick{vendor: "0403", product: "6015", manufacturer: "GekkoScience", text: "R909 Bitcoin Miner", ttys: map[int]string{0: "ttyUSB0"}},
			[]string{"GekkoScience R909 bm1397 6 /dev/ttyUSB0 "}},
		{"Compac A1", stick{vendor: "10c4", product: "ea70", manufacturer: "Silicon Labs", text: "GekkoScience Compac A1", ttys: map[int]string{0: "ttyUSB5", 1: "ttyUSB3"}},
			[]string{"GekkoScience Compac A1 bm1362 1 /dev/ttyUSB5 /dev/ttyUSB3"}},
		{"Compac A2 half there", stick{vendor: "10c4", product: "ea70", manufacturer: "Silicon Labs", text: "GekkoScience Compac A2", ttys: map[int]string{1: "ttyUSB0"}}, nil},
		{"Bitaxe", stick{vendor: "c0de", product: "cafe", manufacturer: "OSMU", text: "Bitaxe", driver: "cdc_acm", ttys: map[int]string{0: "ttyACM1", 2: "ttyACM0"}},
			[]string{"Bitaxe  1 /dev/ttyACM0 /dev/ttyACM1"}},
		{"Bitaxe half there", stick{vendor: "c0de", product: "cafe", manufacturer: "OSMU", text: "Bitaxe", driver: "cdc_acm", ttys: map[int]string{0: "ttyACM0"}}, nil},
		{"BitaxeBonanza is another thing", stick{vendor: "c0de", product: "b17d", manufacturer: "OSMU", text: "BitaxeBonanza", driver: "cdc_acm", ttys: map[int]string{0: "ttyACM0", 2: "ttyACM1"}},
			[]string{"OSMU BitaxeBonanza /dev/ttyACM0", "OSMU BitaxeBonanza /dev/ttyACM1"}},
		{"Block Erupter", stick{vendor: "10c4", product: "ea60", manufacturer: "Silicon Labs", text: "CP2102 USB to UART Bridge Controller", ttys: map[int]string{0: "ttyUSB0"}},
			[]string{"Block Erupter or Antminer U1, U2, U3 icarus 0 /dev/ttyUSB0 "}},
		{"Cairnsmore1", stick{vendor: "0403", product: "8350", text: "Cairnsmore1", ttys: map[int]string{0: "ttyUSB0", 1: "ttyUSB1"}},
			[]string{"Cairnsmore1 icarus 2 /dev/ttyUSB0 ", "Cairnsmore1 icarus 2 /dev/ttyUSB1 "}},
		{"an FT232R of somebody", stick{vendor: "0403", product: "6001", manufacturer: "FTDI", text: "FT232R USB UART", ttys: map[int]string{0: "ttyUSB0"}},
			[]string{"FTDI FT232R USB UART /dev/ttyUSB0"}},
		{"nothing said", stick{vendor: "1234", ttys: map[int]string{0: "ttyUSB0"}}, []string{"unknown /dev/ttyUSB0"}},
		{"terminal codes", stick{vendor: "1234", manufacturer: "a\x1b[2Jb\x9b", text: "c\ttd\x00" + strings.Repeat("x", 500), ttys: map[int]string{0: "ttyUSB0"}},
			[]string{"a[2Jb ctd" + strings.Repeat("x", mostText-3) + " /dev/ttyUSB0"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tr := newTree(t)
			tt.in.location = "1-1"
			if tt.in.driver == "" {
				tt.in.driver = "cp210x"
			}
			tr.plug(tt.in)
			var got []string
			for _, d := range tr.list() {
				if d.Model == nil {
					got = append(got, d.Name()+" "+d.Path)
				} else {
					got = append(got, fmt.Sprintf("%s %s %d %s %s", d.Name(), d.Model.Chip, d.Model.Chips, d.Path, d.Second))
				}
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestListAll looks at every field, the order, and what a device is once it was
// plugged in again.
func TestListAll(t *testing.T) {
	tr := newTree(t)
	f := stick{"1-1.2", "0403", "6015", "GekkoScience", "CompacF Bitcoin Miner", "GS123", "ftdi_sio", 7, map[int]string{0: "ttyUSB10"}}
	tr.plug(f)
	tr.plug(stick{"1-1.3", "10c4", "ea60", "Silicon Labs", "CP2102", "0001", "cp210x", 8, map[int]string{0: "ttyUSB2"}})
	first := tr.list()
	want := Device{
		Model: &models[5], Path: "/dev/ttyUSB10", Vendor: 0x0403, Product: 0x6015, Manufacturer: "GekkoScience",
		Text: "CompacF Bitcoin Miner", Serial: "GS123", Driver: "ftdi_sio", Location: "1-1.2", Bus: 1, Address: 7,
	}
	if len(first) != 2 || first[1] != want || first[0].Path != "/dev/ttyUSB2" {
		t.Fatalf("got %+v, want %+v last of two", first, want)
	}
	if again := tr.list(); !reflect.DeepEqual(again, first) {
		t.Errorf("the second list is %+v, the first was %+v", again, first)
	}
	tr.must(os.RemoveAll(filepath.Join(tr.root, "devices/pci0000:00/usb1/1-1.2")))
	tr.must(os.Remove(filepath.Join(tr.root, "class/tty/ttyUSB10")))
	if list := tr.list(); len(list) != 1 {
		t.Fatalf("%d devices after one was unplugged, want 1", len(list))
	}
	f.address = 9
	tr.plug(f)
	if list := tr.list(); len(list) != 2 || list[1] == want {
		t.Errorf("plugged in again it is %+v, want another than before", list)
	}
}

func TestListWithoutSysfs(t *testing.T) {
	if list, err := listSysfs(t.TempDir()); list != nil || err != nil {
		t.Errorf("got %v, %v, want nothing", list, err)
	}
}

func TestSetLatency(t *testing.T) {
	tr := newTree(t)
	tr.plug(stick{"1-1", "0403", "6015", "", "", "", "ftdi_sio", 7, map[int]string{0: "ttyUSB0"}})
	if err := setLatency(tr.root, "/dev/ttyUSB0"); err != nil {
		t.Errorf("without the file: %v", err)
	}
	const file = "devices/pci0000:00/usb1/1-1/1-1:1.0/ttyUSB0/latency_timer"
	tr.file(file, "16")
	tr.must(setLatency(tr.root, "/dev/ttyUSB0"))
	b, err := os.ReadFile(filepath.Join(tr.root, file))
	if err != nil || string(b) != "1" {
		t.Errorf("the file has %q, %v, want 1", b, err)
	}
}
