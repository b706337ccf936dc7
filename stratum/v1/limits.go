package v1

// Limits caps what a peer may send, so that no line can cost more memory or
// time than its reader allows. A field that is zero or less stands for its
// default.
type Limits struct {
	Line     int // bytes of a line without its end; default 1 MiB
	Depth    int // nested arrays and objects, the outer object counted; default 16
	Branch   int // hashes in a merkle branch; default 32
	Coinbase int // bytes of coinb1 and of coinb2, each; default 512 KiB
	JobID    int // bytes of a job id; default 256
	Text     int // bytes of every other name: method, id, worker, password, agent, session; default 1 KiB

	// Transactions is what takes the place of Line for the answer to a
	// GetTransactions that Conn.Await named: a block has at most 4 000 000 bytes,
	// which are twice as many in hex. Default 9 MiB.
	Transactions int
}

// DefaultLimits are the caps of a zero Limits.
var DefaultLimits = Limits{
	Line:     1 << 20,
	Depth:    16,
	Branch:   32,
	Coinbase: 512 << 10,
	JobID:    256,
	Text:     1 << 10,

	Transactions: 9 << 20,
}

// Bounds of the extranonces. They are no settings: a coinbase script holds at
// most 100 bytes.
const (
	MaxExtranonce1     = 32 // bytes
	MaxExtranonce2Size = 16 // bytes
)

// withDefaults returns l with its zeros filled in.
func (l Limits) withDefaults() Limits {
	for _, f := range []struct {
		v   *int
		def int
	}{
		{&l.Line, DefaultLimits.Line},
		{&l.Depth, DefaultLimits.Depth},
		{&l.Branch, DefaultLimits.Branch},
		{&l.Coinbase, DefaultLimits.Coinbase},
		{&l.JobID, DefaultLimits.JobID},
		{&l.Text, DefaultLimits.Text},
		{&l.Transactions, DefaultLimits.Transactions},
	} {
		if *f.v <= 0 {
			*f.v = f.def
		}
	}
	return l
}
