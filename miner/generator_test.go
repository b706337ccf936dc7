package miner

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"gominer/hasher"
)

// TestNextAllocatesNothing draws from several sessions in turn.
func TestNextAllocatesNothing(t *testing.T) {
	g := newGenerator(Start{}, 0, 1)
	var parts []part
	for i := range 3 {
		s := mining(g)
		g.publish(s, &Job{Bits: 0x1d00ffff, Coinbase: &Coinbase{Extranonce1: []byte{byte(i)}, Extranonce2Size: 4}})
		parts = append(parts, part{s, float64(i + 1)})
	}
	g.mine(parts)
	var w Work
	drawn := map[*Session]int{}
	for range 12 { // the first draws make the buffers
		if err := g.next(t.Context(), 0, 1<<32, &w); err != nil {
			t.Fatal(err)
		}
		drawn[w.lease.tip.session]++
		w.lease.tip.session.tried.Add(w.Count)
	}
	for _, p := range parts {
		if got, want := drawn[p.session], int(2*p.weight); got != want {
			t.Errorf("%d draws of 12 for a weight of %v of 6, want %d", got, p.weight, want)
		}
	}
	if n := testing.AllocsPerRun(100, func() {
		if err := g.next(t.Context(), 0, 1<<32, &w); err != nil {
			t.Fatal(err)
		}
		w.lease.tip.session.tried.Add(w.Count)
	}); n != 0 {
		t.Errorf("%v allocations to a draw", n)
	}
}

// TestFloodForgetsTheOldest keeps memory bounded, and stays right for what a
// pool can do: an extranonce1 that was forgotten starts again at a later ntime.
func TestFloodForgetsTheOldest(t *testing.T) {
	g := newGenerator(Start{}, 0, 8)
	s := mining(g)
	for i := range 5000 {
		j := &Job{Bits: 0x1d00ffff, Coinbase: &Coinbase{Extranonce1: binary.BigEndian.AppendUint32(nil, uint32(i)), Extranonce2Size: 4}}
		g.publish(s, j)
		var w Work
		if err := g.next(t.Context(), 0, 1, &w); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(g.spaces.at); n > rememberSpaces {
		t.Errorf("%d spaces, want at most %d", n, rememberSpaces)
	}
	if n := len(g.counters.at); n > rememberCounters {
		t.Errorf("%d counters, want at most %d", n, rememberCounters)
	}
}

func TestRollingOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGenerator(Start{}, 0, 8)
		j := &Job{NTime: 1000, Bits: 0x1d00ffff, Coinbase: &Coinbase{Extranonce2Size: 1}}
		g.publish(mining(g), j)
		start := time.Now()
		var w Work
		for i := range 600 {
			if err := g.next(t.Context(), 0, 1<<32, &w); err != nil {
				t.Fatal(err)
			}
			if want := uint64(i % 256); w.Extranonce2 != want {
				t.Fatalf("header %d has extranonce2 %d, want %d", i, w.Extranonce2, want)
			}
			if want := 1000 + uint32(i/256); w.Header.Time() != want {
				t.Fatalf("header %d has ntime %d, want %d: it rolls last", i, w.Header.Time(), want)
			}
			if got, want := time.Since(start), time.Duration(i/256)*time.Second; got != want {
				t.Fatalf("header %d after %v, want %v: ntime waits for real time", i, got, want)
			}
		}
	})
}

// TestForgottenCounterStartsLater floods out the extranonce1 of a job whose space
// is remembered: its extranonce2 starts again, so ntime must not.
func TestForgottenCounterStartsLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGenerator(Start{}, 0, 8)
		s := mining(g)
		draw := func(extranonce1 uint32) (w Work) {
			g.publish(s, &Job{ID: "1", NTime: 1000, Bits: 0x1d00ffff, Coinbase: &Coinbase{
				Extranonce1: binary.BigEndian.AppendUint32(nil, extranonce1), Extranonce2Size: 4,
			}})
			if err := g.next(t.Context(), 0, 1<<32, &w); err != nil {
				t.Fatal(err)
			}
			return w
		}
		first := draw(0)
		for i := range uint32(rememberCounters) {
			draw(i + 1)
		}
		if again := draw(0); again.Header == first.Header || again.Header.Time() != 1001 {
			t.Errorf("header of time %d and extranonce2 %d after one of %d and %d, want time 1001",
				again.Header.Time(), again.Extranonce2, first.Header.Time(), first.Extranonce2)
		}
	})
}

// TestLapStartsAfterTheLatestTime uses two ntimes in one lap, the later first.
func TestLapStartsAfterTheLatestTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGenerator(Start{}, 0, 8)
		a := newAuditor(t, 0)
		j := Job{NTime: 1005, Bits: 0x1d00ffff, Coinbase: &Coinbase{Extranonce2Size: 1}}
		early := j
		early.NTime = 1003
		for _, step := range []struct {
			job   *Job
			works int
		}{{&j, 10}, {&early, 600}} {
			a.publish(g, mining(g), step.job)
			for range step.works {
				var w Work
				if err := g.next(t.Context(), 0, 1<<32, &w); err != nil {
					t.Fatal(err)
				}
				a.check(&w)
			}
		}
	})
}

// TestTargetKeepsTheTime changes the target of a job that rolls nothing but
// ntime: the copy goes on at once where the job was, and doesn't wait until its
// time has come round again.
func TestTargetKeepsTheTime(t *testing.T) {
	for _, coinbase := range []*Coinbase{nil, {Extranonce2Size: 0}} {
		synctest.Test(t, func(t *testing.T) {
			g := newGenerator(Start{}, 0, 8)
			s := mining(g)
			j := &Job{ID: "1", NTime: 1000, Bits: 0x1d00ffff, Coinbase: coinbase}
			start := time.Now()
			var w Work
			for i := range 300 {
				if i%50 == 0 {
					again := *j
					again.Target[0] = byte(i)
					j = &again
					g.publish(s, j)
				}
				if err := g.next(t.Context(), 0, 1<<32, &w); err != nil {
					t.Fatal(err)
				}
			}
			if got, want := time.Since(start), 299*time.Second; got != want {
				t.Errorf("300 headers took %v, want %v: one a second", got, want)
			}
			// Another job with the same content has its own time.
			other := *j
			other.ID = "2"
			g.publish(s, &other)
			ctx, cancel := context.WithTimeout(t.Context(), 290*time.Second)
			defer cancel()
			if err := g.next(ctx, 0, 1, &w); err == nil {
				t.Errorf("header of time %d under a job of %d that came just now", w.Header.Time(), other.NTime)
			}
		})
	}
}

func TestStartPlacesTheSearch(t *testing.T) {
	g := newGenerator(Start{Extranonce2: 0x1234, Nonce: 99}, 0, 1)
	j := &Job{Bits: 0x1d00ffff, Coinbase: &Coinbase{Extranonce2Size: 4}}
	g.publish(mining(g), j)
	var w Work
	for i, want := range []struct {
		extranonce2 uint64
		first       uint32
	}{{0x1234, 99}, {0x1234, 109}, {0x1235, 0}} {
		n := uint64(10)
		if i == 1 {
			n = 1 << 32
		}
		if err := g.next(t.Context(), 0, n, &w); err != nil {
			t.Fatal(err)
		}
		if w.Extranonce2 != want.extranonce2 || w.First != want.first {
			t.Errorf("work %d: extranonce2 %x nonce %d, want %x %d", i, w.Extranonce2, w.First, want.extranonce2, want.first)
		}
	}
}

func TestExtranonce2Bytes(t *testing.T) {
	for _, tt := range []struct {
		v    uint64
		size int
		want string
	}{
		{0, 0, ""}, {7, 0, ""}, {0x1ff, 1, "ff"}, {1, 4, "00000001"},
		{0x0102030405060708, 8, "0102030405060708"}, {0x0102030405060708, 12, "000000000102030405060708"},
	} {
		if got := fmt.Sprintf("%x", Extranonce2Bytes(tt.v, tt.size)); got != tt.want {
			t.Errorf("%d in %d bytes is %s, want %s", tt.v, tt.size, got, tt.want)
		}
	}
}

func TestRolledVersions(t *testing.T) {
	for _, j := range []*Job{
		{Version: 0x20000000, VersionMask: 0},
		{Version: 0x20000000, VersionMask: 0x1fffe000},
		{Version: 0x3fffe004, VersionMask: 0x1fffe000}, // preset inside the mask
		{Version: 0x20002000, VersionMask: 0x00006001},
		{Version: 0x30400007, VersionMask: 0x1fffe000},
	} {
		if got := j.RolledVersion(0); got != j.Version {
			t.Errorf("version 0 of %x is %x", j.Version, got)
		}
		seen := map[uint32]bool{}
		for i := range j.Versions() {
			v := j.RolledVersion(i)
			if v&^j.VersionMask != j.Version&^j.VersionMask || v&j.Version != j.Version {
				t.Fatalf("version %x of %x leaves the mask %x, or lacks what is preset", v, j.Version, j.VersionMask)
			}
			if seen[v] {
				t.Fatalf("version %x of %x comes twice", v, j.Version)
			}
			seen[v] = true
		}
	}
}

func TestWorkOfADeadTipIsStale(t *testing.T) {
	g := newGenerator(Start{}, 0, 8)
	b, a := mining(g), mining(g)
	draw := func() (w Work) {
		if err := g.next(t.Context(), 0, 1, &w); err != nil {
			t.Fatal(err)
		}
		return w
	}
	stale := func(what string, w Work, want bool) {
		t.Helper()
		closed := false
		select {
		case <-w.Done():
			closed = true
		default:
		}
		if w.Stale() != want || closed != want {
			t.Errorf("%s: stale %v, done %v, want %v", what, w.Stale(), closed, want)
		}
	}
	g.publish(a, &Job{Clean: true})
	first := draw()
	g.publish(a, &Job{})
	second := draw()
	stale("after a job without clean", first, false)
	g.publish(a, &Job{Clean: true})
	third := draw()
	stale("after a clean job", first, true)
	stale("after a clean job", second, true)
	g.end(b)
	stale("after the end of another session", third, false)
	c := mining(g)
	g.publish(c, &Job{})
	stale("after another session's job", third, false)
	fourth := draw()
	g.publish(a, &Job{Clean: true})
	stale("after a clean job that is not mined", third, true)
	stale("after another session's clean job", fourth, false)
	g.end(a)
	stale("after the end of another session", fourth, false)
	g.end(c)
	stale("after the end of its session", fourth, true)
	if len(g.live) != 0 {
		t.Errorf("%d streams are alive", len(g.live))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.next(ctx, 0, 1, &first); !errors.Is(err, context.Canceled) {
		t.Errorf("next without a job: %v", err)
	}
}

// TestJobOfOneDevice: a device that has a job of its own mines that, until it is
// taken away or its session ends.
func TestJobOfOneDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGenerator(Start{}, 0, 8)
		b, a := mining(g), mining(g)
		common, own, newer, clean := &Job{ID: "common"}, &Job{ID: "own", Root: hasher.Hash{1}}, &Job{ID: "newer", Root: hasher.Hash{2}}, &Job{ID: "clean", Clean: true}
		works := map[int]Work{}
		want := func(device int, j *Job) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			var w Work
			if err := g.next(ctx, device, 1, &w); err != nil || w.Job != j {
				t.Errorf("device %d mines %+v, %v; want %v", device, w.Job, err, j)
			}
			works[device] = w
		}
		stale := func(device int, want bool) {
			t.Helper()
			if w := works[device]; w.Stale() != want {
				t.Errorf("the work of device %d is stale: %v", device, !want)
			}
		}
		g.publishTo(a, 1, own)
		want(1, own)
		waiting := make(chan *Job)
		go func() {
			var w Work
			_ = g.next(t.Context(), 0, 1, &w)
			waiting <- w.Job
		}()
		synctest.Wait()
		g.publish(a, common)
		if j := <-waiting; j != common {
			t.Errorf("a device that waited got %v", j)
		}
		want(0, common)
		want(1, own)
		g.publish(a, clean)
		stale(0, true)
		stale(1, false)
		g.publishTo(a, 1, newer)
		stale(1, false)
		want(1, newer)
		g.publishTo(b, 1, nil) // another session's end is none of theirs
		stale(1, false)
		g.publishTo(a, 1, nil)
		stale(1, true)
		want(1, clean)
		g.publishTo(a, 1, nil)
		stale(1, false)
		g.publishTo(a, 2, own)
		want(2, own)
		g.publish(b, nil)
		stale(2, false)
		g.publish(a, nil)
		stale(1, true)
		stale(2, true)
		if n := len(a.stream.own) + len(b.stream.own); n != 0 {
			t.Errorf("%d devices still have a job", n)
		}
	})
}

func BenchmarkRoll(b *testing.B) {
	g := newGenerator(Start{}, 0, 8)
	g.publish(mining(g), &Job{Coinbase: &Coinbase{
		Prefix: make([]byte, 100), Suffix: make([]byte, 100), Extranonce1: make([]byte, 4), Extranonce2Size: 8,
		Branch: make([]hasher.Hash, 12),
	}})
	var w Work
	b.ReportAllocs()
	for b.Loop() {
		if err := g.next(b.Context(), 0, 1<<32, &w); err != nil {
			b.Fatal(err)
		}
	}
}

// TestWholeHeaders draws headers for devices of their own between parts of one:
// nobody's nonces are lost, and whoever begins at a nonce still does.
func TestWholeHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGenerator(Start{Nonce: 7}, 0, 8)
		g.publish(mining(g), &Job{NTime: 1000, Bits: 0x1d00ffff, Coinbase: &Coinbase{Extranonce2Size: 1}})
		next := func(n uint64) (w Work) {
			if err := g.next(t.Context(), 0, n, &w); err != nil {
				t.Fatal(err)
			}
			return w
		}
		for i, want := range []struct {
			n, extranonce2 uint64
			first          uint32
			count          uint64
		}{
			{whole, 0, 0, nonces},
			{100, 1, 7, 100},
			{whole, 2, 0, nonces},
			{whole, 3, 0, nonces},
			{100, 1, 107, 100},
			{nonces, 1, 207, nonces - 207},
			{100, 4, 0, 100},
			{whole, 5, 0, nonces},
		} {
			w := next(want.n)
			if w.Extranonce2 != want.extranonce2 || w.First != want.first || w.Count != want.count || w.Header.Time() != 1000 {
				t.Errorf("draw %d: extranonce2 %d, %d nonces from %d, ntime %d, want %+v", i, w.Extranonce2, w.Count, w.First, w.Header.Time(), want)
			}
		}
		// The rest of the extranonces, then one more a second.
		start := time.Now()
		for range 250 {
			next(whole)
		}
		if w := next(whole); w.Header.Time() != 1001 || time.Since(start) != time.Second {
			t.Errorf("after all extranonces ntime %d after %v", w.Header.Time(), time.Since(start))
		}
		if w := next(100); w.Extranonce2 != 4 || w.First != 100 {
			t.Errorf("the rest of an earlier header: extranonce2 %d, nonce %d", w.Extranonce2, w.First)
		}
	})
}
