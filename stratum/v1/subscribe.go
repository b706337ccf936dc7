package v1

import "strconv"

// Subscribe is mining.subscribe. The answer is read with Response.Subscribe.
type Subscribe struct {
	ID      ID
	Agent   string // name/version of the miner; left out if it and Session are empty
	Session string // SubscribeResult.Session of the connection to resume; empty for none
}

// Method returns "mining.subscribe".
func (*Subscribe) Method() string { return "mining.subscribe" }

func (m *Subscribe) ident() ID { return m.ID }

func (m *Subscribe) decode(p *params) {
	m.Agent = p.optionalText("agent", p.nextOptional())
	m.Session = p.optionalText("session", p.nextOptional())
}

func (m *Subscribe) append(b []byte) ([]byte, error) {
	b = appendCall(b, m.ID, m.Method())
	if m.Agent != "" || m.Session != "" {
		b = appendString(b, m.Agent)
	}
	if m.Session != "" {
		b = appendString(append(b, ','), m.Session)
	}
	return append(b, "]}"...), nil
}

// SubscribeResult is the answer to mining.subscribe.
type SubscribeResult struct {
	Subscriptions   []Subscription
	Extranonce1     []byte // at most MaxExtranonce1
	Extranonce2Size int    // bytes, 0 to MaxExtranonce2Size
	Flat            bool   // the one subscription stands in no list of its own, a dialect
}

// Subscription names a notification that the server will send.
type Subscription struct {
	Method string
	ID     string // empty if the server gave none
}

func (s *Subscription) append(b []byte) []byte {
	return appendString(append(appendString(b, s.Method), ','), s.ID)
}

// Session returns what Subscribe.Session takes to resume this connection: the id
// of the subscription to mining.notify, or else of the first.
func (r *SubscribeResult) Session() string {
	for _, s := range r.Subscriptions {
		if s.Method == "mining.notify" {
			return s.ID
		}
	}
	if len(r.Subscriptions) > 0 {
		return r.Subscriptions[0].ID
	}
	return ""
}

// Response returns r as the answer to the request id.
func (r *SubscribeResult) Response(id ID) *Response {
	subs := jsonList{b: []byte("[[")}
	for _, s := range r.Subscriptions {
		if r.Flat {
			subs.b = s.append(subs.item())
		} else {
			subs.b = append(s.append(append(subs.item(), '[')), ']')
		}
	}
	b := appendHex(append(subs.b, "],"...), r.Extranonce1)
	b = strconv.AppendInt(append(b, ','), int64(r.Extranonce2Size), 10)
	return &Response{ID: id, Result: append(b, ']')}
}

// Subscribe reads the answer to mining.subscribe. The error is the server's
// *Error, a *FieldError, or a *LimitError for a session id too long to be sent
// again.
func (r *Response) Subscribe(l Limits) (*SubscribeResult, error) {
	p, result, err := r.reader("mining.subscribe answer", l)
	if err != nil {
		return nil, err
	}
	p.list = p.array("result", result, "[subscriptions, extranonce1, extranonce2_size]")
	res := new(SubscribeResult)
	res.Subscriptions, res.Flat = p.subscriptions(p.nextOptional())
	res.Extranonce1 = p.extranonce1(p.next())
	res.Extranonce2Size = p.extranonce2Size(p.next())
	if p.err != nil {
		return nil, p.err
	}
	return res, nil
}

// subscriptions reads [[name, id]…], a flat pair [name, id], or nothing.
func (p *params) subscriptions(raw []byte) (subs []Subscription, flat bool) {
	if raw == nil {
		return nil, false
	}
	const want = "a list of [name, id]"
	w := p.array("subscriptions", raw, want)
	for w.more() && p.err == nil {
		v := w.value()
		if v[0] == '"' {
			pair := walk(raw)
			return []Subscription{p.subscription(&pair, want)}, true
		}
		pair := p.array("subscriptions", v, want)
		subs = append(subs, p.subscription(&pair, want))
	}
	return subs, false
}

// subscription reads the two items of a pair. An id may be a number or null.
func (p *params) subscription(w *walker, want string) (s Subscription) {
	if !w.more() {
		p.fail("subscriptions", []byte("[]"), want)
		return s
	}
	s.Method = p.text("subscriptions", w.value())
	if !w.more() {
		return s
	}
	switch id := w.value(); {
	case isNull(id):
	case isNumber(id) && len(id) <= p.limits.Text:
		s.ID = string(id)
	default:
		s.ID = p.text("subscription id", id)
	}
	return s
}

// SetExtranonce is mining.set_extranonce: new extranonces from the next job on.
type SetExtranonce struct {
	ID              ID
	Extranonce1     []byte // at most MaxExtranonce1
	Extranonce2Size int    // bytes, 0 to MaxExtranonce2Size
}

// Method returns "mining.set_extranonce".
func (*SetExtranonce) Method() string { return "mining.set_extranonce" }

func (m *SetExtranonce) ident() ID { return m.ID }

func (m *SetExtranonce) decode(p *params) {
	m.Extranonce1 = p.extranonce1(p.next())
	m.Extranonce2Size = p.extranonce2Size(p.next())
}

func (m *SetExtranonce) append(b []byte) ([]byte, error) {
	b = appendCall(b, m.ID, m.Method())
	b = appendHex(b, m.Extranonce1)
	b = strconv.AppendInt(append(b, ','), int64(m.Extranonce2Size), 10)
	return append(b, "]}"...), nil
}

// ExtranonceSubscribe is mining.extranonce.subscribe: the client understands
// mining.set_extranonce. Many servers never answer it.
type ExtranonceSubscribe struct{ ID ID }

// Method returns "mining.extranonce.subscribe".
func (*ExtranonceSubscribe) Method() string { return "mining.extranonce.subscribe" }

func (m *ExtranonceSubscribe) ident() ID { return m.ID }

func (*ExtranonceSubscribe) decode(*params) {}

func (m *ExtranonceSubscribe) append(b []byte) ([]byte, error) {
	return append(appendCall(b, m.ID, m.Method()), "]}"...), nil
}
