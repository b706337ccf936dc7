// Package stratum mines on a pool: it makes a miner.Source of a pool's URL.
//
// It holds what a client of Stratum V1 decides: in which order to shake hands,
// what to make of pools that deviate, which job a share still counts for, when a
// pool is silent, where a reconnect may lead. How lines look is known to
// stratum/v1 alone; when to try again and which pool comes next, to miner.
//
// Stratum V1 has no formal specification; mining.configure is that of BIP310.
// Where a rule answers the behaviour of pools in the field, it says so.
//
// The files that begin with v2 hold the same for Stratum V2, sections 3 and 5 of
// its specification: channels, jobs that wait for a block, acknowledgements in
// batches. Its frames are known to stratum/v2, its encryption to stratum/noise.
package stratum

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"gominer/miner"
	"gominer/stratum/record"
	"gominer/stratum/transport"
)

// Source is a pool. It implements miner.Source and miner.Settler.
type Source struct {
	cfg  Config // complete
	pool address
	dial *transport.Dialer
	mask mask
	log  *slog.Logger

	// What one connection leaves to the next; owned by the Run in progress.
	site       string // the host that the rest is about
	session    resumption
	configure  configuring
	atOnce     bool // the pool enforces a difficulty at once
	form       versionForm
	unanswered []*submission // of broken connections, in the order they were found
	followed   time.Time     // the latest client.reconnect
	postponed  *move         // that the next Run follows; nil: none
	until      time.Time     // but not before
}

// New checks cfg and returns its pool as a source. It connects to nothing yet.
func New(cfg Config) (*Source, error) {
	pool, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	dial, err := cfg.dialer(pool)
	if err != nil {
		return nil, err
	}
	m := newMask(&cfg)
	cfg.Log = slog.New(&masked{cfg.Log.Handler(), m})
	return &Source{cfg: cfg, pool: pool, dial: dial, mask: m, log: cfg.Log.With("source", pool.String())}, nil
}

// Name returns the pool's host:port.
func (s *Source) Name() string { return s.pool.String() }

// Run connects to the pool, publishes its jobs and submits shares until the
// connection is lost, the pool refuses the worker, or ctx ends. The error is a
// sentence for people: what happened, where, and what to do about it.
//
// Shares that a lost connection left unanswered stay with the Source. The next
// Run sends them again, once, if the pool still knows the extranonce that they
// were found under, and reports them as lost if not.
func (s *Source) Run(ctx context.Context, ms *miner.Session) error {
	return s.mask.err(s.run(ctx, ms))
}

func (s *Source) run(ctx context.Context, ms *miner.Session) error {
	at := s.pool
	if mv := s.postponed; mv != nil {
		s.postponed = nil
		if !sleep(ctx, time.Until(s.until)) {
			return ctx.Err()
		}
		at = mv.to
	}
	for {
		if !sameSite(s.site, at.host) {
			s.forget(ms)
			s.site = at.host
		}
		ms.Status(miner.SourceStatus{State: miner.Connecting, URL: at.url(), Protocol: at.speaks(), User: s.cfg.User})
		err := s.visit(ctx, ms, at)
		var mv *move
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &mv):
			ms.Publish(nil)
			if mv.wait > mostIdle {
				s.postponed, s.until = mv, time.Now().Add(mv.wait)
				return fmt.Errorf("%v: the pool sends its clients away for %v", at, mv.wait)
			}
			if !sleep(ctx, mv.wait) {
				return ctx.Err()
			}
			at = mv.to
		case errors.Is(err, errWithoutConfigure):
			s.log.Info("the pool closed the connection on mining.configure: connecting without it")
		default:
			return err
		}
	}
}

// Settle reports the shares that the last Run left unanswered as lost.
func (s *Source) Settle(ms *miner.Session) {
	for _, sub := range s.unanswered {
		ms.Report(sub.share, errBroken)
	}
	s.unanswered = nil
}

// forget leaves nothing of one site's for another.
func (s *Source) forget(ms *miner.Session) {
	s.Settle(ms)
	s.session, s.configure, s.atOnce, s.form = resumption{}, configureAsk, false, versionBits
}

// visit connects to at and holds the connection until it ends.
func (s *Source) visit(ctx context.Context, ms *miner.Session, at address) error {
	nc, err := s.cfg.connect(ctx, s.dial, at)
	if err != nil {
		return err
	}
	ms.Connected()
	encryption := nc.Info().Encryption()
	tap := s.cfg.Record.Open(record.Opening{
		Source: s.Name(), URL: at.url(), Remote: nc.RemoteAddr().String(), Protocol: protocol, Encryption: encryption, User: s.cfg.User,
	})
	c := newConn(s, ms, at, tap.Lines(nc, record.Miner))
	c.encryption = encryption
	err = c.run(ctx)
	c.leave(ctx.Err() != nil)
	tap.Close(reasonOf(ctx, err))
	return err
}

// reasonOf returns why a connection is over, for a recording.
func reasonOf(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errStopped
	}
	return err
}

var errStopped = errors.New("the miner stops")

// Error makes a move an error, which ends the connection it came over.
func (m *move) Error() string { return fmt.Sprintf("the pool sends its clients to %v", m.to) }

// sleep waits for d; false if ctx ended first.
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
