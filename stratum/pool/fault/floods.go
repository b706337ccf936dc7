package fault

import (
	"strconv"
	"strings"
	"time"
)

// floodKinds are what there can be a flood of.
var floodKinds = []string{
	"jobs", "clean-jobs", "difficulties", "extranonces", "masks", "messages", "pings", "versions", "unknown", "reconnects",
	"answers", "errors", "malformed", "blanks",
}

const floodRate = 10_000 // lines a second

// flood sends lines without end from the first job on.
func flood(kind string) effect {
	return lines(func(w *wire) outFunc {
		begun := false
		return func(l *line) ([]string, func() error) {
			if begun || l.Method != methodNotify {
				return l.asIs(), nil
			}
			begun = true
			job := parse(l.raw)
			return l.asIs(), func() error {
				w.beside.Go(func() { w.flood(kind, job) })
				return nil
			}
		}
	})
}

func (w *wire) flood(kind string, job *line) {
	drop := drops(kind, job)
	for n := 0; ; n++ {
		if n > 0 && n%floodRate == 0 && !w.sleep(time.Second) {
			return
		}
		if w.say(drop(strconv.Itoa(n))) != nil {
			return
		}
	}
}

// drops returns what makes the lines of a flood, of their numbers.
func drops(kind string, job *line) func(n string) string {
	// The number belongs where # stands.
	template := func(l string) func(string) string {
		before, after, _ := strings.Cut(l, "#")
		return func(n string) string { return before + n + after }
	}
	hex := func(method, rest string) func(string) string {
		return func(n string) string {
			return `{"id":null,"method":"` + method + `","params":["` + "00000000"[:8-min(8, len(n))] + n + `"` + rest + `]}`
		}
	}
	switch kind {
	case "jobs", "clean-jobs":
		fields := job.replaced(fieldJobID, `"flood#"`)
		fields[fieldClean] = strconv.FormatBool(kind == "clean-jobs")
		return template(job.with(fields...))
	case "difficulties":
		return template(notification(methodDifficulty, "1#"))
	case "extranonces":
		return hex(methodExtranonce, ",4")
	case "masks":
		return hex("mining.set_version_mask", "")
	case "messages":
		return template(notification("client.show_message", `"message #"`))
	case "pings":
		return template(`{"id":#,"method":"mining.ping","params":[]}`)
	case "versions":
		return template(`{"id":#,"method":"client.get_version","params":[]}`)
	case "unknown":
		return template(`{"id":1,"method":"mining.flood#","params":[]}`)
	case "reconnects":
		return template(notification("client.reconnect", `"pool#.example.net"`, "3333"))
	case "answers":
		return template(`{"id":1000#,"result":true,"error":null}`)
	case "errors":
		return template(`{"id":1000,"result":null,"error":[20,"error #",null]}`)
	case "malformed":
		return template(job.with(job.replaced(fieldBits, `"bits#"`)...))
	}
	return func(string) string { return "" } // blanks
}
