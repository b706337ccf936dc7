package stratum_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"gominer/hasher"
	"gominer/miner"
	"gominer/stratum"
	"gominer/stratum/pool"
	"gominer/stratum/pool/fault"
)

// What a hostile pool may cost, above what was in use before: all that it and
// the client hold in the end, and at any time with what the collector of garbage
// has not come to yet.
const (
	mostHeld = 8 << 20
	mostHeap = 64 << 20 // on a busy machine it comes late
)

// refused is what the system says where nothing listens.
var refused error = syscall.ECONNREFUSED

// arena is a miner on two pools, in a bubble: a hostile one, and an honest one to
// go to.
type arena struct {
	t               *testing.T
	m               *miner.Miner
	hostile, honest *venue
	said            *overheard
	found           atomic.Int64
	every           time.Duration // a share is found this often
	stop            func()
}

// venue is a pool.
type venue struct {
	*pool.Pool
	dials chan net.Conn
	shut  context.CancelFunc // it closes all connections, and takes no more
	ended chan struct{}
}

// open runs a pool with faults.
func open(t *testing.T, specs ...string) *venue {
	t.Helper()
	cfg := pool.DefaultConfig()
	cfg.Difficulty = 1.0 / (1 << 32) // every hash is a share
	cfg.StaleGrace = time.Minute
	chain := pool.NewSimulated()
	chain.Bits = hasher.Bits(0x1d00ffff)
	cfg.Source, cfg.Republish = chain, 2*time.Second
	for _, s := range specs {
		f, err := fault.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := fault.Apply(&cfg, f); err != nil {
			t.Fatal(err)
		}
	}
	return openPool(t, cfg)
}

// openPool runs a pool.
func openPool(t *testing.T, cfg pool.Config) *venue {
	t.Helper()
	p, err := pool.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	v := &venue{Pool: p, dials: make(chan net.Conn), shut: cancel, ended: make(chan struct{})}
	go func() {
		defer close(v.ended)
		var wg sync.WaitGroup
		wg.Go(func() { _ = p.Run(ctx) })
		_ = p.Serve(ctx, &pipeListener{v: v, done: ctx.Done()})
		wg.Wait()
	}()
	return v
}

// pipeListener gives a pool the connections that are dialled.
type pipeListener struct {
	v    *venue
	done <-chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case nc := <-l.v.dials:
		return nc, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (*pipeListener) Close() error   { return nil }
func (*pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// dial connects; it is refused once the pool is shut.
func (v *venue) dial(ctx context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case v.dials <- theirs:
		return ours, nil
	case <-v.ended:
		return nil, refused
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// enter starts the miner. The first pool has the faults.
func enter(t *testing.T, every time.Duration, specs ...string) *arena {
	t.Helper()
	a := &arena{t: t, hostile: open(t, specs...), honest: open(t), said: new(overheard), every: every}
	log := slog.New(listener{to: a.said})
	source := func(host string) miner.Source {
		src, err := stratum.New(stratum.Config{
			URL: "stratum+tcp://" + host + ":3333", User: "me", Log: log,
			Dial: func(ctx context.Context, _, addr string) (net.Conn, error) {
				switch host, _, _ := net.SplitHostPort(addr); host {
				case "hostile.example.org":
					return a.hostile.dial(ctx)
				case "honest.example.com":
					return a.honest.dial(ctx)
				}
				t.Errorf("the client connects to %s", addr)
				return nil, refused
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		return src
	}
	a.m = miner.New(miner.Config{
		Source:  miner.Failover(source("hostile.example.org"), source("honest.example.com")),
		Devices: []miner.Device{a}, Log: log, Rand: rand.New(rand.NewPCG(1, 2)),
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := a.m.Run(ctx); err != nil {
			t.Errorf("the miner ended: %v", err)
		}
	}()
	a.stop = func() { cancel(); <-done }
	return a
}

// Info makes the arena the miner's device.
func (*arena) Info() miner.Info { return miner.Info{Name: "finder", Kind: "sim"} }

// Run finds shares while there is work.
func (a *arena) Run(ctx context.Context, f *miner.Feed) error {
	tick := time.NewTicker(a.every)
	defer tick.Stop()
	var w miner.Work
	for n := uint64(0); ; n++ {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if err := f.Next(ctx, 1, &w); err != nil {
			return err
		}
		a.found.Add(1)
		f.Tried(&w, 1)
		f.Found(&w, w.Job.RolledVersion(n%w.Job.Versions()), w.First)
	}
}

// await waits until the honest pool has accepted shares, and reports whether it
// did within limit.
func (a *arena) await(limit time.Duration) bool {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if a.honest.Stats().Total.Accepted >= 3 {
			return true
		}
	}
	return false
}

// leave ends all of it. Each share that was found must have had one outcome.
func (a *arena) leave() miner.Snapshot {
	a.t.Helper()
	a.stop()
	for _, v := range []*venue{a.hostile, a.honest} {
		v.shut()
		<-v.ended
	}
	s := a.m.Snapshot()
	sum := s.Shares
	if got := sum.Accepted + sum.Rejected + sum.Lost + sum.Stale + sum.HardwareErrors + sum.AboveTarget + sum.Duplicates; got != uint64(a.found.Load()) {
		a.t.Errorf("%d shares found, %d reported: %+v", a.found.Load(), got, sum)
	}
	if sum.Duplicates > 0 {
		a.t.Errorf("the client tried something twice: %+v", sum)
	}
	for reason := range s.Reasons {
		a.said.hear(reason)
	}
	if len(s.Reasons) > 65 {
		a.t.Errorf("%d reasons to reject are kept", len(s.Reasons))
	}
	for _, src := range s.Sources {
		a.said.hear(src.Message)
		a.said.hear(strings.Join(src.Status.Traits, " "))
		if src.Status.Err != nil {
			a.said.hear(src.Status.Err.Error())
		}
	}
	return s
}

// overheard is every text that was shown.
type overheard struct {
	shown atomic.Int64 // bytes, without those for debugging
	mu    sync.Mutex   // guards the rest
	texts []string
}

// mostOverheard bounds what a test keeps of it.
const mostOverheard = 10_000

func (o *overheard) hear(text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.texts) < mostOverheard {
		o.texts = append(o.texts, text)
	}
}

// said reports whether one of the texts has the words, or one of several that
// stand between bars.
func (o *overheard) said(words string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for either := range strings.SplitSeq(words, "|") {
		if slices.ContainsFunc(o.texts, func(s string) bool { return strings.Contains(s, either) }) {
			return true
		}
	}
	return false
}

// unfit returns the first text that is not fit for a terminal or a log, "" if
// there is none.
func (o *overheard) unfit() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range o.texts {
		if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) || len(s) > 2048 {
			return s
		}
	}
	return ""
}

// listener is the slog.Handler that hears everything.
type listener struct {
	to    *overheard
	attrs []slog.Attr
}

func (listener) Enabled(context.Context, slog.Level) bool { return true }

func (l listener) WithGroup(string) slog.Handler { return l }

func (l listener) WithAttrs(attrs []slog.Attr) slog.Handler {
	return listener{l.to, slices.Concat(l.attrs, attrs)}
}

func (l listener) Handle(_ context.Context, r slog.Record) error {
	l.to.hear(r.Message)
	size := len(r.Message)
	r.Attrs(func(a slog.Attr) bool {
		text := fmt.Sprint(a.Value)
		l.to.hear(text)
		size += len(text)
		return true
	})
	if r.Level >= slog.LevelInfo {
		l.to.shown.Add(int64(size))
	}
	return nil
}

// gauge watches the heap from outside of the bubble.
type gauge struct {
	base uint64
	peak atomic.Uint64
	stop func()
}

func newGauge() *gauge {
	runtime.GC()
	g := &gauge{base: heap()}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				g.peak.Store(max(g.peak.Load(), heap()))
			}
		}
	})
	g.stop = func() { close(done); wg.Wait() }
	return g
}

// heap returns the bytes of objects, dead ones included.
func heap() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// held returns what is in use above the baseline.
func (g *gauge) held() int64 {
	runtime.GC()
	return int64(heap()) - int64(g.base)
}

// above returns the most that was, above the baseline.
func (g *gauge) above() int64 { return int64(g.peak.Load()) - int64(g.base) }

// inBubble is synctest.Test with a gauge.
func inBubble(t *testing.T, f func(t *testing.T, g *gauge)) {
	g := newGauge()
	synctest.Test(t, func(t *testing.T) { f(t, g) })
	g.stop()
	if n := g.above(); n > mostHeap {
		t.Errorf("the heap grew by %d MiB, want %d at most", n>>20, mostHeap>>20)
	}
}
