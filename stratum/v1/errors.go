package v1

import "fmt"

// ProtocolError says that a line is not a Stratum message at all: not UTF-8,
// not JSON, or not an object. The connection cannot be trusted any further.
type ProtocolError struct {
	Line   string // the start of the line, fit to be shown
	Reason string // what is wrong, with the byte where it shows
}

func (e *ProtocolError) Error() string {
	return fmt.Sprintf("not a Stratum V1 line: %s: %s", e.Reason, e.Line)
}

// LimitError says that the peer went past a cap of Limits. The connection is to
// be dropped.
type LimitError struct {
	Where string // what was too large, such as "mining.notify: coinb1"
	Cap   string // the cap's name: "line", "JSON depth", "merkle branch", "coinbase part", "job id" or "text"
	Max   int    // the cap, in bytes; levels for the depth, hashes for the branch
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s is above the %s cap of %d", e.Where, e.Cap, e.Max)
}

// FieldError says that one field of a message is missing or wrong. The message
// is lost, but the line was sound: the connection can go on. A client keeps the
// job, difficulty or extranonce it had; a server answers ID with an error.
type FieldError struct {
	Method string // of the message, or of the request whose answer is wrong
	ID     ID     // of the message
	Field  string
	Found  string // what stood there, shortened and fit to be shown
	Want   string
}

func (e *FieldError) Error() string {
	return fmt.Sprintf("%s: %s is %s, want %s", e.Method, e.Field, e.Found, e.Want)
}
