package pool_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gominer/stratum/pool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// running is a pool that serves one listener until the test ends.
type running struct {
	*pool.Pool
	l      net.Listener
	events *events
	stop   func() // ends it and waits
}

// start runs a pool on loopback.
func start(t testing.TB, cfg pool.Config) *running {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return startOn(t, cfg, l)
}

func startOn(t testing.TB, cfg pool.Config, l net.Listener) *running {
	t.Helper()
	ev := newEvents()
	if cfg.Log == nil {
		cfg.Log = slog.New(recorder{to: ev})
	}
	p, err := pool.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := p.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	wg.Go(func() {
		if err := p.Serve(ctx, l); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	r := &running{Pool: p, l: l, events: ev, stop: sync.OnceFunc(func() { cancel(); wg.Wait() })}
	t.Cleanup(r.stop)
	return r
}

// pipes is a listener whose connections are net.Pipes, for bubbles.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	close func()
}

func newPipes() *pipes {
	p := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	p.close = sync.OnceFunc(func() { close(p.done) })
	return p
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case nc := <-p.conns:
		return nc, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error { p.close(); return nil }

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

func (p *pipes) dial() net.Conn {
	ours, theirs := net.Pipe()
	p.send(theirs)
	return ours
}

// send hands a connection to Accept, or closes it after Close: an HTTP client
// that has given up may still dial.
func (p *pipes) send(nc net.Conn) {
	select {
	case p.conns <- nc:
	case <-p.done:
		nc.Close()
	}
}

// dialFrom connects as a host somewhere.
func (p *pipes) dialFrom(ip string) net.Conn {
	ours, theirs := net.Pipe()
	p.send(elsewhere{theirs, &net.TCPAddr{IP: net.ParseIP(ip), Port: 1}})
	return ours
}

// elsewhere is a connection from another address.
type elsewhere struct {
	net.Conn
	addr net.Addr
}

func (e elsewhere) RemoteAddr() net.Addr { return e.addr }

// miner is a client in raw lines, with its own idea of what a share is.
type miner struct {
	t     testing.TB
	nc    net.Conn
	in    *bufio.Reader
	calls int

	agent, session string
	en1            []byte
	en2Size        int
	difficulty     float64
	mask           uint32
	jobs           []work // as they came
	asked          []line // other requests and notifications, as they came
	worker         string
}

// work is a mining.notify.
type work struct {
	id             string
	prev           []byte // as in the header
	coinb1, coinb2 []byte
	branch         [][]byte
	version, bits  uint32
	ntime          uint32
	clean          bool
	difficulty     float64 // in force when it came
	en1            []byte  // likewise
}

func (r *running) dial(t testing.TB) *miner {
	t.Helper()
	nc, err := net.Dial("tcp", r.l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	nc.SetDeadline(time.Now().Add(time.Minute))
	return newMiner(t, nc)
}

func newMiner(t testing.TB, nc net.Conn) *miner {
	t.Cleanup(func() { nc.Close() })
	return &miner{t: t, nc: nc, in: bufio.NewReader(nc), agent: "raw/1", worker: "w"}
}

// line is any message.
type line struct {
	ID     any               `json:"id"`
	Method string            `json:"method"`
	Params []json.RawMessage `json:"params"`
	Result json.RawMessage   `json:"result"`
	Error  []any             `json:"error"`
}

func (l *line) code() int {
	if len(l.Error) == 0 {
		return 0
	}
	return int(l.Error[0].(float64))
}

func (l *line) reason() string {
	if len(l.Error) < 2 {
		return ""
	}
	return l.Error[1].(string)
}

func (m *miner) write(s string) {
	m.t.Helper()
	if _, err := io.WriteString(m.nc, s+"\n"); err != nil {
		m.t.Fatal(err)
	}
}

// read returns the next line, after taking note of what it says.
func (m *miner) read() *line {
	m.t.Helper()
	b, err := m.in.ReadBytes('\n')
	if err != nil {
		m.t.Fatalf("read: %v", err)
	}
	l := new(line)
	if err := json.Unmarshal(b, l); err != nil {
		m.t.Fatalf("%s: %v", b, err)
	}
	m.note(l)
	return l
}

func (m *miner) note(l *line) {
	m.t.Helper()
	switch l.Method {
	case "mining.set_difficulty":
		m.parse(l.Params[0], &m.difficulty)
	case "mining.set_version_mask":
		m.mask = m.word(l.Params[0])
	case "mining.notify":
		m.jobs = append(m.jobs, m.job(l.Params))
	case "mining.set_extranonce":
		m.en1 = m.hex(l.Params[0])
		m.parse(l.Params[1], &m.en2Size)
	case "":
	default:
		m.asked = append(m.asked, *l)
	}
}

func (m *miner) parse(raw json.RawMessage, v any) {
	m.t.Helper()
	if err := json.Unmarshal(raw, v); err != nil {
		m.t.Fatalf("%s: %v", raw, err)
	}
}

func (m *miner) hex(raw json.RawMessage) []byte {
	m.t.Helper()
	var s string
	m.parse(raw, &s)
	b, err := hex.DecodeString(s)
	if err != nil {
		m.t.Fatalf("%s: %v", raw, err)
	}
	return b
}

func (m *miner) word(raw json.RawMessage) uint32 {
	m.t.Helper()
	return binary.BigEndian.Uint32(m.hex(raw))
}

func (m *miner) job(p []json.RawMessage) work {
	m.t.Helper()
	if len(p) != 9 {
		m.t.Fatalf("notify with %d fields", len(p))
	}
	w := work{
		prev:    m.hex(p[1]),
		coinb1:  m.hex(p[2]),
		coinb2:  m.hex(p[3]),
		version: m.word(p[5]), bits: m.word(p[6]), ntime: m.word(p[7]),
		difficulty: m.difficulty, en1: m.en1,
	}
	m.parse(p[0], &w.id)
	for i := 0; i < 32; i += 4 { // Stratum turns each word around
		slices.Reverse(w.prev[i : i+4])
	}
	var branch []json.RawMessage
	m.parse(p[4], &branch)
	for _, h := range branch {
		w.branch = append(w.branch, m.hex(h))
	}
	m.parse(p[8], &w.clean)
	return w
}

// call sends a request and returns its answer; other lines are noted.
func (m *miner) call(method string, params ...any) *line {
	m.t.Helper()
	m.calls++
	id := m.calls
	if params == nil {
		params = []any{}
	}
	b, err := json.Marshal(map[string]any{"id": id, "method": method, "params": params})
	if err != nil {
		m.t.Fatal(err)
	}
	m.write(string(b))
	for {
		if l := m.read(); l.Method == "" && l.ID == float64(id) {
			return l
		}
	}
}

// ok is call for what has to succeed.
func (m *miner) ok(method string, params ...any) *line {
	m.t.Helper()
	l := m.call(method, params...)
	if l.Error != nil {
		m.t.Fatalf("%s: %v", method, l.Error)
	}
	return l
}

func (m *miner) subscribe(params ...any) {
	m.t.Helper()
	var res []json.RawMessage
	m.parse(m.ok("mining.subscribe", params...).Result, &res)
	if len(res) != 3 {
		m.t.Fatalf("subscribe: %d results", len(res))
	}
	var subs [][2]string
	m.parse(res[0], &subs)
	m.session = subs[slices.IndexFunc(subs, func(s [2]string) bool { return s[0] == "mining.notify" })][1]
	m.en1 = m.hex(res[1])
	m.parse(res[2], &m.en2Size)
}

// configure asks for version rolling.
func (m *miner) configure(mask uint32, fewest int) (granted bool) {
	m.t.Helper()
	var res struct {
		Granted any    `json:"version-rolling"`
		Mask    string `json:"version-rolling.mask"`
	}
	m.parse(m.ok("mining.configure", []string{"version-rolling"}, map[string]any{
		"version-rolling.mask": fmt.Sprintf("%08x", mask), "version-rolling.min-bit-count": fewest}).Result, &res)
	if res.Granted == true {
		fmt.Sscanf(res.Mask, "%x", &m.mask)
	}
	return res.Granted == true
}

// login subscribes, authorizes and waits for the first job.
func (m *miner) login() *miner {
	m.t.Helper()
	m.subscribe(m.agent)
	m.ok("mining.authorize", m.worker, "x")
	m.next(1)
	return m
}

// next waits for the nth job and returns it.
func (m *miner) next(n int) *work {
	m.t.Helper()
	for len(m.jobs) < n {
		m.read()
	}
	return &m.jobs[n-1]
}

// said waits for a request or notification of a method and returns it.
func (m *miner) said(method string) *line {
	m.t.Helper()
	for {
		for i := range m.asked {
			if m.asked[i].Method == method {
				l := m.asked[i]
				m.asked = slices.Delete(m.asked, i, i+1)
				return &l
			}
		}
		m.read()
	}
}

// params returns the parameters as they came.
func (l *line) params() string {
	b, _ := json.Marshal(l.Params)
	return string(b)
}

// try is one header of a job.
type try struct {
	en2     []byte
	version uint32 // of the header
	ntime   uint32
	nonce   uint32
}

func double(b []byte) []byte {
	h := sha256.Sum256(b)
	h = sha256.Sum256(h[:])
	return h[:]
}

// header builds the 80 bytes.
func (m *miner) header(w *work, s *try) []byte {
	root := double(slices.Concat(w.coinb1, w.en1, s.en2, w.coinb2))
	for _, h := range w.branch {
		root = double(slices.Concat(root, h))
	}
	b := binary.LittleEndian.AppendUint32(nil, s.version)
	b = slices.Concat(b, w.prev, root)
	for _, n := range []uint32{s.ntime, w.bits, s.nonce} {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	return b
}

var diff1 = new(big.Int).Lsh(big.NewInt(0xffff), 208)

// targetOf returns floor(diff1 / d).
func targetOf(d float64) *big.Int {
	r := new(big.Rat).Quo(new(big.Rat).SetInt(diff1), new(big.Rat).SetFloat64(d))
	return new(big.Int).Quo(r.Num(), r.Denom())
}

// targetOfBits expands nBits.
func targetOfBits(bits uint32) *big.Int {
	return new(big.Int).Lsh(big.NewInt(int64(bits&0x7fffff)), 8*uint(bits>>24)-24)
}

func number(hash []byte) *big.Int {
	be := slices.Clone(hash)
	slices.Reverse(be)
	return new(big.Int).SetBytes(be)
}

// mine looks for a nonce from s.nonce on whose hash is at most most and above
// least, which may be nil.
func (m *miner) mine(w *work, s try, most, least *big.Int) try {
	m.t.Helper()
	h := m.header(w, &s)
	top := uint32(new(big.Int).Rsh(most, 224).Uint64())
	for range 50_000_000 {
		binary.LittleEndian.PutUint32(h[76:], s.nonce)
		sum := sha256.Sum256(h)
		sum = sha256.Sum256(sum[:])
		if binary.LittleEndian.Uint32(sum[28:]) <= top {
			if n := number(sum[:]); n.Cmp(most) <= 0 && (least == nil || n.Cmp(least) > 0) {
				return s
			}
		}
		s.nonce++
	}
	m.t.Fatal("no nonce found")
	return s
}

// share mines one at the job's own difficulty, with an extranonce2 of choice. It
// is no block.
func (m *miner) share(w *work, en2 uint64) try {
	m.t.Helper()
	return m.mine(w, m.blank(w, en2), targetOf(w.difficulty), targetOfBits(w.bits))
}

// block mines one.
func (m *miner) block(w *work, en2 uint64) try {
	m.t.Helper()
	return m.mine(w, m.blank(w, en2), targetOfBits(w.bits), nil)
}

// blank is the first header of an extranonce2.
func (m *miner) blank(w *work, en2 uint64) try {
	b := make([]byte, m.en2Size)
	for i := range min(8, len(b)) {
		b[len(b)-1-i] = byte(en2 >> (8 * i))
	}
	return try{en2: b, version: w.version, ntime: w.ntime}
}

// submit sends a share and returns the answer.
func (m *miner) submit(w *work, s try, bits ...uint32) *line {
	m.t.Helper()
	params := []any{m.worker, w.id, hex.EncodeToString(s.en2), fmt.Sprintf("%08x", s.ntime), fmt.Sprintf("%08x", s.nonce)}
	for _, b := range bits {
		params = append(params, fmt.Sprintf("%08x", b))
	}
	return m.call("mining.submit", params...)
}

// want checks the code of an answer to a share, 0 for accepted.
func (m *miner) want(l *line, code int) {
	m.t.Helper()
	if l.code() != code || code == 0 && string(l.Result) != "true" {
		m.t.Fatalf("share answered with result %s, error %v; want code %d", l.Result, l.Error, code)
	}
}

// easy is a pool whose shares take 43 hashes and whose blocks don't come.
func easy() pool.Config {
	cfg := pool.DefaultConfig()
	cfg.Difficulty = 1e-8
	cfg.Source = chainOf(0x1d00ffff)
	return cfg
}

// chainOf returns a simulated chain of other bits.
func chainOf(bits uint32) *pool.Simulated {
	s := pool.NewSimulated()
	s.Bits = hasherBits(bits)
	return s
}

// events is a log that a test can wait for.
type events struct {
	mu      sync.Mutex
	list    []event
	changed chan struct{} // closed at the next event
}

// event is a log line by its attributes.
type event map[string]any

func newEvents() *events { return &events{changed: make(chan struct{})} }

// recorder is the slog.Handler of events.
type recorder struct {
	to    *events
	attrs []slog.Attr
}

func (h recorder) Enabled(context.Context, slog.Level) bool { return true }

func (h recorder) WithGroup(string) slog.Handler { return h }

func (h recorder) WithAttrs(attrs []slog.Attr) slog.Handler {
	return recorder{h.to, slices.Concat(h.attrs, attrs)}
}

func (h recorder) Handle(_ context.Context, r slog.Record) error {
	e := event{"level": r.Level, "msg": r.Message}
	for _, a := range h.attrs {
		e[a.Key] = a.Value.Any()
	}
	r.Attrs(func(a slog.Attr) bool { e[a.Key] = a.Value.Any(); return true })
	h.to.mu.Lock()
	defer h.to.mu.Unlock()
	h.to.list = append(h.to.list, e)
	close(h.to.changed)
	h.to.changed = make(chan struct{})
	return nil
}

// await returns the nth event of a name, waiting for it.
func (e *events) await(t testing.TB, name string, n int) event {
	t.Helper()
	return e.awaitFor(t, 30*time.Second, name, n)
}

func (e *events) awaitFor(t testing.TB, limit time.Duration, name string, n int) event {
	t.Helper()
	late := time.After(limit)
	for {
		e.mu.Lock()
		left, changed := n, e.changed
		for _, ev := range e.list {
			if ev["event"] == name {
				if left--; left == 0 {
					e.mu.Unlock()
					return ev
				}
			}
		}
		e.mu.Unlock()
		select {
		case <-changed:
		case <-late:
			t.Fatalf("event %q did not come %d times", name, n)
		}
	}
}
