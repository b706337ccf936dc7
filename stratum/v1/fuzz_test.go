package v1

import (
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
)

// seeds adds lines that reach every decoder.
func seeds(f *testing.F, add func(line string)) {
	for _, c := range canonical(f) {
		add(c.line)
	}
	for _, d := range dialogues(f) {
		for _, line := range d.client {
			add(line)
		}
		for _, line := range d.server {
			add(line)
		}
	}
	for _, members := range []string{
		`"result":false,"error":null,"reject-reason":"Above target"`,
		`"error":{"code":21,"message":"stale"}`, `"result":[["mining.notify","x"],"ab",16]`,
		`"result":{"version-rolling":"no","x":false}`, `"result":["0102"],"error":"x"`,
	} {
		add(`{"id":"7",` + members + `}`)
	}
}

// fuzzLimits are small, so that the fuzzer finds the caps.
var fuzzLimits = Limits{Line: 4096, Depth: 6, Branch: 3, Coinbase: 128, JobID: 16, Text: 64}

// FuzzRead reads a stream as either side does: whatever comes, it ends in an
// error of a known kind, and what was let through keeps to the caps.
func FuzzRead(f *testing.F) {
	var client, server []string
	for _, d := range dialogues(f) {
		client, server = append(client, d.client...), append(server, d.server...)
	}
	f.Add([]byte(strings.Join(client, "\n")))
	f.Add([]byte(strings.Join(server, "\r\n")))
	seeds(f, func(line string) { f.Add([]byte(line + "\n\n" + ping1 + "\r\n")) })
	f.Fuzz(func(t *testing.T, stream []byte) {
		c := reader(string(stream), fuzzLimits)
		for range len(stream) + 2 {
			m, err := c.Read()
			var field *FieldError
			var protocol *ProtocolError
			var limit *LimitError
			switch {
			case err == nil:
				checkCaps(t, m)
				if r, ok := m.(*Response); ok {
					readAll(r)
				}
			case errors.As(err, &field):
				if field.Field == "" || field.Found == "" || field.Want == "" || field.Method == "" {
					t.Fatalf("incomplete: %+v", field)
				}
				checkClean(t, CleanText(err.Error(), 1000), 1000)
			case errors.As(err, &protocol), errors.As(err, &limit):
				if again, same := c.Read(); again != nil || same != err {
					t.Fatalf("after %v: %v, %v", err, again, same)
				}
				return
			case err == io.EOF, err == io.ErrUnexpectedEOF:
				return
			default:
				t.Fatalf("%T %v", err, err)
			}
		}
		t.Fatal("no end")
	})
}

// checkCaps checks that what a message holds is within fuzzLimits.
func checkCaps(t *testing.T, m Message) {
	t.Helper()
	l, ok := fuzzLimits, true
	switch m := m.(type) {
	case *Notify:
		_, err := m.Bits.Target()
		ok = err == nil && len(m.JobID) <= l.JobID && len(m.Branch) <= l.Branch && len(m.Coinb1) <= l.Coinbase && len(m.Coinb2) <= l.Coinbase
	case *Submit:
		ok = len(m.JobID) <= l.JobID && len(m.Worker) <= l.Text && len(m.Extranonce2) <= MaxExtranonce2Size
	case *SetExtranonce:
		ok = len(m.Extranonce1) <= MaxExtranonce1 && m.Extranonce2Size >= 0 && m.Extranonce2Size <= MaxExtranonce2Size
	case *Subscribe:
		ok = len(m.Agent) <= l.Text && len(m.Session) <= l.Text
	case *Authorize:
		ok = len(m.Worker) <= l.Text && len(m.Password) <= l.Text
	case *Reconnect:
		ok = len(m.Host) <= maxHost && m.Wait >= 0
	case *SetDifficulty:
		ok = m.Difficulty > 0 && m.Difficulty < 1e70
	case *Unknown:
		ok = len(m.Name) <= l.Text
	}
	if !ok {
		t.Fatalf("past a cap: %+v", m)
	}
}

// FuzzRoundTrip checks that a message which was read is written as a line that
// reads as the same message and is written the same again.
func FuzzRoundTrip(f *testing.F) {
	seeds(f, func(line string) { f.Add([]byte(line)) })
	f.Fuzz(func(t *testing.T, line []byte) {
		first, err := Parse(line, Limits{})
		if err != nil {
			return
		}
		written, err := Append(nil, first)
		if err != nil {
			t.Fatalf("%q was read but cannot be written: %v", line, err)
		}
		second, err := Parse(written, Limits{Line: 8 * (len(line) + 100)})
		if err != nil {
			t.Fatalf("%q\nwritten %q\ncannot be read: %v", line, written, err)
		}
		again, err := Append(nil, second)
		if err != nil || string(again) != string(written) {
			t.Fatalf("%q\nwritten %q\nwritten again %q, %v", line, written, again, err)
		}
		if a, b := plain(first), plain(second); !reflect.DeepEqual(a, b) {
			t.Fatalf("%q\nread    %+v\nwritten %q\nread    %+v", line, a, written, b)
		}
		sameAnswer(t, first, second)
	})
}

// plain returns m without its raw JSON, of which only the white space may
// change.
func plain(m Message) Message {
	switch m := m.(type) {
	case *Response:
		r := *m
		r.Result = nil
		return &r
	case *Unknown:
		u := *m
		u.Params = nil
		return &u
	}
	return m
}

// sameAnswer checks that two responses say the same to every request, and that
// the typed answers are written as they are read.
func sameAnswer(t *testing.T, first, second Message) {
	a, ok := first.(*Response)
	if !ok {
		return
	}
	b := second.(*Response)
	sub, err := a.Subscribe(Limits{})
	sub2, err2 := b.Subscribe(Limits{})
	if (err == nil) != (err2 == nil) || !reflect.DeepEqual(sub, sub2) {
		t.Fatalf("subscribe: %+v, %v; then %+v, %v", sub, err, sub2, err2)
	}
	if sub != nil {
		if sub2, err = sub.Response(a.ID).Subscribe(Limits{}); err != nil || len(sub.Subscriptions) > 0 && !reflect.DeepEqual(sub, sub2) {
			t.Fatalf("subscribe: %+v written is %+v, %v", sub, sub2, err)
		}
	}
	conf, err := a.Configure(Limits{})
	conf2, err2 := b.Configure(Limits{})
	if (err == nil) != (err2 == nil) || !reflect.DeepEqual(conf, conf2) {
		t.Fatalf("configure: %+v, %v; then %+v, %v", conf, err, conf2, err2)
	}
	if conf != nil {
		if conf2, err = conf.Response(a.ID).Configure(Limits{}); err != nil || !reflect.DeepEqual(conf, conf2) {
			t.Fatalf("configure: %+v written is %+v, %v", conf, conf2, err)
		}
	}
	if x, y := outcomeClass(a.Accepted()), outcomeClass(b.Accepted()); x != y {
		t.Fatalf("accepted: %s, then %s", x, y)
	}
}

func outcomeClass(err error) string {
	if err == nil {
		return "ok"
	}
	return reflect.TypeOf(err).String()
}

func FuzzCleanText(f *testing.F) {
	for _, s := range []string{"", "a\x1b[1mb", "\x1b]0;t\a", "\u009dx\u009c", "é\u202e\xff\n", "\x1b\x1b\x1b[", "\x1bP\x1b\\"} {
		f.Add(s, 10)
		f.Add(s, 1)
	}
	f.Fuzz(func(t *testing.T, s string, max int) {
		if max < 0 || max > 1<<16 {
			max = 100
		}
		checkClean(t, s, max)
		visible([]byte(s))
	})
}
