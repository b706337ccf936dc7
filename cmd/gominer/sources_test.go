package main

import (
	"log/slog"
	"testing"

	"go.uber.org/goleak"
)

// mineOf returns the options of a command line of mine, checked.
func mineOf(t *testing.T, environ []string, args ...string) (*mineOptions, error) {
	t.Helper()
	f := newFake(append([]string{"mine"}, args...)...)
	f.environ = environ
	o := &mineOptions{}
	cmd, rest, err := newRootFor(f.process, o).Find(f.args)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.ParseFlags(rest); err != nil {
		t.Fatal(err)
	}
	if err := f.resolve(cmd); err != nil {
		return nil, err
	}
	return o, o.sources.check()
}

func TestSourcesInFailoverOrder(t *testing.T) {
	o, err := mineOf(t, nil, "-o", "a.example.org:1", "-o", "http://127.0.0.1:8332", "-o", "stratum+tcp://b.example.org:2",
		"-O", "alice:x", "-O", "bob:y:z", "--coinbase-address", "bc1qx9t2l3pyny2spqpqlye8svce70nppwtaxwdrp4")
	if err != nil {
		t.Fatal(err)
	}
	a, node, b := o.sources.list[0], o.sources.list[1], o.sources.list[2]
	if a.pool.User != "alice" || b.pool.User != "bob" || b.pool.Pass != "y:z" || node.pool.User != "" || a.node.Address != "" {
		t.Errorf("%+v\n%+v\n%+v", a, node, b)
	}
	s, err := o.sources.open(slog.New(slog.DiscardHandler), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := "a.example.org:1, http://127.0.0.1:8332, b.example.org:2"; s.Name() != want {
		t.Errorf("sources %q, want %q", s.Name(), want)
	}
}

// TestNothingIsLeftRunning runs a pool and a miner over a real socket.
func TestNothingIsLeftRunning(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	f := newFake("demo", "--json", "--until", "shares=3", "--difficulty", "0.00001", "--threads", "1")
	if code := f.run(); code != exitDone {
		t.Errorf("exit code %d: %s", code, f.err.String())
	}
}
