package fault

import (
	"math/rand/v2"
	"strings"
)

// When a line of an attack comes.
const (
	atHello     = "hello"     // at once
	atSubscribe = "subscribe" // in place of the answer to mining.subscribe
	atAuthorize = "authorize" // in place of the answer to mining.authorize
	atJob       = "job"       // after the first job
)

// payloads are lines that no miner should trip over.
var payloads = []struct {
	name, about string
	line        func() string
}{
	{"giant-line", "a line of 2 MiB", func() string { return `{"id":null,"method":"` + strings.Repeat("x", 2<<20) + `"}` }},
	{"deep-json", "100000 arrays in each other", func() string {
		return `{"id":null,"method":"mining.notify","params":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`
	}},
	{"deep-objects", "50000 objects in each other", func() string {
		return `{"id":null,"method":"mining.notify","params":` + strings.Repeat(`{"a":`, 50_000) + "1" + strings.Repeat("}", 50_000) + `}`
	}},
	{"duplicate-keys", "an object with two ids and two methods", func() string {
		return `{"id":null,"id":1,"method":"mining.ping","method":"client.reconnect","params":[]}`
	}},
	{"nul-bytes", "a line with NUL bytes before and in it", func() string { return "\x00\x00{\"id\":null,\x00\"method\":\"mining.ping\"}" }},
	{"invalid-utf8", "a method that is not UTF-8", func() string { return "{\"id\":null,\"method\":\"\xff\xfe\xc0\xaf\",\"params\":[]}" }},
	{"bom", "a line that begins with a byte order mark", func() string { return "\ufeff" + `{"id":null,"method":"mining.ping","params":[]}` }},
	{"truncated-json", "half a line", func() string { return `{"id":null,"method":"mining.notify","params":["1"` }},
	{"json-array", "an array of messages, as JSON-RPC 2.0 has it", func() string { return `[{"id":null,"method":"mining.ping","params":[]}]` }},
	{"two-values", "two messages in a line", func() string { return `{"id":1,"result":true,"error":null}{"id":2,"result":true,"error":null}` }},
	{"tuple", "an error as Python prints it", func() string { return `{"id":1,"result":null,"error":(20,"Not found",None)}` }},
	{"nan", "numbers that are none", func() string {
		return `{"id":null,"method":"mining.set_difficulty","params":[NaN]}` + "\n" + `{"id":1e6,"result":-Infinity,"error":null}`
	}},
	{"huge-numbers", "an id of 5000 digits", func() string { return `{"id":` + strings.Repeat("9", 5000) + `.5,"result":1e999999,"error":null}` }},
	{"surrogates", "text in halves of UTF-16", func() string {
		return `{"id":null,"method":"client.show_message","params":["\udc00\ud800 half \ud800"]}`
	}},
	{"http", "the answer of a web server", func() string {
		return "HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html><h1>400</h1></html>"
	}},
	{"tls", "the answer of a TLS server", func() string { return "\x15\x03\x01\x00\x02\x02\x46" }},
	{"ssh", "the greeting of an SSH server", func() string { return "SSH-2.0-OpenSSH_9.6" }},
	{"noise", "4096 random bytes", randomBytes},
}

// randomBytes returns the same every time.
func randomBytes() string {
	rng := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, 4096)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return string(b)
}

func payloadFaults() (faults []Fault) {
	for _, p := range payloads {
		faults = append(faults, Fault{
			Name: p.name, Arg: "WHEN", Default: atJob, Kind: Hostile, About: p.about,
			prepare: when(func(w *wire) error { return w.send(p.line()) }),
		})
	}
	return faults
}

// when reads the time of an attack.
func when(attack func(w *wire) error) func(string) (effect, error) {
	return choice(func(at string) effect {
		if at == atHello {
			return effect{act: func(w *wire) act {
				return act{begin: func() {
					if w.take() == nil {
						defer w.give()
						_ = attack(w) // if the connection is over, the pool sees it
					}
				}}
			}}
		}
		return lines(func(w *wire) outFunc {
			done := false
			return func(l *line) ([]string, func() error) {
				then := func() error { return attack(w) }
				switch {
				case done:
					return l.asIs(), nil
				case at == atJob && l.Method == methodNotify:
					done = true
					return l.asIs(), then
				case at == atSubscribe && l.answer(methodSubscribe), at == atAuthorize && l.answer(methodAuthorize):
					done = true
					return nil, then
				}
				return l.asIs(), nil
			}
		})
	}, atHello, atSubscribe, atAuthorize, atJob)
}
