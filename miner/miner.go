// Package miner is the engine between where work comes from and what does it.
//
// A share's way, in the order of the files that it passes:
//
//  1. source.go     a Source (pool, node) publishes a Job through its Session;
//  2. generator.go  the job becomes Work: a header and a range of its nonces;
//  3. device.go     a Device draws Work from its Feed, tries it, reports nonces;
//  4. collector.go  each reported nonce is hashed again with crypto/sha256 and
//     judged once; what is a share goes to the Session that its job came from;
//  5. source.go     the Session's Source submits it and reports the answer;
//  6. ledger.go     the answer is counted; Snapshot is a copy of the counts.
//
// Jobs only go down, shares only go up, and nobody below knows anybody above but
// by its handle. The two edges, Source and Device, are interfaces; everything
// between is concrete. The package knows no protocol, no kernel and no screen.
package miner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// Config says what to mine with. Source is required; devices may come later, by
// AddDevice.
type Config struct {
	Source  Source
	Devices []Device
	Log     *slog.Logger // nil discards

	Until Until // when Run ends by itself; the zero value is never
	Start Start // where the search begins; the zero value is at 0

	// NTimeAllowance is how many seconds a header's time may run ahead of the
	// job's time and the seconds passed since, once everything else is used up.
	NTimeAllowance uint32

	SubmitStale bool       // send shares whose job was cleaned; blocks always are
	BestBefore  float64    // the best difficulty of earlier runs, for Snapshot.BestEver
	Rand        *rand.Rand // for jitter; nil seeds one
}

// Until ends a run: the first limit that is reached. A limit of zero is none.
type Until struct {
	Shares uint64        // accepted shares
	Blocks uint64        // accepted blocks
	Time   time.Duration // since Run
}

// Start places the search, so that a known header can be found again.
type Start struct {
	Extranonce2 uint64 // the first value under each extranonce1
	Nonce       uint32 // the first nonce of the first header
}

// Miner runs one Source and any number of Devices.
type Miner struct {
	cfg    Config
	log    *slog.Logger
	gen    *generator
	crew   crew
	found  chan found
	ledger *ledger
	floods floods

	tree    sync.Mutex // held before any Session's
	source  Source
	replace func()        // ends the time of source; nil before Run
	adopted chan struct{} // source has become another: there is something new to try
	root    *Session
	mined   []part // the leaves of root that are handed out

	settling sync.Map // Source that is no longer run to chan struct{}, which is closed when it has settled

	stop context.CancelFunc // set by Run before anything starts
}

const (
	// foundQueue holds candidates on their way to the collector: enough that a
	// device doesn't wait while one is hashed, few enough that none grows old.
	foundQueue = 64

	// shareQueue holds shares that a source has not taken yet. When it is full
	// the devices wait: a share is never thrown away because a pool is slow.
	shareQueue = 256
)

// New returns a Miner that does nothing until Run.
func New(cfg Config) *Miner {
	m := &Miner{cfg: cfg, log: cfg.Log, found: make(chan found, foundQueue), adopted: make(chan struct{}, 1)}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	if m.cfg.Rand == nil {
		m.cfg.Rand = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	m.crew.m = m
	m.gen = newGenerator(cfg.Start, cfg.NTimeAllowance, 0)
	m.ledger = newLedger(cfg.BestBefore)
	if m.source = cfg.Source; m.source != nil {
		m.ledger.enlist(m.source, m.source.Name())
	}
	for _, d := range cfg.Devices {
		m.AddDevice(d)
	}
	return m
}

// Run mines until ctx ends or a limit of Config.Until is reached, and returns
// nil then. It may be called once. Nothing that it started outlives it: devices
// stop first, the shares that they found are still sent, and the source has its
// own time to hear the answers.
func (m *Miner) Run(ctx context.Context) error {
	list, _ := m.crew.list()
	if m.current() == nil {
		return errors.New("miner: a source is needed")
	}
	if t := m.cfg.Until.Time; t > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, t)
		defer cancel()
	}
	ctx, m.stop = context.WithCancel(ctx)
	defer m.stop()
	m.ledger.start(list, time.Now())

	// The source and the collector go on while the devices stop.
	sourceCtx, stopSource := context.WithCancel(context.WithoutCancel(ctx))
	defer stopSource()
	var devices, collector, rest sync.WaitGroup
	devices.Go(func() { m.crew.run(ctx) })
	collector.Go(func() { m.collect(ctx) })
	rest.Go(func() { m.sample(ctx) })
	rest.Go(func() { m.runSource(ctx, sourceCtx) })

	<-ctx.Done()
	devices.Wait()
	close(m.found)
	collector.Wait()
	stopSource()
	rest.Wait()
	src := m.current()
	m.settle(src, src.Name())
	m.floods.sum(m.log)
	m.ledger.end(time.Now())
	return nil
}

// Pause ends the work of a device, by its index, and gives it
// no more until it is called with false. What the device finds in the batch that
// it is in still counts. It may be called at any time, also before Run.
func (m *Miner) Pause(device int, paused bool) error {
	gone := m.crew.gone()
	if device < 0 || device >= len(gone) || gone[device] {
		return fmt.Errorf("no device %d: there are %d, from 0", device, len(gone))
	}
	m.gen.pause(device, paused)
	return nil
}

// Prefer makes the source of that name the most preferred of its strategy, and
// switches to it as soon as it has a job. It may be called at any time.
func (m *Miner) Prefer(source string) error {
	g, ok := m.current().(group)
	if !ok || len(g.members()) == 1 {
		return errors.New("there is one source: nothing to switch to")
	}
	found, err := g.prefer(source)
	if !found {
		return fmt.Errorf("no source is called %q", source)
	}
	return err
}

// Snapshot returns a copy of all that can be shown. It may be called at any
// time, also before and after Run.
func (m *Miner) Snapshot() Snapshot {
	gone := m.crew.gone() // before the list, which is as long or longer
	devices, feeds := m.crew.list()
	s := m.ledger.snapshot(feeds[:len(gone)])
	src := m.current()
	if g, ok := src.(group); ok && len(g.members()) > 1 {
		s.Strategy = g.strategy()
		for i, p := range leafParts(src, src.Name(), 1, false, nil) {
			for k := range s.Sources {
				if r := &s.Sources[k]; r.Name == p.name {
					r.Preference, r.Weight = i+1, p.weight
				}
			}
		}
	}
	s.Paused = true
	paused := m.gen.isPaused()
	for i := range gone {
		d := &s.Devices[i]
		d.Info, d.Paused, d.Gone = devices[i].Info(), paused[i] && !gone[i], gone[i]
		s.Paused = s.Paused && (d.Paused || d.Gone)
	}
	return s
}

// backoff is the wait between tries: 1 s doubling to a minute, each with up to a
// quarter of it added, so that miners which lost one pool don't return at once.
type backoff struct {
	latest time.Duration // without what is added; 0: none yet
	drawn  time.Duration // the next step; 0: not drawn yet
	rand   *rand.Rand
}

const (
	backoffFirst = time.Second
	backoffMost  = time.Minute
)

func (b *backoff) reset() { b.latest, b.drawn = 0, 0 }

// peek returns what step will.
func (b *backoff) peek() time.Duration {
	if b.drawn == 0 {
		next := b.following()
		b.drawn = next + time.Duration(b.rand.Int64N(int64(next/4)))
	}
	return b.drawn
}

func (b *backoff) following() time.Duration { return min(max(2*b.latest, backoffFirst), backoffMost) }

// step returns the next wait.
func (b *backoff) step() time.Duration {
	wait := b.peek()
	b.latest, b.drawn = b.following(), 0
	return wait
}

// wait sleeps the next step; false if ctx ended meanwhile.
func (b *backoff) wait(ctx context.Context) bool { return sleep(ctx, b.step()) }

// sleep reports whether d passed before ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// runSource runs sessions one after the other until ctx ends; sourceCtx, which
// ends later, is what the session in progress lives under.
func (m *Miner) runSource(ctx, sourceCtx context.Context) {
	wait := backoff{rand: m.cfg.Rand}
	var settling sync.WaitGroup
	defer settling.Wait()
	for {
		t := m.turn(ctx, sourceCtx)
		s := newSession(m, nil, t.src, t.src.Name())
		s.again = &wait
		m.enter(s)
		err := s.run(t.session)
		if ctx.Err() == nil && t.wait.Err() == nil {
			s.Status(SourceStatus{State: Down, Err: err, Retry: s.retry()})
			m.waitForSource(t.wait, &wait)
		}
		replaced := t.wait.Err() != nil
		t.end()
		if ctx.Err() != nil {
			return
		}
		if replaced {
			wait.reset()
			m.settleGone(&settling, t.src)
		}
	}
}

// waitForSource sleeps the next step of wait, or until the source has become
// another, or ctx ends.
func (m *Miner) waitForSource(ctx context.Context, wait *backoff) {
	t := time.NewTimer(wait.step())
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	case <-m.adopted: // be it during the session: then one wait is cut short
		wait.reset()
	}
}
