package stratum_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"gominer/miner"
	"gominer/stratum"
	"gominer/stratum/pool"
	"gominer/stratum/pool/fault"
)

// TestHostileSockets: some of the attacks again, over real sockets, whose ends
// are of more than one kind.
func TestHostileSockets(t *testing.T) {
	for spec, says := range map[string]string{
		"reset=1":           "the pool reset the connection",
		"close=1":           "the pool closed the connection|the pool reset the connection",
		"truncate=1":        "the pool closed the connection|the pool reset the connection",
		"giant-line":        "line is above the line cap",
		"endless-line":      "line is above the line cap",
		"http=hello":        "that is a web server",
		"noise=subscribe":   "not a Stratum V1 line|no text, and so not Stratum V1",
		"deny=\x1b[31mno":   "not allowed to mine here: no (code 24)",
		"extranonce2-size":  "extranonce2_size is -1",
		"close-on + refuse": "", // on mining.configure: the client comes again without it
	} {
		t.Run(spec, func(t *testing.T) {
			t.Parallel()
			hostile, honest := faultyPool(t, strings.Split(spec, " + ")...), faultyPool(t)
			said := new(overheard)
			log := slog.New(listener{to: said})
			var sources []miner.Source
			for _, addr := range []string{hostile, honest} {
				src, err := stratum.New(stratum.Config{URL: addr, User: "me", Log: log})
				if err != nil {
					t.Fatal(err)
				}
				sources = append(sources, src)
			}
			device := make(prompt)
			m := miner.New(miner.Config{Source: miner.Failover(sources...), Devices: []miner.Device{device}, Log: log})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			ended := make(chan struct{})
			go func() { defer close(ended); _ = m.Run(ctx) }()
			defer func() { cancel(); <-ended }()

			next := honest
			if says == "" {
				next = hostile
			}
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for (accepted(m, next) == 0 || !said.said(says)) && ctx.Err() == nil { // the next may be faster than the trouble
				select {
				case device <- struct{}{}: // while there is work
				case <-ctx.Done():
				case <-tick.C:
				}
			}
			if ctx.Err() != nil {
				t.Errorf("%s did not take over", next)
			}
			if !said.said(says) {
				t.Errorf("%q was not shown, but\n%.3000s", says, strings.Join(said.texts, "\n"))
			}
			if text := said.unfit(); text != "" {
				t.Errorf("%.300q was shown", text)
			}
		})
	}
}

// faultyPool runs a pool on loopback and returns its address.
func faultyPool(t *testing.T, specs ...string) string {
	t.Helper()
	cfg := pool.DefaultConfig()
	cfg.Difficulty = 1.0 / (1 << 32)
	for _, s := range specs {
		f, err := fault.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := fault.Apply(&cfg, f); err != nil {
			t.Fatal(err)
		}
	}
	return servePool(t, cfg).String()
}

// accepted returns how many shares a source of m has accepted.
func accepted(m *miner.Miner, name string) uint64 {
	for _, s := range m.Snapshot().Sources {
		if s.Name == name {
			return s.Shares.Accepted
		}
	}
	return 0
}
