package frame_test

import (
	"bytes"
	"fmt"
	"reflect"
	"testing"

	"gominer/hasher/asic/frame"
)

func TestCommand1387(t *testing.T) {
	for _, test := range []struct {
		command frame.Command
		want    string // without the CRC
	}{
		{frame.Command{Op: frame.ReadRegister, All: true}, "54050000"},
		{frame.Command{Op: frame.ReadRegister, Addr: 0x80, Reg: frame.Reg1387PLL}, "4405800C"},
		{frame.Command{Op: frame.Inactive}, "55050000"},
		{frame.Command{Op: frame.SetAddress, Addr: 0x80}, "41058000"},
		{frame.Command{Op: frame.WriteRegister, All: true, Reg: frame.Reg1387Misc, Value: frame.Misc1387(1, false)}, "5809001C00200100"},
		{frame.Command{Op: frame.WriteRegister, All: true, Reg: frame.Reg1387Misc, Value: frame.Misc1387(1, true)}, "5809001C40208180"},
		{frame.Command{Op: frame.WriteRegister, Addr: 0x80, Reg: frame.Reg1387PLL, Value: 0x00500241}, "4809800C00500241"},
	} {
		b := test.command.Append1387(nil)
		body := b[:len(b)-1]
		if fmt.Sprintf("%X", body) != test.want || b[len(b)-1] != frame.CRC5(body, 8*len(body)) {
			t.Errorf("%v = %X, want %s", test.command, b, test.want)
		}
		if got, err := frame.ParseCommand1387(b); err != nil || got != test.command {
			t.Errorf("ParseCommand1387(%X) = %+v, %v, want %+v", b, got, err, test.command)
		}
		b[len(b)-2] ^= 1
		if got, err := frame.ParseCommand1387(b); err == nil {
			t.Errorf("ParseCommand1387(%X) = %+v, want an error", b, got)
		}
	}
	// As cgminer has them, checksums included.
	for _, s := range []string{"5809001C0020070019", "5809001C4020998001"} {
		if c, err := frame.ParseCommand1387(unhex(t, s)); err != nil || c.Reg != frame.Reg1387Misc {
			t.Errorf("%s: %+v, %v", s, c, err)
		}
	}
}

func TestJob1387(t *testing.T) {
	j := frame.MidstateJob{ID: 8, Tail: [12]byte(bytes.Repeat([]byte{0xff}, 12)), Mid: make([][8]uint32, 4)}
	j.Mid[3][7] = 0x01020304
	b := j.Append1387(nil)
	if len(b) != 150 || b[1] != 150 || b[2] != 8 || b[3] != 4 || !bytes.Equal(b[20+96:24+96], []byte{1, 2, 3, 4}) {
		t.Errorf("% x", b)
	}
	r, n, err := frame.ScanRequest1387(b)
	if err != nil || n != len(b) || !reflect.DeepEqual(*r.Midstate, j) {
		t.Errorf("%+v, %d, %v", r, n, err)
	}
}

func TestReply1387(t *testing.T) {
	for _, want := range []frame.Reply{
		{Value: 0x13870000}, {IsNonce: true, Nonce: 0x7552034c, Result: 0x11},
	} {
		b := want.Append1387([]byte{0x80, 0x81})
		skipped := 0
		for {
			r, n, ok := frame.ScanReply1387(b)
			if !ok && n == 1 {
				b, skipped = b[1:], skipped+1
				continue
			}
			if !ok || n != 7 || r != want || skipped != 2 {
				t.Errorf("%+v, %d, %v after %d, want %+v", r, n, ok, skipped, want)
			}
			break
		}
	}
	if got := frame.BM1387.Index(0xffffffff, 12); got != 11 {
		t.Errorf("chip %d of 12", got)
	}
}

func TestCommand1384(t *testing.T) {
	for _, test := range []struct {
		command frame.Command
		want    string // without the CRC
	}{
		{frame.Command{Op: frame.ReadRegister, All: true}, "840000"},
		{frame.Command{Op: frame.ReadRegister, Addr: 0x80, Reg: frame.Reg1384PLL}, "048004"},
		{frame.Command{Op: frame.Inactive}, "850000"},
		{frame.Command{Op: frame.SetAddress, Addr: 0x80}, "018000"},
		{frame.Command{Op: frame.WriteRegister, All: true, Reg: frame.Reg1384PLL, Value: 0x0b83}, "820B83"},
	} {
		b := test.command.Append1384(nil)
		if fmt.Sprintf("%X", b[:3]) != test.want || b[3] != frame.CRC5(b, 27) {
			t.Errorf("%v = %X, want %s", test.command, b, test.want)
		}
		if got, err := frame.ParseCommand1384(b); err != nil || got != test.command {
			t.Errorf("ParseCommand1384(%X) = %+v, %v, want %+v", b, got, err, test.command)
		}
		b[3] ^= 1
		if got, err := frame.ParseCommand1384(b); err == nil {
			t.Errorf("ParseCommand1384(%X) = %+v, want an error", b, got)
		}
	}
}

func TestWork1384(t *testing.T) {
	w := frame.Work1384{IcarusWork: frame.IcarusGolden, Ticket: 3, HCN: 0x7fffffff}
	w.ID = 0x1f
	b := w.Append(nil)
	if got := fmt.Sprintf("%X", b[32:52]); got != "00000000000000077FFFFFFF000000000000001F" {
		t.Errorf("bytes 32 to 51: %s", got)
	}
	if got, err := frame.ParseWork1384(b); err != nil || got != w {
		t.Errorf("%+v, %v, want %+v", got, err, w)
	}
	for i, x := range map[int]byte{33: 1, 39: 5, 45: 1, 51: 0x20} {
		bad := bytes.Clone(b)
		bad[i] = x
		if got, err := frame.ParseWork1384(bad); err == nil {
			t.Errorf("%02x at %d: %+v, want an error", x, i, got)
		}
	}
	r, n, ok := frame.ScanReply1384(unhex(t, "7203EA8390"))
	if !ok || n != 5 || !r.IsNonce || r.Result != 0x10 || r.Nonce != 0x83ea0372 {
		t.Errorf("%+v, %d, %v", r, n, ok)
	}
}

func FuzzScanReply1387(f *testing.F) {
	f.Add((&frame.Reply{IsNonce: true, Nonce: 5, Result: 4}).Append1387(nil))
	f.Add((&frame.Reply{Value: 0x13870000}).Append1387([]byte{1}))
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			r, n, ok := frame.ScanReply1387(b)
			if n < 0 || n > len(b) || ok && n != 7 || n == 0 && len(b) >= 7 {
				t.Fatalf("done with %d bytes of %d, %v", n, len(b), ok)
			}
			if again, _, same := frame.ScanReply1387(r.Append1387(nil)); ok && (!same || again != r) {
				t.Fatalf("%+v comes back as %+v", r, again)
			}
			if n == 0 {
				return
			}
			b = b[n:]
		}
	})
}

func FuzzScanRequest1387(f *testing.F) {
	f.Add((&frame.MidstateJob{ID: 4, Mid: make([][8]uint32, 2)}).Append1387(nil))
	f.Add(frame.Command{Op: frame.WriteRegister, All: true, Reg: 0x1c}.Append1387([]byte{0x21}))
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			r, n, err := frame.ScanRequest1387(b)
			if n < 0 || n > len(b) || err != nil && n == 0 || n == 0 && len(b) >= 150 {
				t.Fatalf("done with %d bytes of %d, %v", n, len(b), err)
			}
			var again []byte
			switch {
			case n == 0:
				return
			case err != nil:
			case r.Command != nil:
				again = r.Command.Append1387(nil)
			default:
				again = r.Midstate.Append1387(nil)
			}
			if again != nil && !bytes.Equal(again, b[:n]) {
				t.Fatalf("% x comes back as % x", b[:n], again)
			}
			b = b[n:]
		}
	})
}

func FuzzWork1384(f *testing.F) {
	w := frame.Work1384{IcarusWork: frame.IcarusGolden, Ticket: 3, HCN: 0x7fffffff}
	f.Add(w.Append(nil))
	f.Add(frame.Command{Op: frame.Inactive}.Append1384(nil))
	f.Add((&frame.Reply{IsNonce: true, Nonce: 5, Result: 4}).Append1384(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if w, err := frame.ParseWork1384(b); err == nil && !bytes.Equal(w.Append(nil), b) {
			t.Errorf("%+v from % x", w, b)
		}
		if c, err := frame.ParseCommand1384(b); err == nil && !bytes.Equal(c.Append1384(nil), b) {
			t.Errorf("%+v from % x", c, b)
		}
		if r, n, ok := frame.ScanReply1384(b); ok && !bytes.Equal(r.Append1384(nil), b[:n]) {
			t.Errorf("%+v from % x", r, b[:n])
		}
	})
}
