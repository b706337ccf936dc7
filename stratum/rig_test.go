package stratum_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"gominer/miner"
	"gominer/stratum"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// never is when the rig's client asks a silent pool that answers pings: tests of
// anything else need not answer them.
const never = 1000 * time.Hour

// easy is a difficulty whose target every hash meets.
const easy = "1e-10"

// rig is a miner on one pool, in a bubble. The test is the pool: it accepts what
// the client dials and speaks line by line.
type rig struct {
	t     *testing.T
	src   *recorded
	m     *miner.Miner
	dials chan *dial
	draw  chan struct{} // work is drawn and kept
	claim chan struct{} // a share is found in the kept work
	find  chan uint64   // a share is found for each; the value picks its version
	count atomic.Int64  // shares found
	log   *lockedBuffer
	stop  context.CancelFunc
	done  chan struct{}
}

// recorded keeps the errors of a source's runs.
type recorded struct {
	*stratum.Source
	mu   sync.Mutex
	errs []error
}

func (r *recorded) Run(ctx context.Context, s *miner.Session) error {
	err := r.Source.Run(ctx, s)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errs = append(r.errs, err)
	return err
}

// dial is an attempt to connect.
type dial struct {
	addr  string
	reply chan any // a net.Conn or an error
}

// start runs a miner on a pool that the test plays.
func start(t *testing.T, set func(*stratum.Config)) *rig { return startWith(t, set, nil) }

func startWith(t *testing.T, set func(*stratum.Config), engine func(*miner.Config)) *rig {
	t.Helper()
	r := &rig{t: t, dials: make(chan *dial), find: make(chan uint64), draw: make(chan struct{}), claim: make(chan struct{}), log: new(lockedBuffer), done: make(chan struct{})}
	cfg := stratum.Config{
		URL: "stratum+tcp://pool.example.org:3333", User: "me.worker", Pass: "hunter2", Agent: "gominer/test",
		Timeouts: stratum.Timeouts{Ping: never},
		Log:      slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			d := &dial{addr: addr, reply: make(chan any, 1)}
			select {
			case r.dials <- d:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			switch a := (<-d.reply).(type) {
			case net.Conn:
				return a, nil
			case error:
				return nil, a
			}
			return nil, errors.New("no reply")
		},
	}
	if set != nil {
		set(&cfg)
	}
	src, err := stratum.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.src = &recorded{Source: src}
	mcfg := miner.Config{
		Source: r.src, Devices: []miner.Device{r}, Log: cfg.Log,
		Rand: rand.New(rand.NewPCG(1, 2)),
	}
	if engine != nil {
		engine(&mcfg)
	}
	r.m = miner.New(mcfg)
	ctx, stop := context.WithCancel(t.Context())
	r.stop = stop
	go func() {
		defer close(r.done)
		if err := r.m.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	return r
}

// Info makes the rig a device too: one that claims a nonce of the newest job
// whenever it is told.
func (*rig) Info() miner.Info { return miner.Info{Name: "finder", Kind: "sim"} }

// Run finds shares.
func (r *rig) Run(ctx context.Context, feed *miner.Feed) error {
	var kept miner.Work
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case n := <-r.find:
			var w miner.Work
			if err := feed.Next(ctx, 1, &w); err != nil {
				return err
			}
			r.count.Add(1)
			feed.Tried(&w, 1)
			feed.Found(&w, w.Job.RolledVersion(n%w.Job.Versions()), w.First)
		case <-r.draw:
			if err := feed.Next(ctx, 1, &kept); err != nil {
				return err
			}
		case <-r.claim:
			r.count.Add(1)
			feed.Tried(&kept, 1)
			feed.Found(&kept, kept.Job.RolledVersion(kept.Job.Versions()-1), kept.First)
		}
	}
}

// found makes the device find shares of the current job.
func (r *rig) found(n int) {
	r.t.Helper()
	for range n {
		r.find <- uint64(r.count.Load())
		synctest.Wait()
	}
}

// keep makes the device draw work, and late find a share in it.
func (r *rig) keep() { r.draw <- struct{}{}; synctest.Wait() }
func (r *rig) late() { r.claim <- struct{}{}; synctest.Wait() }

// end stops the miner and returns its last snapshot. Whatever happened, each
// share that was found must have been reported once.
func (r *rig) end() miner.Snapshot {
	r.t.Helper()
	r.stop()
	<-r.done
	s := r.m.Snapshot()
	s.Shares.Difficulty = 0 // tests compare counts
	sum := s.Shares
	got := sum.Accepted + sum.Rejected + sum.Lost + sum.Stale +
		sum.HardwareErrors + sum.AboveTarget + sum.Duplicates // no shares after all
	if got != uint64(r.count.Load()) {
		r.t.Errorf("%d shares found, %d reported: %+v", r.count.Load(), got, s.Shares)
	}
	if strings.Contains(r.log.String(), "hunter2") {
		r.t.Errorf("the password is in the log:\n%s", r.log)
	}
	return s
}

// job waits for the engine to settle and returns the job in progress.
func (r *rig) job() *miner.Job {
	r.t.Helper()
	synctest.Wait()
	s := r.m.Snapshot()
	if s.Job == nil {
		r.t.Fatalf("no job; errors %v; log:\n%s", r.failures(), r.log)
	}
	return s.Job.Job
}

// status returns what the source says of itself.
func (r *rig) status() miner.SourceStatus {
	synctest.Wait()
	for _, s := range r.m.Snapshot().Sources {
		return s.Status
	}
	return miner.SourceStatus{}
}

func (r *rig) failures() []error {
	r.src.mu.Lock()
	defer r.src.mu.Unlock()
	return slices.Clone(r.src.errs)
}

// failure waits for a Run to end and returns its error.
func (r *rig) failure() error {
	r.t.Helper()
	for range 10_000 {
		synctest.Wait()
		if errs := r.failures(); len(errs) > 0 {
			return errs[len(errs)-1]
		}
		time.Sleep(100 * time.Millisecond)
	}
	r.t.Fatal("Run goes on for ever")
	return nil
}

// wantFailure checks that Run ended with an error that has all the words.
func (r *rig) wantFailure(words ...string) {
	r.t.Helper()
	err := r.failure()
	if err == nil {
		r.t.Fatal("Run returned nil")
	}
	for _, w := range append(words, "pool.example.org:3333") {
		if !strings.Contains(err.Error(), w) {
			r.t.Errorf("error %q lacks %q", err, w)
		}
	}
	if i := strings.IndexFunc(err.Error(), func(r rune) bool { return r < ' ' }); i >= 0 {
		r.t.Errorf("error %q has a control character", err)
	}
}

// dialed returns the next attempt to connect.
func (r *rig) dialed() *dial {
	r.t.Helper()
	select {
	case d := <-r.dials:
		return d
	case <-time.After(time.Hour):
		r.t.Fatalf("nobody connects; errors %v; log:\n%s", r.failures(), r.log)
		return nil
	}
}

// accept takes the next connection.
func (r *rig) accept() *peer {
	r.t.Helper()
	return r.acceptDialed(r.dialed())
}

func (r *rig) acceptDialed(d *dial) *peer {
	ours, theirs := net.Pipe()
	return d.connect(r.t, ours, theirs)
}

// connect answers the dial with theirs and plays the pool on ours.
func (d *dial) connect(t *testing.T, ours, theirs net.Conn) *peer {
	p := &peer{t: t, nc: ours, addr: d.addr, in: make(chan *request, 4096)}
	go p.read()
	d.reply <- theirs
	return p
}

// gate is the pool's end of a connection that can stop reading.
type gate struct {
	net.Conn
	pass chan struct{} // holds one while open
}

// acceptGate takes the next connection with a gate in it.
func (r *rig) acceptGate() (*peer, *gate) {
	r.t.Helper()
	ours, theirs := net.Pipe()
	g := &gate{Conn: ours, pass: make(chan struct{}, 1)}
	g.open()
	return r.dialed().connect(r.t, g, theirs), g
}

func (g *gate) shut() { <-g.pass }
func (g *gate) open() { g.pass <- struct{}{} }

func (g *gate) Read(b []byte) (int, error) {
	n, err := g.Conn.Read(b)
	g.shut()
	g.open()
	return n, err
}

// peer is the pool's end of a connection.
type peer struct {
	t    *testing.T
	nc   net.Conn
	addr string
	in   chan *request // closed at the end of the connection
}

// request is a line of the client.
type request struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params []any           `json:"params"`
	Result any             `json:"result"`
	Error  any             `json:"error"`
	at     time.Time
}

func (p *peer) read() {
	defer close(p.in)
	s := bufio.NewScanner(p.nc)
	for s.Scan() {
		q := &request{at: time.Now()}
		if err := json.Unmarshal(s.Bytes(), q); err != nil {
			p.t.Errorf("the client sent %q: %v", s.Bytes(), err)
			return
		}
		p.in <- q
	}
}

// next returns the client's next line.
func (p *peer) next() *request {
	p.t.Helper()
	select {
	case q, ok := <-p.in:
		if !ok {
			p.t.Fatal("the client hung up")
		}
		return q
	case <-time.After(time.Hour):
		p.t.Fatal("the client is silent")
	}
	return nil
}

// expect returns the client's next line, which must be a request of the method.
func (p *peer) expect(method string) *request {
	p.t.Helper()
	q := p.next()
	if q.Method != method {
		p.t.Fatalf("the client sent %s %v (result %v), want %s", q.Method, q.Params, q.Result, method)
	}
	return q
}

// quiet checks that no line of the client waits to be read.
func (p *peer) quiet() {
	p.t.Helper()
	synctest.Wait()
	select {
	case q, ok := <-p.in:
		if ok {
			p.t.Fatalf("the client sent %s %v (result %v, error %v), want nothing", q.Method, q.Params, q.Result, q.Error)
		}
		p.t.Fatal("the client hung up")
	default:
	}
}

// gone waits until the client hangs up. What it still sent is returned.
func (p *peer) gone() (rest []*request) {
	p.t.Helper()
	for {
		select {
		case q, ok := <-p.in:
			if !ok {
				return rest
			}
			rest = append(rest, q)
		case <-time.After(time.Hour):
			p.t.Fatal("the client stays")
		}
	}
}

// send sends lines, each formatted on its own.
func (p *peer) send(format string, args ...any) {
	p.t.Helper()
	if _, err := fmt.Fprintf(p.nc, format+"\n", args...); err != nil {
		p.t.Fatalf("the client hung up: %v", err)
	}
	synctest.Wait()
}

// answer sends the result, in JSON, of q.
func (p *peer) answer(q *request, result string) {
	p.t.Helper()
	p.send(`{"id":%s,"result":%s,"error":null}`, q.ID, result)
}

func (p *peer) refuse(q *request, err string) {
	p.t.Helper()
	p.send(`{"id":%s,"result":null,"error":%s}`, q.ID, err)
}

func (p *peer) close() { _ = p.nc.Close() }

const (
	granted    = `{"version-rolling":true,"version-rolling.mask":"1fffe000","subscribe-extranonce":true}`
	subscribed = `[[["mining.set_difficulty","d1"],["mining.notify","s1"]],"f0000001",4]`
)

// handshake speaks as a modern pool up to, and with, authorization.
func (p *peer) handshake() {
	p.t.Helper()
	p.handshakeAs(subscribed)
}

func (p *peer) handshakeAs(subscribed string) {
	p.t.Helper()
	conf := p.expect("mining.configure")
	sub := p.expect("mining.subscribe")
	p.answer(conf, granted)
	p.answer(sub, subscribed)
	p.answer(p.expect("mining.authorize"), "true")
}

// difficulty sends mining.set_difficulty.
func (p *peer) difficulty(d string) {
	p.t.Helper()
	p.send(`{"id":null,"method":"mining.set_difficulty","params":[%s]}`, d)
}

// Parts of a job at height 840000: a coinbase of version 2 with one output.
const (
	coinb1 = "02000000" + "01" + "0000000000000000000000000000000000000000000000000000000000000000" + "ffffffff" +
		"0f" + "0340d10c" + "00"
	coinb2 = "0000" + "ffffffff" + "01" + "00f2052a01000000" + "00" + "00000000"
	prev   = "4d16b6f85af6e2198f44ae2a6de67f78487ae5611b77c6c0440b921e00000000"
)

// notify sends a job that no share is a block of.
func (p *peer) notify(id string, clean bool) {
	p.t.Helper()
	p.notifyBits(id, "1d00ffff", clean)
}

func (p *peer) notifyBits(id, bits string, clean bool) {
	p.t.Helper()
	p.send(`{"id":null,"method":"mining.notify","params":[%q,"%s","%s","%s",[],"20000000","%s","65000000",%v]}`,
		id, prev, coinb1, coinb2, bits, clean)
}

// mining accepts a connection, shakes hands and gives an easy job, "1".
func (r *rig) mining() *peer {
	r.t.Helper()
	p := r.accept()
	p.handshake()
	p.difficulty(easy)
	p.notify("1", true)
	r.job()
	return p
}

// lockedBuffer is a buffer for a log.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// texts returns the parameters as strings.
func (q *request) texts() []string {
	out := make([]string, len(q.Params))
	for i, v := range q.Params {
		out[i] = fmt.Sprint(v)
	}
	return out
}

func (b *lockedBuffer) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.b = bytes.Buffer{}
}
