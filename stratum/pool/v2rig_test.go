package pool_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math/big"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"gominer/hasher"
	"gominer/stratum/noise"
	"gominer/stratum/pool"
	"gominer/stratum/v2"
)

// v2Identity is a server's, and the key of its authority, valid for all times.
var v2Identity = sync.OnceValues(func() (*noise.Identity, noise.PublicKey) {
	secret, err := noise.GeneratePrivateKey()
	if err != nil {
		panic(err)
	}
	id, err := noise.NewIdentity(secret, time.Unix(0, 0), time.Unix(1<<32-1, 0))
	if err != nil {
		panic(err)
	}
	return id, secret.Public()
})

// v2Running is a pool that serves V2 on a listener of its own.
type v2Running struct {
	*running
	v2    net.Listener
	batch int    // shares to an acknowledgement
	stop  func() // ends it and waits
}

// startV2 runs a pool on loopback.
func startV2(t testing.TB, cfg pool.Config) *v2Running {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return start(t, cfg).serveV2(t, l)
}

func (r *running) serveV2(t testing.TB, l net.Listener) *v2Running {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	id, _ := v2Identity()
	wg.Go(func() {
		if err := r.ServeV2(ctx, l, id); err != nil {
			t.Errorf("ServeV2: %v", err)
		}
	})
	s := &v2Running{running: r, v2: l, stop: sync.OnceFunc(func() { cancel(); wg.Wait(); r.stop() })}
	t.Cleanup(s.stop)
	return s
}

// v2Miner is a client that speaks message by message, with its own idea of what
// jobs mean and what a share is.
type v2Miner struct {
	t        testing.TB
	nc       net.Conn
	c        *v2.Conn
	flags    uint32
	channels map[uint32]*v2Chan
	sequence uint32
	rest     []v2.Message // that no channel has taken note of, as they came
}

// v2Chan is a channel as the client sees it.
type v2Chan struct {
	m        *v2Miner
	id       uint32
	group    uint32
	extended bool
	size     int // of the extranonce
	prefix   []byte
	target   hasher.Target
	prev     *v2.SetNewPrevHash
	future   map[uint32]*v2Work
	jobs     []*v2Work // that were to be mined, in turn
}

// v2Work is a job of a channel.
type v2Work struct {
	id             uint32
	version        uint32
	rolling        bool
	root           []byte // of a standard job; else nil
	coinb1, coinb2 []byte
	branch         []hasher.Hash
	prefix         []byte
	target         hasher.Target
	prev           hasher.Hash
	bits           hasher.Bits
	ntime          uint32
}

func (r *v2Running) dial(t testing.TB) *v2Miner {
	t.Helper()
	nc, err := net.Dial("tcp", r.v2.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	m := newV2Miner(t, nc)
	m.nc.SetDeadline(time.Now().Add(time.Minute))
	return m
}

// newV2Miner shakes hands over nc.
func newV2Miner(t testing.TB, nc net.Conn) *v2Miner {
	t.Helper()
	_, key := v2Identity()
	enc, err := noise.Client(t.Context(), nc, noise.Config{Authority: key})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { enc.Close() })
	return &v2Miner{t: t, nc: enc, c: v2.NewConn(enc, 0), channels: make(map[uint32]*v2Chan)}
}

func (m *v2Miner) send(ms ...v2.Message) {
	m.t.Helper()
	if err := m.c.Write(ms...); err != nil {
		m.t.Fatal(err)
	}
}

// read returns the next message, after taking note of what it says.
func (m *v2Miner) read() v2.Message {
	m.t.Helper()
	got, err := m.c.Read()
	if err != nil {
		m.t.Fatalf("read: %v", err)
	}
	if !m.note(got) {
		m.rest = append(m.rest, got)
	}
	return got
}

// next waits for a message of a type, past others.
func nextV2[M v2.Message](m *v2Miner) M {
	m.t.Helper()
	for {
		for i, other := range m.rest {
			if got, ok := other.(M); ok {
				m.rest = slices.Delete(m.rest, i, i+1)
				return got
			}
		}
		m.read()
	}
}

// gone reads to the end of the connection, which the pool must bring about.
func (m *v2Miner) gone() {
	m.t.Helper()
	for {
		got, err := m.c.Read()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			m.t.Error("the pool stays")
		}
		if err != nil {
			return
		}
		m.rest = append(m.rest, got)
	}
}

// note takes note of what is about channels.
func (m *v2Miner) note(got v2.Message) bool {
	switch got := got.(type) {
	case *v2.NewMiningJob:
		w := &v2Work{id: got.JobID, version: got.Version, rolling: true, root: got.MerkleRoot[:], ntime: got.MinNTime}
		m.channel(got.ChannelID).take(w, got.Future)
	case *v2.NewExtendedMiningJob:
		for _, ch := range m.members(got.ChannelID) {
			ch.take(&v2Work{
				id: got.JobID, version: got.Version, rolling: got.VersionRollingAllowed, ntime: got.MinNTime,
				coinb1: got.CoinbaseTxPrefix, coinb2: got.CoinbaseTxSuffix, branch: got.MerklePath,
			}, got.Future)
		}
	case *v2.SetNewPrevHash:
		for _, ch := range m.members(got.ChannelID) {
			ch.begin(got)
		}
	case *v2.SetTarget:
		for _, ch := range m.members(got.ChannelID) {
			ch.target = got.MaximumTarget
			for _, w := range ch.future {
				w.target = got.MaximumTarget
			}
		}
		return false
	case *v2.SetExtranoncePrefix:
		m.channel(got.ChannelID).prefix = got.ExtranoncePrefix
		return false
	default:
		return false
	}
	return true
}

// members returns a channel, or those of a group.
func (m *v2Miner) members(id uint32) (out []*v2Chan) {
	for _, ch := range m.channels {
		if ch.id == id || ch.group == id {
			out = append(out, ch)
		}
	}
	if len(out) == 0 {
		m.t.Errorf("there is no channel or group %d", id)
	}
	return out
}

func (m *v2Miner) channel(id uint32) *v2Chan {
	m.t.Helper()
	ch := m.channels[id]
	if ch == nil {
		m.t.Fatalf("there is no channel %d", id)
	}
	return ch
}

// take notes a job.
func (ch *v2Chan) take(w *v2Work, future bool) {
	ch.m.t.Helper()
	w.prefix, w.target = ch.prefix, ch.target
	if future {
		ch.future[w.id] = w
		return
	}
	if ch.prev == nil {
		ch.m.t.Errorf("channel %d: job %d to be mined at once, on no block", ch.id, w.id)
		return
	}
	w.prev, w.bits = ch.prev.PrevHash, ch.prev.Bits
	ch.jobs = append(ch.jobs, w)
}

// begin starts a future job.
func (ch *v2Chan) begin(p *v2.SetNewPrevHash) {
	ch.m.t.Helper()
	w := ch.future[p.JobID]
	if w == nil {
		ch.m.t.Errorf("channel %d: there is no future job %d", ch.id, p.JobID)
		return
	}
	ch.prev, ch.future = p, make(map[uint32]*v2Work)
	w.prev, w.bits, w.ntime = p.PrevHash, p.Bits, p.MinNTime
	ch.jobs = append(ch.jobs, w)
}

// setup sends SetupConnection and wants it taken.
func (m *v2Miner) setup(flags uint32) *v2Miner {
	m.t.Helper()
	m.flags = flags
	m.send(setupV2(flags))
	if ok := nextV2[*v2.SetupConnectionSuccess](m); ok.UsedVersion != v2.Version {
		m.t.Fatalf("version %d", ok.UsedVersion)
	}
	return m
}

func setupV2(flags uint32) *v2.SetupConnection {
	return &v2.SetupConnection{
		Protocol: v2.Mining, MinVersion: 2, MaxVersion: 2, Flags: flags, EndpointHost: "pool", EndpointPort: 1, Vendor: "test", Firmware: "1\x1b[2J",
	}
}

// open opens a channel, whatever its kind, and waits for its first job.
func (m *v2Miner) open(extended bool) *v2Chan {
	m.t.Helper()
	ch := m.opened(extended, 0, hasher.MaxTarget)
	ch.next(1)
	return ch
}

// anyTarget is the largest.
var anyTarget = func() (t hasher.Target) {
	for i := range t {
		t[i] = 0xff
	}
	return t
}()

func (m *v2Miner) opened(extended bool, rate float32, most hasher.Target) *v2Chan {
	m.t.Helper()
	m.sequence++
	ch := &v2Chan{m: m, extended: extended, future: make(map[uint32]*v2Work)}
	if extended {
		m.send(&v2.OpenExtendedMiningChannel{RequestID: m.sequence, UserIdentity: "alice.x", NominalHashRate: rate, MaxTarget: most, MinExtranonceSize: 4})
		ok := nextV2[*v2.OpenExtendedMiningChannelSuccess](m)
		ch.id, ch.group, ch.target, ch.prefix, ch.size = ok.ChannelID, ok.GroupChannelID, ok.Target, ok.ExtranoncePrefix, int(ok.ExtranonceSize)
	} else {
		m.send(&v2.OpenStandardMiningChannel{RequestID: m.sequence, UserIdentity: "alice.s", NominalHashRate: rate, MaxTarget: most})
		ok := nextV2[*v2.OpenStandardMiningChannelSuccess](m)
		ch.id, ch.group, ch.target, ch.prefix = ok.ChannelID, ok.GroupChannelID, ok.Target, ok.ExtranoncePrefix
	}
	if ch.id == ch.group || m.channels[ch.id] != nil {
		m.t.Fatalf("channel %d, group %d", ch.id, ch.group)
	}
	m.channels[ch.id] = ch
	return ch
}

// next waits for the nth job to be mined.
func (ch *v2Chan) next(n int) *v2Work {
	ch.m.t.Helper()
	for len(ch.jobs) < n {
		ch.m.read()
	}
	return ch.jobs[n-1]
}

// header builds the 80 bytes.
func (w *v2Work) header(s *v2.SubmitSharesExtended) []byte {
	root := w.root
	if root == nil {
		root = double(slices.Concat(w.coinb1, w.prefix, s.Extranonce, w.coinb2))
		for _, h := range w.branch {
			root = double(slices.Concat(root, h[:]))
		}
	}
	b := binary.LittleEndian.AppendUint32(nil, s.Version)
	b = slices.Concat(b, w.prev[:], root)
	for _, n := range []uint32{s.NTime, uint32(w.bits), s.Nonce} {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	return b
}

// mine looks for a nonce whose hash is at most most and above least, which may be
// nil.
func (ch *v2Chan) mine(w *v2Work, s *v2.SubmitSharesExtended, most, least *big.Int) *v2.SubmitSharesExtended {
	ch.m.t.Helper()
	h := w.header(s)
	for range 5_000_000 {
		binary.LittleEndian.PutUint32(h[76:], s.Nonce)
		sum := sha256.Sum256(h)
		sum = sha256.Sum256(sum[:])
		if n := number(sum[:]); n.Cmp(most) <= 0 && (least == nil || n.Cmp(least) > 0) {
			return s
		}
		s.Nonce++
	}
	ch.m.t.Fatal("no nonce found")
	return nil
}

// blank is the first header of an extranonce.
func (ch *v2Chan) blank(w *v2Work, extranonce byte) *v2.SubmitSharesExtended {
	ch.m.sequence++
	s := &v2.SubmitSharesExtended{ChannelID: ch.id, SequenceNumber: ch.m.sequence, JobID: w.id, NTime: w.ntime, Version: w.version}
	if ch.extended {
		s.Extranonce = make([]byte, ch.size)
		s.Extranonce[ch.size-1] = extranonce
	} else {
		s.Nonce = uint32(extranonce) << 24
	}
	return s
}

// share mines one that is no block.
func (ch *v2Chan) share(w *v2Work, extranonce byte) *v2.SubmitSharesExtended {
	ch.m.t.Helper()
	return ch.mine(w, ch.blank(w, extranonce), number(w.target[:]), targetOfBits(uint32(w.bits)))
}

// submit sends a share as the channel's kind wants it.
func (ch *v2Chan) submit(s *v2.SubmitSharesExtended) {
	ch.m.t.Helper()
	if ch.extended {
		ch.m.send(s)
		return
	}
	ch.m.send(&v2.SubmitSharesStandard{
		ChannelID: s.ChannelID, SequenceNumber: s.SequenceNumber, JobID: s.JobID, Nonce: s.Nonce, NTime: s.NTime, Version: s.Version,
	})
}

// accepted submits a share and wants it acknowledged at once, by a batch of one.
func (ch *v2Chan) accepted(s *v2.SubmitSharesExtended) {
	ch.m.t.Helper()
	ch.submit(s)
	for {
		switch got := ch.m.read().(type) {
		case *v2.SubmitSharesSuccess:
			if got.ChannelID != ch.id || got.LastSequenceNumber != s.SequenceNumber || got.NewSubmitsAcceptedCount != 1 {
				ch.m.t.Fatalf("share %d of channel %d: %+v", s.SequenceNumber, ch.id, got)
			}
			return
		case *v2.SubmitSharesError:
			ch.m.t.Fatalf("share %+v: %+v", s, got)
		}
	}
}

// refused submits a share and wants it refused.
func (ch *v2Chan) refused(s *v2.SubmitSharesExtended, code string) {
	ch.m.t.Helper()
	ch.submit(s)
	ch.m.wantRefused(s, code)
}

func (m *v2Miner) wantRefused(s *v2.SubmitSharesExtended, code string) {
	m.t.Helper()
	got := nextV2[*v2.SubmitSharesError](m)
	if got.ChannelID != s.ChannelID || got.SequenceNumber != s.SequenceNumber || got.ErrorCode != code {
		m.t.Errorf("share %d of channel %d: refused as %+v, want %s", s.SequenceNumber, s.ChannelID, got, code)
	}
}

// easyV2 is easy, with an acknowledgement for each share.
func easyV2() pool.Config {
	cfg := easy()
	cfg.V2.Batch = 1
	return cfg
}
