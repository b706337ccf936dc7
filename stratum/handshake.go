package stratum

import (
	"errors"
	"fmt"

	"gominer/miner"
	"gominer/stratum/v1"
)

// The handshake is mining.configure and mining.subscribe at once, then, when the
// latter is answered, mining.extranonce.subscribe, mining.suggest_difficulty and
// mining.authorize at once. Only subscribe and authorize have to be answered:
// pools ignore any of the others. suggest_difficulty comes before authorize
// because public-pool makes its first job then.

// configuring is what is known about a pool and mining.configure.
type configuring int

const (
	configureAsk     configuring = iota // nothing
	configureTry                        // it hung up on it: see whether it takes a client without
	configureNever                      // it does
	configureSent                       // of one connection: it is under way
	configureRefused                    // likewise: the pool knows nothing of it
	configureDone                       // likewise: answered
)

// errWithoutConfigure says that the pool hung up on mining.configure, as ckpool
// did until 2018.
var errWithoutConfigure = errors.New("the pool closed the connection on mining.configure")

// subscribeForm is how much mining.subscribe says. Pools that refuse one form
// are asked with the next.
type subscribeForm int

const (
	subscribeSession subscribeForm = iota // [agent, session]
	subscribeAgent                        // [agent]
	subscribeBare                         // []
)

// resumption is what a later connection needs to go on where one broke.
type resumption struct {
	known bool   // there was one
	id    string // of the pool's subscription to mining.notify; may be empty
	extranonce
}

// hello opens the conversation.
func (c *conn) hello() {
	switch {
	case c.cfg.NoVersionRolling:
	case c.src.configure == configureAsk:
		c.configured = configureSent
		c.send(&v1.Configure{
			ID:                  c.open(request{what: configureRequest}),
			VersionRolling:      &v1.VersionRolling{Mask: c.cfg.VersionMask, MinBitCount: c.cfg.MinBits},
			SubscribeExtranonce: true,
		})
	default:
		c.configured = c.src.configure
	}
	if !c.cfg.NoResume {
		c.session = c.src.session.id
	}
	if c.session == "" {
		c.form = subscribeAgent
	}
	c.subscribe()
}

func (c *conn) subscribe() {
	m := &v1.Subscribe{ID: c.open(request{what: subscribeRequest})}
	switch c.form {
	case subscribeSession:
		m.Agent, m.Session = c.cfg.Agent, c.session
	case subscribeAgent:
		m.Agent = c.cfg.Agent
	}
	c.send(m)
}

// hatesConfigure reports whether the connection ended the way it does with pools
// that don't know mining.configure, and makes the next go without.
func (c *conn) hatesConfigure() bool {
	if c.configured != configureSent || c.anything || !c.ending.IsZero() {
		return false
	}
	c.src.configure = configureTry
	return true
}

// onConfigure takes the answer to mining.configure, whenever it comes.
func (c *conn) onConfigure(r *v1.Response) {
	res, err := r.Configure(c.cfg.Limits)
	if err != nil {
		c.configured = configureRefused
		c.src.log.Debug("mining.configure refused", "error", err)
		c.status()
		return
	}
	c.configured = configureDone
	c.setsExtranonce = res.SubscribeExtranonce.Granted
	if res.VersionRolling.Granted {
		c.rolling = true
		c.setMask(res.Mask)
	}
	c.status()
}

// onSubscribe takes the answer to mining.subscribe and goes on with the
// handshake.
func (c *conn) onSubscribe(r *v1.Response) error {
	res, err := r.Subscribe(c.cfg.Limits)
	var refused *v1.Error
	switch {
	case errors.As(err, &refused) && c.form < subscribeBare:
		c.form++
		c.subscribe()
		return nil
	case errors.As(err, &refused):
		return c.errorf("mining.subscribe refused: %w", err)
	case err != nil:
		return c.errorf("%w", err)
	}
	c.subscribed = true
	if c.src.configure == configureTry {
		c.src.configure = configureNever
	}
	e := extranonce{string(res.Extranonce1), res.Extranonce2Size}
	c.resumed = c.src.session.known && c.src.session.extranonce == e
	c.src.session = resumption{known: true, id: res.Session(), extranonce: e}
	if len(c.src.session.id) > mostSession {
		c.src.session.id = ""
	}
	c.setExtranonce(e)
	c.abandon()

	if !c.setsExtranonce {
		c.send(&v1.ExtranonceSubscribe{ID: c.open(request{})})
	}
	c.suggest()
	c.send(&v1.Authorize{ID: c.open(request{what: authorizeRequest}), Worker: c.cfg.User, Password: c.cfg.Pass})
	held := c.held
	c.held = nil
	for _, m := range held {
		if err := c.handle(m); err != nil {
			return err
		}
	}
	return nil
}

// mostSession is the longest session id that is sent back, in bytes.
const mostSession = 256

// suggest asks for the difficulty that the settings want.
func (c *conn) suggest() {
	if d := c.cfg.SuggestDifficulty; d != 0 {
		c.send(&v1.SuggestDifficulty{ID: c.open(request{}), Difficulty: d})
	}
}

// onAuthorize takes the answer to mining.authorize: from now on jobs are mined.
func (c *conn) onAuthorize(r *v1.Response) error {
	err := r.Accepted()
	var refused *v1.Error
	switch {
	case errors.As(err, &refused) && *refused == v1.Error{}:
		return c.errorf("user %q is not allowed to mine here: check the user and the password", c.cfg.User)
	case err != nil:
		return c.errorf("user %q is not allowed to mine here: %w: check the user and the password", c.cfg.User, err)
	}
	c.authorized, c.granted = true, c.heard
	c.resubmit()
	if c.job != nil {
		c.publish()
	}
	return nil
}

// waitsFor names the request that the handshake waits for.
func (c *conn) waitsFor() string {
	if c.subscribed {
		return "mining.authorize"
	}
	return "mining.subscribe"
}

// status tells how the session stands, from the first job on.
func (c *conn) status() {
	if !c.up {
		return
	}
	var traits []string
	switch {
	case c.mask != 0:
		traits = append(traits, fmt.Sprintf("version-rolling %08x", c.mask))
	case c.rolling:
		traits = append(traits, "version-rolling ended")
	}
	switch c.configured {
	case configureRefused, configureNever, configureTry:
		traits = append(traits, "no configure")
	case configureSent:
		traits = append(traits, "configure not answered")
	}
	if c.resumed {
		traits = append(traits, "resumed")
	}
	if c.invalid > 0 {
		traits = append(traits, fmt.Sprintf("invalid jobs %d", c.invalid))
	}
	c.ms.Status(miner.SourceStatus{State: miner.Up, URL: c.at.url(), Protocol: protocol, User: c.cfg.User, Traits: traits})
}
