package pool

import (
	"net/netip"
	"testing"
	"time"
)

// TestTableIsBounded: however many addresses come, the table stays small, and
// the longest bans are kept.
func TestTableIsBounded(t *testing.T) {
	g := newGuard(DefaultGuard())
	now := time.Unix(1e9, 0)
	addr := func(i int) netip.Addr {
		return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
	}
	worst := addr(0)
	if err := g.enter(worst, now); err != nil {
		t.Fatal(err)
	}
	g.addrs[worst].bans = 3
	if d := g.blame(worst, 1000, now); d != 40*time.Minute {
		t.Errorf("the fourth ban lasts %v, want 40 min", d)
	}
	g.leave(worst, now)
	for i := 1; i < 3*addrsKept; i++ {
		if err := g.enter(addr(i), now); err != nil {
			t.Fatal(err)
		}
		g.blame(addr(i), 1000, now)
		g.leave(addr(i), now)
		now = now.Add(time.Millisecond)
		if len(g.addrs) > addrsKept {
			t.Fatalf("%d addresses in the table", len(g.addrs))
		}
	}
	if err := g.enter(worst, now); err == nil {
		t.Error("the longest ban was forgotten first")
	}
	if n := len(g.addrs); n < addrsKept/2 {
		t.Errorf("%d addresses left", n)
	}
	later := now.Add(48 * time.Hour)
	for i := range 3 * addrsKept {
		if g.enter(addr(i), later) != nil {
			t.Fatalf("address %d is banned for ever", i)
		}
		g.leave(addr(i), later)
	}
	if n := len(g.addrs); n > addrsKept {
		t.Errorf("%d addresses in the table", n)
	}
}

// TestBansNeverOverflow, however often.
func TestBansNeverOverflow(t *testing.T) {
	for most, want := range map[time.Duration]time.Duration{-1: 1<<63 - 1, 24 * time.Hour: 24 * time.Hour} {
		g := newGuard(Guard{BadShares: 1, Ban: time.Minute, MaxBan: most})
		a := netip.MustParseAddr("10.0.0.1")
		g.addrs[a] = &standing{bans: 1 << 40}
		if d := g.blame(a, 10, time.Unix(1e9, 0)); d != want {
			t.Errorf("bound %v: banned for %v, want %v", most, d, want)
		}
	}
}
