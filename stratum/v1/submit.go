package v1

// Submit is mining.submit: a share. The answer is read with Response.Accepted.
type Submit struct {
	ID          ID
	Worker      string
	JobID       string
	Extranonce2 []byte // as many bytes as the server's extranonce2_size; the codec does not know it
	NTime       uint32 // Unix seconds
	Nonce       uint32
	// VersionBits is the sixth parameter, sent where version rolling was granted:
	// the header's version under the mask (BIP310).
	VersionBits    uint32
	HasVersionBits bool
}

// Method returns "mining.submit".
func (*Submit) Method() string { return "mining.submit" }

func (m *Submit) ident() ID { return m.ID }

func (m *Submit) decode(p *params) {
	m.Worker = p.text("worker", p.next())
	m.JobID = p.jobID(p.next())
	m.Extranonce2 = p.hex("extranonce2", p.next(), 0, MaxExtranonce2Size)
	m.NTime = p.hex32("ntime", p.next())
	m.Nonce = p.hex32("nonce", p.next())
	if bits := p.nextOptional(); bits != nil {
		m.VersionBits, m.HasVersionBits = p.hex32("version bits", bits), true
	}
}

func (m *Submit) append(b []byte) ([]byte, error) {
	b = appendCall(b, m.ID, m.Method())
	b = appendString(b, m.Worker)
	b = appendString(append(b, ','), m.JobID)
	b = appendHex(append(b, ','), m.Extranonce2)
	b = appendHex32(append(b, ','), m.NTime)
	b = appendHex32(append(b, ','), m.Nonce)
	if m.HasVersionBits {
		b = appendHex32(append(b, ','), m.VersionBits)
	}
	return append(b, "]}"...), nil
}
