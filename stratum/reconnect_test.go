package stratum

import "testing"

func TestSameSite(t *testing.T) {
	for _, test := range []struct {
		a, b string
		same bool
	}{
		{"pool.example.org", "pool.example.org", true},
		{"pool.example.org", "POOL.EXAMPLE.ORG.", true},
		{"pool.example.org", "eu.pool.example.org", true},
		{"pool.example.org", "example.org", true},
		{"pool.example.org", "example.com", false},
		{"pool.example.org", "poolexample.org", false},
		{"a.co.uk", "evil.co.uk", false}, // the rule of cgminer takes these for one
		{"www.a.co.uk", "pool.a.co.uk", true},
		{"a.github.io", "b.github.io", false},
		{"org", "org", true},
		{"org", "example.org", false},
		{"localhost", "localhost", true},
		{"localhost", "other", false},
		{"1.2.3.4", "1.2.3.4", true},
		{"1.2.3.4", "::ffff:1.2.3.4", true},
		{"1.2.3.4", "9.2.3.4", false},
		{"1.2.3.4", "pool.1.2.3.4", false},
		{"::1", "0:0:0:0:0:0:0:1", true},
		{"fe80::1%eth0", "fe80::1%eth1", false},
		{"pool.example.org", "", false},
		{"pool.internal.lan", "b.internal.lan", true},
	} {
		for _, pair := range [][2]string{{test.a, test.b}, {test.b, test.a}} {
			if got := sameSite(pair[0], pair[1]); got != test.same {
				t.Errorf("%q, %q: same site %v, want %v", pair[0], pair[1], got, test.same)
			}
		}
	}
}

func FuzzHost(f *testing.F) {
	for _, s := range []string{"pool.example.org", "1.2.3.4", "::1", "co.uk", ".", "a..b", "-", "\x00", "xn--bcher-kva.example"} {
		f.Add(s, "pool.example.org")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		same := sameSite(a, b)
		if same != sameSite(b, a) {
			t.Errorf("%q, %q: not symmetric", a, b)
		}
		if !sameSite(a, a) {
			t.Errorf("%q is not the same site as itself", a)
		}
		if validHost(a) && len(a) > 254 && !isIP(a) {
			t.Errorf("%q is no host", a)
		}
	})
}
