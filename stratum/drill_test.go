package stratum_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gominer/miner"
	"gominer/stratum"
)

// The drill mines on three pools and breaks, again and again, the one that is
// mined on, in one of eight ways. Each pool checks with its own arithmetic that
// what comes is its own: its user, its job, its extranonce, a hash that is low
// enough.

// trouble is what is wrong with a pool.
type trouble int

const (
	well       trouble = iota
	resets             // connections are reset, and so are new ones
	closes             // they are closed
	silent             // nothing is read or said any more; new ones are not answered
	refusesAll         // nobody is authorized
	mute               // submits are not answered
	rejectsAll         // submits are refused
	garbles            // it says what is no JSON, and closes
	stalls             // connections are closed, and subscribing is not answered
)

var troubles = map[trouble]string{
	resets: "reset", closes: "close", silent: "silence", refusesAll: "no authorization", mute: "no answer to shares",
	rejectsAll: "rejects all", garbles: "garbage", stalls: "stalled handshake",
}

// drillPool is a pool that checks everything and can be broken.
type drillPool struct {
	name   string
	accept chan time.Time // of accepted shares; never blocks

	mu       sync.Mutex
	trouble  trouble
	healed   chan struct{} // closed when the trouble is over
	conns    map[net.Conn]bool
	sessions int
	accepted int
	wrong    []string // shares that are another pool's, or none
}

func newDrillPool(name string) *drillPool {
	return &drillPool{name: name, accept: make(chan time.Time, 1), conns: make(map[net.Conn]bool), healed: make(chan struct{})}
}

// become begins or ends a trouble.
func (p *drillPool) become(tr trouble) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trouble = tr
	if tr == well {
		close(p.healed)
		p.healed = make(chan struct{})
	}
	switch tr {
	case resets, closes, refusesAll, garbles, stalls:
		for nc := range p.conns {
			if tr == garbles {
				go func() { _, _ = io.WriteString(nc, "\x00\xff<html>502 Bad Gateway</html>\n"); nc.Close() }()
				continue
			}
			if tcp, ok := nc.(*net.TCPConn); ok && tr == resets {
				_ = tcp.SetLinger(0)
			}
			nc.Close()
		}
	}
}

func (p *drillPool) state() (tr trouble, healed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.trouble, p.healed
}

// serve talks to one miner.
func (p *drillPool) serve(nc net.Conn) {
	p.mu.Lock()
	p.sessions++
	s := &drillSession{p: p, nc: nc, extranonce1: fmt.Sprintf("%x%06x", p.name, p.sessions), ended: make(chan struct{})}
	p.conns[nc] = true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.conns, nc)
		p.mu.Unlock()
		close(s.ended)
		nc.Close()
	}()
	switch tr, _ := p.state(); tr {
	case resets:
		if tcp, ok := nc.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		return
	case closes:
		return
	case garbles:
		_, _ = io.WriteString(nc, "HTTP/1.1 502 Bad Gateway\r\n\r\n")
		return
	}
	in := bufio.NewScanner(nc)
	for in.Scan() {
		if tr, healed := p.state(); tr == silent {
			select {
			case <-healed:
			case <-s.gone():
			}
			return // what was said meanwhile is too old for anybody
		}
		var q struct {
			ID     json.RawMessage
			Method string
			Params []any
		}
		if json.Unmarshal(in.Bytes(), &q) != nil {
			p.blame("a line that is no JSON: %q", in.Bytes())
			return
		}
		if !s.answer(q.ID, q.Method, q.Params) {
			return
		}
	}
}

// gone is closed when the miner has hung up.
func (s *drillSession) gone() <-chan struct{} {
	c := make(chan struct{})
	go func() { _, _ = io.Copy(io.Discard, s.nc); close(c) }()
	return c
}

// drillSession is one connection.
type drillSession struct {
	p           *drillPool
	nc          net.Conn
	extranonce1 string
	jobs        int
	ended       chan struct{}
}

func (p *drillPool) blame(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wrong = append(p.wrong, p.name+": "+fmt.Sprintf(format, args...))
}

// What the pool mines on: of 64 hashes 16 are shares.
const (
	drillBits   = "1d00ffff"
	drillCoinb1 = "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff10"
	drillCoinb2 = "ffffffff0100f2052a010000000000000000"
	drillDiff   = 1.0 / (1 << 30)
	drillRate   = 10 * time.Millisecond // between shares, about
)

func (s *drillSession) answer(id json.RawMessage, method string, params []any) (goOn bool) {
	tr, _ := s.p.state()
	say := func(result, err string) {
		_, e := fmt.Fprintf(s.nc, `{"id":%s,"result":%s,"error":%s}`+"\n", id, result, err)
		goOn = e == nil
	}
	goOn = true
	switch method {
	case "mining.configure":
		say(`{"version-rolling":true,"version-rolling.mask":"1fffe000"}`, "null")
	case "mining.subscribe":
		if tr != stalls {
			say(fmt.Sprintf(`[[["mining.notify","%s"]],"%s",4]`, s.extranonce1, s.extranonce1), "null")
		}
	case "mining.authorize":
		if tr == refusesAll {
			say("false", `[24,"Unauthorized worker",null]`)
			return goOn
		}
		if params[0] != "user-"+s.p.name {
			s.p.blame("authorization of %v", params[0])
		}
		say("true", "null")
		fmt.Fprintf(s.nc, `{"id":null,"method":"mining.set_difficulty","params":[%g]}`+"\n", drillDiff)
		s.notify()
	case "mining.submit":
		what := s.judge(params)
		switch {
		case tr == mute:
		case tr == rejectsAll:
			say("null", `[20,"Unhappy",null]`)
		case what != "":
			s.p.blame("%s", what)
			say("null", `[23,"Low difficulty share",null]`)
		default:
			s.p.mu.Lock()
			s.p.accepted++
			n := s.p.accepted
			s.p.mu.Unlock()
			say("true", "null")
			select {
			case s.p.accept <- time.Now():
			default:
			}
			if n%100 == 0 {
				s.notify()
			}
		}
	default:
		say("null", `[-3,"Method not found",null]`)
	}
	return goOn
}

func (s *drillSession) notify() {
	s.jobs++
	fmt.Fprintf(s.nc, `{"id":null,"method":"mining.notify","params":["%s-%s-%d","%064x","%s","%s",[],"20000000","%s","65000000",%v]}`+"\n",
		s.p.name, s.extranonce1, s.jobs, s.jobs, drillCoinb1, drillCoinb2, drillBits, s.jobs%2 == 1)
}

// judge says what is wrong with a share, "" for nothing.
func (s *drillSession) judge(params []any) string {
	if len(params) != 6 {
		return fmt.Sprintf("a share of %d parts", len(params))
	}
	var text [6]string
	for i := range text {
		text[i], _ = params[i].(string)
	}
	if text[0] != "user-"+s.p.name {
		return "a share of " + text[0]
	}
	number, mine := strings.CutPrefix(text[1], s.p.name+"-"+s.extranonce1+"-")
	n, err := strconv.Atoi(number)
	if !mine || err != nil || n < 1 || n > s.jobs {
		return "a share of the job " + text[1] + " in the session " + s.extranonce1
	}
	coinbase, _ := hex.DecodeString(drillCoinb1 + s.extranonce1 + text[2] + drillCoinb2)
	root := twice(coinbase)
	var words [3]uint32 // version bits, ntime, nonce
	for i, t := range []string{text[5], text[3], text[4]} {
		v, err := strconv.ParseUint(t, 16, 32)
		if err != nil {
			return "a share with " + t
		}
		words[i] = uint32(v)
	}
	prev, _ := hex.DecodeString(fmt.Sprintf("%064x", n))
	var header [80]byte
	binary.LittleEndian.PutUint32(header[0:], 0x20000000|words[0])
	for i := 0; i < 32; i += 4 { // words of four bytes are the wrong way round in mining.notify
		binary.LittleEndian.PutUint32(header[4+i:], binary.BigEndian.Uint32(prev[i:]))
	}
	copy(header[36:], root[:])
	binary.LittleEndian.PutUint32(header[68:], words[1])
	binary.LittleEndian.PutUint32(header[72:], 0x1d00ffff)
	binary.LittleEndian.PutUint32(header[76:], words[2])
	// The target at difficulty 2^-30 begins with the bits 00111111.
	if hash := twice(header[:]); hash[31] > 0x3f {
		return fmt.Sprintf("a share that gives %x", hash)
	}
	return ""
}

func twice(b []byte) [32]byte {
	first := sha256.Sum256(b)
	return sha256.Sum256(first[:])
}

// hasherDevice hashes for real, with crypto/sha256, and not too fast.
type hasherDevice struct{}

func (hasherDevice) Info() miner.Info { return miner.Info{Name: "drill", Kind: "sim"} }

func (hasherDevice) Run(ctx context.Context, f *miner.Feed) error {
	var w miner.Work
	for {
		if err := f.Next(ctx, 8, &w); err != nil {
			return err
		}
		for i := range w.Count {
			h := w.Header
			h.SetNonce(w.First + uint32(i))
			if hash := h.Hash(); w.Job.Target.Meets(&hash) {
				f.Found(&w, w.Job.Version, w.First+uint32(i))
			}
		}
		f.Tried(&w, w.Count)
		t := time.NewTimer(2 * drillRate)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
	}
}

// drill breaks the pool that is mined on n times, and returns the longest time
// without an accepted share by kind of trouble.
func drill(t *testing.T, n int, pools []*drillPool, dial func(ctx context.Context, p *drillPool) (net.Conn, error)) map[trouble]time.Duration {
	t.Helper()
	var sources []miner.Source
	for _, p := range pools {
		s, err := stratum.New(stratum.Config{
			URL: "stratum+tcp://" + p.name + ".example.org:3333", User: "user-" + p.name,
			Log:  slog.New(slog.DiscardHandler),
			Dial: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, p) },
		})
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, s)
	}
	r := rand.New(rand.NewPCG(1, 2))
	m := miner.New(miner.Config{Source: miner.Failover(sources...), Devices: []miner.Device{hasherDevice{}}, Rand: r})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()

	longest := make(map[trouble]time.Duration)
	for i := range n {
		wait := time.NewTimer(time.Duration(50+r.IntN(1000)) * time.Millisecond)
		<-wait.C
		mined := minedBy(t, pools, nil)
		tr := trouble(1 + i%len(troubles))
		mined.become(tr)
		from := time.Now()
		minedBy(t, pools, mined)
		longest[tr] = max(longest[tr], time.Since(from))
		mined.become(well)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	s := m.Snapshot()
	for _, p := range pools {
		if len(p.wrong) > 0 {
			t.Errorf("%d wrong shares, the first: %s", len(p.wrong), p.wrong[0])
		}
	}
	if s.Shares.Duplicates+s.Shares.HardwareErrors+s.Shares.AboveTarget > 0 || s.Shares.Accepted < uint64(n) {
		t.Errorf("%+v", s.Shares)
	}
	t.Logf("%d faults: %d shares accepted, %d rejected, %d lost, %d stale", n, s.Shares.Accepted, s.Shares.Rejected, s.Shares.Lost, s.Shares.Stale)
	for tr := range trouble(len(troubles)) {
		t.Logf("%-20s longest gap %v", troubles[tr+1], longest[tr+1].Round(time.Millisecond))
	}
	return longest
}

// minedBy waits for an accepted share on one of the pools other than broken, and
// returns who accepted it.
func minedBy(t *testing.T, pools []*drillPool, broken *drillPool) *drillPool {
	t.Helper()
	for _, p := range pools {
		select {
		case <-p.accept: // what was before
		default:
		}
	}
	limit := time.NewTimer(2 * time.Minute)
	defer limit.Stop()
	of := func(i int) (accepted chan time.Time) {
		if pools[i] != broken {
			accepted = pools[i].accept
		}
		return accepted
	}
	select {
	case <-of(0):
		return pools[0]
	case <-of(1):
		return pools[1]
	case <-of(2):
		return pools[2]
	case <-limit.C:
		t.Fatalf("nothing is mined for 2 minutes")
		return nil
	}
}

// TestDrill breaks pools 240 times, in no time: each must be made up for within
// 5 s, a reset within 1 s.
func TestDrill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pools := []*drillPool{newDrillPool("a"), newDrillPool("b"), newDrillPool("c")}
		var wg sync.WaitGroup
		faults := 240
		if underRace {
			faults = 48
		}
		longest := drill(t, faults, pools, func(_ context.Context, p *drillPool) (net.Conn, error) {
			ours, theirs := net.Pipe()
			wg.Go(func() { p.serve(theirs) })
			return ours, nil
		})
		wg.Wait()
		for tr, gap := range longest {
			if gap >= 5*time.Second || tr == resets && gap >= time.Second {
				t.Errorf("%s: nothing accepted for %v", troubles[tr], gap)
			}
		}
	})
}

// TestDrillOverTCP does it in real time over real connections: as often as
// GOMINER_DRILL says, or, in CI, once in each way. How long nothing is accepted is
// said, not judged.
func TestDrillOverTCP(t *testing.T) {
	faults := len(troubles)
	if s := os.Getenv("GOMINER_DRILL"); s != "" {
		var err error
		if faults, err = strconv.Atoi(s); err != nil {
			t.Fatalf("GOMINER_DRILL=%s: want how often to break a pool", s)
		}
	} else if os.Getenv("GOMINER_CI") == "" || underRace {
		t.Skip("takes real time: GOMINER_DRILL=200 breaks pools 200 times")
	}
	pools := []*drillPool{newDrillPool("a"), newDrillPool("b"), newDrillPool("c")}
	addrs := make(map[*drillPool]string)
	var wg sync.WaitGroup
	var listeners []net.Listener
	for _, p := range pools {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listeners, addrs[p] = append(listeners, l), l.Addr().String()
		wg.Go(func() {
			for {
				nc, err := l.Accept()
				if errors.Is(err, net.ErrClosed) {
					return
				}
				if err == nil {
					wg.Go(func() { p.serve(nc) })
				}
			}
		})
	}
	var d net.Dialer
	drill(t, faults, pools, func(ctx context.Context, p *drillPool) (net.Conn, error) {
		return d.DialContext(ctx, "tcp", addrs[p])
	})
	for _, l := range listeners {
		l.Close()
	}
	wg.Wait()
}
