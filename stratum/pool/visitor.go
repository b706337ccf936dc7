package pool

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"gominer/stratum/v1"
)

// visitor is a connection, whatever is spoken over it.
type visitor struct {
	pool   *Pool
	nc     net.Conn
	id     uint64
	remote string
	since  time.Time
	key    netip.Addr // what its address counts as
	bound  bool       // by Guard
	log    *slog.Logger

	wake   chan struct{}  // something may be to be sent; one is enough
	done   chan struct{}  // closed when the connection has to end
	blocks sync.WaitGroup // blocks being handed over
	tally  tally          // guarded by Pool.ledger.mu

	endMu   sync.Mutex // guards the rest
	why     error      // of the end; nil before
	flushBy time.Time  // when, after that, the last write has to be over
	warned  limiter
}

// come begins a visit. done is closed when it has to end.
func (v *visitor) come(p *Pool, nc net.Conn, done chan struct{}) {
	v.pool, v.nc, v.done = p, nc, done
	v.id, v.remote, v.since = p.lastConn.Add(1), nc.RemoteAddr().String(), time.Now()
	v.wake = make(chan struct{}, 1)
	v.log = p.log.With("conn", v.id, "remote", v.remote)
	v.warned.most = warnings
}

// close ends the connection: what is being read is cut off, what is being
// written gets a last moment. The first reason counts.
func (v *visitor) close(why error) {
	v.endMu.Lock()
	if v.why == nil {
		v.why, v.flushBy = why, time.Now().Add(flushTime)
		close(v.done)
	}
	by := v.flushBy
	v.endMu.Unlock()
	v.nc.SetReadDeadline(time.Unix(1, 0))
	v.nc.SetWriteDeadline(by)
}

// reason returns why the connection ends, nil if it doesn't.
func (v *visitor) reason() error {
	v.endMu.Lock()
	defer v.endMu.Unlock()
	return v.why
}

// counts returns the visitor's shares, which Pool.ledger.mu guards.
func (v *visitor) counts() *tally { return &v.tally }

// keepClosed sets the deadlines of the end again, if it came just before another
// deadline was set.
func (v *visitor) keepClosed() {
	if why := v.reason(); why != nil {
		v.close(why)
	}
}

// wakeUp makes the writer look at what it should send. It never blocks.
func (v *visitor) wakeUp() {
	select {
	case v.wake <- struct{}{}:
	default:
	}
}

// sleep waits, at most until the connection has to end.
func (v *visitor) sleep(d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-v.done:
	}
}

// complaint returns the level at which something that the client did wrong is
// logged: a flood of it only for those who look at everything.
func (v *visitor) complaint(now time.Time) slog.Level {
	v.endMu.Lock()
	defer v.endMu.Unlock()
	if ok, _ := v.warned.allow(now); ok {
		return slog.LevelWarn
	}
	return slog.LevelDebug
}

// admit adds a connection to those that get jobs, or says why not.
func (p *Pool) admit(v *visitor) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return errNoWork
	case len(p.visitors) >= p.cfg.MaxConns:
		return errTurnedAway("the pool has too many connections")
	}
	if v.key, v.bound = p.guard.key(v.nc.RemoteAddr()); v.bound {
		if err := p.guard.enter(v.key, v.since); err != nil {
			return err
		}
	}
	p.visitors[v] = struct{}{}
	return nil
}

// dismiss takes away what admit gave.
func (p *Pool) dismiss(v *visitor, now time.Time) {
	p.mu.Lock()
	delete(p.visitors, v)
	p.mu.Unlock()
	if v.bound {
		p.guard.leave(v.key, now)
	}
}

// takeChannel counts a channel, and reports whether there may be one more: behind
// each is a miner, so there may be as many as connections, of an address and in
// all.
func (p *Pool) takeChannel(v *visitor) bool {
	if p.channels.Add(1) > int64(p.cfg.MaxConns) || v.bound && !p.guard.take(v.key) {
		p.channels.Add(-1)
		return false
	}
	return true
}

// giveChannels takes away n that takeChannel gave.
func (p *Pool) giveChannels(v *visitor, n int) {
	p.channels.Add(-int64(n))
	if v.bound {
		p.guard.give(v.key, n)
	}
}

// blame counts n bad shares of a client. If its address is banned for them, it
// says so and all of its connections end.
func (p *Pool) blame(v *visitor, n float64, now time.Time) error {
	if !v.bound {
		return nil
	}
	ban := p.guard.blame(v.key, n, now)
	if ban == 0 {
		return nil
	}
	err := bannedFor(ban)
	v.log.Log(context.Background(), p.refusals.level(p.log, now), "banned", "event", "banned", "address", v.key.String(), "time", ban)
	p.mu.Lock()
	defer p.mu.Unlock()
	for other := range p.visitors {
		if other != v && other.bound && other.key == v.key {
			other.close(err)
		}
	}
	return err
}

// handOver gives a block to the source. It waits for the outcome, but not for so
// long that the client would take its share for lost.
func (v *visitor) handOver(j *job, f *found, w *worker) {
	done := make(chan struct{})
	// A block is worth more than a quick end.
	ctx, cancel := context.WithTimeout(context.Background(), submitTime)
	v.blocks.Go(func() {
		defer cancel()
		defer close(done)
		err := v.pool.cfg.Source.Submit(ctx, &Block{Header: f.header, Coinbase: f.coinbase, Template: j.template})
		b := BlockStats{Time: time.Now(), Height: j.template.Height, Hash: f.hash.String(), Worker: w.shown}
		level, attrs := slog.LevelInfo, []any{"event", "block", "height", b.Height, "hash", b.Hash, "worker", b.Worker, "accepted", err == nil}
		if err != nil {
			b.Refusal = v1.CleanText(err.Error(), 256)
			level, attrs = slog.LevelError, append(attrs, "reason", b.Refusal)
		}
		v.pool.ledger.block(b)
		v.log.Log(ctx, level, "block found", attrs...)
	})
	t := time.NewTimer(answerTime)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
	}
}
