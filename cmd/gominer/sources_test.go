package main

import (
	"log/slog"
	"testing"

	"go.uber.org/goleak"
)

func TestSourcesInFailoverOrder(t *testing.T) {
	o := sourceOptions{
		urls:     []string{"a.example.org:1", "http://127.0.0.1:8332", "stratum+tcp://b.example.org:2"},
		userpass: []string{"alice:x", "bob:y:z"},
	}
	o.node.Address = "bc1qx9t2l3pyny2spqpqlye8svce70nppwtaxwdrp4"
	if err := o.check(); err != nil {
		t.Fatal(err)
	}
	if o.users[0] != "alice" || o.users[1] != "bob" || o.passes[1] != "y:z" {
		t.Errorf("users %q, passwords %q", o.users, o.passes)
	}
	s, err := o.open(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if want := "a.example.org:1, http://127.0.0.1:8332, b.example.org:2"; s.Name() != want {
		t.Errorf("sources %q, want %q", s.Name(), want)
	}
}

func TestNth(t *testing.T) {
	for _, test := range []struct {
		values []string
		i      int
		want   string
	}{{nil, 0, ""}, {[]string{"a"}, 0, "a"}, {[]string{"a"}, 2, "a"}, {[]string{"a", "b"}, 1, "b"}, {[]string{"a", "b"}, 2, ""}} {
		if got := nth(test.values, test.i); got != test.want {
			t.Errorf("nth(%q, %d) = %q, want %q", test.values, test.i, got, test.want)
		}
	}
}

// TestNothingIsLeftRunning runs a pool and a miner over a real socket.
func TestNothingIsLeftRunning(t *testing.T) {
	defer goleak.VerifyNone(t)
	f := newFake("demo", "--json", "--until", "shares=3", "--difficulty", "0.00001", "--threads", "1")
	if code := f.run(); code != exitDone {
		t.Errorf("exit code %d: %s", code, f.err.String())
	}
}
