package v1

// GetTransactions is mining.get_transactions: the client wants to see the
// transactions of a job. The answer is read with Response.Transactions; that of a
// full block is longer than the default Limits.Line.
type GetTransactions struct {
	ID    ID
	JobID string
}

// Method returns "mining.get_transactions".
func (*GetTransactions) Method() string { return "mining.get_transactions" }

func (m *GetTransactions) ident() ID { return m.ID }

func (m *GetTransactions) decode(p *params) { m.JobID = p.jobID(p.next()) }

func (m *GetTransactions) append(b []byte) ([]byte, error) {
	return append(appendString(appendCall(b, m.ID, m.Method()), m.JobID), "]}"...), nil
}
