package main

import (
	"testing"
	"time"

	"gominer/hasher/cpu"
	"gominer/miner"
)

func TestAddUntil(t *testing.T) {
	for _, test := range []struct {
		in   []string
		want miner.Until
		bad  bool
	}{
		{in: []string{"shares=20"}, want: miner.Until{Shares: 20}},
		{in: []string{"blocks=1", "time=1m30s"}, want: miner.Until{Blocks: 1, Time: 90 * time.Second}},
		{in: []string{"shares=5, time=2h"}, want: miner.Until{Shares: 5, Time: 2 * time.Hour}},
		{in: []string{"shares=0"}, bad: true},
		{in: []string{"shares=-1"}, bad: true},
		{in: []string{"shares"}, bad: true},
		{in: []string{"time=0"}, bad: true},
		{in: []string{"time=20"}, bad: true},
		{in: []string{"hashes=3"}, bad: true},
		{in: []string{""}, bad: true},
	} {
		var got miner.Until
		var err error
		for _, s := range test.in {
			if err == nil {
				err = addUntil(&got, s)
			}
		}
		if (err != nil) != test.bad || !test.bad && got != test.want {
			t.Errorf("%q: %+v, %v; want %+v, error %v", test.in, got, err, test.want, test.bad)
		}
	}
}

func TestParseThrottle(t *testing.T) {
	for _, test := range []struct {
		in   string
		want cpu.Throttle
	}{
		{"50%", cpu.Throttle{Percent: 50}},
		{"12.5%", cpu.Throttle{Percent: 12.5}},
		{"100%", cpu.Throttle{Percent: 100}},
		{"2MH/s", cpu.Throttle{Rate: 2e6}},
		{"2 MH/s", cpu.Throttle{Rate: 2e6}},
		{"1.5M", cpu.Throttle{Rate: 1.5e6}},
		{"500kH", cpu.Throttle{Rate: 5e5}},
		{"300", cpu.Throttle{Rate: 300}},
		{"50H", cpu.Throttle{Rate: 50}},
		{"1TH/s", cpu.Throttle{Rate: 1e12}},
	} {
		if got, err := parseThrottle(test.in); err != nil || got != test.want {
			t.Errorf("parseThrottle(%q) = %+v, %v; want %+v", test.in, got, err, test.want)
		}
	}
	for _, bad := range []string{"", "0%", "101%", "-5%", "NaN%", "%", "0", "MH/s", "-2MH/s", "2XH/s", "2MH/m", "1e400", "50"} {
		if got, err := parseThrottle(bad); err == nil {
			t.Errorf("parseThrottle(%q) = %+v, want an error", bad, got)
		}
	}
}

func TestParseMask(t *testing.T) {
	for in, want := range map[string]uint32{"1fffe000": 0x1fffe000, "0x1FFFE000": 0x1fffe000, "0": 0, "ffffffff": 0xffffffff} {
		if got, err := parseMask(in); err != nil || got != want {
			t.Errorf("parseMask(%q) = %08x, %v; want %08x", in, got, err, want)
		}
	}
	for _, bad := range []string{"", "g", "1ffffffff", "-1"} {
		if got, err := parseMask(bad); err == nil {
			t.Errorf("parseMask(%q) = %08x, want an error", bad, got)
		}
	}
}

func TestParseSize(t *testing.T) {
	for s, want := range map[string]int64{
		"0": 0, "100000": 100000, "256MB": 256e6, "1.5G": 15e8, "512KiB": 512 << 10, "2 kb": 2000, "1T": 1e12,
		"": -1, "MB": -1, "-1": -1, "1iB": -1, "1e3": -1, "9999999999T": -1, "1 MB x": -1,
	} {
		got, err := parseSize(s)
		if (err != nil) != (want < 0) || err == nil && got != want {
			t.Errorf("parseSize(%q) = %d, %v; want %d", s, got, err, want)
		}
	}
}
