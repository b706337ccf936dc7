package stratum_test

import (
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gominer/hasher"
	"gominer/miner"
	"gominer/stratum"
	"gominer/stratum/noise"
	"gominer/stratum/v2"
)

// v2Keys are an authority's and a server's of it, valid for all times.
var v2Keys = sync.OnceValues(func() (noise.PublicKey, *noise.Identity) {
	secret, err := noise.GeneratePrivateKey()
	if err != nil {
		panic(err)
	}
	id, err := noise.NewIdentity(secret, time.Unix(0, 0), time.Unix(1<<32-1, 0))
	if err != nil {
		panic(err)
	}
	return secret.Public(), id
})

// v2rig is a miner on one pool, in a bubble. The test is the pool: it accepts
// what the client dials and speaks message by message.
type v2rig struct {
	t       *testing.T
	m       *miner.Miner
	dials   chan *dial
	devices []*finder
	count   atomic.Int64                  // shares found
	last    atomic.Pointer[hasher.Header] // of the latest of them
	log     *lockedBuffer
	stop    context.CancelFunc
	done    chan struct{}

	mu   sync.Mutex
	errs []error // of the source's runs
	src  miner.Source
}

// Name is the source's.
func (r *v2rig) Name() string { return r.src.Name() }

// Run keeps the errors of the source's runs.
func (r *v2rig) Run(ctx context.Context, s *miner.Session) error {
	err := r.src.Run(ctx, s)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errs = append(r.errs, err)
	return err
}

// finder is a device that claims a nonce of its newest job whenever it is told.
type finder struct {
	r     *v2rig
	name  string
	find  chan uint64 // a share is found for each; the value picks its version
	draw  chan uint64 // so many nonces are drawn and kept
	claim chan uint64 // a share is found in the kept work
	tried chan uint64 // so many headers of the kept work are counted
	kept  miner.Work
}

// Info makes finder a miner.Device.
func (f *finder) Info() miner.Info { return miner.Info{Name: f.name, Kind: "sim"} }

// Run finds shares.
func (f *finder) Run(ctx context.Context, feed *miner.Feed) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case n := <-f.find:
			var w miner.Work
			if err := feed.Next(ctx, 1, &w); err != nil {
				return err
			}
			f.found(feed, &w, w.Job.RolledVersion(n%w.Job.Versions()), w.First)
		case n := <-f.draw:
			if err := feed.Next(ctx, n, &f.kept); err != nil {
				return err
			}
		case n := <-f.claim:
			f.found(feed, &f.kept, f.kept.Job.Version, f.kept.First+uint32(n))
		case n := <-f.tried:
			feed.Tried(&f.kept, n)
		}
	}
}

func (f *finder) found(feed *miner.Feed, w *miner.Work, version, nonce uint32) {
	h := w.Header
	h.SetVersion(version)
	h.SetNonce(nonce)
	f.r.last.Store(&h)
	f.r.count.Add(1)
	feed.Found(w, version, nonce)
}

// dial hands the attempt to connect to the test.
func (r *v2rig) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	d := &dial{addr: addr, reply: make(chan any, 1)}
	select {
	case r.dials <- d:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	switch a := (<-d.reply).(type) {
	case net.Conn:
		return a, nil
	case error:
		return nil, a
	}
	return nil, errors.New("no reply")
}

// startV2 runs a miner with so many devices on a pool that the test plays.
func startV2(t *testing.T, devices int, set func(*stratum.Config), engine ...func(*miner.Config)) *v2rig {
	t.Helper()
	key, _ := v2Keys()
	r := &v2rig{t: t, dials: make(chan *dial), log: new(lockedBuffer), done: make(chan struct{})}
	cfg := stratum.Config{
		URL: "stratum2+tcp://pool.example.org:3336/" + key.String(), User: "me.worker", Agent: "gominer/test",
		Log:  slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Dial: r.dial,
	}
	if set != nil {
		set(&cfg)
	}
	src, err := stratum.NewSource(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.src = src
	mcfg := miner.Config{Source: r, Log: cfg.Log, Rand: rand.New(rand.NewPCG(1, 2))}
	for i := range devices {
		f := &finder{
			r: r, name: "finder" + string(rune('0'+i)), find: make(chan uint64), draw: make(chan uint64),
			claim: make(chan uint64), tried: make(chan uint64),
		}
		r.devices = append(r.devices, f)
		mcfg.Devices = append(mcfg.Devices, f)
	}
	for _, f := range engine {
		f(&mcfg)
	}
	r.m = miner.New(mcfg)
	ctx, stop := context.WithCancel(t.Context())
	r.stop = stop
	go func() {
		defer close(r.done)
		if err := r.m.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	return r
}

// found makes a device find shares of its current job.
func (r *v2rig) found(device, n int) {
	r.t.Helper()
	for range n {
		r.devices[device].find <- uint64(r.count.Load())
		synctest.Wait()
	}
}

// keep makes a device draw work of so many nonces, and late find the n-th of them
// a share.
func (r *v2rig) keep(device int, n uint64) { r.devices[device].draw <- n; synctest.Wait() }
func (r *v2rig) late(device int, n uint64) { r.devices[device].claim <- n; synctest.Wait() }

// end stops the miner and returns its last snapshot. Whatever happened, each
// share that was found must have been reported once.
func (r *v2rig) end() miner.Snapshot {
	r.t.Helper()
	r.stop()
	<-r.done
	s := r.m.Snapshot()
	sum := s.Shares
	got := sum.Accepted + sum.Rejected + sum.Lost + sum.Stale + sum.HardwareErrors + sum.AboveTarget + sum.Duplicates
	if got != uint64(r.count.Load()) {
		r.t.Errorf("%d shares found, %d reported: %+v; log:\n%s", r.count.Load(), got, s.Shares, r.log)
	}
	return s
}

// job waits for the engine to settle and returns the newest job.
func (r *v2rig) job() *miner.Job {
	r.t.Helper()
	synctest.Wait()
	s := r.m.Snapshot()
	if s.Job == nil {
		r.t.Fatalf("no job; errors %v; log:\n%s", r.failures(), r.log)
	}
	return s.Job.Job
}

// shares returns what became of them so far.
func (r *v2rig) shares() miner.Tally {
	synctest.Wait()
	return r.m.Snapshot().Shares
}

// want checks what became of the shares so far.
func (r *v2rig) want(accepted, rejected, stale, lost uint64) {
	r.t.Helper()
	if got := r.shares(); got.Accepted != accepted || got.Rejected != rejected || got.Stale != stale || got.Lost != lost {
		r.t.Errorf("%+v, want %d accepted, %d rejected, %d stale, %d lost", got, accepted, rejected, stale, lost)
	}
}

func (r *v2rig) status() miner.SourceStatus {
	synctest.Wait()
	for _, s := range r.m.Snapshot().Sources {
		return s.Status
	}
	return miner.SourceStatus{}
}

func (r *v2rig) failures() []error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.errs)
}

// wantFailure waits for a Run to end with an error that has all the words.
func (r *v2rig) wantFailure(words ...string) {
	r.t.Helper()
	for range 10_000 {
		synctest.Wait()
		if len(r.failures()) > 0 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	errs := r.failures()
	if len(errs) == 0 || errs[len(errs)-1] == nil {
		r.t.Fatal("Run goes on")
	}
	err := errs[len(errs)-1]
	for _, w := range append(words, "pool.example.org:3336") {
		if !strings.Contains(err.Error(), w) {
			r.t.Errorf("error %q lacks %q", err, w)
		}
	}
	if i := strings.IndexFunc(err.Error(), func(r rune) bool { return r < ' ' }); i >= 0 || len(err.Error()) > 500 {
		r.t.Errorf("error %q is not fit to be shown", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errs = nil
}

// dialed returns the next attempt to connect.
func (r *v2rig) dialed() *dial {
	r.t.Helper()
	select {
	case d := <-r.dials:
		return d
	case <-time.After(time.Hour):
		r.t.Fatalf("nobody connects; errors %v; log:\n%s", r.failures(), r.log)
		return nil
	}
}

// acceptV1 takes the connection as a pool of Stratum V1.
func (d *dial) acceptV1(t *testing.T) *peer {
	ours, theirs := net.Pipe()
	return d.connect(t, ours, theirs)
}

// v2peer is the pool's end of a connection.
type v2peer struct {
	t    *testing.T
	addr string
	nc   net.Conn // the encrypted one
	c    *v2.Conn
	in   chan v2.Message // closed at the end of the connection
}

// accept takes the next connection and shakes hands.
func (r *v2rig) accept() *v2peer {
	r.t.Helper()
	_, id := v2Keys()
	return r.acceptAs(id)
}

func (r *v2rig) acceptAs(id *noise.Identity) *v2peer {
	r.t.Helper()
	p, _ := r.acceptOver(id, func(nc net.Conn) net.Conn { return nc })
	return p
}

// acceptGate is accept with a gate in the connection.
func (r *v2rig) acceptGate() (*v2peer, *gate) {
	r.t.Helper()
	_, id := v2Keys()
	p, nc := r.acceptOver(id, func(nc net.Conn) net.Conn {
		g := &gate{Conn: nc, pass: make(chan struct{}, 1)}
		g.open()
		return g
	})
	return p, nc.(*gate)
}

func (r *v2rig) acceptOver(id *noise.Identity, wrap func(net.Conn) net.Conn) (*v2peer, net.Conn) {
	r.t.Helper()
	d := r.dialed()
	pipe, theirs := net.Pipe()
	ours := wrap(pipe)
	d.reply <- theirs
	nc, err := noise.Server(r.t.Context(), ours, id, noise.Config{})
	if err != nil {
		r.t.Fatalf("handshake: %v; errors %v", err, r.failures())
	}
	p := &v2peer{t: r.t, addr: d.addr, nc: nc, c: v2.NewConn(nc, 0), in: make(chan v2.Message, 4096)}
	go func() {
		defer close(p.in)
		for {
			m, err := p.c.Read()
			if err != nil {
				return
			}
			p.in <- m
		}
	}()
	return p, ours
}

// send sends messages, and waits for what they bring about.
func (p *v2peer) send(ms ...v2.Message) {
	p.t.Helper()
	for _, m := range ms {
		if err := p.c.Write(m); err != nil {
			p.t.Fatalf("%v: the client hung up: %v", m.Type(), err)
		}
	}
	synctest.Wait()
}

// try sends a message that the client may hang up on.
func (p *v2peer) try(m v2.Message) { _ = p.c.Write(m); synctest.Wait() }

// expectV2 returns the client's next message, which must be of the type.
func expectV2[M v2.Message](p *v2peer) M {
	p.t.Helper()
	var want M
	select {
	case m, ok := <-p.in:
		if !ok {
			p.t.Fatalf("the client hung up, want %T", want)
		}
		got, ok := m.(M)
		if !ok {
			p.t.Fatalf("the client sent %T %+v, want %T", m, m, want)
		}
		return got
	case <-time.After(time.Hour):
		p.t.Fatalf("the client is silent, want %T", want)
	}
	return want
}

// quiet checks that no message of the client waits to be read.
func (p *v2peer) quiet() {
	p.t.Helper()
	synctest.Wait()
	select {
	case m, ok := <-p.in:
		if ok {
			p.t.Fatalf("the client sent %T %+v, want nothing", m, m)
		}
		p.t.Fatal("the client hung up")
	default:
	}
}

// gone waits until the client hangs up. What it still sent is returned.
func (p *v2peer) gone() (rest []v2.Message) {
	p.t.Helper()
	for {
		select {
		case m, ok := <-p.in:
			if !ok {
				return rest
			}
			rest = append(rest, m)
		case <-time.After(time.Hour):
			p.t.Fatal("the client stays")
		}
	}
}

func (p *v2peer) close() { _ = p.nc.Close() }

// setup accepts the connection.
func (p *v2peer) setup(flags uint32) *v2.SetupConnection {
	p.t.Helper()
	m := expectV2[*v2.SetupConnection](p)
	p.send(&v2.SetupConnectionSuccess{UsedVersion: 2, Flags: flags})
	return m
}

// Ids that tests use: channels are 7, 8, … in one group.
const (
	firstChannel = 7
	group        = 100
	startTime    = 0x65000000 // min_ntime of blocks
)

// openExtended opens an extended channel as the pool.
func (p *v2peer) openExtended(id uint32) *v2.OpenExtendedMiningChannel {
	p.t.Helper()
	m := expectV2[*v2.OpenExtendedMiningChannel](p)
	p.send(&v2.OpenExtendedMiningChannelSuccess{
		RequestID: m.RequestID, ChannelID: id, Target: hasher.MaxTarget, ExtranonceSize: 8,
		ExtranoncePrefix: []byte{1, 2, 3, byte(id)}, GroupChannelID: group,
	})
	return m
}

// openStandard opens a standard channel as the pool.
func (p *v2peer) openStandard(id uint32) *v2.OpenStandardMiningChannel {
	p.t.Helper()
	m := expectV2[*v2.OpenStandardMiningChannel](p)
	p.send(&v2.OpenStandardMiningChannelSuccess{
		RequestID: m.RequestID, ChannelID: id, Target: hasher.MaxTarget,
		ExtranoncePrefix: []byte{1, 2, 3, byte(id), 0, 0, 0, 0, 0, 0, 0, 0}, GroupChannelID: group,
	})
	return m
}

// extendedJob returns a job to be mined now, or a future one where ntime is 0.
func extendedJob(channel, id, ntime uint32) *v2.NewExtendedMiningJob {
	return &v2.NewExtendedMiningJob{
		ChannelID: channel, JobID: id, Future: ntime == 0, MinNTime: ntime, Version: 0x20000000, VersionRollingAllowed: true,
		MerklePath: []hasher.Hash{{1, byte(id)}}, CoinbaseTxPrefix: unhex(coinb1), CoinbaseTxSuffix: unhex(coinb2),
	}
}

func standardJob(channel, id, ntime uint32) *v2.NewMiningJob {
	return &v2.NewMiningJob{ChannelID: channel, JobID: id, Future: ntime == 0, MinNTime: ntime, Version: 0x20000000, MerkleRoot: hasher.Hash{9, byte(id)}}
}

// newBlock returns the n-th block to mine on. No share is a block.
func newBlock(channel, job uint32, n byte) *v2.SetNewPrevHash {
	return &v2.SetNewPrevHash{ChannelID: channel, JobID: job, PrevHash: hasher.Hash{n, 0xff}, MinNTime: startTime, Bits: 0x1d00ffff}
}

// mining accepts a connection with one extended channel, 7, and starts job 1.
func (r *v2rig) mining() *v2peer {
	r.t.Helper()
	p := r.accept()
	p.setup(0)
	p.openExtended(firstChannel)
	p.send(extendedJob(firstChannel, 1, 0), newBlock(firstChannel, 1, 1))
	if id := r.job().ID; id != "1" {
		r.t.Fatalf("job %s is mined, want 1", id)
	}
	return p
}

// share returns the client's next share of an extended channel.
func (p *v2peer) share() *v2.SubmitSharesExtended {
	p.t.Helper()
	return expectV2[*v2.SubmitSharesExtended](p)
}

// acknowledge accepts count shares up to last.
func (p *v2peer) acknowledge(channel, last, count uint32) {
	p.t.Helper()
	p.send(&v2.SubmitSharesSuccess{ChannelID: channel, LastSequenceNumber: last, NewSubmitsAcceptedCount: count, NewSharesSum: uint64(count)})
}

// header returns the header of a share of job on the block, given the extranonce
// prefix.
func header(t *testing.T, job *v2.NewExtendedMiningJob, block *v2.SetNewPrevHash, prefix []byte, s *v2.SubmitSharesExtended) hasher.Header {
	t.Helper()
	coinbase := slices.Concat(job.CoinbaseTxPrefix, prefix, s.Extranonce, job.CoinbaseTxSuffix)
	root := hasher.DoubleSum(coinbase)
	for _, h := range job.MerklePath {
		root = hasher.DoubleSum(append(root[:], h[:]...))
	}
	var h hasher.Header
	h.SetVersion(s.Version)
	h.SetPrevHash(block.PrevHash)
	h.SetMerkleRoot(root)
	h.SetTime(s.NTime)
	h.SetBits(block.Bits)
	h.SetNonce(s.Nonce)
	return h
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}
