package stratum_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gominer/stratum"
)

// FuzzSession feeds a client, which has two workers and audits its jobs, with two
// connections' worth of bytes, finds shares meanwhile, and stops it. Whatever comes, it must not panic, it must end, what
// it sends must be JSON, and each share must be reported once.
func FuzzSession(f *testing.F) {
	shake := fmt.Sprintf(`{"id":1,"result":%s}
{"id":2,"result":%s}
{"id":3,"result":true}
`, granted, subscribed)
	jobs := fmt.Sprintf(`{"method":"mining.set_difficulty","params":[%s]}
{"method":"mining.notify","params":["1","%s","%s","%s",[],"20000000","1d00ffff","65000000",true]}
`, easy, prev, coinb1, coinb2)
	f.Add([]byte(shake+jobs), []byte(shake+jobs))
	f.Add([]byte(shake+jobs+`{"id":4,"result":true}`+"\n"+`{"id":"5","error":[21,"x",null]}`+"\n"), []byte(shake))
	f.Add([]byte(jobs+shake), []byte("\x15\x03\x01"))
	f.Add([]byte(shake+jobs+`{"method":"client.reconnect","params":["b.example.org",1,2]}`+"\n"), []byte(shake+jobs))
	f.Add([]byte(shake+jobs+`{"method":"mining.set_version_mask","params":["0"]}`+"\n"), []byte("{\n"))
	f.Add([]byte(shake+jobs+`{"method":"mining.set_extranonce","params":["aa",0]}`+"\n"+jobs), []byte{})
	f.Add([]byte(strings.Replace(shake, `"s1"`, `"s\"},\u0000\n{"`, 1)+jobs), []byte(shake+jobs))
	f.Add([]byte(`{"id":1,"error":"no"}{"id":2,"error":"no"}`), []byte(`{"id":2,"error":"no"}`+"\n"+`{"id":3,"error":"no"}`+"\n"))
	f.Add([]byte{}, []byte(shake+`{"id":9,"method":"mining.ping"}`+"\n"))
	both := shake + `{"id":4,"result":true}` + "\n"
	audited := fmt.Sprintf(`{"method":"mining.notify","params":["2","%s","%s","%s",["%064x"],"30400007","1d00ffff","65000000",true]}
{"id":5,"result":["%x"]}
`, prev, coinb1, coinb2, 1, spend(1, true).Bytes())
	f.Add([]byte(both+jobs+audited), []byte(both+jobs+`{"id":5,"error":[23,"low",null]}`+"\n"+`{"id":6,"result":true}`+"\n"))
	f.Add([]byte(both+audited), []byte(shake+`{"id":4,"error":[24,"no",null]}`+"\n"+jobs+audited+`{"id":6,"error":[23,"low",null]}`+"\n"))
	paths, err := filepath.Glob("v1/testdata/dialogues/*.txt")
	if err != nil || len(paths) == 0 {
		f.Fatal("no dialogues", err)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		var said strings.Builder
		for line := range strings.Lines(string(b)) {
			if _, l, ok := strings.Cut(line, "<- "); ok {
				said.WriteString(l)
			}
		}
		f.Add([]byte(said.String()), []byte(said.String()))
	}
	paths, err = filepath.Glob("testdata/pools/*.jsonl")
	if err != nil || len(paths) == 0 {
		f.Fatal("no recordings", err)
	}
	for _, path := range paths {
		var said []string
		for _, lines := range pastLines(f, path) {
			var all strings.Builder
			for _, l := range lines {
				if !l.miner {
					all.WriteString(l.raw + "\n")
				}
			}
			said = append(said, all.String())
		}
		f.Add([]byte(said[0]), []byte(said[1]))
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, func(c *stratum.Config) {
				c.AuditJobs, c.Workers = true, []stratum.Worker{{User: "me.other", Weight: 2}}
			})
			for _, data := range [][]byte{first, second} {
				p := r.accept()
				_, _ = p.nc.Write(data)
				synctest.Wait()
				for range 2 {
					select {
					case r.find <- 1:
					case <-time.After(time.Second):
					}
					synctest.Wait()
				}
				p.close()
			}
			r.end()
		})
	})
}
