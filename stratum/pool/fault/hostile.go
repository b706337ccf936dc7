package fault

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// hostiles are attacks.
var hostiles = slices.Concat(payloadFaults(), []Fault{
	{Name: "endless-line", Arg: "WHEN", Default: atJob, Kind: Hostile,
		About: "a line that goes on for as long as it is read", prepare: when(endlessLine)},
	{Name: "drip", Arg: "WHEN", Default: atJob, Kind: Hostile,
		About: "a line that goes on for ever, a byte a second", prepare: when(drip)},
	{Name: "escapes", Kind: Hostile,
		About: "terminal escapes in every text: messages, reasons, names, hosts", prepare: plain(lines(escapes))},
	{Name: "flood", Arg: "WHAT", Default: "jobs", Kind: Hostile,
		About:   "10000 lines a second of WHAT: " + strings.Join(floodKinds, ", "),
		prepare: choice(flood, floodKinds...)},

	{Name: "subscribe-result", Arg: "JSON", Default: "[]", Kind: Hostile,
		About: "mining.subscribe is answered with JSON", prepare: inJSON(subscribeResult)},
	{Name: "extranonce1", Arg: "JSON", Default: `"` + strings.Repeat("00", 64) + `"`, Kind: Hostile,
		About: "the extranonce1 of mining.subscribe is JSON", prepare: inJSON(func(v string) effect { return subscribeField(1, v) })},
	{Name: "extranonce2-size", Arg: "JSON", Default: "-1", Kind: Hostile,
		About: "the size of extranonce2 in mining.subscribe is JSON", prepare: inJSON(func(v string) effect { return subscribeField(2, v) })},
	{Name: "subscription-bomb", Arg: "N", Default: "20000", Kind: Hostile,
		About: "mining.subscribe is answered with N subscriptions", prepare: number(1, 100_000, subscriptionBomb)},
	{Name: "mask", Arg: "HEX", Default: "ffffffff", Kind: Hostile,
		About: "mining.configure grants the version mask HEX, whatever was asked for", prepare: text(mask)},

	{Name: "wrong-types", Arg: "METHOD", Default: methodNotify, Kind: Hostile,
		About:   "METHOD comes with a wrong type in each place: " + strings.Join(sampleMethods(), ", "),
		prepare: choice(wrongTypes, sampleMethods()...)},
	{Name: "long-texts", Arg: "METHOD", Default: "client.reconnect", Kind: Hostile,
		About:   "METHOD, one of these, comes with 64 KiB of text in each place",
		prepare: choice(longTexts, sampleMethods()...)},
	{Name: "broken-jobs", Kind: Hostile,
		About: "before each job come copies with fields too short, too long, odd and missing", prepare: plain(rewrite(brokenJobs))},
	{Name: "nbits", Arg: "HEX", Default: "00000000", Kind: Hostile,
		About: "jobs have the nbits HEX", prepare: text(func(v string) effect { return jobField(fieldBits, quote(v)) })},
	{Name: "ntime", Arg: "HEX", Default: "ffffffff", Kind: Hostile,
		About: "jobs have the ntime HEX", prepare: text(func(v string) effect { return jobField(fieldTime, quote(v)) })},
	{Name: "difficulty", Arg: "JSON", Default: "-1", Kind: Hostile,
		About: "the difficulty is JSON, such as 0, 1e-300 or \"x\"", prepare: inJSON(difficulty)},
	{Name: "same-job-id", Kind: Hostile,
		About: "all jobs have one id", prepare: plain(jobField(fieldJobID, `"1"`))},
	{Name: "job-id-bomb", Arg: "BYTES", Default: "65536", Kind: Hostile,
		About: "jobs have an id of BYTES", prepare: number(1, 1<<20, func(n int) effect { return jobField(fieldJobID, quote(strings.Repeat("j", n))) })},
	{Name: "merkle-bomb", Arg: "N", Default: "10000", Kind: Hostile,
		About: "jobs have a merkle branch of N hashes", prepare: number(1, 1<<20, merkleBomb)},
	{Name: "coinbase-bomb", Arg: "BYTES", Default: "1000000", Kind: Hostile,
		About: "jobs have a coinb1 of BYTES, without an extranonce's room", prepare: number(1, 64<<20, coinbaseBomb)},
	{Name: "goal", Arg: "NAME", Default: "scrypt", Kind: Hostile,
		About: "after the first job comes mining.set_goal for the algorithm NAME", prepare: text(goal)},

	{Name: "id-collisions", Kind: Hostile,
		About: "before each answer come requests of the pool under the same id", prepare: plain(rewrite(idCollisions))},
	{Name: "double-answers", Kind: Hostile,
		About: "shares are answered twice, first with yes, then with no", prepare: plain(rewrite(doubleAnswers))},
	{Name: "reasons", Kind: Hostile,
		About: "each share is refused for another reason", prepare: plain(lines(reasons))},
	{Name: "reason-bomb", Arg: "BYTES", Default: "900000", Kind: Hostile,
		About: "each share is refused for a reason of BYTES", prepare: number(1, 64<<20, reasonBomb)},
	{Name: "weird-errors", Kind: Hostile,
		About: "each share is refused in another shape that makes no sense", prepare: plain(lines(weirdErrors))},
	{Name: "plaintext", Kind: Hostile,
		About: "on a TLS port, plain text is spoken", prepare: plain(effect{act: plaintext})},
})

// inJSON reads a JSON value.
func inJSON(do func(v string) effect) func(string) (effect, error) {
	return func(arg string) (effect, error) {
		if !json.Valid([]byte(arg)) || strings.ContainsAny(arg, "\r\n") {
			return effect{}, errors.New(`want a JSON value, such as -1, "text" or [1,2]`)
		}
		return do(arg), nil
	}
}

func endlessLine(w *wire) error {
	chunk := []byte(`{"id":null,"method":"mining.notify","params":["` + strings.Repeat("x", 64<<10))
	for {
		if err := w.emit(chunk); err != nil {
			return err
		}
		chunk = chunk[len(chunk)-64<<10:]
	}
}

func drip(w *wire) error {
	w.beside.Go(func() {
		if w.take() != nil { // and give it to nobody: nothing can come in the middle
			return
		}
		for err := w.emit([]byte("{")); err == nil && w.sleep(time.Second); {
			err = w.emit([]byte(" "))
		}
	})
	return nil
}

// escape clears the screen, sets the title, colours the rest, moves the cursor,
// rings, and turns the direction of writing.
const escape = "\x1b[2J\x1b]0;owned\x07\x1b[31m\u009b1;1H\x07\x08\u202eevil\u2066"

func escapes(*wire) outFunc {
	return func(l *line) ([]string, func() error) {
		switch {
		case l.answer(methodSubmit):
			return []string{l.answered("null", `[20,`+quote("bad share "+escape)+`,`+quote(escape)+`]`)}, nil
		case l.Method == methodNotify:
			return []string{
				l.raw,
				notification("client.show_message", quote("hello "+escape)),
				notification("mining.unknown"+escape, quote(escape)),
				notification("client.reconnect", quote("pool.example.org"+escape), "3333"),
				notification(methodDifficulty, quote(escape)),
				notification(methodNotify, quote(escape)),
				`{"id":` + quote(escape) + `,"result":null,"error":[20,` + quote("farewell "+escape) + `,null]}`,
			}, nil
		}
		return l.asIs(), nil
	}
}

func subscribeResult(v string) effect {
	return rewrite(func(l *line) []string {
		if !l.answer(methodSubscribe) {
			return l.asIs()
		}
		return []string{l.answered(v, "null")}
	})
}

// subscribeField replaces one of the three parts of mining.subscribe's answer.
func subscribeField(i int, v string) effect {
	return rewrite(func(l *line) []string {
		var parts []json.RawMessage
		if !l.answer(methodSubscribe) || json.Unmarshal(l.Result, &parts) != nil || len(parts) != 3 {
			return l.asIs()
		}
		parts[i] = json.RawMessage(v)
		return []string{l.answered(fmt.Sprintf("[%s,%s,%s]", parts[0], parts[1], parts[2]), "null")}
	})
}

func subscriptionBomb(n int) effect {
	return subscribeField(0, "["+strings.TrimSuffix(strings.Repeat(`["mining.notify","s"],`, n), ",")+"]")
}

func mask(hex string) effect {
	return rewrite(func(l *line) []string {
		if !l.answer(methodConfigure) {
			return l.asIs()
		}
		return []string{l.answered(`{"version-rolling":true,"version-rolling.mask":`+quote(hex)+`}`, "null")}
	})
}

// jobField replaces a field of every job.
func jobField(i int, v string) effect {
	return rewrite(func(l *line) []string {
		if l.Method != methodNotify {
			return l.asIs()
		}
		return []string{l.with(l.replaced(i, v)...)}
	})
}

// brokenJobs are what mining.notify must not be.
func brokenJobs(l *line) []string {
	if l.Method != methodNotify {
		return l.asIs()
	}
	var out []string
	fields := l.replaced(-1, "")
	for i, f := range fields {
		out = append(out, l.with(fields[:i]...)) // too few
		if i == fieldJobID || f[0] != '"' {
			continue
		}
		hex := strings.Trim(f, `"`)
		for _, bad := range []string{hex + "0", hex + "zz", "0x" + hex, " " + hex, hex + "00000000", ""} {
			if i == fieldCoinb1 || i == fieldCoinb1+1 {
				bad += "z" // any even number of digits is a coinbase
			}
			out = append(out, l.with(l.replaced(i, quote(bad))...))
		}
	}
	out = append(out, l.with(l.replaced(fieldBranch, `["00"]`)...), l.withParams("{}"), l.withParams("null"))
	return append(out, l.raw)
}

func difficulty(v string) effect {
	return rewrite(func(l *line) []string {
		if l.Method != methodDifficulty {
			return l.asIs()
		}
		return []string{l.with(v)}
	})
}

func merkleBomb(n int) effect {
	return jobField(fieldBranch, "["+strings.TrimSuffix(strings.Repeat(quote(strings.Repeat("0", 64))+",", n), ",")+"]")
}

func coinbaseBomb(size int) effect {
	return jobField(fieldCoinb1, quote(strings.Repeat("00", size)))
}

func goal(name string) effect {
	return afterJob(1, func(w *wire) error {
		return w.send(notification("mining.set_goal", quote("x"), `{"malgo":`+quote(name)+`}`))
	})
}

func idCollisions(l *line) []string {
	if l.Method != "" || l.answers.method == "" {
		return l.asIs()
	}
	request := func(method string) string {
		return `{"id":` + l.id() + `,"method":` + quote(method) + `,"params":[]}`
	}
	return []string{request("mining.ping"), request("client.get_version"), request("mining.unknown"), l.raw, request("mining.ping")}
}

func doubleAnswers(l *line) []string {
	if !l.answer(methodSubmit) {
		return l.asIs()
	}
	return []string{l.raw, l.answered("null", `[21,"Job not found",null]`), l.answered("true", "null"), l.answered("false", "null")}
}

// refusals refuses shares, the nth of a connection with what each makes.
func refusals(each func(n int) (err string)) func(*wire) outFunc {
	return func(*wire) outFunc {
		n := 0
		return func(l *line) ([]string, func() error) {
			if !l.answer(methodSubmit) {
				return l.asIs(), nil
			}
			n++
			return []string{l.answered("null", each(n))}, nil
		}
	}
}

func reasons(w *wire) outFunc {
	return refusals(func(n int) string { return fmt.Sprintf(`[%d,"reason %d",null]`, n, n) })(w)
}

func reasonBomb(size int) effect {
	reason := `[20,` + quote(strings.Repeat("r", size)) + `,null]`
	return lines(refusals(func(int) string { return reason }))
}

func weirdErrors(w *wire) outFunc {
	shapes := []string{
		`[]`, `{}`, `""`, `true`, `0`, `[null]`, `[null,null,null]`, `[[],{}]`, `["20"]`, `[1e999,"x"]`, `[99999999999999999999,"x"]`,
		`[-1.5,7]`, `{"code":{},"message":[]}`, `{"code":"x","message":null}`, `["a",["b"]]`, `-1`, `[20,"` + strings.Repeat("x", 2000) + `"]`,
	}
	return refusals(func(n int) string { return shapes[n%len(shapes)] })(w)
}

// plaintext takes TLS away.
func plaintext(w *wire) act {
	tls, ok := w.Conn.(interface{ NetConn() net.Conn })
	if !ok {
		return act{}
	}
	w.Conn = tls.NetConn()
	return act{begin: func() {
		_ = w.say(notification("client.show_message", quote("who needs TLS"))) // the pool sees the end
	}}
}

// sample is what a method of the server looks like.
type sample struct {
	method string
	params []string
}

var samples = []sample{
	{method: methodNotify}, // the pool's own
	{methodDifficulty, []string{"1"}},
	{methodExtranonce, []string{`"00000001"`, "4"}},
	{"mining.set_version_mask", []string{`"1fffe000"`}},
	{"mining.set_goal", []string{`"x"`, `{"malgo":"SHA256d"}`}},
	{"client.reconnect", []string{`"localhost"`, "3333", "1"}},
	{"client.show_message", []string{`"hello"`}},
}

func sampleMethods() (names []string) {
	for _, s := range samples {
		names = append(names, s.method)
	}
	return names
}

// wrongValues are of every type, and beyond what fits in each.
var wrongValues = []string{
	`null`, `true`, `-1`, `0`, `1.5`, `65536`, `9223372036854775808`, `1e308`, `1e999`, `-1e999`, `NaN`, `""`, `"zz"`, `"\u0000"`,
	`"` + strings.Repeat("A", 200) + `"`, `[]`, `[null]`, `[[]]`, `{}`, `{"a":1}`,
}

// beforeJobs sends lines before each job: what spoil makes of a method.
func beforeJobs(method string, spoil func(good *line) []string) effect {
	return rewrite(func(l *line) []string {
		if l.Method != methodNotify {
			return l.asIs()
		}
		good := &line{Method: method, Params: l.Params}
		for _, s := range samples {
			if s.method == method && s.params != nil {
				good.Params = json.RawMessage("[" + strings.Join(s.params, ",") + "]")
			}
		}
		return append(spoil(good), l.raw)
	})
}

func wrongTypes(method string) effect {
	return beforeJobs(method, func(good *line) (out []string) {
		for i := range good.list() {
			for _, v := range wrongValues {
				out = append(out, good.with(good.replaced(i, v)...))
			}
		}
		for _, v := range wrongValues {
			out = append(out, good.withParams(v), `{"id":`+v+`,"method":`+quote(method)+`,"params":[]}`)
		}
		return out
	})
}

func longTexts(method string) effect {
	return beforeJobs(method, func(good *line) (out []string) {
		for i := range good.list() {
			out = append(out, good.with(good.replaced(i, quote(strings.Repeat("f", 64<<10)))...))
		}
		return out
	})
}
