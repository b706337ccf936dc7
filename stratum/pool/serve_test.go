package pool_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gominer/stratum/pool"
)

// TestShutdown: what is being written reaches the client, then the connection
// ends.
func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipes()
		r := startOn(t, easy(), l)
		m := newMiner(t, l.dial()).login()
		m.write(`{"id":71,"method":"mining.ping","params":[]}`)
		m.write(`{"id":72,"method":"mining.ping","params":[]}`)
		synctest.Wait() // the first answer is being written, the second one waits
		stopped := make(chan struct{})
		go func() { r.stop(); close(stopped) }()
		synctest.Wait()
		for _, id := range []float64{71, 72} {
			if got := m.read(); got.ID != id {
				t.Errorf("answer %v, want %v", got.ID, id)
			}
		}
		if _, err := m.in.ReadByte(); err != io.EOF {
			t.Errorf("after the answers: %v, want EOF", err)
		}
		<-stopped
		if ev := r.events.await(t, "disconnected", 1); ev["reason"] != "the pool stops" {
			t.Errorf("event %v", ev)
		}
	})
}

// TestShutdownHurries: a client that reads nothing holds nobody up for long.
func TestShutdownHurries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipes()
		r := startOn(t, easy(), l)
		m := newMiner(t, l.dial()).login()
		for range 30 {
			m.write(`{"id":1,"method":"mining.ping","params":[]}`)
		}
		synctest.Wait()
		began := time.Now()
		r.stop()
		if d := time.Since(began); d > 5*time.Second {
			t.Errorf("stopping took %v", d)
		}
	})
}

// TestSlowReader: who does not read is dropped; nobody else notices.
func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipes()
		cfg := easy()
		cfg.Republish = 20 * time.Second
		r := startOn(t, cfg, l)
		slow, good := newMiner(t, l.dial()).login(), newMiner(t, l.dial()).login()
		began := time.Now()
		go func() { // pipelines more than the queue holds
			for {
				if _, err := io.WriteString(slow.nc, `{"id":1,"method":"mining.ping","params":[]}`+"\n"); err != nil {
					return
				}
			}
		}()
		good.ok("mining.ping")
		good.next(2)
		if d := time.Since(began); d != 20*time.Second {
			t.Errorf("the other client's job came after %v", d)
		}
		if ev := r.events.await(t, "disconnected", 1); ev["conn"] != uint64(1) || ev["reason"] != "it does not read what it is sent" {
			t.Errorf("event %v", ev)
		}
		good.nc.Close()
		r.stop()
	})
}

func TestDeadlines(t *testing.T) {
	for _, c := range []struct {
		name, reason string
		after        time.Duration
		client       func(m *miner)
	}{
		{"silent", "no worker was authorized in time", time.Minute, func(m *miner) {}},
		{"only subscribed", "no worker was authorized in time", time.Minute, func(m *miner) {
			m.subscribe()
			time.Sleep(50 * time.Second)
			m.ok("mining.ping")
		}},
		{"half a line at once", "a line was not ended in time", 30 * time.Second, func(m *miner) { io.WriteString(m.nc, `{"id":`) }},
		{"byte by byte", "a line was not ended in time", 90 * time.Second, func(m *miner) {
			m.login()
			time.Sleep(time.Minute)
			for range 100 {
				if _, err := io.WriteString(m.nc, " "); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}},
		{"idle", "silent for too long", 5*time.Minute + 10*time.Second, func(m *miner) {
			m.login()
			time.Sleep(10 * time.Second)
			m.ok("mining.ping")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newPipes()
				cfg := easy()
				cfg.Republish = 0
				cfg.IdleTimeout = 5 * time.Minute
				r := startOn(t, cfg, l)
				m := newMiner(t, l.dial())
				began := time.Now()
				var wg sync.WaitGroup
				wg.Go(func() { c.client(m) })
				ev := r.events.awaitFor(t, time.Hour, "disconnected", 1)
				if d := time.Since(began); ev["reason"] != c.reason || d != c.after {
					t.Errorf("dropped after %v because %q, want %v, %q", d, ev["reason"], c.after, c.reason)
				}
				wg.Wait()
				r.stop()
			})
		})
	}
}

// TestGarbage closes the connection that it came over, and no other.
func TestGarbage(t *testing.T) {
	r := start(t, easy())
	good := r.dial(t).login()
	for i, c := range []struct{ name, send, reason string }{
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "it speaks TLS: this port is not encrypted"},
		{"HTTP", "GET / HTTP/1.1\r\nHost: pool\r\n\r\n", "it speaks HTTP, as browsers do"},
		{"binary", "\x00\xff\xfe\n", "a Stratum V2 client, perhaps; this port is for Stratum V1"},
		{"SSH", "SSH-2.0-OpenSSH_9.9\r\n", "it speaks SSH"},
		{"NUL", "\x00\x01\n", "not a Stratum V1 line"},
		{"array", "[1,2,3]\n", "not a Stratum V1 line"},
		{"half an object", `{"id":1,"method"` + "\n", "not a Stratum V1 line"},
		{"deep", `{"id":1,"method":"x","params":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + "}\n", "JSON depth cap"},
		{"long line", `{"id":1,"method":"` + strings.Repeat("x", 1<<17), "line cap of 65536"},
		{"cut off", `{"id":1`, "inside a line"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := r.dial(t)
			go func() {
				io.WriteString(m.nc, c.send)
				if c.name == "cut off" {
					m.nc.(*net.TCPConn).CloseWrite()
				}
			}()
			if b, _ := io.ReadAll(m.nc); len(b) > 0 {
				t.Errorf("answered %q", b)
			}
			if ev := r.events.await(t, "disconnected", i+1); !strings.Contains(ev["reason"].(string), c.reason) {
				t.Errorf("dropped because %q, want …%s…", ev["reason"], c.reason)
			}
		})
	}
	w := good.next(1)
	good.want(good.submit(w, good.share(w, 0)), 0)
}

func TestMaxConns(t *testing.T) {
	cfg := easy()
	cfg.MaxConns = 2
	r := start(t, cfg)
	a := r.dial(t).login()
	r.dial(t).login()
	over := r.dial(t)
	if b, err := io.ReadAll(over.nc); !strings.Contains(string(b), "too many connections") || err != nil {
		t.Errorf("a third connection got %q, %v; want a reason", b, err)
	}
	r.events.await(t, "refused", 1)
	a.nc.Close()
	r.events.await(t, "disconnected", 1)
	r.dial(t).login()
}

func TestTwoListeners(t *testing.T) {
	r := start(t, easy())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Serve(ctx, l) }()
	a := r.dial(t).login()
	b := (&running{l: l}).dial(t).login()
	if slices.Equal(a.en1, b.en1) {
		t.Error("one extranonce1 on two listeners")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := b.in.ReadByte(); err == nil {
		t.Error("the second listener's connection lives on")
	}
	a.ok("mining.ping")
}

func TestServeFails(t *testing.T) {
	p, err := pool.New(easy())
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := p.Serve(t.Context(), l); err == nil {
		t.Error("Serve on a closed listener returned nil")
	}
}

// TestManyWorkers: a connection cannot name more workers than is reasonable.
func TestManyWorkers(t *testing.T) {
	m := start(t, easy()).dial(t).login()
	refused := 0
	for i := range 300 {
		if m.call("mining.authorize", fmt.Sprint("w", i), "x").code() == 24 {
			refused++
		}
	}
	if refused != 300-255 {
		t.Errorf("%d of 300 refused, want 45", refused)
	}
	m.want(m.submit(m.next(1), m.share(m.next(1), 0)), 0)
}

// TestThousand: every one of a thousand connections gets a new job.
func TestThousand(t *testing.T) {
	if testing.Short() {
		t.Skip("a thousand connections")
	}
	const n = 1000
	cfg := easy()
	cfg.Source = chainOf(easyBits)
	r := start(t, cfg)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)

	ready, came := make(chan struct{}, n), make(chan time.Time, n)
	var wg sync.WaitGroup
	defer wg.Wait()
	for i := range n {
		m := r.dial(t)
		m.worker = fmt.Sprint("w", i%10)
		wg.Go(func() {
			m.write(`{"id":1,"method":"mining.subscribe","params":["many/1"]}`)
			m.write(`{"id":2,"method":"mining.authorize","params":["` + m.worker + `","x"]}`)
			m.next(1)
			ready <- struct{}{}
			if w := m.next(2); w.clean {
				came <- time.Now()
			}
		})
	}
	for range n {
		<-ready
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	s := r.Stats()
	if len(s.Conns) != n || len(s.Workers) != 10 || s.Workers[0].Conns != n/10 {
		t.Fatalf("%d connections, workers %+v", len(s.Conns), s.Workers)
	}
	seen := map[string]bool{}
	for _, c := range s.Conns {
		seen[c.Extranonce1] = true
	}
	if len(seen) != n {
		t.Errorf("%d different extranonces, want %d", len(seen), n)
	}
	finder := r.dial(t).login()
	began := time.Now()
	finder.want(finder.submit(finder.next(1), finder.block(finder.next(1), 0)), 0)
	var times []time.Duration
	for range n {
		times = append(times, (<-came).Sub(began))
	}
	slices.Sort(times)
	t.Logf("a new job at %d connections, after the block: first %v, median %v, last %v", n, times[0], times[n/2], times[n-1])
	t.Logf("heap and stacks of both ends: %d KiB a connection",
		(after.HeapInuse+after.StackInuse-before.HeapInuse-before.StackInuse)/n>>10)
}

// TestComplaints: a flood of bad shares is answered and counted, but not warned
// of without end.
func TestComplaints(t *testing.T) {
	r := start(t, easy())
	m := r.dial(t).login()
	w := m.next(1)
	for range 100 {
		m.want(m.submit(w, try{ntime: w.ntime}), 20)
	}
	r.events.mu.Lock()
	defer r.events.mu.Unlock()
	shares, warned := 0, 0
	for _, e := range r.events.list {
		if e["event"] == "share" {
			shares++
			if e["level"] == slog.LevelWarn {
				warned++
			}
		}
	}
	if shares != 100 || warned != 10 {
		t.Errorf("%d events, %d of them warnings; want 100, 10", shares, warned)
	}
}

// TestHugeTransactions: those of any block fit in a line, more don't.
func TestHugeTransactions(t *testing.T) {
	for size, code := range map[int]int{4 << 20: 0, 8 << 20: 20} {
		cfg := easy()
		tmpl := fixedTemplate()
		tmpl.Txs = [][]byte{make([]byte, size)}
		cfg.Source = &pool.Fixed{Template: tmpl}
		m := start(t, cfg).dial(t).login()
		if l := m.call("mining.get_transactions", m.next(1).id); l.code() != code || code == 0 && len(l.Result) < 2*size {
			t.Errorf("%d bytes: got %.100s, %v; want code %d", size, l.Result, l.Error, code)
		}
	}
}

// TestHugeAnswersTakeTurns: memory for a few at a time, and a word to the others.
func TestHugeAnswersTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := easy()
		cfg.Republish = 0
		tmpl := fixedTemplate()
		tmpl.Txs = [][]byte{make([]byte, 1<<20)}
		cfg.Source = &pool.Fixed{Template: tmpl}
		l := newPipes()
		r := startOn(t, cfg, l)
		var ms []*miner
		for range 5 {
			m := newMiner(t, l.dial()).login()
			m.write(`{"id":99,"method":"mining.get_transactions","params":["` + m.next(1).id + `"]}`)
			synctest.Wait() // it is being written, but to nobody who reads
			ms = append(ms, m)
		}
		if a := ms[4].read(); a.code() != 20 || a.reason() != "the pool is busy: ask again" {
			t.Errorf("the fifth gets %.50s, %v", a.Result, a.Error)
		}
		if a := ms[0].read(); a.code() != 0 {
			t.Errorf("the first gets %v", a.Error)
		}
		if a := ms[4].call("mining.get_transactions", ms[4].next(1).id); a.code() != 0 {
			t.Errorf("the fifth gets %v when a turn is free", a.Error)
		}
		r.stop()
	})
}
