package stratum_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"
	"testing/synctest"

	"gominer/hasher"
	"gominer/miner"
	"gominer/stratum"
	"gominer/stratum/v2"
)

// M14: a job whose coinbase transaction still has its witness is mined without.
func TestM14Witness(t *testing.T) {
	var file struct {
		Strip []struct {
			PrefixIn  string `json:"prefix_in"`
			SuffixIn  string `json:"suffix_in"`
			PrefixOut string `json:"prefix_out"`
			SuffixOut string `json:"suffix_out"`
		} `json:"bip141_strip"`
	}
	readVectors(t, &file)
	v := file.Strip[0]
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 1, nil)
		p := r.mining()
		job := extendedJob(firstChannel, 2, startTime)
		job.CoinbaseTxPrefix, job.CoinbaseTxSuffix = unhex(v.PrefixIn), unhex(v.SuffixIn)
		p.send(job)
		if c := r.job().Coinbase; !slices.Equal(c.Prefix, unhex(v.PrefixOut)) || !slices.Equal(c.Suffix, unhex(v.SuffixOut)) {
			t.Errorf("prefix %x, suffix %x", c.Prefix, c.Suffix)
		}
		job.CoinbaseTxSuffix = []byte{1, 2, 3}
		p.try(job)
		r.wantFailure("coinbase_tx_suffix", "no witness")
		r.end()
	})
}

// readVectors reads those of the codec.
func readVectors(t *testing.T, v any) {
	t.Helper()
	b, err := os.ReadFile("v2/testdata/vectors.json")
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// M15: the reference implementation's shares, from its own tests: the miner
// makes the header, and the hash, that are known.
func TestM15Vectors(t *testing.T) {
	var file struct {
		Shares []struct {
			Name             string `json:"name"`
			Prefix           string `json:"coinbase_tx_prefix"`
			Suffix           string `json:"coinbase_tx_suffix"`
			ExtranoncePrefix string `json:"extranonce_prefix"`
			Extranonce       string `json:"extranonce"`
			Header           string `json:"header"`
			Hash             string `json:"hash_display_be"`
			Target           string `json:"channel_target_be"`
			Version          uint32 `json:"version"`
			Bits             uint32 `json:"nbits"`
			NTime            uint32 `json:"ntime"`
			Nonce            uint32 `json:"nonce"`
			Expect           string `json:"expect"`
		} `json:"extended_share_validation"`
	}
	readVectors(t, &file)
	if len(file.Shares) != 2 {
		t.Fatalf("%d vectors", len(file.Shares))
	}
	for _, v := range file.Shares {
		t.Run(v.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var extranonce uint64
				if _, err := fmt.Sscanf(v.Extranonce, "%x", &extranonce); err != nil {
					t.Fatal(err)
				}
				r := startV2(t, 1, nil, func(c *miner.Config) { c.Start = miner.Start{Extranonce2: extranonce, Nonce: v.Nonce} })
				p := r.accept()
				p.setup(0)
				m := expectV2[*v2.OpenExtendedMiningChannel](p)
				want, err := hasher.ParseTarget(v.Target)
				if err != nil {
					t.Fatal(err)
				}
				if v.Expect == "block" { // it meets nothing but the network's target, which is the easier one
					want = hasher.MaxTarget
				}
				head, err := hasher.ParseHeader(v.Header)
				if err != nil {
					t.Fatal(err)
				}
				p.send(
					&v2.OpenExtendedMiningChannelSuccess{
						RequestID: m.RequestID, ChannelID: 1, Target: want, ExtranonceSize: 8,
						ExtranoncePrefix: unhex(v.ExtranoncePrefix), GroupChannelID: 2,
					},
					&v2.NewExtendedMiningJob{
						ChannelID: 1, JobID: 1, Future: true, Version: v.Version,
						CoinbaseTxPrefix: unhex(v.Prefix), CoinbaseTxSuffix: unhex(v.Suffix),
					},
					&v2.SetNewPrevHash{ChannelID: 1, JobID: 1, PrevHash: head.PrevHash(), MinNTime: v.NTime, Bits: hasher.Bits(v.Bits)},
				)
				r.found(0, 1)
				s := p.share()
				if s.Nonce != v.Nonce || s.NTime != v.NTime || s.Version != v.Version || !slices.Equal(s.Extranonce, unhex(v.Extranonce)) {
					t.Errorf("share %+v", s)
				}
				p.acknowledge(1, 0, 1)
				r.want(1, 0, 0, 0)
				if *r.last.Load() != head || lastHash(r).String() != v.Hash {
					t.Errorf("header %x, hash %v; want %s, %s", *r.last.Load(), lastHash(r), v.Header, v.Hash)
				}
				if s := r.end(); s.Shares.Blocks == 1 != (v.Expect == "block") {
					t.Errorf("%+v, want a %s", s.Shares, v.Expect)
				}
			})
		})
	}
}

// M16: a standard channel on a connection that takes extended jobs gets those of
// its group, with nothing of the extranonce to roll.
func TestM16StandardInGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 1, nil)
		p := r.accept()
		if flags := p.setup(0).Flags; flags != 0 {
			t.Errorf("flags %#x", flags)
		}
		refused := expectV2[*v2.OpenExtendedMiningChannel](p)
		p.send(&v2.OpenMiningChannelError{RequestID: refused.RequestID, ErrorCode: "no-extended-channels"})
		open := p.openStandard(firstChannel)
		if open.RequestID == refused.RequestID || open.UserIdentity != "me.worker" {
			t.Errorf("%+v", open)
		}
		p.send(standardJob(firstChannel, 1, 0), newBlock(firstChannel, 1, 1))
		r.found(0, 1)
		if s := expectV2[*v2.SubmitSharesStandard](p); s.JobID != 1 || s.ChannelID != firstChannel {
			t.Errorf("share %+v", s)
		}
		job, block := extendedJob(group, 2, 0), newBlock(group, 2, 2)
		p.send(job, block)
		r.found(0, 1)
		s := expectV2[*v2.SubmitSharesStandard](p)
		as := &v2.SubmitSharesExtended{Nonce: s.Nonce, NTime: s.NTime, Version: s.Version}
		prefix := []byte{1, 2, 3, firstChannel, 0, 0, 0, 0, 0, 0, 0, 0}
		if h := header(t, job, block, prefix, as); s.JobID != 2 || h.Hash() != lastHash(r) {
			t.Errorf("share %+v: the pool hashes %v, the miner %v", s, h.Hash(), lastHash(r))
		}
		p.acknowledge(firstChannel, 1, 2)
		r.want(2, 0, 0, 0)
		r.end()
	})
}

// M17: no id may stand for two things.
func TestM17Collisions(t *testing.T) {
	for name, c := range map[string]struct{ id1, group1, id2, group2 uint32 }{
		"two channels":          {1, 100, 1, 100},
		"a channel and a group": {1, 2, 2, 3},
		"a group and a channel": {1, 2, 3, 1},
		"its own group":         {1, 2, 3, 3},
		"its own group, first":  {1, 1, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := startV2(t, 2, func(c *stratum.Config) { c.V2.PerDevice = true })
				p := r.accept()
				p.setup(0)
				for _, ids := range [][2]uint32{{c.id1, c.group1}, {c.id2, c.group2}} {
					if ids[0] == 0 {
						break
					}
					m := expectV2[*v2.OpenExtendedMiningChannel](p)
					p.try(&v2.OpenExtendedMiningChannelSuccess{RequestID: m.RequestID, ChannelID: ids[0], Target: hasher.MaxTarget, ExtranonceSize: 8, GroupChannelID: ids[1]})
				}
				r.wantFailure("a channel that can't be")
				r.end()
			})
		})
	}
	// Where the client takes no extended jobs groups mean nothing.
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 1, kind(stratum.V2Standard))
		p := r.accept()
		p.setup(0)
		m := expectV2[*v2.OpenStandardMiningChannel](p)
		p.send(&v2.OpenStandardMiningChannelSuccess{RequestID: m.RequestID, ChannelID: 5, Target: hasher.MaxTarget, GroupChannelID: 5})
		p.send(standardJob(5, 1, 0), newBlock(5, 1, 1))
		r.job()
		r.end()
	})
}

// M18: extranonces that can't be are refused before they are narrowed.
func TestM18ExtranonceSize(t *testing.T) {
	for _, c := range []struct {
		size   uint16
		prefix int
		want   string
	}{
		{0, 4, "has 0 bytes to roll, at least 4"},
		{3, 4, "has 3 bytes to roll"},
		{33, 0, "0 + 33 bytes"},
		{256, 0, "0 + 256 bytes"},
		{65535, 32, "32 + 65535 bytes"},
		{29, 4, "4 + 29 bytes, there is room for 32"},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := startV2(t, 1, nil)
			p := r.accept()
			p.setup(0)
			m := expectV2[*v2.OpenExtendedMiningChannel](p)
			p.try(&v2.OpenExtendedMiningChannelSuccess{
				RequestID: m.RequestID, ChannelID: 1, Target: hasher.MaxTarget, ExtranonceSize: c.size, ExtranoncePrefix: make([]byte, c.prefix), GroupChannelID: 2,
			})
			r.wantFailure(c.want)
			r.end()
		})
	}
}

// TestV2NewDevice asks for a channel for a device that comes later.
func TestV2NewDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 1, func(c *stratum.Config) { c.V2.PerDevice = true })
		p := r.accept()
		p.setup(0)
		p.openExtended(firstChannel)
		p.send(extendedJob(firstChannel, 1, 0), newBlock(firstChannel, 1, 1))
		r.found(0, 1)
		p.acknowledge(p.share().ChannelID, 0, 1)
		f := &finder{r: r, name: "late", find: make(chan uint64), draw: make(chan uint64), claim: make(chan uint64), tried: make(chan uint64)}
		r.devices = append(r.devices, f)
		r.m.AddDevice(f)
		p.openExtended(firstChannel + 1)
		expectV2[*v2.UpdateChannel](p) // the first expects half as much now
		p.send(extendedJob(firstChannel+1, 2, 0), newBlock(firstChannel+1, 2, 1))
		r.found(1, 1)
		s := p.share()
		if s.ChannelID != firstChannel+1 {
			t.Errorf("share %+v", s)
		}
		p.acknowledge(s.ChannelID, 0, 1)
		r.want(2, 0, 0, 0)
		r.end()
	})
}
