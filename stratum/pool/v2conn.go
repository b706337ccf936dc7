package pool

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"gominer/stratum/noise"
	"gominer/stratum/v1"
	"gominer/stratum/v2"
)

// ServeV2 is Serve for clients that speak Stratum V2. id is what the pool proves
// with that it is the one that clients have the authority's key of. Faults,
// messages and pings are not for them.
func (p *Pool) ServeV2(ctx context.Context, l net.Listener, id *noise.Identity) error {
	return p.accept(ctx, l, func(ctx context.Context, nc net.Conn) { p.serveV2(ctx, nc, id) })
}

// v2Conn is a Stratum V2 client: one connection with any number of channels. One
// goroutine reads and answers, one writes. As with V1, what a client has to know
// is state, which the writer compares to what it told last.
type v2Conn struct {
	visitor
	enc     *noise.Conn
	frames  *v2.Conn
	answers chan v2.Message // to the writer; closed by the reader at its end
	latest  time.Time       // of the reader: when the last message came
	begun   time.Time       // of the reader: when the present one began to come; zero before

	mu sync.Mutex // guards the rest
	v2Client
}

// v2Client is what is known of a client.
type v2Client struct {
	setUp    bool
	agent    string // fit to be shown
	standard bool   // it takes standard jobs alone
	fixed    bool   // it was told that versions are fixed
	names    bool   // it sends workers' names with its shares (extension 0x0002)
	workers  map[string]*worker

	channels map[uint32]*v2Channel
	order    []*v2Channel  // by id
	bare     time.Time     // since when there is no channel, if order is empty
	lastID   uint32        // of a channel
	lastJob  uint32        // id
	told     *job          // the latest
	moveTo   *v2.Reconnect // to be sent
}

// groupID is the group that all channels of a connection belong to.
const groupID = 1

const (
	v2Handshake  = 10 * time.Second // at most, for the encryption
	ackTime      = 10 * time.Second // that an acknowledgement may wait for its batch, at most
	ackLook      = 2 * time.Second  // looked for those that do, this often
	v2Payload    = 96 << 10         // bytes; SetCustomMiningJob, the longest that miners send, has 75 kB
	mostChannels = 1 << 12          // of one connection
	v2Answers    = 256              // not yet written; more make the reader wait
	v2Batch      = 512              // messages written at once
)

var errNotSetUp = errors.New("the first message is not SetupConnection")

// serveV2 is the whole life of a connection.
func (p *Pool) serveV2(ctx context.Context, nc net.Conn, id *noise.Identity) {
	c := &v2Conn{answers: make(chan v2.Message, v2Answers)}
	c.come(p, nc, make(chan struct{}))
	c.workers, c.channels, c.lastID = make(map[string]*worker), make(map[uint32]*v2Channel), groupID
	c.latest, c.bare = c.since, c.since
	defer c.blocks.Wait()
	defer nc.Close()
	if err := p.admit(&c.visitor); err != nil {
		c.log.Log(ctx, p.refusals.level(p.log, c.since), "sent away", "event", "refused", "reason", err.Error())
		c.close(err)
		return
	}
	level := p.coming.level(p.log, c.since)
	c.log.Log(ctx, level, "connected", "event", "connected", "protocol", "v2")
	err := c.handshake(ctx, id)
	if err == nil {
		p.mu.Lock()
		p.v2conns[c] = struct{}{}
		p.mu.Unlock()
		err = c.run(ctx)
		p.mu.Lock()
		delete(p.v2conns, c)
		p.mu.Unlock()
		c.leave()
		c.enc.Close()
	}
	now := time.Now()
	if brokeV2(err) {
		p.blame(&c.visitor, brokenLine, now)
	}
	p.dismiss(&c.visitor, now)
	c.log.Log(ctx, level, "disconnected", "event", "disconnected", "reason", reasonOf(err))
}

func (c *v2Conn) handshake(ctx context.Context, id *noise.Identity) (err error) {
	timeout := min(c.pool.cfg.HandshakeTimeout, v2Handshake)
	if c.enc, err = noise.Server(ctx, c.nc, id, noise.Config{Timeout: timeout}); err != nil {
		return err
	}
	c.keepClosed()
	c.frames = v2.NewConn(c, v2Payload)
	return nil
}

// brokeV2 reports whether the client ended its connection with bytes that are no
// Stratum V2.
func brokeV2(err error) bool {
	var limit *v2.LimitError
	var field *v2.FieldError
	var h *noise.HandshakeError
	switch {
	case errors.As(err, &limit), errors.As(err, &field), errors.Is(err, errNotSetUp):
		return true
	case errors.As(err, &h):
		return !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, os.ErrDeadlineExceeded) &&
			!errors.Is(err, context.Canceled)
	}
	return false
}

// run serves the client until it goes, breaks the protocol, or has to go. It
// returns why.
func (c *v2Conn) run(ctx context.Context) error {
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

// Read reads what was sealed, and knows how long to wait for it.
func (c *v2Conn) Read(b []byte) (int, error) {
	c.mu.Lock()
	deadline, late := c.bare.Add(c.pool.cfg.HandshakeTimeout), errNoChannel
	if len(c.channels) > 0 {
		deadline, late = c.latest.Add(c.pool.cfg.IdleTimeout), errIdle
	}
	c.mu.Unlock()
	if end := c.begun.Add(lineTime); !c.begun.IsZero() && end.Before(deadline) {
		deadline, late = end, errSlowFrame
	}
	c.nc.SetReadDeadline(deadline)
	c.keepClosed()
	n, err := c.enc.Read(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = late
	}
	if n > 0 && c.begun.IsZero() { // a frame's header is sealed by itself
		c.begun = time.Now()
	}
	return n, err
}

var (
	errNoChannel = errors.New("no channel was opened in time")
	errSlowFrame = errors.New("a frame was not ended in time")
)

// Write seals what the writer sends.
func (c *v2Conn) Write(b []byte) (int, error) {
	c.nc.SetWriteDeadline(time.Now().Add(writeTime))
	c.keepClosed()
	n, err := c.enc.Write(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = errSlow
	}
	return n, err
}

// read takes messages and answers them until the first error.
func (c *v2Conn) read() error {
	lines := pace{perSecond: c.pool.cfg.Guard.Lines}
	for {
		c.begun = time.Time{}
		m, err := c.frames.Read()
		c.latest = time.Now()
		var field *v2.FieldError
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
			c.sleep(lines.wait(c.latest))
		}
	}
}

// answer hands an answer to the writer. It waits while the client doesn't read.
func (c *v2Conn) answer(m v2.Message) error {
	select {
	case c.answers <- m:
		return nil
	case <-c.done:
		return c.reason()
	}
}

// write sends answers, and jobs when woken, until the reader has ended and
// everything is out.
func (c *v2Conn) write() error {
	look := ackLook
	if perMinute := c.pool.cfg.Vardiff; perMinute > 0 {
		look = min(look, time.Duration(float64(time.Minute)/perMinute))
	}
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		var out []v2.Message
		open := true
		select {
		case m, ok := <-c.answers:
			if open = ok; ok {
				out = append(out, c.opening(m))
			}
		case <-c.wake:
		case <-tick.C:
			c.retarget()
		}
		out, open = c.drain(out, open)
		// The answer that opened a channel goes before its first job.
		news, err := c.news(time.Now(), !open)
		out = append(out, news...)
		if err == nil && !open {
			out = append(out, c.goodbye()...)
		}
		for len(out) > 0 && err == nil {
			n := min(len(out), v2Batch)
			err = c.frames.Write(out[:n]...)
			out = out[n:]
		}
		if err != nil || !open {
			return err
		}
	}
}

// drain adds the answers that are waiting to out; open is false if there will be
// no more.
func (c *v2Conn) drain(out []v2.Message, open bool) ([]v2.Message, bool) {
	for open && len(out) < v2Batch {
		select {
		case m, ok := <-c.answers:
			if open = ok; ok {
				out = append(out, c.opening(m))
			}
		default:
			return out, open
		}
	}
	return out, open
}

// opening lets the jobs of a channel come, if m is the answer that opens one.
func (c *v2Conn) opening(m v2.Message) v2.Message {
	var id uint32
	switch m := m.(type) {
	case *v2.OpenStandardMiningChannelSuccess:
		id = m.ChannelID
	case *v2.OpenExtendedMiningChannelSuccess:
		id = m.ChannelID
	default:
		return m
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if ch := c.channels[id]; ch != nil { // it may be closed again
		ch.opened = true
	}
	return m
}

// goodbye sends the client elsewhere if the pool stops.
func (c *v2Conn) goodbye() []v2.Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m := c.pool.cfg.goodbye; m != nil && c.setUp && errors.Is(c.reason(), errShutdown) {
		return []v2.Message{&v2.Reconnect{NewHost: m.Host, NewPort: m.Port}}
	}
	return nil
}

// leave gives back what the connection holds.
func (c *v2Conn) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, ch := range c.order {
		c.pool.sessions.drop(ch.session)
	}
	c.pool.giveChannels(&c.visitor, len(c.order))
	c.pool.ledger.leave(c.workers)
}

func (c *v2Conn) stats() ConnStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := ConnStats{Protocol: protocolV2, Workers: []string{}, ID: c.id, Remote: c.remote, Since: c.since, Agent: c.agent, Channels: len(c.order)}
	for i, ch := range c.order {
		if i == 0 || ch.difficulty < s.Difficulty {
			s.Difficulty = ch.difficulty
		}
	}
	s.VersionMask = "00000000"
	if c.told != nil && c.told.mask != 0 && !c.fixed {
		s.VersionMask = v2Mask
	}
	for _, w := range c.workers {
		s.Workers = append(s.Workers, w.shown)
	}
	slices.Sort(s.Workers)
	return s
}

// What Stats calls the protocols, and the mask of this one.
const (
	protocolV1 = "v1"
	protocolV2 = "v2"
	v2Mask     = "1fffffe0"
)

// shown returns a client's text fit for a log.
func shown(text string) string { return v1.CleanText(text, shownName) }
