package stratum_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gominer/hasher"
	"gominer/stratum"
)

// turn is a line of the recorded client, and what the pool sent after it.
type turn struct {
	method string
	lines  []string
}

// dialogue reads a recorded one, turn by turn.
func dialogue(t *testing.T, path string) (turns []turn) {
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for text := range strings.Lines(string(b)) {
		text = strings.TrimSpace(text)
		_, line, ok := strings.Cut(text, "-> ")
		if ok {
			var m struct{ Method string }
			if err := json.Unmarshal([]byte(line), &m); err != nil {
				break // the recorded client ends with garbage on purpose
			}
			turns = append(turns, turn{method: m.Method})
			continue
		}
		if _, line, ok = strings.Cut(text, "<- "); ok {
			last := &turns[len(turns)-1]
			last.lines = append(last.lines, line)
		}
	}
	if len(turns) < 10 {
		t.Fatalf("%s: %d turns", path, len(turns))
	}
	return turns
}

// replay plays the pool of a dialogue: it answers each request as it was
// answered there, and sends the notifications that came with it. A ping that
// was not recorded where it comes stands for the next recorded line: it brings
// the notifications of that, without its answer.
func replay(p *peer, turns []turn) {
	last := -1
	for q := range p.in {
		i := last + 1
		for i < len(turns) && turns[i].method != q.Method {
			i++
		}
		answers := true
		if q.Method == "mining.ping" && last >= 0 {
			i, answers = last+1, false
		}
		if i >= len(turns) {
			continue // silence
		}
		last = i
		for _, line := range turns[i].lines {
			var m map[string]json.RawMessage
			if json.Unmarshal([]byte(line), &m) != nil {
				continue
			}
			if _, ok := m["method"]; !ok {
				if !answers {
					continue
				}
				m["id"] = q.ID
			}
			b, _ := json.Marshal(m)
			if _, err := fmt.Fprintf(p.nc, "%s\n", b); err != nil {
				return
			}
		}
	}
}

// TestDialogues replays what three real pools said and wants the jobs that came
// of it.
func TestDialogues(t *testing.T) {
	for name, want := range map[string]struct {
		difficulty      float64
		extranonce1     string
		extranonce2Size int
		height          uint32
		bits            hasher.Bits
		ntime           uint32
		mask            uint32
		after           time.Duration
	}{
		// ckpool sends the difficulty after its first job: it holds for the second.
		"ckpool-lhr-signet-v1":   {0.005, "2f09016b", 8, 1, 0x1e0377ae, 0x6b010942, 0x1fffe000, 0},
		"gopool-regtest-v1":      {0.003644660123190655, "00000001", 4, 115, 0x207fffff, 0x6b010a83, 0x1fffe000, 500 * time.Millisecond},
		"public-pool-regtest-v1": {0.005, "bc4e7784", 4, 113, 0x207fffff, 0x6b0109fa, 0x1fffe000, 0},
	} {
		t.Run(name, func(t *testing.T) {
			turns := dialogue(t, filepath.Join("v1/testdata/dialogues", name+".txt"))
			synctest.Test(t, func(t *testing.T) {
				r := start(t, func(c *stratum.Config) { c.SuggestDifficulty = 0.005 })
				p := r.accept()
				began := time.Now()
				go replay(p, turns)
				for r.m.Snapshot().Job == nil && time.Since(began) < time.Minute {
					time.Sleep(100 * time.Millisecond)
					synctest.Wait()
				}
				j := r.job()
				target, err := hasher.TargetFromDifficulty(want.difficulty)
				if err != nil {
					t.Fatal(err)
				}
				if j.Target != target || fmt.Sprintf("%x", j.Coinbase.Extranonce1) != want.extranonce1 ||
					j.Coinbase.Extranonce2Size != want.extranonce2Size || j.Height != want.height || j.Bits != want.bits ||
					j.NTime != want.ntime || j.VersionMask != want.mask || j.Version != 0x20000000 {
					t.Errorf("job %+v of %+v, want %+v", j, j.Coinbase, want)
				}
				if d := time.Since(began); d > want.after+100*time.Millisecond || d < want.after {
					t.Errorf("the job came after %v, want %v", d, want.after)
				}
				time.Sleep(80 * time.Second)
				if n := len(r.failures()); n != 0 {
					t.Errorf("the connection ended: %v", r.failures())
				}
				r.end()
			})
		})
	}
}
