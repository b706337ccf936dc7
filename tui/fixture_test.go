package tui

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"gominer/hasher"
	"gominer/miner"
)

// noon is when all golden screens are of.
var noon = time.Date(2026, 3, 20, 12, 0, 0, 0, time.Local)

// mining is how things stand after three hours on a good pool.
func mining() miner.Snapshot {
	target, _ := hasher.TargetFromDifficulty(0.5)
	s := miner.Snapshot{
		Started: noon.Add(-3*time.Hour - 7*time.Minute), Elapsed: 3*time.Hour + 7*time.Minute, Hashes: 1_897_000_000_000,
		Rate:    miner.Rate{S10: 171.2e6, S60: 169.8e6, M15: 168.9e6, Avg: 169.1e6},
		Shares:  miner.Tally{Accepted: 1204, Rejected: 3, Stale: 2, Lost: 1, Blocks: 2, Difficulty: 451},
		Reasons: map[string]uint64{"stale": 2, "low difficulty share": 1}, Best: 4711.3, BestEver: 86000, LastAccepted: noon.Add(-3 * time.Second),
		Strategy: "failover",
		Devices: []miner.DeviceState{
			{Info: miner.Info{Name: "cpu", Kind: "cpu", Model: "AMD EPYC 9965 192-Core Processor", Kernel: "avx512-sha", Threads: 2, Lanes: 16, Versions: 16},
				Hashes: 1_800_000_000_000, Rate: miner.Rate{S10: 161.2e6, S60: 160.1e6, M15: 159.9e6, Avg: 160e6},
				Shares: miner.Tally{Accepted: 1100, Rejected: 3}, Best: 4711.3, ThreadRates: []float64{80.5e6, 80.7e6}},
			{Info: miner.Info{Name: "opencl0", Kind: "opencl", Model: "a graphics card", Kernel: "opencl-1x4", Lanes: 1, Versions: 4},
				Hashes: 97_000_000_000, Rate: miner.Rate{S10: 10e6, S60: 9.7e6, M15: 9e6, Avg: 9.1e6},
				Shares: miner.Tally{Accepted: 104, HardwareErrors: 1}, Best: 12, Health: miner.Health{Temperature: 61, Fan: 40, Power: 93}},
		},
		Sources: []miner.SourceReport{
			{Name: "pool.example.org:3333", Preference: 1, Since: noon.Add(-2 * time.Hour), Shares: miner.Tally{Accepted: 1204, Rejected: 3, Lost: 1}, Connects: 2, Uptime: 3*time.Hour + 5*time.Minute,
				Difficulties: []miner.DifficultySince{{Difficulty: 0.25, Since: noon.Add(-2 * time.Hour)}, {Difficulty: 0.5, Since: noon.Add(-9 * time.Minute)}},
				Latency:      miner.Latency{P50: 31 * time.Millisecond, P99: 112 * time.Millisecond}, Message: "maintenance on sunday",
				Status: miner.SourceStatus{State: miner.Up, URL: "stratum+tls://pool.example.org:3333", Protocol: "stratum v1", Encryption: "TLS 1.3", User: "alice.rig1", Traits: []string{"version-rolling 1fffe000", "extranonce.subscribe"}}},
			{Name: "backup.example.org:3333", Preference: 2, Since: noon.Add(-2 * time.Hour), Status: miner.SourceStatus{State: miner.Idle, Protocol: "stratum v1", User: "bob"}},
		},
		Blocks:   []miner.BlockFound{{Found: noon.Add(-time.Hour), Height: 850_001}, {Found: noon.Add(-9 * time.Minute), Height: 850_007, Err: &miner.Reject{Code: 21, Reason: "prev-blk-not-found"}}},
		Messages: []miner.Message{{Came: noon.Add(-time.Hour), Source: "pool.example.org:3333", Text: "maintenance on sunday"}},
	}
	s.Job = &miner.JobState{Source: "pool.example.org:3333", Arrived: noon.Add(-12 * time.Second), Job: &miner.Job{
		ID: "6b015d17", Version: 0x20000000, VersionMask: 0x1fffe000, Bits: 0x17053894, Target: target, Height: 850_008, Value: 312_512_345, Transactions: 3201,
	}}
	for i := range 40 {
		o := miner.Outcome{Source: s.Job.Source, After: time.Duration(20+i) * time.Millisecond, Share: miner.Share{Job: s.Job.Job, Found: noon.Add(time.Duration(i-40) * 11 * time.Second), Device: i % 2}}
		o.Share.Hash[27] = byte(1 + i*37%255)
		switch i {
		case 7, 20:
			o.Err = &miner.Reject{Code: 21, Reason: "stale"}
		case 25:
			o.Err = errors.New("the connection was lost before the answer")
		case 30:
			o.Share.Block = true
		}
		s.Recent = append(s.Recent, o)
	}
	return s
}

// states are what the screens are drawn of.
func states() map[string]miner.Snapshot {
	down := mining()
	down.Job, down.Rate, down.Recent = nil, miner.Rate{Avg: 150e6}, nil
	down.Sources[0].Status.State, down.Sources[0].Status.Err = miner.Down, errors.New("pool.example.org:3333: connection refused: is the port right?")
	down.Sources[0].Since, down.Sources[0].Status.Retry = noon.Add(-3*time.Second), 9*time.Second
	down.Devices[1].Err = errors.New("a graphics card: hangs: a launch that should take 25ms is not over after 10s more")
	hostile := mining()
	hostile.Sources[0].Message = "\x1b[2J\x1b]0;owned\a\u202egnp.exe\u200b 漢字 ☃️ " + fmt.Sprint(make([]int, 200))
	hostile.Sources[0].Name, hostile.Job.Source = "\x1b[31mred\n\nname", "\x1b[31mred\n\nname"
	hostile.Sources[0].Status.Traits = []string{"\r\n\r\n", "\x9b31m"}
	hostile.Reasons = map[string]uint64{"\x1b[5mblink": 5, "": 1}
	hostile.Devices[0].Info.Model = "\x00\x07é́́́́"
	hostile.Rate = miner.Rate{S10: math.NaN(), S60: math.Inf(1), M15: -1, Avg: 1e300}
	many := mining()
	for i := range 60 {
		d := many.Devices[i%2]
		d.Info.Name = fmt.Sprintf("asic%d", i)
		d.ThreadRates = make([]float64, 300)
		many.Devices = append(many.Devices, d)
	}
	node := mining()
	node.Sources = node.Sources[:1]
	node.Sources[0].Name, node.Job.Source = "http://127.0.0.1:8332", "http://127.0.0.1:8332"
	node.Sources[0].Message, node.Sources[0].Preference, node.Strategy = "", 0, ""
	node.Sources[0].Status = miner.SourceStatus{State: miner.Up, URL: "http://127.0.0.1:8332", Protocol: "getblocktemplate",
		User: "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", Traits: []string{"mainnet", "version-rolling 1fffe000"}}
	chips := mining()
	chips.Devices = append(chips.Devices, miner.DeviceState{
		Info: miner.Info{Name: "usb0", Kind: "asic", Model: "GekkoScience R909"}, Hashes: 4_000_000_000_000,
		Rate: miner.Rate{S10: 1.71e12, S60: 1.69e12, M15: 1.7e12, Avg: 1.7e12}, Shares: miner.Tally{Accepted: 87, HardwareErrors: 4, Duplicates: 1}, Best: 4711,
		Health: miner.Health{Temperature: 48, Power: 21, Chips: []miner.ChipHealth{
			{Nonces: 1204}, {Nonces: 1180, Errors: 3}, {Nonces: 1217}, {Nonces: 88, Silent: true}, {Nonces: 1190, Errors: 1, Duplicates: 1}, {Nonces: 1222},
		}},
	})
	paused := mining()
	paused.Paused = true
	return map[string]miner.Snapshot{"start": {}, "mining": mining(), "down": down, "hostile": hostile, "many": many, "paused": paused, "node": node, "chips": chips}
}

// screen returns a model of s with a past of n seconds.
func screen(s miner.Snapshot, w, h, n int) *model {
	log := new(Log)
	for i, l := range []line{
		{level: slog.LevelInfo, text: "mining with  device=cpu  kernel=avx512-sha  threads=2"},
		{level: slog.LevelInfo, text: "connected  source=pool.example.org:3333"},
		{level: slog.LevelInfo, text: "share accepted  device=cpu  diff=1.5/0.5  latency=31 ms"},
		{level: slog.LevelWarn, text: "share rejected  device=cpu  reason=stale"},
		{level: slog.LevelError, text: "device failed, will be tried again  device=opencl0  error=\x1b[31mhangs"},
		{level: slog.LevelDebug, text: "job  id=6b01"},
	} {
		log.Add(noon.Add(time.Duration(i-6)*time.Minute), l.level, l.text)
	}
	m := newModel(&Config{Title: "gominer", Snapshot: func() miner.Snapshot { return s }, Log: log}, noon)
	m.w, m.h = w, h
	m.past = history{
		events: make([]second, day), devices: make([]deviceSeries, len(s.Devices)), each: make([]uint64, len(s.Devices)), last: tallyOf(&s),
	}
	for i := range n {
		wave := 1 + 0.06*math.Sin(float64(i)/40) + 0.03*math.Sin(float64(i)/7)
		if i > n-200 && i < n-170 {
			wave *= 0.4
		}
		e := &m.past.events[i%day]
		e.idle = wave < 0.5
		if i*i%13 == 0 {
			e.accepted = uint16(i % 3)
		}
		if i%197 == 50 {
			e.failed = 1
		}
		e.block = n-i == 3600
		m.past.total.add(169e6*wave, day)
		for k := range s.Devices {
			m.past.devices[k].add(s.Devices[k].Rate.S60 * wave)
		}
	}
	return m
}
