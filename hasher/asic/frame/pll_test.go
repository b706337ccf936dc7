package frame_test

import (
	"math"
	"testing"
	"time"

	"gominer/hasher/asic/frame"
)

func TestPLL(t *testing.T) {
	for _, test := range []struct {
		chip frame.Chip
		mhz  float64
		want uint32
	}{
		{frame.BM1370, 400, 0x40a00240},
		{frame.BM1370, 500, 0x40a00230},
		{frame.BM1370, 525, 0x40a80230},
		{frame.BM1370, 600, 0x50c00230},
		{frame.BM1397, 400, 0x40400221},
		{frame.BM1397, 425, 0x40440221},
		{frame.BM1397, 450, 0x40480221},
		{frame.BM1366, 485, 0x50c20240},
		{frame.BM1368, 490, 0x50c40240},
		{frame.BM1362, 400, 0x40a00240},
		{frame.BM1387, 250, 0x00500241},
		{frame.BM1387, 550, 0x00580221},
	} {
		p, ok := test.chip.PLL(test.mhz)
		if !ok || math.Abs(p.MHz()-test.mhz) > 0.01 {
			t.Errorf("%v at %v MHz: %+v, %v MHz, %v", test.chip, test.mhz, p, p.MHz(), ok)
		}
		if got := p.Word(test.chip); got != test.want {
			t.Errorf("%v at %v MHz: %08x, want %08x", test.chip, test.mhz, got, test.want)
		}
		if got, err := test.chip.ParsePLL(test.want); err != nil || got != p {
			t.Errorf("ParsePLL(%08x) = %+v, %v, want %+v", test.want, got, err, p)
		}
	}
}

// TestPLLSteps goes through all clocks of a ramp: each is met and comes back.
func TestPLLSteps(t *testing.T) {
	for _, chip := range []frame.Chip{frame.BM1387, frame.BM1397, frame.BM1362, frame.BM1366, frame.BM1368, frame.BM1370} {
		for mhz := 56.25; mhz <= 800; mhz += 6.25 {
			p, ok := chip.PLL(mhz)
			if !ok {
				t.Errorf("%v can't make %v MHz", chip, mhz)
				continue
			}
			if off := math.Abs(p.MHz() - mhz); off > 3.2 {
				t.Errorf("%v makes %v MHz of %v", chip, p.MHz(), mhz)
			}
			if got, err := chip.ParsePLL(p.Word(chip)); err != nil || got != p {
				t.Errorf("%v at %v MHz: %+v comes back as %+v, %v", chip, mhz, p, got, err)
			}
		}
		for _, mhz := range []float64{0, -1, 1, 4999, 1e9, math.Inf(1), math.NaN()} {
			if p, ok := chip.PLL(mhz); ok {
				t.Errorf("%v makes %v MHz with %+v", chip, mhz, p)
			}
		}
	}
	if p, ok := frame.BM1384.PLL(200); ok {
		t.Errorf("a BM1384 has %+v", p)
	}
	for _, word := range []uint32{0, 0x40000240, 0x40a00040, 0x40a00340, 0x40a0024f, 0x50a00240, 0x40ff0240, 0x40a00204} {
		if p, err := frame.BM1370.ParsePLL(word); err == nil {
			t.Errorf("ParsePLL(%08x) = %+v, want an error", word, p)
		}
	}
}

// TestClockWord has the makers' table, with two typing errors mended: 181.25 and
// 412.5 MHz, whose words there make 187.5 and 206.25.
func TestClockWord(t *testing.T) {
	for mhz, want := range map[float64]uint16{
		100: 0x0783, 150: 0x0b83, 181.25: 0x0e03, 187.5: 0x0e83, 193.75: 0x0f03, 200: 0x0782, 206.25: 0x1006, 225: 0x0882,
		300: 0x0b82, 400: 0x0781, 412.5: 0x1005, 500: 0x0981, 6.25: 0x0003,
	} {
		if got, actual := frame.ClockWord(mhz); got != want || actual != mhz {
			t.Errorf("%v MHz: %04x for %v MHz, want %04x", mhz, got, actual, want)
		}
	}
	for mhz := 6.25; mhz <= 500; mhz += 6.25 {
		word, actual := frame.ClockWord(mhz)
		m, n, od := word>>7&0x7f, word>>2&0x1f, word&3
		if f := 50 * float64(m+1) / float64((n+1)<<od); f != actual || actual != mhz {
			t.Errorf("%v MHz: %04x makes %v, said to be %v", mhz, word, f, actual)
		}
	}
	for mhz, want := range map[float64]uint16{200: 0x0781, 225: 0x0881, 250: 0x4981} {
		if got, actual := frame.ClockWord1380(mhz); got != want || actual != mhz {
			t.Errorf("BM1380 at %v MHz: %04x for %v MHz, want %04x", mhz, got, actual, want)
		}
	}
	for _, mhz := range []float64{-5, 1e12, math.Inf(1), math.NaN()} {
		if word, actual := frame.ClockWord(mhz); actual > 3200 || word>>14 != 0 {
			t.Errorf("%v MHz: %04x for %v MHz", mhz, word, actual)
		}
	}
}

func TestTicketMask(t *testing.T) {
	for n, want := range map[int]uint32{0: 0, 4: 0xf0, 6: 0xfc, 8: 0xff, 10: 0xc0ff, 32: 0xffffffff} {
		if got := frame.TicketMask(n); got != want {
			t.Errorf("TicketMask(%d) = %08x, want %08x", n, got, want)
		}
	}
	for n := range 33 {
		if got, ok := frame.TicketBits(frame.TicketMask(n)); !ok || got != n {
			t.Errorf("TicketBits(TicketMask(%d)) = %d, %v", n, got, ok)
		}
	}
	if n, ok := frame.TicketBits(0x0f); ok {
		t.Errorf("TicketBits(0f) = %d", n)
	}
}

func TestHashCountingNumber(t *testing.T) {
	p, _ := frame.BM1370.PLL(525)
	hcn := frame.BM1370.HashCountingNumber(p, 1)
	if want := uint32(798915 - 268); hcn != want {
		t.Errorf("BM1370 at 525 MHz: %d, want %d", hcn, want)
	}
	// 2^16 versions, 16 at a time, 31.9 ms each.
	if got := frame.BM1370.Epoch(hcn, 1<<16); got < 130*time.Second || got > 132*time.Second {
		t.Errorf("epoch %v", got)
	}
	if one, few := frame.BM1370.Epoch(hcn, 1), frame.BM1370.Epoch(hcn, 16); one != few || one < 31*time.Millisecond || one > 32*time.Millisecond {
		t.Errorf("epoch of one version %v, of 16 %v", one, few)
	}
	// The factory's: 65 chips, 8192 sweeps in 1.64 s.
	if got := frame.BM1362.Epoch(0x1381, 1<<16); got < 1630*time.Millisecond || got > 1650*time.Millisecond {
		t.Errorf("epoch of an S19j %v", got)
	}
	for _, chips := range []int{1, 2, 12, 65, 128} {
		for _, mhz := range []float64{56.25, 425, 800} {
			p, _ := frame.BM1366.PLL(mhz)
			hcn := frame.BM1366.HashCountingNumber(p, chips)
			nonces := 2 * float64(hcn) * p.MHz() / 25
			slice := math.Exp2(25) / math.Exp2(math.Ceil(math.Log2(float64(chips))))
			if nonces > slice || nonces < 0.85*slice {
				t.Errorf("%d chips at %v MHz: a core tries %.0f of %.0f nonces in a sweep", chips, mhz, nonces, slice)
			}
		}
	}
}
