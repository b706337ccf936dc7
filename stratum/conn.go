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

	arrivals *arrivals // nc
	wire     *v1.Conn  // over nc

	encryption string // for people; empty for none

	in     chan line       // from the reader
	out    chan v1.Message // to the writer
	failed chan error      // from the writer, at most one
	done   chan struct{}   // closed when loop is over

	// Lines to send, and requests without an answer yet.
	lines  []outgoing // in order
	blocks []outgoing // shares that are blocks; they go first
	ids    uint64     // the latest used
	asked  map[uint64]request
	wishes [kinds]uint64 // the latest request of a kind that need not be answered

	workers workers // Config.User's first
	seen    [traits]bool

	// Handshake.
	configured configuring // what this connection found out
	session    string      // that the pool was asked to resume
	form       subscribeForm
	held       []v1.Message // came before the answer to mining.subscribe
	subscribed bool
	authorized bool // a worker is, or was
	resumed    bool

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
	inflight []*submission // those sent and not answered, in order
	sends    uint64        // of shares
	answered uint64        // number of the latest sending that was answered
	rejects  rejects

	audits   auditor
	alive    alive
	ending   time.Time // when ctx ended; zero before
	anything bool      // a line came

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
	what   requestKind
	sent   time.Time
	sub    *submission // of a share
	worker *worker     // of an authorization
}

type requestKind int

const (
	plain requestKind = iota // nobody reads its answer
	configureRequest
	subscribeRequest
	authorizeRequest
	submitRequest
	pingRequest
	transactionsRequest
	extranonceRequest
	kinds // how many there are
)

func newConn(s *Source, ms *miner.Session, at address, nc net.Conn) *conn {
	target, _ := hasher.TargetFromDifficulty(1) // until the pool says otherwise
	now := time.Now()
	timed := newArrivals(nc, now)
	c := &conn{
		src: s, cfg: &s.cfg, ms: ms, at: at, nc: timed, arrivals: timed, wire: v1.NewConn(timed, s.cfg.Limits),
		in: make(chan line), out: make(chan v1.Message), failed: make(chan error, 1), done: make(chan struct{}),
		asked: make(map[uint64]request), target: target, workers: newWorkers(&s.cfg), alive: newAlive(now),
		audits: auditor{results: make(chan *jobAudit, 1)},
	}
	c.seen[traitVersionChange] = s.form == versionChange
	return c
}

// run holds the connection. It ends all that it started, and closes nc.
func (c *conn) run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(c.read)
	wg.Go(c.write)
	err := c.loop(ctx)
	close(c.done)
	_ = c.nc.Close()
	wg.Wait()
	c.audits.wg.Wait()
	return err
}

func (c *conn) read() {
	for {
		m, err := c.wire.Read()
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

func (c *conn) write() {
	for {
		select {
		case m := <-c.out:
			if err := c.wire.Write(m); err != nil {
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
		c.alive.wake(now)
		due, err := c.due(now)
		if err != nil {
			return err
		}
		c.alive.due = due
		timer.Reset(due.Sub(now))

		var out chan<- v1.Message
		next := c.next()
		if next.m != nil && c.cut.IsZero() {
			out = c.out
		}
		var shares <-chan miner.Share
		if c.workers.authorized() > 0 && c.ending.IsZero() && c.pending < mostPending {
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
			c.alive.line(time.Now())
			if err := c.receive(l); err != nil {
				return err
			}
		case out <- next.m:
			c.sent(next)
		case err := <-c.failed:
			c.writeFailed, c.cut = err, time.Now()
		case sh := <-shares:
			c.take(sh)
		case a := <-c.audits.results:
			c.onAudit(a)
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
	return c.explainEnd(c.endOf(l.err))
}

// open returns the id of a new request.
func (c *conn) open(r request) v1.ID {
	c.ids++
	if r.what != plain {
		r.sent = time.Now()
		c.asked[c.ids] = r
	}
	return v1.NumberID(c.ids)
}

// wish returns the id of a new request that the pool may leave without an answer:
// the answer to an earlier one of its kind is looked for no more.
func (c *conn) wish(what requestKind) v1.ID {
	delete(c.asked, c.wishes[what])
	id := c.open(request{what: what})
	c.wishes[what] = c.ids
	return id
}

// send queues a line.
func (c *conn) send(m v1.Message) { c.lines = append(c.lines, outgoing{m: m}) }

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
	if o.sub == nil {
		return
	}
	c.sends++
	o.sub.share.Sent, o.sub.number = time.Now(), c.sends
	o.sub.sends++
	if !o.sub.answered { // a pool may answer what it expects to come
		c.inflight = append(c.inflight, o.sub)
	}
}
