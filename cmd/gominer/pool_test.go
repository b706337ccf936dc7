package main

import (
	"net"
	"regexp"
	"testing"
	"time"

	"gominer/stratum/pool"
)

// TestPoolLine: a pool that nobody has found yet says how to mine on it.
func TestPoolLine(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	addr := l.Addr().String()
	plain := front{Listener: l, url: "stratum+tcp://" + addr}
	pinned := front{Listener: l, url: "stratum+tls://" + addr, pin: "sha256/AAAA", unknown: true}
	if got, want := plain.invitation(), "gominer mine -o "+addr+" -u anybody"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := pinned.invitation(), "gominer mine -o stratum+tls://"+addr+" --tls-pin sha256/AAAA -u anybody"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}

	s := pool.Stats{Started: time.Now()}
	if got := poolLine(s, "INVITATION"); !regexp.MustCompile(`^0s · no miner yet: INVITATION$`).MatchString(got) {
		t.Errorf("without miners: %q", got)
	}
	s.Conns = make([]pool.ConnStats, 1)
	if got := poolLine(s, "INVITATION"); !regexp.MustCompile(`^0s · 1 miner · 0 H/s · 0 accepted, `).MatchString(got) {
		t.Errorf("with one: %q", got)
	}
	s.Conns, s.Total.Accepted = nil, 3
	if got := poolLine(s, "INVITATION"); !regexp.MustCompile(`^0s · 0 miners · .* 3 accepted, `).MatchString(got) {
		t.Errorf("when all have gone: %q", got)
	}
}
