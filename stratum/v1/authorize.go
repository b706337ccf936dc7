package v1

// Authorize is mining.authorize: it names a worker whose shares will follow. A
// connection may authorize any number of them, at any time. The answer is read
// with Response.Accepted.
type Authorize struct {
	ID       ID
	Worker   string
	Password string // empty if left out
}

// Method returns "mining.authorize".
func (*Authorize) Method() string { return "mining.authorize" }

func (m *Authorize) ident() ID { return m.ID }

func (m *Authorize) decode(p *params) {
	m.Worker = p.text("worker", p.next())
	m.Password = p.optionalText("password", p.nextOptional())
}

func (m *Authorize) append(b []byte) ([]byte, error) {
	b = appendCall(b, m.ID, m.Method())
	b = appendString(b, m.Worker)
	b = appendString(append(b, ','), m.Password)
	return append(b, "]}"...), nil
}
