package miner

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gominer/hasher"
)

// auditor checks every piece of work that is handed out against all before it.
type auditor struct {
	t         *testing.T
	mu        sync.Mutex
	allowance uint32
	published map[*Job]time.Time
	first     map[string]time.Time     // by what makes a job a copy of another
	ranges    map[hasher.Header][]span // by header without version and nonce
	contents  map[string]string        // extranonce1 and 2 → the rest of the job
	handed    int
	rolled    int // times that ntime was ahead of the job's
}

type span struct{ first, end uint64 }

func newAuditor(t *testing.T, allowance uint32) *auditor {
	return &auditor{
		t: t, allowance: allowance,
		published: map[*Job]time.Time{}, first: map[string]time.Time{}, ranges: map[hasher.Header][]span{}, contents: map[string]string{},
	}
}

func (a *auditor) publish(g *generator, s *Session, j *Job) {
	a.see(j)
	g.publish(s, j)
}

func (a *auditor) publishTo(g *generator, s *Session, device int, j *Job) {
	a.see(j)
	g.publishTo(s, device, j)
}

func (a *auditor) see(j *Job) {
	a.mu.Lock()
	defer a.mu.Unlock()
	id := fmt.Sprintf("%s %d %x %x", j.ID, j.NTime, j.PrevHash, j.Root)
	if c := j.Coinbase; c != nil {
		id += fmt.Sprintf(" %x %x %x %d %x", c.Prefix, c.Suffix, c.Extranonce1, c.Extranonce2Size, c.Branch)
	}
	if _, copied := a.first[id]; !copied {
		a.first[id] = time.Now()
	}
	a.published[j] = a.first[id]
}

func (a *auditor) check(w *Work) {
	a.t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.handed++
	j, h := w.Job, w.Header
	root := j.Root
	if j.Coinbase != nil {
		root = j.Coinbase.MerkleRoot(w.Extranonce2)
	}
	sh := Share{Job: j, Version: j.Version, NTime: h.Time()}
	if h != sh.Header(root) {
		a.t.Fatalf("header %x is not that of its job and extranonce2 %d", h, w.Extranonce2)
	}
	elapsed := uint32(time.Since(a.published[j]) / time.Second)
	if n := h.Time(); n < j.NTime || n > j.NTime+elapsed+a.allowance {
		a.t.Fatalf("ntime %d after %d s under a job of %d, allowance %d", n, elapsed, j.NTime, a.allowance)
	} else if n > j.NTime {
		a.rolled++
	}
	if w.Count == 0 || uint64(w.First)+w.Count > 1<<32 {
		a.t.Fatalf("nonces %d + %d", w.First, w.Count)
	}

	// Versions don't count: whatever a device rolls, no two works may overlap.
	key := h
	key.SetVersion(0)
	mine := span{uint64(w.First), uint64(w.First) + w.Count}
	for _, s := range a.ranges[key] {
		if mine.first < s.end && s.first < mine.end {
			a.t.Fatalf("nonces %v of header %x were handed out before in %v", mine, key, s)
		}
	}
	a.ranges[key] = append(a.ranges[key], mine)

	if c := j.Coinbase; c != nil && c.Extranonce2Size >= 4 {
		id := fmt.Sprintf("%x/%d/%d", c.Extranonce1, c.Extranonce2Size, w.Extranonce2)
		content := fmt.Sprintf("%x %x %x %x", j.PrevHash, c.Prefix, c.Suffix, c.Branch)
		if before, ok := a.contents[id]; ok && before != content {
			a.t.Fatalf("extranonce2 %s used in two jobs", id)
		}
		a.contents[id] = content
	}
}

// randomJob returns one of few enough jobs that many come again.
func randomJob(r *rand.Rand) *Job {
	j := &Job{
		ID: fmt.Sprint(r.IntN(1000)), Version: 0x20000000 | r.Uint32N(4)<<13, Bits: 0x1d00ffff,
		NTime: 1_700_000_000 + r.Uint32N(5), Clean: r.IntN(3) == 0,
		VersionMask: []uint32{0, 0x1fffe000, 0x6000}[r.IntN(3)],
	}
	j.Target[31] = byte(r.IntN(256))
	j.PrevHash[0] = byte(r.IntN(3))
	if r.IntN(5) == 0 {
		j.Root[0] = byte(r.IntN(2))
		return j
	}
	j.Coinbase = &Coinbase{
		Prefix: []byte{byte(r.IntN(2))}, Suffix: []byte{9},
		Extranonce1:     []byte{byte(r.IntN(3))},
		Extranonce2Size: []int{0, 0, 1, 1, 2, 4, 8, 12}[r.IntN(8)],
		Branch:          make([]hasher.Hash, r.IntN(2)),
	}
	return j
}

// TestNoHeaderTwice is the proof of uniqueness: over random sequences of jobs,
// changes of target, mask, id, ntime and extranonce, reconnects and devices, no
// header is handed out twice and ntime never runs ahead.
func TestNoHeaderTwice(t *testing.T) {
	handed, rolled := 0, 0
	for seed := range uint64(60) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 7))
			allowance := uint32(r.IntN(2) * 3)
			a := newAuditor(t, allowance)
			g := newGenerator(Start{}, allowance, 8)
			s := &Session{}
			var jobs []*Job
			for range 400 {
				switch op := r.IntN(20); {
				case op < 2 || len(jobs) == 0:
					jobs = append(jobs, randomJob(r))
					a.publish(g, s, jobs[len(jobs)-1])
				case op < 5: // one that was there before, changed or not
					j := *jobs[r.IntN(len(jobs))]
					if r.IntN(2) == 0 {
						j.ID = fmt.Sprint("again ", len(jobs))
					}
					j.Target, j.Clean = hasher.Target{31: byte(r.IntN(256))}, r.IntN(2) == 0
					switch r.IntN(3) {
					case 0:
						j.VersionMask ^= 0x2000
					case 1:
						j.NTime += r.Uint32N(3)
					}
					jobs = append(jobs, &j)
					a.publish(g, s, &j)
				case op < 6: // a reconnect; extranonce1 may live on
					g.publish(s, nil)
					s = &Session{}
					a.publish(g, s, jobs[r.IntN(len(jobs))])
				case op < 8:
					time.Sleep(time.Duration(r.IntN(3000)) * time.Millisecond)
				default:
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					var w Work
					n := []uint64{1, 1000, 1 << 30, 1 << 31, 1 << 32, math.MaxUint64}[r.IntN(6)]
					if err := g.next(ctx, 0, n, &w); err == nil {
						a.check(&w)
					} else if !errors.Is(err, context.DeadlineExceeded) {
						t.Fatal(err)
					}
					cancel()
				}
			}
			handed += a.handed
			rolled += a.rolled
		})
	}
	if handed < 5000 || rolled < 100 {
		t.Errorf("%d works, %d with a rolled ntime: the sequences test too little", handed, rolled)
	}
}

// TestNoHeaderTwiceAcrossDevices draws from several goroutines at once, with
// jobs for all and for one.
func TestNoHeaderTwiceAcrossDevices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAuditor(t, 0)
		g := newGenerator(Start{}, 0, 8)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for device := range 8 {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(uint64(device), 1))
				var w Work
				for g.next(ctx, device, r.Uint64N(1<<31), &w) == nil {
					a.check(&w)
					time.Sleep(time.Duration(r.IntN(200)) * time.Millisecond)
				}
			})
		}
		r := rand.New(rand.NewPCG(1, 1))
		s := &Session{}
		for range 120 {
			switch device := r.IntN(8); r.IntN(4) {
			case 0:
				a.publishTo(g, s, device, randomJob(r))
			case 1:
				g.publishTo(s, device, nil)
			default:
				a.publish(g, s, randomJob(r))
			}
			time.Sleep(time.Duration(r.IntN(2000)) * time.Millisecond)
		}
		cancel()
		wg.Wait()
		if a.handed < 500 {
			t.Errorf("only %d works", a.handed)
		}
	})
}

// TestFloodForgetsTheOldest keeps memory bounded, and stays right for what a
// pool can do: an extranonce1 that was forgotten starts again at a later ntime.
func TestFloodForgetsTheOldest(t *testing.T) {
	g := newGenerator(Start{}, 0, 8)
	s := &Session{}
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
		g.publish(&Session{}, j)
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
		s := &Session{}
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
			a.publish(g, &Session{}, step.job)
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
			s := &Session{}
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
	g.publish(&Session{}, j)
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
	} {
		if got := j.RolledVersion(0); got != j.Version {
			t.Errorf("version 0 of %x is %x", j.Version, got)
		}
		seen := map[uint32]bool{}
		for i := range j.Versions() {
			v := j.RolledVersion(i)
			if v&^j.VersionMask != j.Version&^j.VersionMask {
				t.Fatalf("version %x of %x leaves the mask %x", v, j.Version, j.VersionMask)
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
	a, b := &Session{}, &Session{}
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
	g.publish(b, nil)
	stale("after the end of another session", third, false)
	g.publish(b, &Job{})
	stale("after another session's job", third, true)
	fourth := draw()
	g.publish(b, nil)
	stale("after the end of its session", fourth, true)
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
		a, b := &Session{}, &Session{}
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
		if len(g.own) != 0 {
			t.Errorf("%d devices still have a job", len(g.own))
		}
	})
}

func BenchmarkRoll(b *testing.B) {
	g := newGenerator(Start{}, 0, 8)
	g.publish(&Session{}, &Job{Coinbase: &Coinbase{
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
