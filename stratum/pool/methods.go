package pool

import (
	"context"
	"fmt"
	"log/slog"
	"math/bits"
	"slices"
	"strconv"
	"time"

	"gominer/stratum/v1"
)

const (
	serverName = "gominer-pool" // for client.get_version

	submitTime = time.Minute     // for handing over a block
	answerTime = 5 * time.Second // its share is answered by then
)

// handle answers one message. An error ends the connection.
func (c *conn) handle(m v1.Message) error {
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
	case *v1.ExtranonceSubscribe: // it never changes
		return c.accept(m.ID)
	case *v1.Capabilities:
		if m.SuggestedTarget != nil {
			return c.suggest(m.ID, m.SuggestedTarget.Difficulty())
		}
		return c.accept(m.ID)
	case *v1.GetTransactions:
		return c.transactions(m)
	case *v1.Ping:
		return c.reply(m.ID, v1.TextResponse(m.ID, "pong"))
	case *v1.GetVersion:
		return c.reply(m.ID, v1.TextResponse(m.ID, serverName))
	case *v1.Response: // nothing was asked
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
	}
	for _, name := range m.Other {
		res.Other = append(res.Other, v1.OtherAnswer{Name: name, Answer: v1.Refused})
	}
	if err := c.reply(m.ID, res.Response(m.ID)); err != nil {
		return err
	}
	if res.MinimumDifficulty.Granted {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.floor = floor
		c.difficulty = max(c.difficulty, floor)
		c.wakeUp()
	}
	return nil
}

// grant decides which version bits the client may roll: those that both sides
// can and that have no meaning in the present job.
func (c *conn) grant(r *v1.VersionRolling, res *v1.ConfigureResult) {
	allowed := c.pool.cfg.VersionMask
	mask := r.Mask & allowed
	if j := c.pool.now(); j != nil {
		mask &= j.mask
	}
	switch n := bits.OnesCount32(mask); {
	case mask == 0:
		res.VersionRolling = v1.Refused
	case n < r.MinBitCount:
		res.VersionRolling = v1.Answer{Given: true, Reason: fmt.Sprintf("too few bits: %d can be rolled, %d are wanted", n, r.MinBitCount)}
	default:
		res.VersionRolling, res.Mask, res.MinBitCount = v1.Granted, mask, r.MinBitCount
		c.mu.Lock()
		defer c.mu.Unlock()
		c.mask, c.sent.mask = r.Mask&allowed, mask
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
	}
	c.agent = v1.CleanText(m.Agent, shownName)
	agent := c.agent
	c.mu.Unlock()
	c.log.Debug("subscribed", "event", "subscribed", "agent", agent, "session", s.id, "resumed", s.id == m.Session)
	res := v1.SubscribeResult{
		Subscriptions: []v1.Subscription{
			{Method: "mining.set_difficulty", ID: s.id},
			{Method: "mining.notify", ID: s.id},
		},
		Extranonce1:     s.extranonce1,
		Extranonce2Size: c.pool.cfg.Extranonce2Size,
	}
	if err := c.reply(m.ID, res.Response(m.ID)); err != nil {
		return err
	}
	c.start()
	return nil
}

func (c *conn) authorize(m *v1.Authorize) error {
	if err := c.admit(m); err != "" {
		c.log.Log(context.Background(), c.complaint(time.Now()), "worker refused", "event", "unauthorized", "worker", v1.CleanText(m.Worker, shownName), "reason", err)
		ban := c.pool.blame(c, refusedWorker, time.Now())
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
	if c.session != nil && len(c.workers) > 0 {
		c.ready = true
		c.wakeUp()
	}
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
	case size > v1.DefaultLimits.Line:
		return c.refuse(m.ID, v1.CodeOther, "the job's transactions do not fit in a line")
	case m.ID.Notification():
		return nil
	}
	// A queue of such lines would take up much memory.
	return c.answer(func() v1.Message { return v1.TransactionsResponse(m.ID, txs) })
}

// gaveJob reports whether a job of this id may have been sent to somebody, in
// this run or one before.
func (p *Pool) gaveJob(id string) bool {
	n, err := strconv.ParseUint(id, 16, 64)
	return err == nil && n <= p.lastJob.Load()
}

// jobLocked returns a job by its id, nil if the client has no such job.
func (c *conn) jobLocked(id string) *sentJob {
	n, err := strconv.ParseUint(id, 16, 64)
	if err != nil {
		return nil
	}
	for i := range slices.Backward(c.sent.jobs) {
		if s := &c.sent.jobs[i]; s.id == n && strconv.FormatUint(n, 16) == id {
			copied := *s // the list moves on
			return &copied
		}
	}
	return nil
}

func (c *conn) submit(m *v1.Submit) error {
	// The epoch counts as the share comes in: it may be the block that ends it.
	at, now := c.pool.moment(), time.Now()
	claim, s, w, v := c.claim(m)
	if v == nil {
		v = judge(claim, s, at.age(claim.job, c.pool.cfg.StaleGrace, now), c.pool.cfg.Extranonce2Size, now)
		if v.block {
			c.handOver(claim.job, v.found, w)
		}
	}
	return c.settle(m.ID, w, m.JobID, v)
}

// claim finds out what a submission claims, or why it cannot be judged.
func (c *conn) claim(m *v1.Submit) (*claim, *session, *worker, *verdict) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session == nil {
		return nil, nil, nil, refuse(v1.CodeNotSubscribed, "not subscribed")
	}
	w := c.workers[m.Worker]
	if w == nil {
		return nil, nil, nil, refuse(v1.CodeUnauthorized, "unauthorized worker")
	}
	s := c.jobLocked(m.JobID)
	if s == nil {
		v := refuse(v1.CodeJobNotFound, "job not found")
		v.innocent = c.pool.gaveJob(m.JobID)
		return nil, nil, w, v
	}
	version := s.job.template.Version
	if m.HasVersionBits {
		mask := c.mask & s.job.mask
		switch {
		case c.mask == 0:
			return nil, nil, w, refuse(v1.CodeOther, "version bits were not granted: ask with mining.configure")
		case m.VersionBits&^mask != 0:
			return nil, nil, w, refuse(v1.CodeOther, "version bits %08x are outside the mask %08x", m.VersionBits, mask)
		}
		version = version&^mask | m.VersionBits
	}
	return &claim{
		share: share{
			extranonce1: c.session.extranonce1,
			extranonce2: m.Extranonce2,
			version:     version,
			ntime:       m.NTime,
			nonce:       m.Nonce,
		},
		job:        s.job,
		difficulty: s.difficulty,
		target:     s.target,
	}, c.session, w, nil
}

// settle counts, logs and answers a share.
func (c *conn) settle(id v1.ID, w *worker, jobID string, v *verdict) error {
	now := time.Now()
	c.pool.ledger.share(now, v, &c.tally, w)
	attrs := []any{"event", "share"}
	if w != nil {
		attrs = append(attrs, "worker", w.shown)
	}
	attrs = append(attrs, "job", v1.CleanText(jobID, shownName))
	if v.found != nil {
		attrs = append(attrs, "difficulty", v.difficulty, "share_difficulty", v.found.hash.Difficulty(), "hash", v.found.hash.String())
	}
	if v.code != 0 {
		reason := v1.CleanText(v.reason, 256)
		c.log.Log(context.Background(), c.complaint(now), "share rejected", append(attrs, "result", "rejected", "code", v.code, "reason", reason)...)
		return c.punish(id, v, reason, now)
	}
	if c.bound {
		c.pool.guard.good(c.key, now)
	}
	c.log.Debug("share accepted", append(attrs, "result", "accepted")...)
	if err := c.accept(id); err != nil {
		return err
	}
	if c.vardiff.perSecond > 0 {
		c.mu.Lock()
		c.vardiff.share(now, v.difficulty/c.difficulty)
		c.mu.Unlock()
		c.retarget()
	}
	return nil
}

// punish answers a bad share. One too many ends the connection.
func (c *conn) punish(id v1.ID, v *verdict, reason string, now time.Time) error {
	var ban error
	if !v.innocent {
		if ban = c.pool.blame(c, 1, now); ban != nil {
			reason += "; " + ban.Error()
		}
	}
	if err := c.refuse(id, v.code, reason); err != nil {
		return err
	}
	return ban
}

// handOver gives a block to the source. It waits for the outcome, but not for so
// long that the client would take its share for lost.
func (c *conn) handOver(j *job, f *found, w *worker) {
	done := make(chan struct{})
	// A block is worth more than a quick end.
	ctx, cancel := context.WithTimeout(context.Background(), submitTime)
	c.blocks.Go(func() {
		defer cancel()
		defer close(done)
		err := c.pool.cfg.Source.Submit(ctx, &Block{Header: f.header, Coinbase: f.coinbase, Template: j.template})
		b := BlockStats{Time: time.Now(), Height: j.template.Height, Hash: f.hash.String(), Worker: w.shown}
		level, attrs := slog.LevelInfo, []any{"event", "block", "height", b.Height, "hash", b.Hash, "worker", b.Worker, "accepted", err == nil}
		if err != nil {
			b.Refusal = v1.CleanText(err.Error(), 256)
			level, attrs = slog.LevelError, append(attrs, "reason", b.Refusal)
		}
		c.pool.ledger.block(b)
		c.log.Log(ctx, level, "block found", attrs...)
	})
	t := time.NewTimer(answerTime)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
	}
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
