package stratum_test

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gominer/stratum"
	"gominer/stratum/v1"
)

// TestHostileLines: what ends the connection with a clear error that names the
// cap or the fault; the client then comes back.
func TestHostileLines(t *testing.T) {
	branch := strings.TrimSuffix(strings.Repeat(`"`+strings.Repeat("0", 64)+`",`, 33), ",")
	notify := func(id, c1, branch string) string {
		return `{"id":null,"method":"mining.notify","params":["` + id + `","` + prev + `","` + c1 + `","` + coinb2 + `",[` + branch + `],"20000000","1d00ffff","65000000",true]}`
	}
	for name, test := range map[string]struct{ line, words string }{
		"line":          {`{"id":null,"method":"` + strings.Repeat("x", 1<<20) + `"}`, "line is above the line cap of 1048576"},
		"endless line":  {`{"id":null,"x":` + strings.Repeat("[]", 1<<20), "above the line cap"},
		"depth":         {`{"id":null,"method":"x","params":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, "JSON depth cap of 16"},
		"deep objects":  {`{"id":null,"method":"x","params":` + strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100) + `}`, "JSON depth"},
		"branch":        {notify("1", coinb1, branch), "merkle branch cap of 32"},
		"coinbase":      {notify("1", strings.Repeat("00", 512<<10)+"00", ""), "above the"},
		"job id":        {notify(strings.Repeat("j", 257), coinb1, ""), "job id cap of 256"},
		"duplicate key": {`{"id":null,"id":1,"method":"mining.ping"}`, "twice"},
		"not UTF-8":     {"{\"id\":null,\"method\":\"\xff\xfe\"}", "UTF-8"},
		"an array":      {`[{"id":null,"method":"mining.ping"}]`, "not a JSON object"},
		"two values":    {`{"id":1,"result":true}{"id":2,"result":true}`, "not a Stratum V1 line"},
		"a tuple":       {`{"id":1,"result":null,"error":(20,"x",None)}`, "not a Stratum V1 line"},
		"NUL":           {"\x00{\"id\":1}", "not a Stratum V1 line"},
		"long number":   {`{"id":` + strings.Repeat("9", 5000) + `.5,"result":true}`, "id"},
		"escapes":       {"\x1b[2J\x1b]0;x\x07", "not a Stratum V1 line"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, nil)
				p := r.mining()
				r.found(1)
				_, _ = io.WriteString(p.nc, test.line+"\n")
				r.wantFailure(test.words)
				p.gone()
				if err := r.failure(); len(err.Error()) > 500 {
					t.Errorf("error of %d bytes", len(err.Error()))
				}
				r.mining() // the client lives
				r.end()
			})
		})
	}
}

// TestHostileButSound: what is strange and harmless changes nothing.
func TestHostileButSound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p := r.mining()
		before := r.job()
		for _, line := range []string{
			`{}`, `{"id":1}`, `{"id":18446744073709551616,"result":true}`, `{"id":-1,"result":true}`, `{"id":1e308,"result":true}`,
			`{"id":1.5,"result":true}`, `{"id":[1],"result":true}`, `{"id":{},"result":true}`, `{"id":null,"result":true}`,
			`{"id":true,"method":"mining.ping"}`, `{"id":1,"method":7}`, `{"id":1,"method":null,"result":1}`, `{"method":""}`,
			`{"id":null,"method":"mining.notify"}`, `{"id":null,"method":"mining.set_difficulty","params":{}}`,
			`{"id":null,"method":"mining.set_difficulty","params":[1e400]}`, `{"id":1,"result":NaN,"error":-Infinity}`,
			`{"id":null,"method":"` + strings.Repeat("m", 1000) + `"}`, `{"extra":[[[[]]]],"id":null,"method":"x"}`,
		} {
			p.send("%s", line)
		}
		if r.job() != before {
			t.Error("the job changed")
		}
		r.found(1)
		for {
			if q := p.next(); q.Method == "mining.submit" {
				p.answer(q, "true")
				break
			}
		}
		if s := r.end(); s.Shares.Accepted != 1 {
			t.Errorf("%+v; log:\n%s", s.Shares, r.log)
		}
	})
}

// TestHostileSubscribe: answers to mining.subscribe that broke other miners.
func TestHostileSubscribe(t *testing.T) {
	for _, result := range []string{
		`[[],"00",-1]`, `[[],"00",17]`, `[[],"00",2147483648]`, `[[],"00",9223372036854775808]`, `[[],"00","8"]`, `[[],"00",3.5]`,
		`[[],"00",null]`, `[[],"00"]`, `[[],"0",4]`, `[[],"zz",4]`, `[[],"` + strings.Repeat("00", 33) + `",4]`, `[[],null,4]`,
		`[]`, `{}`, `"x"`, `7`, `true`, `[[["mining.notify",{}]],"00",4]`, `[7,"00",4]`,
		`[[["mining.notify","` + strings.Repeat("s", 1025) + `"]],"00",4]`,
	} {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, nil)
			p := r.accept()
			p.expect("mining.configure")
			p.answer(p.expect("mining.subscribe"), result)
			r.wantFailure("mining.subscribe")
			r.end()
		})
	}
}

// TestFlood: jobs, difficulties and masks that come by the thousand leave the
// newest, and no memory behind.
func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *stratum.Config) { c.DifficultyNow = true })
		p := r.mining()
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		n := 20_000
		if underRace {
			n = 4_000 // the detector takes ten times as long
		}
		for i := range n {
			_, err := fmt.Fprintf(p.nc, `{"method":"mining.set_difficulty","params":[%d]}
{"method":"mining.set_extranonce","params":["%08x",4]}
{"method":"mining.set_version_mask","params":["%08x"]}
{"method":"mining.notify","params":["%d","%s","%s","%s",[],"20000000","1d00ffff","65000000",%v]}
`, 1+i%7, i, i, i, prev, coinb1, coinb2, i%2 == 0)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(p.nc, `{"method":"client.show_message","params":["x"]}`+"\n")
			_, _ = io.WriteString(p.nc, `{"method":"client.reconnect","params":["evil.net"]}`+"\n")
			_, _ = io.WriteString(p.nc, `{"method":"mining.set_extranonce","params":[]}`+"\n")
		}
		j := r.job()
		if j.ID != fmt.Sprint(n-1) || j.Target.Difficulty() != float64(1+(n-1)%7) || fmt.Sprintf("%x", j.Coinbase.Extranonce1) != fmt.Sprintf("%08x", n-1) {
			t.Errorf("job %+v", j)
		}
		if n := strings.Count(r.log.String(), "level=WARN"); n > 40 {
			t.Errorf("%d warnings", n)
		}
		r.log.reset()
		runtime.GC()
		runtime.ReadMemStats(&after)
		if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 8<<20 {
			t.Errorf("%d bytes more in use", grown)
		}
		r.end()
	})
}

// TestOtherLimits: the caps are settings.
func TestOtherLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *stratum.Config) { c.Limits = v1.Limits{JobID: 4} })
		p := r.mining()
		p.notify("12345", true)
		r.wantFailure("job id cap of 4")
		r.end()
	})
}

// TestSlowLine: a pool that sends a byte at a time is understood, and one that
// never ends its line is silent.
func TestSlowLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		p := r.mining()
		line := fmt.Sprintf(`{"id":null,"method":"mining.notify","params":["slow","%s","%s","%s",[],"20000000","1d00ffff","65000000",true]}`+"\r\n", prev, coinb1, coinb2)
		for i := range len(line) {
			if _, err := io.WriteString(p.nc, line[i:i+1]); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if j := r.job(); j.ID != "slow" {
			t.Errorf("job %q", j.ID)
		}
		var drip sync.WaitGroup
		drip.Go(func() {
			for {
				if _, err := io.WriteString(p.nc, " "); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		})
		r.wantFailure("silent")
		r.end()
		drip.Wait()
	})
}

// TestRefusals: 100000 different reasons are counted in bounded memory, however
// often the client turns away from who gives them.
func TestRefusals(t *testing.T) {
	shares := uint64(100_000)
	if underRace {
		shares = 10_000 // the detector takes ten times as long
	}
	inBubble(t, func(t *testing.T, g *gauge) {
		r := start(t, func(c *stratum.Config) { c.Log = slog.New(slog.DiscardHandler) })
		ended := make(chan struct{})
		go func() { // the pool
			defer close(ended)
			for n := 0; ; {
				var p *peer
				select {
				case d := <-r.dials:
					ours, theirs := net.Pipe()
					p = d.connect(t, ours, theirs)
				case <-r.done:
					return
				}
				for q := range p.in {
					switch q.Method {
					case "mining.configure":
						fmt.Fprintf(p.nc, `{"id":%s,"result":%s,"error":null}`+"\n", q.ID, granted)
					case "mining.subscribe":
						fmt.Fprintf(p.nc, `{"id":%s,"result":%s,"error":null}`+"\n", q.ID, subscribed)
					case "mining.authorize":
						fmt.Fprintf(p.nc, `{"id":%s,"result":true,"error":null}`+"\n", q.ID)
						fmt.Fprintf(p.nc, `{"id":null,"method":"mining.set_difficulty","params":[%s]}`+"\n", easy)
						fmt.Fprintf(p.nc, `{"id":null,"method":"mining.notify","params":["1","%s","%s","%s",[],"20000000","1d00ffff","65000000",true]}`+"\n", prev, coinb1, coinb2)
					case "mining.submit":
						n++
						fmt.Fprintf(p.nc, `{"id":%s,"result":null,"error":[%d,"reason %d",null]}`+"\n", q.ID, n, n)
					}
				}
			}
		}()
		for i := range shares {
			r.find <- i
		}
		synctest.Wait()
		if n := g.held(); n > mostHeld {
			t.Errorf("%d KiB are held", n>>10)
		}
		s := r.end()
		<-ended
		if got := s.Shares.Rejected + s.Shares.Lost; got < shares*9/10 || len(s.Reasons) > 65 {
			t.Errorf("%+v, %d reasons", s.Shares, len(s.Reasons))
		}
	})
}
