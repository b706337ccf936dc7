package pool_test

import (
	"log/slog"
	"testing"
	"time"

	"gominer/stratum/noise"
	"gominer/stratum/v2"
)

// FuzzV2Conn sends a whole connection's frames and waits for its end: whatever
// they are, the pool lives and lets go of the connection. The input is frames
// with lengths of two bytes.
func FuzzV2Conn(f *testing.F) {
	open := &v2.OpenExtendedMiningChannel{UserIdentity: "a.b", NominalHashRate: 1e3, MaxTarget: anyTarget}
	standard := &v2.OpenStandardMiningChannel{UserIdentity: "a", MaxTarget: anyTarget}
	for _, ms := range [][]v2.Message{
		{},
		{setupV2(0)},
		{setupV2(v2.RequiresStandardJobs), standard, standard, open},
		{setupV2(0), open, standard, &v2.SubmitSharesExtended{ChannelID: 2, JobID: 1, Extranonce: make([]byte, 16)}},
		{setupV2(0), standard, &v2.SubmitSharesStandard{ChannelID: 2, JobID: 1}},
		{setupV2(0), &v2.RequestExtensions{RequestedExtensions: []uint16{2}}, open, &v2.SubmitSharesExtended{ChannelID: 2, TLVs: []byte{2, 0, 1, 1, 0, 'x'}}},
		{setupV2(0), open, &v2.UpdateChannel{ChannelID: 2, MaximumTarget: anyTarget}, &v2.CloseChannel{ChannelID: 1}},
		{setupV2(0), &v2.SetCustomMiningJob{}, &v2.Unknown{Extension: 7}},
	} {
		var b []byte
		for _, m := range ms {
			frame, err := v2.Append(nil, m)
			if err != nil {
				f.Fatal(err)
			}
			b = append(append(b, frame[:5]...), frame[6:]...)
		}
		f.Add(b)
	}
	cfg := easyV2()
	cfg.Vardiff = 6000
	gone := make(farewells, 1)
	cfg.Log = slog.New(gone)
	l := newPipes()
	r := startOn(f, cfg, newPipes()).serveV2(f, l)
	_, key := v2Identity()
	f.Fuzz(func(t *testing.T, b []byte) {
		nc := l.dial()
		nc.SetDeadline(time.Now().Add(20 * time.Second))
		enc, err := noise.Client(t.Context(), nc, noise.Config{Authority: key})
		if err != nil {
			t.Fatal(err)
		}
		go func() { // the pool may close before the end
			for len(b) >= 5 {
				n := min(int(b[3])|int(b[4])<<8, len(b)-5)
				frame := append([]byte{b[0], b[1], b[2], byte(n), byte(n >> 8), 0}, b[5:5+n]...)
				if _, err := enc.Write(frame); err != nil {
					return
				}
				b = b[5+n:]
			}
			enc.Write([]byte{0, 0, 0x10, 0, 0, 0}) // nothing opens a channel: it certainly closes now
		}()
		for buf := make([]byte, 1<<16); err == nil; {
			_, err = enc.Read(buf)
		}
		<-gone
		if n := len(r.Stats().Conns); n > 0 {
			t.Errorf("%d connections are still counted", n)
		}
		enc.Close()
	})
}
