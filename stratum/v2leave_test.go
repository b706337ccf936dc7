package stratum_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gominer/hasher"
	"gominer/stratum"
	"gominer/stratum/v2"
)

// A pool that refuses right shares for no reason that could be seen is left, as
// one of Stratum V1 is, unless that is not wanted.
func TestV2Refuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		set    func(*stratum.Config)
		codes  []string // in turn; "" for accepted
		leaves bool
	}{
		{"all", nil, []string{"invalid-share"}, true},
		{"all, by any word", nil, []string{"difficulty-too-low", "something else", "invalid-job-id", "duplicate-share"}, true},
		{"now and then", nil, []string{"invalid-share", "invalid-share", "invalid-share", ""}, false},
		{"never mind", func(c *stratum.Config) { c.Rejects = -1 }, []string{"invalid-share"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := startV2(t, 1, c.set)
				p := r.mining()
				for i := range uint32(40) {
					r.found(0, 1)
					if len(r.failures()) > 0 {
						break
					}
					p.share()
					if code := c.codes[int(i)%len(c.codes)]; code != "" {
						p.try(refusedV2(firstChannel, i, code))
					} else {
						p.try(acceptedV2(firstChannel, i, 1))
					}
					time.Sleep(500 * time.Millisecond)
				}
				synctest.Wait()
				if left := len(r.failures()) > 0; left != c.leaves {
					t.Errorf("left: %v, %v; want %v", left, r.failures(), c.leaves)
				}
				if c.leaves {
					r.wantFailure("refuses shares for no reason that could be seen, 10 in a row", c.codes[9%len(c.codes)])
				}
				r.end()
			})
		})
	}
}

// Refusals that a new block, a new target or a closed channel explain are no
// reason to leave.
func TestV2RefusesRightly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 1, nil)
		p := r.mining()
		sequence := uint32(0)
		for round := range uint32(3) {
			r.found(0, 12)
			p.send(extendedJob(firstChannel, 10+round, 0), newBlock(firstChannel, 10+round, byte(2+round)))
			for range 12 {
				p.share()
				p.send(refusedV2(firstChannel, sequence, "stale-share"))
				sequence++
				time.Sleep(time.Second)
			}
		}
		r.want(0, 36, 0, 0)

		// The same for a target that the pool applies at once.
		r.found(0, 12)
		p.send(&v2.SetTarget{ChannelID: firstChannel, MaximumTarget: hasher.Target{29: 0xff}}) // 2^-24 of all hashes
		for range 12 {
			p.share()
			p.send(refusedV2(firstChannel, sequence, "difficulty-too-low"))
			sequence++
			time.Sleep(time.Second)
		}
		r.want(0, 48, 0, 0)
		r.end()
	})
}

// A channel without a job is no channel, be it the first or one that was asked
// for when the pool closed another.
func TestV2NoJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 1, nil)
		p := r.mining()
		time.Sleep(61 * time.Second)
		p.send(&v2.CloseChannel{ChannelID: firstChannel})
		for len(p.in) > 1 { // UpdateChannel, perhaps
			<-p.in
		}
		p.openExtended(firstChannel + 1)
		began := time.Now()
		r.wantFailure("opened channel 8, but gave no job for it within 15s")
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("it took %v", took)
		}
		r.end()
	})
}

// What is asked for as a target, or as a least difficulty, is the easiest target
// of a channel.
func TestV2MostTarget(t *testing.T) {
	hard, _ := hasher.TargetFromDifficulty(64)
	for _, set := range []func(*stratum.Config){
		func(c *stratum.Config) { c.SuggestDifficulty = 64 },
		func(c *stratum.Config) { c.SuggestTarget = hard },
		func(c *stratum.Config) { c.MinimumDifficulty = 64 },
		func(c *stratum.Config) { c.SuggestDifficulty, c.SuggestTarget, c.MinimumDifficulty = 2, hard, 8 },
	} {
		synctest.Test(t, func(t *testing.T) {
			r := startV2(t, 1, set)
			p := r.accept()
			p.setup(0)
			if m := p.openExtended(firstChannel); m.MaxTarget != hard {
				t.Errorf("target %v, want %v", m.MaxTarget, hard)
			}
			r.end()
		})
	}
}

// Who mines on a pool that could be anybody is told, aloud.
func TestV2InsecureWarns(t *testing.T) {
	key, _ := v2Keys()
	for url, want := range map[string]bool{
		"stratum2+tcp://pool.example.org:3336":                 true,
		"stratum2+tcp://127.0.0.1:3336":                        false,
		"stratum2+tcp://pool.example.org:3336/" + key.String(): false,
	} {
		synctest.Test(t, func(t *testing.T) {
			r := startV2(t, 1, func(c *stratum.Config) { c.URL, c.V2.Insecure = url, true })
			r.accept()
			synctest.Wait()
			if got := strings.Contains(r.log.String(), "level=WARN") && strings.Contains(r.log.String(), "event=insecure"); got != want {
				t.Errorf("%s: warned %v; log:\n%s", url, got, r.log)
			}
			r.end()
		})
	}
}

// How long it took to reach the pool is told.
func TestV2Connected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 1, nil)
		time.Sleep(300 * time.Millisecond)
		r.mining()
		for _, s := range r.m.Snapshot().Sources {
			if s.Connect < 300*time.Millisecond || s.FirstJob < s.Connect {
				t.Errorf("connected after %v, the first job after %v", s.Connect, s.FirstJob)
			}
		}
		r.end()
	})
}

// An answer about extensions that comes late counts all the same: from then on the
// pool wants a name with every share.
func TestV2LateExtensions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 1, func(c *stratum.Config) { c.V2.WorkerNames = true })
		p := r.accept()
		p.setup(0)
		q := expectV2[*v2.RequestExtensions](p)
		p.openExtended(firstChannel)
		p.send(extendedJob(firstChannel, 1, 0), newBlock(firstChannel, 1, 1))
		p.send(&v2.RequestExtensionsSuccess{RequestID: q.RequestID, SupportedExtensions: []uint16{2}})
		r.found(0, 1)
		if name, _, _ := p.share().UserIdentity(); name != "worker" {
			t.Errorf("%q is sent", name)
		}
		p.quiet()
		p.close()
		p = r.accept() // and the next connection asks again
		p.setup(0)
		expectV2[*v2.RequestExtensions](p)
		r.end()
	})
}

// A group's new block whose job was sent before a channel joined the group is
// none for that channel, which waits for the next.
func TestV2JoinedLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 2, func(c *stratum.Config) { c.V2.PerDevice = true })
		p := r.accept()
		p.setup(0)
		p.openExtended(firstChannel)
		p.send(extendedJob(firstChannel, 1, 0), newBlock(firstChannel, 1, 1), extendedJob(group, 2, 0))
		p.openExtended(firstChannel + 1)
		p.send(extendedJob(firstChannel+1, 3, 0), newBlock(firstChannel+1, 3, 1))
		p.send(newBlock(group, 2, 2))
		r.found(0, 1)
		if s := p.share(); s.JobID != 2 {
			t.Errorf("share %+v", s)
		}
		before := r.count.Load()
		r.found(1, 1) // it has to wait
		p.quiet()
		if r.count.Load() != before {
			t.Error("an old block is mined on")
		}
		p.send(extendedJob(group, 4, startTime))
		if s := p.share(); s.JobID != 4 || s.ChannelID != firstChannel+1 {
			t.Errorf("share %+v", s)
		}
		r.end()
	})
}
