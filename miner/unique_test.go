package miner

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
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
	rolled    int      // times that ntime was ahead of the job's
	mixed     int      // times that the session was another than the last
	last      *Session // that work was of
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
	if s := w.lease.tip.session; s != a.last {
		a.mixed++
		a.last = s
	}
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

// mining returns a session that g hands out alone.
func mining(g *generator) *Session {
	s := &Session{tried: new(atomic.Uint64)}
	g.mine([]part{{s, 1}})
	return s
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
			s := mining(g)
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
					g.end(s)
					s = mining(g)
					a.publish(g, s, jobs[r.IntN(len(jobs))])
				case op < 8:
					time.Sleep(time.Duration(r.IntN(3000)) * time.Millisecond)
				default:
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					var w Work
					n := []uint64{whole, 1, 1000, 1 << 30, 1 << 31, 1 << 32, math.MaxUint64}[r.IntN(7)]
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
// jobs for all and for one, of one session and of several at the same time, while
// devices are paused and go on.
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
					w.lease.tip.session.tried.Add(w.Count)
				}
			})
		}
		r := rand.New(rand.NewPCG(1, 1))
		sessions := []*Session{mining(g), mining(g), mining(g), mining(g)}
		for i := range 240 {
			n := r.IntN(len(sessions))
			s := sessions[n]
			device := r.IntN(8)
			switch r.IntN(10) {
			case 0, 1:
				a.publishTo(g, s, device, randomJob(r))
			case 2:
				g.publishTo(s, device, nil)
			case 3:
				g.pause(device, i%2 == 0 && i < 200)
			case 4, 5:
				parts := []part{{s, 1}}
				for k, other := range sessions {
					if k != n && r.IntN(2) == 0 {
						parts = append(parts, part{other, 1 + r.Float64()})
					}
				}
				g.mine(parts)
			case 6:
				g.end(s)
				sessions[n] = mining(g)
			default:
				a.publish(g, s, randomJob(r))
			}
			time.Sleep(time.Duration(r.IntN(2000)) * time.Millisecond)
		}
		cancel()
		wg.Wait()
		if a.handed < 500 || a.mixed < 50 {
			t.Errorf("only %d works, %d of them of another session than the one before", a.handed, a.mixed)
		}
	})
}
