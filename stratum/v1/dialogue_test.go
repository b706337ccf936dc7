package v1

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// dialogue is a recorded session: the lines of the two sides, in order.
type dialogue struct {
	name           string
	client, server []string
}

// dialogues reads testdata/dialogues; see testdata/README.md.
func dialogues(t testing.TB) []dialogue {
	t.Helper()
	files, err := filepath.Glob("testdata/dialogues/*.txt")
	if err != nil || len(files) != 3 {
		t.Fatalf("%d dialogues, %v; want 3", len(files), err)
	}
	var all []dialogue
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		d := dialogue{name: filepath.Base(file)}
		for l := range strings.Lines(string(b)) {
			l = strings.TrimSpace(l)
			if _, sent, ok := strings.Cut(l, " -> "); ok {
				d.client = append(d.client, sent)
			} else if _, received, ok := strings.Cut(l, " <- "); ok {
				d.server = append(d.server, received)
			}
		}
		all = append(all, d)
	}
	return all
}

func TestDialogues(t *testing.T) {
	// Types of what each side says, in order; repeated ones are counted once.
	const client = "Configure Subscribe ExtranonceSubscribe SuggestDifficulty Authorize SuggestDifficulty SuggestTarget Submit GetTransactions Ping Unknown"
	server := map[string]string{
		"ckpool-lhr-signet-v1.txt":   "Response SetDifficulty Notify SetDifficulty Response Notify SetDifficulty Response",
		"gopool-regtest-v1.txt":      "Response SetExtranonce Response SetExtranonce Response SetDifficulty Response Notify Response",
		"public-pool-regtest-v1.txt": "Response SetDifficulty Response Notify Response",
	}
	for _, d := range dialogues(t) {
		t.Run(d.name, func(t *testing.T) {
			if got := replay(t, d.client, true); got != client {
				t.Errorf("client says %s\nwant %s", got, client)
			}
			if got := replay(t, d.server, false); got != server[d.name] {
				t.Errorf("server says %s\nwant %s", got, server[d.name])
			}
		})
	}
}

// replay reads lines from one connection, checks that each message written again
// says the same, and returns the names of their types. The recorded client ends
// with a line of garbage.
func replay(t *testing.T, said []string, garbage bool) string {
	t.Helper()
	c := reader(strings.Join(said, "\n")+"\n", Limits{})
	var names []string
	for i, line := range said {
		m, err := c.Read()
		if garbage && i == len(said)-1 {
			var p *ProtocolError
			if !errors.As(err, &p) {
				t.Errorf("%s: %v, want a ProtocolError", line, err)
			}
			break
		}
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		name := strings.TrimPrefix(fmt.Sprintf("%T", m), "*v1.")
		if len(names) == 0 || names[len(names)-1] != name {
			names = append(names, name)
		}
		again, err := Append(nil, m)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if got, want := meaning(t, again), meaning(t, []byte(line)); !reflect.DeepEqual(got, want) {
			t.Errorf("read   %s\nwrites %s", line, again)
		}
	}
	return strings.Join(names, " ")
}

// meaning returns what a line says, but for the traceback of an error, which
// public-pool writes as "".
func meaning(t *testing.T, line []byte) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(line, &m); err != nil {
		t.Fatal(err)
	}
	if e, ok := m["error"].([]any); ok && len(e) == 3 {
		e[2] = nil
	}
	return m
}

// What the pools answered, by the request of the same id.
func TestDialogueAnswers(t *testing.T) {
	type answers struct{ configure, subscribe, authorize, submits, transactions string }
	want := map[string]answers{
		"ckpool-lhr-signet-v1.txt": {"mask 1fffe000", "session 6b01092f, 2f09016b + 8", "ok",
			"23 21 23 20", "field transactions"},
		"gopool-regtest-v1.txt": {"mask 1fffe000", "session 1, 00000001 + 4", "ok",
			"23 21 20 20", "ok"},
		"public-pool-regtest-v1.txt": {"mask 1fffe000", "session bc4e7784, bc4e7784 + 4", "ok",
			"23 21 23 23", "none"},
	}
	for _, d := range dialogues(t) {
		asked := map[uint64]Message{}
		for _, line := range d.client {
			if m, err := Parse([]byte(line), Limits{}); err == nil {
				n, ok := idOf(t, m).Number()
				if !ok {
					t.Fatalf("%s: no number for an id", line)
				}
				asked[n] = m
			}
		}
		got := answers{transactions: "none"}
		var codes []string
		for _, line := range d.server {
			m, err := Parse([]byte(line), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			r, ok := m.(*Response)
			if !ok {
				continue
			}
			n, _ := r.ID.Number()
			switch asked[n].(type) {
			case *Configure:
				res, err := r.Configure(Limits{})
				if err != nil {
					t.Fatal(err)
				}
				got.configure = fmt.Sprintf("mask %08x", res.Mask)
			case *Subscribe:
				res, err := r.Subscribe(Limits{})
				if err != nil {
					t.Fatal(err)
				}
				got.subscribe = fmt.Sprintf("session %s, %x + %d", res.Session(), res.Extranonce1, res.Extranonce2Size)
			case *Authorize:
				got.authorize = outcome(r.Accepted())
			case *Submit:
				var e *Error
				if err := r.Accepted(); !errors.As(err, &e) {
					t.Errorf("%s: %s: %v", d.name, line, err)
				} else {
					codes = append(codes, fmt.Sprint(e.Code))
				}
			case *GetTransactions:
				_, err := r.Transactions()
				var f *FieldError
				if got.transactions = "ok"; errors.As(err, &f) {
					got.transactions = "field " + f.Field
				}
			}
		}
		got.submits = strings.Join(codes, " ")
		if got != want[d.name] {
			t.Errorf("%s: got %+v\nwant %+v", d.name, got, want[d.name])
		}
	}
}

func idOf(t *testing.T, m Message) ID {
	t.Helper()
	f := reflect.ValueOf(m).Elem().FieldByName("ID")
	if !f.IsValid() {
		t.Fatalf("%T has no ID", m)
	}
	return f.Interface().(ID)
}

// A stream cut anywhere gives every whole line, and then io.EOF or
// io.ErrUnexpectedEOF.
func TestDialogueCut(t *testing.T) {
	for _, d := range dialogues(t) {
		for _, side := range [][]string{d.server, d.client[:len(d.client)-1]} {
			stream := []byte(strings.Join(side, "\r\n") + "\r\n")
			step := 1
			if testing.Short() {
				step = 7
			}
			for n := 0; n <= len(stream); n += step {
				c := NewConn(duplex{bytes.NewReader(stream[:n]), nil}, Limits{})
				whole := bytes.Count(stream[:n], []byte("\n"))
				for range whole {
					if _, err := c.Read(); err != nil {
						t.Fatalf("%s cut at %d: %v", d.name, n, err)
					}
				}
				want := io.EOF
				if n > 0 && stream[n-1] != '\n' {
					want = io.ErrUnexpectedEOF
				}
				if m, err := c.Read(); err != want {
					t.Fatalf("%s cut at %d: %v, %v; want %v", d.name, n, m, err, want)
				}
			}
		}
	}
}
