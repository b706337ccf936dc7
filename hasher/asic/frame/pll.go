package frame

import (
	"fmt"
	"math"
)

// crystal is what every chip's clock is made of, MHz.
const crystal = 25

// PLL is how a chip makes the clock of its cores from a crystal of 25 MHz.
type PLL struct {
	FB           int // feedback divider
	Ref          int // reference divider
	Post1, Post2 int // post dividers
}

// MHz returns the clock.
func (p PLL) MHz() float64 { return p.vco() / float64(p.Post1*p.Post2) }

// vco returns the frequency of the oscillator before the post dividers, MHz.
func (p PLL) vco() float64 { return float64(crystal*p.FB) / float64(p.Ref) }

// pllRange is what a chip's oscillator and feedback divider stand.
type pllRange struct {
	minFB, maxFB   int
	minVCO, maxVCO float64 // MHz
}

// pllRange returns c's, the zero value for a chip without such a PLL.
func (c Chip) pllRange() pllRange {
	switch c {
	case BM1397:
		return pllRange{minFB: 60, maxFB: 200, maxVCO: 5000}
	case BM1362:
		return pllRange{minFB: 0x10, maxFB: 0xfa, minVCO: 2000, maxVCO: 3200}
	case BM1366, BM1368:
		return pllRange{minFB: 144, maxFB: 235, maxVCO: 3200}
	case BM1370:
		return pllRange{minFB: 160, maxFB: 239, minVCO: 1600, maxVCO: 3200}
	}
	return pllRange{}
}

func (r pllRange) allows(p PLL) bool {
	return p.FB >= r.minFB && p.FB <= r.maxFB && p.vco() >= r.minVCO && p.vco() <= r.maxVCO
}

// PLL returns the setting that comes closest to the given clock in MHz, of equal
// ones that with the lowest frequency of the oscillator. It serves the BM1387 and
// later; ok is false for a clock that c can't make within 5 MHz.
func (c Chip) PLL(mhz float64) (p PLL, ok bool) {
	if math.IsNaN(mhz) || mhz <= 0 || mhz > 5000 {
		return PLL{}, false
	}
	if c == BM1387 {
		p = pll1387(mhz)
		return p, p.FB >= 1 && p.FB <= 255 && math.Abs(p.MHz()-mhz) <= mostOff
	}
	const same = 1e-6
	limits := c.pllRange()
	best := math.Inf(1)
	for ref := 2; ref >= 1; ref-- {
		for post1 := 7; post1 >= 2; post1-- {
			for post2 := post1 - 1; post2 >= 1; post2-- {
				q := PLL{Ref: ref, Post1: post1, Post2: post2}
				q.FB = int(math.Round(mhz / crystal * float64(ref*post1*post2)))
				if !limits.allows(q) {
					continue
				}
				off := math.Abs(q.MHz() - mhz)
				if off < best-same || off < best+same && q.vco() < p.vco() {
					best, p = off, q
				}
			}
		}
	}
	return p, best <= mostOff
}

// mostOff is how far off a clock may be, MHz: less than the steps of 6.25 MHz
// that miners go by.
const mostOff = 5

// pll1387 is the BM1387's: two post dividers are in use, for less than 400 MHz
// and for more.
func pll1387(mhz float64) PLL {
	p := PLL{Ref: 2, Post1: 4, Post2: 1}
	if mhz >= 400 {
		p.Post1 = 2
	}
	p.FB = int(math.Round(mhz / crystal * float64(p.Ref*p.Post1)))
	return p
}

// Word returns what p is in c's PLL register, 08 or on the BM1387 0C: a flag, FB,
// Ref and the post dividers in a byte each. From the BM1362 on the post dividers
// are stored less one, and the flag says whether the oscillator runs at 2400 MHz
// or more.
func (p PLL) Word(c Chip) uint32 {
	post := uint32(p.Post1<<4 | p.Post2)
	flag := uint32(0x40)
	switch c {
	case BM1387:
		flag = 0
	case BM1397:
	default:
		post = uint32((p.Post1-1)<<4 | (p.Post2 - 1))
		if p.vco() >= 2400 {
			flag = 0x50
		}
	}
	return flag<<24 | uint32(p.FB)<<16 | uint32(p.Ref)<<8 | post
}

// ParsePLL is the inverse of Word. It refuses what c's oscillator does not stand.
func (c Chip) ParsePLL(word uint32) (PLL, error) {
	p := PLL{FB: int(word >> 16 & 0xff), Ref: int(word >> 8 & 0xff), Post1: int(word >> 4 & 0x0f), Post2: int(word & 0x0f)}
	if c != BM1387 && c != BM1397 {
		p.Post1++
		p.Post2++
	}
	if p.FB == 0 || p.Ref < 1 || p.Ref > 2 || p.Post1 < 1 || p.Post1 > 7 || p.Post2 < 1 || p.Post2 > p.Post1 {
		return PLL{}, fmt.Errorf("PLL word %08x of the %v: a divider is out of range", word, c)
	}
	if c != BM1387 && !c.pllRange().allows(p) {
		return PLL{}, fmt.Errorf("PLL word %08x of the %v: %.4g MHz before the post dividers is out of range", word, c, p.vco())
	}
	if p.Word(c) != word {
		return PLL{}, fmt.Errorf("PLL word %08x of the %v: want flag %02x", word, c, p.Word(c)>>24)
	}
	return p, nil
}

// ClockWord returns the setting of a BM1382's or BM1384's PLL that is closest to
// the given clock, and the clock that it makes, MHz: m in bits 13-7, n in 6-2 and
// od in 1-0 of 50 × (m+1) / ((n+1) × 2^od). It keeps 50 × (m+1) / (n+1) from 800
// to 1600 MHz where it can, as the makers' tables do.
func ClockWord(mhz float64) (word uint16, actual float64) {
	od := 1
	switch {
	case !(mhz >= 200): // NaN, too
		od = 3
	case mhz < 400:
		od = 2
	}
	return clockWord(mhz, 50, od)
}

// ClockWord1380 is ClockWord for the BM1380: 25 × (m+1) / ((n+1) × 2^od), and bit
// 14 where the frequency before od is within 500 to 1000 MHz.
func ClockWord1380(mhz float64) (word uint16, actual float64) {
	word, actual = clockWord(mhz, 25, 1)
	if vco := actual * 2; vco >= 500 && vco <= 1000 {
		word |= 1 << 14
	}
	return word, actual
}

// clockWord finds the m and the least n that come closest.
func clockWord(mhz, base float64, od int) (word uint16, actual float64) {
	best := math.Inf(1)
	for n := range 4 {
		m := int(math.Round(min(max(mhz, 0), 1000)*float64((n+1)<<od)/base)) - 1
		m = min(max(m, 0), 127)
		f := base * float64(m+1) / float64((n+1)<<od)
		if off := math.Abs(f - mhz); off < best-1e-6 {
			best, actual = off, f
			word = uint16(m<<7 | n<<2 | od)
		}
	}
	return word, actual
}
