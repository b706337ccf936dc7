package replay_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	gominer "gominer/miner"
	"gominer/stratum"
	"gominer/stratum/record"
	"gominer/stratum/replay"
)

// knowing is a device that knows a share and claims it when it draws the work for
// it, which it does every now and then.
type knowing struct {
	job         string
	extranonce2 uint64
	nonce       uint32
}

func (*knowing) Info() gominer.Info { return gominer.Info{Name: "knowing", Kind: "sim"} }

func (d *knowing) Run(ctx context.Context, f *gominer.Feed) error {
	var w gominer.Work
	for {
		if err := f.Next(ctx, 1<<32, &w); err != nil {
			return err
		}
		if w.Job.ID == d.job && w.Extranonce2 == d.extranonce2 {
			f.Found(&w, w.Job.Version, d.nonce)
		}
		select {
		case <-time.After(550 * time.Millisecond):
		case <-w.Done():
		}
	}
}

// TestDialogues: what three real pools said is played to the real client at its
// own pace, and a share that was really found on each is accepted.
func TestDialogues(t *testing.T) {
	for name, want := range map[string]struct {
		knowing
		after time.Duration // the job's arrival
	}{
		// The second job, at the difficulty that came behind the first.
		"ckpool-lhr-signet-v1": {knowing{"6b01092e00000002", 1, 0x0360fcc7}, 546 * time.Millisecond},
		// The job came a while after the authorization.
		"gopool-regtest-v1":      {knowing{"1-1", 0, 0x010c7950}, 3003 * time.Millisecond},
		"public-pool-regtest-v1": {knowing{"1", 0, 0x0379a595}, 36 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			file, err := os.Open(filepath.Join("../v1/testdata/dialogues", name+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			all, err := record.Sessions(record.NewReader(file))
			if err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) {
				s, err := replay.New(replay.Config{Sessions: all})
				if err != nil {
					t.Fatal(err)
				}
				var conns sync.WaitGroup
				src, err := stratum.New(stratum.Config{URL: "replay:1", User: "me", SuggestDifficulty: 0.005,
					Dial: func(context.Context, string, string) (net.Conn, error) {
						mine, theirs := net.Pipe()
						conns.Go(func() { s.ServeConn(context.Background(), theirs) })
						return mine, nil
					}})
				if err != nil {
					t.Fatal(err)
				}
				m := gominer.New(gominer.Config{Source: src, Devices: []gominer.Device{&want.knowing}, Until: gominer.Until{Shares: 1}})
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
				defer cancel()
				began := time.Now()
				if err := m.Run(ctx); err != nil {
					t.Error(err)
				}
				conns.Wait()
				snap := m.Snapshot()
				if snap.Shares.Accepted != 1 || snap.Shares.Rejected != 0 {
					t.Fatalf("shares %+v, reasons %v", snap.Shares, snap.Reasons)
				}
				arrived := snap.Recent[0].Share.Found.Sub(began)
				if arrived < want.after || arrived > want.after+10*time.Millisecond {
					t.Errorf("the share came after %v, want %v", arrived, want.after)
				}
				if st := s.Stats(); st.Accepted != 1 || st.Conns != 1 || st.Best < 0.003 {
					t.Errorf("the replay counts %+v", st)
				}
			})
		})
	}
}
