package stratum_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"

	"gominer/stratum"
	"gominer/stratum/record"
	"gominer/stratum/v2"
)

// TestV2Record: what is said before encryption is in the recording, frame by
// frame.
func TestV2Record(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.jsonl")
	synctest.Test(t, func(t *testing.T) {
		w, err := record.Create(record.Config{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		r := startV2(t, 1, func(c *stratum.Config) { c.Record = w })
		p := r.mining()
		r.found(0, 1)
		p.share()
		p.acknowledge(firstChannel, 0, 1)
		r.want(1, 0, 0, 0)
		r.end()
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	sessions, err := record.Sessions(record.NewReader(file))
	if err != nil || len(sessions) != 1 || sessions[0].Opening.Protocol != "stratum v2" || sessions[0].Opening.Encryption == "" {
		t.Fatalf("%+v, %v", sessions, err)
	}
	var said []string
	for _, e := range sessions[0].Entries {
		if e.Kind != record.Frame {
			continue
		}
		m, err := v2.Parse(e.Data)
		if err != nil || uint32(m.Type()) != e.Type {
			t.Fatalf("%x of type %#x: %v", e.Data, e.Type, err)
		}
		said = append(said, string(e.From)+" "+m.Type().String())
	}
	for _, want := range []string{
		"miner SetupConnection", "pool SetupConnection.Success", "miner OpenExtendedMiningChannel", "pool OpenExtendedMiningChannel.Success",
		"pool NewExtendedMiningJob", "pool SetNewPrevHash", "miner SubmitSharesExtended", "pool SubmitShares.Success",
	} {
		if !slices.Contains(said, want) {
			t.Errorf("%s is missing in %q", want, said)
		}
	}
}
