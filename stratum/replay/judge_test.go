package replay_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gominer/hasher"
	"gominer/stratum/replay"
	"gominer/stratum/v1"
)

// found looks for a nonce from a start on whose header meets the target, or does
// not.
func found(t *testing.T, job string, share v1.Submit, from uint32, mask uint32, target hasher.Target, meets bool) uint32 {
	t.Helper()
	m, err := v1.Parse([]byte(job), v1.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for share.Nonce = from; ; share.Nonce++ {
		h := replay.Header(m.(*v1.Notify), []byte{0xaa, 0xbb, 0xcc, 0xdd}, &share, mask)
		if hash := h.Hash(); target.Meets(&hash) == meets {
			return share.Nonce
		}
	}
}

// Shares are judged by their hashes and by what the miner was told.
func TestJudge(t *testing.T) {
	const mask = 0x1fffe000
	target, err := hasher.TargetFromDifficulty(1e-9)
	if err != nil {
		t.Fatal(err)
	}
	j1, j2, j3 := notify("j1", "1d00ffff", true), notify("j2", "1d00ffff", false), notify("j3", "207fffff", true)
	block, err := hasher.Bits(0x207fffff).Target()
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join([]string{
		`0 > {"id":1,"method":"mining.configure","params":[["version-rolling"],{"version-rolling.mask":"1fffe000"}]}`,
		`0 < {"id":1,"result":{"version-rolling":true,"version-rolling.mask":"1fffe000"},"error":null}`,
		`0 > {"id":2,"method":"mining.subscribe","params":["x"]}`,
		`0 < {"id":2,"result":[[],"aabbccdd",2],"error":null}`,
		`0 < {"id":null,"method":"mining.set_difficulty","params":[1e-9]}`,
		`0 > {"id":3,"method":"mining.authorize","params":["a","x"]}`,
		`0 < {"id":3,"result":true,"error":null}`,
		`0 < ` + j1, `0 < ` + j2,
		`0 > {"id":4,"method":"mining.capabilities","params":[{}]}`,
		`0 < {"id":4,"result":null,"error":null}`,
		`1 < {"id":null,"method":"mining.set_difficulty","params":[1000]}`,
		`1 < ` + j3,
	}, "\n")
	rolled := v1.Submit{JobID: "j1", Extranonce2: []byte{0, 1}, NTime: 0x65000000, VersionBits: 0x00002000, HasVersionBits: true}
	plain := rolled
	plain.HasVersionBits = false
	good := found(t, j1, plain, 0, mask, target, true)
	goodRolled := found(t, j1, rolled, 0, mask, target, true)
	bad := found(t, j1, plain, 0, mask, target, false)
	aBlock := found(t, j3, plain, 0, mask, block, true)
	noBlock := found(t, j3, plain, 0, mask, block, false)

	synctest.Test(t, func(t *testing.T) {
		s := server(t, replay.Config{Sessions: sessions(t, text), Speed: 1})
		m := connect(t, s)
		m.say(`{"id":1,"method":"mining.configure","params":[[],{}]}`)
		m.say(`{"id":2,"method":"mining.subscribe"}`)
		m.say(`{"id":3,"method":"mining.authorize","params":["a"]}`)
		synctest.Wait()
		for len(m.lines) > 0 {
			<-m.lines
		}
		id := 10
		submit := func(worker, job, extranonce2, ntime string, nonce uint32, bits, want string) {
			t.Helper()
			id++
			line := fmt.Sprintf(`{"id":%d,"method":"mining.submit","params":["%s","%s","%s","%s","%08x"`, id, worker, job, extranonce2, ntime, nonce)
			if bits != "" {
				line += `,"` + bits + `"`
			}
			m.say(line + "]}")
			synctest.Wait()
			if got := <-m.lines; !strings.Contains(got, fmt.Sprintf(`{"id":%d,"result":`, id)) || !strings.Contains(got, want) {
				t.Errorf("%s\ngot %s, want %s", line, got, want)
			}
		}
		const ok = `"result":true`
		submit("a", "j1", "0001", "65000000", good, "", ok)
		submit("a", "j1", "0001", "65000000", good, "", `[22,"duplicate share"`)
		submit("a", "j1", "0001", "65000000", goodRolled, "00002000", ok)
		submit("a", "j1", "0001", "65000000", bad, "", `[23,"low difficulty: the share has `)
		submit("b", "j1", "0001", "65000000", good, "", `[24,"the worker is not authorized"`)
		submit("a", "j9", "0001", "65000000", good, "", `[21,"job not found"`)
		submit("a", "j1", "000001", "65000000", good, "", `[20,"extranonce2 has 3 bytes, want 2"`)
		submit("a", "j1", "0001", "64ffffff", good, "", `[20,"ntime 64ffffff is not between`)
		submit("a", "j1", "0001", "65001c21", good, "", `[20,"ntime 65001c21 is not between`)
		submit("a", "j1", "0001", "65000000", good, "20000000", `[20,"version bits 20000000 are not within the mask 1fffe000"`)

		time.Sleep(time.Second) // the next job, at a difficulty that no share meets
		synctest.Wait()
		<-m.lines
		<-m.lines
		submit("a", "j1", "0001", "65000000", good, "", `[21,"job not found: it is stale"`)
		submit("a", "j3", "0001", "65000000", aBlock, "", ok)
		submit("a", "j3", "0001", "65000000", noBlock, "", `[23,"low difficulty`)
		if st := s.Stats(); st.Accepted != 3 || st.Rejected != 10 || st.Blocks != 1 || st.Best == 0 {
			t.Errorf("%+v", st)
		}
		m.leave()
	})
}
