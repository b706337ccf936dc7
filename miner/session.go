package miner

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Session is a source's handle to the miner, for one run. Its methods may be
// called from any goroutine of the source.
//
// Sessions form a tree: those of a source made of sources have the others below
// them, and choose which are mined. One that is not chosen may hand out jobs all
// the same: they wait, and devices are on the newest at once when it is.
type Session struct {
	m      *Miner
	src    Source
	name   string
	parent *Session       // nil: none
	jobs   func()         // called when a first job is there; nil: nobody waits for it
	tried  *atomic.Uint64 // headers: the source's, of all its sessions
	shares chan Share
	done   chan struct{} // closed when the session is over
	stream stream        // guarded by the generator's lock
	parts  []part        // that are mined in place of it; guarded by the Miner's tree lock
	again  *backoff      // until the next run, of the root alone; the goroutine that runs it owns it

	published atomic.Bool // a job, be it by one below
	pulse     pulse

	mu     sync.Mutex
	shown  bool // it is mined, and people are told
	job    *Job // the newest; nil while there is none
	status SourceStatus
	began  time.Time     // of the run
	dialed time.Duration // until Connected
}

// newSession returns a session of src below parent, which may be nil.
func newSession(m *Miner, parent *Session, src Source, name string) *Session {
	s := &Session{m: m, src: src, name: name, parent: parent, shares: make(chan Share, shareQueue), done: make(chan struct{})}
	if _, ok := src.(group); ok {
		s.tried = new(atomic.Uint64)
	} else {
		s.tried = &m.ledger.source(name).tried
	}
	return s
}

// Connected says that the source was reached: what is left until the first job
// is talk. It is told to people, and to those who choose the nearest source.
func (s *Session) Connected() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dialed == 0 {
		s.dialed = time.Since(s.began)
	}
}

// Publish makes j the job that is mined from now on, by every device that has
// none of its own; it never blocks. With j.Clean all earlier work is dead at
// once; without it devices finish what they hold. A nil j ends all work of the
// session: nothing of it is mined until the next.
func (s *Session) Publish(j *Job) { s.publish(j, func() { s.m.gen.publish(s, j) }) }

// PublishTo is Publish for one device, by its index. With a nil j its work ends,
// and it mines what the others do.
func (s *Session) PublishTo(device int, j *Job) {
	if j == nil {
		s.m.gen.publishTo(s, device, nil)
		return
	}
	s.publish(j, func() { s.m.gen.publishTo(s, device, j) })
}

func (s *Session) publish(j *Job, hand func()) {
	now := time.Now()
	s.mu.Lock()
	hand()
	first := s.job == nil && j != nil
	s.job = j
	if s.shown {
		s.showJob(now)
	}
	if first && !s.published.Load() {
		s.m.ledger.probed(s.name, s.dialed, now.Sub(s.began))
	}
	s.mu.Unlock()
	s.pulse.job(j != nil, now)
	if first {
		s.m.hasJob(s)
	}
}

// showJob tells people of the newest job. The caller holds mu.
func (s *Session) showJob(now time.Time) {
	if s.m.ledger.job(s.name, s.job, now) {
		s.m.logJob(s.name, s.job)
	}
}

// Hashrates returns the hash rate of each device over the last minute, in H/s, in
// the order of Snapshot.Devices: 0 for one that has not hashed.
func (s *Session) Hashrates() []float64 { return s.m.ledger.hashrates() }

// Shares returns the channel of shares to submit. It is never closed. Shares of
// one session never appear in another.
func (s *Session) Shares() <-chan Share { return s.shares }

// Report says what became of a share: nil for accepted, a *Reject for refused,
// any other error for lost. Once for each share, be it of this session or of an
// earlier one of the same source.
func (s *Session) Report(sh Share, err error) {
	s.pulse.answer(err, time.Now())
	if sh.session != nil {
		sh.session.pulse.settled()
	}
	s.m.report(s.name, sh, err)
}

// Status says how the session stands, for people. The newest counts.
func (s *Session) Status(st SourceStatus) {
	s.pulse.sign(time.Now())
	if _, ok := s.src.(group); ok {
		return // those below speak for it
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = st
	s.showStatus()
}

// showStatus tells people how the session stands. The caller holds mu.
func (s *Session) showStatus() {
	switch st := s.status; {
	case s.shown:
		s.m.status(s.name, st)
	case st.State == Up:
		st.State = Standby
		s.m.ledger.status(s.name, st, time.Now())
	}
}

// Message passes on a text that the source's operator wants shown. The text must
// be free of control characters.
func (s *Session) Message(text string) {
	s.pulse.sign(time.Now())
	s.m.ledger.message(s.name, text, time.Now())
	s.m.logMessage(s.name, text)
}

// retry returns how long after the end of s the source is run again, 0 where
// nobody below the root can know. It is called by the goroutine that runs s.
func (s *Session) retry() time.Duration {
	if s.again == nil {
		return 0
	}
	if s.published.Load() {
		s.again.reset()
	}
	return s.again.peek()
}

// run lets the source hold the session, ends it, and returns why it is over,
// never nil.
func (s *Session) run(ctx context.Context) error {
	if s.m.awaitSettled(s.src) {
		s.m.settling.Delete(s.src)
	}
	s.mu.Lock()
	s.began = time.Now()
	s.mu.Unlock()
	err := s.src.Run(ctx, s)
	s.end()
	if err == nil {
		err = errors.New("ended without a reason")
	}
	return err
}

// end kills the session's work, and looks after the shares that nobody took.
func (s *Session) end() {
	close(s.done)
	s.m.gen.end(s)
	s.mu.Lock()
	last := s.job
	s.job = nil
	s.mu.Unlock()
	if s.parent != nil {
		s.m.drop(s)
	}
	if _, ok := s.src.(group); !ok {
		s.m.ledger.jobOver(s.name, last)
	}
	s.drain()
}

// drain looks after every share that waits. The collector calls it too, for one
// that it handed over while the session ended.
func (s *Session) drain() {
	for {
		select {
		case sh := <-s.shares:
			s.late(sh)
		default:
			return
		}
	}
}

// late is called with a share that no session will hand out.
func (s *Session) late(sh Share) {
	if k, ok := s.src.(Keeper); ok {
		k.Keep(sh)
		if s.m.awaitSettled(s.src) { // it is no longer run, and has looked already
			s.m.settle(s.src, s.name)
		}
		return
	}
	s.m.report(s.name, sh, errUnsent)
}

var errUnsent = errors.New("the session ended before the share was sent")

// settle lets src, and what it is made of, settle.
func (m *Miner) settle(src Source, name string) {
	if g, ok := src.(group); ok {
		for _, member := range g.members() {
			m.settle(member.src, member.name)
		}
		return
	}
	if x, ok := src.(Settler); ok {
		x.Settle(newSession(m, nil, src, name))
	}
}

// enter makes s the root of the tree.
func (m *Miner) enter(s *Session) {
	m.tree.Lock()
	defer m.tree.Unlock()
	m.root = s
	m.mineLocked()
}

// choose makes parts, which are below s, what is mined in place of s.
func (m *Miner) choose(s *Session, parts ...part) {
	m.tree.Lock()
	s.parts = parts
	m.mineLocked()
	m.tree.Unlock()
	if slices.ContainsFunc(parts, func(p part) bool { return p.session.published.Load() }) {
		m.hasJob(s)
	}
}

// drop takes s, which is over, out of what is mined.
func (m *Miner) drop(s *Session) {
	m.tree.Lock()
	defer m.tree.Unlock()
	p := s.parent
	if i := slices.IndexFunc(p.parts, func(p part) bool { return p.session == s }); i >= 0 {
		p.parts = slices.Delete(slices.Clone(p.parts), i, i+1)
		m.mineLocked()
	}
}

// mineLocked hands out what the tree's leaves have, and tells people where that
// comes from. The caller holds tree.
func (m *Miner) mineLocked() {
	leaves := m.root.leavesLocked(1, nil)
	m.gen.mine(leaves)
	is := func(s *Session, list []part) bool {
		return slices.ContainsFunc(list, func(p part) bool { return p.session == s })
	}
	before := m.mined
	m.mined = leaves
	for _, p := range leaves {
		if !is(p.session, before) {
			p.session.show(true)
		}
	}
	for _, p := range before {
		if !is(p.session, leaves) {
			p.session.show(false)
		}
	}
}

// leavesLocked appends to list the sessions at the ends of the tree below s,
// which together have the weight. The caller holds tree.
func (s *Session) leavesLocked(weight float64, list []part) []part {
	if _, ok := s.src.(group); !ok {
		return append(list, part{s, weight})
	}
	sum := 0.0
	for _, p := range s.parts {
		sum += p.weight
	}
	for _, p := range s.parts {
		list = p.session.leavesLocked(weight*p.weight/sum, list)
	}
	return list
}

// show begins or ends telling people of s. The caller holds the tree lock.
func (s *Session) show(shown bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown = shown
	if !shown {
		s.m.ledger.jobOver(s.name, s.job)
	}
	if s.status.State != Idle {
		s.showStatus()
	}
	if shown && s.job != nil {
		s.showJob(time.Now())
	}
}

// hasJob tells those who wait for a job of s, or of one that s is mined in place
// of.
func (m *Miner) hasJob(s *Session) {
	m.tree.Lock()
	defer m.tree.Unlock()
	for {
		s.published.Store(true)
		if s.jobs != nil {
			s.jobs()
		}
		if s.parent == nil || !slices.ContainsFunc(s.parent.parts, func(p part) bool { return p.session == s }) {
			return
		}
		s = s.parent
	}
}

// leaves returns the sessions that are, or would be, mined in place of s.
func (m *Miner) leaves(s *Session) []*Session {
	m.tree.Lock()
	defer m.tree.Unlock()
	var list []*Session
	for _, p := range s.leavesLocked(1, nil) {
		list = append(list, p.session)
	}
	return list
}
