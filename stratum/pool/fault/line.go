package fault

import (
	"encoding/json"
	"strings"
)

// Methods that faults look for.
const (
	methodNotify     = "mining.notify"
	methodDifficulty = "mining.set_difficulty"
	methodExtranonce = "mining.set_extranonce"
	methodConfigure  = "mining.configure"
	methodSubscribe  = "mining.subscribe"
	methodAuthorize  = "mining.authorize"
	methodSubmit     = "mining.submit"
)

// Parameters of mining.notify that faults look for.
const (
	fieldJobID  = 0
	fieldCoinb1 = 2
	fieldBranch = 4
	fieldBits   = 6
	fieldTime   = 7
	fieldClean  = 8
)

// line is a line of Stratum V1 taken apart.
type line struct {
	raw     string
	answers request // what it answers; without a method if it answers nothing

	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  json.RawMessage `json:"error"`
}

func parse(raw string) *line {
	l := &line{}
	if json.Unmarshal([]byte(raw), l) != nil {
		l = &line{} // a line of another fault; nobody looks inside
	}
	l.raw = raw
	return l
}

// asIs is what becomes of a line that a fault has nothing to do with.
func (l *line) asIs() []string { return []string{l.raw} }

// answer reports whether the line answers a request of the method.
func (l *line) answer(method string) bool { return l.Method == "" && l.answers.method == method }

// list returns the parameters, nil if they are no array.
func (l *line) list() (params []json.RawMessage) {
	_ = json.Unmarshal(l.Params, &params) // nil then
	return params
}

// with returns the notification with other parameters, in JSON.
func (l *line) with(params ...string) string {
	return l.withParams("[" + strings.Join(params, ",") + "]")
}

// withParams returns it with something else for parameters.
func (l *line) withParams(params string) string {
	return `{"id":` + l.id() + `,"method":` + quote(l.Method) + `,"params":` + params + `}`
}

// replaced returns the parameters in JSON, the ith being another.
func (l *line) replaced(i int, by string) []string {
	var out []string
	for n, p := range l.list() {
		if n == i {
			out = append(out, by)
		} else {
			out = append(out, string(p))
		}
	}
	return out
}

func (l *line) id() string { return orNull(l.ID) }

// answered returns the answer with another result and error, in JSON.
func (l *line) answered(result, err string) string {
	return `{"id":` + l.id() + `,"result":` + result + `,"error":` + err + `}`
}

// refusal returns the code and the text of the error.
func (l *line) refusal() (code, text string) {
	var parts []json.RawMessage
	if json.Unmarshal(l.Error, &parts) != nil || len(parts) < 2 {
		return "20", quote("refused")
	}
	return string(parts[0]), string(parts[1])
}

// refused reports whether the line is a refusal.
func (l *line) refused() bool { return l.Method == "" && orNull(l.Error) != "null" }

func orNull(raw json.RawMessage) string {
	if raw == nil {
		return "null"
	}
	return string(raw)
}

// quote returns s in JSON.
func quote(s string) string {
	b, _ := json.Marshal(s) // a string always can be
	return string(b)
}

// notification returns a line of the pool without an id.
func notification(method string, params ...string) string {
	return (&line{Method: method}).with(params...)
}
