package fault

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"gominer/stratum/pool"
)

// dialects are ways of real pools. Where one of them is known for it, it is named.
var dialects = []Fault{
	{Name: "refuse", Arg: "METHOD", Default: methodConfigure, Kind: Dialect,
		About: "METHOD is answered with an error: not known here", prepare: choice(refuseMethod, requests...)},
	{Name: "ignore", Arg: "METHOD", Default: methodConfigure, Kind: Dialect,
		About: "METHOD is never answered", prepare: choice(ignoreMethod, requests...)},
	{Name: "close-on", Arg: "METHOD", Default: methodConfigure, Kind: Dialect,
		About: "the connection is closed on METHOD, as old ckpool does on mining.configure", prepare: choice(closeOn, requests...)},
	{Name: "quiet", Kind: Dialect,
		About: "only configure, subscribe, authorize and submit are answered, as by ckpool and public-pool", prepare: plain(rewrite(quiet))},
	{Name: "bare-subscribe", Kind: Dialect,
		About: "mining.subscribe is refused while it has parameters", prepare: plain(rewrite(bareSubscribe))},
	{Name: "subscriptions", Arg: "FORM", Default: "flat", Kind: Dialect,
		About: "the list of subscriptions is FORM: flat (one pair), empty or null", prepare: choice(subscriptions, "flat", "empty", "null")},
	{Name: "early-jobs", Kind: Dialect,
		About:   "jobs come before the answer to mining.subscribe",
		prepare: plain(quirk(func(q *pool.Quirks) { q.JobsFirst = true }))},
	{Name: "late-jobs", Kind: Dialect,
		About:   "no job comes until the miner sends a line after mining.authorize, as with M45-goPool",
		prepare: plain(quirk(func(q *pool.Quirks) { q.LateJobs = true }))},
	{Name: "enforce-at-once", Kind: Dialect,
		About:   "a new difficulty holds for shares of older jobs, too",
		prepare: plain(quirk(func(q *pool.Quirks) { q.EnforceAtOnce = true }))},
	{Name: "difficulty-as", Arg: "FORM", Default: "string", Kind: Dialect,
		About: "difficulties are written as FORM: string, long (0.0050000000000000001) or exponent", prepare: choice(difficultyAs, "string", "long", "exponent")},
	{Name: "renew-extranonce", Kind: Dialect,
		About:   "each job has another extranonce1 (mining.set_extranonce), as with NiceHash",
		prepare: plain(quirk(func(q *pool.Quirks) { q.RenewExtranonces = true }))},
	{Name: "flap-mask", Kind: Dialect,
		About:   "the version mask shrinks and grows from job to job (mining.set_version_mask)",
		prepare: plain(quirk(func(q *pool.Quirks) { q.FlapMask = true }))},
	{Name: "errors", Arg: "FORM", Default: "object", Kind: Dialect,
		About:   "refusals are FORM: object, string, false (no error), or reject-reason beside the error, as with old ckpool",
		prepare: choice(errorsAs, "object", "string", "false", "reject-reason")},
	{Name: "string-ids", Kind: Dialect, About: "answers have the request's id as a string", prepare: plain(rewrite(stringIDs))},
	{Name: "no-ids", Kind: Dialect, About: "notifications have no member id, not even null", prepare: plain(rewrite(noIDs))},
	{Name: "methods", Kind: Dialect, About: "answers repeat the method", prepare: plain(rewrite(repeatMethod))},
	{Name: "extras", Kind: Dialect, About: "lines have members and parameters that nobody knows", prepare: plain(rewrite(extras))},
	{Name: "crlf", Kind: Dialect, About: `lines end in \r\n`, prepare: plain(rewrite(func(l *line) []string { return []string{l.raw + "\r"} }))},
}

// requests are the methods of clients.
var requests = []string{
	methodConfigure, methodSubscribe, methodAuthorize, methodSubmit, "mining.extranonce.subscribe", "mining.suggest_difficulty",
	"mining.suggest_target", "mining.get_transactions", "mining.capabilities", "mining.ping",
}

func refuseMethod(method string) effect {
	return rewrite(func(l *line) []string {
		if l.answer(method) {
			return []string{l.answered("null", `[-3,"Method not found",null]`)}
		}
		return l.asIs()
	})
}

func ignoreMethod(method string) effect {
	return rewrite(func(l *line) []string {
		if l.answer(method) {
			return nil
		}
		return l.asIs()
	})
}

func closeOn(method string) effect {
	return lines(func(*wire) outFunc {
		return func(l *line) ([]string, func() error) {
			if l.answer(method) {
				return nil, func() error { return endf("close-on=%s", method) }
			}
			return l.asIs(), nil
		}
	})
}

func quiet(l *line) []string {
	if l.Method != "" {
		return l.asIs()
	}
	switch l.answers.method {
	case methodConfigure, methodSubscribe, methodAuthorize, methodSubmit:
		return l.asIs()
	}
	return nil
}

func bareSubscribe(l *line) []string {
	if l.answer(methodSubscribe) && l.answers.params > 0 {
		return []string{l.answered("null", `[20,"Too many parameters",null]`)}
	}
	return l.asIs()
}

func subscriptions(form string) effect {
	return rewrite(func(l *line) []string {
		var result []json.RawMessage
		if !l.answer(methodSubscribe) || json.Unmarshal(l.Result, &result) != nil || len(result) != 3 {
			return l.asIs()
		}
		subs := map[string]string{"flat": `["mining.notify","ae6812eb4cd7735a302a8a9dd95cf71f"]`, "empty": "[]", "null": "null"}[form]
		return []string{l.answered(fmt.Sprintf("[%s,%s,%s]", subs, result[1], result[2]), "null")}
	})
}

func difficultyAs(form string) effect {
	return rewrite(func(l *line) []string {
		var d float64
		if list := l.list(); l.Method != methodDifficulty || len(list) != 1 || json.Unmarshal(list[0], &d) != nil {
			return l.asIs()
		}
		written := map[string]string{
			"string":   quote(strconv.FormatFloat(d, 'f', -1, 64)),
			"long":     strconv.FormatFloat(d, 'f', 25, 64),
			"exponent": strconv.FormatFloat(d, 'E', -1, 64),
		}[form]
		return []string{l.with(written)}
	})
}

func errorsAs(form string) effect {
	return rewrite(func(l *line) []string {
		if !l.refused() {
			return l.asIs()
		}
		code, text := l.refusal()
		switch form {
		case "object":
			return []string{l.answered("null", `{"code":`+code+`,"message":`+text+`}`)}
		case "string":
			return []string{l.answered("null", text)}
		case "false":
			return []string{l.answered("false", "null")}
		}
		return []string{`{"reject-reason":` + text + `,"id":` + l.id() + `,"result":false,"error":null}`}
	})
}

func stringIDs(l *line) []string {
	if l.Method != "" || strings.HasPrefix(l.id(), `"`) {
		return l.asIs()
	}
	l.ID = json.RawMessage(quote(l.id()))
	return []string{l.answered(orNull(l.Result), orNull(l.Error))}
}

func noIDs(l *line) []string {
	if l.Method == "" || l.id() != "null" {
		return l.asIs()
	}
	return []string{`{"method":` + quote(l.Method) + `,"params":` + orNull(l.Params) + `}`}
}

func repeatMethod(l *line) []string {
	if l.Method != "" || l.answers.method == "" {
		return l.asIs()
	}
	return []string{`{"method":` + quote(l.answers.method) + `,` + strings.TrimPrefix(l.raw, "{")}
}

func extras(l *line) []string {
	const more = `{"jsonrpc":"2.0","extra":{"a":[1,{"b":null}]},`
	if l.Method == "" {
		return []string{more + strings.TrimPrefix(l.raw, "{")}
	}
	params := l.replaced(-1, "")
	if l.Method != "client.reconnect" { // its parameters are optional
		params = append(params, `"extra"`, `{"a":[1]}`)
	}
	return []string{more + strings.TrimPrefix(l.with(params...), "{")}
}
