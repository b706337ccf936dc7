package stratum

import (
	"encoding/hex"
	"testing"
)

func TestHeightOf(t *testing.T) {
	const start = "01000000" + "01" + "0000000000000000000000000000000000000000000000000000000000000000" + "ffffffff"
	for _, test := range []struct {
		coinb1  string
		version uint32
		height  uint32
	}{
		{start + "4b" + "037f4f0600", 4, 413567},
		{start + "4b" + "037f4f06", 4, 413567},
		{start + "03" + "037f4f06", 4, 0}, // the script ends before the push does
		{start + "4b" + "037f4f", 4, 0},   // cut by the extranonce
		{start + "4b" + "037f4f86", 4, 0}, // negative
		{start + "4b" + "037f4f0600", 1, 0},
		{start + "4b" + "51", 4, 1},
		{start + "4b" + "60", 4, 16},
		{start + "4b" + "61", 4, 0},
		{start + "4b" + "00", 4, 0},
		{start + "31" + "0101", 0x20000000, 1},
		{start + "17" + "0171", 0x20000000, 113},
		{start + "17" + "049f860100", 0x20000000, 99999},
		{start + "17" + "0500000000017f", 0x20000000, 0},
		{start + "4c" + "4c037f4f06", 4, 0},
		{start + "00", 4, 0},
		{start + "4b", 4, 0},
		{start, 4, 0},
		{"", 4, 0},
		{"01000000" + "02" + start[10:] + "4b037f4f06", 4, 0},
		{"01000000" + "01" + "01" + start[12:] + "4b037f4f06", 4, 0},
	} {
		b, err := hex.DecodeString(test.coinb1)
		if err != nil {
			t.Fatal(err)
		}
		if got := heightOf(b, test.version); got != test.height {
			t.Errorf("%s under version %x: height %d, want %d", test.coinb1, test.version, got, test.height)
		}
	}
}

func FuzzHeightOf(f *testing.F) {
	f.Add([]byte{}, uint32(4))
	start := append([]byte{1, 0, 0, 0, 1}, nullOutpoint[:]...)
	f.Add(append(start, 75, 3, 0x7f, 0x4f, 6), uint32(4))
	f.Add(append(start, 75, 4, 0x7f, 0x4f, 6), uint32(4))
	f.Fuzz(func(t *testing.T, coinb1 []byte, version uint32) {
		if h := heightOf(coinb1, version); h > 1<<31 {
			t.Errorf("%x: height %d", coinb1, h)
		}
	})
}
