package pool

import (
	"context"
	"fmt"
	"math/bits"
	"time"

	"gominer/stratum/v1"
)

const serverName = "gominer-pool" // for client.get_version

// handle answers one message. An error ends the connection.
func (c *conn) handle(m v1.Message) error {
	if c.late {
		c.start()
	}
	switch m := m.(type) {
	case *v1.Configure:
		return c.configure(m)
	case *v1.Subscribe:
		return c.subscribe(m)
	case *v1.Authorize:
		return c.authorize(m)
	case *v1.Submit:
		return c.submit(m)
	case *v1.SuggestDifficulty:
		return c.suggest(m.ID, m.Difficulty)
	case *v1.SuggestTarget:
		return c.suggest(m.ID, m.Target.Difficulty())
	case *v1.ExtranonceSubscribe:
		c.mu.Lock()
		c.follows = true
		c.mu.Unlock()
		return c.accept(m.ID)
	case *v1.Capabilities:
		return c.capabilities(m)
	case *v1.GetTransactions:
		return c.transactions(m)
	case *v1.Ping:
		return c.reply(m.ID, v1.TextResponse(m.ID, "pong"))
	case *v1.GetVersion:
		return c.reply(m.ID, v1.TextResponse(m.ID, serverName))
	case *v1.Response:
		c.answered(m)
		return nil
	case *v1.Unknown:
		return c.unknown(m.ID, m.Name)
	default: // what only servers send
		return c.unknown(idOf(m), m.Method())
	}
}

// reply sends an answer, if one is wanted.
func (c *conn) reply(id v1.ID, m *v1.Response) error {
	if id.Notification() {
		return nil
	}
	return c.answer(func() v1.Message { return m })
}

func (c *conn) accept(id v1.ID) error { return c.reply(id, v1.Accept(id)) }

func (c *conn) refuse(id v1.ID, code int, reason string) error {
	return c.reply(id, v1.Refuse(id, code, reason))
}

func (c *conn) unknown(id v1.ID, method string) error {
	c.log.Debug("unknown method", "event", "unknown", "method", v1.CleanText(method, shownName))
	return c.refuse(id, v1.CodeMethodNotFound, "Method not found")
}

// malformed answers a message with a field that is wrong. A share of that kind
// counts as rejected.
func (c *conn) malformed(e *v1.FieldError) error {
	if e.Method == (*v1.Submit)(nil).Method() {
		return c.settle(e.ID, nil, "", refuse(v1.CodeOther, "%s", e.Error()))
	}
	c.log.Debug("malformed message", "event", "malformed", "error", e.Error())
	if e.Method == "answer" { // v1's name for what has none
		return nil
	}
	return c.refuse(e.ID, v1.CodeOther, e.Error())
}

func (c *conn) configure(m *v1.Configure) error {
	var res v1.ConfigureResult
	if r := m.VersionRolling; r != nil {
		c.grant(r, &res)
	}
	floor := 0.0
	if d := m.MinimumDifficulty; d != nil && *d > c.pool.cfg.MaxDifficulty {
		res.MinimumDifficulty = v1.Answer{Given: true, Reason: "above the pool's maximum"}
	} else if d != nil {
		res.MinimumDifficulty, floor = v1.Granted, *d
	}
	if m.SubscribeExtranonce {
		res.SubscribeExtranonce = v1.Granted
	}
	if m.Info != nil {
		res.Info = v1.Granted
		c.note(m.Info)
	}
	for _, name := range m.Other {
		res.Other = append(res.Other, v1.OtherAnswer{Name: name, Answer: v1.Refused})
	}
	if err := c.reply(m.ID, res.Response(m.ID)); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.follows = c.follows || m.SubscribeExtranonce
	if res.MinimumDifficulty.Granted {
		c.floor = floor
		c.difficulty = max(c.difficulty, floor)
		c.wakeUp()
	}
	return nil
}

// note keeps what the client says of itself.
func (c *conn) note(i *v1.Info) {
	info := ClientInfo{
		ConnectionURL: v1.CleanText(i.ConnectionURL, shownName),
		HWVersion:     v1.CleanText(i.HWVersion, shownName),
		SWVersion:     v1.CleanText(i.SWVersion, shownName),
		HWID:          v1.CleanText(i.HWID, shownName),
	}
	c.log.Debug("about the client", "event", "info", "connection_url", info.ConnectionURL,
		"hw_version", info.HWVersion, "sw_version", info.SWVersion, "hw_id", info.HWID)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.info = info
}

// grant decides which version bits the client may roll: those that both sides
// can and that have no meaning in the present job.
func (c *conn) grant(r *v1.VersionRolling, res *v1.ConfigureResult) {
	mask := r.Mask & c.pool.rollable()
	switch n := bits.OnesCount32(mask); {
	case mask == 0:
		res.VersionRolling = v1.Refused
	case n < r.MinBitCount:
		res.VersionRolling = v1.Answer{Given: true, Reason: fmt.Sprintf("too few bits: %d can be rolled, %d are wanted", n, r.MinBitCount)}
	default:
		res.VersionRolling, res.Mask, res.MinBitCount = v1.Granted, mask, r.MinBitCount
		c.mu.Lock()
		defer c.mu.Unlock()
		c.mask, c.sent.mask = r.Mask, mask
	}
}

func (c *conn) subscribe(m *v1.Subscribe) error {
	c.mu.Lock()
	s := c.session
	if s == nil {
		var err error
		if s, err = c.pool.sessions.attach(m.Session, time.Now()); err != nil {
			c.mu.Unlock()
			return c.refuse(m.ID, v1.CodeOther, err.Error())
		}
		c.session, c.sent.jobs = s, s.resume()
		c.extranonce1 = c.pool.sessions.extranonce1(s)
	}
	c.agent = v1.CleanText(m.Agent, shownName)
	agent, extranonce1 := c.agent, c.extranonce1
	c.mu.Unlock()
	c.log.Debug("subscribed", "event", "subscribed", "agent", agent, "session", s.id, "resumed", s.id == m.Session)
	res := v1.SubscribeResult{
		Subscriptions: []v1.Subscription{
			{Method: "mining.set_difficulty", ID: s.id},
			{Method: "mining.notify", ID: s.id},
		},
		Extranonce1:     extranonce1,
		Extranonce2Size: c.pool.cfg.Extranonce2Size,
	}
	if c.pool.cfg.Quirks.JobsFirst {
		return c.jobsFirst(res.Response(m.ID))
	}
	if err := c.reply(m.ID, res.Response(m.ID)); err != nil {
		return err
	}
	c.start()
	return nil
}

// jobsFirst sends jobs before the answer to mining.subscribe.
func (c *conn) jobsFirst(m *v1.Response) error {
	c.mu.Lock()
	c.ready = true
	c.mu.Unlock()
	return c.answer(func() v1.Message {
		_ = c.tell() // what is wrong shows with the answer
		return m
	})
}

func (c *conn) authorize(m *v1.Authorize) error {
	if err := c.admit(m); err != "" {
		c.log.Log(context.Background(), c.complaint(time.Now()), "worker refused", "event", "unauthorized", "worker", v1.CleanText(m.Worker, shownName), "reason", err)
		ban := c.pool.blame(&c.visitor, refusedWorker, time.Now())
		if err := c.refuse(m.ID, v1.CodeUnauthorized, err); err != nil {
			return err
		}
		return ban
	}
	c.log.Log(context.Background(), c.pool.coming.level(c.log, time.Now()), "worker authorized", "event", "authorized", "worker", v1.CleanText(m.Worker, shownName))
	if err := c.accept(m.ID); err != nil {
		return err
	}
	c.start()
	return nil
}

// admit lets a worker in; the text says why not.
func (c *conn) admit(m *v1.Authorize) string {
	if ask := c.pool.cfg.Authorize; ask != nil {
		if err := ask(m.Worker, m.Password); err != nil {
			return v1.CleanText(err.Error(), 256)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case m.Worker == "":
		return "a worker needs a name"
	case c.workers[m.Worker] != nil:
		return ""
	case len(c.workers) == maxWorkers:
		return "too many workers on this connection"
	}
	w := c.pool.ledger.join(m.Worker)
	if w == nil {
		return "too many workers"
	}
	c.workers[m.Worker] = w
	return ""
}

// start lets jobs flow once the client has subscribed and authorized a worker.
func (c *conn) start() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session == nil || len(c.workers) == 0 {
		return
	}
	if c.pool.cfg.Quirks.LateJobs && !c.late {
		c.late = true
		return
	}
	c.ready = true
	c.wakeUp()
}

// capabilities takes note of what a client can do, in the words of a draft. What
// it leaves out of those that every client has to have, it has all the same.
func (c *conn) capabilities(m *v1.Capabilities) error {
	c.mu.Lock()
	c.takesGoals = m.SetGoal
	if c.sent.job != nil {
		c.goalLocked()
	}
	c.mu.Unlock()
	if m.SuggestedTarget != nil {
		return c.suggest(m.ID, m.SuggestedTarget.Difficulty())
	}
	c.wakeUp()
	return c.accept(m.ID)
}

// suggest follows a client's wish for a difficulty, within bounds. What comes of
// it is sent after the answer.
func (c *conn) suggest(id v1.ID, difficulty float64) error {
	if err := c.accept(id); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.difficulty = c.pool.cfg.clamp(difficulty, c.floor)
	c.vardiff.start(time.Now())
	c.wakeUp()
	return nil
}

func (c *conn) transactions(m *v1.GetTransactions) error {
	c.mu.Lock()
	s := c.jobLocked(m.JobID)
	c.mu.Unlock()
	if s == nil {
		return c.refuse(m.ID, v1.CodeJobNotFound, "job not found")
	}
	txs := s.job.template.Txs
	size := 1 << 10
	for _, tx := range txs {
		size += 2*len(tx) + 3
	}
	switch {
	case size > mostOut:
		return c.refuse(m.ID, v1.CodeOther, "the job's transactions do not fit in a line")
	case m.ID.Notification():
		return nil
	}
	// A queue of such lines would take up much memory, and so would many at a time.
	return c.answer(func() v1.Message {
		if size > v1.DefaultLimits.Line {
			select {
			case c.pool.bulk <- struct{}{}:
				c.bulky = true
			default:
				return v1.Refuse(m.ID, v1.CodeOther, "the pool is busy: ask again")
			}
		}
		return v1.TransactionsResponse(m.ID, txs)
	})
}

// idOf returns the id of a message that a client has no reason to send.
func idOf(m v1.Message) v1.ID {
	switch m := m.(type) {
	case *v1.Notify:
		return m.ID
	case *v1.SetDifficulty:
		return m.ID
	case *v1.SetExtranonce:
		return m.ID
	case *v1.SetVersionMask:
		return m.ID
	case *v1.SetGoal:
		return m.ID
	case *v1.Reconnect:
		return m.ID
	case *v1.ShowMessage:
		return m.ID
	}
	return v1.AbsentID
}
