package frame_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"gominer/hasher"
	"gominer/hasher/asic/frame"
)

// A share of a Bitaxe Gamma as its line was captured: the job and the nonce.
const (
	capturedJob = "55AA2156680100000000043A0217D76854685519A7CB044F88726355919E61A98BCF71A0C28795EA54DB8C36414B06DDF5F000000000000000009652" +
		"01001D3996BCA3F4670DFCD4F201C162B96DFD55646B00000020721C"
	capturedNonce = "AA554C0352750CD205A29C"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCRC(t *testing.T) {
	for _, s := range []string{
		"55AA520500000A", "55AA5305000003", "55AA4005040003", "55AA510900A49000FFFF1C",
		"55AA510900A80007000003", "55AA5109003C8000802019", "55AA4109002C007C000303", "55AA510900281130020003",
	} {
		b := unhex(t, s)
		body, crc := b[2:len(b)-1], b[len(b)-1]
		if got := frame.CRC5(body, 8*len(body)); got != crc {
			t.Errorf("CRC5(% x) = %02x, want %02x", body, got, crc)
		}
	}
	// A reply's CRC is at the end of what it covers, so nothing is left.
	for _, s := range []string{"AA55137000000000000010", capturedNonce, "AA551800A640029922F991", "AA556DB88EE10104035494", "AA550000C100001802"} {
		b := unhex(t, s)
		if got := frame.CRC5(b[2:], 8*len(b)-16); got != 0 {
			t.Errorf("CRC5(% x) = %02x, want 0", b[2:], got)
		}
	}
	if got := frame.CRC16([]byte("123456789")); got != 0x29b1 { // the check value of CRC-16/CCITT-FALSE
		t.Errorf("CRC16 = %04x, want 29b1", got)
	}
	if got := frame.CRC5([]byte{0xff}, 100); got != frame.CRC5([]byte{0xff}, 8) {
		t.Errorf("CRC5 over more bits than there are = %02x", got)
	}
}

func TestCommand(t *testing.T) {
	for _, test := range []struct {
		command frame.Command
		want    string
		says    string
	}{
		{frame.Command{Op: frame.ReadRegister, All: true}, "55AA520500000A", "read 00 of all"},
		{frame.Command{Op: frame.Inactive}, "55AA5305000003", "chain inactive"},
		{frame.Command{Op: frame.SetAddress, Addr: 4}, "55AA4005040003", "set address 04"},
		{frame.Command{Op: frame.WriteRegister, All: true, Reg: frame.RegVersion, Value: frame.Versions(0x1fffe000)}, "55AA510900A49000FFFF1C", "write A4 = 9000FFFF to all"},
		{frame.Command{Op: frame.WriteRegister, Reg: frame.RegUARTRelay, Value: 0x007c0003}, "55AA4109002C007C000303", "write 2C = 007C0003 to 00"},
	} {
		b := test.command.Append([]byte{1})
		if want := append([]byte{1}, unhex(t, test.want)...); !bytes.Equal(b, want) {
			t.Errorf("%v = % x, want % x", test.command, b, want)
		}
		if got, err := frame.ParseCommand(b[1:]); err != nil || got != test.command {
			t.Errorf("ParseCommand(% x) = %+v, %v, want %+v", b[1:], got, err, test.command)
		}
		if got := test.command.String(); got != test.says {
			t.Errorf("String = %q, want %q", got, test.says)
		}
	}
	for _, s := range []string{
		"", "55AA", "55AA520500000B", // CRC
		"55AA520900000A", "55AA5205000000000A", // length
		"55AA4305000000", "55AA7205000000", // type
		"AA55520500000A", // preamble
	} {
		if c, err := frame.ParseCommand(unhex(t, s)); err == nil {
			t.Errorf("ParseCommand(%s) = %+v, want an error", s, c)
		}
	}
	// A broadcast to one chip, and an address for none.
	for _, b := range [][]byte{{0x52, 5, 7, 0}, {0x40, 5, 4, 1}, {0x53, 5, 1, 0}} {
		b = append([]byte{0x55, 0xaa}, append(b, frame.CRC5(b, 32))...)
		if c, err := frame.ParseCommand(b); err == nil {
			t.Errorf("ParseCommand(% x) = %+v, want an error", b, c)
		}
	}
}

// TestCapture goes the whole way of a share that a pool accepted: the job, the
// nonce, the header, its hash.
func TestCapture(t *testing.T) {
	wire := unhex(t, capturedJob)
	job, err := frame.ParseJob(wire)
	if err != nil {
		t.Fatal(err)
	}
	if got := job.Append(nil); !bytes.Equal(got, wire) {
		t.Errorf("Append = % x\nwant % x", got, wire)
	}
	b := unhex(t, capturedNonce)
	r, n, ok := frame.ScanReply(b, true)
	if !ok || n != len(b) || !r.IsNonce {
		t.Fatalf("ScanReply = %+v, %d, %v", r, n, ok)
	}
	if got := r.Append(nil, true); !bytes.Equal(got, b) {
		t.Errorf("Append = % x, want % x", got, b)
	}
	id, sub := frame.BM1370.Job(r.Result)
	if r.Nonce != 0x7552034c || id != 0x68 || id != job.ID || sub != 2 || frame.Core(r.Nonce) != 38 || r.Excess != 12 {
		t.Errorf("nonce %08x, job %02x of %02x, core %d/%d, excess %d", r.Nonce, id, job.ID, frame.Core(r.Nonce), sub, r.Excess)
	}
	if got := frame.BM1370.Result(id, sub); got != r.Result {
		t.Errorf("Result = %02x, want %02x", got, r.Result)
	}
	h := job.Header
	h.SetVersion(h.Version() | uint32(r.Version)<<13)
	h.SetNonce(r.Nonce)
	hash := h.Hash()
	if d := hash.Difficulty(); h.Version() != 0x20b44000 || math.Abs(d-29588) > 0.1 {
		t.Errorf("version %08x, difficulty %.1f, want 20b44000 and 29588.0", h.Version(), d)
	}
	// 46 zero bits, where a ticket of difficulty 256 asks for 40.
	if hash.Top() != 0 || int(r.Excess) != 2*(46-32-8) {
		t.Errorf("hash %v with excess %d", hash, r.Excess)
	}
}

// TestReplies has replies of chains that were captured.
func TestReplies(t *testing.T) {
	for _, test := range []struct {
		chip                         frame.Chip
		wire                         string
		nonce                        uint32
		version                      uint16
		id, sub                      byte
		core, index, chips, interval int
	}{
		{frame.BM1370, "AA551800A640029922F991", 0x40a60018, 0x22f9, 0x48, 9, 12, 0, 1, 0},
		{frame.BM1362, "AA556DB88EE10104035494", 0xe18eb86d, 0x0354, 0, 4, 54, 110, 126, 2},
	} {
		r, n, ok := frame.ScanReply(unhex(t, test.wire), true)
		if !ok || n != 11 || r.Nonce != test.nonce || r.Version != test.version {
			t.Errorf("%s: %+v, %d, %v", test.wire, r, n, ok)
		}
		if id, sub := test.chip.Job(r.Result); id != test.id || sub != test.sub {
			t.Errorf("%s: job %02x/%d, want %02x/%d", test.wire, id, sub, test.id, test.sub)
		}
		if core, index := frame.Core(r.Nonce), test.chip.Index(r.Nonce, test.chips); core != test.core || index != test.index {
			t.Errorf("%s: core %d of chip %d, want %d of %d", test.wire, core, index, test.core, test.index)
		}
	}
	// A chip that is fresh out of reset answers in 9 bytes.
	r, n, ok := frame.ScanReply(unhex(t, "AA550000C100001802"), false)
	if !ok || n != 9 || r.IsNonce || r.Reg != frame.RegMiscControl || r.Value != 0xc100 {
		t.Errorf("%+v, %d, %v", r, n, ok)
	}
	r, n, ok = frame.ScanReply(unhex(t, "AA55137000000000000010"), true)
	if !ok || n != 11 || r.IsNonce || r.Reg != frame.RegChipID || frame.Chip(r.Value>>16) != frame.BM1370 {
		t.Errorf("%+v, %d, %v", r, n, ok)
	}
}

// TestJobIDs sees that each id that a host gives comes back.
func TestJobIDs(t *testing.T) {
	for chip, step := range map[frame.Chip]int{frame.BM1397: 4, frame.BM1362: 8, frame.BM1366: 8, frame.BM1368: 24, frame.BM1370: 24} {
		seen := map[byte]bool{}
		subs := byte(chip.Geometry().SubCores)
		for id := 0; !seen[byte(id)]; id = (id + step) % 128 {
			seen[byte(id)] = true
			for sub := range subs {
				if gotID, gotSub := chip.Job(chip.Result(byte(id), sub)); gotID != byte(id) || gotSub != sub {
					t.Errorf("%v: job %02x/%d comes back as %02x/%d", chip, id, sub, gotID, gotSub)
				}
			}
		}
		if len(seen) != 16 && len(seen) != 32 {
			t.Errorf("%v has %d job ids", chip, len(seen))
		}
	}
}

func TestIndex(t *testing.T) {
	wire := func(b ...byte) uint32 { var h hasher.Header; copy(h[76:], b); return h.Nonce() }
	for _, test := range []struct {
		chip  frame.Chip
		nonce uint32
		chips int
		want  int
	}{
		{frame.BM1370, wire(0xff, 0xff, 0xff, 0xff), 1, 0},
		{frame.BM1370, wire(0x00, 0x7f, 0xff, 0xff), 4, 0},
		{frame.BM1370, wire(0x00, 0x80, 0x00, 0x00), 4, 1},
		{frame.BM1370, wire(0xff, 0xff, 0xff, 0xff), 65, 64},
		{frame.BM1397, wire(0x01, 0x50, 0, 0), 6, 4}, // addresses 42 apart: A8 is the fifth
		{frame.BM1397, wire(0x01, 0xff, 0, 0), 6, 5},
		{frame.BM1366, wire(0x01, 0xff, 0, 0), 500, 255},
	} {
		if got := test.chip.Index(test.nonce, test.chips); got != test.want {
			t.Errorf("%v: nonce %08x of %d chips is of %d, want %d", test.chip, test.nonce, test.chips, got, test.want)
		}
	}
}

// TestMidstateJob holds the BM1397's job to the golden packet of the Icarus
// family, which carries the midstate and the tail of block 171874 in the same
// order.
func TestMidstateJob(t *testing.T) {
	mid := unhex(t, "4679ba4ec99876bf4bfe086082b400254df6c356451471139a3afa71e48f544a")
	tail := unhex(t, "87320b1a1426674f2fa722ce")
	for n, size := range map[int]int{1: 56, 2: 88, 4: 152} {
		j := frame.MidstateJob{ID: 4, Tail: [12]byte(append(append(append([]byte(nil), tail[8:]...), tail[4:8]...), tail[:4]...))}
		for range n {
			var m [8]uint32
			for i := range m {
				for _, b := range mid[28-4*i : 32-4*i] {
					m[i] = m[i]<<8 | uint32(b)
				}
			}
			j.Mid = append(j.Mid, m)
		}
		b := j.Append(nil)
		if len(b) != size || int(b[3]) != size-2 || !bytes.Equal(b[10:22], tail) {
			t.Fatalf("%d midstates: %d bytes % x", n, len(b), b)
		}
		for i := range n {
			if got := b[22+32*i : 54+32*i]; !bytes.Equal(got, mid) {
				t.Errorf("midstate %d: % x, want % x", i, got, mid)
			}
		}
		if got, err := frame.ParseMidstateJob(b); err != nil || !reflect.DeepEqual(got, j) {
			t.Errorf("ParseMidstateJob = %+v, %v, want %+v", got, err, j)
		}
		for i := range b {
			b[i] ^= 0x10
			if _, err := frame.ParseMidstateJob(b); err == nil {
				t.Errorf("%d midstates: byte %d changed, no error", n, i)
			}
			b[i] ^= 0x10
		}
	}
}

// TestScan feeds streams byte by byte, with noise, cut frames and what looks like
// a preamble.
func TestScan(t *testing.T) {
	command := frame.Command{Op: frame.WriteRegister, All: true, Reg: frame.RegTicketMask, Value: 0x55aa55aa}
	good := command.Append(nil)
	job := unhex(t, capturedJob)
	stream := []byte{0x55, 0x00, 0xaa}
	stream = append(stream, good...)
	stream = append(stream, job[:40]...) // cut: swallows the next, which is found inside
	stream = append(stream, good...)
	stream = append(stream, job...)
	stream = append(stream, 0x55)
	stream = append(stream, good...)
	stream = append(stream, bytes.Repeat([]byte{0}, 90)...) // time for the cut one

	var got []string
	var buf []byte
	bad := 0
	for _, b := range stream {
		buf = append(buf, b)
		for {
			r, n, err := frame.ScanRequest(buf, false)
			if n == 0 {
				break
			}
			buf = buf[n:]
			switch {
			case err != nil:
				bad += n
			case r.Command != nil:
				got = append(got, r.Command.String())
			case r.Job != nil:
				got = append(got, fmt.Sprintf("job %02x", r.Job.ID))
			}
		}
	}
	write := "write 14 = 55AA55AA to all"
	if want := []string{write, write, "job 68", write}; !reflect.DeepEqual(got, want) {
		t.Errorf("requests %q, want %q", got, want)
	}
	if want := 3 + 40 + 1 + 90; bad != want {
		t.Errorf("%d bytes of garbage, want %d", bad, want)
	}

	nonce := unhex(t, capturedNonce)
	stream = append([]byte{0xaa}, nonce...)
	stream = append(stream, nonce[:7]...)
	stream = append(stream, nonce...)
	stream = append(stream, 1, 2, 3)
	nonces, bad := 0, 0
	buf = nil
	for _, b := range stream {
		buf = append(buf, b)
		for {
			r, n, ok := frame.ScanReply(buf, true)
			if n == 0 {
				break
			}
			buf = buf[n:]
			switch {
			case ok && r.IsNonce && r.Nonce == 0x7552034c:
				nonces++
			case ok:
				t.Errorf("reply %+v", r)
			default:
				bad += n
			}
		}
	}
	if nonces != 2 || bad != 1+7+3 {
		t.Errorf("%d nonces, %d bytes of garbage, want 2 and 11", nonces, bad)
	}
}

func FuzzScanReply(f *testing.F) {
	f.Add(unhex(f, capturedNonce), true)
	f.Add(unhex(f, "AA550000C100001802"), false)
	f.Add(unhex(f, "AAAA55AA55137000000000000010"), true)
	f.Fuzz(func(t *testing.T, b []byte, long bool) {
		for len(b) > 0 {
			r, n, ok := frame.ScanReply(b, long)
			if n < 0 || n > len(b) || ok && n == 0 {
				t.Fatalf("done with %d bytes of %d, %v", n, len(b), ok)
			}
			if n == 0 {
				if len(b) > 10 {
					t.Fatalf("%d bytes are not enough", len(b))
				}
				return
			}
			if ok {
				if got := r.Append(nil, long); !bytes.Equal(got, b[:n]) {
					t.Fatalf("% x comes back as % x", b[:n], got)
				}
			}
			b = b[n:]
		}
	})
}

func FuzzScanRequest(f *testing.F) {
	f.Add(unhex(f, capturedJob), false)
	f.Add(unhex(f, "55AA520500000A55AA510900A49000FFFF1C"), true)
	mid := frame.MidstateJob{ID: 8, Mid: make([][8]uint32, 4)}
	f.Add(mid.Append(nil), true)
	f.Fuzz(func(t *testing.T, b []byte, midstates bool) {
		for len(b) > 0 {
			r, n, err := frame.ScanRequest(b, midstates)
			if n < 0 || n > len(b) || err != nil && n == 0 {
				t.Fatalf("done with %d bytes of %d, %v", n, len(b), err)
			}
			if n == 0 {
				if len(b) >= 152 {
					t.Fatalf("%d bytes are not enough", len(b))
				}
				return
			}
			var again []byte
			switch {
			case err != nil:
			case r.Command != nil:
				again = r.Command.Append(nil)
			case r.Midstate != nil:
				again = r.Midstate.Append(nil)
			default:
				j, err := frame.ParseJob(r.Job.Append(nil))
				if err != nil || j != *r.Job {
					t.Fatalf("%+v comes back as %+v, %v", *r.Job, j, err)
				}
			}
			if again != nil && !bytes.Equal(again, b[:n]) {
				t.Fatalf("% x comes back as % x", b[:n], again)
			}
			b = b[n:]
		}
	})
}
