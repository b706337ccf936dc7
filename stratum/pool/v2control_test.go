package pool_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"gominer/hasher"
	"gominer/stratum/noise"
	"gominer/stratum/pool"
	"gominer/stratum/v2"
)

// inBubble runs a test on a pool whose time is virtual.
func inBubble(t *testing.T, cfg pool.Config, f func(t *testing.T, r *v2Running, l *pipes)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := newPipes()
		r := startOn(t, cfg, newPipes()).serveV2(t, l)
		f(t, r, l)
		r.stop()
	})
}

// TestV2Update: a client says how fast it is and which target it takes; the
// answer is a target, for the next job on (M5, M12).
func TestV2Update(t *testing.T) {
	const rate = 1000 // H/s
	cfg := easyV2()
	cfg.Vardiff = 60 // a share a second
	r := startV2(t, cfg)
	m := r.dial(t).setup(0)
	ch := m.opened(true, rate, anyTarget)
	w := ch.next(1)
	if d := w.target.Difficulty() * (1 << 32); d < rate/1.1 || d > rate*1.1 {
		t.Errorf("at first a share takes %v hashes, want about %d", d, rate)
	}
	before := ch.share(w, 1)

	most := w.target
	most[31], most[30], most[29] = 0, 0, 0 // harder than what is in force
	m.send(&v2.UpdateChannel{ChannelID: ch.id, NominalHashRate: rate, MaximumTarget: most})
	if got := nextV2[*v2.SetTarget](m); got.ChannelID != ch.id || got.MaximumTarget != most {
		t.Errorf("%+v, want %v", got, most)
	}
	if w = ch.next(2); w.target != most || w.prev != ch.next(1).prev {
		t.Errorf("the next job's target is %v, want %v", w.target, most)
	}
	ch.accepted(before) // by its own job's target
	easy := ch.blank(w, 2)
	ch.refused(ch.mine(w, easy, maxNumber, number(most[:])), v2.CodeDifficultyTooLow)

	// Half as fast: a target twice as large, and one that stays is told, too.
	m.send(&v2.UpdateChannel{ChannelID: ch.id, NominalHashRate: rate / 2, MaximumTarget: anyTarget})
	got := nextV2[*v2.SetTarget](m)
	if d := got.MaximumTarget.Difficulty() * (1 << 32); d < rate/2.2 || d > rate/1.8 {
		t.Errorf("a share takes %v hashes, want about %d", d, rate/2)
	}
	m.send(&v2.UpdateChannel{ChannelID: ch.id, NominalHashRate: rate / 2, MaximumTarget: anyTarget})
	if again := nextV2[*v2.SetTarget](m); again.MaximumTarget != got.MaximumTarget {
		t.Errorf("%v, want %v", again.MaximumTarget, got.MaximumTarget)
	}

	for _, c := range []struct {
		code string
		m    *v2.UpdateChannel
	}{
		{v2.CodeInvalidChannelID, &v2.UpdateChannel{ChannelID: 99, MaximumTarget: anyTarget}},
		{v2.CodeMaxTargetOutOfRange, &v2.UpdateChannel{ChannelID: ch.id}},
	} {
		m.send(c.m)
		if got := nextV2[*v2.UpdateChannelError](m); got.ErrorCode != c.code || got.ChannelID != c.m.ChannelID {
			t.Errorf("%+v: %+v, want %s", c.m, got, c.code)
		}
	}
	bad := append([]byte{byte(ch.id), 0, 0, 0, 0, 0, 0x80, 0xff}, anyTarget[:]...) // -Inf
	m.send(&v2.Unknown{Channel: true, MsgType: 0x16, Payload: bad})
	if got := nextV2[*v2.UpdateChannelError](m); got.ErrorCode != v2.CodeInvalidNominalHashrate || got.ChannelID != ch.id {
		t.Errorf("%+v", got)
	}
}

// TestV2Vardiff: a channel that sends too many shares gets a harder target, one
// that sends none an easier one.
func TestV2Vardiff(t *testing.T) {
	cfg := easyV2()
	cfg.Vardiff = 6
	inBubble(t, cfg, func(t *testing.T, r *v2Running, l *pipes) {
		m := newV2Miner(t, l.dial()).setup(0)
		ch := m.open(true)
		first := ch.target
		for i := range byte(200) {
			time.Sleep(100 * time.Millisecond)
			ch.accepted(ch.share(ch.jobs[len(ch.jobs)-1], i))
			if ch.target != first {
				break
			}
		}
		if !meets(first, ch.target) {
			t.Fatalf("target %v after a flood, was %v", ch.target, first)
		}
		raised := ch.target
		for !meets(ch.target, first) { // the bubble's clock runs while there is nothing to read
			m.read()
		}
		if meets(raised, ch.target) {
			t.Errorf("target %v after silence, was %v", ch.target, raised)
		}
		m.nc.Close()
	})
}

// meets reports whether b is not above a.
func meets(a, b hasher.Target) bool { return number(b[:]).Cmp(number(a[:])) <= 0 }

// TestV2Prefix: another extranonce prefix holds from the next job on, and what was
// found before counts (M6).
func TestV2Prefix(t *testing.T) {
	for _, extended := range []bool{false, true} {
		r := startV2(t, easyV2())
		m := r.dial(t).setup(0)
		ch := m.open(extended)
		w := ch.next(1)
		before := ch.share(w, 1)
		r.RenewExtranonces()
		got := nextV2[*v2.SetExtranoncePrefix](m)
		if got.ChannelID != ch.id || len(got.ExtranoncePrefix) != len(w.prefix) || bytes.Equal(got.ExtranoncePrefix, w.prefix) {
			t.Errorf("%+v, was %x", got, w.prefix)
		}
		again := ch.next(2)
		ch.accepted(before)
		ch.accepted(ch.share(again, 1))
		m.send(&v2.CloseChannel{ChannelID: ch.id})
		ch.refused(before, v2.CodeInvalidChannelID)
	}
}

// TestV2Close ends one channel, then the group.
func TestV2Close(t *testing.T) {
	r := startV2(t, easyV2())
	m := r.dial(t).setup(0)
	a, b, c := m.open(true), m.open(false), m.open(true)
	share := c.share(c.next(1), 1)
	m.send(&v2.CloseChannel{ChannelID: b.id, ReasonCode: "\x1b[2Jbye"})
	b.refused(b.blank(b.next(1), 1), v2.CodeInvalidChannelID)
	c.accepted(share)
	m.send(&v2.CloseChannel{ChannelID: a.group})
	a.refused(a.blank(a.next(1), 1), v2.CodeInvalidChannelID)
	c.refused(c.blank(c.next(1), 1), v2.CodeInvalidChannelID)
	if s := r.Stats(); s.Conns[0].Channels != 0 {
		t.Errorf("%+v", s.Conns[0])
	}
	m.channels = make(map[uint32]*v2Chan)
	d := m.open(true) // there may be others
	d.accepted(d.share(d.next(1), 2))
}

// TestV2Names: shares count for the worker whose name they carry, once the
// extension is negotiated.
func TestV2Names(t *testing.T) {
	r := startV2(t, easyV2())
	m := r.dial(t).setup(0)
	m.send(&v2.RequestExtensions{RequestID: 7, RequestedExtensions: []uint16{0x0003, 0x4001}})
	if got := nextV2[*v2.RequestExtensionsError](m); got.RequestID != 7 || !slices.Equal(got.UnsupportedExtensions, []uint16{0x0003, 0x4001}) {
		t.Errorf("%+v", got)
	}
	ch := m.open(true)
	named := func(extranonce byte, name string) *v2.SubmitSharesExtended {
		s := ch.share(ch.next(1), extranonce)
		if err := s.SetUserIdentity(name); err != nil {
			t.Fatal(err)
		}
		return s
	}
	ch.accepted(named(1, "early")) // not negotiated: passed over
	m.send(&v2.RequestExtensions{RequestID: 8, RequestedExtensions: []uint16{0x0003, v2.WorkerHashrate}})
	if got := nextV2[*v2.RequestExtensionsSuccess](m); got.RequestID != 8 || !slices.Equal(got.SupportedExtensions, []uint16{v2.WorkerHashrate}) {
		t.Errorf("%+v", got)
	}
	ch.accepted(named(2, "rig7"))
	ch.accepted(named(3, "rig7"))
	ch.accepted(ch.share(ch.next(1), 4)) // it should carry one
	long := ch.share(ch.next(1), 5)
	long.TLVs = append([]byte{2, 0, 1, 33, 0}, bytes.Repeat([]byte{'x'}, 33)...)
	ch.refused(long, v2.CodeInvalidShare)
	got := make(map[string]uint64)
	for _, w := range r.Stats().Workers {
		got[w.Name] = w.Accepted
	}
	if fmt.Sprint(got) != "map[alice.rig7:2 alice.x:2]" {
		t.Errorf("%v", got)
	}
}

// TestV2Unknown: what the pool does not know is passed over (C5), and so is a
// channel bit that older peers set otherwise (C6).
func TestV2Unknown(t *testing.T) {
	r := startV2(t, easyV2())
	m := r.dial(t).setup(0)
	m.send(
		&v2.Unknown{MsgType: 0x7f, Payload: []byte{1, 2, 3}},
		&v2.Unknown{Extension: 0x4abc, Channel: true, MsgType: 1, Payload: []byte{1, 0, 0, 0}},
		&v2.ChannelEndpointChanged{ChannelID: 1}, // a server's
	)
	ch := m.open(true)
	s := ch.share(ch.next(1), 1)
	payload := []byte{byte(s.ChannelID), 0, 0, 0, byte(s.SequenceNumber), 0, 0, 0, byte(s.JobID), 0, 0, 0}
	for _, n := range []uint32{s.Nonce, s.NTime, s.Version} {
		payload = append(payload, byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
	}
	payload = append(append(payload, byte(len(s.Extranonce))), s.Extranonce...)
	m.send(&v2.Unknown{MsgType: 0x1b, Payload: payload}) // without the channel bit
	if got := nextV2[*v2.SubmitSharesSuccess](m); got.LastSequenceNumber != s.SequenceNumber {
		t.Errorf("%+v", got)
	}
}

// TestV2Reconnect sends clients elsewhere, when it is told to and when it ends.
func TestV2Reconnect(t *testing.T) {
	cfg := easyV2()
	cfg.Successor = "next.example.org:3336"
	r := startV2(t, cfg)
	m := r.dial(t).setup(0)
	m.open(true)
	r.Reconnect("other.example.org", 7, time.Second)
	if got := nextV2[*v2.Reconnect](m); got.NewHost != "other.example.org" || got.NewPort != 7 {
		t.Errorf("%+v", got)
	}
	go r.stop()
	if got := nextV2[*v2.Reconnect](m); got.NewHost != "next.example.org" || got.NewPort != 3336 {
		t.Errorf("%+v", got)
	}
	m.gone()
	r.stop()
}

// TestV2Beside: miners of V1 and V2 work on the same chain, and count in the same
// statistics.
func TestV2Beside(t *testing.T) {
	cfg := easyV2()
	cfg.Source, cfg.Difficulty = chainOf(easyBits), 1e-9
	r := startV2(t, cfg)
	old := r.running.dial(t)
	old.worker = "alice.x"
	old.login()
	m := r.dial(t).setup(0)
	ch := m.open(true)
	w1, w2 := old.next(1), ch.next(1)
	if !bytes.Equal(w1.prev, w2.prev[:]) {
		t.Errorf("previous hashes %x and %x", w1.prev, w2.prev)
	}
	old.want(old.submit(w1, old.share(w1, 1)), 0)
	ch.accepted(ch.share(w2, 1))
	// Each finds a block that the other goes on from.
	old.want(old.submit(w1, old.block(w1, 2)), 0)
	w2 = ch.next(2)
	ch.accepted(ch.mine(w2, ch.blank(w2, 3), targetOfBits(uint32(w2.bits)), nil))
	w1 = old.next(3)
	if w2 = ch.next(3); !bytes.Equal(w1.prev, w2.prev[:]) {
		t.Errorf("previous hashes %x and %x", w1.prev, w2.prev)
	}
	s := r.Stats()
	if s.Found != 2 || s.Total.Accepted != 4 || len(s.Conns) != 2 || s.Conns[0].Protocol != "v1" || s.Conns[1].Protocol != "v2" ||
		len(s.Workers) != 1 || s.Workers[0].Accepted != 4 || s.Workers[0].Conns != 2 {
		t.Errorf("%+v", s)
	}
}

// TestV2Patience: who is silent or slow is dropped, at each stage (N8).
func TestV2Patience(t *testing.T) {
	cfg := easyV2()
	cfg.IdleTimeout = time.Hour
	inBubble(t, cfg, func(t *testing.T, r *v2Running, l *pipes) {
		began := time.Now()
		lasted := func(least, most time.Duration, what string) {
			t.Helper()
			if d := time.Since(began); d < least || d > most {
				t.Errorf("%s: it lasted %v", what, d)
			}
			began = time.Now()
		}
		nc := l.dial()
		io.ReadAll(nc)
		lasted(5*time.Second, 20*time.Second, "no handshake")
		nc = l.dial()
		go func() { // a byte a second
			for range 64 {
				if _, err := nc.Write([]byte{2}); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}()
		io.ReadAll(nc)
		lasted(5*time.Second, 20*time.Second, "a slow handshake")
		m := newV2Miner(t, l.dial()).setup(0)
		m.gone()
		lasted(30*time.Second, 2*time.Minute, "no channel")
		m = newV2Miner(t, l.dial()).setup(0)
		m.open(true)
		for len(r.Stats().Conns) > 0 {
			if _, err := m.c.Read(); err != nil {
				break
			}
		}
		lasted(time.Hour, time.Hour+time.Minute, "an idle one")
		// One that does not read what it is sent.
		m = newV2Miner(t, l.dial()).setup(0)
		m.send(&v2.OpenStandardMiningChannel{UserIdentity: "x", MaxTarget: anyTarget})
		time.Sleep(time.Minute)
		if n := len(r.Stats().Conns); n != 0 {
			t.Errorf("%d connections left", n)
		}
	})
}

// TestV2Hostile: what no client of Stratum V2 sends ends the connection, and too
// much of it, or too many bad shares, bans the address for both protocols.
func TestV2Hostile(t *testing.T) {
	for name, attack := range map[string]func(m *v2Miner, nc net.Conn){
		"plain text":     nil,
		"bytes unsealed": func(_ *v2Miner, nc net.Conn) { nc.Write(bytes.Repeat([]byte{7}, 100)) },
		"a giant frame": func(m *v2Miner, _ net.Conn) {
			m.nc.Write(append([]byte{0, 0x80, 0x1b, 0, 0, 0x10}, make([]byte, 1<<20)...))
		},
		"no SetupConnect.": func(m *v2Miner, _ net.Conn) { m.send(&v2.CloseChannel{}) },
		"a cut field": func(m *v2Miner, _ net.Conn) {
			m.setup(0).send(&v2.Unknown{Channel: true, MsgType: 0x1b, Payload: []byte{1}})
		},
		"bad shares": func(m *v2Miner, _ net.Conn) {
			m.setup(0)
			ch := m.open(false)
			for range 200 {
				s := ch.blank(ch.next(1), 0)
				s.JobID = 1 << 30
				if m.c.Write(&v2.SubmitSharesStandard{ChannelID: ch.id, JobID: s.JobID}) != nil {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := easyV2()
			cfg.Guard.BadShares = 20
			cfg.Guard.Trusted = []netip.Prefix{}
			inBubble(t, cfg, func(t *testing.T, r *v2Running, l *pipes) {
				v1 := r.running.l.(*pipes)
				for i := 0; ; i++ {
					nc := l.dialFrom("203.0.113.9")
					nc.SetDeadline(time.Now().Add(time.Minute))
					if attack == nil {
						io.WriteString(nc, `{"id":1,"method":"mining.subscribe","params":[]}`+"\n"+string(make([]byte, 64)))
						io.ReadAll(nc)
					} else {
						_, key := v2Identity()
						ctx, cancel := context.WithCancel(t.Context())
						enc, err := noise.Client(ctx, nc, noise.Config{Authority: key})
						cancel()
						if err != nil {
							if i == 0 {
								t.Error("it was never let in")
							}
							break // banned
						}
						m := &v2Miner{t: t, nc: enc, c: v2.NewConn(enc, 0), channels: make(map[uint32]*v2Chan)}
						attack(m, nc)
						m.gone()
						enc.Close()
					}
					synctest.Wait()
					if n := len(r.Stats().Conns); n != 0 {
						t.Fatalf("%d connections left", n)
					}
					if r.Stats().Bans > 0 || i == 20 {
						break
					}
				}
				if name == "plain text" || name == "bytes unsealed" {
					return // a proxy or a scanner: not worth a ban
				}
				if r.Stats().Bans == 0 {
					t.Error("nobody was banned")
				}
				nc := v1.dialFrom("203.0.113.9")
				b, _ := io.ReadAll(nc)
				if !bytes.Contains(b, []byte("banned")) {
					t.Errorf("V1 says %q", b)
				}
				m := newV2Miner(t, l.dialFrom("203.0.113.10")).setup(0) // others are let in
				m.open(true)
				m.nc.Close()
			})
		})
	}
}

// TestV2FirstMessage: the first message to a channel is a future job, and its
// target is that of the network where shares would be harder; the client may ask
// for another in the meantime.
func TestV2FirstMessage(t *testing.T) {
	for _, extended := range []bool{false, true} {
		cfg := easyV2()
		cfg.Source, cfg.Difficulty, cfg.Vardiff = chainOf(easyBits), 1, 60
		r := startV2(t, cfg)
		m := r.dial(t).setup(0)
		ch := m.opened(extended, 1e12, anyTarget)
		switch got := m.read().(type) {
		case *v2.NewMiningJob:
			if !got.Future || extended {
				t.Errorf("%+v", got)
			}
		case *v2.NewExtendedMiningJob:
			if !got.Future || !extended {
				t.Errorf("%+v", got)
			}
		default:
			t.Errorf("the first message is %+v", got)
		}
		w := ch.next(1)
		ch.accepted(ch.mine(w, ch.blank(w, 1), number(w.target[:]), nil))
	}
}
