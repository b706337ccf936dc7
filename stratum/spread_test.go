package stratum

import (
	"strings"
	"testing"
)

// TestPick: which worker a device's share is for.
func TestPick(t *testing.T) {
	crew := func(authorized string) workers {
		ws := newWorkers(&Config{User: "a", Workers: []Worker{{User: "b"}, {User: "c", Weight: 3}}})
		for _, w := range ws {
			w.authorized = strings.Contains(authorized, w.User)
		}
		return ws
	}
	for _, c := range []struct {
		authorized string
		spread     Spread
		want       string
	}{
		{"abc", SpreadByWeight, "cacbccacbc"},
		{"ab", SpreadByWeight, "ababababab"},
		{"c", SpreadByWeight, "cccccccccc"},
		{"abc", SpreadByDevice, "abcabcabca"},
		{"ac", SpreadByDevice, "accaacacca"}, // b's in turns
	} {
		ws, got := crew(c.authorized), ""
		for device := range 10 {
			got += ws.pick(c.spread, device).User
		}
		if got != c.want {
			t.Errorf("authorized %s, spread %d: %s, want %s", c.authorized, c.spread, got, c.want)
		}
	}
}
