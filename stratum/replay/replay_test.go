package replay_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"gominer/stratum/record"
	"gominer/stratum/replay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sessions reads a recording in the hand-written form.
func sessions(t testing.TB, text string) []record.Session {
	t.Helper()
	all, err := record.Sessions(record.NewReader(strings.NewReader(text)))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func server(t testing.TB, cfg replay.Config) *replay.Server {
	t.Helper()
	s, err := replay.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// miner is a miner that a test plays, line by line.
type miner struct {
	t     testing.TB
	nc    net.Conn
	began time.Time
	lines chan string // what the pool sent, with the time since connect before it
	over  chan struct{}
}

// connect is a new miner on s.
func connect(t testing.TB, s *replay.Server) *miner {
	mine, theirs := net.Pipe()
	m := &miner{t: t, nc: mine, began: time.Now(), lines: make(chan string, 1000), over: make(chan struct{})}
	go s.ServeConn(context.Background(), theirs)
	go func() {
		defer close(m.over)
		in := bufio.NewScanner(mine)
		for in.Scan() {
			m.lines <- fmt.Sprintf("%v %s", time.Since(m.began).Round(time.Millisecond), in.Text())
		}
	}()
	return m
}

func (m *miner) say(line string) {
	m.t.Helper()
	if _, err := io.WriteString(m.nc, line+"\n"); err != nil {
		m.t.Errorf("%s: %v", line, err)
	}
}

// hears wants these lines and no others until now.
func (m *miner) hears(want ...string) {
	m.t.Helper()
	synctest.Wait()
	for _, w := range want {
		select {
		case got := <-m.lines:
			if got != w {
				m.t.Errorf("got  %s\nwant %s", got, w)
			}
		default:
			m.t.Errorf("got nothing, want %s", w)
		}
	}
	select {
	case got := <-m.lines:
		m.t.Errorf("got %s, want nothing more", got)
	default:
	}
}

func (m *miner) leave() {
	_ = m.nc.Close()
	<-m.over
}

const coinb = "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff0851"

// notify is a job on a network where every second hash is a block.
func notify(id, bits string, clean bool) string {
	return fmt.Sprintf(`{"id":null,"method":"mining.notify","params":["%s","%064x","%s","ffffffff0100f2052a01000000015100000000",[],"20000000","%s","65000000",%v]}`,
		id, 7, coinb, bits, clean)
}

// recorded is a dialogue in which much has its time, and odd forms.
var recorded = `
0.0 > {"id":1,"method":"mining.configure","params":[["version-rolling"],{"version-rolling.mask":"1fffe000"}]}
0.1 < {"error": null, "id" : "1","result":{"version-rolling":true,"version-rolling.mask":"1fffe000"}}
1.0 > {"id":2,"method":"mining.subscribe","params":["x"]}
1.1 < {"id":null,"method":"client.show_message","params":["before the answer"]}
1.2 < {"id":2,"result":[[],"aabbccdd",2],"error":null,"extra":[1,2]}
1.5 < {"id":null,"method":"mining.set_difficulty","params":[1e-9]}
2.0 > {"id":3,"method":"mining.suggest_difficulty","params":[1]}
2.1 < {"id":3,"result":true,"error":null}
2.2 > {"id":4,"method":"mining.extranonce.subscribe","params":[]}
3.0 > {"id":5,"method":"mining.authorize","params":["a","x"]}
3.5 < {"id":5,"result":true,"error":null}
3.5 < ` + notify("j1", "1d00ffff", true) + `
5.0 > {"id":6,"method":"mining.get_transactions","params":["j1"]}
5.1 < {"id":6,"result":["00"],"error":null}
6.0 > {"id":7,"method":"mining.get_transactions","params":["j1"]}
6.1 < {"id":7,"result":["11"],"error":null}
8.5 < ` + notify("j2", "1d00ffff", true) + `
9.5 < not JSON at all
10.5 !! the pool closed it
`

// The pace is that of the recording, counted from the miner's own requests.
func TestPace(t *testing.T) {
	for _, speed := range []float64{1, 10, 0.5} {
		synctest.Test(t, func(t *testing.T) {
			s := server(t, replay.Config{Sessions: sessions(t, recorded), Speed: speed})
			m := connect(t, s)
			at := func(seconds float64) string { return time.Duration(seconds * 1e9).Round(time.Millisecond).String() }
			in := func(seconds float64) string { return at(seconds / speed) }
			sleep := func(seconds float64) { time.Sleep(time.Duration(seconds * 1e9)) }
			m.say(`{"id":11,"method":"mining.configure","params":[["version-rolling"],{}]}`)
			m.say(`{"id":12,"method":"mining.subscribe","params":["y"]}`)
			// The second request came at once, so the answer to the first does too.
			m.hears("0s " + `{"error": null, "id" : 11,"result":{"version-rolling":true,"version-rolling.mask":"1fffe000"}}`)
			sleep(0.3 / speed)
			m.hears(in(0.1)+` {"id":null,"method":"client.show_message","params":["before the answer"]}`,
				in(0.2)+` {"id":12,"result":[[],"aabbccdd",2],"error":null,"extra":[1,2]}`)
			sleep(100 - 0.3/speed) // a miner that takes its time
			m.hears(in(0.5) + ` {"id":null,"method":"mining.set_difficulty","params":[1e-9]}`)
			m.say(`{"id":13,"method":"mining.authorize","params":["b"]}`)
			m.hears()
			sleep(5.5 / speed)
			m.hears(at(100+0.5/speed)+` {"id":13,"result":true,"error":null}`,
				at(100+0.5/speed)+" "+notify("j1", "1d00ffff", true),
				at(100+5.5/speed)+" "+notify("j2", "1d00ffff", true))
			sleep(2 / speed)
			<-m.over
			m.hears(at(100+6.5/speed) + " not JSON at all")
			if d := time.Since(m.began); d != time.Duration((100+7.5/speed)*1e9) {
				t.Errorf("it hung up after %v", d)
			}
			m.leave()
		})
	}
}

// At once means at once, but for what has to be asked for.
func TestNoPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := connect(t, server(t, replay.Config{Sessions: sessions(t, recorded), Speed: math.Inf(1)}))
		m.hears()
		m.say(`{"id":1,"method":"mining.subscribe","params":[]}`)
		m.hears(`0s {"id":null,"method":"client.show_message","params":["before the answer"]}`,
			`0s {"id":1,"result":[[],"aabbccdd",2],"error":null,"extra":[1,2]}`,
			`0s {"id":null,"method":"mining.set_difficulty","params":[1e-9]}`)
		m.say(`{"id":2,"method":"mining.authorize","params":["b"]}`)
		m.hears(`0s {"id":2,"result":true,"error":null}`, "0s "+notify("j1", "1d00ffff", true), "0s "+notify("j2", "1d00ffff", true), "0s not JSON at all")
		<-m.over
		m.leave()
	})
}

// Whatever order a miner asks in, and whatever it leaves out, it gets its
// answers, and those of its ids.
func TestOtherMiners(t *testing.T) {
	const refused = `"result":null,"error":[-3,"Method not found",null]}`
	synctest.Test(t, func(t *testing.T) {
		s := server(t, replay.Config{Sessions: sessions(t, recorded), Speed: 1e6})
		// One that authorizes before it subscribes, and configures last.
		m := connect(t, s)
		m.say(`{"id":"a","method":"mining.authorize","params":["b"]}`)
		time.Sleep(time.Millisecond)
		synctest.Wait()
		var heard []string
		for len(m.lines) > 0 {
			_, line, _ := strings.Cut(<-m.lines, " ")
			heard = append(heard, line)
		}
		if len(heard) < 2 || heard[2] != `{"id":"a","result":true,"error":null}` {
			t.Errorf("heard %q", heard)
		}
		m.leave()

		m = connect(t, server(t, replay.Config{Sessions: sessions(t, strings.Split(recorded, "5.0 >")[0]), Speed: math.Inf(1)}))
		m.say(`{"id":21,"method":"mining.subscribe"}`)
		m.hears(`0s {"id":null,"method":"client.show_message","params":["before the answer"]}`,
			`0s {"id":21,"result":[[],"aabbccdd",2],"error":null,"extra":[1,2]}`,
			`0s {"id":null,"method":"mining.set_difficulty","params":[1e-9]}`)
		m.say(`{"id":22,"method":"mining.configure","params":[[],{}]}`)
		m.hears(`0s {"error": null, "id" : 22,"result":{"version-rolling":true,"version-rolling.mask":"1fffe000"}}`)
		m.say(`{"id":23,"method":"mining.suggest_difficulty","params":[5]}`)
		m.say(`{"id":24,"method":"mining.suggest_difficulty","params":[6]}`)
		m.hears(`0s {"id":23,"result":true,"error":null}`, `0s {"id":24,"result":true,"error":null}`)
		m.say(`{"id":25,"method":"mining.extranonce.subscribe","params":[]}`) // was never answered
		m.hears()
		m.say(`{"id":26,"method":"mining.suggest_target","params":["00"]}`) // is not in the recording, and wrong
		m.say(`{"id":27,"method":"mining.capabilities","params":[{}]}`)
		m.say(`{"id":28,"method":"mining.ping","params":[]}`)
		m.say(`{"id":29,"method":"mining.what"}`)
		m.say(`{"id":null,"method":"mining.what"}`)
		m.say(`{"id":5,"result":true}`)
		m.say(`{"id":30,"method":"mining.subscribe"}`) // again
		m.hears(`0s {"id":26,"result":null,"error":[20,"mining.suggest_target: target is \"00\", want 64 hex digits",null]}`,
			`0s {"id":27,`+refused, `0s {"id":28,"result":"pong","error":null}`, `0s {"id":29,`+refused,
			`0s {"id":30,"result":[[],"aabbccdd",2],"error":null,"extra":[1,2]}`)
		m.say(`{"id":31,"method":"mining.authorize","params":["a"]}`)
		m.say(`{"id":32,"method":"mining.authorize","params":["b"]}`)
		m.hears(`0s {"id":31,"result":true,"error":null}`, "0s "+notify("j1", "1d00ffff", true), `0s {"id":32,"result":true,"error":null}`)
		m.say("rubbish")
		<-m.over
		m.leave()
	})
}

// What only some miners understand goes to those alone that asked for it.
func TestAskedFor(t *testing.T) {
	const text = `> {"id":1,"method":"mining.configure","params":[[],{}]}
< {"id":1,"result":{}}
< {"id":null,"method":"mining.set_version_mask","params":["1fffe000"]}
> {"id":2,"method":"mining.subscribe"}
< {"id":2,"result":[[],"aa",4]}
> {"id":3,"method":"mining.extranonce.subscribe"}
< {"id":null,"method":"mining.set_extranonce","params":["bb",4]}
> {"id":4,"method":"mining.authorize","params":["a"]}
< {"id":4,"result":true}
`
	const mask, extranonce = `0s {"id":null,"method":"mining.set_version_mask","params":["1fffe000"]}`, `0s {"id":null,"method":"mining.set_extranonce","params":["bb",4]}`
	for _, c := range []struct {
		asks []string
		want []string
	}{
		{nil, nil},
		{[]string{`{"id":9,"method":"mining.extranonce.subscribe"}`}, []string{extranonce}},
		{[]string{`{"id":9,"method":"mining.configure","params":[["version-rolling"],{}]}`}, []string{`0s {"id":9,"result":{}}`, mask}},
		{[]string{`{"id":9,"method":"mining.configure","params":[["subscribe-extranonce"],{}]}`}, []string{`0s {"id":9,"result":{}}`, mask, extranonce}},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := connect(t, server(t, replay.Config{Sessions: sessions(t, text)}))
			for _, line := range c.asks {
				m.say(line)
			}
			m.say(`{"id":10,"method":"mining.subscribe"}`)
			m.say(`{"id":11,"method":"mining.authorize","params":["a"]}`)
			synctest.Wait()
			var got []string
			for len(m.lines) > 0 {
				if line := <-m.lines; !strings.Contains(line, `"id":1`) {
					got = append(got, line)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%s: %q, want %q", c.asks, got, c.want)
			}
			m.leave()
		})
	}
}

// One recorded connection after the other, and then from the start.
func TestSessionsInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text := func(en string) string {
			return "> {\"id\":1,\"method\":\"mining.subscribe\"}\n< {\"id\":1,\"result\":[[],\"" + en + "\",4]}\n"
		}
		all := append(sessions(t, text("01")), sessions(t, text("02"))...)
		all = append(all, sessions(t, "> {\"id\":1,\"method\":\"mining.subscribe\"}\n")...) // of nothing
		s := server(t, replay.Config{Sessions: all})
		if s.Sessions() != 2 {
			t.Errorf("%d sessions", s.Sessions())
		}
		for _, en := range []string{"01", "02", "01"} {
			m := connect(t, s)
			m.say(`{"id":1,"method":"mining.subscribe"}`)
			m.hears(`0s {"id":1,"result":[[],"` + en + `",4]}`)
			m.leave()
		}
		synctest.Wait()
		if st := s.Stats(); st.Conns != 3 || st.Miners != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// A miner that says nothing, or does not read, is not kept.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := server(t, replay.Config{Sessions: sessions(t, recorded)})
		m := connect(t, s)
		<-m.over
		if d := time.Since(m.began); d != time.Minute {
			t.Errorf("dropped after %v", d)
		}
		m.leave()

		mine, theirs := net.Pipe()
		ended := make(chan struct{})
		began := time.Now()
		go func() { defer close(ended); s.ServeConn(context.Background(), theirs) }()
		if _, err := io.WriteString(mine, `{"id":1,"method":"mining.subscribe"}`+"\n"); err != nil {
			t.Error(err)
		}
		<-ended
		if d := time.Since(began); d > 11*time.Second {
			t.Errorf("dropped after %v", d)
		}
		mine.Close()
	})
}

func TestMaxConns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := server(t, replay.Config{Sessions: sessions(t, recorded), MaxConns: 1})
		one := connect(t, s)
		synctest.Wait()
		two := connect(t, s)
		<-two.over
		two.leave()
		one.leave()
	})
}

func TestNewRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"": "nothing that a pool said",
		"> {\"id\":1,\"method\":\"mining.subscribe\"}": "nothing that a pool said",
		"< " + notify("1", "1d00ffff", true):           "no answer to mining.subscribe",
		`{"time":"2026-01-01T00:00:00Z","event":"frame","conn":1,"from":"pool","type":1,"hex":"000001000000"}`: "Stratum V2: only V1 can be played",
	} {
		if _, err := replay.New(replay.Config{Sessions: sessions(t, text)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	for _, speed := range []float64{-1, math.NaN(), math.Inf(-1)} {
		if _, err := replay.New(replay.Config{Sessions: sessions(t, recorded), Speed: speed}); err == nil {
			t.Errorf("speed %v", speed)
		}
	}
}

// Over real sockets; what runs ends with the context.
func TestServe(t *testing.T) {
	var log bytes.Buffer
	s := server(t, replay.Config{Sessions: sessions(t, recorded), Speed: math.Inf(1), Log: slog.New(slog.NewTextHandler(&log, nil))})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Serve(ctx, l); err != nil {
			t.Error(err)
		}
	})
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(nc, `{"id":1,"method":"mining.subscribe","params":[]}`+"\n"); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(nc)
	for range 3 {
		if _, err := in.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	wg.Wait()
	if _, err := in.ReadByte(); err == nil {
		t.Error("the connection goes on")
	}
	nc.Close()
	if got := log.String(); !strings.Contains(got, "event=connected") || !strings.Contains(got, `reason="the replay stops"`) {
		t.Errorf("log:\n%s", got)
	}
}

// FuzzPlay: whatever was recorded and whatever the miner says, the server ends
// when the miner goes.
func FuzzPlay(f *testing.F) {
	paths, err := filepath.Glob("../v1/testdata/dialogues/*.txt")
	if err != nil || len(paths) == 0 {
		f.Fatal("no dialogues", err)
	}
	said := `{"id":1,"method":"mining.configure","params":[[],{}]}` + "\n" + `{"id":2,"method":"mining.subscribe"}` + "\n" +
		`{"id":3,"method":"mining.authorize","params":["a"]}` + "\n" +
		`{"id":4,"method":"mining.submit","params":["a","1","00000000","6b0109fa","00000000"]}` + "\n"
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, []byte(said))
	}
	f.Add([]byte(recorded), []byte(said+said))
	f.Fuzz(func(t *testing.T, recording, said []byte) {
		all, err := record.Sessions(record.NewReader(bytes.NewReader(recording)))
		if err != nil {
			return
		}
		s, err := replay.New(replay.Config{Sessions: all, Speed: math.Inf(1)})
		if err != nil {
			return
		}
		mine, theirs := net.Pipe()
		var wg sync.WaitGroup
		wg.Go(func() { s.ServeConn(t.Context(), theirs) })
		wg.Go(func() { _, _ = io.Copy(io.Discard, mine) })
		_, _ = mine.Write(said)
		_ = mine.Close()
		wg.Wait()
	})
}
