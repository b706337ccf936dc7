package miner

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// Source is where jobs come from and shares go: a pool, a node, a script in a
// test.
type Source interface {
	// Name tells sources apart, for people: "pool.example.org:3333".
	Name() string

	// Run holds one session: publishes every job, submits every share, reports
	// the outcome of each share once. It returns when the session is over and
	// leaves no goroutine behind; the miner decides about trying again. When ctx
	// ends it still submits what stands in Shares and waits a little for the
	// answers.
	Run(ctx context.Context, s *Session) error
}

// Settler is a Source that keeps shares without an answer from one run to the
// next. Settle is called once, when no run will follow, and reports them.
type Settler interface {
	Settle(s *Session)
}

// group is a Source made of Sources.
type group interface {
	members() []Source // in order of preference
}

// settle lets src settle, if it is one that does.
func (s *Session) settle(src Source) {
	if x, ok := src.(Settler); ok {
		x.Settle(s)
	}
}

// Session is a source's handle to the miner, for one run. Its methods may be
// called from any goroutine of the source.
type Session struct {
	m         *Miner
	name      string
	shares    chan Share
	done      chan struct{} // closed when the session is over
	probe     func()        // a probe's: called for each job, which goes nowhere
	divided   bool          // its children speak for it
	published atomic.Bool
	tried     *atomic.Uint64 // headers: the source's, of all its sessions; nil of a group
}

func newSession(m *Miner, src Source) *Session {
	s := &Session{m: m, name: src.Name(), shares: make(chan Share, shareQueue), done: make(chan struct{})}
	if _, ok := src.(group); !ok {
		s.tried = &m.ledger.source(s.name).tried
	}
	return s
}

// child returns a session of the same kind for a source within this one.
func (s *Session) child(src Source) *Session {
	s.divided = true
	c := newSession(s.m, src)
	c.probe = s.probe
	return c
}

// Publish makes j the job that is mined from now on, by every device that has
// none of its own; it never blocks. With j.Clean all earlier work is dead at
// once; without it devices finish what they hold. A nil j ends all work of the
// session: nothing is mined until the next.
func (s *Session) Publish(j *Job) {
	if s.probe != nil {
		if j != nil {
			s.probe()
		}
		return
	}
	if j != nil {
		s.published.Store(true)
	}
	s.m.gen.publish(s, j)
	if s.m.ledger.job(s.name, j, time.Now()) {
		s.m.logJob(s.name, j)
	}
}

// PublishTo is Publish for one device, by its index in Config.Devices. With a nil
// j its work ends, and it mines what the others do.
func (s *Session) PublishTo(device int, j *Job) {
	if s.probe != nil {
		if j != nil {
			s.probe()
		}
		return
	}
	s.m.gen.publishTo(s, device, j)
	if j != nil {
		s.published.Store(true)
		if s.m.ledger.job(s.name, j, time.Now()) {
			s.m.logJob(s.name, j)
		}
	}
}

// Hashrates returns the hash rate of each device over the last minute, in H/s, in
// the order of Config.Devices: 0 for one that has not hashed.
func (s *Session) Hashrates() []float64 { return s.m.ledger.hashrates() }

// Shares returns the channel of shares to submit. It is never closed. Shares of
// one session never appear in another.
func (s *Session) Shares() <-chan Share { return s.shares }

// Report says what became of a share: nil for accepted, a *Reject for refused,
// any other error for lost. Once for each share, be it of this session or of an
// earlier one of the same source.
func (s *Session) Report(sh Share, err error) {
	s.m.report(s.name, sh, err)
}

// Status says how the session stands, for people. The newest counts.
func (s *Session) Status(st SourceStatus) {
	if s.probe != nil || s.divided {
		return
	}
	switch news, traits := s.m.ledger.status(s.name, st, time.Now()); {
	case news:
		s.m.logSource(s.name, st)
	case traits && st.State == Up:
		s.m.logTraits(s.name, st)
	}
}

// Message passes on a text that the source's operator wants shown. The text must
// be free of control characters.
func (s *Session) Message(text string) {
	if s.probe != nil {
		return
	}
	s.m.ledger.message(s.name, text, time.Now())
	s.m.logMessage(s.name, text)
}

// run lets src hold the session, ends it, and returns why it is over, never nil.
func (s *Session) run(ctx context.Context, src Source) error {
	err := src.Run(ctx, s)
	s.end()
	if err == nil {
		err = errors.New("ended without a reason")
	}
	return err
}

// end kills the session's work and counts as lost what nobody submitted.
func (s *Session) end() {
	close(s.done)
	if s.probe != nil {
		return
	}
	s.m.gen.publish(s, nil)
	s.m.ledger.job(s.name, nil, time.Now())
	s.drain()
}

// drain counts as lost every share that waits. The collector calls it too, for
// a share that it handed over while the session ended.
func (s *Session) drain() {
	for {
		select {
		case sh := <-s.shares:
			s.m.report(s.name, sh, errUnsent)
		default:
			return
		}
	}
}

var errUnsent = errors.New("the session ended before the share was sent")

// Reject is a source's refusal of a share, as it came.
type Reject struct {
	Code   int    // 20 … 25 in V1; 0 if there was none
	Reason string // free of control characters
}

func (r *Reject) Error() string {
	if r.Code == 0 {
		return r.Reason
	}
	return fmt.Sprintf("%s (code %d)", r.Reason, r.Code)
}

// SourceState is where a source stands.
type SourceState int

// The states of a source.
const (
	Idle SourceState = iota // not in use
	Connecting
	Up   // hands out jobs
	Down // failed; Err says why
)

// String returns the word that events use.
func (s SourceState) String() string {
	switch s {
	case Connecting:
		return "connecting"
	case Up:
		return "up"
	case Down:
		return "down"
	}
	return "idle"
}

// SourceStatus is what a source says of itself.
type SourceStatus struct {
	State      SourceState
	URL        string   // without secrets
	Protocol   string   // "stratum v1", "getblocktemplate"
	Encryption string   // "" for none
	User       string   // whom shares are submitted as
	Traits     []string // what was detected: "version-rolling 1fffe000", "no configure"
	Err        error    // why it is down
}
