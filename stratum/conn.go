package stratum

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"gominer/hasher"
	"gominer/miner"
	"gominer/stratum/v1"
)

const protocol = "stratum v1"

// conn is one connection to a pool. A goroutine reads lines, another writes
// them; everything else happens in loop, which owns all fields but the channels.
type conn struct {
	src *Source
	cfg *Config
	ms  *miner.Session
	at  address
	nc  net.Conn

	in     chan line       // from the reader
	out    chan v1.Message // to the writer
	failed chan error      // from the writer, at most one
	done   chan struct{}   // closed when loop is over

	// Lines to send, and requests without an answer yet.
	lines  []outgoing // in order
	blocks []outgoing // shares that are blocks; they go first
	ids    uint64     // the latest used
	asked  map[uint64]request

	// Handshake.
	configured     configuring // what this connection found out
	setsExtranonce bool        // mining.configure granted it
	session        string      // that the pool was asked to resume
	form           subscribeForm
	held           []v1.Message // came before the answer to mining.subscribe
	subscribed     bool
	authorized     bool
	resumed        bool

	// What the pool has set.
	rolling    bool   // version rolling was granted at some time
	mask       uint32 // header version bits to roll
	target     hasher.Target
	extranonce extranonce   // of the next job
	issued     []extranonce // over this connection

	job     *miner.Job // the newest; nil before the first
	up      bool       // a job was published
	invalid int        // jobs that could not be read
	ignored int        // other messages that nothing came of

	pending  int           // shares without an answer, sent or not
	inflight []*submission // those sent, in order; the first has no answer yet

	// Liveness. A time that is zero has not come.
	connected time.Time
	granted   time.Time // authorization
	heard     time.Time // the latest line
	pressed   time.Time // when a silent pool was asked; zero again after a line
	ending    time.Time // when ctx ended
	anything  bool      // a line came
	nudged    bool      // a pool that gave no job was sent another line

	cut         time.Time // when writing failed, with writeFailed
	writeFailed error
	lastWord    string    // the latest error that answered nothing
	shown       time.Time // the latest message to people
}

// line is a message that was read, or why there is none.
type line struct {
	m   v1.Message
	err error
}

// outgoing is a line to send.
type outgoing struct {
	m   v1.Message
	sub *submission // of a share
}

// request is what was asked under an id.
type request struct {
	what requestKind
	sub  *submission // of a share
}

type requestKind int

const (
	plain requestKind = iota // nobody waits for its answer
	configureRequest
	subscribeRequest
	authorizeRequest
	submitRequest
)

func newConn(s *Source, ms *miner.Session, at address, nc net.Conn) *conn {
	target, _ := hasher.TargetFromDifficulty(1) // until the pool says otherwise
	now := time.Now()
	return &conn{
		src: s, cfg: &s.cfg, ms: ms, at: at, nc: nc,
		in: make(chan line), out: make(chan v1.Message), failed: make(chan error, 1), done: make(chan struct{}),
		asked: make(map[uint64]request), target: target, connected: now, heard: now,
	}
}

// run holds the connection. It ends all that it started, and closes nc.
func (c *conn) run(ctx context.Context) error {
	lines := v1.NewConn(c.nc, c.cfg.Limits)
	var wg sync.WaitGroup
	wg.Go(func() { c.read(lines) })
	wg.Go(func() { c.write(lines) })
	err := c.loop(ctx)
	close(c.done)
	_ = c.nc.Close()
	wg.Wait()
	return err
}

func (c *conn) read(lines *v1.Conn) {
	for {
		m, err := lines.Read()
		select {
		case c.in <- line{m, err}:
		case <-c.done:
			return
		}
		var field *v1.FieldError
		if err != nil && !errors.As(err, &field) {
			return
		}
	}
}

func (c *conn) write(lines *v1.Conn) {
	for {
		select {
		case m := <-c.out:
			if err := lines.Write(m); err != nil {
				c.failed <- err
				return
			}
		case <-c.done:
			return
		}
	}
}

// mostQueued is how many lines may wait to be sent. Our own are few: a pool that
// has this many to read asks without listening.
const mostQueued = 1024

// loop is the session. It returns why it is over.
func (c *conn) loop(ctx context.Context) error {
	c.hello()
	timer := time.NewTimer(0)
	defer timer.Stop()
	ended := ctx.Done()
	for {
		now := time.Now()
		due, err := c.due(now)
		if err != nil {
			return err
		}
		timer.Reset(due.Sub(now))

		var out chan<- v1.Message
		next := c.next()
		if next.m != nil && c.cut.IsZero() {
			out = c.out
		}
		var shares <-chan miner.Share
		if c.authorized && c.ending.IsZero() && c.pending < mostPending {
			shares = c.ms.Shares()
		}
		select {
		case <-ended:
			ended = nil
			if !c.authorized {
				return ctx.Err()
			}
			c.ending = time.Now()
			c.takeAll()
		case l := <-c.in:
			c.heard, c.pressed = time.Now(), time.Time{}
			if err := c.receive(l); err != nil {
				return err
			}
		case out <- next.m:
			c.sent(next)
		case err := <-c.failed:
			c.writeFailed, c.cut = err, time.Now()
		case sh := <-shares:
			c.take(sh)
		case <-timer.C:
		}
		if len(c.lines) > mostQueued {
			return c.errorf("it sends requests but does not read the answers")
		}
		if !c.ending.IsZero() && c.pending == 0 {
			return ctx.Err()
		}
	}
}

// receive takes a line in.
func (c *conn) receive(l line) error {
	var field *v1.FieldError
	switch {
	case l.err == nil:
		c.anything = true
		return c.handle(l.m)
	case errors.As(l.err, &field):
		c.anything = true
		return c.malformed(field)
	}
	return c.explainEnd(l.err)
}

// due does what time asks for and returns when to look again.
func (c *conn) due(now time.Time) (at time.Time, err error) {
	t := &c.cfg.Timeouts
	at = now.Add(time.Hour)
	passed := func(from time.Time, d time.Duration) bool {
		if end := from.Add(d); now.Before(end) {
			if end.Before(at) {
				at = end
			}
			return false
		}
		return true
	}
	switch {
	case !c.cut.IsZero() && passed(c.cut, cutGrace):
		return at, c.explainEnd(c.writeFailed)
	case !c.ending.IsZero() && passed(c.ending, t.Grace):
		return at, context.Canceled // what Run returns is ctx's error
	case !c.authorized && passed(c.connected, t.Handshake):
		return at, c.errorf("no answer to %s within %v: is this a Stratum V1 pool?", c.waitsFor(), t.Handshake)
	}
	if sub := c.oldest(); sub != nil && passed(sub.share.Sent, t.Submit) {
		return at, c.errorf("no answer to a share within %v", t.Submit)
	}
	if c.authorized && c.job == nil {
		if !c.nudged && passed(c.granted, t.Job) {
			// A pool that looks for new clients when one sends a line may have
			// looked before this one was authorized (M45-goPool).
			c.nudged = true
			c.ping()
		}
		if passed(c.granted, t.Silent+t.Ask) {
			return at, c.errorf("authorized, but gave no job within %v", t.Silent+t.Ask)
		}
	}
	switch {
	case c.pressed.IsZero() && passed(c.heard, t.Silent):
		c.pressed = now
		c.ping()
		c.suggest()
		passed(c.pressed, t.Ask)
	case !c.pressed.IsZero() && passed(c.pressed, t.Ask):
		return at, c.errorf("silent for %v", t.Silent+t.Ask)
	}
	return at, nil
}

// cutGrace is how long a connection that takes no more lines is listened to: the
// pool's last words, and the end, are on their way.
const cutGrace = time.Second

// open returns the id of a new request.
func (c *conn) open(r request) v1.ID {
	c.ids++
	if r.what != plain {
		c.asked[c.ids] = r
	}
	return v1.NumberID(c.ids)
}

// send queues a line.
func (c *conn) send(m v1.Message) { c.lines = append(c.lines, outgoing{m: m}) }

// ping asks for a sign of life. Nobody waits for the answer itself: many pools
// give none.
func (c *conn) ping() { c.send(&v1.Ping{ID: c.open(request{})}) }

// next returns the line to send next; without a message if there is none.
func (c *conn) next() (o outgoing) {
	switch {
	case len(c.blocks) > 0:
		return c.blocks[0]
	case len(c.lines) > 0:
		return c.lines[0]
	}
	return o
}

// sent notes that the line returned by next is on its way.
func (c *conn) sent(o outgoing) {
	if len(c.blocks) > 0 {
		c.blocks = c.blocks[1:]
	} else {
		c.lines = c.lines[1:]
	}
	if o.sub != nil {
		o.sub.share.Sent = time.Now()
		o.sub.sends++
		c.inflight = append(c.inflight, o.sub)
	}
}
