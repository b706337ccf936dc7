// Package v1 is the Stratum V1 line codec: JSON-RPC messages, one to a line, in
// both roles. Conn reads and writes them over any io.ReadWriter; Parse and
// Append do the same for a single line. Each message of the protocol has a type
// of its own, named after the method, whose fields are numbers and bytes, not
// hex.
//
// The package holds no state beyond the line buffer, starts no goroutine and
// has no policy: which message may come when, what to answer and how long to
// wait for it is the caller's. In particular the caller keeps the table of its
// open requests, by ID, and reads a Response with the method that fits what was
// asked.
//
// Stratum V1 has no formal specification. What is implemented is the mining
// protocol as first published ("Stratum mining protocol"), mining.configure of
// BIP310, and the dialects seen in the field, each noted where it is read.
//
// # Errors
//
// An error of Read or Parse is one of two kinds. A *FieldError says that the
// line was a message but one of its fields is wrong: the message is lost, the
// connection is sound, and reading goes on. Everything else, *ProtocolError and
// *LimitError among it, ends the connection.
package v1

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Message is one line: a pointer to one of the message types of this package.
type Message interface {
	// Method returns the JSON-RPC method, such as "mining.notify"; it is empty
	// for a *Response.
	Method() string
	// append adds the message as one JSON object, without a line end.
	append(b []byte) ([]byte, error)
	// ident returns the message's id.
	ident() ID
}

// call is a message with a method: a request or a notification.
type call interface {
	Message
	decode(p *params)
}

// calls holds, for each method that this package knows, a function that makes
// an empty message.
var calls = map[string]func(ID) call{
	"mining.notify":               func(id ID) call { return &Notify{ID: id} },
	"mining.set_difficulty":       func(id ID) call { return &SetDifficulty{ID: id} },
	"mining.set_extranonce":       func(id ID) call { return &SetExtranonce{ID: id} },
	"mining.set_version_mask":     func(id ID) call { return &SetVersionMask{ID: id} },
	"mining.set_goal":             func(id ID) call { return &SetGoal{ID: id} },
	"mining.configure":            func(id ID) call { return &Configure{ID: id} },
	"mining.subscribe":            func(id ID) call { return &Subscribe{ID: id} },
	"mining.authorize":            func(id ID) call { return &Authorize{ID: id} },
	"mining.submit":               func(id ID) call { return &Submit{ID: id} },
	"mining.extranonce.subscribe": func(id ID) call { return &ExtranonceSubscribe{ID: id} },
	"mining.suggest_difficulty":   func(id ID) call { return &SuggestDifficulty{ID: id} },
	"mining.suggest_target":       func(id ID) call { return &SuggestTarget{ID: id} },
	"mining.get_transactions":     func(id ID) call { return &GetTransactions{ID: id} },
	"mining.capabilities":         func(id ID) call { return &Capabilities{ID: id} },
	"mining.ping":                 func(id ID) call { return &Ping{ID: id} },
	"client.get_version":          func(id ID) call { return &GetVersion{ID: id} },
	"client.reconnect":            func(id ID) call { return &Reconnect{ID: id} },
	"client.show_message":         func(id ID) call { return &ShowMessage{ID: id} },
}

// Parse reads one line, without its line end. The message keeps nothing of
// line. The errors are those of Conn.Read, but for the ones of the connection
// itself.
func Parse(line []byte, l Limits) (Message, error) {
	l = l.withDefaults()
	if len(line) > l.Line {
		return nil, &LimitError{Where: "line", Cap: "line", Max: l.Line}
	}
	return parse(line, &l)
}

// parse is Parse under limits without zeros, for a line known to be short
// enough.
func parse(line []byte, l *Limits) (Message, error) {
	nan, err := scan(line, l.Depth)
	if err != nil {
		return nil, err
	}
	var e envelope
	e.read(line)

	p := &params{method: "request", limits: l}
	if e.method != nil && e.method[0] != '"' {
		p.fail("method", e.method, "a string")
		return nil, p.err
	}
	// A server may repeat the method in its answer: what has no params but a
	// result or an error is an answer.
	if e.method == nil || e.params == nil && (e.result != nil || e.err != nil) {
		return e.response(p, nan)
	}

	p.method = p.text("method", e.method)
	p.id = p.readID(e.id)
	if p.err != nil {
		return nil, p.err
	}
	empty := calls[p.method]
	if empty == nil {
		if nan {
			p.failWith("params", "NaN or Infinity", "JSON")
			return nil, p.err
		}
		return &Unknown{ID: p.id, Name: p.method, Params: cloneRaw(e.params)}, nil
	}
	m := empty(p.id)
	switch {
	case e.params == nil || isNull(e.params):
	case e.params[0] == '[':
		p.list = walk(e.params)
	default:
		p.fail("params", e.params, "an array")
	}
	m.decode(p)
	if p.err != nil {
		return nil, p.err
	}
	return m, nil
}

// envelope is the outer object of a line. A member that is absent is nil.
type envelope struct {
	id, method, params, result, err, rejectReason []byte
}

// read takes a scanned line apart. Members with other names are ignored.
func (e *envelope) read(line []byte) {
	for w := walk(line); w.more(); {
		key := w.key()
		v := w.value()
		switch string(key) {
		case "id":
			e.id = v
		case "method":
			if !isNull(v) {
				e.method = v
			}
		case "params":
			e.params = v
		case "result":
			e.result = v
		case "error":
			e.err = v
		case "reject-reason":
			e.rejectReason = v
		}
	}
}

// Append adds m to b as one JSON object without a line end and returns the
// longer slice. A message that cannot be written, for instance one with a
// difficulty that is not a number, gives an error and b as it was.
func Append(b []byte, m Message) ([]byte, error) {
	out, err := m.append(b)
	if err != nil {
		return b, fmt.Errorf("write %s: %w", nameOf(m), err)
	}
	return out, nil
}

func nameOf(m Message) string {
	if m.Method() == "" {
		return "response"
	}
	return m.Method()
}

// Unknown is a request or notification whose method this package does not
// know. A request, one whose ID is not a Notification, wants the answer
// Refuse(ID, CodeMethodNotFound, "Method not found").
type Unknown struct {
	ID     ID
	Name   string          // the method, as it came
	Params json.RawMessage // any JSON value; nil if there was none
}

// Method returns m.Name.
func (m *Unknown) Method() string { return m.Name }

func (m *Unknown) ident() ID { return m.ID }

func (m *Unknown) append(b []byte) ([]byte, error) {
	b = append(appendOpen(b, m.ID), `"method":`...)
	b = appendString(b, m.Name)
	if m.Params != nil {
		b = append(b, `,"params":`...)
		var err error
		if b, err = appendRaw(b, m.Params); err != nil {
			return b, fmt.Errorf("params: %w", err)
		}
	}
	return append(b, '}'), nil
}

func cloneRaw(raw []byte) json.RawMessage { return slices.Clone(json.RawMessage(raw)) }
