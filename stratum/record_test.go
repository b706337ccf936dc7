package stratum_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gominer/miner"
	"gominer/stratum"
	"gominer/stratum/pool"
	"gominer/stratum/record"
	"gominer/stratum/v1"
)

// TestRecord: what is said on a real connection is in the recording, line by
// line, and the password is not.
func TestRecord(t *testing.T) {
	cfg := pool.DefaultConfig()
	cfg.Difficulty = 1.0 / (1 << 32) // every hash is a share
	addr := servePool(t, cfg)
	path := filepath.Join(t.TempDir(), "r.jsonl")
	w, err := record.Create(record.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	src, err := stratum.New(stratum.Config{URL: "stratum+tcp://" + addr.String(), User: "alice", Pass: "hunter2-secret", Record: w})
	if err != nil {
		t.Fatal(err)
	}
	device := make(prompt)
	m := miner.New(miner.Config{Source: src, Devices: []miner.Device{device}, Until: miner.Until{Shares: 3}})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	for running := true; running; {
		select {
		case device <- struct{}{}:
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
			running = false
		}
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}

	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(raw, []byte("hunter2")) {
		t.Errorf("the password is in\n%s", raw)
	}
	sessions, err := record.Sessions(record.NewReader(bytes.NewReader(raw)))
	if err != nil || len(sessions) != 1 {
		t.Fatalf("%d sessions, %v\n%s", len(sessions), err, raw)
	}
	s := sessions[0]
	if want := (record.Opening{Source: addr.String(), URL: "stratum+tcp://" + addr.String(), Remote: addr.String(), Protocol: "stratum v1", User: "alice"}); s.Opening != want {
		t.Errorf("opening %+v, want %+v", s.Opening, want)
	}
	said := map[string]int{}
	for _, e := range s.Entries {
		if e.Kind != record.Line {
			continue
		}
		m, err := v1.Parse(e.Data, v1.Limits{})
		if err != nil {
			t.Fatalf("%s: %v", e.Data, err)
		}
		said[string(e.From)+" "+m.Method()]++
	}
	if said["miner mining.authorize"] != 1 || said["miner mining.submit"] < 3 || said["pool mining.notify"] < 1 || said["pool "] < 6 {
		t.Errorf("said %v", said)
	}
	last := s.Entries[len(s.Entries)-1]
	if last.Kind != record.Close || last.From != record.Miner || !strings.Contains(last.Reason, "the miner stops") {
		t.Errorf("it ends with %+v", last)
	}
}
