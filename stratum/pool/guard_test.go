package pool_test

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gominer/stratum/pool"
)

// TestBan: an address that sends too many bad shares is told so and sent away for
// a while, with all of its connections; each time for twice as long.
func TestBan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := easy()
		cfg.Republish = 0
		cfg.Guard = pool.Guard{BadShares: 5, Ban: time.Minute, MaxBan: 3 * time.Minute}
		l := newPipes()
		r := startOn(t, cfg, l)
		bystander := newMiner(t, l.dialFrom("192.0.2.8")).login()
		for i, ban := range []string{"1m0s", "2m0s", "3m0s", "3m0s"} {
			second := newMiner(t, l.dialFrom("192.0.2.7")).login()
			m := newMiner(t, l.dialFrom("192.0.2.7")).login()
			w := m.next(1)
			for range 5 {
				if l := m.submit(w, try{ntime: w.ntime}); l.code() != 20 || strings.Contains(l.reason(), "banned") {
					t.Fatalf("ban %d: %v, want a plain refusal", i, l.Error)
				}
			}
			want := "banned for " + ban + ": too many bad shares"
			if l := m.submit(w, try{ntime: w.ntime}); !strings.HasSuffix(l.reason(), want) {
				t.Errorf("ban %d: the share is answered with %v, want …%s", i, l.Error, want)
			}
			for _, m := range []*miner{m, second} {
				if b, err := io.ReadAll(m.in); len(b) > 0 || err != nil {
					t.Errorf("ban %d: then came %q, %v; want the end", i, b, err)
				}
			}
			again := newMiner(t, l.dialFrom("192.0.2.7"))
			if l := again.read(); l.reason() != want || l.ID != nil {
				t.Errorf("ban %d: a new connection gets %v, want %s", i, l.Error, want)
			}
			d, _ := time.ParseDuration(ban)
			time.Sleep(d)
		}
		bystander.ok("mining.ping")
		if s := r.Stats(); s.Bans != 4 || s.Total.ByCode[20] != 24 {
			t.Errorf("%d bans, %v refusals; want 4, 24", s.Bans, s.Total.ByCode)
		}
		if ev := r.events.await(t, "banned", 1); ev["address"] != "192.0.2.7" || ev["time"] != time.Minute {
			t.Errorf("event %v", ev)
		}
		bystander.nc.Close()
		r.stop()
	})
}

// TestBadSharesAreForgiven: by time, and by good ones.
func TestBadSharesAreForgiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := easy()
		cfg.Republish = 0
		cfg.Guard = pool.Guard{BadShares: 5, BadSharesRate: 2}
		l := newPipes()
		r := startOn(t, cfg, l)
		m := newMiner(t, l.dialFrom("2001:db8::1")).login()
		w := m.next(1)
		bad := func(n int) {
			t.Helper()
			for range n {
				m.want(m.submit(w, try{ntime: w.ntime}), 20)
			}
		}
		bad(5)
		time.Sleep(2 * time.Minute) // four are forgiven
		bad(4)
		for i := range 16 {
			m.want(m.submit(w, m.share(w, uint64(i))), 0)
		}
		bad(4)
		for range 20 { // of a job that was, as after a restart: nobody's fault
			m.want(m.call("mining.submit", "w", "1", "00000000", "00000000", "00000000"), 21)
		}
		m.want(m.call("mining.submit", "w", "ffffffffffffffff", "00000000", "00000000", "00000000"), 21) // that never was
		if _, err := m.in.ReadByte(); err != io.EOF {
			t.Errorf("after one bad share too many: %v, want EOF", err)
		}
		if b := newMiner(t, l.dialFrom("2001:db8::ffff")).read(); !strings.HasPrefix(b.reason(), "banned") {
			t.Errorf("an address of the same /64 gets %v", b.Error)
		}
		newMiner(t, l.dialFrom("2001:db8:0:1::1")).login().nc.Close()
		r.stop()
	})
}

// TestBrokenLines and refused workers lead to a ban too, later than bad shares.
func TestBrokenLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := easy()
		cfg.Authorize = func(_, password string) error {
			if password == "no" {
				return fmt.Errorf("wrong password")
			}
			return nil
		}
		l := newPipes()
		r := startOn(t, cfg, l)
		for i := range 10 {
			m := newMiner(t, l.dialFrom("192.0.2.7"))
			m.write("GET / HTTP/1.1")
			if _, err := m.in.ReadByte(); err != io.EOF {
				t.Fatalf("line %d: %v, want EOF", i, err)
			}
		}
		m := newMiner(t, l.dialFrom("192.0.2.7"))
		if l := m.call("mining.authorize", "w", "no"); !strings.HasPrefix(l.reason(), "wrong password") {
			t.Errorf("got %v", l.Error)
		}
		if _, err := m.in.ReadByte(); err != io.EOF {
			t.Errorf("guessing passwords: %v, want EOF", err)
		}
		r.events.await(t, "banned", 1)
		r.stop()
	})
}

func TestConnsOfAnAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := easy()
		cfg.Guard.Conns = 2
		l := newPipes()
		r := startOn(t, cfg, l)
		a := newMiner(t, l.dialFrom("192.0.2.7")).login()
		newMiner(t, l.dialFrom("::ffff:192.0.2.7")).login()
		if l := newMiner(t, l.dialFrom("192.0.2.7")).read(); l.reason() != "too many connections from one address: at most 2" {
			t.Errorf("a third connection gets %v", l.Error)
		}
		newMiner(t, l.dialFrom("192.0.2.8")).login()
		for range 5 { // this machine is trusted
			newMiner(t, l.dialFrom("127.0.0.1")).login()
			newMiner(t, l.dialFrom("::1")).login()
		}
		a.nc.Close()
		synctest.Wait()
		newMiner(t, l.dialFrom("192.0.2.7")).login()
		r.stop()
	})
}

// TestLinesPerSecond: who sends more has to wait, and loses nothing.
func TestLinesPerSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := easy()
		cfg.Republish = 0
		cfg.Guard.Lines = 10
		l := newPipes()
		r := startOn(t, cfg, l)
		for ip, want := range map[string]time.Duration{"192.0.2.7": 20 * time.Second, "127.0.0.1": 0} {
			m := newMiner(t, l.dialFrom(ip))
			began := time.Now()
			for range 241 { // 40 of them at once
				m.ok("mining.ping")
			}
			if d := time.Since(began).Round(100 * time.Millisecond); d != want {
				t.Errorf("%s: 241 pings took %v, want %v", ip, d, want)
			}
			m.nc.Close()
		}
		r.stop()
	})
}

// TestQuietLog: coming and going without end doesn't fill the log.
func TestQuietLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := easy()
		cfg.Guard.Conns = 1
		l := newPipes()
		r := startOn(t, cfg, l)
		held := newMiner(t, l.dialFrom("192.0.2.7"))
		synctest.Wait()
		for i := range 200 {
			l.dialFrom(fmt.Sprintf("192.0.2.%d", 8+i)).Close()
			bufio.NewReader(l.dialFrom("192.0.2.7")).ReadString('\n')
			synctest.Wait()
		}
		count := func() map[any]int {
			r.events.mu.Lock()
			defer r.events.mu.Unlock()
			n := map[any]int{}
			for _, e := range r.events.list {
				if e["level"] != slog.LevelDebug {
					n[e["event"]]++
				}
			}
			return n
		}
		if n := count(); n["connected"] != 60 || n["disconnected"] != 59 || n["refused"] != 10 {
			t.Errorf("shown: %v; want 60 connected, 59 of them gone, 10 refused", n)
		}
		time.Sleep(2 * time.Minute)
		held.nc.Close()
		l.dialFrom("192.0.2.7").Close()
		synctest.Wait()
		if n := count(); n["unsaid"] != 1 || n["connected"] != 61 {
			t.Errorf("shown later: %v; want 1 more connected and a word about the others", n)
		}
		r.stop()
	})
}

func TestGuardConfig(t *testing.T) {
	for name, c := range map[string]struct {
		guard pool.Guard
		want  string
	}{
		"bans shrink": {pool.Guard{Ban: time.Hour, MaxBan: time.Minute}, "shorter than the first"},
		"no number":   {pool.Guard{Lines: math.NaN()}, "not a number"},
		"none":        {pool.Guard{Conns: -1, Lines: -1, BadShares: -1, BadSharesRate: -1, Ban: -1, MaxBan: -1, Trusted: []netip.Prefix{}}, ""},
	} {
		cfg := easy()
		cfg.Guard = c.guard
		_, err := pool.New(cfg)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
