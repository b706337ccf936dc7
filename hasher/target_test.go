package hasher

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"
)

func target(t *testing.T, s string) Target {
	t.Helper()
	v, err := ParseTarget(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// right pads hex digits to the left with zeros, to 64.
func right(s string) string { return strings.Repeat("0", 64-len(s)) + s }

// hex64 is a number in 64 hex digits.
func hex64(n *big.Int) string { return fmt.Sprintf("%064x", n) }

func pow2(n int) *big.Int { return new(big.Int).Lsh(big.NewInt(1), uint(n)) }

// TestBits follows the cases of Bitcoin Core's test/arith_uint256_tests.cpp,
// bignum_SetCompact.
func TestBits(t *testing.T) {
	for _, test := range []struct {
		bits   Bits
		target string // "" = refused
		back   Bits
	}{
		{0x00000000, "", 0},
		{0x00123456, "", 0},
		{0x01003456, "", 0},
		{0x02000056, "", 0},
		{0x03000000, "", 0},
		{0x04000000, "", 0},
		{0x00923456, "", 0},
		{0x01803456, "", 0},
		{0x02800056, "", 0},
		{0x03800000, "", 0},
		{0x04800000, "", 0},
		{0x01123456, "12", 0x01120000},
		{0x01fedcba, "", 0}, // -0x7e
		{0x02123456, "1234", 0x02123400},
		{0x03123456, "123456", 0x03123456},
		{0x04123456, "12345600", 0x04123456},
		{0x04923456, "", 0}, // -0x12345600
		{0x05009234, "92340000", 0x05009234},
		{0x20123456, "1234560000000000000000000000000000000000000000000000000000000000", 0x20123456},
		{0xff123456, "", 0}, // overflow
		// The edges of overflow, of the sign bit, and of what chains use.
		{0x21000001, "01" + strings.Repeat("0", 60), 0x1f010000},
		{0x2100ffff, "ffff000000000000000000000000000000000000000000000000000000000000", 0x2100ffff},
		{0x21010000, "", 0},
		{0x220000ff, "ff00000000000000000000000000000000000000000000000000000000000000", 0x2100ff00},
		{0x22000100, "", 0},
		{0x23000001, "", 0},
		{0x23000000, "", 0},
		{0x207fffff, "7fffff0000000000000000000000000000000000000000000000000000000000", 0x207fffff},
		{0x1d00ffff, "ffff0000000000000000000000000000000000000000000000000000", 0x1d00ffff},
		{0x170ed0eb, "0ed0eb0000000000000000000000000000000000000000", 0x170ed0eb},
		{0x01010000, "01", 0x01010000},
		{0x01800000, "", 0},
		{0x03000080, "80", 0x02008000},
	} {
		got, err := test.bits.Target()
		switch {
		case test.target == "" && err == nil:
			t.Errorf("%v: %v, want an error", test.bits, got)
		case test.target == "":
			if !strings.Contains(err.Error(), test.bits.String()) {
				t.Errorf("%v: error %q does not name it", test.bits, err)
			}
		case err != nil:
			t.Errorf("%v: %v", test.bits, err)
		case got.String() != right(test.target):
			t.Errorf("%v: %v, want %s", test.bits, got, right(test.target))
		case got.Bits() != test.back:
			t.Errorf("%v: back to %v, want %v", test.bits, got.Bits(), test.back)
		}
	}
}

func TestTargetBitsRoundsDown(t *testing.T) {
	for _, test := range []struct {
		target string
		want   Bits
	}{
		{"0", 0},
		{"1", 0x01010000},
		{"7f", 0x017f0000},
		{"80", 0x02008000},
		{"ff", 0x0200ff00},
		{"8000", 0x03008000},
		{"7fffff", 0x037fffff},
		{"800000", 0x04008000},
		{"8000ff", 0x04008000},
		{"123456ff", 0x04123456},
		{strings.Repeat("f", 64), 0x2100ffff},
		{"7" + strings.Repeat("f", 63), 0x207fffff},
		{"8" + strings.Repeat("0", 63), 0x21008000},
	} {
		v := target(t, right(test.target))
		if got := v.Bits(); got != test.want {
			t.Errorf("%s: %v, want %v", test.target, got, test.want)
		}
	}
}

func FuzzBits(f *testing.F) {
	for _, b := range []uint32{0, 0x1d00ffff, 0x207fffff, 0x01fedcba, 0x02008000, 0x2100ffff, 0x21010000, 0xff123456} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, n uint32) {
		v, err := Bits(n).Target()
		if err != nil {
			return
		}
		again, err := v.Bits().Target()
		if err != nil || again != v {
			t.Errorf("%v is %v, whose bits %v are %v, %v", Bits(n), v, v.Bits(), again, err)
		}
		d, err := TargetFromDifficulty(v.Difficulty())
		if err != nil {
			return // a target so small that no difficulty gives it
		}
		// There and back costs the rounding to 53 bits, and one for the floor.
		want, got := intOf((*[32]byte)(&v)), intOf((*[32]byte)(&d))
		slack := new(big.Int).Rsh(want, 52)
		slack.Add(slack, big.NewInt(1))
		if diff := new(big.Int).Sub(want, got); diff.CmpAbs(slack) > 0 {
			t.Errorf("%v has difficulty %g, whose target is %v, off by %v", Bits(n), v.Difficulty(), d, diff)
		}
	})
}

// TestTargetFromDifficulty holds the division to big integers, close to powers
// of two, where one rounded float64 would lose the last digits.
func TestTargetFromDifficulty(t *testing.T) {
	floor := func(num, den *big.Int) string {
		n := new(big.Int).Lsh(big.NewInt(0xffff), 208)
		return hex64(n.Quo(n.Mul(n, den), num))
	}
	one := big.NewInt(1)
	type testCase struct {
		d    float64
		want string
	}
	tests := []testCase{
		{1, right("ffff" + strings.Repeat("0", 52))},
		{2, right("7fff8" + strings.Repeat("0", 51))},
		{0.5, right("1fffe" + strings.Repeat("0", 52))},
		{65535, right("1" + strings.Repeat("0", 52))},
		{3, floor(big.NewInt(3), one)},
		{0.1, floor(big.NewInt(3602879701896397), pow2(55))}, // the fraction that 0.1 is
		{1e12, floor(big.NewInt(1e12), one)},
		{0x1p-16, right("ffff" + strings.Repeat("0", 56))},
		{0x1p-31, right("7fff8" + strings.Repeat("0", 59))},
		{0x1p-32, "ffff" + strings.Repeat("0", 60)},
		{0x1p-33, strings.Repeat("f", 64)},
		{math.SmallestNonzeroFloat64, strings.Repeat("f", 64)},
		{0xffffp208, right("1")},
		{0x1p223, right("1")},
		{0x1p207, right("1fffe")},
	}
	for e := 1; e <= 160; e++ {
		p := math.Ldexp(1, e)
		n, _ := new(big.Float).SetFloat64(math.Nextafter(p, 0)).Rat(nil)
		tests = append(tests,
			testCase{p, floor(pow2(e), one)},
			testCase{math.Nextafter(p, 0), floor(n.Num(), n.Denom())})
		n, _ = new(big.Float).SetFloat64(math.Nextafter(p, 2*p)).Rat(nil)
		tests = append(tests, testCase{math.Nextafter(p, 2*p), floor(n.Num(), n.Denom())})
	}
	for _, test := range tests {
		got, err := TargetFromDifficulty(test.d)
		if err != nil || got.String() != test.want {
			t.Errorf("%g: %v, %v, want %s", test.d, got, err, test.want)
		}
	}
}

func TestTargetFromDifficultyRefuses(t *testing.T) {
	for _, d := range []float64{0, math.Copysign(0, -1), -1, math.NaN(), math.Inf(1), math.Inf(-1),
		0x1p224, math.Nextafter(0xffffp208, math.Inf(1)), math.MaxFloat64} {
		if got, err := TargetFromDifficulty(d); !errors.Is(err, ErrDifficulty) {
			t.Errorf("%g: %v, %v, want ErrDifficulty", d, got, err)
		}
	}
}

func FuzzDifficulty(f *testing.F) {
	for _, d := range []float64{1, 0.001, 65535, 1e-10, 1.5e14, 0x1p223, -1, math.NaN(), math.SmallestNonzeroFloat64} {
		f.Add(d)
	}
	f.Fuzz(func(t *testing.T, d float64) {
		v, err := TargetFromDifficulty(d)
		if err != nil {
			if !errors.Is(err, ErrDifficulty) || v != (Target{}) {
				t.Errorf("%g: %v, %v", d, v, err)
			}
			return
		}
		if v == (Target{}) {
			t.Errorf("%g: target 0 without an error", d)
		}
		// v ≤ diff1/d < v+1, exactly, unless d is so small that v is capped.
		quotient := new(big.Rat).SetFrac(diff1, big.NewInt(1))
		quotient.Quo(quotient, new(big.Rat).SetFloat64(d))
		n := new(big.Rat).SetInt(intOf((*[32]byte)(&v)))
		if n.Cmp(quotient) > 0 {
			t.Errorf("%g: target %v is above the quotient", d, v)
		}
		if n.Add(n, big.NewRat(1, 1)); v != MaxTarget && n.Cmp(quotient) <= 0 {
			t.Errorf("%g: target %v is not the quotient rounded down", d, v)
		}
	})
}

func TestDifficulty(t *testing.T) {
	for _, test := range []struct {
		target string
		want   float64
	}{
		{right("ffff" + strings.Repeat("0", 52)), 1},
		{right("7fff8" + strings.Repeat("0", 51)), 2},
		{strings.Repeat("f", 64), 0xffffp-48},
		{right("1"), 0xffffp208},
		{right("0"), math.Inf(1)},
		{right("0404cb" + strings.Repeat("0", 48)), 16307.420938523983}, // 1b0404cb, the documentation's example
	} {
		v := target(t, test.target)
		if got := v.Difficulty(); got != test.want {
			t.Errorf("%s: %v, want %v", test.target, got, test.want)
		}
		h := Hash(v)
		if got := h.Difficulty(); got != test.want {
			t.Errorf("hash %s: %v, want %v", test.target, got, test.want)
		}
	}
}

func TestMeets(t *testing.T) {
	v := target(t, right("123400000000000000000000000000000000000000000001"))
	for _, test := range []struct {
		hash string
		want bool
	}{
		{"123400000000000000000000000000000000000000000001", true},
		{"123400000000000000000000000000000000000000000000", true},
		{"123400000000000000000000000000000000000000000002", false},
		{"123400000000000000000000000000010000000000000000", false},
		{"123300000000000000000000ffffffffffffffffffffffff", true},
		{"01000000000000000000000000000000000000000000000000", false},
		{"0", true},
	} {
		h, err := ParseHash(right(test.hash))
		if err != nil {
			t.Fatal(err)
		}
		if got := v.Meets(&h); got != test.want {
			t.Errorf("%s: %v, want %v", test.hash, got, test.want)
		}
	}
	for bit := range 256 { // a bit more is too much, wherever it stands
		v := targetFromInt(pow2(bit))
		h := Hash(v)
		if !v.Meets(&h) {
			t.Errorf("2^%d does not meet itself", bit)
		}
		h = Hash(targetFromInt(new(big.Int).Add(pow2(bit), big.NewInt(1))))
		if v.Meets(&h) {
			t.Errorf("2^%d+1 meets 2^%d", bit, bit)
		}
	}
}

func TestLimit(t *testing.T) {
	v := target(t, "12345678"+strings.Repeat("f", 56))
	if got := v.Limit(); got != 0x12345678 {
		t.Errorf("limit %#x, want 0x12345678", got)
	}
	v, err := TargetFromDifficulty(1)
	if err != nil || v.Limit() != 0 {
		t.Errorf("difficulty 1: limit %#x, %v, want 0", v.Limit(), err)
	}
}

func TestParse(t *testing.T) {
	s := "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	if v := target(t, s); v.String() != s || v[0] != 0x1f || v[31] != 0 {
		t.Errorf("target %v, want %s", v, s)
	}
	if h, err := ParseHash(s); err != nil || h.String() != s || h[0] != 0x1f {
		t.Errorf("hash %v, %v, want %s", h, err, s)
	}
	for _, bad := range []string{"", "00", s + "00", s[1:], "x" + s[1:], strings.Repeat("z", 1<<20)} {
		if _, err := ParseTarget(bad); err == nil || len(err.Error()) > 300 {
			t.Errorf("target %.80q: error %.400v", bad, err)
		}
		if _, err := ParseHash(bad); err == nil || len(err.Error()) > 300 {
			t.Errorf("hash %.80q: error %.400v", bad, err)
		}
		if _, err := ParseHeader(bad); err == nil || len(err.Error()) > 300 {
			t.Errorf("header %.80q: error %.400v", bad, err)
		}
	}
}

func TestHeaderFields(t *testing.T) {
	var h Header
	for i := range h {
		h[i] = byte(i)
	}
	if h.Version() != 0x03020100 || h.Time() != 0x47464544 || h.Bits() != 0x4b4a4948 || h.Nonce() != 0x4f4e4d4c {
		t.Errorf("version %#x, time %#x, bits %v, nonce %#x", h.Version(), h.Time(), h.Bits(), h.Nonce())
	}
	prev, root := h.PrevHash(), h.MerkleRoot()
	if prev[0] != 4 || prev[31] != 35 || root[0] != 36 || root[31] != 67 {
		t.Errorf("previous hash %v, merkle root %v", prev, root)
	}
	var again Header
	again.SetVersion(h.Version())
	again.SetPrevHash(prev)
	again.SetMerkleRoot(root)
	again.SetTime(h.Time())
	again.SetBits(h.Bits())
	again.SetNonce(h.Nonce())
	if again != h {
		t.Errorf("got %x, want %x", again, h)
	}
}
