package pool

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gominer/hasher"
	"gominer/stratum/v1"
)

const (
	lineTime  = 30 * time.Second // from a line's first byte to its end
	writeTime = 10 * time.Second // for one line; who reads more slowly is dropped
	flushTime = 5 * time.Second  // for everything, at the end

	answerQueue = 64       // answers not yet written; more make the reader wait
	mostOut     = 16 << 20 // bytes of a line of ours: the transactions of a full block
	jobsKept    = 128      // of one connection; shares of older ones are not found
	maxWorkers  = 256      // of one connection
)

var (
	errShutdown  = errors.New("the pool stops")
	errHandshake = errors.New("no worker was authorized in time")
	errIdle      = errors.New("silent for too long")
	errSlowLine  = errors.New("a line was not ended in time")
	errSlow      = errors.New("it does not read what it is sent")
)

// conn is a Stratum V1 client. One goroutine reads and answers, one writes. What
// the client has to know (difficulty, version mask, job) is state, not a queue:
// the writer, once woken, sends what has changed since it last looked.
type conn struct {
	visitor
	out *v1.Conn

	heard   atomic.Int64           // when the latest bytes came, Unix nanoseconds
	answers chan func() v1.Message // to the writer; closed by the reader at its end
	late    bool                   // of the reader: Quirks.LateJobs holds jobs back
	bulky   bool                   // of the writer: the line in hand counts in Pool.bulk

	mu sync.Mutex // guards the rest
	client
}

// client is what is known of a client.
type client struct {
	agent      string   // fit to be shown
	session    *session // nil before mining.subscribe
	workers    map[string]*worker
	info       ClientInfo
	ready      bool    // subscribed and authorized: jobs may come
	mask       uint32  // version bits that were granted, and stay so as far as jobs allow
	floor      float64 // its own minimum difficulty; 0: none
	difficulty float64 // that it should have
	vardiff    vardiff
	sent       sent

	extranonce1 []byte // of the next job
	follows     bool   // it understands mining.set_extranonce
	renew       bool   // it should get another extranonce1
	takesGoals  bool   // it understands mining.set_goal

	notes []v1.Message // to be sent, besides what is state
	asked asked
}

// sent is what the client was told last.
type sent struct {
	count      int // of jobs
	difficulty float64
	target     hasher.Target // of difficulty
	mask       uint32
	job        *job
	jobs       []sentJob // the latest last
}

// sentJob is a job that the client may send shares for.
type sentJob struct {
	id         uint64
	job        *job
	difficulty float64
	target     hasher.Target

	extranonce1 []byte
	mask        uint32 // version bits that could be rolled as it was sent
}

func newConn(p *Pool, nc net.Conn) *conn {
	done := make(chan struct{})
	if wrap := p.cfg.Wrap; wrap != nil {
		nc = wrap(nc, done)
	}
	c := &conn{
		out:     v1.NewConn(nc, v1.Limits{Line: mostOut}),
		answers: make(chan func() v1.Message, answerQueue),
	}
	c.come(p, nc, done)
	c.workers = make(map[string]*worker)
	c.difficulty = p.cfg.Difficulty
	c.vardiff.perSecond = p.cfg.Vardiff / 60
	c.heard.Store(c.since.UnixNano())
	return c
}

// run serves the client until it goes, breaks the protocol, or has to go. It
// returns why.
func (c *conn) run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { c.close(errShutdown) })
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := c.write(); err != nil {
			c.close(err)
		}
	})
	c.close(c.read())
	close(c.answers)
	wg.Wait()
	return c.reason()
}

// read takes lines and answers them until the first error.
func (c *conn) read() error {
	in := v1.NewConn(&patientReader{conn: c}, c.pool.cfg.Limits)
	lines := pace{perSecond: c.pool.cfg.Guard.Lines}
	for {
		m, err := in.Read()
		var field *v1.FieldError
		switch {
		case err == nil:
			err = c.handle(m)
		case errors.As(err, &field):
			err = c.malformed(field)
		}
		if err != nil {
			return err
		}
		if c.bound && lines.perSecond > 0 {
			c.sleep(lines.wait(time.Now()))
		}
	}
}

// answer hands an answer to the writer, which makes it when it is its turn. It
// waits while the client doesn't read.
func (c *conn) answer(m func() v1.Message) error {
	select {
	case c.answers <- m:
		return nil
	case <-c.done:
		return c.reason()
	}
}

// write sends answers, and jobs when woken, until the reader has ended and
// everything is out.
func (c *conn) write() error {
	var tick <-chan time.Time // makes vardiff look at a client that sends no shares
	if c.vardiff.perSecond > 0 {
		t := time.NewTicker(time.Duration(float64(time.Second) / c.vardiff.perSecond))
		defer t.Stop()
		tick = t.C
	}
	var ping <-chan time.Time
	if every := c.pool.cfg.PingEvery; every > 0 {
		t := time.NewTicker(every)
		defer t.Stop()
		ping = t.C
	}
	for {
		select {
		case m, ok := <-c.answers:
			if !ok {
				return c.sayGoodbye()
			}
			if err := c.send(m()); err != nil {
				return err
			}
		case <-c.wake:
			// The answer that made the client ready goes before its first job.
			if ok, err := c.flush(); err != nil {
				return err
			} else if !ok {
				return c.sayGoodbye()
			}
			if err := c.tell(); err != nil {
				return err
			}
		case <-tick:
			c.retarget()
		case now := <-ping:
			if err := c.askForLife(now); err != nil {
				return err
			}
		}
	}
}

// flush sends the answers that are waiting; ok is false if there will be no
// more.
func (c *conn) flush() (ok bool, err error) {
	for {
		select {
		case m, ok := <-c.answers:
			if !ok {
				return false, nil
			}
			if err := c.send(m()); err != nil {
				return false, err
			}
		default:
			return true, nil
		}
	}
}

func (c *conn) send(m v1.Message) error {
	c.nc.SetWriteDeadline(time.Now().Add(writeTime))
	c.keepClosed()
	err := c.out.Write(m)
	if c.bulky {
		c.bulky = false
		<-c.pool.bulk
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errSlow
	}
	return err
}

// leave gives back what the connection holds.
func (c *conn) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session != nil {
		c.session.keep(c.sent.jobs)
		c.pool.sessions.detach(c.session, time.Now())
	}
	c.pool.ledger.leave(c.workers)
}

func (c *conn) stats() ConnStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := ConnStats{
		Protocol:    protocolV1,
		Workers:     []string{},
		ID:          c.id,
		Remote:      c.remote,
		Since:       c.since,
		Agent:       c.agent,
		Difficulty:  c.difficulty,
		VersionMask: hasher.Bits(c.sent.mask).String(),
	}
	if c.session != nil {
		s.Extranonce1 = hex.EncodeToString(c.extranonce1)
	}
	if c.info != (ClientInfo{}) {
		info := c.info
		s.Info = &info
	}
	for _, w := range c.workers {
		s.Workers = append(s.Workers, w.shown)
	}
	slices.Sort(s.Workers)
	return s
}

// patientReader reads from the client and knows how long to wait for it.
type patientReader struct {
	conn *conn
	line time.Time // when the line that is not ended yet began; zero: none
}

func (r *patientReader) Read(b []byte) (int, error) {
	c := r.conn
	deadline, late := c.since.Add(c.pool.cfg.HandshakeTimeout), errHandshake
	c.mu.Lock()
	if c.ready {
		deadline, late = time.Now().Add(c.pool.cfg.IdleTimeout), errIdle
	}
	c.mu.Unlock()
	if end := r.line.Add(lineTime); !r.line.IsZero() && end.Before(deadline) {
		deadline, late = end, errSlowLine
	}
	c.nc.SetReadDeadline(deadline)
	c.keepClosed()
	n, err := c.nc.Read(b)
	if n > 0 {
		c.heard.Store(time.Now().UnixNano())
	}
	switch {
	case n > 0 && b[n-1] == '\n':
		r.line = time.Time{}
	case n > 0 && r.line.IsZero():
		r.line = time.Now()
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = late
	}
	return n, err
}

// Write is not used: answers go through the writer.
func (r *patientReader) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// reasonOf says why a connection ended, fit to be shown.
func reasonOf(err error) string {
	var bad *v1.ProtocolError
	if errors.As(err, &bad) {
		if what := foreign[bad.Speaks()]; what != "" {
			return what
		}
	}
	switch {
	case errors.Is(err, io.EOF):
		return "the client closed it"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "the client closed it inside a line"
	}
	return v1.CleanText(err.Error(), 256)
}

// foreign says who comes to a port for Stratum V1 with something else.
var foreign = map[v1.Foreign]string{
	v1.ForeignHTTP:   "it speaks HTTP, as browsers do: this port is for Stratum V1",
	v1.ForeignTLS:    "it speaks TLS: this port is not encrypted",
	v1.ForeignSSH:    "it speaks SSH: this port is for Stratum V1",
	v1.ForeignBinary: "what it sends is no text: a Stratum V2 client, perhaps; this port is for Stratum V1",
}
