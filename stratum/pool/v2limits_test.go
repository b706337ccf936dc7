package pool_test

import (
	"fmt"
	"math"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"gominer/stratum/v2"
)

// TestV2Reopen: a client that has been there for long may close its last channel
// and open another; without one it is dropped as a new client is.
func TestV2Reopen(t *testing.T) {
	inBubble(t, easyV2(), func(t *testing.T, r *v2Running, l *pipes) {
		m := newV2Miner(t, l.dial()).setup(0)
		ch := m.open(true)
		time.Sleep(time.Hour)
		m.send(&v2.CloseChannel{ChannelID: ch.id})
		time.Sleep(30 * time.Second)
		m.channels = make(map[uint32]*v2Chan)
		ch = m.open(false)
		ch.accepted(ch.share(ch.next(1), 1))
		m.send(&v2.CloseChannel{ChannelID: ch.id})
		began := time.Now()
		m.gone()
		if d := time.Since(began); d < 30*time.Second || d > 2*time.Minute {
			t.Errorf("without a channel it lasted %v", d)
		}
	})
}

// TestV2AckTime: no share waits for its acknowledgement for more than ten
// seconds, whenever it came (M10).
func TestV2AckTime(t *testing.T) {
	cfg := easyV2()
	cfg.V2.Batch = 1000
	inBubble(t, cfg, func(t *testing.T, r *v2Running, l *pipes) {
		m := newV2Miner(t, l.dial()).setup(0)
		ch := m.open(true)
		for i := range byte(5) {
			time.Sleep(time.Duration(i) * 700 * time.Millisecond)
			began := time.Now()
			ch.submit(ch.share(ch.next(1), i))
			nextV2[*v2.SubmitSharesSuccess](m)
			if d := time.Since(began); d < 5*time.Second || d > 10*time.Second {
				t.Errorf("acknowledged after %v", d)
			}
		}
		m.nc.Close()
	})
}

// TestV2FrameSize: a frame larger than a client has reason to send ends the
// connection; the largest that it may has its answer.
func TestV2FrameSize(t *testing.T) {
	r := startV2(t, easyV2())
	m := r.dial(t).setup(0)
	ch := m.open(true)
	m.send(&v2.SetCustomMiningJob{ChannelID: ch.id, RequestID: 5, CoinbasePrefix: make([]byte, 255), CoinbaseTxOutputs: make([]byte, 1<<16-1), MiningJobToken: make([]byte, 255)})
	if got := nextV2[*v2.SetCustomMiningJobError](m); got.RequestID != 5 {
		t.Errorf("%+v", got)
	}
	_ = m.c.Write(&v2.Unknown{Extension: 0x4000, MsgType: 1, Payload: make([]byte, 128<<10)}) // the pool hangs up at its header
	m.gone()
}

// TestV2NoRate: hash rates that are none, again and again, ban an address; before
// SetupConnection one ends the connection.
func TestV2NoRate(t *testing.T) {
	cfg := easyV2()
	cfg.Guard.BadShares = 20
	cfg.Guard.Trusted = []netip.Prefix{}
	nan := math.Float32bits(float32(math.NaN()))
	update := &v2.Unknown{Channel: true, MsgType: 0x16, Payload: append([]byte{2, 0, 0, 0, byte(nan), byte(nan >> 8), byte(nan >> 16), byte(nan >> 24)}, make([]byte, 32)...)}
	inBubble(t, cfg, func(t *testing.T, r *v2Running, l *pipes) {
		m := newV2Miner(t, l.dialFrom("203.0.113.9"))
		m.send(update)
		m.gone()
		if len(m.rest) > 0 {
			t.Errorf("it was answered %+v", m.rest[0])
		}
		m = newV2Miner(t, l.dialFrom("203.0.113.9")).setup(0)
		m.open(true)
		for range 30 {
			if m.c.Write(update) != nil {
				break
			}
		}
		m.gone()
		synctest.Wait()
		if s := r.Stats(); s.Bans != 1 {
			t.Errorf("%d bans", s.Bans)
		}
	})
}

// TestV2ManyNames: a connection whose channels come and go, each for another
// worker, has as many as are open.
func TestV2ManyNames(t *testing.T) {
	r := startV2(t, easyV2())
	m := r.dial(t).setup(0)
	const most = 4096
	go func() {
		for i := range uint32(most + 10) {
			open := &v2.OpenStandardMiningChannel{RequestID: i, UserIdentity: fmt.Sprintf("alice.%d", i), MaxTarget: anyTarget}
			if m.c.Write(open, &v2.CloseChannel{ChannelID: 1}) != nil {
				return
			}
		}
	}()
	for n := 0; n < most+10; {
		got, err := m.c.Read()
		if err != nil {
			t.Fatal(err)
		}
		switch got := got.(type) {
		case *v2.OpenStandardMiningChannelSuccess:
			n++
		case *v2.OpenMiningChannelError:
			t.Fatalf("after %d channels: %+v", n, got)
		}
	}
	m.send(&v2.RequestExtensions{}) // its answer comes after what there is for channels that are closed
	for {
		if got, err := m.c.Read(); err != nil {
			t.Fatal(err)
		} else if got.Type() == v2.TypeRequestExtensionsError {
			break
		}
	}
	ch := m.open(true)
	if s := r.Stats(); len(s.Conns) != 1 || len(s.Conns[0].Workers) != 1 {
		t.Errorf("%d workers", len(s.Conns[0].Workers))
	}
	ch.accepted(ch.share(ch.next(1), 1))
}

// TestV2SlowFrame: a frame has as long to come as a line of V1 has, and a client
// that is silent between two of them is none the worse for it.
func TestV2SlowFrame(t *testing.T) {
	inBubble(t, easyV2(), func(t *testing.T, r *v2Running, l *pipes) {
		cut := &cutConn{Conn: l.dial(), left: math.MaxInt}
		m := newV2Miner(t, cut).setup(0)
		ch := m.open(true)
		time.Sleep(time.Hour)
		ch.accepted(ch.share(ch.next(1), 1))
		cut.left = 22 + 10 // the header, and a part of the payload
		ch.submit(ch.share(ch.next(1), 2))
		began := time.Now()
		m.gone()
		if d := time.Since(began); d < 20*time.Second || d > time.Minute {
			t.Errorf("it lasted %v", d)
		}
	})
}

// cutConn swallows what is written after some bytes.
type cutConn struct {
	net.Conn
	left int
}

// Write passes on what it may.
func (c *cutConn) Write(b []byte) (int, error) {
	n := min(len(b), c.left)
	c.left -= n
	if _, err := c.Conn.Write(b[:n]); err != nil {
		return 0, err
	}
	return len(b), nil
}

// TestV2JobsKept: shares are taken for the last 16 jobs of a channel.
func TestV2JobsKept(t *testing.T) {
	cfg := easyV2()
	cfg.Difficulty = 1e-9
	r := startV2(t, cfg)
	m := r.dial(t).setup(0)
	ch := m.open(true)
	most := ch.next(1).target
	for n := range 19 { // each update has a harder target, and that a job
		most[31-n/8]--
		m.send(&v2.UpdateChannel{ChannelID: ch.id, MaximumTarget: most})
		ch.next(n + 2)
	}
	ch.accepted(ch.share(ch.next(5), 1))
	ch.refused(ch.share(ch.next(4), 1), v2.CodeStaleShare)
}

// TestV2Innocent: shares for a channel that was closed a moment ago, however many,
// ban nobody.
func TestV2Innocent(t *testing.T) {
	cfg := easyV2()
	cfg.Guard.BadShares = 20
	cfg.Guard.Trusted = []netip.Prefix{}
	inBubble(t, cfg, func(t *testing.T, r *v2Running, l *pipes) {
		m := newV2Miner(t, l.dialFrom("203.0.113.9")).setup(0)
		a, b := m.open(true), m.open(true)
		m.send(&v2.CloseChannel{ChannelID: a.id})
		for range 50 {
			a.refused(a.blank(a.next(1), 1), v2.CodeInvalidChannelID)
		}
		b.accepted(b.share(b.next(1), 1))
		m.nc.Close()
		synctest.Wait()
		if s := r.Stats(); s.Bans != 0 || s.Workers[0].Conns != 0 || s.Workers[0].Accepted != 1 {
			t.Errorf("%d bans, workers %+v", s.Bans, s.Workers)
		}
	})
}

// TestV2JobAgain: a job that nothing replaces is given again after an hour, with
// the time of then, and when the version bits that may be rolled change.
func TestV2JobAgain(t *testing.T) {
	inBubble(t, easyV2(), func(t *testing.T, r *v2Running, l *pipes) {
		m := newV2Miner(t, l.dial()).setup(0)
		ch := m.open(true)
		began, first := time.Now(), ch.next(1)
		again := ch.next(2)
		if d := time.Since(began); d < time.Hour || d > 61*time.Minute || again.ntime < first.ntime+3600 || again.prev != first.prev {
			t.Errorf("after %v there is a job of time %d, %d before", d, again.ntime, first.ntime)
		}
		r.SetVersionMask(0)
		began = time.Now()
		if w := ch.next(3); w.rolling || time.Since(began) > time.Second {
			t.Errorf("version bits that were taken away may be rolled: %v; a job after %v", w.rolling, time.Since(began))
		}
		m.nc.Close()
	})
}

// TestV2ReconnectAcknowledges: who is sent away hears first of the shares that
// wait for their batch, which nobody could tell him of later.
func TestV2ReconnectAcknowledges(t *testing.T) {
	cfg := easyV2()
	cfg.V2.Batch = 1000
	inBubble(t, cfg, func(t *testing.T, r *v2Running, l *pipes) {
		m := newV2Miner(t, l.dial()).setup(0)
		ch := m.open(true)
		s := ch.share(ch.next(1), 1)
		ch.submit(s)
		synctest.Wait()
		r.Reconnect("", 7, 0)
		for range 2 {
			m.read()
		}
		if _, ok := m.rest[len(m.rest)-1].(*v2.Reconnect); !ok {
			t.Errorf("the last message is %+v", m.rest)
		}
		if got := nextV2[*v2.SubmitSharesSuccess](m); got.LastSequenceNumber != s.SequenceNumber || got.NewSubmitsAcceptedCount != 1 {
			t.Errorf("%+v", got)
		}
		m.nc.Close()
	})
}
