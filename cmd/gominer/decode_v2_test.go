package main

import (
	"encoding/hex"
	"strings"
	"testing"

	"gominer/hasher"
	"gominer/stratum/v2"
)

// heard explains messages in turn, as hex that was asked to be explained as a
// frame.
func heard(t *testing.T, d *decoder, ms ...v2.Message) (last *explanation) {
	t.Helper()
	for _, m := range ms {
		b, err := v2.Append(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		if last, err = d.decode("frame", hex.EncodeToString(b)); err != nil {
			t.Fatal(err)
		}
	}
	return last
}

func TestDecodeV2Fields(t *testing.T) {
	for _, c := range []struct {
		m           v2.Message
		field, want string
	}{
		{&v2.SetupConnection{Vendor: "x", Flags: 5}, "flags", "00000005, requires standard jobs, requires version rolling"},
		{&v2.SetupConnection{Protocol: v2.JobDeclaration, Flags: 1}, "flags", "00000001, declares transactions"},
		{&v2.SetupConnectionSuccess{UsedVersion: 2, Flags: 1}, "flags", "00000001, requires a fixed version"},
		{&v2.SubmitSharesError{ErrorCode: v2.CodeStaleShare}, "error code", `"stale-share": a new block came before it`},
		{&v2.SubmitSharesError{ErrorCode: "odd\x1b[2J"}, "error code", `"odd"`},
		{&v2.NewMiningJob{Future: true}, "min ntime", "none: the job waits for SetNewPrevHash"},
		{&v2.NewMiningJob{MinNTime: 1_700_000_000}, "min ntime", "2023-11-14 22:13:20 UTC (1700000000)"},
		{&v2.SetNewPrevHash{Bits: 0x1d00ffff}, "bits", "1d00ffff: difficulty 1"},
		{&v2.UpdateChannel{NominalHashRate: 1.5e12}, "nominal hash rate", "1.50 TH/s"},
		{&v2.SubmitSharesExtended{Nonce: 0xabc, NTime: 1}, "nonce", "00000abc"},
		{&v2.SetGroupChannel{ChannelIDs: []uint32{3, 4}}, "channel ids", "2 elements\n3\n4"},
	} {
		e := heard(t, new(decoder), c.m)
		if got := e.field(c.field); got != c.want {
			t.Errorf("%v: %s is %q, want %q", c.m.Type(), c.field, got, c.want)
		}
		if !strings.Contains(e.About, "of Stratum V2") || strings.HasSuffix(e.About, "little-endian. ") {
			t.Errorf("%v: %q", c.m.Type(), e.About)
		}
	}
	for _, bad := range []string{"", "00", "zz", "00801a180000"} {
		if _, err := new(decoder).decode("frame", bad); err == nil {
			t.Errorf("%q is explained", bad)
		}
	}
}

// The genesis block, over a standard channel: a job that waits for its block, a
// target that comes in time for it, and one that does not.
func TestDecodeV2Share(t *testing.T) {
	root, err := hasher.ParseHash("4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b")
	if err != nil {
		t.Fatal(err)
	}
	d := new(decoder)
	target, err := hasher.TargetFromDifficulty(4000)
	if err != nil {
		t.Fatal(err)
	}
	share := &v2.SubmitSharesStandard{ChannelID: 7, JobID: 9, Nonce: 2083236893, NTime: 1231006505, Version: 1}
	e := heard(t, d, &v2.OpenStandardMiningChannelSuccess{ChannelID: 7, Target: hasher.MaxTarget, GroupChannelID: 1},
		&v2.NewMiningJob{ChannelID: 7, JobID: 9, Future: true, Version: 1, MerkleRoot: root}, share)
	if got := e.field("note"); !strings.Contains(got, "waits for SetNewPrevHash") || e.field("hash") != "" {
		t.Errorf("%+v", e)
	}
	prev := &v2.SetNewPrevHash{ChannelID: 1, JobID: 9, Bits: 0x1d00ffff}
	const hash = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"
	e = heard(t, d, prev, share)
	if e.field("hash") != hash || !strings.Contains(e.text(), ": a block") {
		t.Errorf("%s", e.text())
	}
	prev.Bits = 0x1b00ffff // harder than what was found: then it is not the block
	heard(t, d, &v2.NewMiningJob{ChannelID: 7, JobID: 10, Future: true, Version: 1, MerkleRoot: root}, &v2.SetTarget{ChannelID: 7, MaximumTarget: target})
	prev.JobID = 10
	share.JobID = 10
	if e = heard(t, d, prev, share); e.field("hash") == hash || !strings.Contains(e.text(), ": not a share at the target of its job, difficulty 4") {
		t.Errorf("%s", e.text())
	}
	if e = heard(t, d, &v2.CloseChannel{ChannelID: 1}, share); e.field("hash") != "" {
		t.Errorf("a closed channel: %s", e.text())
	}
}
