package stratum_test

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gominer/hasher"
	"gominer/stratum"
	"gominer/stratum/v2"
)

// What a pool may send out of place changes nothing.
func TestV2OutOfPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 1, nil)
		p := r.accept()
		expectV2[*v2.SetupConnection](p)
		p.send(extendedJob(firstChannel, 1, 0), newBlock(firstChannel, 1, 1), &v2.SetTarget{}) // too early
		p.send(&v2.SetupConnectionSuccess{UsedVersion: 2})
		p.openExtended(firstChannel)
		p.send(extendedJob(firstChannel, 1, 0), newBlock(firstChannel, 1, 1))
		j := r.job()
		p.send(
			&v2.SetupConnectionSuccess{UsedVersion: 2}, &v2.SetupConnection{}, &v2.OpenStandardMiningChannel{}, &v2.SubmitSharesStandard{},
			&v2.NewTemplate{}, &v2.DeclareMiningJob{}, &v2.SetNewTemplatePrevHash{}, &v2.SetCustomMiningJobSuccess{},
			&v2.Unknown{MsgType: 0x1e}, &v2.Unknown{Extension: 0x4000, Channel: true, MsgType: 1, Payload: make([]byte, 1000)},
			&v2.RequestExtensionsSuccess{SupportedExtensions: []uint16{v2.WorkerHashrate}}, &v2.RequestExtensionsError{}, &v2.ChannelEndpointChanged{ChannelID: firstChannel},
			extendedJob(99, 5, 0), standardJob(99, 5, 0), newBlock(99, 5, 5), &v2.SetTarget{ChannelID: 99, MaximumTarget: hasher.MaxTarget},
			&v2.SetExtranoncePrefix{ChannelID: 99}, &v2.CloseChannel{ChannelID: 99}, &v2.SetGroupChannel{GroupChannelID: 98, ChannelIDs: []uint32{99}},
		)
		p.quiet()
		if r.job() != j {
			t.Errorf("%+v is mined", r.job())
		}
		r.found(0, 1)
		if s := p.share(); s.TLVs != nil { // nobody has asked for names
			t.Errorf("share %+v", s)
		}
		p.try(standardJob(firstChannel, 6, startTime))
		r.wantFailure("a standard job to an extended channel")
		p = r.accept()
		p.setup(0)
		m := expectV2[*v2.OpenExtendedMiningChannel](p)
		p.try(&v2.OpenStandardMiningChannelSuccess{RequestID: m.RequestID, ChannelID: 1, Target: hasher.MaxTarget, GroupChannelID: 2})
		r.wantFailure("not asked for")
		p = r.accept()
		p.setup(0)
		p.try(&v2.OpenExtendedMiningChannelSuccess{RequestID: 999, ChannelID: 1, Target: hasher.MaxTarget, ExtranonceSize: 8, GroupChannelID: 2})
		r.wantFailure("not asked for")
		r.end()
	})
}

// Frames that can't be read: what says which work is valid ends the connection,
// the rest is passed over.
func TestV2Malformed(t *testing.T) {
	raw := func(ext uint16, typ uint8, payload string) string {
		n := len(payload)
		return string([]byte{byte(ext), byte(ext >> 8), typ, byte(n), byte(n >> 8), byte(n >> 16)}) + payload
	}
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 1, nil)
		p := r.mining()
		send := func(frame string) { _, _ = io.WriteString(p.nc, frame); synctest.Wait() }
		for _, typ := range []uint8{0x1c, 0x1d, 0x17, 0x03, 0x04} {
			send(raw(0x8000, typ, "x"))
		}
		p.quiet()
		r.job()
		for _, c := range []struct{ frame, want string }{
			{raw(0x8000, 0x20, "short"), "SetNewPrevHash"},
			{raw(0x8000, 0x1f, strings.Repeat("\xff", 300)), "min_ntime: an option holds 255 values"},
			{raw(0x8000, 0x21, ""), "SetTarget: channel_id"},
			{raw(0, 0x25, strings.Repeat("\xff", 20)), "SetGroupChannel: channel_ids"},
			{raw(0, 0x01, strings.Repeat("x", 5000)), "payload of 5000 bytes is above the cap"},
			{raw(0x4001, 0x01, strings.Repeat("x", v2.DefaultPayload+1)), "above the cap"},
		} {
			send(c.frame)
			r.wantFailure(c.want)
			p = r.mining()
		}
		r.end()
	})
}

// A pool that asks without reading the answers is left.
func TestV2DoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 1, func(c *stratum.Config) { c.V2.WorkerNames = true })
		p, g := r.acceptGate()
		p.setup(0)
		q := expectV2[*v2.RequestExtensions](p)
		p.send(&v2.RequestExtensionsSuccess{RequestID: q.RequestID, SupportedExtensions: []uint16{2}})
		p.openExtended(firstChannel)
		g.shut()
		for id := q.RequestID + 1; id < 3000; id++ {
			err := p.c.Write(&v2.ChannelEndpointChanged{ChannelID: firstChannel}, &v2.RequestExtensionsSuccess{RequestID: id, SupportedExtensions: []uint16{2}})
			if err != nil {
				break
			}
		}
		r.wantFailure("sends requests but does not read the answers")
		g.open()
		r.end()
	})
}

// A channel that is closed and not opened again ends the connection.
func TestV2NotReopened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 1, nil)
		p := r.mining()
		time.Sleep(61 * time.Second)
		p.send(&v2.CloseChannel{ChannelID: firstChannel})
		if s := r.m.Snapshot(); s.Job != nil {
			t.Errorf("job %s is mined without a channel", s.Job.Job.ID)
		}
		r.wantFailure("no answer to the request for a channel within 15s")
		r.end()
	})
}

// A thousand future jobs and a thousand jobs for now hold no more memory than a
// few of them.
func TestV2Flood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 1, nil)
		p := r.mining()
		r.keep(0, 100)
		for n := range uint32(1000) {
			p.send(extendedJob(firstChannel, 1000+n, 0), extendedJob(firstChannel, 3000+n, startTime))
		}
		r.late(0, 0) // of a job that is long forgotten
		p.quiet()
		r.want(0, 0, 1, 0)
		p.send(newBlock(firstChannel, 1999, 2))
		if j := r.job(); j.ID != "1999" {
			t.Errorf("%s is mined", j.ID)
		}
		p.try(newBlock(firstChannel, 1998, 3)) // all others are worthless
		r.wantFailure("job 1998", "never sent")
		p = r.mining()
		for n := range uint32(1000) {
			p.send(extendedJob(firstChannel, 1000+n, 0))
		}
		p.try(newBlock(firstChannel, 1000, 3)) // long forgotten
		r.wantFailure("job 1000", "never sent")
		r.end()
	})
}

// FuzzV2Pool: whatever a pool sends, behind a handshake or in the middle of
// mining, the client neither panics nor leaves a share unreported.
func FuzzV2Pool(f *testing.F) {
	frames := func(ms ...v2.Message) (b []byte) {
		for _, m := range ms {
			var err error
			if b, err = v2.Append(b, m); err != nil {
				f.Fatal(err)
			}
		}
		return b
	}
	f.Add(frames(extendedJob(firstChannel, 2, 0), newBlock(firstChannel, 2, 2), &v2.SetTarget{ChannelID: firstChannel, MaximumTarget: hasher.MaxTarget}))
	f.Add(frames(extendedJob(group, 2, startTime), refusedV2(firstChannel, 0, "difficulty-too-low"), acceptedV2(firstChannel, 1, 2)))
	f.Add(frames(&v2.SetExtranoncePrefix{ChannelID: firstChannel, ExtranoncePrefix: make([]byte, 24)}, extendedJob(firstChannel, 3, 1)))
	f.Add(frames(&v2.SetGroupChannel{GroupChannelID: 1, ChannelIDs: []uint32{7}}, &v2.CloseChannel{ChannelID: 1}, &v2.Reconnect{NewHost: "x", NewPort: 1}))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff"))
	v2Keys()
	f.Fuzz(func(t *testing.T, sent []byte) {
		synctest.Test(t, func(t *testing.T) {
			r := startV2(t, 1, nil)
			p := r.mining()
			r.found(0, 2)
			for len(sent) >= 6 {
				n := min(6+(int(sent[3])|int(sent[4])<<8|int(sent[5])<<16), len(sent))
				frame := bytes.Clone(sent[:n])
				frame[3], frame[4], frame[5] = byte(n-6), byte((n-6)>>8), byte((n-6)>>16)
				if _, err := p.nc.Write(frame); err != nil {
					break
				}
				synctest.Wait()
				sent = sent[n:]
			}
			p.close()
			r.end()
		})
	})
}
