package fault

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gominer/stratum/pool"
)

const mostCount = 1_000_000 // of what an argument counts

// troubles are the ways in which pools and networks break down.
var troubles = []Fault{
	{Name: "mute-shares", Arg: "N", Default: "1", Kind: Trouble,
		About: "every Nth share is never answered", prepare: number(1, mostCount, muteShares)},
	{Name: "delay-shares", Arg: "TIME", Default: "3s", Kind: Trouble,
		About: "shares are answered after TIME", prepare: span(delayShares)},
	{Name: "swap-answers", Kind: Trouble,
		About: "each second answer to a share comes before the first", prepare: plain(lines(swapAnswers))},
	{Name: "reject", Arg: "N", Default: "2", Kind: Trouble,
		About: "every Nth share is refused, however good", prepare: number(1, mostCount, reject)},
	{Name: "wrong-ids", Kind: Trouble,
		About: "shares are answered under ids that nobody used", prepare: plain(rewrite(wrongIDs))},
	{Name: "deny", Arg: "TEXT", Default: "wrong password", Kind: Trouble,
		About: "no worker is authorized: TEXT", prepare: text(deny)},
	{Name: "no-jobs", Kind: Trouble,
		About: "no job ever comes", prepare: plain(rewrite(noJobs))},
	{Name: "lose-jobs", Arg: "N", Default: "2", Kind: Trouble,
		About: "every Nth job never comes, nor does its clean flag", prepare: number(2, mostCount, loseJobs)},
	{Name: "repeat-jobs", Kind: Trouble,
		About: "each job comes twice", prepare: plain(rewrite(repeatJobs))},
	{Name: "stale-jobs", Kind: Trouble,
		About: "after each job comes the one before again", prepare: plain(lines(staleJobs))},
	{Name: "clean", Arg: "WORD", Default: "always", Kind: Trouble,
		About: "jobs are clean WORD: always or never", prepare: choice(clean, "always", "never")},
	{Name: "flap-difficulty", Arg: "N", Default: "1000", Kind: Trouble,
		About: "before each job the difficulty is N times as high for a moment", prepare: number(2, mostCount, flapDifficulty)},
	{Name: "huge-coinbase", Arg: "BYTES", Default: "100000", Kind: Trouble,
		About: "the coinbase is BYTES larger; the limits of miners begin at some thousand", prepare: number(1, 3<<20, hugeCoinbase)},
	{Name: "silent", Arg: "N", Default: "1", Kind: Trouble,
		About: "after N jobs the pool reads on but says nothing any more", prepare: number(1, mostCount, silent)},
	{Name: "half-open", Arg: "N", Default: "1", Kind: Trouble,
		About: "after N jobs the pool neither reads nor says anything, and does not close", prepare: number(1, mostCount, halfOpen)},
	{Name: "slow", Arg: "TIME", Default: "20ms", Kind: Trouble,
		About: "each byte takes TIME", prepare: span(slow)},
	{Name: "close", Arg: "N", Default: "2", Kind: Trouble,
		About: "after N jobs the connection is closed", prepare: number(1, mostCount, closeAfter)},
	{Name: "reset", Arg: "N", Default: "2", Kind: Trouble,
		About: "after N jobs the connection is reset", prepare: number(1, mostCount, resetAfter)},
	{Name: "truncate", Arg: "N", Default: "2", Kind: Trouble,
		About: "the Nth job is cut in the middle, and the connection closed", prepare: number(1, mostCount, truncate)},
	{Name: "farewell", Arg: "TEXT", Default: "Banned", Kind: Trouble,
		About: "after the first job comes an error that answers nothing, TEXT, and the connection is closed", prepare: text(farewell)},
	{Name: "reconnect", Arg: "ADDR", Default: "pool.example.net:3333", Kind: Trouble,
		About: "after the first job miners are sent to ADDR, host:port (client.reconnect)", prepare: reconnect},
	{Name: "reconnect-storm", Arg: "TIME", Default: "100ms", Kind: Trouble,
		About: "from the first job on, miners are asked to connect again every TIME", prepare: span(reconnectStorm)},
	{Name: "reconnect-wait", Arg: "SECONDS", Default: "2147483647", Kind: Trouble,
		About: "after the first job miners are asked to come again in SECONDS", prepare: number(0, 1<<31-1, reconnectWait)},
}

func muteShares(n int) effect {
	return everyShare(n, func(*line) []string { return nil })
}

func reject(n int) effect {
	return everyShare(n, func(l *line) []string {
		return []string{l.answered("null", `[20,"Rejected by the fault reject",null]`)}
	})
}

// everyShare does something to the answer to every nth share of a connection.
func everyShare(n int, do func(l *line) []string) effect {
	return lines(func(*wire) outFunc {
		seen := 0
		return func(l *line) ([]string, func() error) {
			if !l.answer(methodSubmit) {
				return l.asIs(), nil
			}
			if seen++; seen%n != 0 {
				return l.asIs(), nil
			}
			return do(l), nil
		}
	})
}

func delayShares(d time.Duration) effect {
	return lines(func(w *wire) outFunc {
		return func(l *line) ([]string, func() error) {
			if !l.answer(methodSubmit) {
				return l.asIs(), nil
			}
			w.later(d, l.raw)
			return nil, nil
		}
	})
}

func swapAnswers(*wire) outFunc {
	held := ""
	return func(l *line) ([]string, func() error) {
		switch {
		case !l.answer(methodSubmit):
			return l.asIs(), nil
		case held == "":
			held = l.raw
			return nil, nil
		}
		out := []string{l.raw, held}
		held = ""
		return out, nil
	}
}

func wrongIDs(l *line) []string {
	n, err := strconv.ParseUint(l.id(), 10, 63)
	if !l.answer(methodSubmit) || err != nil {
		return l.asIs()
	}
	l.ID = json.RawMessage(strconv.FormatUint(n+1_000_000, 10))
	return []string{l.answered(orNull(l.Result), orNull(l.Error))}
}

func deny(why string) effect {
	return rewrite(func(l *line) []string {
		if !l.answer(methodAuthorize) {
			return l.asIs()
		}
		return []string{l.answered("null", `[24,`+quote(why)+`,null]`)}
	})
}

func noJobs(l *line) []string {
	if l.Method == methodNotify {
		return nil
	}
	return l.asIs()
}

// jobs changes jobs alone: do returns what becomes of the nth.
func jobs(do func(n int, l *line) []string) outFunc {
	n := 0
	return func(l *line) ([]string, func() error) {
		if l.Method != methodNotify {
			return l.asIs(), nil
		}
		n++
		return do(n, l), nil
	}
}

func loseJobs(every int) effect {
	return lines(func(*wire) outFunc {
		return jobs(func(n int, l *line) []string {
			if n%every == 0 {
				return nil
			}
			return l.asIs()
		})
	})
}

func repeatJobs(l *line) []string {
	if l.Method == methodNotify {
		return []string{l.raw, l.raw}
	}
	return l.asIs()
}

func staleJobs(*wire) outFunc {
	before := ""
	return jobs(func(_ int, l *line) []string {
		out := l.asIs()
		if before != "" {
			out = append(out, before)
		}
		before = l.with(l.replaced(fieldClean, "false")...)
		return out
	})
}

func clean(when string) effect {
	return rewrite(func(l *line) []string {
		if l.Method != methodNotify {
			return l.asIs()
		}
		return []string{l.with(l.replaced(fieldClean, strconv.FormatBool(when == "always"))...)}
	})
}

func flapDifficulty(factor int) effect {
	return lines(func(*wire) outFunc {
		now := 1.0
		return func(l *line) ([]string, func() error) {
			switch l.Method {
			case methodDifficulty:
				if list := l.list(); len(list) > 0 {
					_ = json.Unmarshal(list[0], &now) // the pool writes numbers
				}
			case methodNotify:
				return []string{
					notification(methodDifficulty, fmt.Sprint(now*float64(factor))),
					notification(methodDifficulty, fmt.Sprint(now)), l.raw,
				}, nil
			}
			return l.asIs(), nil
		}
	})
}

func hugeCoinbase(size int) effect {
	return quirk(func(q *pool.Quirks) { q.CoinbasePad = size })
}

// afterJob is the effect of a fault that begins with the nth job.
func afterJob(n int, then func(w *wire) error) effect {
	return lines(func(w *wire) outFunc {
		jobs := 0
		return func(l *line) ([]string, func() error) {
			if l.Method == methodNotify {
				jobs++
			}
			if l.Method != methodNotify || jobs != n {
				return l.asIs(), nil
			}
			return l.asIs(), func() error { return then(w) }
		}
	})
}

func silent(n int) effect {
	return afterJob(n, func(w *wire) error { w.mute.Store(true); return nil })
}

func halfOpen(n int) effect {
	return afterJob(n, func(w *wire) error {
		w.mute.Store(true)
		w.deaf.Store(true)
		return nil
	})
}

func slow(d time.Duration) effect {
	return effect{act: func(w *wire) act {
		w.slowness = d
		return act{}
	}}
}

func closeAfter(n int) effect {
	return afterJob(n, func(*wire) error { return endf("close=%d", n) })
}

func resetAfter(n int) effect {
	return afterJob(n, func(w *wire) error {
		w.reset()
		return endf("reset=%d", n)
	})
}

func truncate(n int) effect {
	return lines(func(w *wire) outFunc {
		jobs := 0
		return func(l *line) ([]string, func() error) {
			if l.Method == methodNotify {
				jobs++
			}
			if l.Method != methodNotify || jobs != n {
				return l.asIs(), nil
			}
			return nil, func() error {
				if err := w.emit([]byte(l.raw[:len(l.raw)/2])); err != nil {
					return err
				}
				return endf("truncate=%d", n)
			}
		}
	})
}

func farewell(what string) effect {
	return afterJob(1, func(w *wire) error {
		if err := w.send(`{"id":null,"result":null,"error":[20,` + quote(what) + `,null]}`); err != nil {
			return err
		}
		return endf("farewell=%s", what)
	})
}

func reconnect(addr string) (effect, error) {
	host, port, found := strings.Cut(addr, ":")
	n, err := strconv.ParseUint(port, 10, 16)
	if !found || err != nil || n == 0 {
		return effect{}, fmt.Errorf("want host:port")
	}
	return afterJob(1, func(w *wire) error {
		return w.send(notification("client.reconnect", quote(host), port))
	}), nil
}

func reconnectStorm(d time.Duration) effect {
	return afterJob(1, func(w *wire) error {
		w.beside.Go(func() {
			for w.say(notification("client.reconnect")) == nil && w.sleep(d) {
			}
		})
		return nil
	})
}

func reconnectWait(seconds int) effect {
	return afterJob(1, func(w *wire) error {
		return w.send(notification("client.reconnect", `""`, "null", strconv.Itoa(seconds)))
	})
}
