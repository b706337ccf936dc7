package stratum

import (
	"context"
	"time"

	"gominer/stratum/v1"
)

// alive is what tells a pool that is gone from one that is slow. A time that is
// zero has not come.
type alive struct {
	connected time.Time
	granted   time.Time // the first authorization
	heard     time.Time // the latest line
	pressed   time.Time // when the pool was asked for a sign of life; zero again after a line
	pinged    time.Time // the latest mining.ping
	pinging   bool      // it has no answer yet
	nudged    bool      // a pool that gave no job was sent another line

	// slowest is how long answers take at most, of late: after a longer one it
	// falls back by an eighth of the difference with each answer.
	slowest time.Duration

	due     time.Time // when loop wanted to wake up
	excused time.Time // until here nothing counts: this process did not run
}

func newAlive(now time.Time) alive { return alive{connected: now, heard: now} }

const (
	// patience is how many of the slowest answers an answer may take, if that is
	// more than the settings allow: far pools, and those behind Tor.
	patience     = 4
	mostPatience = 30 * time.Second

	// lateWake tells a process that was stopped, or that had no processor: what
	// it missed may stand in the socket.
	lateWake = 500 * time.Millisecond
)

// line notes that a line came.
func (a *alive) line(now time.Time) { a.heard, a.pressed = now, time.Time{} }

// answer notes how long an answer took.
func (a *alive) answer(took time.Duration) {
	if took > a.slowest {
		a.slowest = took
	} else {
		a.slowest -= (a.slowest - took) / 8
	}
}

// wake notes that the loop runs. What it missed because it came too late is not
// the pool's fault.
func (a *alive) wake(now time.Time) {
	if !a.due.IsZero() && now.Sub(a.due) > lateWake {
		a.excused = now
	}
}

// within stretches a time for a slow pool.
func (a *alive) within(d time.Duration) time.Duration {
	return max(d, min(patience*a.slowest, mostPatience))
}

// schedule finds out what is due.
type schedule struct {
	now, next, excused time.Time
}

// passed reports whether d has passed since from. If not, next is not after the
// end of it.
func (s *schedule) passed(from time.Time, d time.Duration) bool {
	if from.Before(s.excused) {
		from = s.excused
	}
	end := from.Add(d)
	if s.now.Before(end) {
		if end.Before(s.next) {
			s.next = end
		}
		return false
	}
	return true
}

// cutGrace is how long a connection that takes no more lines is listened to: the
// pool's last words, and the end, are on their way.
const cutGrace = time.Second

// due does what time asks for and returns when to look again.
func (c *conn) due(now time.Time) (at time.Time, err error) {
	t, a := &c.cfg.Timeouts, &c.alive
	s := &schedule{now: now, next: now.Add(time.Hour), excused: a.excused}
	switch {
	case !c.cut.IsZero() && s.passed(c.cut, cutGrace):
		return s.next, c.explainEnd(c.writeFailed)
	case !c.ending.IsZero() && s.passed(c.ending, t.Grace):
		return s.next, context.Canceled // what Run returns is ctx's error
	case !c.authorized && s.passed(a.connected, t.Handshake):
		return s.next, c.errorf("no answer to %s within %v: is this a Stratum V1 pool?", c.waitsFor(), t.Handshake)
	case c.authorized && c.job == nil:
		err = c.dueJob(s)
	}
	c.dueAudit(s)
	if err != nil || c.arriving(s) {
		return s.next, err
	}
	if err = c.dueShare(s); err == nil {
		err = c.dueLine(s)
	}
	return s.next, err
}

// dueJob looks after a pool that gave no job yet.
func (c *conn) dueJob(s *schedule) error {
	t, a := &c.cfg.Timeouts, &c.alive
	if !a.nudged && s.passed(a.granted, t.Job) {
		// A pool that looks for new clients when one sends a line may have looked
		// before this one was authorized (M45-goPool).
		a.nudged = true
		c.ping(s.now)
	}
	if s.passed(a.granted, t.Handshake) {
		return c.errorf("authorized, but gave no job within %v", t.Handshake)
	}
	return nil
}

// dueShare looks after the shares that wait for an answer.
func (c *conn) dueShare(s *schedule) error {
	t, a := &c.cfg.Timeouts, &c.alive
	for len(c.inflight) > 0 && c.inflight[0].number < c.answered && s.passed(c.inflight[0].share.Sent, lostAfter) {
		c.forsake(c.inflight[0]) // the pool answers later ones
	}
	sub := c.unanswered()
	if sub == nil || !a.pressed.IsZero() {
		return nil
	}
	switch {
	case sub.asked.IsZero() && s.passed(sub.share.Sent, a.within(t.Submit)):
		sub.asked = s.now
		c.press(s.now)
	case !sub.asked.IsZero() && s.passed(sub.asked, a.within(t.Ask)):
		return c.errorf("no answer to a share within %v, though it talks", s.now.Sub(sub.share.Sent).Round(time.Millisecond))
	}
	return nil
}

// lostAfter is how long an answer to a share is waited for where the pool has
// answered later ones.
const lostAfter = 30 * time.Second

// dueLine looks after a pool that says nothing.
func (c *conn) dueLine(s *schedule) error {
	t, a := &c.cfg.Timeouts, &c.alive
	if a.pinging && s.passed(a.pinged, a.within(t.Ask)) {
		if a.pinging = false; !c.answersPing() {
			c.saw(traitPingIgnored)
		}
	}
	switch {
	case !a.pressed.IsZero():
	case s.passed(a.heard, t.Silent):
		c.press(s.now)
	case !c.authorized, a.pinging, c.seen[traitPingIgnored], !s.passed(a.heard, t.Ping):
	case c.answersPing():
		c.press(s.now)
	default: // this shows whether it does
		c.ping(s.now)
		s.passed(a.pinged, a.within(t.Ask))
	}
	if a.pressed.IsZero() || !s.passed(a.pressed, a.within(t.Ask)) {
		return nil
	}
	silence := s.now.Sub(a.heard).Round(time.Millisecond)
	if c.unanswered() != nil {
		return c.errorf("no answer to a share, and silent for %v", silence)
	}
	return c.errorf("silent for %v", silence)
}

// answersPing reports whether the pool was seen to, be it by an error.
func (c *conn) answersPing() bool { return c.seen[traitPing] || c.seen[traitPingRefused] }

// ping asks for a sign of life. Many pools give none.
func (c *conn) ping(now time.Time) {
	c.alive.pinged, c.alive.pinging = now, true
	c.send(&v1.Ping{ID: c.wish(pingRequest)})
}

// onPong takes the answer to ping.
func (c *conn) onPong(r *v1.Response) {
	c.alive.pinging, c.seen[traitPingIgnored] = false, false
	if r.Error != nil {
		c.saw(traitPingRefused)
		return
	}
	c.saw(traitPing)
}

// press asks for a sign of life without which the pool is given up. Not every
// pool answers a ping; but one that answered mining.configure answers it again
// (ckpool, public-pool, M45-goPool), and others a worker that they know.
func (c *conn) press(now time.Time) {
	c.alive.pressed = now
	c.ping(now)
	switch {
	case c.answersPing():
	case c.configured == configureDone:
		c.configure()
	default:
		c.send(&v1.Authorize{ID: c.open(request{}), Worker: c.cfg.User, Password: c.cfg.Pass})
	}
}
