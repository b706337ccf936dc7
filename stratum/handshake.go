package stratum

import (
	"errors"

	"gominer/hasher"
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
	case c.cfg.NoVersionRolling && c.cfg.MinimumDifficulty == 0 && c.cfg.Info == v1.Info{}:
	case c.src.configure == configureAsk:
		c.configured = configureSent
		c.configure()
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

// configure asks for the extensions.
func (c *conn) configure() {
	m := &v1.Configure{ID: c.wish(configureRequest), SubscribeExtranonce: true}
	if !c.cfg.NoVersionRolling {
		m.VersionRolling = &v1.VersionRolling{Mask: c.cfg.VersionMask, MinBitCount: c.cfg.MinBits}
	}
	if d := c.cfg.MinimumDifficulty; d != 0 {
		m.MinimumDifficulty = &d
	}
	if c.cfg.Info != (v1.Info{}) {
		info := c.cfg.Info
		setDefault(&info.ConnectionURL, c.at.url())
		m.Info = &info
	}
	c.send(m)
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
		if c.configured != configureDone { // later it was asked for a sign of life alone
			c.configured = configureRefused
			c.src.log.Debug("mining.configure refused", "error", err)
			c.status()
		}
		return
	}
	c.configured = configureDone
	for t, a := range map[trait]v1.Answer{
		traitMinimumDifficulty: res.MinimumDifficulty, traitInfo: res.Info, traitSubscribeExtranonce: res.SubscribeExtranonce,
	} {
		c.seen[t] = a.Granted
	}
	if !res.MinimumDifficulty.Granted && c.cfg.MinimumDifficulty != 0 {
		c.src.log.Debug("minimum-difficulty not granted", "reason", v1.CleanText(res.MinimumDifficulty.Reason, mostReason))
	}
	if res.VersionRolling.Granted && !c.cfg.NoVersionRolling {
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
	c.seen[traitFlat], c.seen[traitNoSessionID] = res.Flat, c.src.session.id == ""
	c.seen[traitNoSession] = c.form > subscribeSession && c.session != ""
	c.seen[traitNoAgent] = c.form > subscribeAgent
	c.setExtranonce(e)
	c.abandon()
	c.introduce()

	held := c.held
	c.held = nil
	for _, m := range held {
		if err := c.handle(m); err != nil {
			return err
		}
	}
	return nil
}

// introduce says, once subscribed, what the client understands and wants, and
// who it is.
func (c *conn) introduce() {
	if !c.seen[traitSubscribeExtranonce] {
		c.send(&v1.ExtranonceSubscribe{ID: c.wish(extranonceRequest)})
	}
	if target := c.cfg.SuggestTarget; c.cfg.Capabilities {
		m := &v1.Capabilities{ID: c.open(request{}), Notify: true, SetDifficulty: true, SetGoal: true}
		if target != (hasher.Target{}) {
			m.SuggestedTarget = &target
		}
		c.send(m)
	}
	c.suggest()
	c.authorize(c.workers[0])
}

// mostSession is the longest session id that is sent back, in bytes.
const mostSession = 256

// suggest asks for the difficulty that the settings want.
func (c *conn) suggest() {
	if d := c.cfg.SuggestDifficulty; d != 0 {
		c.send(&v1.SuggestDifficulty{ID: c.open(request{}), Difficulty: d})
	}
	if t := c.cfg.SuggestTarget; t != (hasher.Target{}) {
		c.send(&v1.SuggestTarget{ID: c.open(request{}), Target: t})
	}
}

// waitsFor names the request that the handshake waits for.
func (c *conn) waitsFor() string {
	if c.subscribed {
		return "mining.authorize"
	}
	return "mining.subscribe"
}
