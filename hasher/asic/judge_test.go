package asic

import (
	"errors"
	"testing"
	"time"

	"gominer/hasher"
	"gominer/miner"
	"gominer/miner/minertest"
)

// found returns a nonce that j's header has under version number i.
func found(j *job, i uint64) uint32 {
	h := j.header(i)
	for n := uint32(0); ; n++ {
		h.SetNonce(n)
		if hash := h.Hash(); zeros(&hash) >= testBits {
			return n
		}
	}
}

// TestJudgeIDs has ids go round: a late nonce is known by the job that had its id
// before, and one of a job that is forgotten is an error.
func TestJudgeIDs(t *testing.T) {
	now := time.Now()
	g := newJudge(&chain{chips: 1, bits: testBits}, now)
	var jobs []*job
	for i := range 2 * keptJobs {
		j := &job{work: miner.Work{Job: minertest.Job(1), Extranonce2: uint64(i)}, count: 4, bits: testBits, id: i % 16}
		j.work.Job.VersionMask = 0x6000
		j.work.Header.SetTime(uint32(i))
		jobs = append(jobs, j)
		g.add(j)
	}
	last := len(jobs) - 1
	for _, back := range []int{0, 1, 15, 16, 31} {
		j := jobs[last-back]
		v := g.nonce(&reply{id: j.id, index: 3, nonce: found(j, 3), chip: 0}, now)
		if !v.right || v.duplicate || v.job.work.Extranonce2 != j.work.Extranonce2 || v.version != 0x20006000 {
			t.Errorf("the nonce of %d jobs ago: %+v", back, v)
		}
	}
	for what, r := range map[string]reply{
		"forgotten":    {id: jobs[0].id, nonce: found(jobs[0], 0)},
		"no such id":   {id: 17, nonce: found(jobs[last], 0)},
		"no such part": {id: jobs[last].id, index: 4},
	} {
		if v := g.nonce(&r, now); v.right {
			t.Errorf("%s: %+v", what, v)
		}
	}
	// Without ids those of the latest count.
	for i := range 3 {
		g.add(&job{work: jobs[i].work, count: 1, bits: testBits, id: noID})
	}
	for _, i := range []int{0, 2, 1} {
		v := g.nonce(&reply{id: noID, nonce: found(jobs[i], 0)}, now)
		if !v.right || v.job.work.Extranonce2 != uint64(i) {
			t.Errorf("the nonce of job %d: %+v", i, v)
		}
	}
	if c := g.chips[0]; c != (miner.ChipHealth{Nonces: 8, Errors: 3}) {
		t.Errorf("%+v", c)
	}
}

// TestJudgeRolled takes the version that the chip made by itself.
func TestJudgeRolled(t *testing.T) {
	g := newJudge(&chain{chips: 2, bits: testBits}, time.Now())
	j := &job{work: miner.Work{Job: minertest.Job(1)}, count: 1 << 16, bits: testBits, id: 8}
	g.add(j)
	h := j.header(0)
	h.SetVersion(h.Version() | 5<<13)
	for n := uint32(0); ; n++ {
		h.SetNonce(n)
		if hash := h.Hash(); zeros(&hash) >= testBits {
			break
		}
	}
	v := g.nonce(&reply{id: 8, roll: 5 << 13, nonce: h.Nonce(), chip: 1}, time.Now())
	if !v.right || v.version != 0x20000000|5<<13 || g.chips[1].Nonces != 1 {
		t.Errorf("%+v, %+v", v, g.chips)
	}
}

// TestJudgeForgetsErrors counts them in windows: a few among many are nothing.
func TestJudgeForgetsErrors(t *testing.T) {
	g := newJudge(&chain{chips: 1, bits: 256}, time.Now())
	j := &job{work: miner.Work{Job: minertest.Job(1)}, count: 1, bits: testBits, id: noID}
	g.add(j)
	for n := range uint32(wrongMost) {
		g.nonce(&reply{id: noID, nonce: n}, time.Now())
		if err := g.err(); err != nil {
			t.Fatal(n, err)
		}
	}
	g.judged = errorWindow
	if err := g.err(); err != nil || g.wrong != 0 {
		t.Error(err, g.wrong)
	}
	for n := range uint32(wrongMost + 1) {
		g.nonce(&reply{id: noID, nonce: n}, time.Now())
	}
	if err := g.err(); !errors.Is(err, errErrs) {
		t.Error(err)
	}
}

func TestZeros(t *testing.T) {
	for h, want := range map[hasher.Hash]int{{}: 256, {31: 0x80}: 0, {31: 1}: 7, {30: 1}: 15, {0: 1}: 255} {
		if got := zeros(&h); got != want {
			t.Errorf("%v: %d, want %d", h, got, want)
		}
	}
}

// TestPatience: silicon is judged by its clock; software's is not its own, and a
// BM1370 of 1 TH/s that hashes with 10 MH/s needs half a minute for a nonce.
func TestPatience(t *testing.T) {
	for _, c := range []struct {
		zeroBits int
		bits     int
		rate     float64
		want     time.Duration
	}{
		{32, 40, 1.07e12, silentLimit},
		{32, 32, 336e6, 255 * time.Second},
		{20, 20, 336e6, silentLimit},
		{20, 28, 1.07e12, 5368 * time.Second},
	} {
		got := patience(c.zeroBits, &chain{bits: c.bits, rate: c.rate}).Truncate(time.Second)
		if got != c.want {
			t.Errorf("%d of %d bits at %g H/s: %v, want %v", c.zeroBits, c.bits, c.rate, got, c.want)
		}
	}
}
