package pool

import (
	"context"
	"errors"
	"time"

	"gominer/stratum/v1"
	"gominer/stratum/v2"
)

const (
	mostNotes = 16 // not yet sent to a client; the oldest give way
	mostBulk  = 4  // lines above the usual limit that are being sent at a time

	// firstRequest is the id of the first request to a client. Clients number theirs
	// from 1, and some mix the two up.
	firstRequest = 1 << 20
)

var errNoPong = errors.New("it no longer answers mining.ping")

// asked is what the pool has asked a client, by id; 0: nothing.
type asked struct {
	last          uint64 // id
	version, ping uint64
	pongs         bool // it has answered a ping
}

func (a *asked) next() uint64 {
	a.last = max(a.last+1, firstRequest)
	return a.last
}

// Show has the clients show a text to their users: client.show_message.
func (p *Pool) Show(text string) { p.tellAll(&v1.ShowMessage{Text: text}) }

// Reconnect asks the clients to connect to another host and port after a while:
// client.reconnect, or Reconnect in V2, which knows no wait. An empty host or a
// port of 0 is that of this pool. It is for each client to decide whether it
// follows.
func (p *Pool) Reconnect(host string, port uint16, wait time.Duration) {
	p.tellAll(&v1.Reconnect{Host: host, Port: port, Wait: wait})
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.v2conns {
		c.mu.Lock()
		c.moveTo = &v2.Reconnect{NewHost: host, NewPort: port}
		c.mu.Unlock()
		c.wakeUp()
	}
}

func (p *Pool) tellAll(m v1.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.mu.Lock()
		c.noteLocked(m)
		c.mu.Unlock()
		c.wakeUp()
	}
}

// RenewExtranonces gives each client that understands mining.set_extranonce
// another extranonce1, and a job with it. Shares that are on their way still
// count. It does nothing where Config.Extranonce1 is set.
func (p *Pool) RenewExtranonces() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.mu.Lock()
		c.renew = c.sent.job != nil
		c.mu.Unlock()
		c.wakeUp()
	}
	for c := range p.v2conns {
		c.mu.Lock()
		for _, ch := range c.order {
			ch.renew = true
		}
		c.mu.Unlock()
		c.wakeUp()
	}
}

// renew does so regularly.
func (p *Pool) renew(ctx context.Context) {
	tick := time.NewTicker(p.cfg.ExtranonceEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			p.RenewExtranonces()
		}
	}
}

// SetVersionMask takes the place of Config.VersionMask. Clients that roll versions
// hear of it at once: mining.set_version_mask.
func (p *Pool) SetVersionMask(mask uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mask = mask
	if p.current == nil {
		return
	}
	j := *p.current
	j.mask = mask &^ j.template.VersionBits
	p.current = &j
	p.announceLocked(false)
}

// rollable returns the version bits that may be rolled now.
func (p *Pool) rollable() uint32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current != nil {
		return p.current.mask
	}
	return p.mask
}

// noteLocked has m sent with the next news.
func (c *conn) noteLocked(m v1.Message) {
	if len(c.notes) == mostNotes {
		c.notes = c.notes[1:]
	}
	c.notes = append(c.notes, m)
}

// greetLocked prepares what a client hears before its first job.
func (c *conn) greetLocked() {
	if c.agent == "" && c.asked.version == 0 {
		c.asked.version = c.asked.next()
		c.noteLocked(&v1.GetVersion{ID: v1.NumberID(c.asked.version)})
	}
	if text := c.pool.cfg.Message; text != "" {
		c.noteLocked(&v1.ShowMessage{Text: text})
	}
	c.goalLocked()
}

// goalLocked tells a client that wants to know it what is mined here.
func (c *conn) goalLocked() {
	if c.takesGoals {
		c.noteLocked(&v1.SetGoal{Name: "Bitcoin", Algorithm: "SHA256d"})
	}
}

// askForLife pings a client that has been silent for long.
func (c *conn) askForLife(now time.Time) error {
	c.mu.Lock()
	if silent := now.Sub(time.Unix(0, c.heard.Load())); silent < c.pool.cfg.PingEvery {
		c.mu.Unlock()
		return nil
	}
	if c.asked.ping != 0 && c.asked.pongs {
		c.mu.Unlock()
		return errNoPong
	}
	c.asked.ping = c.asked.next()
	id := c.asked.ping
	c.mu.Unlock()
	return c.send(&v1.Ping{ID: v1.NumberID(id)})
}

// answered takes the client's answer to what it was asked.
func (c *conn) answered(r *v1.Response) {
	n, ok := r.ID.Number()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !ok || n == 0:
	case n == c.asked.ping:
		c.asked.ping, c.asked.pongs = 0, true
	case n == c.asked.version:
		c.asked.version = 0
		if text, err := r.Text(); err == nil {
			c.agent = v1.CleanText(text, shownName)
			c.log.Debug("version", "event", "version", "agent", c.agent)
		}
	}
}

// sayGoodbye sends the client elsewhere if the pool stops.
func (c *conn) sayGoodbye() error {
	if m := c.pool.cfg.goodbye; m != nil && errors.Is(c.reason(), errShutdown) {
		return c.send(m)
	}
	return nil
}
