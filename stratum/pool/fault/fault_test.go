package fault_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gominer/hasher"
	"gominer/stratum/pool"
	"gominer/stratum/pool/fault"
)

// TestTable: names are unique and can be typed, descriptions fit in a line, and
// the defaults are arguments.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range fault.All() {
		if seen[f.Name] {
			t.Errorf("two faults are %s", f.Name)
		}
		seen[f.Name] = true
		if !regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`).MatchString(f.Name) || len(f.Name) > 20 {
			t.Errorf("%q is no name for a fault", f.Name)
		}
		if f.About == "" || strings.ContainsAny(f.About, "\n") || strings.HasSuffix(f.About, ".") {
			t.Errorf("%s: about %q", f.Name, f.About)
		}
		if (f.Arg == "") != (f.Default == "") {
			t.Errorf("%s: argument %q with default %.40q", f.Name, f.Arg, f.Default)
		}
		for _, s := range []string{f.Name, f.Name + "=" + f.Default} {
			if _, err := fault.Parse(s); err != nil && (f.Arg != "" || s == f.Name) {
				t.Errorf("%.60s: %v", s, err)
			}
		}
		cfg := pool.DefaultConfig()
		if err := fault.Apply(&cfg, f); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
	if len(seen) < 60 {
		t.Errorf("%d faults", len(seen))
	}
}

func TestParse(t *testing.T) {
	for s, want := range map[string]string{
		"none":                    `there is no fault "none"`,
		"":                        `there is no fault ""`,
		"crlf=1":                  "crlf takes no argument",
		"reject=0":                "want a whole number from 1 to 1000000",
		"reject=x":                "want a whole number",
		"slow=fast":               "want a time such as",
		"slow=-1s":                "want a time such as",
		"ignore=mining.x":         "want one of mining.configure, ",
		"subscribe-result={":      "want a JSON value",
		"subscribe-result=[\n]":   "want a JSON value",
		"deny=a\nb":               "want one line",
		"reconnect=host":          "want host:port",
		"reconnect=host:0":        "want host:port",
		"giant-line=" + "\x1b[2J": "want one of hello",
	} {
		_, err := fault.Parse(s)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", s, err, want)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\x1b\n") {
			t.Errorf("%q: the error %q has control characters", s, err)
		}
	}
	f, err := fault.Parse("reject=3")
	if err != nil || f.String() != "reject=3" || f.Kind.String() != "trouble" {
		t.Errorf("%v %v, %v", f, f.Kind, err)
	}
	if f, err := fault.Parse("crlf"); err != nil || f.String() != "crlf" {
		t.Errorf("%v, %v", f, err)
	}
}

// peer is a miner in raw lines, in a bubble.
type peer struct {
	t  *testing.T
	nc net.Conn

	reader sync.WaitGroup

	mu    sync.Mutex // guards the rest
	lines []string
	ended error // of reading
}

func (p *peer) write(format string, args ...any) {
	p.nc.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = fmt.Fprintf(p.nc, format+"\n", args...) // the end shows when reading
	synctest.Wait()
}

func (p *peer) text() string {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// login shakes hands as modern miners do. The ids are 1 to 3.
func (p *peer) login() {
	p.write(`{"id":1,"method":"mining.configure","params":[["version-rolling","subscribe-extranonce"],{"version-rolling.mask":"1fffe000"}]}`)
	p.write(`{"id":2,"method":"mining.subscribe","params":["raw/1"]}`)
	p.write(`{"id":3,"method":"mining.authorize","params":["w","x"]}`)
}

// shares sends n of them, for the nth job from the end. Ids begin at first. Every
// hash is a share.
func (p *peer) shares(first, n, job int) {
	ids := regexp.MustCompile(`"mining.notify","params":\["([0-9a-f]{1,16})",.*,"([0-9a-f]{8})",(?:true|false)[],]`).FindAllStringSubmatch(p.text(), -1)
	if len(ids) < job {
		p.t.Fatalf("%d jobs came:\n%s", len(ids), p.text())
	}
	j := ids[len(ids)-job]
	for i := range n {
		p.write(`{"id":%d,"method":"mining.submit","params":["w","%s","%08x","%s","00000000"]}`, first+i, j[1], first+i, j[2])
	}
}

// serve runs a pool with faults, and a peer on it, until the bubble ends.
func serve(t *testing.T, specs ...string) (p *peer, log *logged) {
	p, log = connect(t, specs...)
	p.reader.Go(p.read)
	synctest.Wait()
	return p, log
}

// connect is serve with a peer that does not read.
func connect(t *testing.T, specs ...string) (p *peer, log *logged) {
	cfg := pool.DefaultConfig()
	cfg.Difficulty = 1.0 / (1 << 32)
	chain := pool.NewSimulated()
	chain.Bits = hasher.Bits(0x1d00ffff)
	cfg.Source, cfg.Republish = chain, 10*time.Second
	log = &logged{}
	cfg.Log = slog.New(slog.NewTextHandler(log, nil))
	var faults []fault.Fault
	for _, s := range specs {
		f, err := fault.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		faults = append(faults, f)
	}
	if err := fault.Apply(&cfg, faults...); err != nil {
		t.Fatal(err)
	}
	server, err := pool.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	l := make(listener)
	wg.Go(func() {
		if err := server.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	wg.Go(func() {
		if err := server.Serve(ctx, l); err != nil {
			t.Error(err)
		}
	})
	ours, theirs := net.Pipe()
	l <- theirs
	p = &peer{t: t, nc: ours}
	t.Cleanup(func() { cancel(); ours.Close(); wg.Wait(); p.reader.Wait() })
	return p, log
}

func (p *peer) read() {
	r := bufio.NewReader(p.nc)
	for {
		l, err := r.ReadString('\n')
		p.mu.Lock()
		if l != "" {
			p.lines = append(p.lines, strings.TrimSuffix(l, "\n"))
		}
		p.ended = err
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// listener takes connections out of a channel; they end with the pool.
type listener chan net.Conn

func (l listener) Accept() (net.Conn, error) {
	if nc, ok := <-l; ok {
		return nc, nil
	}
	return nil, net.ErrClosed
}

func (l listener) Close() error {
	defer func() { _ = recover() }() // closed twice
	close(l)
	return nil
}

func (l listener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// logged is what a pool logs.
type logged struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestFaults: each does what it says, to the letter. want are expressions that
// the lines of the pool match one after another, not what they don't match.
func TestFaults(t *testing.T) {
	const (
		ok  = `"result":true,"error":null`
		job = `"method":"mining.notify","params":\["[0-9a-f]`
	)
	type test struct {
		spec string
		do   func(p *peer) // after login
		want []string
		not  string
		end  string // in the log; "": the connection lives
	}
	ping := func(p *peer) { p.write(`{"id":9,"method":"mining.ping","params":[]}`) }
	share := func(n int) func(p *peer) { return func(p *peer) { p.shares(10, n, 1) } }
	wait := func(d time.Duration) func(p *peer) { return func(p *peer) { time.Sleep(d) } }
	tests := []test{
		{"refuse", nil, []string{`{"id":1,"result":null,"error":\[-3,"Method not found",null\]}`, `"id":2,"result":\[\[`, job}, "", ""},
		{"ignore", nil, []string{`^{"id":2,`, job}, `"id":1,`, ""},
		{"ignore=mining.submit", share(2), []string{job}, `"id":1[01]`, ""},
		{"close-on=mining.subscribe", nil, []string{`"id":1,`}, `"id":2,`, "fault close-on=mining.subscribe"},
		{"quiet", ping, []string{`"id":1,`, `"id":2,`, `"id":3,`, job}, `"id":9,`, ""},
		{"bare-subscribe", func(p *peer) { p.write(`{"id":9,"method":"mining.subscribe","params":[]}`) },
			[]string{`"id":2,"result":null,"error":\[20,"Too many`, `"id":9,"result":\[\[`}, "", ""},
		{"subscriptions", nil, []string{`"id":2,"result":\[\["mining.notify","ae68`, job}, "", ""},
		{"subscriptions=empty", nil, []string{`"id":2,"result":\[\[\],"`}, "", ""},
		{"subscriptions=null", nil, []string{`"id":2,"result":\[null,"`}, "", ""},
		{"early-jobs", share(1), []string{`set_difficulty`, job, `"id":2,`, `"id":3,`, `"id":10,` + ok}, "", ""},
		{"late-jobs", ping, []string{`"id":3,` + ok + `}\n{"id":9,"result":"pong","error":null}\n.*set_difficulty`, job}, "", ""},
		{"enforce-at-once", func(p *peer) {
			p.shares(10, 1, 1)
			p.write(`{"id":9,"method":"mining.suggest_difficulty","params":[1000000]}`)
			p.shares(11, 1, 2)
		}, []string{`"id":10,` + ok, `"params":\[1000000\]`, `"id":11,"result":null,"error":\[23,`}, "", ""},
		{"difficulty-as", nil, []string{`set_difficulty","params":\["0\.0000000002328[0-9]*"\]`}, "", ""},
		{"difficulty-as=long", nil, []string{`set_difficulty","params":\[0\.0000000002328306436538696\]`}, "", ""},
		{"difficulty-as=exponent", nil, []string{`set_difficulty","params":\[2\.328[0-9]*E-10\]`}, "", ""},
		{"renew-extranonce", func(p *peer) { time.Sleep(25 * time.Second); p.shares(10, 1, 1); p.shares(11, 1, 3) },
			[]string{job, `set_extranonce","params":\["[0-9a-f]{8}",4\]}\n.*` + job, `set_extranonce","params":\["[0-9a-f]{8}",4\]}\n.*` + job, `"id":10,` + ok, `"id":11,` + ok}, "", ""},
		{"flap-mask", wait(25 * time.Second), []string{job, `set_version_mask","params":\["0000e000"\]}\n.*` + job, `set_version_mask","params":\["1fffe000"\]}\n.*` + job}, "", ""},
		{"errors", func(p *peer) { p.write(`{"id":9,"method":"x.y","params":[]}`) }, []string{`"id":9,"result":null,"error":{"code":-3,"message":"Method not found"}}`}, "", ""},
		{"errors=string", func(p *peer) { p.write(`{"id":9,"method":"x.y","params":[]}`) }, []string{`"id":9,"result":null,"error":"Method not found"}`}, "", ""},
		{"errors=false", func(p *peer) { p.write(`{"id":9,"method":"x.y","params":[]}`) }, []string{`"id":9,"result":false,"error":null}`}, "", ""},
		{"errors=reject-reason", func(p *peer) { p.write(`{"id":9,"method":"x.y","params":[]}`) },
			[]string{`{"reject-reason":"Method not found","id":9,"result":false,"error":null}`}, "", ""},
		{"string-ids", share(1), []string{`"id":"2","result":\[\[`, `"id":"10",` + ok}, `"id":[0-9]`, ""},
		{"no-ids", nil, []string{`(?m)^{"method":"mining.notify","params":\[`}, `"id":null`, ""},
		{"methods", nil, []string{`{"method":"mining.subscribe","id":2,"result":\[\[`}, "", ""},
		{"extras", share(1), []string{`{"jsonrpc":"2.0","extra":{"a":\[1,{"b":null}\]},"id":2,"result":\[\[`, job + `.*(true|false),"extra",{"a":\[1\]}\]}`, `"id":10,` + ok}, "", ""},
		{"crlf", nil, []string{`"id":2,.*}\r\n`, job + ".*\r"}, "[^\r]\n", ""},

		{"mute-shares=2", share(4), []string{`"id":10,`, `"id":12,`}, `"id":1[13],`, ""},
		{"delay-shares=5s", func(p *peer) { p.shares(10, 1, 1); ping(p); time.Sleep(6 * time.Second) }, []string{`"id":9,`, `"id":10,`}, "", ""},
		{"swap-answers", share(3), []string{`"id":11,`, `"id":10,`}, `"id":12,`, ""},
		{"reject", share(2), []string{`"id":10,` + ok, `"id":11,"result":null,"error":\[20,"Rejected by the fault reject"`}, "", ""},
		{"wrong-ids", share(1), []string{`"id":1000010,` + ok}, `"id":10,`, ""},
		{"deny=no such user", nil, []string{`"id":3,"result":null,"error":\[24,"no such user",null\]`}, "", ""},
		{"no-jobs", wait(30 * time.Second), []string{`set_difficulty`}, `mining.notify","params`, ""},
		{"lose-jobs", wait(25 * time.Second), []string{job, job}, job + `(?s:.*)` + job + `(?s:.*)` + job, ""},
		{"repeat-jobs", nil, []string{job + `.*\n.*` + job}, "", ""},
		{"stale-jobs", wait(15 * time.Second), []string{job, job + `.*\n.*` + job + `.*false\]}`}, job + `(?s:.*)` + job + `(?s:.*)` + job + `(?s:.*)` + job, ""},
		{"clean", wait(15 * time.Second), []string{job + `.*true\]`, job + `.*true\]`}, `false\]`, ""},
		{"clean=never", wait(15 * time.Second), []string{job + `.*false\]`, job + `.*false\]`}, `true\]`, ""},
		{"flap-difficulty=4", share(1), []string{`set_difficulty","params":\[9\.313225746154785e-10\]}\n.*set_difficulty","params":\[2\.3283064365386963e-10\]}\n.*` + job, `"id":10,` + ok}, "", ""},
		{"huge-coinbase=400", share(1), []string{`"[0-9a-f]{900}`, `"id":10,` + ok}, "", ""},
		{"silent", func(p *peer) { p.shares(10, 2, 1); time.Sleep(time.Minute) }, []string{job}, `"id":10|` + job + `(?s:.*)` + job, ""},
		{"half-open", func(p *peer) { p.write("{}"); p.write("}"); time.Sleep(time.Minute) }, []string{job}, job + `(?s:.*)` + job, ""},
		{"half-open", func(p *peer) { p.write("{}"); time.Sleep(time.Hour) }, []string{job}, job + `(?s:.*)` + job, "fault half-open"},
		{"close", wait(15 * time.Second), []string{job, job}, "", "fault close=2"},
		{"reset=1", nil, []string{job}, "", "fault reset=1"},
		{"truncate", wait(15 * time.Second), []string{job, job + `[^]]*$`}, "", "fault truncate=2"},
		{"farewell", nil, []string{job, `{"id":null,"result":null,"error":\[20,"Banned",null\]}$`}, "", "fault farewell=Banned"},
		{"reconnect", nil, []string{job, `"client.reconnect","params":\["pool.example.net",3333\]`}, "", ""},
		{"reconnect-storm", wait(time.Second), []string{`("client.reconnect","params":\[\]}\n?.*){10}`}, "", ""},
		{"reconnect-wait", nil, []string{`"client.reconnect","params":\["",null,2147483647\]`}, "", ""},

		{"giant-line=hello", nil, []string{`"x{1000}`}, "", ""},
		{"deep-json=subscribe", nil, []string{`"id":1,.*\n{.*\[\[\[\[`}, `"id":2`, ""},
		{"bom=authorize", nil, []string{`"id":2,.*\n` + "\ufeff{"}, `"id":3`, ""},
		{"http", nil, []string{job, `\nHTTP/1.1 400`}, "", ""},
		{"drip", func(p *peer) { time.Sleep(20 * time.Second); p.nc.Close() }, []string{job}, "", "closed"},
		{"escapes", share(1), []string{`client.show_message","params":\["hello \\u001b\[2J`, `"id":10,"result":null,"error":\[20,"bad share \\u001b`}, "", ""},
		{"subscribe-result", nil, []string{`"id":2,"result":\[\],`}, "", ""},
		{"extranonce1", nil, []string{`"id":2,"result":\[\[\[.*\]\],"0{128}",4\]`}, "", ""},
		{"extranonce2-size", nil, []string{`"id":2,"result":\[\[\[.*\]\],"[0-9a-f]{8}",-1\]`}, "", ""},
		{"subscription-bomb=3", nil, []string{`"result":\[\[(\["mining.notify","s"\],?){3}\],"`}, "", ""},
		{"mask", nil, []string{`"id":1,"result":{"version-rolling":true,"version-rolling.mask":"ffffffff"}`}, "", ""},
		{"wrong-types", nil, []string{`"mining.notify","params":\[null,`, `"params":\["[0-9a-f]{1,16}","[0-9a-f]{64}",{}`, `"params":NaN`, job}, "", ""},
		{"wrong-types=client.reconnect", nil, []string{`"client.reconnect","params":\["A{200}",3333,1\]`, `"params":\["localhost",-1,`}, "", ""},
		{"long-texts", nil, []string{`"client.reconnect","params":\["f{1000}`, `"client.reconnect","params":\["localhost","f{1000}`, job}, "", ""},
		{"broken-jobs", nil, []string{`"params":\[\]}`, `"params":\["[0-9a-f]{1,16}","0x`, `zz"`, `"params":\{\}`, job}, "", ""},
		{"nbits", nil, []string{`"00000000","[0-9a-f]{8}",true\]`}, "", ""},
		{"ntime=00000000", nil, []string{`"1d00ffff","00000000",true\]`}, "", ""},
		{"difficulty=1e-300", nil, []string{`set_difficulty","params":\[1e-300\]`}, "", ""},
		{"same-job-id", wait(15 * time.Second), []string{`notify","params":\["1",`, `notify","params":\["1",`}, "", ""},
		{"job-id-bomb=300", nil, []string{`notify","params":\["j{300}",`}, "", ""},
		{"merkle-bomb=40", nil, []string{`\[("0{64}",){9}`}, "", ""},
		{"coinbase-bomb=400", nil, []string{`"0{800}"`}, "", ""},
		{"goal", nil, []string{job, `"mining.set_goal","params":\["x",{"malgo":"scrypt"}\]`}, "", ""},
		{"id-collisions", nil, []string{`{"id":1,"method":"mining.ping"`, `{"id":1,"result":{`, `{"id":2,"method":"client.get_version"`, `{"id":2,"result":\[`}, "", ""},
		{"double-answers", share(1), []string{`"id":10,` + ok, `"id":10,"result":null,"error":\[21,`, `"id":10,` + ok, `"id":10,"result":false`}, "", ""},
		{"reasons", share(3), []string{`"id":10,.*"reason 1"`, `"id":12,.*"reason 3"`}, "", ""},
		{"reason-bomb=500", share(1), []string{`"id":10,.*"r{500}"`}, "", ""},
		{"weird-errors", share(3), []string{`"id":10,"result":null,"error":{}}`, `"id":11,"result":null,"error":""}`}, "", ""},
		{"plaintext", share(1), []string{`"id":10,` + ok}, "", ""}, // no TLS: nothing to take away
	}
	for _, kind := range []string{"jobs", "clean-jobs", "difficulties", "extranonces", "masks", "messages", "pings", "versions", "unknown",
		"reconnects", "answers", "errors", "malformed", "blanks"} {
		tests = append(tests, test{"flood=" + kind, func(p *peer) {
			p.text()
			time.Sleep(1500 * time.Millisecond)
			if n := strings.Count(p.text(), "\n"); n < 20_000 {
				p.t.Errorf("%d lines after 1.5 s", n)
			}
		}, []string{job}, "", ""})
	}
	for _, c := range tests {
		t.Run(c.spec, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, log := serve(t, c.spec)
				p.login()
				if c.do != nil {
					c.do(p)
				}
				text := p.text()
				rest := text
				for _, w := range c.want {
					at := regexp.MustCompile(w).FindStringIndex(rest)
					if at == nil {
						t.Fatalf("%s does not match in\n%.3000s", w, text)
					}
					rest = rest[at[1]:]
				}
				if c.not != "" && regexp.MustCompile(c.not).MatchString(text) {
					t.Errorf("%s matches in\n%.3000s", c.not, text)
				}
				p.mu.Lock()
				ended := p.ended
				p.mu.Unlock()
				if (ended != nil) != (c.end != "") || !strings.Contains(log.String(), c.end) {
					t.Errorf("the connection ended with %v, want %q in\n%s", ended, c.end, log)
				}
			})
		})
	}
	for _, f := range fault.All() { // none is left out
		if !slices.ContainsFunc(tests, func(c test) bool { return strings.HasPrefix(c.spec+"=", f.Name+"=") }) &&
			!strings.Contains(" deep-objects duplicate-keys nul-bytes invalid-utf8 truncated-json json-array two-values tuple nan huge-numbers surrogates tls ssh noise slow endless-line ", " "+f.Name+" ") {
			t.Errorf("%s is not tested", f.Name)
		}
	}
}

// TestEndlessLine goes on until nobody reads it.
func TestEndlessLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, log := connect(t, "endless-line=hello")
		b := make([]byte, 3<<20)
		if _, err := io.ReadFull(p.nc, b); err != nil || strings.Contains(string(b), "\n") {
			t.Errorf("%v, a line end at %d", err, strings.IndexByte(string(b), '\n'))
		}
		p.nc.Close()
		synctest.Wait()
		if !strings.Contains(log.String(), "disconnected") {
			t.Errorf("log:\n%s", log)
		}
	})
}

// TestSlow: a byte at a time, and who is dropped in the meantime is gone at once.
func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := serve(t, "slow=100ms")
		began := time.Now()
		p.write(`{"id":1,"method":"mining.ping","params":[]}`)
		for !strings.Contains(p.text(), "pong") {
			time.Sleep(100 * time.Millisecond)
		}
		if d := time.Since(began); d != 3700*time.Millisecond {
			t.Errorf("the answer took %v, want 3.7s from the first of its 38 bytes to the last", d)
		}
	})
}

// TestSeveral: faults go together, in the order in which they are given.
func TestSeveral(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := serve(t, "reject=1", "errors=object", "string-ids", "crlf")
		p.login()
		p.shares(10, 1, 1)
		if want := `{"id":"10","result":null,"error":{"code":20,"message":"Rejected by the fault reject"}}` + "\r"; !strings.HasSuffix(p.text(), want) {
			t.Errorf("got\n%s\nwant …%s", p.text(), want)
		}
	})
}

// TestReset over a real socket: the miner sees a reset, not an end.
func TestReset(t *testing.T) {
	cfg := pool.DefaultConfig()
	f, err := fault.Parse("reset=1")
	if err != nil {
		t.Fatal(err)
	}
	if err := fault.Apply(&cfg, f); err != nil {
		t.Fatal(err)
	}
	server, err := pool.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { _ = server.Run(ctx) })
	wg.Go(func() { _ = server.Serve(ctx, l) })
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	fmt.Fprint(nc, `{"id":1,"method":"mining.subscribe","params":["raw/1"]}`+"\n"+`{"id":2,"method":"mining.authorize","params":["w","x"]}`+"\n")
	if b, err := io.ReadAll(nc); err == nil || !strings.Contains(err.Error(), "reset") {
		t.Errorf("after %d bytes: %v, want a reset", len(b), err)
	}
}
