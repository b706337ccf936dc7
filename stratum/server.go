package stratum

import (
	"strings"
	"time"

	"gominer/miner"
	"gominer/stratum/v1"
)

// mostHeld is how many messages may come before the answer to mining.subscribe
// that they have to wait for; the oldest give way.
const mostHeld = 16

// handle acts on a message of the pool. An error ends the connection.
func (c *conn) handle(m v1.Message) error {
	switch m := m.(type) {
	case *v1.Response:
		return c.onResponse(m)
	case *v1.Notify, *v1.SetDifficulty, *v1.SetExtranonce, *v1.SetVersionMask:
		if c.subscribed {
			c.onWork(m)
			return nil
		}
		c.saw(traitEarlySubscribe)
		if len(c.held) == mostHeld {
			c.held = c.held[1:]
		}
		c.held = append(c.held, m)
	case *v1.SetGoal:
		if m.Algorithm != "" && !strings.EqualFold(m.Algorithm, "SHA256d") {
			return c.errorf("it wants %q mined, and this miner does SHA256d: choose another pool", v1.CleanText(m.Algorithm, mostName))
		}
	case *v1.Ping:
		c.answer(m.ID, v1.TextResponse(m.ID, "pong"))
	case *v1.GetVersion:
		c.answer(m.ID, v1.TextResponse(m.ID, c.cfg.Agent))
	case *v1.ShowMessage:
		c.answer(m.ID, v1.Accept(m.ID))
		c.show(m.Text)
	case *v1.Reconnect:
		c.answer(m.ID, v1.Accept(m.ID))
		return c.onReconnect(m)
	case *v1.Unknown:
		c.answer(m.ID, v1.Refuse(m.ID, v1.CodeMethodNotFound, "Method not found"))
		c.src.log.Debug("unknown method", "method", v1.CleanText(m.Name, mostName))
	default: // what only clients send
		id := v1.IDOf(m)
		c.answer(id, v1.Refuse(id, v1.CodeMethodNotFound, "Method not found"))
		c.src.log.Debug("method out of place", "method", m.Method())
	}
	return nil
}

// mostName is how much of a name that the pool chose is shown, in bytes.
const mostName = 64

// onWork acts on what jobs are made of.
func (c *conn) onWork(m v1.Message) {
	switch m := m.(type) {
	case *v1.Notify:
		if !c.authorized {
			c.saw(traitEarlyAuthorize)
		}
		c.onNotify(m)
	case *v1.SetDifficulty:
		if m.Quoted {
			c.saw(traitQuotedDifficulty)
		}
		c.setDifficulty(m.Difficulty)
	case *v1.SetExtranonce:
		e := extranonce{string(m.Extranonce1), m.Extranonce2Size}
		if e != c.extranonce {
			c.saw(traitNewExtranonce)
		}
		c.setExtranonce(e)
	case *v1.SetVersionMask:
		if c.cfg.NoVersionRolling {
			return
		}
		c.rolling = c.rolling || m.Mask != 0
		c.setMask(m.Mask)
	}
}

// onResponse finds the request that r answers.
func (c *conn) onResponse(r *v1.Response) error {
	n, ok := r.ID.Number()
	req, open := c.asked[n]
	if !ok || !open {
		if r.Error != nil { // of no request in particular: a farewell, perhaps
			c.lastWord = r.Error.Error()
			c.src.log.Debug("the pool answers what needs no answer", "id", r.ID, "error", r.Error)
		}
		return nil
	}
	delete(c.asked, n)
	c.hear(r, n)
	c.noteTime(&req)
	switch req.what {
	case configureRequest:
		c.onConfigure(r)
	case subscribeRequest:
		return c.onSubscribe(r)
	case authorizeRequest:
		return c.onAuthorize(req.worker, r)
	case submitRequest:
		return c.onSubmit(req.sub, r)
	case pingRequest:
		c.onPong(r)
	case transactionsRequest:
		c.onTransactions(r)
	case extranonceRequest:
		if r.Accepted() == nil {
			c.saw(traitExtranonceSubscribe)
		}
	}
	return nil
}

// noteTime notes how long an answer that has just come took.
func (c *conn) noteTime(req *request) {
	from := req.sent
	switch {
	case req.what == transactionsRequest: // it may be long
		return
	case req.sub != nil && req.sub.number > 0:
		from = req.sub.share.Sent
	}
	c.alive.answer(c.alive.heard.Sub(from))
}

// hear notes the dialect of an answer to the request n.
func (c *conn) hear(r *v1.Response, n uint64) {
	if r.ID != v1.NumberID(n) {
		c.saw(traitTextIDs)
	}
	if r.Error == nil {
		return
	}
	switch r.Form {
	case v1.ErrorObject:
		c.saw(traitObjectErrors)
	case v1.ErrorText:
		c.saw(traitTextErrors)
	case v1.ErrorReason:
		c.saw(traitRejectReason)
	}
}

// answer sends r if the message wants an answer.
func (c *conn) answer(id v1.ID, r *v1.Response) {
	if !id.Notification() {
		c.send(r)
	}
}

// malformed acts on a message of which a field is wrong: what was known before
// stays.
func (c *conn) malformed(e *v1.FieldError) error {
	if n, ok := e.ID.Number(); ok && e.Method == "answer" {
		if _, open := c.asked[n]; open {
			c.saw(traitOddAnswers)
			return c.onResponse(v1.Refuse(e.ID, 0, e.Error()))
		}
	}
	switch e.Method {
	case "answer":
		c.warn(&c.ignored, "message ignored", "error", e)
		return nil
	case (*v1.Notify)(nil).Method():
		c.warn(&c.invalid, "invalid job ignored, the previous one stays", "error", e)
		c.saw(traitInvalidJobs)
	case (*v1.Reconnect)(nil).Method():
		c.stay(e.Error())
	default:
		c.warn(&c.ignored, "message ignored", "error", e)
	}
	c.answer(e.ID, v1.Refuse(e.ID, v1.CodeOther, e.Error()))
	return nil
}

// warn counts something that a pool can make happen at will, and logs it the
// 1st, 2nd, 4th, 8th… time.
func (c *conn) warn(count *int, text string, attrs ...any) {
	if *count++; *count&(*count-1) == 0 {
		c.src.log.Warn(text, append(attrs, "count", *count)...)
	}
}

const (
	mostMessage  = 1 << 10 // bytes of client.show_message that are shown
	messageEvery = time.Second
)

func (c *conn) show(text string) {
	if text = c.src.mask.text(text, mostMessage); text == "" || time.Since(c.shown) < messageEvery {
		return
	}
	c.shown = time.Now()
	c.ms.Message(text)
}

func (c *conn) onReconnect(m *v1.Reconnect) error {
	mv, why := c.src.follow(m, c.at)
	if mv == nil {
		c.stay(why, "host", v1.CleanText(m.Host, mostName), "port", m.Port)
		return nil
	}
	c.src.log.Info("the pool asks to reconnect", miner.EventKey, "reconnect", "followed", true, "to", mv.to, "wait", mv.wait)
	return mv
}

// stay tells that client.reconnect is not followed.
func (c *conn) stay(why string, attrs ...any) {
	c.warn(&c.ignored, "client.reconnect not followed: "+why,
		append([]any{miner.EventKey, "reconnect", "followed", false, "reason", why}, attrs...)...)
}
