package pool

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"gominer/hasher"
	"gominer/stratum/v1"
	"gominer/stratum/v2"
)

// handle answers one message. An error ends the connection.
func (c *v2Conn) handle(m v2.Message) error {
	if s, ok := m.(*v2.SetupConnection); ok {
		return c.setup(s)
	}
	if !c.ready() {
		return errNotSetUp
	}
	switch m := m.(type) {
	case *v2.RequestExtensions:
		return c.extensions(m)
	case *v2.OpenStandardMiningChannel:
		return c.open(&v2Request{m.RequestID, m.UserIdentity, m.NominalHashRate, m.MaxTarget, false, 0})
	case *v2.OpenExtendedMiningChannel:
		return c.open(&v2Request{m.RequestID, m.UserIdentity, m.NominalHashRate, m.MaxTarget, true, int(m.MinExtranonceSize)})
	case *v2.UpdateChannel:
		return c.update(m)
	case *v2.CloseChannel:
		return c.closeChannel(m)
	case *v2.SubmitSharesStandard:
		return c.submit(&v2.SubmitSharesExtended{
			ChannelID: m.ChannelID, SequenceNumber: m.SequenceNumber, JobID: m.JobID, Nonce: m.Nonce, NTime: m.NTime, Version: m.Version,
		}, false)
	case *v2.SubmitSharesExtended:
		return c.submit(m, true)
	case *v2.SetCustomMiningJob:
		return c.answer(&v2.SetCustomMiningJobError{ChannelID: m.ChannelID, RequestID: m.RequestID, ErrorCode: v2.CodeJobDeclarationNotSupported})
	}
	c.log.Debug("message passed over", "event", "unknown", "message", m.Type().String())
	return nil
}

// malformed answers a message with a hash rate that is none. Any other field that
// can't be read ends the connection.
func (c *v2Conn) malformed(e *v2.FieldError) error {
	if e.Field != "nominal_hash_rate" {
		return e
	}
	if !c.ready() {
		return errNotSetUp
	}
	now := time.Now()
	c.log.Log(context.Background(), c.complaint(now), "malformed message", "event", "malformed", "error", e.Error())
	var answer v2.Message = &v2.OpenMiningChannelError{RequestID: e.ID, ErrorCode: v2.CodeInvalidNominalHashrate}
	if e.Type == v2.TypeUpdateChannel {
		answer = &v2.UpdateChannelError{ChannelID: e.ID, ErrorCode: v2.CodeInvalidNominalHashrate}
	}
	if err := c.answer(answer); err != nil {
		return err
	}
	return c.pool.blame(&c.visitor, 1, now)
}

// ready reports whether SetupConnection was taken.
func (c *v2Conn) ready() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.setUp
}

// setup takes the first message.
func (c *v2Conn) setup(m *v2.SetupConnection) error {
	fixed := c.pool.rollable() == 0
	refuse := func(flags uint32, code string) error {
		if err := c.answer(&v2.SetupConnectionError{Flags: flags, ErrorCode: code}); err != nil {
			return err
		}
		return errTurnedAway("refused: " + code)
	}
	unknown := m.Flags &^ (v2.RequiresStandardJobs | v2.RequiresVersionRolling)
	if fixed {
		unknown |= m.Flags & v2.RequiresVersionRolling
	}
	switch {
	case c.ready():
		return errTurnedAway("SetupConnection came twice")
	case m.Protocol != v2.Mining:
		return refuse(0, v2.CodeUnsupportedProtocol)
	case m.MinVersion > v2.Version || m.MaxVersion < v2.Version:
		return refuse(0, v2.CodeProtocolVersionMismatch)
	case unknown != 0:
		return refuse(unknown, v2.CodeUnsupportedFeatureFlags)
	}
	standard := m.Flags&v2.RequiresStandardJobs != 0
	agent := shown(strings.Join(slices.DeleteFunc([]string{m.Vendor, m.Firmware, m.HardwareVersion}, func(s string) bool { return s == "" }), " "))
	c.mu.Lock()
	c.setUp, c.fixed, c.standard, c.agent = true, fixed, standard, agent
	c.mu.Unlock()
	ok := &v2.SetupConnectionSuccess{UsedVersion: v2.Version}
	if fixed {
		ok.Flags |= v2.RequiresFixedVersion
	}
	c.log.Debug("subscribed", "event", "subscribed", "agent", agent, "standard", standard)
	return c.answer(ok)
}

// extensions answers which of them the pool knows.
func (c *v2Conn) extensions(m *v2.RequestExtensions) error {
	if !slices.Contains(m.RequestedExtensions, v2.WorkerHashrate) {
		return c.answer(&v2.RequestExtensionsError{RequestID: m.RequestID, UnsupportedExtensions: m.RequestedExtensions})
	}
	c.mu.Lock()
	c.names = true
	c.mu.Unlock()
	return c.answer(&v2.RequestExtensionsSuccess{RequestID: m.RequestID, SupportedExtensions: []uint16{v2.WorkerHashrate}})
}

// v2Request asks for a channel.
type v2Request struct {
	id        uint32
	user      string
	rate      float32 // H/s
	maxTarget hasher.Target
	extended  bool
	least     int // bytes of extranonce
}

// open opens a channel, or says why not.
func (c *v2Conn) open(r *v2Request) error {
	ch, code := c.admitChannel(r)
	if code != "" {
		now := time.Now()
		c.log.Log(context.Background(), c.complaint(now), "channel refused", "event", "unauthorized", "worker", shown(r.user), "reason", code)
		if err := c.answer(&v2.OpenMiningChannelError{RequestID: r.id, ErrorCode: code}); err != nil {
			return err
		}
		if code == v2.CodeUnknownUser {
			return c.pool.blame(&c.visitor, refusedWorker, now)
		}
		return nil
	}
	terms := ch.terms // that it opens with: the writer does not know it yet
	var ok v2.Message = &v2.OpenStandardMiningChannelSuccess{
		RequestID: r.id, ChannelID: ch.id, Target: terms.target, ExtranoncePrefix: terms.prefix, GroupChannelID: groupID,
	}
	if r.extended {
		ok = &v2.OpenExtendedMiningChannelSuccess{
			RequestID: r.id, ChannelID: ch.id, Target: terms.target, ExtranonceSize: uint16(c.pool.cfg.V2.ExtranonceSize),
			ExtranoncePrefix: terms.prefix, GroupChannelID: groupID,
		}
	}
	c.log.Log(context.Background(), c.pool.coming.level(c.log, time.Now()), "channel opened", "event", "authorized",
		"worker", ch.worker.shown, "channel", ch.id, "extended", r.extended)
	return c.answer(ok)
}

// admitChannel makes a channel; the text says why not.
func (c *v2Conn) admitChannel(r *v2Request) (*v2Channel, string) {
	if r.user == "" {
		return nil, v2.CodeInvalidUserIdentity
	}
	if ask := c.pool.cfg.Authorize; ask != nil {
		if err := ask(r.user, ""); err != nil {
			return nil, v2.CodeUnknownUser
		}
	}
	cfg := &c.pool.cfg
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case r.extended && c.standard:
		return nil, v2.CodeNoExtendedChannels
	case r.least > cfg.V2.ExtranonceSize:
		return nil, v2.CodeMinExtranonceSizeTooLarge
	case r.maxTarget.Difficulty() > cfg.MaxDifficulty:
		return nil, v2.CodeMaxTargetOutOfRange
	case len(c.order) == mostChannels || c.lastID == math.MaxUint32:
		return nil, v2.CodeChannelCapacityExhausted
	}
	if !c.pool.takeChannel(&c.visitor) {
		return nil, v2.CodeChannelCapacityExhausted
	}
	s, err := c.pool.sessions.attach("", time.Now())
	if err != nil {
		c.pool.giveChannels(&c.visitor, 1)
		return nil, v2.CodeChannelCapacityExhausted
	}
	w := c.workerLocked(r.user)
	if w == nil {
		c.pool.sessions.drop(s)
		c.pool.giveChannels(&c.visitor, 1)
		return nil, v2.CodeChannelCapacityExhausted
	}
	c.lastID++
	ch := &v2Channel{id: c.lastID, extended: r.extended, user: r.user, worker: w, session: s, maxTarget: r.maxTarget}
	ch.vardiff.perSecond = cfg.Vardiff / 60
	ch.difficulty = c.pool.v2Difficulty(ch, cfg.Difficulty, r.rate)
	ch.renewTerms(c.pool.v2Prefix(ch))
	c.channels[ch.id] = ch
	c.order = append(c.order, ch)
	return ch, ""
}

// workerLocked returns the worker of a name, nil if there are too many.
func (c *v2Conn) workerLocked(name string) *worker {
	if w := c.workers[name]; w != nil {
		return w
	}
	if len(c.workers) >= mostChannels {
		return nil
	}
	w := c.pool.ledger.join(name)
	if w != nil {
		c.workers[name] = w
	}
	return w
}

// update takes what the client says of a channel, and answers with its target.
func (c *v2Conn) update(m *v2.UpdateChannel) error {
	c.mu.Lock()
	ch := c.channels[m.ChannelID]
	code := ""
	switch {
	case ch == nil:
		code = v2.CodeInvalidChannelID
	case m.MaximumTarget.Difficulty() > c.pool.cfg.MaxDifficulty:
		code = v2.CodeMaxTargetOutOfRange
	default:
		ch.maxTarget, ch.confirm = m.MaximumTarget, true
		ch.difficulty = c.pool.v2Difficulty(ch, ch.difficulty, m.NominalHashRate)
		ch.vardiff.start(time.Now())
	}
	c.mu.Unlock()
	if code != "" {
		return c.answer(&v2.UpdateChannelError{ChannelID: m.ChannelID, ErrorCode: code})
	}
	c.wakeUp()
	return nil
}

// closeChannel ends a channel, or all of them.
func (c *v2Conn) closeChannel(m *v2.CloseChannel) error {
	var acks []v2.Message
	c.mu.Lock()
	unused := make(map[string]*worker) // whose channels are closed
	c.order = slices.DeleteFunc(c.order, func(ch *v2Channel) bool {
		if m.ChannelID != ch.id && m.ChannelID != groupID {
			return false
		}
		c.log.Debug("channel closed", "event", "closed", "channel", ch.id, "reason", v1.CleanText(m.ReasonCode, shownName))
		if ch.ack.count > 0 {
			acks = append(acks, ch.acknowledge())
		}
		delete(c.channels, ch.id)
		unused[ch.user] = ch.worker
		c.pool.sessions.drop(ch.session)
		c.pool.giveChannels(&c.visitor, 1)
		return true
	})
	if len(c.order) == 0 && len(unused) > 0 {
		c.bare = time.Now()
	}
	for _, ch := range c.order {
		delete(unused, ch.user)
	}
	for name := range unused {
		delete(c.workers, name)
	}
	c.pool.ledger.leave(unused)
	c.mu.Unlock()
	for _, m := range acks {
		if err := c.answer(m); err != nil {
			return err
		}
	}
	return nil
}
