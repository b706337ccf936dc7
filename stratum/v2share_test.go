package stratum_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gominer/hasher"
	"gominer/miner"
	"gominer/stratum"
	"gominer/stratum/v2"
)

// accepted returns an acknowledgement.
func acceptedV2(channel, last, count uint32) *v2.SubmitSharesSuccess {
	return &v2.SubmitSharesSuccess{ChannelID: channel, LastSequenceNumber: last, NewSubmitsAcceptedCount: count}
}

func refusedV2(channel, sequence uint32, code string) *v2.SubmitSharesError {
	return &v2.SubmitSharesError{ChannelID: channel, SequenceNumber: sequence, ErrorCode: code}
}

// M10: shares are acknowledged in batches and refused one by one, in any order;
// each is reported once.
func TestM10Batches(t *testing.T) {
	for _, c := range []struct {
		name               string
		shares             int
		answers            []v2.Message
		accepted, rejected uint64
		warns              bool
	}{
		{"one by one", 3, []v2.Message{acceptedV2(7, 0, 1), acceptedV2(7, 1, 1), acceptedV2(7, 2, 1)}, 3, 0, false},
		{"one batch", 10, []v2.Message{acceptedV2(7, 9, 10)}, 10, 0, false},
		{"part of a batch", 10, []v2.Message{acceptedV2(7, 6, 7)}, 7, 0, false},
		{"a refusal between batches", 6, []v2.Message{acceptedV2(7, 2, 3), refusedV2(7, 3, "x"), acceptedV2(7, 5, 2)}, 5, 1, false},
		{"a refusal before its batch", 6, []v2.Message{refusedV2(7, 4, "x"), acceptedV2(7, 2, 3), acceptedV2(7, 5, 2)}, 5, 1, false},
		{"refusals in a batch", 6, []v2.Message{refusedV2(7, 4, "x"), refusedV2(7, 0, "x"), refusedV2(7, 2, "x"), acceptedV2(7, 5, 3)}, 3, 3, false},
		{"all refused, backwards", 3, []v2.Message{refusedV2(7, 2, "x"), refusedV2(7, 1, "x"), refusedV2(7, 0, "x")}, 0, 3, false},
		{"a refusal of the last", 3, []v2.Message{refusedV2(7, 2, "x"), acceptedV2(7, 1, 2)}, 2, 1, false},
		{"fewer are counted", 3, []v2.Message{acceptedV2(7, 2, 2)}, 3, 0, true},
		{"more are counted", 3, []v2.Message{acceptedV2(7, 1, 9)}, 2, 0, true},
		{"acknowledged twice", 3, []v2.Message{acceptedV2(7, 2, 3), acceptedV2(7, 2, 3)}, 3, 0, true},
		{"refused twice", 3, []v2.Message{refusedV2(7, 1, "x"), refusedV2(7, 1, "y"), acceptedV2(7, 2, 2)}, 2, 1, true},
		{"refused after it was accepted", 3, []v2.Message{acceptedV2(7, 2, 3), refusedV2(7, 1, "x")}, 3, 0, true},
		{"of shares to come", 3, []v2.Message{acceptedV2(7, 9, 10), refusedV2(7, 9, "x")}, 3, 0, true},
		{"of shares long ago", 3, []v2.Message{acceptedV2(7, 0xfffffff0, 0), acceptedV2(7, 2, 3)}, 3, 0, false},
		{"for no channel", 3, []v2.Message{acceptedV2(8, 2, 3), refusedV2(9, 0, "x"), acceptedV2(7, 2, 3)}, 3, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := startV2(t, 1, nil)
				p := r.mining()
				r.found(0, c.shares)
				for i := range c.shares {
					if s := p.share(); s.SequenceNumber != uint32(i) {
						t.Errorf("share %+v, want number %d", s, i)
					}
				}
				p.send(c.answers...)
				r.want(c.accepted, c.rejected, 0, 0)
				if got := strings.Contains(r.log.String(), "level=WARN msg=\"the pool") || strings.Contains(r.log.String(), "level=WARN msg=\"answer"); got != c.warns {
					t.Errorf("warned %v, want %v; log:\n%s", got, c.warns, r.log)
				}
				pending := uint64(c.shares) - c.accepted - c.rejected
				if s := r.end(); s.Shares.Lost != pending {
					t.Errorf("%d lost in the end, want %d", s.Shares.Lost, pending)
				}
			})
		})
	}
}

// M10: each channel has numbers of its own.
func TestM10Channels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 2, func(c *stratum.Config) { c.V2.PerDevice = true })
		p := r.accept()
		p.setup(0)
		p.openExtended(firstChannel)
		p.openExtended(firstChannel + 1)
		p.send(extendedJob(group, 1, 0), newBlock(group, 1, 1))
		for i := range 3 {
			for device := range 2 {
				r.found(device, 1)
				if s := p.share(); s.ChannelID != firstChannel+uint32(device) || s.SequenceNumber != uint32(i) {
					t.Errorf("share %+v", s)
				}
			}
		}
		p.send(acceptedV2(8, 2, 3))
		r.want(3, 0, 0, 0)
		p.send(refusedV2(7, 1, "x"), acceptedV2(7, 2, 2))
		r.want(5, 1, 0, 0)
		r.end()
	})
}

// M10: what a pool never acknowledges is not sent again, and lost when the
// connection is over.
func TestM10Pending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 1, nil)
		p := r.mining()
		r.found(0, 3)
		time.Sleep(time.Hour) // nothing is resubmitted
		for i := 0; i < 3; {
			switch m := (<-p.in).(type) {
			case *v2.SubmitSharesExtended:
				i++
			case *v2.UpdateChannel:
			default:
				t.Errorf("%T %+v", m, m)
			}
		}
		for len(p.in) > 0 {
			if m := <-p.in; m.Type() != v2.TypeUpdateChannel {
				t.Errorf("%v %+v", m.Type(), m)
			}
		}
		r.want(0, 0, 0, 0)
		p.close()
		r.want(0, 0, 0, 3)
		p = r.mining() // it comes back, with nothing of the old
		r.found(0, 1)
		if s := p.share(); s.SequenceNumber != 0 {
			t.Errorf("share %+v", s)
		}
		r.end()
		if m := p.gone(); len(m) != 1 || m[0].Type() != v2.TypeCloseChannel {
			t.Errorf("in the end %v is sent", m)
		}
	})
}

// At the end the channels are closed while shares are unacknowledged, and what
// the pool acknowledges then counts.
func TestM10LastBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 1, nil)
		p := r.mining()
		r.found(0, 3)
		for range 3 {
			p.share()
		}
		r.stop()
		synctest.Wait()
		p.quiet() // an answer may be on its way
		time.Sleep(stratum.DefaultTimeouts.Grace / 2)
		expectV2[*v2.CloseChannel](p)
		p.send(&v2.SubmitSharesSuccess{ChannelID: firstChannel, LastSequenceNumber: 2, NewSubmitsAcceptedCount: 3})
		if rest := p.gone(); len(rest) > 0 {
			t.Errorf("it sends %v", rest)
		}
		r.want(3, 0, 0, 0)
		r.end()
	})
}

// A share that is a block goes before those that wait.
func TestV2BlockFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 1, nil)
		p, g := r.acceptGate()
		p.setup(0)
		p.openExtended(firstChannel)
		p.send(extendedJob(firstChannel, 1, 0), newBlock(firstChannel, 1, 1))
		r.job()
		g.shut()
		r.found(0, 4)
		easy := &v2.SetNewPrevHash{ChannelID: firstChannel, JobID: 2, PrevHash: hasher.Hash{7}, MinNTime: startTime, Bits: 0x2100ffff}
		easy.Bits = 0x207fffff // every second hash is a block
		p.send(extendedJob(firstChannel, 2, 0), easy)
		r.found(0, 20)
		g.open()
		synctest.Wait()
		var order []uint32
		for len(p.in) > 0 {
			if s := p.share(); s.JobID == 2 {
				order = append(order, s.SequenceNumber)
			}
		}
		for i, n := range order[1:] {
			if n != order[i]+1 {
				t.Errorf("numbers %v", order)
			}
		}
		p.acknowledge(firstChannel, order[len(order)-1], uint32(len(order)))
		s := r.end()
		blocks := 0
		for _, o := range s.Recent {
			if o.Share.Block && o.Err == nil {
				blocks++
			}
		}
		if blocks == 0 || blocks == 20 {
			t.Fatalf("%d of 20 shares are blocks: the test tests nothing", blocks)
		}
		// The outcomes are in the order of the numbers: blocks, then the rest, but
		// for what was on its way already.
		last := true
		changes := 0
		for _, o := range s.Recent[len(s.Recent)-18:] {
			if o.Share.Block != last {
				last = o.Share.Block
				changes++
			}
		}
		if changes > 3 {
			t.Errorf("blocks and others take turns %d times", changes)
		}
	})
}

// M11: whatever word a share is refused with, it is counted with it, and nothing
// else happens.
func TestM11ShareCodes(t *testing.T) {
	codes := []string{
		"invalid-channel-id", "invalid-share", "stale-share", "invalid-job-id", "difficulty-too-low", "duplicate-share",
		"bad-extranonce-size", "version-rolling-not-allowed", "invalid-non-rollable-version-bit", "something else", "",
		"\x1b[31mred\x00",
	}
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 1, nil)
		p := r.mining()
		before := r.job()
		for i, code := range codes {
			r.found(0, 1)
			p.share()
			p.send(refusedV2(firstChannel, uint32(i), code))
			want := code
			switch code {
			case "":
				want = "without a reason"
			case "\x1b[31mred\x00":
				want = "red"
			}
			s := r.m.Snapshot()
			if s.Reasons[want] != 1 || s.Shares.Rejected != uint64(i+1) {
				t.Errorf("%q: %v", code, s.Reasons)
			}
		}
		if r.job() != before {
			t.Error("a refusal changed the job")
		}
		p.quiet()
		r.end()
	})
}

// M11: words that end a connection, or that don't.
func TestM11OtherCodes(t *testing.T) {
	for _, code := range []string{
		"unsupported-feature-flags", "unsupported-protocol", "protocol-version-mismatch", "missing-declare-tx-data-flag", "whatever", "",
	} {
		synctest.Test(t, func(t *testing.T) {
			r := startV2(t, 1, nil)
			p := r.accept()
			expectV2[*v2.SetupConnection](p)
			p.try(&v2.SetupConnectionError{ErrorCode: code})
			r.wantFailure("refuses the connection", code)
			r.end()
		})
	}
	for _, code := range []string{
		"standard-channels-not-supported-for-custom-work", "extended-channels-not-supported-for-standard-jobs", "invalid-user-identity",
		"unknown-user", "invalid-nominal-hashrate", "max-target-out-of-range", "min-extranonce-size-too-large",
		"unsupported-min-extranonce-size", "channel-capacity-exhausted", "whatever", "",
	} {
		synctest.Test(t, func(t *testing.T) {
			r := startV2(t, 1, kind(stratum.V2Extended))
			p := r.accept()
			p.setup(0)
			m := expectV2[*v2.OpenExtendedMiningChannel](p)
			p.try(&v2.OpenMiningChannelError{RequestID: m.RequestID, ErrorCode: code})
			advice := "check the user"
			switch code {
			case "channel-capacity-exhausted":
				advice = "another pool"
			case "max-target-out-of-range":
				advice = "lower difficulty"
			case "min-extranonce-size-too-large", "extended-channels-not-supported-for-standard-jobs":
				advice = "standard channels"
			}
			r.wantFailure(`no channel for user "me.worker"`, code, advice)
			r.end()
		})
	}
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 1, nil)
		p := r.mining()
		for _, code := range []string{"invalid-nominal-hashrate", "invalid-channel-id", "whatever"} {
			p.send(&v2.UpdateChannelError{ChannelID: firstChannel, ErrorCode: code})
		}
		for _, code := range []string{"jd-not-supported", "invalid-mining-job-token", "stale-chain-tip"} {
			p.send(&v2.SetCustomMiningJobError{ChannelID: firstChannel, ErrorCode: code})
		}
		p.send(&v2.OpenMiningChannelError{RequestID: 12345, ErrorCode: "x"})
		if n := strings.Count(r.log.String(), "refuses what it was told"); n != 2 { // the 1st, the 2nd, the 4th…
			t.Errorf("warned %d times", n)
		}
		p.quiet()
		r.job()
		r.end()
	})
}

// More shares than a pool could mean to acknowledge some day end the connection.
func TestV2NeverAcknowledged(t *testing.T) {
	if testing.Short() {
		t.Skip("65 thousand shares")
	}
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 1, nil)
		p := r.mining()
		go func() {
			for range p.in {
			}
		}()
		const most = 1 << 16
		for range most + 1 {
			r.devices[0].find <- uint64(r.count.Load())
		}
		r.wantFailure(fmt.Sprintf("not acknowledged any of the last %d shares", most+1))
		s := r.end()
		if s.Shares.Lost+s.Shares.Stale != most+1 {
			t.Errorf("%+v", s.Shares)
		}
	})
}

// Failover mixes pools of both protocols: shares go where their jobs came from.
func TestV2Failover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var v1 miner.Source
		r := startV2(t, 1, nil, func(c *miner.Config) {
			cfg := stratum.Config{URL: "stratum+tcp://v1.example.org:3333", User: "me.worker"}
			cfg.Dial = c.Source.(*v2rig).dial
			var err error
			if v1, err = stratum.NewSource(cfg); err != nil {
				t.Fatal(err)
			}
			c.Source = miner.Failover(c.Source, v1)
		})
		p := r.mining()
		r.found(0, 1)
		p.share()
		p.acknowledge(firstChannel, 0, 1)
		r.found(0, 1)
		p.close()
		d := r.dialed()
		if d.addr != "v1.example.org:3333" {
			t.Fatalf("%s is dialed", d.addr)
		}
		old := d.acceptV1(t)
		old.handshake()
		old.difficulty(easy)
		old.notify("1", true)
		r.found(0, 1)
		q := old.expect("mining.submit")
		old.answer(q, "true")
		r.want(2, 0, 0, 1)

		// The better one is tried, seen to be up, and returned to.
		back := r.accept()
		back.setup(0)
		back.openExtended(firstChannel)
		back.send(extendedJob(firstChannel, 1, 0), newBlock(firstChannel, 1, 1))
		go func() {
			for range old.in {
			}
		}()
		time.Sleep(time.Minute + 5*time.Second)
		r.found(0, 1)
		back.share()
		back.acknowledge(firstChannel, 0, 1)
		r.want(3, 0, 0, 1)
		r.end()
	})
}
