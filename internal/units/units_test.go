package units

import (
	"math"
	"testing"
	"time"
)

func TestNumbers(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{Hashrate(0), "0 H/s"},
		{Hashrate(12), "12 H/s"},
		{Hashrate(999.4), "999 H/s"},
		{Hashrate(999.6), "1.00 kH/s"},
		{Hashrate(3.214e6), "3.21 MH/s"},
		{Hashrate(32.14e6), "32.1 MH/s"},
		{Hashrate(321.4e6), "321 MH/s"},
		{Hashrate(999.9e12), "1.00 PH/s"},
		{Difficulty(0.00132456), "0.00132"},
		{Difficulty(1), "1"},
		{Difficulty(2.5), "2.5"},
		{Difficulty(86.4e12), "86.4T"},
		{Difficulty(math.Inf(1)), "+Inf"},
		{Count(0), "0"},
		{Count(999), "999"},
		{Count(1000), "1 000"},
		{Count(1234567), "1 234 567"},
		{Plural(1, "share"), "1 share"},
		{Plural(2, "hash"), "2 hashes"},
		{Plural(0, "block"), "0 blocks"},
		{Span(0), "0s"},
		{Span(16 * time.Millisecond), "16ms"},
		{Span(59*time.Second + 400*time.Millisecond), "59s"},
		{Span(59*time.Second + 600*time.Millisecond), "1m00s"},
		{Span(65 * time.Second), "1m05s"},
		{Span(3*time.Hour + 7*time.Minute), "3h07m"},
		{Span(52 * time.Hour), "2d04h"},
		{Milliseconds(0.2361), "0.236 ms"},
		{Milliseconds(109.26), "109 ms"},
		{Milliseconds(4811.2), "4.81 s"},
	} {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
	}
}
