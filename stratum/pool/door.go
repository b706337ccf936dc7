package pool

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"gominer/stratum/v1"
)

const (
	mostFarewells = 64          // clients that are told why they are sent away, at a time
	farewellTime  = time.Second // for telling one

	// Of what strangers may do again and again, so much is shown.
	comingShown  = 60 // lines about connections
	warnings     = 10 // things of one kind, or of one client, that are wrong
	warningsSpan = time.Minute
)

// serve is the whole life of a connection.
func (p *Pool) serve(ctx context.Context, nc net.Conn) {
	c := newConn(p, nc)
	defer c.blocks.Wait()
	defer c.nc.Close()
	if err := p.admit(&c.visitor); err != nil {
		p.turnAway(c, err)
		c.close(err)
		return
	}
	p.mu.Lock()
	p.conns[c] = struct{}{}
	p.mu.Unlock()
	level := p.coming.level(p.log, c.since)
	c.log.Log(ctx, level, "connected", "event", "connected")
	err := c.run(ctx)
	now := time.Now()
	p.mu.Lock()
	delete(p.conns, c)
	p.mu.Unlock()
	c.leave()
	if broke(err) {
		p.blame(&c.visitor, brokenLine, now)
	}
	p.dismiss(&c.visitor, now)
	c.log.Log(ctx, level, "disconnected", "event", "disconnected", "reason", reasonOf(err))
	var away errTurnedAway
	if errors.As(err, &away) {
		p.linger(c.nc)
	}
}

// broke reports whether the client ended its connection with a line that is no
// Stratum.
func broke(err error) bool {
	var bad *v1.ProtocolError
	var limit *v1.LimitError
	return errors.As(err, &bad) || errors.As(err, &limit)
}

// turnAway ends a connection that was not admitted. The client is told why, if
// it and the pool have a moment.
func (p *Pool) turnAway(c *conn, why error) {
	c.log.Log(context.Background(), p.refusals.level(p.log, c.since), "sent away", "event", "refused", "reason", why.Error())
	var away errTurnedAway
	if !errors.As(why, &away) {
		return
	}
	select {
	case p.farewells <- struct{}{}:
		defer func() { <-p.farewells }()
	default:
		return
	}
	c.nc.SetDeadline(time.Now().Add(farewellTime))
	if c.out.Write(v1.Refuse(v1.ID{}, v1.CodeOther, away.Error())) == nil {
		p.linger(c.nc)
	}
}

// linger waits for the client to close the connection, which is over, so that
// what it was told last is not lost with the lines that it still sends.
func (p *Pool) linger(nc net.Conn) {
	half, ok := nc.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	nc.SetReadDeadline(time.Now().Add(farewellTime))
	io.Copy(io.Discard, nc)
}

// limiter lets most things through in a span, and counts the others.
type limiter struct {
	most  int
	since time.Time
	n     int
}

// allow reports whether the next thing may pass. missed is how many did not in
// the last span, once.
func (l *limiter) allow(now time.Time) (ok bool, missed int) {
	if now.Sub(l.since) > warningsSpan {
		missed = max(0, l.n-l.most)
		l.since, l.n = now, 0
	}
	l.n++
	return l.n <= l.most, missed
}

// chatter keeps lines of one kind from filling the log.
type chatter struct {
	mu sync.Mutex // guards the rest
	limiter
}

// level returns the level for the next line.
func (c *chatter) level(log *slog.Logger, now time.Time) slog.Level {
	c.mu.Lock()
	ok, missed := c.allow(now)
	c.mu.Unlock()
	if missed > 0 {
		log.Info("there were more lines of this kind than are shown", "event", "unsaid", "count", missed)
	}
	if ok {
		return slog.LevelInfo
	}
	return slog.LevelDebug
}
