package pool_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gominer/hasher"
	"gominer/internal/mainnet"
	"gominer/stratum/noise"
	"gominer/stratum/pool"
	"gominer/stratum/v2"
)

// told is a source whose templates a test publishes.
type told struct {
	template pool.Template // the first
	publish  chan pool.Template
}

func (s *told) Run(ctx context.Context, publish func(*pool.Template) error) error {
	for t := s.template; ; {
		again := t
		if err := publish(&again); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case t = <-s.publish:
		}
	}
}

func (s *told) Submit(context.Context, *pool.Block) error { return nil }

// mainnetWork is a source whose work is that of a block of Bitcoin's main chain with
// a merkle branch of 12, cut for 4 bytes of extranonce1 and 8 of extranonce2.
func mainnetWork(t testing.TB) (src *told, cfg pool.Config) {
	t.Helper()
	j := mainnet.Jobs()[3]
	w := (&miner{t: t, difficulty: 1}).job(j.Notify)
	room := len(j.Extranonce1)/2 + len(j.Extranonce2)/2
	if room < 12 {
		t.Fatalf("room for %d bytes of extranonce", room)
	}
	fill, err := hex.DecodeString((j.Extranonce1 + j.Extranonce2)[24:])
	if err != nil {
		t.Fatal(err)
	}
	src = &told{publish: make(chan pool.Template)}
	src.template = pool.Template{
		Height: j.Height, Version: w.version, PrevHash: hasher.Hash(w.prev), Bits: hasher.Bits(w.bits), Time: uint32(time.Now().Unix()),
		Prefix: w.coinb1, Suffix: slices.Concat(fill, w.coinb2),
	}
	for _, h := range w.branch {
		src.template.Branch = append(src.template.Branch, hasher.Hash(h))
	}
	cfg = pool.DefaultConfig()
	cfg.Source, cfg.Difficulty, cfg.Republish = src, 1e-8, 0
	cfg.Extranonce2Size, cfg.V2.ExtranonceSize = 8, 8
	return src, cfg
}

// next is the template after t: on another block, or with another transaction.
func next(t pool.Template, block bool, n int) pool.Template {
	if block {
		t.PrevHash[0], t.PrevHash[1] = byte(n), byte(n>>8)
		return t
	}
	t.Branch = slices.Clone(t.Branch)
	t.Branch[0][0], t.Branch[0][1] = byte(n), byte(n>>8)
	return t
}

// counted counts a connection's bytes.
type counted struct {
	net.Conn
	sent, got atomic.Int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.got.Add(int64(n))
	return n, err
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.sent.Add(int64(n))
	return n, err
}

// wire is what a dialogue takes: bytes, and the time from a share to its answer.
type wire struct {
	share, answer, job, block float64 // bytes
	latency                   time.Duration
}

// party is a miner of either protocol, as far as measure needs it.
type party struct {
	conn   *counted
	shares func(n int) []func() // sends the i-th, and waits for its answer if there is one
	jobs   func(n int)          // waits until so many came since the start
}

const (
	wireShares = 200
	wireJobs   = 20
)

// measureWire counts what shares, jobs and blocks take on the same work.
func measureWire(t testing.TB, kind string, batch int) (w wire) {
	t.Helper()
	src, cfg := mainnetWork(t)
	cfg.V2.Batch = batch
	r := startV2(t, cfg)
	r.batch = batch
	var p party
	if kind == "V1" {
		p = wireV1(t, r)
	} else {
		p = wireV2(t, r, kind == "V2 extended")
	}
	times := make([]time.Duration, 0, wireShares)
	sent, got := p.conn.sent.Load(), p.conn.got.Load()
	for _, submit := range p.shares(wireShares) {
		began := time.Now()
		submit()
		times = append(times, time.Since(began))
	}
	slices.Sort(times)
	w.latency = times[len(times)/2]
	w.share = float64(p.conn.sent.Load()-sent) / wireShares
	w.answer = float64(p.conn.got.Load()-got) / wireShares
	came := 1
	for _, b := range []struct {
		block bool
		bytes *float64
	}{{false, &w.job}, {true, &w.block}} {
		got = p.conn.got.Load()
		for n := range wireJobs {
			src.publish <- next(src.template, b.block, n+1)
			came++
			p.jobs(came)
		}
		*b.bytes = float64(p.conn.got.Load()-got) / wireJobs
	}
	return w
}

func wireV1(t testing.TB, r *v2Running) party {
	m := r.running.dial(t)
	c := &counted{Conn: m.nc}
	m = newMiner(t, c)
	m.worker = "account.worker1"
	m.configure(0x1fffe000, 2)
	m.login()
	w := m.next(1)
	return party{c, func(n int) (out []func()) {
		for i := range n {
			s := m.share(w, uint64(i))
			out = append(out, func() { m.want(m.submit(w, s, s.version&0x1fffe000), 0) })
		}
		return out
	}, func(n int) { m.next(n) }}
}

func wireV2(t testing.TB, r *v2Running, extended bool) party {
	nc, err := net.Dial("tcp", r.v2.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	nc.SetDeadline(time.Now().Add(time.Minute))
	c := &counted{Conn: nc}
	m := newV2Miner(t, c)
	flags := uint32(v2.RequiresStandardJobs)
	if extended {
		flags = 0
	}
	ch := m.setup(flags).open(extended)
	w := ch.next(1)
	return party{c, func(n int) (out []func()) {
		taken := uint32(0)
		for i := range n {
			s := ch.share(w, byte(i))
			out = append(out, func() {
				ch.submit(s)
				if (i+1)%r.batch == 0 {
					for int(taken) <= i {
						taken += nextV2[*v2.SubmitSharesSuccess](m).NewSubmitsAcceptedCount
					}
				}
			})
		}
		return out
	}, func(n int) { ch.next(n) }}
}

var wireKinds = []string{"V1", "V2 standard", "V2 extended"}

// TestV2Wire holds docs/stratum-v2.md to what goes over the wire.
func TestV2Wire(t *testing.T) {
	doc, err := os.ReadFile("../../docs/stratum-v2.md")
	if err != nil {
		t.Fatal(err)
	}
	figures := make(map[string]wire)
	for _, kind := range wireKinds {
		w := measureWire(t, kind, pool.DefaultBatch)
		figures[kind] = w
		row := fmt.Sprintf("| %s | %.0f | %.1f | %.0f | %.0f |", kind, w.share, w.answer, w.job, w.block)
		t.Log(row)
		if !strings.Contains(string(doc), row) {
			t.Errorf("docs/stratum-v2.md lacks the row\n%s", row)
		}
	}
	standard, extended, v1 := figures["V2 standard"], figures["V2 extended"], figures["V1"]
	if !(standard.share < extended.share && extended.share < v1.share && standard.block < extended.block && extended.block < v1.block) {
		t.Errorf("%+v", figures)
	}
}

// BenchmarkV2Wire prints the time from a share to its own acknowledgement, and
// bytes.
func BenchmarkV2Wire(b *testing.B) {
	for _, kind := range wireKinds {
		b.Run(strings.ReplaceAll(kind, " ", "-"), func(b *testing.B) {
			for range b.N {
				w := measureWire(b, kind, 1)
				b.ReportMetric(float64(w.latency.Nanoseconds())/1e3, "µs/answer")
				b.ReportMetric(w.share, "B/share")
				b.ReportMetric(w.answer, "B/answer")
			}
		})
	}
}

// BenchmarkV2Channels has 10,000 channels over 100 connections hear of a new block
// or job, and prints the median time until the last one has, and what a channel
// takes of the pool's memory.
func BenchmarkV2Channels(b *testing.B) {
	for _, kind := range []struct {
		name     string
		flags    uint32
		extended bool
	}{{"standard", v2.RequiresStandardJobs, false}, {"extended", 0, true}} {
		b.Run(kind.name, func(b *testing.B) {
			const conns, channels = 100, 100 // of each connection
			src, cfg := mainnetWork(b)
			cfg.HandshakeTimeout = 10 * time.Minute
			r := startV2(b, cfg)
			crowd := make([]*v2Crowd, conns)
			for i := range crowd {
				crowd[i] = newV2Crowd(b, r, kind.flags)
			}
			before := heap()
			var wg sync.WaitGroup
			for _, c := range crowd {
				wg.Go(func() { c.open(kind.extended, channels) })
			}
			wg.Wait()
			b.ReportMetric(float64(heap()-before)/conns/channels, "B/channel")
			for _, block := range []bool{false, true} {
				var times []time.Duration
				for n := range 21 {
					// Of a connection that takes standard jobs alone each channel gets its own.
					messages := 1
					if !kind.extended {
						messages = channels
					}
					if block {
						messages *= 2
					}
					began := time.Now()
					src.publish <- next(src.template, block, n+1)
					for _, c := range crowd {
						wg.Go(func() { c.await(messages) })
					}
					wg.Wait()
					times = append(times, time.Since(began))
				}
				slices.Sort(times)
				unit := "ms/job"
				if block {
					unit = "ms/block"
				}
				b.ReportMetric(float64(times[len(times)/2].Microseconds())/1e3, unit)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// heap returns the bytes in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// v2Crowd is a client with many channels that knows nothing of them.
type v2Crowd struct {
	t testing.TB
	c *v2.Conn
}

func newV2Crowd(t testing.TB, r *v2Running, flags uint32) *v2Crowd {
	nc, err := net.Dial("tcp", r.v2.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, key := v2Identity()
	enc, err := noise.Client(t.Context(), nc, noise.Config{Authority: key})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { enc.Close() })
	c := &v2Crowd{t, v2.NewConn(enc, 0)}
	if err := c.c.Write(setupV2(flags)); err != nil {
		t.Fatal(err)
	}
	c.await(1)
	return c
}

// open opens channels and waits for the first job of each.
func (c *v2Crowd) open(extended bool, n int) {
	for i := range uint32(n) {
		var m v2.Message = &v2.OpenStandardMiningChannel{RequestID: i, UserIdentity: "account.worker", MaxTarget: anyTarget}
		if extended {
			m = &v2.OpenExtendedMiningChannel{RequestID: i, UserIdentity: "account.worker", MaxTarget: anyTarget}
		}
		if err := c.c.Write(m); err != nil {
			c.t.Error(err)
			return
		}
		c.await(3) // Success, job, SetNewPrevHash
	}
}

// await reads so many messages.
func (c *v2Crowd) await(n int) {
	for range n {
		if _, err := c.c.Read(); err != nil {
			c.t.Error(err)
			return
		}
	}
}
