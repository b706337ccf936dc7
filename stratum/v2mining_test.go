package stratum_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gominer/hasher"
	"gominer/miner"
	"gominer/stratum"
	"gominer/stratum/v2"
)

// kind asks for one kind of channel.
func kind(k stratum.V2Channel) func(*stratum.Config) {
	return func(c *stratum.Config) { c.V2.Channel = k }
}

// target returns one that begins with the byte.
func target(top byte) (t hasher.Target) {
	t[31] = top
	return t
}

// M1: a future job is mined from its SetNewPrevHash on, and not before.
func TestM1FutureJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 1, nil)
		p := r.accept()
		p.setup(0)
		p.openExtended(firstChannel)
		p.send(extendedJob(firstChannel, 1, 0), extendedJob(firstChannel, 2, 0))
		if s := r.m.Snapshot(); s.Job != nil {
			t.Fatalf("job %s is mined before there is a block to mine on", s.Job.Job.ID)
		}
		p.send(newBlock(firstChannel, 2, 1))
		j := r.job()
		if j.ID != "2" || !j.Clean || j.NTime != startTime || j.PrevHash != newBlock(0, 0, 1).PrevHash || j.Bits != 0x1d00ffff || j.Height != 840000 {
			t.Errorf("%+v is mined", j)
		}
		r.found(0, 1)
		if s := p.share(); s.JobID != 2 || s.NTime != startTime || s.SequenceNumber != 0 || s.ChannelID != firstChannel {
			t.Errorf("share %+v", s)
		}
		p.acknowledge(firstChannel, 0, 1)
		r.want(1, 0, 0, 0)
		r.end()
	})
}

// M2: a job that is no future one is mined at once, on the same block, and
// shares of the one before still count. Before the first block it can't be.
func TestM2JobForNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 1, nil)
		p := r.mining()
		r.keep(0, 100)
		p.send(extendedJob(firstChannel, 2, startTime+5))
		j := r.job()
		if j.ID != "2" || j.Clean || j.NTime != startTime+5 || j.PrevHash != newBlock(0, 0, 1).PrevHash {
			t.Errorf("%+v is mined", j)
		}
		r.late(0, 0)
		r.found(0, 1)
		for i, want := range []uint32{1, 2} {
			if s := p.share(); s.JobID != want || s.SequenceNumber != uint32(i) {
				t.Errorf("share %+v, want one of job %d", s, want)
			}
		}
		p.acknowledge(firstChannel, 1, 2)
		// A job that comes again replaces the first of its id.
		p.send(extendedJob(firstChannel, 2, startTime+9))
		if j := r.job(); j.NTime != startTime+9 {
			t.Errorf("%+v is mined", j)
		}
		r.end()

		r = startV2(t, 1, nil)
		p = r.accept()
		p.setup(0)
		p.openExtended(firstChannel)
		p.try(extendedJob(firstChannel, 1, startTime))
		r.wantFailure("job 1 to be mined now", "not said on which block")
		r.end()
	})
}

// M3: a new block makes all jobs but the named one worthless: shares of them are
// not sent, and none of them can be named again.
func TestM3NewBlockDropsJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 1, nil, func(c *miner.Config) { c.SubmitStale = true })
		p := r.mining()
		r.keep(0, 100)
		p.send(extendedJob(firstChannel, 2, 0), extendedJob(firstChannel, 3, 0))
		r.late(0, 0) // future jobs change nothing yet
		if s := p.share(); s.JobID != 1 {
			t.Errorf("share %+v", s)
		}
		p.acknowledge(firstChannel, 0, 1)
		p.send(newBlock(firstChannel, 2, 2))
		if j := r.job(); j.ID != "2" || !j.Clean || j.PrevHash[0] != 2 {
			t.Errorf("%+v is mined", j)
		}
		r.late(0, 1)
		p.quiet()
		r.want(1, 0, 1, 0)
		p.try(newBlock(firstChannel, 3, 3))
		r.wantFailure("new block", "job 3", "never sent")
		r.end()
	})
}

// M3: nor are shares that wait to be sent when the block comes.
func TestM3NewBlockDropsQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 1, nil)
		p, g := r.acceptGate()
		p.setup(0)
		p.openExtended(firstChannel)
		p.send(extendedJob(firstChannel, 1, 0), extendedJob(firstChannel, 2, 0), newBlock(firstChannel, 1, 1))
		r.job()
		g.shut()
		r.found(0, 4) // one fills the pipe, one the batch behind it
		p.send(extendedJob(firstChannel, 5, 0), newBlock(firstChannel, 5, 2))
		g.open()
		synctest.Wait()
		sent := 0
		for len(p.in) > 0 {
			if s := p.share(); s.JobID != 1 {
				t.Errorf("share %+v", s)
			}
			sent++
		}
		if sent == 0 || sent == 4 {
			t.Errorf("%d of 4 shares were sent", sent)
		}
		p.acknowledge(firstChannel, uint32(sent-1), uint32(sent))
		r.want(uint64(sent), 0, uint64(4-sent), 0)
		r.end()
	})
}

// M4: what is sent to a group is for each of its channels.
func TestM4Group(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 2, func(c *stratum.Config) { c.V2.PerDevice = true })
		p := r.accept()
		p.setup(0)
		p.openExtended(firstChannel)
		p.openExtended(firstChannel + 1)
		job, block := extendedJob(group, 1, 0), newBlock(group, 1, 1)
		p.send(job, block)
		for device := range 2 {
			r.found(device, 1)
			s := p.share()
			if s.ChannelID != firstChannel+uint32(device) || s.JobID != 1 {
				t.Errorf("share %+v of device %d", s, device)
			}
			prefix := []byte{1, 2, 3, byte(s.ChannelID)}
			if h := header(t, job, block, prefix, s); h.Hash() != lastHash(r) {
				t.Errorf("device %d: the pool hashes %v, the miner %v", device, h.Hash(), lastHash(r))
			}
			p.acknowledge(s.ChannelID, 0, 1)
		}
		r.want(2, 0, 0, 0)

		easy, hard := hasher.MaxTarget, target(0x7f)
		p.send(&v2.SetTarget{ChannelID: group, MaximumTarget: hard}, extendedJob(group, 2, startTime))
		if j := r.job(); j.ID != "2" || j.Target != hard {
			t.Errorf("%+v is mined", j)
		}
		p.send(&v2.SetTarget{ChannelID: group, MaximumTarget: easy}, extendedJob(group, 3, 0), newBlock(group, 3, 2))
		for device := range 2 {
			r.found(device, 1)
			if s := p.share(); s.JobID != 3 {
				t.Errorf("share %+v", s)
			}
		}

		time.Sleep(2 * time.Minute)
		for len(p.in) > 0 {
			<-p.in // UpdateChannel, perhaps
		}
		p.send(&v2.CloseChannel{ChannelID: group, ReasonCode: "maintenance"})
		r.want(2, 0, 0, 2)
		p.openExtended(20)
		p.openExtended(21)
		p.send(extendedJob(group, 1, 0), newBlock(group, 1, 9))
		r.found(1, 1)
		if s := p.share(); s.ChannelID != 21 || s.SequenceNumber != 0 {
			t.Errorf("share %+v", s)
		}
		p.try(&v2.CloseChannel{ChannelID: group, ReasonCode: "no \x1b[31mmore"})
		r.wantFailure("closes the channel: no more")
		r.end()
	})
}

// M4: SetGroupChannel moves channels to another group.
func TestM4SetGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 1, nil)
		p := r.mining()
		p.send(&v2.SetGroupChannel{GroupChannelID: 200, ChannelIDs: []uint32{firstChannel, 999}})
		p.send(extendedJob(group, 2, startTime)) // nobody's any more
		if j := r.job(); j.ID != "1" {
			t.Errorf("%+v is mined", j)
		}
		p.send(extendedJob(200, 3, startTime))
		if j := r.job(); j.ID != "3" {
			t.Errorf("%+v is mined", j)
		}
		p.try(&v2.SetGroupChannel{GroupChannelID: firstChannel})
		r.wantFailure("a group of the id 7, which is a channel's")
		r.end()

		// Where no group was meant to be, there is one from then on.
		r = startV2(t, 1, kind(stratum.V2Standard))
		p = r.accept()
		p.setup(0)
		p.openStandard(firstChannel)
		p.send(standardJob(firstChannel, 1, 0), standardJob(firstChannel, 2, 0), newBlock(firstChannel, 1, 1))
		p.send(standardJob(firstChannel, 2, 0), &v2.SetTarget{ChannelID: group, MaximumTarget: target(0x7f)})
		p.send(&v2.SetGroupChannel{GroupChannelID: 200, ChannelIDs: []uint32{firstChannel}}, newBlock(200, 2, 2))
		if j := r.job(); j.ID != "2" || j.Target != hasher.MaxTarget {
			t.Errorf("%+v is mined", j)
		}
		r.end()
	})
}

// M5: a target is for future jobs that are there and for jobs to come, not for
// the job in progress.
func TestM5Target(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 1, nil)
		p := r.mining()
		p.send(extendedJob(firstChannel, 2, 0))
		p.send(&v2.SetTarget{ChannelID: firstChannel, MaximumTarget: target(0x7f)})
		if j := r.job(); j.ID != "1" || j.Target != hasher.MaxTarget {
			t.Errorf("the job in progress has target %v", j.Target)
		}
		p.send(extendedJob(firstChannel, 3, startTime))
		if j := r.job(); j.ID != "3" || j.Target != target(0x7f) {
			t.Errorf("a later job has target %v", j.Target)
		}
		p.send(&v2.SetTarget{ChannelID: firstChannel, MaximumTarget: target(0x3f)})
		p.send(newBlock(firstChannel, 2, 2))
		if j := r.job(); j.ID != "2" || j.Target != target(0x3f) {
			t.Errorf("the future job has target %v", j.Target)
		}
		r.end()
	})
}

// M5: a pool that applies a target at once is seen to, and followed from then on.
func TestM5TargetAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 1, nil)
		p := r.mining()
		r.found(0, 1)
		p.share()
		p.send(&v2.SubmitSharesError{ChannelID: firstChannel, SequenceNumber: 0, ErrorCode: "difficulty-too-low"})
		if j := r.job(); j.Target != hasher.MaxTarget {
			t.Errorf("a refusal alone sets target %v", j.Target)
		}
		p.send(&v2.SetTarget{ChannelID: firstChannel, MaximumTarget: target(0x7f)})
		r.found(0, 1)
		p.share()
		p.send(&v2.SubmitSharesError{ChannelID: firstChannel, SequenceNumber: 1, ErrorCode: "difficulty-too-low"})
		if j := r.job(); j.ID != "1" || j.Target != target(0x7f) || j.Clean {
			t.Errorf("after the refusal %+v is mined", j)
		}
		p.send(&v2.SetTarget{ChannelID: firstChannel, MaximumTarget: target(0x3f)})
		if j := r.job(); j.Target != target(0x3f) {
			t.Errorf("the next target is %v", j.Target)
		}
		p.send(&v2.SetTarget{ChannelID: firstChannel, MaximumTarget: hasher.MaxTarget})
		if j := r.job(); j.Target != target(0x3f) {
			t.Errorf("an easier target is taken at once: %v", j.Target)
		}
		r.want(0, 2, 0, 0)
		r.end()
	})
}

// M5: nor does the miner wait for the next job where it is told not to.
func TestM5TargetNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 1, func(c *stratum.Config) { c.DifficultyNow = true })
		p := r.mining()
		p.send(&v2.SetTarget{ChannelID: firstChannel, MaximumTarget: target(0x7f)})
		if j := r.job(); j.ID != "1" || j.Target != target(0x7f) {
			t.Errorf("%+v is mined", j)
		}
		r.end()
	})
}

// M5: a target that nobody can meet is most likely written the wrong way round.
func TestM5AbsurdTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backwards, _ := hasher.TargetFromDifficulty(1024)
		slices.Reverse(backwards[:])
		for _, bad := range []hasher.Target{{}, {1}, backwards} {
			r := startV2(t, 1, nil)
			p := r.mining()
			p.try(&v2.SetTarget{ChannelID: firstChannel, MaximumTarget: bad})
			r.wantFailure("the wrong way round")
			p = r.accept()
			p.setup(0)
			m := expectV2[*v2.OpenExtendedMiningChannel](p)
			p.try(&v2.OpenExtendedMiningChannelSuccess{RequestID: m.RequestID, ChannelID: 1, ExtranonceSize: 8, Target: bad, GroupChannelID: 2})
			r.wantFailure("the wrong way round")
			r.end()
		}
	})
}

// M6: an extranonce prefix is for jobs that come after it. Those that are there,
// future ones too, keep theirs, and their shares are right.
func TestM6Prefix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 1, nil)
		p := r.mining()
		old, fresh := []byte{1, 2, 3, firstChannel}, []byte{9, 9, 9, 9}
		future, now := extendedJob(firstChannel, 2, 0), extendedJob(firstChannel, 3, startTime)
		p.send(future)
		p.send(&v2.SetExtranoncePrefix{ChannelID: firstChannel, ExtranoncePrefix: fresh})
		share := func(job *v2.NewExtendedMiningJob, block *v2.SetNewPrevHash, prefix []byte) {
			t.Helper()
			r.found(0, 1)
			s := p.share()
			if h := header(t, job, block, prefix, s); s.JobID != job.JobID || h.Hash() != lastHash(r) {
				t.Errorf("share of job %d: the pool hashes %v, the miner %v", s.JobID, h.Hash(), lastHash(r))
			}
			p.acknowledge(firstChannel, s.SequenceNumber, 1)
		}
		share(extendedJob(firstChannel, 1, 0), newBlock(0, 0, 1), old)
		p.send(now)
		share(now, newBlock(0, 0, 1), fresh)
		p.send(newBlock(firstChannel, 2, 2))
		share(future, newBlock(0, 0, 2), old)
		p.send(&v2.SetExtranoncePrefix{ChannelID: 999, ExtranoncePrefix: old})
		p.send(&v2.SetExtranoncePrefix{ChannelID: group, ExtranoncePrefix: old}) // never a group's
		p.send(extendedJob(firstChannel, 4, startTime))
		share(extendedJob(firstChannel, 4, startTime), newBlock(0, 0, 2), fresh)
		p.try(&v2.SetExtranoncePrefix{ChannelID: firstChannel, ExtranoncePrefix: make([]byte, 25)})
		r.wantFailure("25 + 8 bytes")
		r.end()
	})
}

// lastHash returns the hash of the latest share that was found.
func lastHash(r *v2rig) hasher.Hash { return r.last.Load().Hash() }

// M7: which version bits are rolled.
func TestM7VersionMask(t *testing.T) {
	for name, c := range map[string]struct {
		set     func(*stratum.Config)
		flags   uint32 // of the pool
		allowed bool   // in an extended job
		want    uint32
	}{
		"extended, allowed":     {kind(stratum.V2Extended), 0, true, 0x1fffe000},
		"extended, not allowed": {kind(stratum.V2Extended), 0, false, 0},
		"extended, fixed":       {kind(stratum.V2Extended), v2.RequiresFixedVersion, true, 0},
		"standard":              {kind(stratum.V2Standard), 0, true, 0x1fffe000},
		"standard, fixed":       {kind(stratum.V2Standard), v2.RequiresFixedVersion, true, 0},
		"wider":                 {func(c *stratum.Config) { c.VersionMask = 0xffffffff }, 0, true, 0x1fffffe0},
		"narrower":              {func(c *stratum.Config) { c.VersionMask = 0x6000 }, 0, true, 0x6000},
		"not wanted":            {func(c *stratum.Config) { c.NoVersionRolling = true }, 0, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := startV2(t, 1, c.set)
				p := r.accept()
				standard := p.setup(c.flags).Flags&v2.RequiresStandardJobs != 0
				if standard {
					p.openStandard(firstChannel)
					p.send(standardJob(firstChannel, 1, 0))
				} else {
					p.openExtended(firstChannel)
					j := extendedJob(firstChannel, 1, 0)
					j.VersionRollingAllowed = c.allowed
					p.send(j)
				}
				p.send(newBlock(firstChannel, 1, 1))
				if j := r.job(); j.VersionMask != c.want {
					t.Errorf("mask %08x, want %08x", j.VersionMask, c.want)
				}
				r.found(0, 3)
				for i := range 3 {
					version := uint32(0)
					if standard {
						version = expectV2[*v2.SubmitSharesStandard](p).Version
					} else {
						version = p.share().Version
					}
					if version&^c.want != 0x20000000&^c.want || i == 0 && version != 0x20000000 || i == 2 && c.want != 0 && version == 0x20000000 {
						t.Errorf("share %d has version %08x", i, version)
					}
				}
				if traits := strings.Join(r.status().Traits, ","); strings.Contains(traits, "version-rolling") != (c.want != 0) {
					t.Errorf("traits %s", traits)
				}
				r.end()
			})
		})
	}
}

// M8: a header's time is never before the job's and runs ahead of it no faster
// than the clock.
func TestM8NTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 1, kind(stratum.V2Standard))
		p := r.accept()
		p.setup(0)
		p.openStandard(firstChannel)
		p.send(standardJob(firstChannel, 1, 0), newBlock(firstChannel, 1, 1))
		time.Sleep(1500 * time.Millisecond)
		share := func(job, want uint32) {
			t.Helper()
			r.late(0, 5)
			if s := expectV2[*v2.SubmitSharesStandard](p); s.NTime != want || s.JobID != job {
				t.Errorf("share %+v, want time %d", s, want)
			}
		}
		for n := range 2 { // the second that has passed allows one more
			r.keep(0, 1<<32)
			share(1, startTime+uint32(n))
		}
		began := time.Now()
		r.keep(0, 1<<32) // it has to wait
		time.Sleep(499 * time.Millisecond)
		synctest.Wait()
		if !time.Now().Before(began.Add(time.Second)) {
			t.Fatal("the clock is wrong")
		}
		time.Sleep(time.Millisecond)
		share(1, startTime+2)

		p.send(standardJob(firstChannel, 2, startTime+100)) // its own time counts
		r.keep(0, 1<<32)
		share(2, startTime+100)
		r.end()
	})
}

// M9: the extranonce of a share is as wide as the channel's, and in its place.
func TestM9ExtranonceWidth(t *testing.T) {
	for _, size := range []uint16{4, 7, 8, 16, 28} {
		synctest.Test(t, func(t *testing.T) {
			r := startV2(t, 1, nil, func(c *miner.Config) { c.Start.Extranonce2 = 0x01020304 })
			p := r.accept()
			p.setup(0)
			m := expectV2[*v2.OpenExtendedMiningChannel](p)
			if m.MinExtranonceSize > 4 {
				t.Errorf("%d bytes are asked for at least", m.MinExtranonceSize)
			}
			prefix := []byte{0xaa, 0xbb, 0xcc, 0xdd}
			p.send(&v2.OpenExtendedMiningChannelSuccess{
				RequestID: m.RequestID, ChannelID: 1, Target: hasher.MaxTarget, ExtranonceSize: size, ExtranoncePrefix: prefix, GroupChannelID: 2,
			})
			job, block := extendedJob(1, 1, 0), newBlock(1, 1, 1)
			p.send(job, block)
			r.found(0, 1)
			s := p.share()
			want := append(make([]byte, size-4), 1, 2, 3, 4)
			if !slices.Equal(s.Extranonce, want) {
				t.Errorf("extranonce %x, want %x", s.Extranonce, want)
			}
			if h := header(t, job, block, prefix, s); h.Hash() != lastHash(r) {
				t.Errorf("the pool hashes %v, the miner %v", h.Hash(), lastHash(r))
			}
			r.end()
		})
	}
}
