package stratum

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"gominer/miner"
	"gominer/stratum/v2"
)

// v2Conn is one connection to a pool. A goroutine reads frames, another writes
// them; everything else happens in loop, which owns all fields but the channels.
type v2Conn struct {
	src *V2Source
	cfg *Config
	ms  *miner.Session
	at  address
	nc  net.Conn

	in     chan v2Read       // from the reader
	out    chan []v2.Message // to the writer, which ends when it is closed
	failed chan error        // from the writer, at most one
	done   chan struct{}     // closed when loop is over
	queue  []v2.Message      // to send, before shares
	shares []*v2Submission   // to send, blocks first
	batch  []v2.Message      // the next to hand to the writer
	sent   []*v2Submission   // the shares in batch

	// Setting up.
	setUp    bool                // the pool has accepted the connection
	asked    uint32              // the latest request for a channel
	devices  int                 // that have been asked one for
	request  uint16              // the latest RequestExtensions
	opening  map[uint32]*opening // by request id
	opened   time.Time           // when all channels were open first
	fixed    bool                // the pool takes no other version than a job's
	worker   string              // name to send with shares of extended channels, "" for none
	extended time.Time           // when RequestExtensions was sent; zero when nobody waits for the answer
	trip     time.Duration       // what it took to connect

	channels map[uint32]*v2Channel
	jobs     map[*miner.Job]*v2Job // that shares still count for
	strict   bool                  // the pool applies SetTarget to jobs in progress
	up       bool                  // a job was published
	pending  int                   // shares without an answer, sent or not

	// Liveness and the end. A time that is zero has not come.
	connected time.Time
	heard     time.Time // the latest frame
	pressed   time.Time // when a silent pool was asked; zero again after a frame
	replies   bool      // the pool has been seen to answer UpdateChannel
	updated   time.Time // when hash rates were looked at
	ending    time.Time // when ctx ended
	parted    bool      // after that, the channels were closed

	cut         time.Time // when writing failed, with writeFailed
	writeFailed error
	warned      map[string]int // how often, by text
}

// v2Read is a message that was read, or why there is none.
type v2Read struct {
	m   v2.Message
	err error
}

func newV2Conn(s *V2Source, ms *miner.Session, at address, nc net.Conn, trip time.Duration) *v2Conn {
	now := time.Now()
	return &v2Conn{
		src: s, cfg: &s.cfg, ms: ms, at: at, nc: nc, trip: trip,
		in: make(chan v2Read), out: make(chan []v2.Message), failed: make(chan error, 1), done: make(chan struct{}),
		opening: make(map[uint32]*opening), channels: make(map[uint32]*v2Channel), jobs: make(map[*miner.Job]*v2Job),
		warned: make(map[string]int), connected: now, heard: now, updated: now, strict: s.cfg.DifficultyNow,
	}
}

// run holds the connection. It ends all that it started, and closes nc.
func (c *v2Conn) run(ctx context.Context) error {
	frames := v2.NewConn(c.nc, 0)
	var reader, writer sync.WaitGroup
	reader.Go(func() { c.read(frames) })
	writer.Go(func() { c.write(frames) })
	err := c.loop(ctx)
	_ = c.nc.SetWriteDeadline(time.Now().Add(cutGrace)) // for what is under way
	if ctx.Err() != nil && c.cut.IsZero() && !c.parted {
		c.farewell()
	}
	close(c.out)
	writer.Wait()
	close(c.done)
	_ = c.nc.Close()
	reader.Wait()
	return err
}

func (c *v2Conn) read(frames *v2.Conn) {
	for {
		m, err := frames.Read()
		select {
		case c.in <- v2Read{m, err}:
		case <-c.done:
			return
		}
		var field *v2.FieldError
		if err != nil && !errors.As(err, &field) {
			return
		}
	}
}

func (c *v2Conn) write(frames *v2.Conn) {
	failed := false
	for ms := range c.out {
		if failed {
			continue
		}
		if err := frames.Write(ms...); err != nil {
			failed = true
			c.failed <- err
		}
	}
}

// farewell closes the channels, if the pool still reads.
func (c *v2Conn) farewell() {
	select {
	case c.out <- c.bye():
	case <-time.After(cutGrace):
	}
}

func (c *v2Conn) bye() (out []v2.Message) {
	for _, ch := range c.sorted() {
		out = append(out, &v2.CloseChannel{ChannelID: ch.id, ReasonCode: "shutdown"})
	}
	return out
}

// sorted returns the channels in the order of their ids.
func (c *v2Conn) sorted() []*v2Channel {
	var out []*v2Channel
	for _, ch := range c.channels {
		out = append(out, ch)
	}
	slices.SortFunc(out, func(a, b *v2Channel) int { return int(int64(a.id) - int64(b.id)) })
	return out
}

// loop is the session. It returns why it is over.
func (c *v2Conn) loop(ctx context.Context) error {
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

		var out chan<- []v2.Message
		if c.gather(); len(c.batch) > 0 && c.cut.IsZero() {
			out = c.out
		}
		var shares <-chan miner.Share
		if c.up && c.ending.IsZero() {
			shares = c.ms.Shares()
		}
		select {
		case <-ended:
			ended = nil
			c.ending = time.Now()
			c.takeAll()
		case r := <-c.in:
			c.heard, c.pressed = time.Now(), time.Time{}
			if err := c.receive(r); err != nil {
				return err
			}
		case out <- c.batch:
			c.handedOver()
		case err := <-c.failed:
			c.writeFailed, c.cut = err, time.Now()
		case sh := <-shares:
			c.take(sh)
		case <-timer.C:
		}
		switch {
		case len(c.queue) > mostQueued:
			return c.errorf("it sends requests but does not read the answers")
		case c.pending > mostUnacknowledged:
			return c.errorf("it has not acknowledged any of the last %d shares", c.pending)
		case !c.ending.IsZero() && c.pending == 0:
			return ctx.Err()
		}
	}
}

const (
	// mostUnacknowledged is how many shares may wait for their answers. A pool
	// answers in batches, of a size that is its own affair.
	mostUnacknowledged = 1 << 16

	// mostBatch is how many messages are written at once.
	mostBatch = 64
)

// gather fills batch with what waits, if it was handed over. Sequence numbers
// are given here, so that they are in the order of sending.
func (c *v2Conn) gather() {
	if len(c.batch) > 0 {
		return
	}
	n := min(len(c.queue), mostBatch)
	c.batch = append(c.batch, c.queue[:n]...)
	c.queue = c.queue[n:]
	for len(c.shares) > 0 && len(c.batch) < mostBatch {
		sub := c.shares[0]
		c.shares = c.shares[1:]
		c.batch = append(c.batch, c.number(sub))
		c.sent = append(c.sent, sub)
	}
}

// handedOver notes that the batch is on its way. The writer has the slice now.
func (c *v2Conn) handedOver() {
	now := time.Now()
	for _, sub := range c.sent {
		sub.share.Sent = now
	}
	c.batch, c.sent = nil, nil
}

// send queues a message.
func (c *v2Conn) send(m v2.Message) { c.queue = append(c.queue, m) }

// receive takes a message in. An error ends the connection.
func (c *v2Conn) receive(r v2Read) error {
	var field *v2.FieldError
	switch {
	case r.err == nil:
		return c.handle(r.m)
	case !errors.As(r.err, &field):
		return c.explainEnd(r.err)
	}
	switch field.Type {
	case v2.TypeSubmitSharesError, v2.TypeSubmitSharesSuccess, v2.TypeUpdateChannelError,
		v2.TypeReconnect, v2.TypeChannelEndpointChanged:
		c.warn("message ignored", "error", field)
		return nil
	}
	return c.errorf("it sends what can't be read, and which work is valid would not be known: %w", field)
}

// due does what time asks for and returns when to look again.
func (c *v2Conn) due(now time.Time) (at time.Time, err error) {
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
	case c.opened.IsZero() && passed(c.connected, t.Handshake):
		return at, c.errorf("no answer to %s within %v: is this a pool for Stratum V2 mining?", c.waitsFor(), t.Handshake)
	}
	for _, ch := range c.channels {
		if ch.current == nil && passed(ch.idle, t.Handshake) {
			return at, c.errorf("it opened channel %d, but gave no job for it within %v", ch.id, t.Handshake)
		}
	}
	// A pool may acknowledge a batch, which will not be full any more, when its
	// channel ends. What is on its way gets the first half of the time.
	if !c.ending.IsZero() && !c.parted && len(c.batch)+len(c.queue)+len(c.shares) == 0 && passed(c.ending, t.Grace/2) {
		c.parted, c.queue = true, c.bye()
	}
	for _, o := range c.opening {
		if passed(o.since, t.Handshake) {
			return at, c.errorf("no answer to the request for a channel within %v", t.Handshake)
		}
	}
	if !c.extended.IsZero() && passed(c.extended, c.extensionWait()) {
		c.withoutExtensions()
	}
	if passed(c.updated, updateLook) {
		c.updated = now
		c.update(now)
		passed(c.updated, updateLook)
	}
	if c.opened.IsZero() {
		return at, nil
	}
	switch {
	case c.pressed.IsZero() && passed(c.heard, t.Silent):
		c.pressed = now
		c.press()
		passed(c.pressed, t.Ask)
	case !c.pressed.IsZero() && c.replies && passed(c.pressed, t.Ask):
		return at, c.errorf("silent for %v", t.Silent+t.Ask)
	}
	return at, nil
}

// press asks a silent pool for a sign of life. Stratum V2 has no question that a
// pool must answer; but the reference implementation, for one, answers an
// UpdateChannel that changes nothing with SetTarget. A pool that was seen to do
// so is dropped when it no longer does. For others there is TCP's keep-alive.
func (c *v2Conn) press() {
	if all := c.sorted(); len(all) > 0 {
		c.sendUpdate(all[0], all[0].rate, c.pressed)
	}
}

// errorf returns an error that says which pool it is about.
func (c *v2Conn) errorf(format string, args ...any) error {
	return fmt.Errorf("%v: %w", c.at, fmt.Errorf(format, args...))
}

// explainEnd says why the connection is over, given the error of reading or
// writing.
func (c *v2Conn) explainEnd(err error) error {
	var limit *v2.LimitError
	if errors.As(err, &limit) {
		return c.errorf("connection dropped: %w", err)
	}
	if c.opened.IsZero() {
		return c.errorf("%s, instead of an answer to %s", endText(err), c.waitsFor())
	}
	return c.errorf("%s", endText(err))
}

// warn logs what a pool can make happen at will, the 1st, 2nd, 4th, 8th… time.
func (c *v2Conn) warn(text string, attrs ...any) {
	c.warned[text]++
	if n := c.warned[text]; n&(n-1) == 0 {
		c.src.log.Warn(text, append(attrs, "count", n)...)
	}
}
