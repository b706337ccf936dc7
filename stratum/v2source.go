package stratum

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"gominer/miner"
	"gominer/stratum/noise"
	"gominer/stratum/record"
	"gominer/stratum/transport"
)

// V2Source is a pool that speaks Stratum V2. It implements miner.Source. It
// keeps no share from one run to the next: what the pool has not acknowledged
// when a connection breaks can't be sent again, as channels, jobs and sequence
// numbers end with it.
type V2Source struct {
	cfg  Config // complete
	pool v2Pool
	dial *transport.Dialer
	log  *slog.Logger

	// What one connection leaves to the next; owned by the Run in progress.
	flags    uint32    // of SetupConnection that the pool has refused
	mute     bool      // the pool does not answer RequestExtensions
	followed time.Time // the latest Reconnect
}

// NewV2 checks cfg and returns its pool, whose URL is
// stratum2+tcp://host:port/AUTHORITY_KEY, as a source. It connects to nothing
// yet.
func NewV2(cfg Config) (*V2Source, error) {
	pool, err := cfg.completeV2()
	if err != nil {
		return nil, err
	}
	dial, err := cfg.dialer(pool.address)
	if err != nil {
		return nil, err
	}
	return &V2Source{cfg: cfg, pool: pool, dial: dial, log: cfg.Log.With("source", pool.String())}, nil
}

// Name returns the pool's host:port.
func (s *V2Source) Name() string { return s.pool.String() }

// Run connects to the pool, opens its channels, publishes jobs and submits
// shares until the connection is lost, the pool refuses the worker, or ctx ends.
// The error is a sentence for people: what happened, where, and what to do about
// it. Every share is reported before it returns.
func (s *V2Source) Run(ctx context.Context, ms *miner.Session) error {
	for at := s.pool.address; ; {
		ms.Status(miner.SourceStatus{
			State: miner.Connecting, URL: s.pool.url(at), Protocol: protocolV2, Encryption: s.encryption(), User: s.cfg.User,
		})
		err := s.visit(ctx, ms, at)
		var mv *move
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &mv):
			ms.Publish(nil)
			at = mv.to
		case errors.Is(err, errWithoutFlag):
			s.log.Info("the pool knows no standard jobs: connecting without asking for them")
		default:
			return err
		}
	}
}

// What the dashboard calls it.
const (
	protocolV2   = "stratum v2"
	encryptionV2 = "noise"
)

// encryption says how the connection is encrypted, and if nobody knows with whom.
// On this machine there is nobody on the way.
func (s *V2Source) encryption() string {
	if s.pool.key == (noise.PublicKey{}) && !s.cfg.local(s.pool.host) {
		return encryptionV2 + ", not verified"
	}
	return encryptionV2
}

// visit connects to at and holds the connection until it ends.
func (s *V2Source) visit(ctx context.Context, ms *miner.Session, at address) error {
	began := time.Now()
	nc, err := s.cfg.connect(ctx, s.dial, at)
	if err != nil {
		return err
	}
	enc, err := noise.Client(ctx, nc, noise.Config{
		Authority: s.pool.key,
		Insecure:  s.pool.key == (noise.PublicKey{}), // completeV2 has allowed it
		Timeout:   s.cfg.Timeouts.Handshake,
	})
	if err != nil {
		return explainNoise(at, err)
	}
	encryption := s.encryption()
	if encryption != encryptionV2 {
		s.log.Warn("not verified: whoever is on the way to the pool can mine in your name", miner.EventKey, "insecure")
	}
	ms.Connected()
	if s.pool.key == (noise.PublicKey{}) && !s.cfg.local(at.host) {
		s.log.Warn("not authenticated: whoever is on the way to the pool can read and change everything", miner.EventKey, "insecure")
	}
	tap := s.cfg.Record.Open(record.Opening{
		Source: s.Name(), URL: s.pool.url(at), Remote: nc.RemoteAddr().String(),
		Protocol: protocolV2, Encryption: encryption, User: s.cfg.User,
	})
	c := newV2Conn(s, ms, at, tap.Frames(enc, record.Miner), time.Since(began))
	err = c.run(ctx)
	c.leave(ctx.Err() != nil)
	tap.Close(reasonOf(ctx, err))
	return err
}
