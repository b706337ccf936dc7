package pool_test

import (
	"fmt"
	"testing"
	"time"

	"gominer/hasher/cpu"
	engine "gominer/miner"
	"gominer/stratum"
	"gominer/stratum/pool"
)

// TestV2Gominer lets gominer itself mine on the pool over real sockets: every
// share, and every block, is taken.
func TestV2Gominer(t *testing.T) {
	_, key := v2Identity()
	for name, set := range map[string]func(*stratum.Config, *pool.Config){
		"standard":        func(c *stratum.Config, _ *pool.Config) { c.V2.Channel = stratum.V2Standard },
		"extended":        func(c *stratum.Config, _ *pool.Config) { c.V2.Channel = stratum.V2Extended },
		"per device":      func(c *stratum.Config, _ *pool.Config) { c.V2.PerDevice = true },
		"worker names":    func(c *stratum.Config, _ *pool.Config) { c.V2.WorkerNames = true },
		"fixed version":   func(_ *stratum.Config, p *pool.Config) { p.VersionMask = 0 },
		"few extranonces": func(_ *stratum.Config, p *pool.Config) { p.V2.ExtranonceSize = 1 },
		"new prefixes":    func(_ *stratum.Config, p *pool.Config) { p.ExtranonceEvery = 500 * time.Millisecond },
		"vardiff":         func(_ *stratum.Config, p *pool.Config) { p.Vardiff = 6000 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := pool.DefaultConfig()
			cfg.Difficulty, cfg.Source = 1e-6, chainOf(0x1e00ffff) // a block takes 2^24 hashes
			cfg.V2.Batch = 3
			cfg.StaleGrace = time.Minute
			client := stratum.Config{User: "alice.rig", V2: stratum.V2Config{Hashrate: 1e5}}
			set(&client, &cfg)
			r := startV2(t, cfg)
			client.URL = fmt.Sprintf("stratum2+tcp://%s/%v", r.v2.Addr(), key)
			src, err := stratum.NewSource(client)
			if err != nil {
				t.Fatal(err)
			}
			m := engine.Config{Source: src, Until: engine.Until{Shares: 20, Time: 3 * time.Minute}}
			for i := range 2 {
				d, err := cpu.New(cpu.Config{Name: fmt.Sprintf("cpu%d", i), Threads: 1, Throttle: cpu.Throttle{Rate: 1e5}})
				if err != nil {
					t.Fatal(err)
				}
				m.Devices = append(m.Devices, d)
			}
			x := engine.New(m)
			if err := x.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if s := x.Snapshot(); s.Shares.Accepted < 20 || s.Shares.Rejected > 0 || s.Shares.HardwareErrors > 0 {
				t.Errorf("the miner counts %+v, reasons %v", s.Shares, s.Reasons)
			}
			r.stop()
			s := r.Stats()
			if s.Total.Rejected > 0 || s.Total.Accepted < 20 || s.Workers[0].Name != "alice.rig" {
				t.Errorf("the pool counts %+v, workers %+v", s.Total, s.Workers)
			}
		})
	}
}
