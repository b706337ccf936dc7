package fault

import (
	"fmt"
	"strconv"
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
	for n := 0; ; n++ {
		if n > 0 && n%floodRate == 0 && !w.sleep(time.Second) {
			return
		}
		if w.say(drop(kind, n, job)) != nil {
			return
		}
	}
}

// drop returns the nth line of a flood.
func drop(kind string, n int, job *line) string {
	id := strconv.Itoa(n)
	switch kind {
	case "jobs", "clean-jobs":
		fields := job.replaced(fieldJobID, quote("flood"+id))
		fields[fieldClean] = strconv.FormatBool(kind == "clean-jobs")
		return job.with(fields...)
	case "difficulties":
		return notification(methodDifficulty, strconv.Itoa(1+n%1000))
	case "extranonces":
		return notification(methodExtranonce, fmt.Sprintf(`"%08x"`, n), "4")
	case "masks":
		return notification("mining.set_version_mask", fmt.Sprintf(`"%08x"`, n))
	case "messages":
		return notification("client.show_message", quote("message "+id))
	case "pings":
		return `{"id":` + id + `,"method":"mining.ping","params":[]}`
	case "versions":
		return `{"id":` + id + `,"method":"client.get_version","params":[]}`
	case "unknown":
		return `{"id":` + id + `,"method":"mining.flood` + id + `","params":[]}`
	case "reconnects":
		return notification("client.reconnect", quote("pool"+id+".example.net"), "3333")
	case "answers":
		return `{"id":` + strconv.Itoa(1_000_000+n) + `,"result":true,"error":null}`
	case "errors":
		return `{"id":` + strconv.Itoa(1_000_000+n) + `,"result":null,"error":[20,"error ` + id + `",null]}`
	case "malformed":
		return job.with(job.replaced(fieldBits, quote("bits"+id))...)
	}
	return "" // blanks
}
