// Package replay plays the pool's side of a recording to any miner.
//
// The pool's lines are sent as they were recorded, byte for byte but for the ids
// of answers: an answer goes to the miner's request of the same method, in order.
// What the pool said of its own accord comes at the pace of the recording,
// counted from the miner's mining.configure, mining.subscribe and
// mining.authorize, which may come sooner or later than they did then; a request
// that nobody made then is refused, as pools refuse what they don't know.
// mining.set_extranonce and mining.set_version_mask go to miners alone that asked
// for them. Shares are no repetition: each is judged by building its header from
// the recorded job and hashing it.
//
// It speaks Stratum V1, see package v1, and plays one recorded connection after
// the other, to each miner that comes the next; after the last it begins again.
package replay

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

	"gominer/stratum/record"
	"gominer/stratum/v1"
)

// Config says what is played, and how.
type Config struct {
	Sessions []record.Session

	// Speed is how many seconds of the recording pass in one; 0 stands for 1, and
	// +Inf lets everything come at once.
	Speed float64

	MaxConns int          // miners at a time; default 256
	Log      *slog.Logger // nil discards
}

const defaultConns = 256

// Server plays a recording to miners.
type Server struct {
	cfg     Config
	scripts []*script
	tally   tally
	next    atomic.Uint64 // counts connections
	open    atomic.Int64  // connections at present
}

// Stats are counters of a Server.
type Stats struct {
	Miners   int    // connected now
	Conns    uint64 // all so far
	Accepted uint64 // shares
	Rejected uint64
	Blocks   uint64 // accepted shares that meet the network's target
	Best     float64
}

// tally counts shares.
type tally struct {
	mu                         sync.Mutex
	accepted, rejected, blocks uint64
	best                       float64
}

func (t *tally) count(v *verdict) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if v.code != 0 {
		t.rejected++
		return
	}
	t.accepted++
	t.best = max(t.best, v.hash.Difficulty())
	if v.block {
		t.blocks++
	}
}

// New returns a server for the sessions of a recording in which a pool said
// something.
func New(cfg Config) (*Server, error) {
	switch {
	case cfg.Speed == 0:
		cfg.Speed = 1
	case !(cfg.Speed > 0):
		return nil, fmt.Errorf("speed %v: want a number above 0", cfg.Speed)
	}
	if cfg.MaxConns == 0 {
		cfg.MaxConns = defaultConns
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{cfg: cfg}
	subscribes := false
	for i := range cfg.Sessions {
		sc, err := compile(&cfg.Sessions[i])
		if err != nil {
			return nil, err
		}
		speaks := false
		for _, it := range sc.items {
			speaks = speaks || it.what != gate
			subscribes = subscribes || it.what == answer && it.method == "mining.subscribe"
		}
		if speaks {
			s.scripts = append(s.scripts, sc)
		}
	}
	switch {
	case len(s.scripts) == 0:
		return nil, errors.New("the recording holds nothing that a pool said")
	case !subscribes:
		return nil, errors.New("the recording holds no answer to mining.subscribe: if it is a later file of several, put the earlier one before it (cat FILE.1 FILE)")
	}
	return s, nil
}

// Sessions returns how many recorded connections are played.
func (s *Server) Sessions() int { return len(s.scripts) }

// Stats returns the counters.
func (s *Server) Stats() Stats {
	s.tally.mu.Lock()
	defer s.tally.mu.Unlock()
	return Stats{
		Miners: int(s.open.Load()), Conns: s.next.Load(),
		Accepted: s.tally.accepted, Rejected: s.tally.rejected, Blocks: s.tally.blocks, Best: s.tally.best,
	}
}

// Serve plays to the miners that connect to l, which it closes, until ctx ends;
// then it returns nil.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	for {
		nc, err := l.Accept()
		switch {
		case err == nil:
			wg.Go(func() { s.ServeConn(ctx, nc) })
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ECONNABORTED):
			s.cfg.Log.Warn("cannot accept a connection", "event", "refused", "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(acceptPause):
			}
		default:
			return fmt.Errorf("replay: %w", err)
		}
	}
}

const acceptPause = 100 * time.Millisecond

// ServeConn plays the next recorded connection to the miner at the other end of
// nc, which it closes. It returns when the connection is over or ctx ends.
func (s *Server) ServeConn(ctx context.Context, nc net.Conn) {
	defer nc.Close()
	if s.open.Add(1) > int64(s.cfg.MaxConns) {
		s.open.Add(-1)
		s.cfg.Log.Warn("too many connections", "event", "refused", "remote", nc.RemoteAddr().String())
		return
	}
	defer s.open.Add(-1)
	n := s.next.Add(1)
	sc := s.scripts[(n-1)%uint64(len(s.scripts))]
	log := s.cfg.Log.With("conn", n, "remote", nc.RemoteAddr().String())
	log.Info("connected", "event", "connected", "plays", (n-1)%uint64(len(s.scripts))+1)
	err := newPlayer(sc, nc, s.cfg.Speed, log, &s.tally).run(ctx)
	log.Info("disconnected", "event", "disconnected", "reason", v1.CleanText(err.Error(), 256))
}
