package pool_test

import (
	"bytes"
	"net"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"gominer/hasher"
	"gominer/stratum/v2"
)

// TestV2Channels mines on every kind of channel, through a new block (M1, M4,
// M16): the first job of a channel is a future one for it alone; a new block's is
// for the group, unless the client takes standard jobs alone.
func TestV2Channels(t *testing.T) {
	for _, c := range []struct {
		name     string
		flags    uint32
		extended []bool // of the channels
		grouped  bool
	}{
		{"standard jobs alone", v2.RequiresStandardJobs, []bool{false, false}, false},
		{"standard in a group", 0, []bool{false, false}, true},
		{"extended", v2.RequiresVersionRolling, []bool{true}, true},
		{"mixed", 0, []bool{true, false, true}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := easyV2()
			chain := chainOf(easyBits)
			cfg.Source, cfg.Difficulty = chain, 1e-9
			r := startV2(t, cfg)
			m := r.dial(t).setup(c.flags)
			var channels []*v2Chan
			for _, extended := range c.extended {
				channels = append(channels, m.open(extended))
			}
			for i, ch := range channels {
				for j, other := range channels {
					if i != j && bytes.HasPrefix(other.prefix, ch.prefix) {
						t.Errorf("channels %d and %d search the same headers: %x, %x", ch.id, other.id, ch.prefix, other.prefix)
					}
				}
				w := ch.next(1)
				ch.accepted(ch.share(w, 1))
				rolled := ch.blank(w, 2)
				rolled.Version ^= 0x1fffffe0
				ch.accepted(ch.mine(w, rolled, number(w.target[:]), targetOfBits(uint32(w.bits))))
			}
			ch := channels[len(channels)-1]
			old := ch.share(ch.next(1), 3)
			ch.accepted(ch.mine(ch.next(1), ch.blank(ch.next(1), 4), targetOfBits(uint32(ch.next(1).bits)), nil))
			if s := r.Stats(); s.Found != 1 || s.Blocks[0].Worker == "" {
				t.Errorf("%d blocks: %+v", s.Found, s.Blocks)
			}
			for _, ch := range channels {
				w := ch.next(2)
				if grouped := w.root == nil; grouped != c.grouped {
					t.Errorf("channel %d: the new block's job is for the group: %v", ch.id, grouped)
				}
				if w.prev == ch.next(1).prev {
					t.Errorf("channel %d: the same block", ch.id)
				}
				ch.accepted(ch.share(w, 5))
			}
			ch.refused(old, v2.CodeStaleShare)
			if s := r.Stats(); s.Conns[0].Channels != len(channels) || s.Conns[0].Protocol != "v2" || s.Conns[0].Agent != "test 1" {
				t.Errorf("%+v", s.Conns[0])
			}
		})
	}
}

// TestV2ShareRefused meets every word for a bad share (M11, and M7 to M9).
func TestV2ShareRefused(t *testing.T) {
	for _, extended := range []bool{false, true} {
		r := startV2(t, easyV2())
		m := r.dial(t).setup(0)
		ch := m.open(extended)
		w := ch.next(1)
		good := ch.share(w, 1)
		ch.accepted(good)
		for _, c := range []struct {
			code   string
			change func(*v2.SubmitSharesExtended)
		}{
			{v2.CodeDuplicateShare, func(*v2.SubmitSharesExtended) {}},
			{v2.CodeInvalidChannelID, func(s *v2.SubmitSharesExtended) { s.ChannelID = 99 }},
			{v2.CodeInvalidChannelID, func(s *v2.SubmitSharesExtended) { s.ChannelID = ch.group }},
			{v2.CodeInvalidJobID, func(s *v2.SubmitSharesExtended) { s.JobID += 1000 }},
			{v2.CodeInvalidShare, func(s *v2.SubmitSharesExtended) { s.NTime-- }},
			{v2.CodeInvalidShare, func(s *v2.SubmitSharesExtended) { s.NTime += 7201 }},
			{v2.CodeInvalidVersionBit, func(s *v2.SubmitSharesExtended) { s.Version ^= 1 << 4 }},
			{v2.CodeInvalidVersionBit, func(s *v2.SubmitSharesExtended) { s.Version ^= 1 << 29 }},
			{v2.CodeDifficultyTooLow, func(s *v2.SubmitSharesExtended) { ch.mine(w, s, maxNumber, number(w.target[:])) }},
			{v2.CodeBadExtranonceSize, func(s *v2.SubmitSharesExtended) { s.Extranonce = append(s.Extranonce, 0) }},
			{v2.CodeBadExtranonceSize, func(s *v2.SubmitSharesExtended) { s.Extranonce = s.Extranonce[1:] }},
		} {
			s := *good
			s.Extranonce = slices.Clone(good.Extranonce)
			m.sequence++
			s.SequenceNumber = m.sequence
			if c.code == v2.CodeBadExtranonceSize && !extended {
				continue
			}
			c.change(&s)
			ch.refused(&s, c.code)
		}
		wrong := *ch // a share of the other kind
		wrong.extended, wrong.size = !extended, 16
		s := wrong.blank(w, 9)
		wrong.refused(s, v2.CodeInvalidShare)
		if st := r.Stats(); st.Total.Accepted != 1 || st.Total.Rejected == 0 {
			t.Errorf("%+v", st.Total)
		}
	}
}

// maxNumber is the largest hash.
var maxNumber = number(anyTarget[:])

// TestV2FixedVersion: where no version may be rolled the client is told, and held
// to it.
func TestV2FixedVersion(t *testing.T) {
	cfg := easyV2()
	cfg.VersionMask = 0
	r := startV2(t, cfg)
	m := r.dial(t)
	m.send(setupV2(0))
	if ok := nextV2[*v2.SetupConnectionSuccess](m); ok.Flags != v2.RequiresFixedVersion {
		t.Errorf("flags %b", ok.Flags)
	}
	ch := m.open(true)
	w := ch.next(1)
	if w.rolling {
		t.Error("the job allows rolling")
	}
	ch.accepted(ch.share(w, 1))
	s := ch.blank(w, 2)
	s.Version ^= 1 << 13
	ch.refused(s, v2.CodeVersionRollingNotAllowed)
}

// TestV2SetupRefused meets every word for a connection that can't be.
func TestV2SetupRefused(t *testing.T) {
	cfg := easyV2()
	cfg.VersionMask = 0
	r := startV2(t, cfg)
	for _, c := range []struct {
		code  string
		flags uint32
		set   func(*v2.SetupConnection)
	}{
		{v2.CodeUnsupportedProtocol, 0, func(s *v2.SetupConnection) { s.Protocol = v2.JobDeclaration }},
		{v2.CodeUnsupportedProtocol, 0, func(s *v2.SetupConnection) { s.Protocol = 77 }},
		{v2.CodeProtocolVersionMismatch, 0, func(s *v2.SetupConnection) { s.MinVersion, s.MaxVersion = 3, 4 }},
		{v2.CodeProtocolVersionMismatch, 0, func(s *v2.SetupConnection) { s.MinVersion, s.MaxVersion = 0, 1 }},
		{v2.CodeUnsupportedFeatureFlags, v2.RequiresWorkSelection, func(s *v2.SetupConnection) { s.Flags = v2.RequiresWorkSelection | v2.RequiresStandardJobs }},
		{v2.CodeUnsupportedFeatureFlags, v2.RequiresVersionRolling, func(s *v2.SetupConnection) { s.Flags = v2.RequiresVersionRolling }},
		{v2.CodeUnsupportedFeatureFlags, 1 << 31, func(s *v2.SetupConnection) { s.Flags = 1 << 31 }},
	} {
		m := r.dial(t)
		s := setupV2(0)
		c.set(s)
		m.send(s)
		m.gone()
		got, ok := m.rest[0].(*v2.SetupConnectionError)
		if !ok || len(m.rest) != 1 || got.ErrorCode != c.code || got.Flags != c.flags {
			t.Errorf("%+v: %+v, want %s with flags %b", s, m.rest, c.code, c.flags)
		}
	}
	m := r.dial(t)
	m.send(&v2.OpenStandardMiningChannel{UserIdentity: "x", MaxTarget: anyTarget})
	m.gone()
	m = r.dial(t).setup(0)
	m.send(setupV2(0)) // twice
	m.gone()
	if len(m.rest) > 0 {
		t.Errorf("%+v", m.rest)
	}
}

// TestV2OpenRefused meets every word for a channel that can't be.
func TestV2OpenRefused(t *testing.T) {
	cfg := easyV2()
	cfg.Authorize = func(worker, _ string) error {
		if worker == "mallory" {
			return net.ErrClosed
		}
		return nil
	}
	r := startV2(t, cfg)
	m := r.dial(t).setup(v2.RequiresStandardJobs)
	nan := uint32(0x7fc00000)
	standard := func(id uint32, user string, most hasher.Target) v2.Message {
		return &v2.OpenStandardMiningChannel{RequestID: id, UserIdentity: user, MaxTarget: most}
	}
	for i, c := range []struct {
		code string
		m    v2.Message
	}{
		{v2.CodeInvalidUserIdentity, standard(0, "", anyTarget)},
		{v2.CodeUnknownUser, standard(1, "mallory", anyTarget)},
		{v2.CodeMaxTargetOutOfRange, standard(2, "alice", hasher.Target{})},
		{v2.CodeNoExtendedChannels, &v2.OpenExtendedMiningChannel{RequestID: 3, UserIdentity: "alice", MaxTarget: anyTarget}},
	} {
		m.send(c.m)
		if got := nextV2[*v2.OpenMiningChannelError](m); got.ErrorCode != c.code || got.RequestID != uint32(i) {
			t.Errorf("%+v: %+v, want %s", c.m, got, c.code)
		}
	}
	// A hash rate that is none.
	open := &v2.Unknown{MsgType: 0x10, Payload: append([]byte{7, 0, 0, 0, 1, 'x', byte(nan), byte(nan >> 8), byte(nan >> 16), byte(nan >> 24)}, anyTarget[:]...)}
	m.send(open)
	if got := nextV2[*v2.OpenMiningChannelError](m); got.ErrorCode != v2.CodeInvalidNominalHashrate || got.RequestID != 7 {
		t.Errorf("%+v", got)
	}

	m = r.dial(t).setup(0)
	m.send(&v2.OpenExtendedMiningChannel{RequestID: 3, UserIdentity: "alice", MaxTarget: anyTarget, MinExtranonceSize: 17})
	if got := nextV2[*v2.OpenMiningChannelError](m); got.ErrorCode != v2.CodeMinExtranonceSizeTooLarge {
		t.Errorf("%+v", got)
	}
	ch := m.open(true)
	m.send(&v2.SetCustomMiningJob{ChannelID: ch.id, RequestID: 9})
	if got := nextV2[*v2.SetCustomMiningJobError](m); got.ErrorCode != v2.CodeJobDeclarationNotSupported || got.RequestID != 9 || got.ChannelID != ch.id {
		t.Errorf("%+v", got)
	}
}

// TestV2Capacity opens as many channels as there may be, and one more.
func TestV2Capacity(t *testing.T) {
	const most = 4096
	r := startV2(t, easyV2())
	m := r.dial(t).setup(v2.RequiresStandardJobs)
	go func() {
		for i := range uint32(most + 1) {
			if m.c.Write(&v2.OpenStandardMiningChannel{RequestID: i, UserIdentity: "alice", MaxTarget: anyTarget}) != nil {
				return
			}
		}
	}()
	seen := make(map[string]bool)
	for {
		got, err := m.c.Read()
		if err != nil {
			t.Fatal(err)
		}
		switch got := got.(type) {
		case *v2.OpenStandardMiningChannelSuccess:
			seen[string(got.ExtranoncePrefix)] = true
			continue
		case *v2.OpenMiningChannelError:
			if got.ErrorCode != v2.CodeChannelCapacityExhausted || got.RequestID != most || len(seen) != most {
				t.Errorf("%+v, %d channels with %d prefixes", got, most, len(seen))
			}
			return
		}
	}
}

// TestV2Miners: there may be as many channels as miners, of an address and in all,
// until others are closed.
func TestV2Miners(t *testing.T) {
	cfg := easyV2()
	cfg.MaxConns, cfg.Guard.Conns, cfg.Guard.Trusted = 3, 2, []netip.Prefix{}
	inBubble(t, cfg, func(t *testing.T, r *v2Running, l *pipes) {
		refused := func(m *v2Miner) {
			t.Helper()
			m.send(&v2.OpenStandardMiningChannel{RequestID: 99, UserIdentity: "x", MaxTarget: anyTarget})
			if got := nextV2[*v2.OpenMiningChannelError](m); got.ErrorCode != v2.CodeChannelCapacityExhausted {
				t.Errorf("%+v", got)
			}
		}
		a := newV2Miner(t, l.dialFrom("203.0.113.9")).setup(0)
		first := a.open(true)
		a.open(false)
		refused(a) // of the address
		b := newV2Miner(t, l.dialFrom("203.0.113.10")).setup(0)
		b.open(true)
		refused(b) // in all
		a.send(&v2.CloseChannel{ChannelID: first.id})
		a.open(false)
		refused(b)
		a.nc.Close()
		synctest.Wait()
		b.open(false)
		b.nc.Close()
	})
}

// TestV2Batch counts acknowledgements (M10): by batches of three, after a while,
// with a block, and at the channel's end; refusals come at once and count for
// none.
func TestV2Batch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := easy()
		cfg.V2.Batch = 3
		cfg.Source, cfg.Difficulty = chainOf(easyBits), 1e-9
		l, l2 := newPipes(), newPipes()
		r := startOn(t, cfg, l).serveV2(t, l2)
		m := newV2Miner(t, l2.dial()).setup(0)
		ch := m.open(true)
		w := ch.next(1)
		var batch []uint32 // their sequence numbers
		for i := range byte(6) {
			s := ch.share(w, i)
			ch.submit(s)
			batch = append(batch, s.SequenceNumber)
			bad := ch.blank(w, i)
			bad.JobID = 999
			ch.refused(bad, v2.CodeInvalidJobID)
			if len(batch) == 3 {
				want := v2.SubmitSharesSuccess{ChannelID: ch.id, LastSequenceNumber: batch[2], NewSubmitsAcceptedCount: 3}
				if got := nextV2[*v2.SubmitSharesSuccess](m); *got != want {
					t.Errorf("%+v, want %+v", got, want)
				}
				batch = nil
			}
		}
		// What is fewer waits.
		began := time.Now()
		s := ch.share(w, 7)
		ch.submit(s)
		want := v2.SubmitSharesSuccess{ChannelID: ch.id, LastSequenceNumber: s.SequenceNumber, NewSubmitsAcceptedCount: 1}
		if got := nextV2[*v2.SubmitSharesSuccess](m); *got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		if d := time.Since(began); d < 5*time.Second || d > 10*time.Second {
			t.Errorf("after %v", d)
		}
		// A block does not.
		began = time.Now()
		s = ch.mine(w, ch.blank(w, 8), targetOfBits(uint32(w.bits)), nil)
		ch.submit(s)
		want.LastSequenceNumber = s.SequenceNumber
		if got := nextV2[*v2.SubmitSharesSuccess](m); *got != want || time.Since(began) > time.Second {
			t.Errorf("%+v after %v, want %+v", got, time.Since(began), want)
		}
		s = ch.share(ch.next(2), 9)
		ch.submit(s)
		m.send(&v2.CloseChannel{ChannelID: ch.id})
		want.LastSequenceNumber = s.SequenceNumber
		if got := nextV2[*v2.SubmitSharesSuccess](m); *got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		ch.refused(ch.blank(w, 9), v2.CodeInvalidChannelID)
		m.nc.Close()
		r.stop()
	})
}

// TestV2NodeBlock gives blocks of either kind of channel to a node, whole.
func TestV2NodeBlock(t *testing.T) {
	for _, extended := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			n := newFakeNode(t)
			plain, _ := nodePool(t, n)
			l := newPipes()
			r := plain.serveV2(t, l)
			m := newV2Miner(t, l.dial()).setup(0)
			ch := m.open(extended)
			w := ch.next(1)
			s := ch.mine(w, ch.blank(w, 5), targetOfBits(uint32(w.bits)), nil)
			ch.submit(s)
			if got := nextV2[*v2.SubmitSharesSuccess](m); got.LastSequenceNumber != s.SequenceNumber { // a block waits for no batch
				t.Errorf("%+v", got)
			}
			if len(n.blocks) != 1 {
				t.Fatalf("%d blocks reached the node", len(n.blocks))
			}
			checkBlock(t, n, n.blocks[0], w.header(s))
			if next := ch.next(2); !bytes.Equal(next.prev[:], double(n.blocks[0][:80])) {
				t.Errorf("next job on %v, want it on the block", next.prev)
			}
			m.nc.Close()
			r.stop()
		})
	}
}
