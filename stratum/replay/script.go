package replay

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"gominer/internal/jsonline"
	"gominer/stratum/record"
)

// script is a recorded connection as the pool's side of it is played.
//
// The requests that a session cannot be without are its gates: what the pool
// said behind one in the recording is said once the miner has come through it,
// at the recorded distance from it. All other answers are given as they are
// asked for.
type script struct {
	name    string // of the source that was recorded, for people
	items   []item
	answers map[string][][]byte // by method, in order, of what is no gate; nil: silence
}

// item is something that the pool does in its turn, or a gate.
type item struct {
	at     time.Duration // since the recording of the connection began
	what   itemKind
	method string // gate, answer: of the request
	line   []byte // push, answer
}

type itemKind int

const (
	push   itemKind = iota // the pool sends a line of its own accord
	gate                   // the miner has to ask before anything behind it comes
	answer                 // the pool answers what was asked at the gate
	hangUp                 // the pool closes the connection
)

// isGate reports whether the method opens the next part of a session.
func isGate(method string) bool {
	return method == "mining.configure" || method == "mining.subscribe" || method == "mining.authorize"
}

// asked is a request of the recorded miner.
type asked struct {
	method string
	gate   bool
	nth    int // of answers[method]
}

// compile makes a script of a recorded connection.
func compile(s *record.Session) (*script, error) {
	c := compiler{
		script: &script{name: s.Opening.Source, answers: make(map[string][][]byte)},
		open:   make(map[string]asked), gates: make(map[string]bool),
	}
	for i := range s.Entries {
		e := &s.Entries[i]
		c.advance(e.Time)
		switch {
		case e.Kind == record.Frame:
			return nil, errors.New("it is a recording of Stratum V2: only V1 can be played")
		case e.Kind == record.Close && e.From == record.Pool:
			c.add(hangUp, "", nil)
		case e.Kind == record.Close:
		case len(e.Data) == 0 || e.Cut || string(e.Data) == record.Masked:
		case e.From == record.Miner:
			c.request(e.Data)
		default:
			c.said(e.Data)
		}
	}
	return c.script, nil
}

type compiler struct {
	*script
	began, now time.Time
	open       map[string]asked // requests without an answer, by id
	gates      map[string]bool  // those that were met
}

// advance moves the clock of the recording. Lines without a time came at once.
func (c *compiler) advance(to time.Time) {
	if to.IsZero() {
		return
	}
	if c.began.IsZero() {
		c.began, c.now = to, to
	}
	if to.After(c.now) { // the clock of the machine may have been set back
		c.now = to
	}
}

func (c *compiler) add(what itemKind, method string, line []byte) {
	c.items = append(c.items, item{at: c.now.Sub(c.began), what: what, method: method, line: line})
}

// request notes what the recorded miner asked for.
func (c *compiler) request(line []byte) {
	id, method := address(line)
	if method == "" || id == "" {
		return
	}
	a := asked{method: method, nth: len(c.answers[method])}
	if isGate(method) && !c.gates[method] {
		a.gate = true
		c.gates[method] = true
		c.add(gate, method, nil)
	} else {
		c.answers[method] = append(c.answers[method], nil)
	}
	c.open[key(id)] = a
}

// said notes a line of the recorded pool.
func (c *compiler) said(line []byte) {
	id, method := address(line)
	a, ok := c.open[key(id)]
	switch {
	case method != "" || id == "" || !ok:
		c.add(push, "", line)
		return
	case a.gate:
		c.add(answer, a.method, line)
	default:
		c.answers[a.method][a.nth] = line
	}
	delete(c.open, key(id))
}

// key returns an id as requests are found by it: pools answer the request 7 with
// the id "7", too.
func key(id string) string { return strings.Trim(id, `"`) }

// address returns the id of a line as it stands there, "" if it has none or null,
// and the method, "" for an answer. A line that is no JSON has neither.
func address(line []byte) (id, method string) {
	parts, err := jsonline.Parts(line)
	if err != nil {
		return "", ""
	}
	for _, p := range parts { // of names that come twice, the last counts
		switch p.Key {
		case "id":
			id = string(p.Of(line))
		case "method":
			method = ""
			_ = json.Unmarshal(p.Of(line), &method) // null, or what no method is
		}
	}
	if id == "null" {
		id = ""
	}
	return id, method
}

// withID returns an answer of the recording with another id: all else stays as
// the pool wrote it.
func withID(line []byte, id string) []byte {
	parts, _ := jsonline.Parts(line) // it was taken for an answer by its id
	for _, p := range slices.Backward(parts) {
		if p.Key == "id" {
			return slices.Concat(line[:p.Start], []byte(id), line[p.End:])
		}
	}
	return line
}
