// Package pool is a Stratum server: it gives jobs to miners, checks their shares
// in full and hands the blocks among them to a simulated chain or to a real
// node. It is meant for demonstrations, for tests of miners and for mining alone
// with several machines: it keeps no accounts beyond the counters of Stats and
// pays nobody.
//
// Each connection, in Stratum V2 each channel, has its own extranonce1, so no two
// clients search the same headers. A share is judged by the job and the difficulty that were sent last
// before it could be found; its coinbase, merkle root and header are built again
// from the job and hashed with crypto/sha256, independently of any code that
// mines.
//
// The wire is Stratum V1 with the extensions of BIP310, see package v1, or the
// mining protocol of Stratum V2 (section 5 of its specification), see package v2:
// without job declaration, and with one group for all channels of a connection.
// What does not depend on the wire is in source.go, job.go, judge.go, session.go,
// visitor.go, vardiff.go and stats.go; conn.go, methods.go, news.go and share.go
// are V1, what begins with v2 is V2.
package pool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Pool is a server. Run keeps it in work; Serve, once for each listener, brings
// it clients.
type Pool struct {
	cfg      Config
	log      *slog.Logger
	started  time.Time
	sessions *sessions
	ledger   ledger
	guard    *guard
	coming   chatter // lines about connections
	refusals chatter // about those that were sent away

	farewells chan struct{} // holds one for each client that is being sent away
	bulk      chan struct{} // holds one for each huge line that is being sent

	lastConn atomic.Uint64
	lastJob  atomic.Uint64 // the latest job id
	channels atomic.Int64  // of Stratum V2, open

	mu       sync.Mutex // guards the rest
	mask     uint32     // version bits that may be rolled, as far as templates allow
	visitors map[*visitor]struct{}
	conns    map[*conn]struct{} // of Stratum V1
	v2conns  map[*v2Conn]struct{}
	cut      v2Cut
	current  *job      // nil: no work
	came     time.Time // when current's template did
	turned   time.Time // when current's epoch began
	closed   bool      // work has ended: clients are sent away until there is some
}

// New returns a pool. It does nothing before Run and Serve.
func New(cfg Config) (*Pool, error) {
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	p := &Pool{
		cfg:      cfg,
		log:      cfg.Log,
		started:  time.Now(),
		sessions: newSessions(cfg.Extranonce1),
		ledger:   ledger{workers: make(map[string]*worker)},
		guard:    newGuard(cfg.Guard),
		coming:   chatter{limiter: limiter{most: comingShown}},
		refusals: chatter{limiter: limiter{most: warnings}},
		visitors: make(map[*visitor]struct{}),
		conns:    make(map[*conn]struct{}),
		v2conns:  make(map[*v2Conn]struct{}),

		farewells: make(chan struct{}, mostFarewells),
		bulk:      make(chan struct{}, mostBulk),
		mask:      cfg.VersionMask,
	}
	// Ids of an earlier run are not met again: its shares get "job not found".
	p.lastJob.Store(uint64(p.started.Unix()) << 16)
	return p, nil
}

// Run gets templates from the source and makes jobs of them until ctx ends; then
// it returns nil. An error means that there will be no work; the clients that
// Serve has stay connected until its own context ends.
func (p *Pool) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	if p.cfg.Republish > 0 {
		wg.Go(func() { p.republish(ctx) })
	}
	if p.cfg.ExtranonceEvery > 0 {
		wg.Go(func() { p.renew(ctx) })
	}
	if err := p.cfg.Source.Run(ctx, p.publish); err != nil && ctx.Err() == nil {
		return fmt.Errorf("pool: %w", err)
	}
	return nil
}

// republish sends the job again with a fresh time, regularly.
func (p *Pool) republish(ctx context.Context) {
	tick := time.NewTicker(p.cfg.Republish)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			p.mu.Lock()
			// A template that came a moment ago was news enough.
			if j := p.current; j != nil && now.Sub(p.came) >= p.cfg.Republish/2 {
				p.current = j.at(now.Sub(p.came))
				p.announceLocked(false)
			}
			p.mu.Unlock()
		}
	}
}

// publish takes a template of the source.
func (p *Pool) publish(t *Template) error {
	if t == nil {
		p.sendAway()
		return nil
	}
	j, err := newJob(t, p.extranonceSize(), p.cfg.Quirks.CoinbasePad)
	if err != nil {
		return fmt.Errorf("template of height %d: %w", t.Height, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	j.mask = p.mask &^ t.VersionBits
	clean := true
	if old := p.current; old != nil {
		j.epoch = old.epoch
		clean = old.template.PrevHash != t.PrevHash
	}
	if clean {
		j.epoch++
		p.turned = time.Now()
		p.warnLocked(j)
	}
	p.current, p.came, p.closed = j, time.Now(), false
	p.announceLocked(clean)
	return nil
}

// warnLocked says so when the network has become easier than shares are.
func (p *Pool) warnLocked(j *job) {
	d := p.cfg.Difficulty
	if p.cfg.Vardiff > 0 {
		d = max(j.cap(d), p.cfg.MinDifficulty)
	}
	if d > j.difficulty && (p.current == nil || p.current.difficulty != j.difficulty) {
		p.log.Warn("shares are harder than blocks: miners may keep blocks to themselves; lower the pool's difficulty",
			"event", "difficulty", "difficulty", d, "network", j.difficulty)
	}
}

// announceLocked wakes every connection for the current job.
func (p *Pool) announceLocked(clean bool) {
	j, level := p.current, slog.LevelDebug
	if clean {
		level = slog.LevelInfo
	}
	p.log.Log(context.Background(), level, "new job", "event", "job", "height", j.template.Height,
		"prevhash", j.template.PrevHash.String(), "difficulty", j.difficulty,
		"transactions", len(j.template.Txs), "clean", clean)
	for v := range p.visitors {
		v.wakeUp()
	}
}

var errNoWork = errors.New("the pool has no work")

// sendAway closes every connection: miners have other pools to go to.
func (p *Pool) sendAway() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.closed = true
	for v := range p.visitors {
		v.close(errNoWork)
	}
}

func (p *Pool) extranonceSize() int {
	if p.cfg.Extranonce1 != nil {
		return len(p.cfg.Extranonce1) + p.cfg.Extranonce2Size
	}
	return extranonce1Size + p.cfg.Extranonce2Size
}

// now returns the job to work on, nil if there is none yet.
func (p *Pool) now() *job {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.current
}

// moment returns the present epoch; the zero one while there is no work.
func (p *Pool) moment() moment {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current == nil {
		return moment{}
	}
	return moment{p.current.epoch, p.turned}
}

// Serve accepts connections on l, which it closes, until ctx ends; then it stops
// reading from clients, lets what is being written reach them, closes the
// connections and returns nil. It may be called for several listeners at a time.
func (p *Pool) Serve(ctx context.Context, l net.Listener) error {
	return p.accept(ctx, l, p.serve)
}

// accept calls serve for each connection to l until ctx ends.
func (p *Pool) accept(ctx context.Context, l net.Listener, serve func(context.Context, net.Conn)) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	defer l.Close()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	for {
		nc, err := l.Accept()
		switch {
		case err == nil:
			wg.Go(func() { serve(ctx, nc) })
		case ctx.Err() != nil:
			return nil
		case busy(err):
			p.log.Warn("cannot accept a connection", "event", "refused", "error", err)
			if !pause(ctx, acceptPause) {
				return nil
			}
		default:
			return fmt.Errorf("pool: %w", err)
		}
	}
}

const acceptPause = 100 * time.Millisecond

// busy reports whether accepting failed for want of something that comes back,
// or because the client left in the meantime.
func busy(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.EINTR} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// pause reports whether ctx lasted.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
